/* SPDX-License-Identifier: Apache-2.0 */
/* The `detection` section: named selections, and the condition that ties them together.  A
 * selection's node is shared by all places that name it.  */
#include "base/nearest.h"
#include "codec/yaml.h"
#include "rule/condition.h"
#include "rule/modifier.h"

enum { NESTING_MAX = 16 };

struct selection {
    str name;
    uint32_t node;
};

struct detection {
    struct rule_read *read;
    const struct yaml_node *condition; /* the one being parsed */
    bool filter;
    VEC(struct selection) selection; /* owned, in the order written */
};

typedef VEC(uint32_t) nodes;

/* An AND or OR of `child`, or the only child itself. */
static uint32_t join(struct rule_read *r, enum node_kind kind, uint32_t line, const nodes *child)
{
    if (child->n == 1)
        return child->at[0];
    uint32_t node = image_node(r->image, kind, line, (str){0});
    image_children(r->image, node, child->at, (uint32_t)child->n);
    return node;
}

/* ---- one field ---- */

/* Values of a list, lists in it taken apart. */
static bool add_values(struct rule_read *r, const struct modifiers *m,
                       const struct yaml_node *value, unsigned depth, nodes *out)
{
    if (value->kind == YAML_MAP)
        return read_refuse(r, value, "the value of '%.*s' cannot be a mapping",
                           STR_ARG(str_head(m->field, 60)));
    if (value->kind == YAML_SCALAR)
        return modifiers_apply(r, m, value, vec_push(out));
    if (depth == 0)
        return read_refuse(r, value, "lists are nested deeper than %d", NESTING_MAX);
    bool ok = true;
    for (uint32_t i = 0; ok && i < value->count; i++)
        ok = add_values(r, m, &value->item[i], depth - 1, out);
    return ok;
}

static bool read_field(struct rule_read *r, str key, const struct yaml_node *at,
                       const struct yaml_node *value, uint32_t *node)
{
    struct modifiers m;
    nodes child = {0};
    if (!modifiers_parse(r, at, key, &m))
        return false;
    bool ok = add_values(r, &m, value, NESTING_MAX, &child);
    if (ok && child.n == 0)
        ok = read_refuse(r, at, "'%.*s' has an empty list", STR_ARG(str_head(key, 60)));
    if (ok) {
        *node = join(r, m.all ? NODE_AND : NODE_OR, at->line, &child);
        if (m.neq) {
            uint32_t inner = *node;
            *node = image_node(r->image, NODE_NOT, at->line, (str){0});
            image_children(r->image, *node, &inner, 1);
        }
    }
    vec_done(&child);
    return ok;
}

/* ---- one selection ---- */

static bool read_map(struct rule_read *r, const struct yaml_node *map, uint32_t *node)
{
    nodes child = {0};
    bool ok = true;
    for (uint32_t i = 0; ok && i < map->count; i++) {
        /* A problem with the key is on the key's line, which its value may not be. */
        struct yaml_node at = {.kind = YAML_SCALAR, .line = map->pair[i].line};
        ok = read_field(r, map->pair[i].key, &at, &map->pair[i].value, vec_push(&child));
    }
    if (ok)
        *node = join(r, NODE_AND, map->line, &child);
    vec_done(&child);
    return ok;
}

static bool read_selection(struct rule_read *r, const struct yaml_node *n, unsigned depth,
                           uint32_t *node)
{
    if (n->kind == YAML_SCALAR)
        return read_field(r, STR(""), n, n, node);
    if (n->count == 0)
        return read_refuse(r, n, "a selection is empty");
    if (n->kind == YAML_MAP)
        return read_map(r, n, node);
    if (depth == 0)
        return read_refuse(r, n, "lists are nested deeper than %d", NESTING_MAX);
    nodes child = {0};
    bool ok = true;
    for (uint32_t i = 0; ok && i < n->count; i++)
        ok = read_selection(r, &n->item[i], depth - 1, vec_push(&child));
    if (ok)
        *node = join(r, NODE_OR, n->line, &child);
    vec_done(&child);
    return ok;
}

/* The label of a selection's node is its name. */
static uint32_t named(struct rule_read *r, uint32_t node, str name)
{
    if (node == ROW_NONE)
        return node;
    if (r->image->node.at[node].label.n) {
        uint32_t inner = node;
        node = image_node(r->image, NODE_AND, r->image->node.at[inner].line, name);
        image_children(r->image, node, &inner, 1);
        return node;
    }
    struct text label = image_text(r->image, name);
    r->image->node.at[node].label = label;
    return node;
}

static bool is_selection(const struct detection *d, str key)
{
    return !str_eq(key, STR("condition")) && !str_eq(key, STR("timeframe")) &&
           !(d->filter && str_eq(key, STR("rules")));
}

static bool read_selections(struct detection *d, const struct yaml_node *section)
{
    for (uint32_t i = 0; i < section->count; i++) {
        const struct yaml_pair *p = &section->pair[i];
        uint32_t node = ROW_NONE;
        if (!is_selection(d, p->key))
            continue;
        if (yaml_is_null(&p->value)) {
            struct yaml_node at = {.kind = YAML_SCALAR, .line = p->line};
            return read_refuse(d->read, &at, "selection '%.*s' is empty",
                               STR_ARG(str_head(p->key, 60)));
        }
        if (!read_selection(d->read, &p->value, NESTING_MAX, &node))
            return false;
        *vec_push(&d->selection) = (struct selection){p->key, named(d->read, node, p->key)};
    }
    return true;
}

/* ---- what the condition's names mean ---- */

static bool refuse_name(struct detection *d, str name)
{
    struct nearest near = nearest_to(name);
    for (size_t i = 0; i < d->selection.n; i++)
        nearest_try(&near, d->selection.at[i].name);
    if (str_find(name, '*') < name.n)
        return read_refuse(d->read, d->condition,
                           "the condition names '%.*s'; '1 of %.*s' or 'all of %.*s' is meant",
                           STR_ARG(str_head(name, 50)), STR_ARG(str_head(name, 50)),
                           STR_ARG(str_head(name, 50)));
    if (near.found)
        return read_refuse(d->read, d->condition,
                           "the condition names '%.*s', which is not there; is '%.*s' meant?",
                           STR_ARG(str_head(name, 60)), STR_ARG(str_head(near.best, 60)));
    return read_refuse(d->read, d->condition, "the condition names '%.*s', which is not there",
                       STR_ARG(str_head(name, 60)));
}

static bool find_name(void *arg, str name, uint32_t *node)
{
    struct detection *d = arg;
    for (size_t i = 0; i < d->selection.n; i++)
        if (str_eq(d->selection.at[i].name, name)) {
            *node = d->selection.at[i].node;
            return true;
        }
    return refuse_name(d, name);
}

/* `*` in `pattern` is any run of characters. */
static bool covers(str pattern, str name)
{
    size_t i = 0, k = 0, star = SIZE_MAX, mark = 0;
    while (k < name.n) {
        if (i < pattern.n && pattern.p[i] == '*') {
            star = i++;
            mark = k;
        } else if (i < pattern.n && pattern.p[i] == name.p[k]) {
            i++;
            k++;
        } else if (star != SIZE_MAX) {
            i = star + 1;
            k = ++mark;
        } else {
            return false;
        }
    }
    while (i < pattern.n && pattern.p[i] == '*')
        i++;
    return i == pattern.n;
}

static bool find_pattern(void *arg, str pattern, void (*add)(void *to, uint32_t node), void *to)
{
    struct detection *d = arg;
    bool any = false, them = str_eq(pattern, STR("them")), hidden = str_starts(pattern, STR("_"));
    for (size_t i = 0; i < d->selection.n; i++) {
        str name = d->selection.at[i].name;
        if (!hidden && str_starts(name, STR("_")))
            continue;
        if (!them && !covers(pattern, name))
            continue;
        add(to, d->selection.at[i].node);
        any = true;
    }
    if (any)
        return true;
    return read_refuse(d->read, d->condition, "no selection is called '%.*s'",
                       STR_ARG(str_head(pattern, 60)));
}

/* ---- the section ---- */

static bool read_condition(struct detection *d, const struct yaml_node *n, uint32_t *node)
{
    struct condition_names names = {find_name, find_pattern, d};
    if (n->kind != YAML_SCALAR)
        return read_refuse(d->read, n, "a condition must be text");
    d->condition = n;
    return condition_parse(d->read, n, n->text, &names, node);
}

/* A list of conditions: any of them. */
static bool read_conditions(struct detection *d, const struct yaml_node *n, uint32_t *root)
{
    if (n->kind != YAML_SEQ)
        return read_condition(d, n, root);
    nodes child = {0};
    bool ok = n->count > 0 || read_refuse(d->read, n, "the list of conditions is empty");
    for (uint32_t i = 0; ok && i < n->count; i++)
        ok = read_condition(d, &n->item[i], vec_push(&child));
    if (ok)
        *root = join(d->read, NODE_OR, n->line, &child);
    vec_done(&child);
    return ok;
}

static bool read_section(struct rule_read *r, const struct yaml_node *section, bool filter,
                         uint32_t *root)
{
    struct detection d = {.read = r, .filter = filter};
    if (!section || section->kind != YAML_MAP)
        return read_refuse(r, section, "'detection' wants a mapping of selections");
    const struct yaml_node *condition = yaml_find(section, STR("condition"));
    bool ok = read_selections(&d, section);
    if (ok && !condition)
        ok = read_refuse(r, section, "there is no condition");
    if (ok && condition)
        ok = read_conditions(&d, condition, root);
    if (ok && !r->image->full && !image_tree_fits(r->image, *root))
        ok = read_refuse(r, condition, "the rule grows too large");
    vec_done(&d.selection);
    return ok;
}

bool read_detection(struct rule_read *r, const struct yaml_node *detection, uint32_t *root)
{
    return read_section(r, detection, false, root);
}

bool read_filter_detection(struct rule_read *r, const struct yaml_node *filter, uint32_t *root)
{
    return read_section(r, filter, true, root);
}
