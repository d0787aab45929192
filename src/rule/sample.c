/* SPDX-License-Identifier: Apache-2.0 */
/* Correlations run in order on one thread, detections on many.  So that the
 * ordered part need not hold whole events, a worker copies out of each hit just
 * the fields that some correlation above its rule will ask for: its own
 * group-by, aliases and fields, and those of the correlations that listen to
 * that one in turn.  Which these are is the plan, made once a set. */
#include "rule/sample.h"

#include "base/mem.h"

#include <assert.h>

/* ---- the plan ---- */

static const struct correlation_row *correlation_of(const struct rule_set *set, uint32_t rule)
{
    const struct rule_row *row = &set->image.rule.at[rule];
    return row->flags & RULE_CORRELATION ? &set->image.correlation.at[row->correlation] : NULL;
}

/* The rule's name or id is what `called` says. */
static bool is_called(const struct rule_set *set, uint32_t rule, struct text called)
{
    const struct rule_row *row = &set->image.rule.at[rule];
    str name = image_str(&set->image, called);
    return str_eq(name, image_str(&set->image, row->name)) ||
           str_ieq(name, image_str(&set->image, row->id));
}

/* `name` after the aliases that `c` has for events of `from`. */
static struct text unalias(const struct rule_set *set, const struct correlation_row *c,
                           uint32_t from, struct text name)
{
    const struct image *im = &set->image;
    for (uint32_t i = 0; i < c->alias.count; i++) {
        const struct alias_row *a = &im->alias.at[c->alias.first + i];
        if (str_eq(image_str(im, a->name), image_str(im, name)) &&
            is_called(set, from, a->rule_name))
            return a->field;
    }
    return name;
}

struct planner {
    const struct rule_set *set;
    VEC(struct need) need;
    uint32_t rule, first; /* whose needs are being gathered, and where they start */
};

static void add_need(struct planner *p, struct text name)
{
    const struct image *im = &p->set->image;
    for (size_t i = p->first; i < p->need.n; i++)
        if (str_eq(image_str(im, p->need.at[i].name), image_str(im, name)))
            return;
    enum family family = rule_family(p->set, &im->rule.at[p->rule]);
    *vec_push(&p->need) =
        (struct need){name, dict_resolve(p->set->dict, family, image_str(im, name))};
}

static void add_names(struct planner *p, const struct correlation_row *c, uint32_t from,
                      struct span names)
{
    for (uint32_t i = 0; i < names.count; i++)
        add_need(p, unalias(p->set, c, from, p->set->image.list.at[names.first + i]));
}

/* Needs of every correlation above `from`; there are no circles (link_correlations). */
static void add_needs_above(struct planner *p, const struct plan *plan, uint32_t from)
{
    struct span above = plan->above[from];
    for (uint32_t i = 0; i < above.count; i++) {
        uint32_t rule = plan->above_row[above.first + i];
        const struct correlation_row *c = correlation_of(p->set, rule);
        add_names(p, c, from, c->group_by);
        add_names(p, c, from, c->field);
        add_needs_above(p, plan, rule);
    }
}

/* above[]: counting sort of (listened to, listener) pairs. */
static void plan_listeners(struct plan *plan, const struct rule_set *set)
{
    const struct image *im = &set->image;
    size_t n = im->rule.n;
    plan->above = mem_array(struct span, n + 1);
    plan->above_row = mem_array(uint32_t, im->reference.n);
    for (uint32_t r = 0; r < n; r++) {
        const struct correlation_row *c = correlation_of(set, r);
        for (uint32_t i = 0; c && i < c->rule.count; i++)
            plan->above[im->reference.at[c->rule.first + i]].count++;
    }
    uint32_t at = 0;
    for (size_t r = 0; r < n; r++) {
        plan->above[r].first = at;
        at += plan->above[r].count;
        plan->above[r].count = 0;
    }
    for (uint32_t r = 0; r < n; r++) {
        const struct correlation_row *c = correlation_of(set, r);
        for (uint32_t i = 0; c && i < c->rule.count; i++) {
            struct span *s = &plan->above[im->reference.at[c->rule.first + i]];
            plan->above_row[s->first + s->count++] = r;
        }
    }
}

void plan_build(struct rule_set *set)
{
    struct plan *plan = set->plan = mem_new(struct plan);
    struct planner p = {.set = set};
    size_t n = set->image.rule.n;
    plan_listeners(plan, set);
    plan->rule = mem_array(struct span, n + 1);
    for (uint32_t r = 0; r < n; r++) {
        p.rule = r;
        p.first = (uint32_t)p.need.n;
        if (!correlation_of(set, r))
            add_needs_above(&p, plan, r);
        plan->rule[r] = (struct span){p.first, (uint32_t)p.need.n - p.first};
    }
    plan->need = p.need.at;
}

void plan_free(struct plan *p)
{
    if (!p)
        return;
    mem_free(p->need);
    mem_free(p->rule);
    mem_free(p->above);
    mem_free(p->above_row);
    mem_free(p);
}

bool rule_feeds(const struct rule_set *set, uint32_t rule)
{
    return set->image.rule.at[rule].flags & RULE_FED;
}

bool rule_reports(const struct rule_set *set, uint32_t rule)
{
    unsigned flags = set->image.rule.at[rule].flags;
    return !(flags & RULE_FED) || (flags & RULE_GENERATE);
}

/* ---- samples ---- */

static bool fill(struct sample *s, const struct rule_set *set, struct event *e, struct arena *arena)
{
    struct span needs = set->plan->rule[s->rule];
    for (uint32_t i = 0; i < needs.count; i++) {
        struct field *f = event_find(e, set->plan->need[needs.first + i].id);
        if (!f || f->kind == VALUE_NULL)
            continue;
        s->value[i] = arena_str(arena, event_text(e, f));
        if (!s->value[i].p)
            return false;
    }
    s->entity_count = event_entity(e, arena, s->entity);
    return true;
}

struct sample *rule_sample(const struct rule_set *set, const struct batch *b,
                           const struct rule_hit *hit, struct arena *arena)
{
    if (!rule_feeds(set, hit->rule))
        return NULL;
    struct event *e = &b->event[hit->event];
    uint32_t n = set->plan->rule[hit->rule].count;
    struct sample *s =
        arena_alloc(arena, 1, sizeof *s + n * sizeof *s->value, alignof(struct sample));
    if (!s)
        return NULL;
    s->time_ms = e->time_ms;
    s->rule = hit->rule;
    s->origin = e->origin;
    s->value_count = n;
    event_id(e, s->event_id);
    return fill(s, set, e, arena) ? s : NULL;
}

static str move_text(char **to, str s)
{
    if (!s.p)
        return s;
    if (s.n)
        memcpy(*to, s.p, s.n);
    str moved = {*to, s.n};
    *to += s.n;
    return moved;
}

struct sample *sample_copy(const struct sample *s, size_t *bytes)
{
    size_t head = sizeof *s + s->value_count * sizeof *s->value, text = 0;
    for (uint32_t i = 0; i < s->value_count; i++)
        text += s->value[i].n;
    for (uint32_t i = 0; i < s->entity_count; i++)
        text += s->entity[i].value.n; /* entity names are constants */
    *bytes = head + text;
    struct sample *copy = mem_zero(*bytes);
    memcpy(copy, s, head);
    char *to = (char *)copy + head;
    for (uint32_t i = 0; i < s->value_count; i++)
        copy->value[i] = move_text(&to, s->value[i]);
    for (uint32_t i = 0; i < s->entity_count; i++)
        copy->entity[i].value = move_text(&to, s->entity[i].value);
    return copy;
}

str sample_value(const struct rule_set *set, const struct correlation_row *row, uint32_t from,
                 struct text name, const struct sample *s)
{
    const struct image *im = &set->image;
    str wanted = image_str(im, unalias(set, row, from, name));
    struct span needs = set->plan->rule[s->rule];
    for (uint32_t i = 0; i < needs.count; i++)
        if (str_eq(wanted, image_str(im, set->plan->need[needs.first + i].name)))
            return s->value[i];
    assert(false && "the plan holds every name a correlation asks for");
    return (str){0};
}
