/* SPDX-License-Identifier: Apache-2.0 */
/* Sigma filters: a condition that is added to rules of others, so that their files need not be
 * touched.  `(rule) and (filter)`, as the specification has it. */
#include "codec/yaml.h"
#include "rule/read.h"

static bool read_rules(struct reading *g, struct rule_read *r, const struct yaml_node *n,
                       struct filter *f)
{
    if (str_ieq(yaml_str(n, (str){0}), STR("any"))) {
        f->any = true;
        return true;
    }
    if (!n || n->kind != YAML_SEQ || n->count == 0)
        return read_refuse(r, n, "a filter wants 'rules': a list of ids or names, or 'any'");
    str *rule = arena_array(&g->keep, str, n->count);
    for (uint32_t i = 0; rule && i < n->count; i++) {
        str name = yaml_str(&n->item[i], (str){0});
        if (name.n == 0)
            return read_refuse(r, &n->item[i], "'rules' of a filter wants ids or names");
        rule[i] = arena_str(&g->keep, name);
        if (!rule[i].p)
            rule = NULL;
    }
    if (!rule)
        return read_refuse(r, n, "the filters grow too large");
    f->rule = rule;
    f->rule_count = n->count;
    return true;
}

bool read_filter(struct reading *g, struct rule_read *r, const struct yaml_node *document)
{
    const struct yaml_node *n = yaml_find(document, STR("filter"));
    struct filter f = {.file = r->file, .line = r->line};
    struct logsource l = {0};
    if (!n || n->kind != YAML_MAP)
        return read_refuse(r, n, "'filter' wants a mapping");
    if (!read_logsource(r, document, &l) || !read_rules(g, r, yaml_find(n, STR("rules")), &f) ||
        !read_filter_detection(r, n, &f.root))
        return false;
    f.product = arena_str(&g->keep, l.product);
    f.category = arena_str(&g->keep, l.category);
    f.service = arena_str(&g->keep, l.service);
    if (!f.product.p || !f.category.p || !f.service.p)
        return read_refuse(r, n, "the filters grow too large");
    *vec_push(&g->filter) = f;
    return true;
}

/* The parts that the filter gives are the rule's. */
static bool covers(const struct rule_set *set, const struct filter *f, const struct rule_row *row)
{
    const struct image *im = &set->image;
    return (!f->product.n || str_ieq(f->product, image_str(im, row->product))) &&
           (!f->category.n || str_ieq(f->category, image_str(im, row->category))) &&
           (!f->service.n || str_ieq(f->service, image_str(im, row->service)));
}

/* Filters of each rule, gathered so that many of them make one AND and no tower. */
typedef VEC(uint32_t) nodes;

static void gather_any(const struct rule_set *set, const struct filter *f, nodes *of)
{
    for (uint32_t i = 0; i < set->image.rule.n; i++) {
        const struct rule_row *row = &set->image.rule.at[i];
        if (!(row->flags & RULE_CORRELATION) && covers(set, f, row))
            *vec_push(&of[i]) = f->root;
    }
}

static void gather_one(struct rule_set *set, const struct filter *f, str name, nodes *of)
{
    char why[200];
    uint32_t rule = rule_set_find(set, name);
    const char *problem = NULL;
    if (rule == UINT32_MAX)
        problem = "which is not there";
    else if (set->image.rule.at[rule].flags & RULE_CORRELATION)
        problem = "which is a correlation";
    else if (!covers(set, f, &set->image.rule.at[rule]))
        problem = "whose log source is another";
    if (!problem) {
        *vec_push(&of[rule]) = f->root;
        return;
    }
    snprintf(why, sizeof why, "the filter names the rule '%.*s', %s", STR_ARG(str_head(name, 80)),
             problem);
    rule_problem_add(set, f->file, f->line, why);
}

static void apply(struct rule_set *set, uint32_t rule, nodes *of)
{
    struct image *im = &set->image;
    struct rule_row *row = &im->rule.at[rule];
    if (of->n == 0)
        return;
    *vec_push(of) = row->root;
    of->at[of->n - 1] = of->at[0]; /* the rule's own condition comes first */
    of->at[0] = row->root;
    uint32_t root = image_node(im, NODE_AND, row->line, (str){0});
    image_children(im, root, of->at, (uint32_t)of->n);
    if (im->full)
        return;
    if (image_tree_fits(im, root))
        row->root = root;
    else
        rule_problem_add(set, image_str(im, row->file), row->line,
                         "the rule's filters grow too large and are left out");
}

void filters_apply(struct reading *g)
{
    struct rule_set *set = g->set;
    if (g->filter.n == 0)
        return;
    size_t rules = set->image.rule.n;
    nodes *of = mem_zero(size_mul(sizeof *of, rules + 1));
    for (size_t i = 0; i < g->filter.n; i++) {
        const struct filter *f = &g->filter.at[i];
        if (f->any)
            gather_any(set, f, of);
        for (size_t k = 0; k < f->rule_count; k++)
            gather_one(set, f, f->rule[k], of);
    }
    for (uint32_t i = 0; i < rules; i++) {
        apply(set, i, &of[i]);
        vec_done(&of[i]);
    }
    mem_free(of);
}
