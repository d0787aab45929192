/* SPDX-License-Identifier: Apache-2.0 */
/* Reading `Field|contains|windash`: which modifiers there are, and which mean something together.
 * What they do to values is in value.c. */
#include "rule/modifier.h"

#include "base/nearest.h"
#include "codec/yaml.h"

enum modifier_kind { PLACE, VALUE, LIST, REGEX, TIME };

static const struct {
    const char *name;
    enum modifier_kind kind;
} table[MODIFIER_COUNT] = {
#define X(NAME, name, KIND) [MODIFIER_##NAME] = {name, KIND},
#include "rule/modifier.def"
};

static bool find(str name, enum modifier *out)
{
    for (int i = 0; i < MODIFIER_COUNT; i++)
        if (str_eq(name, str_z(table[i].name))) {
            *out = (enum modifier)i;
            return true;
        }
    return false;
}

static bool refuse_unknown(struct rule_read *r, const struct yaml_node *at, str name)
{
    struct nearest near = nearest_to(name);
    for (int i = 0; i < MODIFIER_COUNT; i++)
        nearest_try(&near, str_z(table[i].name));
    if (near.found)
        return read_refuse(r, at, "unknown modifier '%.*s'; is '%.*s' meant?",
                           STR_ARG(str_head(name, 40)), STR_ARG(near.best));
    return read_refuse(r, at, "unknown modifier '%.*s'", STR_ARG(str_head(name, 40)));
}

static bool is_place(unsigned m)
{
    return m == MODIFIER_contains || m == MODIFIER_startswith || m == MODIFIER_endswith;
}

static bool is_compare(unsigned m)
{
    return m == MODIFIER_lt || m == MODIFIER_lte || m == MODIFIER_gt || m == MODIFIER_gte;
}

/* What `m` cannot stand beside, among those read so far; MODIFIER_COUNT when all is well.
 * `seen` is a bit for each modifier. */
static unsigned conflict(unsigned m, uint64_t seen)
{
    for (unsigned other = 0; other < MODIFIER_COUNT; other++) {
        if (!(seen >> other & 1))
            continue;
        enum modifier_kind mine = table[m].kind, its = table[other].kind;
        bool first = mine != its ? mine < its : m < other;
        unsigned a = first ? m : other, b = first ? other : m; /* by kind, then as in the table */
        enum modifier_kind ka = table[a].kind, kb = table[b].kind;
        bool ok;
        if (a == MODIFIER_exists || b == MODIFIER_exists)
            ok = false;
        else if (ka == LIST || kb == LIST)
            ok = a != b;
        else if (ka == PLACE && kb == PLACE)
            ok = is_place(a) && (b == MODIFIER_re || b == MODIFIER_fieldref);
        else if (ka == PLACE && kb == VALUE)
            ok = is_place(a) || (b == MODIFIER_expand && a == MODIFIER_re) ||
                 (b == MODIFIER_cased && a == MODIFIER_fieldref);
        else if (ka == PLACE && kb == REGEX)
            ok = a == MODIFIER_re || is_place(a);
        else if (ka == PLACE && kb == TIME)
            ok = is_compare(a);
        else if (ka == VALUE && kb == VALUE)
            ok = a != MODIFIER_cased || b != MODIFIER_cased;
        else if (ka == VALUE && kb == REGEX)
            ok = a == MODIFIER_expand;
        else
            ok = ka == REGEX && kb == REGEX && a != b;
        if (!ok)
            return other;
    }
    return MODIFIER_COUNT;
}

static bool take_step(struct rule_read *r, const struct yaml_node *at, struct modifiers *out,
                      unsigned m)
{
    if (out->step_count == MODIFIER_STEPS_MAX)
        return read_refuse(r, at, "more than %d modifiers that change the value",
                           MODIFIER_STEPS_MAX);
    out->step[out->step_count++] = (unsigned char)m;
    return true;
}

static bool take(struct rule_read *r, const struct yaml_node *at, struct modifiers *out, unsigned m)
{
    if (m == MODIFIER_all)
        out->all = true;
    else if (m == MODIFIER_neq)
        out->neq = true;
    else if (m == MODIFIER_cased)
        out->flags |= TEST_CASED;
    else if (m == MODIFIER_i)
        out->nocase = true;
    else if (m == MODIFIER_m)
        out->flags |= TEST_MULTILINE;
    else if (m == MODIFIER_s)
        out->flags |= TEST_DOTALL;
    else if (is_place(m))
        out->place = (unsigned char)m;
    else if (table[m].kind == PLACE)
        out->test = (unsigned char)m;
    else if (table[m].kind == TIME)
        out->unit = (unsigned char)m;
    else
        return take_step(r, at, out, m);
    return true;
}

static bool check_keyword(struct rule_read *r, const struct yaml_node *at,
                          const struct modifiers *m)
{
    unsigned needs = m->unit != MODIFIER_COUNT ? m->unit : m->test;
    if (m->field.n || needs == MODIFIER_COUNT || needs == MODIFIER_re)
        return true;
    return read_refuse(r, at, "modifier '%s' needs a field in front of it", table[needs].name);
}

bool modifiers_parse(struct rule_read *r, const struct yaml_node *at, str key,
                     struct modifiers *out)
{
    uint64_t seen = 0;
    str rest = key;
    *out =
        (struct modifiers){.test = MODIFIER_COUNT, .place = MODIFIER_COUNT, .unit = MODIFIER_COUNT};
    out->field = str_cut(&rest, '|');
    while (rest.p) {
        enum modifier m;
        str name = str_cut(&rest, '|');
        if (!find(name, &m))
            return refuse_unknown(r, at, name);
        unsigned other = conflict(m, seen);
        if (other == m)
            return read_refuse(r, at, "modifier '%s' is written twice", table[m].name);
        if (other != MODIFIER_COUNT)
            return read_refuse(r, at, "modifier '%s' cannot follow '%s'", table[m].name,
                               table[other].name);
        if (table[m].kind == REGEX && !(seen >> MODIFIER_re & 1))
            return read_refuse(r, at, "modifier '%s' must follow 're'", table[m].name);
        seen |= 1ull << m;
        if (!take(r, at, out, m))
            return false;
    }
    if (seen >> MODIFIER_re & 1)
        out->flags |= out->nocase ? 0 : TEST_CASED;
    return check_keyword(r, at, out);
}
