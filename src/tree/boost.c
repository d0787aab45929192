/* SPDX-License-Identifier: Apache-2.0 */
#include "tree/boost_int.h"

#include "base/mem.h"
#include "tree/forest_int.h"

#include <math.h>

void boost_free(struct boost *b)
{
    if (!b)
        return;
    forest_free(b->fast);
    arena_done(&b->arena);
    mem_free(b);
}

size_t boost_columns(const struct boost *b)
{
    return b->columns;
}

size_t boost_trees(const struct boost *b)
{
    return b->trees;
}

size_t boost_outputs(const struct boost *b)
{
    return b->outputs;
}

str boost_column_name(const struct boost *b, size_t column)
{
    return b->column_name ? b->column_name[column] : (str){"", 0};
}

str boost_note(const struct boost *b)
{
    return b->note.n ? b->note : (str){"", 0};
}

bool boost_goes_left(const struct boost_node *n, float x)
{
    if (isnan(x))
        return n->default_left;
    return n->categorical ? !forest_in_set(n->set, n->words, x) : x < n->value;
}

const struct boost_node *boost_leaf(const struct boost_tree *t, const float *x)
{
    const struct boost_node *n = t->node;
    while (n->left)
        n = t->node + n->left + !boost_goes_left(n, x[n->column]);
    return n;
}

void boost_margin_plain(const struct boost *b, const float *x, size_t n, size_t stride, float *out)
{
    for (size_t i = 0; i < n; i++) {
        float *sum = out + i * b->outputs;
        memcpy(sum, b->base, b->outputs * sizeof *sum);
        for (size_t t = 0; t < b->trees; t++)
            sum[b->tree[t].group] += boost_leaf(&b->tree[t], x + i * stride)->value;
    }
}

void boost_compile(struct boost *b)
{
    struct forest_builder *f = forest_builder_new(b->columns, b->outputs);
    for (size_t i = 0; i < b->trees; i++) {
        const struct boost_tree *t = &b->tree[i];
        forest_builder_tree(f, t->group);
        for (uint32_t k = 0; k < t->nodes; k++) {
            const struct boost_node *n = &t->node[k];
            if (n->categorical)
                forest_builder_set(f, n->left, n->column, n->set, n->words, n->default_left);
            else if (n->left)
                forest_builder_split(f, n->left, n->column, n->value, n->default_left);
            else
                forest_builder_leaf(f, n->value);
        }
    }
    b->fast = forest_build(f);
}

size_t boost_room(const struct boost *b, size_t n)
{
    return forest_room(b->fast, n);
}

void boost_margin_in(const struct boost *b, const float *x, size_t n, size_t stride, void *room,
                     float *out)
{
    for (size_t i = 0; i < n; i++)
        memcpy(out + i * b->outputs, b->base, b->outputs * sizeof *out);
    forest_add(b->fast, x, n, stride, room, out);
}

void boost_margin(const struct boost *b, const float *x, size_t n, size_t stride, float *out)
{
    void *room = mem_aligned(64, boost_room(b, n));
    boost_margin_in(b, x, n, stride, room, out);
    mem_free(room);
}

/* ---- from margins to answers, in float as XGBoost does (src/common/math.h) ---- */

static float sigmoid(float x)
{
    return 1.0F / (expf(fminf(-x, 88.7F)) + 1.0F + 1e-16F);
}

static void softmax(float *x, size_t n)
{
    float most = x[0];
    double sum = 0;
    for (size_t i = 1; i < n; i++)
        most = fmaxf(most, x[i]);
    for (size_t i = 0; i < n; i++)
        sum += (double)(x[i] = expf(x[i] - most));
    for (size_t i = 0; i < n; i++)
        x[i] /= (float)sum;
}

static void apply(enum boost_link link, float *x, size_t n)
{
    if (link == LINK_SIGMOID)
        for (size_t i = 0; i < n; i++)
            x[i] = sigmoid(x[i]);
    else if (link == LINK_EXP)
        for (size_t i = 0; i < n; i++)
            x[i] = expf(x[i]);
    else if (link == LINK_HINGE)
        for (size_t i = 0; i < n; i++)
            x[i] = x[i] > 0.0F ? 1.0F : 0.0F;
}

void boost_score_in(const struct boost *b, const float *x, size_t n, size_t stride, void *room,
                    float *out)
{
    boost_margin_in(b, x, n, stride, room, out);
    if (b->objective->link == LINK_SOFTMAX)
        for (size_t i = 0; i < n; i++)
            softmax(out + i * b->outputs, b->outputs);
    else
        apply(b->objective->link, out, n * b->outputs);
}

void boost_score(const struct boost *b, const float *x, size_t n, size_t stride, float *out)
{
    void *room = mem_aligned(64, boost_room(b, n));
    boost_score_in(b, x, n, stride, room, out);
    mem_free(room);
}

void boost_importance(const struct boost *b, double *out)
{
    double sum = 0;
    memset(out, 0, b->columns * sizeof *out);
    for (size_t i = 0; i < b->trees; i++)
        for (uint32_t k = 0; k < b->tree[i].nodes; k++) {
            const struct boost_node *n = &b->tree[i].node[k];
            if (n->left && n->gain > 0) {
                out[n->column] += (double)n->gain;
                sum += (double)n->gain;
            }
        }
    for (size_t c = 0; sum > 0 && c < b->columns; c++)
        out[c] /= sum;
}
