/* SPDX-License-Identifier: Apache-2.0 */
/* To UBJSON, with what XGBoost 1.7 looks for when it loads a model, in its order of names. */
#include "tree/boost_int.h"

#include "base/mem.h"

#include <stdio.h>

static void put_big(struct sbuf *o, uint64_t v, unsigned bytes)
{
    while (bytes--)
        sbuf_addc(o, (char)(v >> 8 * bytes & 0xff));
}

static void put_length(struct sbuf *o, size_t n)
{
    sbuf_addc(o, 'L');
    put_big(o, n, 8);
}

static void put_key(struct sbuf *o, const char *key)
{
    put_length(o, strlen(key));
    sbuf_addz(o, key);
}

static void put_text(struct sbuf *o, str s)
{
    sbuf_addc(o, 'S');
    put_length(o, s.n);
    sbuf_add(o, s);
}

static void put_texts(struct sbuf *o, const char *key, const str *s, size_t n)
{
    put_key(o, key);
    sbuf_add(o, STR("[#"));
    put_length(o, n);
    for (size_t i = 0; i < n; i++)
        put_text(o, s[i]);
}

static void put_param(struct sbuf *o, const char *key, size_t n)
{
    char text[24];
    int len = snprintf(text, sizeof text, "%zu", n);
    put_key(o, key);
    put_text(o, (str){text, (size_t)len});
}

static void open_array(struct sbuf *o, const char *key, char type, size_t n)
{
    put_key(o, key);
    sbuf_add(o, STR("[$"));
    sbuf_addc(o, type);
    sbuf_addc(o, '#');
    put_length(o, n);
}

static void put_float(struct sbuf *o, float f)
{
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    put_big(o, bits, 4);
}

/* ---- a tree ---- */

static size_t categories(const struct boost_node *n)
{
    size_t count = 0;
    for (uint32_t i = 0; i < n->words; i++)
        count += (size_t)__builtin_popcount(n->set[i]);
    return count;
}

static void put_categories(struct sbuf *o, const struct boost_tree *t)
{
    size_t total = 0, splits = 0, begin = 0;
    for (uint32_t i = 0; i < t->nodes; i++) {
        total += categories(&t->node[i]);
        splits += t->node[i].categorical;
    }
    open_array(o, "categories", 'l', total);
    for (uint32_t i = 0; i < t->nodes; i++)
        for (uint32_t c = 0; c < 32 * t->node[i].words; c++)
            if (t->node[i].set[c / 32] >> c % 32 & 1)
                put_big(o, c, 4);
    open_array(o, "categories_nodes", 'l', splits);
    for (uint32_t i = 0; i < t->nodes; i++)
        if (t->node[i].categorical)
            put_big(o, i, 4);
    open_array(o, "categories_segments", 'L', splits);
    for (uint32_t i = 0; i < t->nodes; i++)
        if (t->node[i].categorical) {
            put_big(o, begin, 8);
            begin += categories(&t->node[i]);
        }
    open_array(o, "categories_sizes", 'L', splits);
    for (uint32_t i = 0; i < t->nodes; i++)
        if (t->node[i].categorical)
            put_big(o, categories(&t->node[i]), 8);
}

static void put_bytes(struct sbuf *o, const char *key, const struct boost_tree *t, size_t field)
{
    open_array(o, key, 'U', t->nodes);
    for (uint32_t i = 0; i < t->nodes; i++)
        sbuf_addc(o, (char)*((const uint8_t *)&t->node[i] + field));
}

static void put_floats(struct sbuf *o, const char *key, const struct boost_tree *t, size_t field)
{
    open_array(o, key, 'd', t->nodes);
    for (uint32_t i = 0; i < t->nodes; i++) {
        float f;
        memcpy(&f, (const char *)&t->node[i] + field, sizeof f);
        put_float(o, f);
    }
}

static void put_children(struct sbuf *o, const char *key, const struct boost_tree *t,
                         uint32_t which)
{
    open_array(o, key, 'l', t->nodes);
    for (uint32_t i = 0; i < t->nodes; i++)
        put_big(o, t->node[i].left ? t->node[i].left + which : UINT32_MAX, 4);
}

static void put_parents(struct sbuf *o, const struct boost_tree *t)
{
    uint32_t *parent = mem_array(uint32_t, t->nodes);
    parent[0] = INT32_MAX;
    for (uint32_t i = 0; i < t->nodes; i++)
        if (t->node[i].left)
            parent[t->node[i].left] = parent[t->node[i].left + 1] = i;
    open_array(o, "parents", 'l', t->nodes);
    for (uint32_t i = 0; i < t->nodes; i++)
        put_big(o, parent[i], 4);
    mem_free(parent);
}

static void put_tree(struct sbuf *o, const struct boost *b, size_t number)
{
    const struct boost_tree *t = &b->tree[number];
    sbuf_addc(o, '{');
    put_floats(o, "base_weights", t, offsetof(struct boost_node, weight));
    put_categories(o, t);
    put_bytes(o, "default_left", t, offsetof(struct boost_node, default_left));
    put_key(o, "id");
    sbuf_addc(o, 'l');
    put_big(o, number, 4);
    put_children(o, "left_children", t, 0);
    put_floats(o, "loss_changes", t, offsetof(struct boost_node, gain));
    put_parents(o, t);
    put_children(o, "right_children", t, 1);
    put_floats(o, "split_conditions", t, offsetof(struct boost_node, value));
    open_array(o, "split_indices", 'l', t->nodes);
    for (uint32_t i = 0; i < t->nodes; i++)
        put_big(o, t->node[i].column, 4);
    put_bytes(o, "split_type", t, offsetof(struct boost_node, categorical));
    put_floats(o, "sum_hessian", t, offsetof(struct boost_node, cover));
    put_key(o, "tree_param");
    sbuf_addc(o, '{');
    put_param(o, "num_deleted", 0);
    put_param(o, "num_feature", b->columns);
    put_param(o, "num_nodes", t->nodes);
    put_param(o, "size_leaf_vector", 0);
    sbuf_add(o, STR("}}"));
}

/* ---- the rest ---- */

static void put_trees(struct sbuf *o, const struct boost *b)
{
    put_key(o, "gradient_booster");
    sbuf_addc(o, '{');
    put_key(o, "model");
    sbuf_addc(o, '{');
    put_key(o, "gbtree_model_param");
    sbuf_addc(o, '{');
    put_param(o, "num_parallel_tree", b->parallel);
    put_param(o, "num_trees", b->trees);
    put_param(o, "size_leaf_vector", 0);
    sbuf_addc(o, '}');
    put_key(o, "tree_info");
    sbuf_add(o, STR("[#")); /* it will have no typed array here */
    put_length(o, b->trees);
    for (size_t i = 0; i < b->trees; i++) {
        sbuf_addc(o, 'l');
        put_big(o, b->tree[i].group, 4);
    }
    put_key(o, "trees");
    sbuf_add(o, STR("[#"));
    put_length(o, b->trees);
    for (size_t i = 0; i < b->trees; i++)
        put_tree(o, b, i);
    sbuf_addc(o, '}');
    put_key(o, "name");
    put_text(o, STR("gbtree")); /* dart's weights are in the leaves */
    sbuf_addc(o, '}');
}

static void put_base(struct sbuf *o, const struct boost *b)
{
    bool same = true;
    for (size_t i = 1; i < b->outputs; i++)
        same &= b->base_score[i] == b->base_score[0];
    struct sbuf text;
    sbuf_init(&text, 64 * BOOST_OUTPUTS_MAX);
    if (!same)
        sbuf_addc(&text, '[');
    for (size_t i = 0; i < (same ? 1 : b->outputs); i++)
        sbuf_addf(&text, "%s%.9g", i ? "," : "", (double)b->base_score[i]);
    if (!same)
        sbuf_addc(&text, ']');
    put_key(o, "base_score");
    put_text(o, sbuf_str(&text));
    sbuf_done(&text);
}

static void put_objective(struct sbuf *o, const struct boost *b)
{
    put_key(o, "objective");
    sbuf_addc(o, '{');
    put_key(o, "name");
    put_text(o, str_z(b->objective->name));
    for (size_t i = 0; i < b->params; i++) {
        const struct boost_param *p = &b->param[i];
        if (i == 0 || !str_eq(p->block, p[-1].block)) {
            put_length(o, p->block.n);
            sbuf_add(o, p->block);
            sbuf_addc(o, '{');
        }
        put_length(o, p->key.n);
        sbuf_add(o, p->key);
        put_text(o, p->value);
        if (i + 1 == b->params || !str_eq(p->block, p[1].block))
            sbuf_addc(o, '}');
    }
    sbuf_addc(o, '}');
}

static void put_names(struct sbuf *o, const struct boost *b, const str *name)
{
    put_texts(o, "feature_names", name, name ? b->columns : 0);
    str *type = mem_array(str, b->columns);
    for (size_t i = 0; i < b->columns; i++)
        type[i] = b->column_type ? b->column_type[i] : STR("float");
    put_texts(o, "feature_types", type, name || b->column_type ? b->columns : 0);
    mem_free(type);
}

void boost_write(const struct boost *b, struct sbuf *out)
{
    boost_write_named(b, b->column_name, b->note, out);
}

void boost_write_named(const struct boost *b, const str *name, str note, struct sbuf *out)
{
    sbuf_addc(out, '{');
    put_key(out, "learner");
    sbuf_addc(out, '{');
    put_key(out, "attributes");
    sbuf_addc(out, '{');
    if (note.n) {
        put_key(out, "bguard");
        put_text(out, note);
    }
    sbuf_addc(out, '}');
    put_names(out, b, name);
    put_trees(out, b);
    put_key(out, "learner_model_param");
    sbuf_addc(out, '{');
    put_base(out, b);
    put_param(out, "num_class", b->classes);
    put_param(out, "num_feature", b->columns);
    put_param(out, "num_target", b->targets);
    sbuf_addc(out, '}');
    put_objective(out, b);
    sbuf_addc(out, '}');
    put_key(out, "version");
    sbuf_add(out, STR("[#"));
    put_length(out, 3);
    sbuf_add(out, STR("i\x01i\x07i\x04"));
    sbuf_addc(out, '}');
}
