/* SPDX-License-Identifier: Apache-2.0 */
#include "report/tally.h"

static str entity_of(const struct finding *f, const char *key)
{
    for (uint32_t i = 0; i < f->entity_count; i++)
        if (str_eq(f->entity[i].name, str_z(key)))
            return f->entity[i].value;
    return (str){0};
}

static void add_part(struct sbuf *out, const char *before, str value)
{
    if (value.n == 0)
        return;
    if (out->n)
        sbuf_addz(out, before);
    sbuf_add(out, value);
}

/* What a correlation groups by can have any name. */
static void add_others(const struct finding *f, struct sbuf *out)
{
    for (uint32_t i = 0; i < f->entity_count && i < 3; i++) {
        if (out->n)
            sbuf_addz(out, ", ");
        sbuf_add(out, f->entity[i].name);
        sbuf_addc(out, '=');
        sbuf_add(out, f->entity[i].value);
    }
}

void entity_label(const struct finding *f, struct sbuf *out)
{
    str from = entity_of(f, "source.ip"), to = entity_of(f, "destination.ip");
    add_part(out, "", entity_of(f, "user"));
    add_part(out, "@", entity_of(f, "host"));
    add_part(out, " from ", from);
    if (!str_eq(from, to))
        add_part(out, " to ", to);
    if (out->n == 0)
        add_others(f, out);
    if (out->n == 0)
        sbuf_addz(out, "-");
}
