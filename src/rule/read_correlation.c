/* SPDX-License-Identifier: Apache-2.0 */
/* The `correlation` section (Sigma correlation rules specification 2.1). */
#include "codec/yaml.h"
#include "rule/condition.h"
#include "rule/rule_int.h"

#include <math.h>

static bool one_of(str word, const char *const *words, size_t n, uint8_t *out)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(word, str_z(words[i]))) {
            *out = (uint8_t)i;
            return true;
        }
    return false;
}

static bool read_type(struct rule_read *r, const struct yaml_node *c, struct correlation_row *row)
{
    static const char *const types[] = {
        [CORRELATE_EVENT_COUNT] = "event_count",
        [CORRELATE_VALUE_COUNT] = "value_count",
        [CORRELATE_TEMPORAL] = "temporal",
        [CORRELATE_TEMPORAL_ORDERED] = "temporal_ordered",
        [CORRELATE_VALUE_SUM] = "value_sum",
        [CORRELATE_VALUE_AVG] = "value_avg",
        [CORRELATE_VALUE_PERCENTILE] = "value_percentile",
        [CORRELATE_VALUE_MEDIAN] = "value_median",
    };
    const struct yaml_node *n = yaml_find(c, STR("type"));
    str type = yaml_str(n, (str){0});
    if (!n)
        return read_refuse(r, c, "a correlation needs a 'type'");
    if (!one_of(type, types, COUNT(types), &row->type))
        return read_refuse(r, n, "unknown correlation type '%.*s'", STR_ARG(str_head(type, 60)));
    return true;
}

/* A scalar or a list of scalars → image.list. */
static bool read_names(struct rule_read *r, const struct yaml_node *n, const char *what,
                       struct span *out)
{
    struct image *im = r->image;
    out->first = (uint32_t)im->list.n;
    out->count = 0;
    if (!n)
        return true;
    const struct yaml_node *item = n->kind == YAML_SEQ ? n->item : n;
    uint32_t count = n->kind == YAML_SEQ ? n->count : 1;
    for (uint32_t i = 0; i < count; i++) {
        str name = yaml_str(&item[i], (str){0});
        if (item[i].kind != YAML_SCALAR || name.n == 0)
            return read_refuse(r, &item[i], "'%s' wants names", what);
        struct text t = image_text(im, name);
        *vec_push(&im->list) = t;
        out->count++;
    }
    return true;
}

enum { RULES_MAX = 64 };

static bool read_rules(struct rule_read *r, const struct yaml_node *c, struct correlation_row *row)
{
    const struct yaml_node *n = yaml_find(c, STR("rules"));
    if (!n || !read_names(r, n, "rules", &row->rule_name))
        return n ? false : read_refuse(r, c, "a correlation needs 'rules'");
    if (row->rule_name.count == 0 || row->rule_name.count > RULES_MAX)
        return read_refuse(r, n, "'rules' wants 1 to %d rules, not %u", RULES_MAX,
                           row->rule_name.count);
    return true;
}

/* "90m" → ms. */
static bool read_timespan(struct rule_read *r, const struct yaml_node *c,
                          struct correlation_row *row)
{
    static const struct {
        char letter;
        int64_t ms;
    } units[] = {{'s', 1000}, {'m', 60000}, {'h', 3600000}, {'d', 86400000}, {'w', 604800000}};
    const struct yaml_node *n = yaml_find(c, STR("timespan"));
    if (!n)
        n = yaml_find(c, STR("timeframe"));
    if (!n)
        return read_refuse(r, c, "a correlation needs a 'timespan'");
    str text = yaml_str(n, (str){0});
    uint64_t count = 0;
    for (size_t i = 0; i < COUNT(units); i++)
        if (text.n > 1 && text.p[text.n - 1] == units[i].letter &&
            str_to_u64(str_head(text, text.n - 1), &count) && count > 0 && count < 1000000) {
            row->timespan_ms = (int64_t)count * units[i].ms;
            return true;
        }
    return read_refuse(r, n,
                       "'timespan' wants a number and one of s m h d w, as in 15m, not '%.*s'",
                       STR_ARG(str_head(text, 40)));
}

/* aliases: {alias: {rule: field}} */
static bool read_aliases(struct rule_read *r, const struct yaml_node *c,
                         struct correlation_row *row)
{
    const struct yaml_node *n = yaml_find(c, STR("aliases"));
    struct image *im = r->image;
    row->alias = (struct span){(uint32_t)im->alias.n, 0};
    if (n && n->kind != YAML_MAP)
        return read_refuse(r, n, "'aliases' wants a mapping of names");
    for (uint32_t i = 0; n && i < n->count; i++) {
        const struct yaml_node *by_rule = &n->pair[i].value;
        if (by_rule->kind != YAML_MAP)
            return read_refuse(r, by_rule, "alias '%.*s' wants a mapping from rules to fields",
                               STR_ARG(str_head(n->pair[i].key, 60)));
        struct text name = image_text(im, n->pair[i].key);
        for (uint32_t k = 0; k < by_rule->count; k++) {
            struct text field = image_text(im, yaml_str(&by_rule->pair[k].value, (str){0}));
            struct text rule = image_text(im, by_rule->pair[k].key);
            *vec_push(&im->alias) = (struct alias_row){name, field, rule};
            row->alias.count++;
        }
    }
    return true;
}

/* ---- condition ---- */

static bool read_number(struct rule_read *r, const struct yaml_node *n, str key, double *out)
{
    str text = yaml_str(n, (str){0});
    if (!str_to_f64(text, out) || !isfinite(*out))
        return read_refuse(r, n, "'%.*s' wants a number, not '%.*s'", STR_ARG(key),
                           STR_ARG(str_head(text, 40)));
    return true;
}

static bool read_bound(struct rule_read *r, const struct yaml_pair *p, struct correlation_row *row)
{
    static const char *const names[BOUND_COUNT] = {"lt", "lte", "gt", "gte", "eq", "neq"};
    uint8_t b;
    if (str_eq(p->key, STR("field")))
        return read_names(r, &p->value, "field", &row->field);
    if (str_eq(p->key, STR("percentile"))) {
        if (!read_number(r, &p->value, p->key, &row->percentile))
            return false;
        return (row->percentile >= 0 && row->percentile <= 100) ||
               read_refuse(r, &p->value, "'percentile' wants 0 to 100");
    }
    if (!one_of(p->key, names, BOUND_COUNT, &b))
        return read_refuse(r, &p->value,
                           "unknown condition '%.*s'; lt, lte, gt, gte, eq, neq, field "
                           "and percentile are known",
                           STR_ARG(str_head(p->key, 40)));
    row->bound_mask |= (uint8_t)(1u << b);
    return read_number(r, &p->value, p->key, &row->bound[b]);
}

struct names {
    struct rule_read *read;
    const struct correlation_row *row;
    const struct yaml_node *at;
};

/* A name in an extended condition → a test on its position in `rules`. */
static bool name_to_node(void *arg, str name, uint32_t *node)
{
    struct names *n = arg;
    struct image *im = n->read->image;
    for (uint32_t i = 0; i < n->row->rule_name.count; i++)
        if (str_eq(name, image_str(im, im->list.at[n->row->rule_name.first + i]))) {
            *node = image_node(im, NODE_TEST, n->at->line, name);
            if (!im->full)
                im->node.at[*node].test = i;
            return true;
        }
    return read_refuse(n->read, n->at, "the condition names '%.*s', which is not in 'rules'",
                       STR_ARG(str_head(name, 60)));
}

static bool is_temporal(const struct correlation_row *row)
{
    return row->type == CORRELATE_TEMPORAL || row->type == CORRELATE_TEMPORAL_ORDERED;
}

static bool read_bounds(struct rule_read *r, const struct yaml_node *n, struct correlation_row *row)
{
    if (n->kind == YAML_SCALAR && is_temporal(row)) {
        struct names names = {r, row, n};
        struct condition_names meaning = {.name = name_to_node, .arg = &names};
        return condition_parse(r, n, yaml_str(n, (str){0}), &meaning, &row->condition);
    }
    if (n->kind != YAML_MAP)
        return read_refuse(r, n, "'condition' wants a mapping such as {gte: 10}");
    for (uint32_t i = 0; i < n->count; i++)
        if (!read_bound(r, &n->pair[i], row))
            return false;
    return true;
}

/* What the type asks for is there, and nothing it has no use for. */
static bool check(struct rule_read *r, const struct yaml_node *c, const struct correlation_row *row)
{
    bool counts_values = row->type == CORRELATE_VALUE_COUNT;
    bool takes_numbers = row->type >= CORRELATE_VALUE_SUM;
    if (!is_temporal(row) && row->bound_mask == 0)
        return read_refuse(r, c,
                           "a correlation of this type needs a 'condition' such as {gte: 10}");
    if ((counts_values || takes_numbers) && row->field.count == 0)
        return read_refuse(r, c, "a correlation over values needs a 'field' in its 'condition'");
    if (takes_numbers && row->field.count > 1)
        return read_refuse(r, c, "this type takes one 'field', not %u", row->field.count);
    if (!counts_values && !takes_numbers && row->field.count)
        return read_refuse(r, c, "a correlation of this type takes no 'field'");
    return true;
}

/* `generate` stands in the section or, as the specification has it, beside it. */
static bool read_generate(const struct yaml_node *document, const struct yaml_node *c)
{
    const struct yaml_node *n = yaml_find(c, STR("generate"));
    if (!n)
        n = yaml_find(document, STR("generate"));
    return str_ieq(yaml_str(n, (str){0}), STR("true"));
}

bool read_correlation(struct rule_read *r, const struct yaml_node *document, uint32_t *row_out)
{
    const struct yaml_node *c = yaml_find(document, STR("correlation"));
    struct correlation_row row = {.condition = ROW_NONE, .percentile = 50};
    if (!c || c->kind != YAML_MAP)
        return read_refuse(r, c, "'correlation' wants a mapping");
    const struct yaml_node *condition = yaml_find(c, STR("condition"));
    row.generate = read_generate(document, c);
    if (!read_type(r, c, &row) || !read_rules(r, c, &row) || !read_timespan(r, c, &row) ||
        !read_aliases(r, c, &row) ||
        !read_names(r, yaml_find(c, STR("group-by")), "group-by", &row.group_by) ||
        (condition && !read_bounds(r, condition, &row)))
        return false;
    /* An older draft put `field` beside the condition. */
    if (row.field.count == 0 && !read_names(r, yaml_find(c, STR("field")), "field", &row.field))
        return false;
    if (!check(r, c, &row))
        return false;
    *vec_push(&r->image->correlation) = row;
    *row_out = (uint32_t)r->image->correlation.n - 1;
    return true;
}
