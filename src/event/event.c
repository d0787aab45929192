/* SPDX-License-Identifier: Apache-2.0 */
#include "event/event.h"

#include "base/hash.h"
#include "codec/json_scan.h"

static const char *const names[FAMILY_COUNT] = {
#define X(NAME, name, doc) [FAMILY_##NAME] = name,
#include "event/family.def"
};

const char *family_name(enum family f)
{
    return names[f];
}

enum family family_find(str name)
{
    for (size_t i = FAMILY_UNKNOWN + 1; i < FAMILY_COUNT; i++)
        if (str_ieq(name, str_z(names[i])))
            return (enum family)i;
    return FAMILY_UNKNOWN;
}

str event_text_slow(struct event *e, struct field *f)
{
    str raw = {f->p, f->n};
    char *out = arena_bytes(e->arena, f->n);
    if (!out)
        return raw;
    f->p = out;
    f->n = (uint32_t)json_unescape(raw, out);
    f->flags &= (uint8_t)~FIELD_ESCAPED;
    return (str){f->p, f->n};
}

struct field *event_find(const struct event *e, field_id id)
{
    for (uint32_t i = 0; i < e->field_count; i++)
        if (e->field[i].id == id)
            return &e->field[i];
    return NULL;
}

str event_get(struct event *e, field_id id)
{
    struct field *f = event_find(e, id);
    return f ? event_text(e, f) : (str){"", 0};
}

/* Ids of interned names differ between runs, so only values count. */
static uint64_t hash_fields(struct event *e)
{
    uint64_t h = (uint64_t)e->time_ms;
    for (uint32_t i = 0; i < e->field_count; i++)
        if (!(e->field[i].flags & (FIELD_COPY | FIELD_DERIVED)))
            h = hash_bytes(event_text(e, &e->field[i]), h);
    return h;
}

void event_id(struct event *e, char out[static EVENT_ID_LEN + 1])
{
    uint64_t h = e->raw.n ? hash_bytes(e->raw, 0) : hash_fields(e);
    snprintf(out, EVENT_ID_LEN + 1, "%016llx", (unsigned long long)h);
}
