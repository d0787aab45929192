/* SPDX-License-Identifier: Apache-2.0 */
/* From XGBoost's document to a checked ensemble.
 *
 * Of the arrays that describe a tree, only those that decide something are believed, and after a look: the root is
 * node 0, each node is come to once at most, from above.  Nodes that are not come to (XGBoost leaves those there that it
 * pruned) are dropped, and the others numbered anew so that siblings are neighbours. */
#include "base/mem.h"
#include "base/vec.h"
#include "tree/boost_int.h"
#include "tree/value_int.h"

#include <assert.h>
#include <math.h>

static const struct boost_objective objectives[] = {
#define X(name, base, link) {name, base, link},
#include "tree/objective.def"
};

/* An array of numbers, which may be absent when there is no need of it. */
struct column {
    const double *at;
    size_t n;
};

struct raw_tree {
    size_t nodes;
    struct column left, right, split, threshold, default_left, type, gain, cover, weight;
    struct column categories, category_nodes, category_begin, category_size;
    double group, scale;
    size_t number;
};

static status too_large(struct error *err)
{
    return fail(err, ST_LIMIT, "the model takes more memory than allowed");
}

static struct column column_of(const struct value *object, str key)
{
    const struct value *v = value_get(object, key);
    return v->kind == VALUE_NUMBERS ? (struct column){v->numbers, v->n} : (struct column){NULL, 0};
}

/* XGBoost writes its parameters as text. */
static double number_of(const struct value *v, double otherwise)
{
    double d = otherwise;
    if (v->kind == VALUE_NUMBER)
        return v->number;
    return str_to_f64(value_text(v), &d) ? d : otherwise;
}

static bool whole(double d, double least, double most)
{
    return d >= least && d <= most && d == floor(d);
}

static status count_of(const struct value *object, str key, size_t otherwise, size_t most,
                       size_t *out, struct error *err)
{
    double d = number_of(value_get(object, key), (double)otherwise);
    if (!whole(d, 0, 9e15))
        return fail(err, ST_INVALID, "'" STR_FMT "' is no number of things", STR_ARG(key));
    if (d > (double)most)
        return fail(err, ST_LIMIT, "'" STR_FMT "' is %.0f, more than %zu", STR_ARG(key), d, most);
    *out = (size_t)d;
    return ST_OK;
}

/* ---- one tree ---- */

static status tree_fails(const struct raw_tree *t, struct error *err, const char *what, size_t node)
{
    return fail(err, ST_INVALID, "tree %zu, node %zu: %s", t->number, node, what);
}

static status raw_tree_of(const struct value *v, struct raw_tree *t, struct error *err)
{
    t->left = column_of(v, STR("left_children"));
    t->right = column_of(v, STR("right_children"));
    t->split = column_of(v, STR("split_indices"));
    t->threshold = column_of(v, STR("split_conditions"));
    t->default_left = column_of(v, STR("default_left"));
    t->type = column_of(v, STR("split_type"));
    t->gain = column_of(v, STR("loss_changes"));
    t->cover = column_of(v, STR("sum_hessian"));
    t->weight = column_of(v, STR("base_weights"));
    t->categories = column_of(v, STR("categories"));
    t->category_nodes = column_of(v, STR("categories_nodes"));
    t->category_begin = column_of(v, STR("categories_segments"));
    t->category_size = column_of(v, STR("categories_sizes"));
    size_t n = t->nodes = t->left.n;
    if (number_of(value_get(value_get(v, STR("tree_param")), STR("size_leaf_vector")), 0) > 1)
        return fail(err, ST_UNSUPPORTED, "tree %zu has several outputs in a leaf", t->number);
    if (!n || t->right.n != n || t->split.n != n || t->threshold.n != n || t->default_left.n != n ||
        (t->type.n && t->type.n != n) || (t->gain.n && t->gain.n != n) ||
        (t->cover.n && t->cover.n != n) || (t->weight.n && t->weight.n != n) ||
        t->category_nodes.n != t->category_begin.n || t->category_nodes.n != t->category_size.n)
        return fail(err, ST_INVALID, "tree %zu: its arrays differ in length", t->number);
    return ST_OK;
}

struct tree_maker {
    struct arena *arena;
    size_t columns;
    const struct raw_tree *raw;
    struct boost_node *node; /* (raw->nodes) */
    uint32_t *old;           /* (raw->nodes): number in the model of each node made */
    bool *seen;              /* (raw->nodes) */
    uint32_t made;
};

static float at_or_zero(struct column c, uint32_t i)
{
    return c.n && isfinite((float)c.at[i]) ? (float)c.at[i] : 0.0F;
}

/* Where in the lists of categories a node's are; SIZE_MAX: nowhere. */
static size_t categories_of(const struct raw_tree *t, uint32_t node)
{
    size_t low = 0, high = t->category_nodes.n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (t->category_nodes.at[middle] < node)
            low = middle + 1;
        else
            high = middle;
    }
    return low < t->category_nodes.n && t->category_nodes.at[low] == node ? low : SIZE_MAX;
}

static status take_categories(const struct tree_maker *m, uint32_t old, struct boost_node *n,
                              struct error *err)
{
    const struct raw_tree *t = m->raw;
    size_t i = categories_of(t, old);
    double most = 0;
    if (i == SIZE_MAX || !whole(t->category_begin.at[i], 0, (double)t->categories.n) ||
        !whole(t->category_size.at[i], 1, (double)t->categories.n - t->category_begin.at[i]))
        return tree_fails(t, err, "its categories are not there", old);
    const double *category = t->categories.at + (size_t)t->category_begin.at[i];
    size_t count = (size_t)t->category_size.at[i];
    for (size_t k = 0; k < count; k++) {
        if (!whole(category[k], 0, BOOST_CATEGORIES_MAX - 1))
            return tree_fails(t, err, "no category", old);
        most = fmax(most, category[k]);
    }
    n->words = (uint32_t)most / 32 + 1;
    uint32_t *set = arena_array(m->arena, uint32_t, n->words);
    if (!set)
        return too_large(err);
    for (size_t k = 0; k < count; k++)
        set[(uint32_t)category[k] / 32] |= 1U << (uint32_t)category[k] % 32;
    n->set = set;
    n->categorical = true;
    return ST_OK;
}

/* Put a child behind what is made. */
static status take_child(struct tree_maker *m, double number, unsigned depth, uint32_t parent,
                         struct error *err)
{
    if (!whole(number, 0, (double)m->raw->nodes - 1))
        return tree_fails(m->raw, err, "its child is none of the tree's nodes", parent);
    uint32_t old = (uint32_t)number;
    if (m->seen[old])
        return tree_fails(m->raw, err, "comes twice", old);
    if (depth > BOOST_DEPTH_MAX)
        return fail(err, ST_LIMIT, "tree %zu is deeper than %d", m->raw->number, BOOST_DEPTH_MAX);
    m->seen[old] = true;
    m->old[m->made] = old;
    m->node[m->made++].depth = (uint8_t)depth;
    return ST_OK;
}

static status take_split(struct tree_maker *m, struct boost_node *n, uint32_t old,
                         struct error *err)
{
    const struct raw_tree *t = m->raw;
    if (!whole(t->split.at[old], 0, (double)m->columns - 1))
        return tree_fails(t, err, "splits on a column that is not there", old);
    n->column = (uint32_t)t->split.at[old];
    n->default_left = t->default_left.at[old] != 0;
    n->gain = at_or_zero(t->gain, old);
    n->left = m->made;
    if (t->type.n && t->type.at[old] != 0) {
        status st = take_categories(m, old, n, err);
        if (st)
            return st;
    } else if (isnan(n->value = (float)t->threshold.at[old])) {
        return tree_fails(t, err, "its threshold is no number", old);
    }
    status st = take_child(m, t->left.at[old], n->depth + 1U, old, err);
    return st ? st : take_child(m, t->right.at[old], n->depth + 1U, old, err);
}

static status take_node(struct tree_maker *m, uint32_t i, struct error *err)
{
    const struct raw_tree *t = m->raw;
    struct boost_node *n = &m->node[i];
    uint32_t old = m->old[i];
    n->cover = at_or_zero(t->cover, old);
    n->weight = at_or_zero(t->weight, old);
    if (t->left.at[old] != -1)
        return take_split(m, n, old, err);
    n->value = (float)t->threshold.at[old] * (float)t->scale;
    return isfinite(n->value) ? ST_OK : tree_fails(t, err, "its value is no finite number", old);
}

static status take_tree(struct boost *b, const struct raw_tree *raw, struct arena *scratch,
                        struct boost_tree *out, struct error *err)
{
    struct tree_maker m = {
        .arena = &b->arena,
        .columns = b->columns,
        .raw = raw,
        .node = arena_array(&b->arena, struct boost_node, raw->nodes),
        .old = arena_array(scratch, uint32_t, raw->nodes),
        .seen = arena_array(scratch, bool, raw->nodes),
    };
    if (!m.node || !m.old || !m.seen)
        return too_large(err);
    if (!whole(raw->group, 0, (double)b->outputs - 1))
        return fail(err, ST_INVALID, "tree %zu is of no output", raw->number);
    status st = take_child(&m, 0, 0, 0, err);
    for (uint32_t i = 0; i < m.made && !st; i++) {
        st = take_node(&m, i, err);
        out->depth = m.node[i].depth;
    }
    out->node = m.node;
    out->nodes = m.made;
    out->group = (uint32_t)raw->group;
    return st;
}

/* ---- the ensemble ---- */

static status take_trees(struct boost *b, const struct value *booster, struct arena *scratch,
                         struct error *err)
{
    const struct value *inner = value_get(booster, STR("gbtree"));
    const struct value *model =
        value_get(inner->kind == VALUE_OBJECT ? inner : booster, STR("model"));
    const struct value *trees = value_get(model, STR("trees"));
    struct column group = column_of(model, STR("tree_info"));
    struct column scale = column_of(booster, STR("weight_drop"));
    status st = count_of(value_get(model, STR("gbtree_model_param")), STR("num_parallel_tree"), 1,
                         BOOST_TREES_MAX, &b->parallel, err);
    if (st)
        return st;
    b->trees = trees->kind == VALUE_LIST ? trees->n : 0;
    if ((trees->kind != VALUE_LIST && trees->kind != VALUE_NUMBERS) ||
        (trees->kind == VALUE_NUMBERS && trees->n) || group.n != b->trees ||
        (scale.n && scale.n != b->trees))
        return fail(err, ST_INVALID, "the lists of trees differ in length");
    if (b->trees > BOOST_TREES_MAX)
        return fail(err, ST_LIMIT, "%zu trees, more than %d", b->trees, BOOST_TREES_MAX);
    b->tree = arena_array(&b->arena, struct boost_tree, b->trees);
    if (!b->tree)
        return too_large(err);
    for (size_t i = 0; i < b->trees && !st; i++) {
        assert(group.at); /* it is as long as the list of trees */
        struct raw_tree raw = {
            .number = i, .group = group.at[i], .scale = scale.n ? scale.at[i] : 1};
        st = raw_tree_of(&trees->list[i], &raw, err);
        if (!st)
            st = take_tree(b, &raw, scratch, &b->tree[i], err);
    }
    return st;
}

static status keep_text(struct boost *b, str s, str *out, struct error *err)
{
    *out = arena_str(&b->arena, s);
    return out->p ? ST_OK : too_large(err);
}

static status take_names(struct boost *b, const struct value *list, str **out, struct error *err)
{
    if (list->kind != VALUE_LIST || list->n != b->columns)
        return ST_OK; /* there are none */
    str *name = arena_array(&b->arena, str, b->columns);
    if (!name)
        return too_large(err);
    for (size_t i = 0; i < b->columns; i++) {
        status st = keep_text(b, value_text(&list->list[i]), &name[i], err);
        if (st)
            return st;
    }
    *out = name;
    return ST_OK;
}

/* Parameters of the objective: objects of texts. */
static status take_params(struct boost *b, const struct value *objective, struct error *err)
{
    size_t n = 0;
    for (uint32_t i = 0; i < objective->n; i++)
        if (objective->member[i].value.kind == VALUE_OBJECT)
            n += objective->member[i].value.n;
    b->param = arena_array(&b->arena, struct boost_param, n);
    if (!b->param)
        return too_large(err);
    for (uint32_t i = 0; i < objective->n; i++) {
        const struct value_member *block = &objective->member[i];
        for (uint32_t k = 0; block->value.kind == VALUE_OBJECT && k < block->value.n; k++) {
            const struct value_member *m = &block->value.member[k];
            struct boost_param *p = &b->param[b->params];
            if (m->value.kind != VALUE_TEXT)
                continue;
            if (keep_text(b, block->key, &p->block, err) || keep_text(b, m->key, &p->key, err) ||
                keep_text(b, value_text(&m->value), &p->value, err))
                return ST_LIMIT;
            b->params++;
        }
    }
    return ST_OK;
}

static status take_objective(struct boost *b, const struct value *objective, struct error *err)
{
    str name = value_text(value_get(objective, STR("name")));
    for (size_t i = 0; i < COUNT(objectives); i++)
        if (str_eq(name, str_z(objectives[i].name)))
            b->objective = &objectives[i];
    if (!b->objective)
        return fail(err, name.n ? ST_UNSUPPORTED : ST_INVALID,
                    "models of the objective '" STR_FMT "' are not scored here",
                    STR_ARG(str_head(name, 60)));
    return take_params(b, objective, err);
}

/* "5E-1", since 3.1 "[5E-1,2E-1]", one for each output. */
static status take_base(struct boost *b, const struct value *v, struct error *err)
{
    str text = str_trim(value_text(v));
    struct column list = {v->kind == VALUE_NUMBERS ? v->numbers : NULL, v->n};
    if (str_starts(text, STR("[")) && str_ends(text, STR("]")))
        text = (str){text.p + 1, text.n - 2};
    b->base = arena_array(&b->arena, float, b->outputs);
    b->base_score = arena_array(&b->arena, float, b->outputs);
    if (!b->base || !b->base_score)
        return too_large(err);
    double score = 0.5;
    for (size_t i = 0; i < b->outputs; i++) {
        bool ok = true;
        if (list.at && i < list.n)
            score = list.at[i];
        else if (v->kind == VALUE_NUMBER)
            score = v->number;
        else if (text.n)
            ok = str_to_f64(str_trim(str_cut(&text, ',')), &score);
        float s = b->base_score[i] = (float)score;
        b->base[i] = b->objective->base == LINK_SIGMOID ? -logf(1.0F / s - 1.0F)
                     : b->objective->base == LINK_EXP   ? logf(s)
                                                        : s;
        if (!ok || !isfinite(b->base[i]))
            return fail(err, ST_INVALID, "the base score is out of range");
    }
    return ST_OK;
}

static status take_learner(struct boost *b, const struct value *learner, struct arena *scratch,
                           struct error *err)
{
    const struct value *param = value_get(learner, STR("learner_model_param"));
    const struct value *booster = value_get(learner, STR("gradient_booster"));
    str name = value_text(value_get(booster, STR("name")));
    if (param->kind != VALUE_OBJECT || booster->kind != VALUE_OBJECT)
        return fail(err, ST_INVALID, "this is no model of XGBoost");
    if (!str_eq(name, STR("gbtree")) && !str_eq(name, STR("dart")))
        return fail(err, ST_UNSUPPORTED, "boosters of the kind '" STR_FMT "' are not scored here",
                    STR_ARG(str_head(name, 60)));
    status st = count_of(param, STR("num_feature"), 0, BOOST_COLUMNS_MAX, &b->columns, err);
    if (!st)
        st = count_of(param, STR("num_class"), 0, BOOST_OUTPUTS_MAX, &b->classes, err);
    if (!st)
        st = count_of(param, STR("num_target"), 1, BOOST_OUTPUTS_MAX, &b->targets, err);
    if (st)
        return st;
    if (!b->columns)
        return fail(err, ST_INVALID, "a model of no columns");
    b->outputs = b->classes > 1 ? b->classes : b->targets > 1 ? b->targets : 1;
    st = take_objective(b, value_get(learner, STR("objective")), err);
    if (!st)
        st = take_base(b, value_get(param, STR("base_score")), err);
    if (!st)
        st = take_names(b, value_get(learner, STR("feature_names")), &b->column_name, err);
    if (!st)
        st = take_names(b, value_get(learner, STR("feature_types")), &b->column_type, err);
    str note = value_text(value_get(value_get(learner, STR("attributes")), STR("bguard")));
    if (!st && note.n)
        st = keep_text(b, note, &b->note, err);
    return st ? st : take_trees(b, booster, scratch, err);
}

status boost_read(str bytes, struct boost **out, struct error *err)
{
    return boost_read_first(bytes, SIZE_MAX, out, err);
}

status boost_read_first(str bytes, size_t trees, struct boost **out, struct error *err)
{
    if (bytes.n > BOOST_BYTES_MAX)
        return fail(err, ST_LIMIT, "the model has %zu bytes, more than %d", bytes.n,
                    BOOST_BYTES_MAX);
    struct arena scratch;
    struct value root;
    struct boost *b = mem_new(struct boost);
    arena_init(&scratch, (1 << 20) + 64 * bytes.n);
    arena_init(&b->arena, (16 << 20) + 64 * bytes.n);
    status st = value_read(bytes, &scratch, &root, err);
    if (!st)
        st = take_learner(b, value_get(&root, STR("learner")), &scratch, err);
    arena_done(&scratch);
    if (st) {
        boost_free(b);
        return st;
    }
    b->trees = b->trees < trees ? b->trees : trees;
    boost_compile(b);
    *out = b;
    return ST_OK;
}
