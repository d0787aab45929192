/* SPDX-License-Identifier: Apache-2.0 */
/* Names of rules → numbers, once every file is read: a correlation may stand
 * before, or in another file than, the rules it listens to. */
#include "base/map.h"
#include "rule/rule_int.h"

struct place {      /* of a rule among those that listen to one another */
    uint32_t ways;  /* down to what is no correlation; 0: not known yet */
    uint8_t height; /* a rule that listens to none: 0 */
    bool refused;
};

struct linker {
    struct rule_set *set;
    struct map by_name;  /* names and ids → rule number */
    struct place *place; /* owned; per rule */
};

/* A correlation that is refused listens to nothing, and so never fires. */
static void refuse(struct linker *l, uint32_t rule, const char *text, str name)
{
    struct image *im = &l->set->image;
    const struct rule_row *row = &im->rule.at[rule];
    char why[200];
    snprintf(why, sizeof why, "%s '%.*s'", text, STR_ARG(str_head(name, 80)));
    rule_problem_add(l->set, image_str(im, row->file), row->line, why);
    im->correlation.at[row->correlation].rule.count = 0;
    l->place[rule].refused = true;
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

static bool listens_to(const struct image *im, struct span rules, uint32_t rule)
{
    for (uint32_t i = 0; i < rules.count; i++)
        if (im->reference.at[rules.first + i] == rule)
            return true;
    return false;
}

/* Numbers of the rules that correlation `rule` names. */
static void resolve(struct linker *l, uint32_t rule)
{
    struct image *im = &l->set->image;
    struct correlation_row *c = correlation_of(l->set, rule);
    c->rule = (struct span){(uint32_t)im->reference.n, 0};
    for (uint32_t i = 0; i < c->rule_name.count; i++) {
        str name = image_str(im, im->list.at[c->rule_name.first + i]);
        const uint32_t *found = map_find(&l->by_name, name);
        if (!found) {
            refuse(l, rule, "the correlation listens to a rule that is not there:", name);
            return;
        }
        if (listens_to(im, c->rule, *found)) {
            refuse(l, rule, "the correlation names the same rule twice:", name);
            return;
        }
        *vec_push(&im->reference) = *found;
        c->rule.count++;
    }
}

/* Refuses `rule` when what it listens to has no place yet after all, or may not stand below. */
static void refuse_unplaced(struct linker *l, uint32_t rule)
{
    const struct image *im = &l->set->image;
    struct span below = correlation_of(l->set, rule)->rule;
    for (uint32_t i = 0; i < below.count; i++) {
        uint32_t r = im->reference.at[below.first + i];
        str name = image_str(im, im->rule.at[r].name.n ? im->rule.at[r].name : im->rule.at[r].id);
        if (!l->place[r].refused)
            continue;
        refuse(l, rule, "the correlation listens to one that is left out:", name);
        return;
    }
    refuse(l, rule, "the correlation listens, in the end, to itself, or through too many others:",
           image_str(im, im->rule.at[rule].title));
}

/* Where `rule` stands, once everything that it listens to has a place; until then, nowhere. */
static void place(struct linker *l, uint32_t rule)
{
    struct place p = {.ways = 0};
    struct span below = correlation_of(l->set, rule)->rule;
    for (uint32_t i = 0; i < below.count; i++) {
        const struct place *one = &l->place[l->set->image.reference.at[below.first + i]];
        if (one->ways == 0 || one->height == CORRELATION_HEIGHT_MAX ||
            p.ways > CORRELATION_WAYS_MAX - one->ways)
            return;
        p.ways += one->ways;
        p.height = one->height >= p.height ? (uint8_t)(one->height + 1) : p.height;
    }
    l->place[rule] = p;
}

/* Each round places at least what stands one higher.  What no round can place is in a circle, too
 * high, or above what is refused. */
static void place_all(struct linker *l)
{
    const struct image *im = &l->set->image;
    for (uint32_t r = 0; r < im->rule.n; r++)
        l->place[r].ways = !correlation_of(l->set, r);
    for (unsigned round = 0; round < CORRELATION_HEIGHT_MAX; round++)
        for (uint32_t r = 0; r < im->rule.n; r++)
            if (l->place[r].ways == 0 && !l->place[r].refused)
                place(l, r);
    for (uint32_t r = 0; r < im->rule.n; r++)
        if (l->place[r].ways == 0 && !l->place[r].refused)
            refuse_unplaced(l, r);
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
    struct linker l = {.set = set, .place = mem_array(struct place, set->image.rule.n + 1)};
    index_rules(&l);
    for (uint32_t r = 0; r < set->image.rule.n; r++)
        if (correlation_of(set, r))
            resolve(&l, r);
    place_all(&l);
    for (uint32_t r = 0; r < set->image.rule.n; r++)
        if (correlation_of(set, r))
            mark_fed(set, correlation_of(set, r));
    map_done(&l.by_name);
    mem_free(l.place);
}
