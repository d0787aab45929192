/* SPDX-License-Identifier: Apache-2.0 */
/* Names of rules → numbers, once every file is read: a correlation may stand
 * before, or in another file than, the rules it listens to. */
#include "base/map.h"
#include "rule/rule_int.h"

enum color { WHITE, GREY, BLACK };

struct linker {
    struct rule_set *set;
    struct map by_name; /* names and ids → rule number */
    uint8_t *color;     /* owned; per rule, for the search for circles */
};

static void problem(struct rule_set *set, uint32_t rule, const char *fmt, str name)
{
    const struct rule_row *row = &set->image.rule.at[rule];
    str cut = str_head(name, 80);
    char why[200];
    snprintf(why, sizeof why, "%s '%.*s'", fmt, STR_ARG(cut));
    rule_problem_add(set, image_str(&set->image, row->file), row->line, why);
}

static struct correlation_row *correlation_of(struct rule_set *set, uint32_t rule)
{
    struct rule_row *row = &set->image.rule.at[rule];
    return row->flags & RULE_CORRELATION ? &set->image.correlation.at[row->correlation] : NULL;
}

static void index_rules(struct linker *l)
{
    struct image *im = &l->set->image;
    for (uint32_t r = 0; r < im->rule.n; r++) {
        str name = image_str(im, im->rule.at[r].name), id = image_str(im, im->rule.at[r].id);
        if (name.n)
            map_add(&l->by_name, name, r, NULL);
        if (id.n)
            map_add(&l->by_name, id, r, NULL);
    }
}

/* Numbers of the rules `c` names; false when one is unknown. */
static bool resolve(struct linker *l, uint32_t rule, struct correlation_row *c)
{
    struct image *im = &l->set->image;
    c->rule = (struct span){(uint32_t)im->reference.n, 0};
    for (uint32_t i = 0; i < c->rule_name.count; i++) {
        str name = image_str(im, im->list.at[c->rule_name.first + i]);
        const uint32_t *found = map_find(&l->by_name, name);
        if (!found) {
            problem(l->set, rule, "the correlation listens to a rule that is not there:", name);
            c->rule.count = 0;
            return false;
        }
        *vec_push(&im->reference) = *found;
        c->rule.count++;
    }
    return true;
}

enum { CHAIN_MAX = 32 };

/* Depth-first from `rule`; true when the way leads back to where it came from, or is too long. */
static bool in_circle(struct linker *l, uint32_t rule, unsigned depth)
{
    const struct correlation_row *c = correlation_of(l->set, rule);
    if (!c || l->color[rule] == BLACK)
        return false;
    if (l->color[rule] == GREY || depth > CHAIN_MAX)
        return true;
    l->color[rule] = GREY;
    bool circle = false;
    for (uint32_t i = 0; i < c->rule.count && !circle; i++)
        circle = in_circle(l, l->set->image.reference.at[c->rule.first + i], depth + 1);
    l->color[rule] = circle ? WHITE : BLACK;
    return circle;
}

static void mark_fed(struct rule_set *set, const struct correlation_row *c)
{
    for (uint32_t i = 0; i < c->rule.count; i++) {
        struct rule_row *fed = &set->image.rule.at[set->image.reference.at[c->rule.first + i]];
        fed->flags |= (uint8_t)(RULE_FED | (c->generate ? RULE_GENERATE : 0));
    }
}

void link_correlations(struct rule_set *set)
{
    struct linker l = {.set = set, .color = mem_zero(set->image.rule.n)};
    index_rules(&l);
    for (uint32_t r = 0; r < set->image.rule.n; r++) {
        struct correlation_row *c = correlation_of(set, r);
        if (c)
            (void)resolve(&l, r, c); /* its problem is noted */
    }
    for (uint32_t r = 0; r < set->image.rule.n; r++) {
        struct correlation_row *c = correlation_of(set, r);
        if (c && in_circle(&l, r, 0)) {
            problem(set, r, "the correlation listens, in the end, to itself:",
                    image_str(&set->image, set->image.rule.at[r].title));
            c->rule.count = 0;
        }
    }
    for (uint32_t r = 0; r < set->image.rule.n; r++)
        if (correlation_of(set, r))
            mark_fed(set, correlation_of(set, r));
    map_done(&l.by_name);
    mem_free(l.color);
}
