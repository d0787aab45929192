/* SPDX-License-Identifier: Apache-2.0 */
#include "tree/forest_int.h"

#include "base/mem.h"
#include "base/vec.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct first_node {
    size_t first;
    uint32_t group;
};
struct forest_builder {
    size_t columns, groups;
    VEC(struct forest_node) nodes;
    VEC(struct first_node) trees;
};

struct forest_builder *forest_builder_new(size_t columns, size_t groups)
{
    struct forest_builder *f = mem_new(struct forest_builder);
    f->columns = columns;
    f->groups = groups;
    return f;
}

void forest_builder_tree(struct forest_builder *f, uint32_t group)
{
    assert(group < f->groups);
    *vec_push(&f->trees) = (struct first_node){f->nodes.n, group};
}

void forest_builder_split(struct forest_builder *f, uint32_t left, uint32_t column, float threshold,
                          bool default_left)
{
    assert(left && column < f->columns);
    *vec_push(&f->nodes) = (struct forest_node){
        .value = threshold, .left = left, .column = column, .default_left = default_left};
}

void forest_builder_set(struct forest_builder *f, uint32_t left, uint32_t column,
                        const uint32_t *bits, uint32_t words, bool default_left)
{
    assert(left && column < f->columns && words);
    *vec_push(&f->nodes) = (struct forest_node){
        .left = left, .column = column, .words = words, .bits = bits, .default_left = default_left};
}

void forest_builder_leaf(struct forest_builder *f, float value)
{
    *vec_push(&f->nodes) = (struct forest_node){.value = value};
}

void *forest_own(struct forest *f, void *memory)
{
    assert(f->memories < sizeof f->memory / sizeof *f->memory);
    return f->memory[f->memories++] = memory;
}

/* ---- trees, and which of them a heap takes ---- */

/* A threshold of -inf has nothing to its left, and one of NaN neither: there rows put before a heap would go astray. */
static bool heap_can(const struct forest_node *n)
{
    return !n->left || (!n->words && n->value > -INFINITY);
}

static void measure(struct forest_tree *t)
{
    uint8_t *depth = mem_zero(t->nodes);
    t->in_heap = true;
    for (uint32_t i = 0; i < t->nodes; i++) {
        const struct forest_node *n = &t->node[i];
        assert(!n->left || (n->left > i && n->left + 1 < t->nodes));
        t->in_heap &= heap_can(n);
        if (!n->left)
            continue;
        uint8_t below = depth[i] < UINT8_MAX ? (uint8_t)(depth[i] + 1) : UINT8_MAX;
        depth[n->left] = depth[n->left + 1] = below;
        t->depth = below > t->depth ? below : t->depth;
    }
    t->in_heap &= t->depth <= FOREST_HEAP_DEPTH;
    mem_free(depth);
}

static void take_trees(struct forest *f, const struct forest_builder *b)
{
    f->trees = b->trees.n;
    f->node = forest_own(f, b->nodes.at);
    f->tree = forest_own(f, mem_array(struct forest_tree, f->trees));
    for (size_t i = 0; i < f->trees; i++) {
        size_t end = i + 1 < f->trees ? b->trees.at[i + 1].first : b->nodes.n;
        struct forest_tree *t = &f->tree[i];
        *t = (struct forest_tree){.node = f->node + b->trees.at[i].first,
                                  .nodes = (uint32_t)(end - b->trees.at[i].first),
                                  .group = b->trees.at[i].group};
        measure(t);
    }
}

/* ---- heaps for rows ---- */

/* From the first on, as many as are walked at a time: their depth, or 0 when there is one that no heap takes. */
static unsigned batch_depth(const struct forest *f, size_t first)
{
    unsigned depth = 1;
    for (size_t k = 0; k < FOREST_ROW_TREES; k++) {
        if (first + k >= f->trees || !f->tree[first + k].in_heap)
            return 0;
        depth = f->tree[first + k].depth > depth ? f->tree[first + k].depth : depth;
    }
    return depth;
}

/* Below a leaf all ways lead to copies of it. */
static void fill_heap(const struct forest *f, const struct forest_tree *t, uint32_t node,
                      uint32_t place, struct forest_step *step, float *leaf)
{
    const struct forest_node *n = &t->node[node];
    uint32_t inner = (1U << t->heap_depth) - 1;
    if (place >= inner) {
        leaf[(place - inner) * FOREST_ROW_TREES] = n->value;
        return;
    }
    step[place * FOREST_ROW_TREES] = (struct forest_step){INFINITY, 0};
    if (n->left)
        step[place * FOREST_ROW_TREES] = (struct forest_step){
            n->value, n->column + (n->default_left ? (uint32_t)f->columns : 0)};
    fill_heap(f, t, n->left ? n->left : node, 2 * place + 1, step, leaf);
    fill_heap(f, t, n->left ? n->left + 1 : node, 2 * place + 2, step, leaf);
}

static void make_heaps(struct forest *f)
{
    size_t places = 0;
    for (size_t i = 0; i + FOREST_ROW_TREES <= f->trees;) {
        unsigned depth = batch_depth(f, i);
        for (size_t k = 0; depth && k < FOREST_ROW_TREES; k++)
            f->tree[i + k].heap_depth = (uint8_t)depth;
        places += depth ? FOREST_ROW_TREES * ((size_t)1 << depth) : 0;
        i += depth ? FOREST_ROW_TREES : 1;
    }
    struct forest_step *step = forest_own(f, mem_aligned(64, (places + 8) * sizeof *step));
    float *leaf = forest_own(f, mem_aligned(64, (places + 16) * sizeof *leaf));
    for (size_t i = 0; i < f->trees; i++) {
        size_t depth = f->tree[i].heap_depth;
        for (size_t k = 0; depth && k < FOREST_ROW_TREES; k++) {
            struct forest_tree *t = &f->tree[i + k];
            t->step = step;
            t->leaf = leaf;
            fill_heap(f, t, 0, 0, step + k, leaf + k);
        }
        step += depth ? FOREST_ROW_TREES << depth : 0;
        leaf += depth ? FOREST_ROW_TREES << depth : 0;
        i += depth ? FOREST_ROW_TREES - 1 : 0;
    }
}

/* ---- tests for blocks ---- */

struct test {
    float threshold;
    uint32_t column;
    bool default_left;
};

static int by_column(const void *a, const void *b)
{
    const struct test *x = a, *y = b;
    if (x->column != y->column)
        return x->column < y->column ? -1 : 1;
    if (x->default_left != y->default_left)
        return x->default_left ? 1 : -1;
    return x->threshold < y->threshold ? -1 : x->threshold > y->threshold;
}

static size_t collect_tests(const struct forest *f, struct test *test)
{
    size_t n = 0, kept = 0;
    for (size_t i = 0; i < f->trees; i++)
        for (uint32_t k = 0; f->tree[i].in_heap && k < f->tree[i].nodes; k++) {
            const struct forest_node *node = &f->tree[i].node[k];
            if (node->left)
                test[n++] = (struct test){node->value, node->column, node->default_left};
        }
    if (n)
        qsort(test, n, sizeof *test, by_column);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || by_column(&test[i], &test[kept - 1]) != 0)
            test[kept++] = test[i];
    return kept;
}

static uint32_t number_of(const struct test *test, size_t n, const struct forest_node *node)
{
    struct test key = {node->value, node->column, node->default_left};
    const struct test *hit = bsearch(&key, test, n, sizeof *test, by_column);
    assert(hit);
    return (uint32_t)(hit - test) + 1; /* number 0 is taken */
}

static void fill_tests(const struct forest_tree *t, uint32_t node, uint32_t place,
                       const struct test *test, size_t tests, uint32_t *number, float *leaf)
{
    const struct forest_node *n = &t->node[node];
    uint32_t inner = (1U << t->depth) - 1;
    if (place >= inner) {
        leaf[place - inner] = n->value;
        return;
    }
    number[place] = n->left ? number_of(test, tests, n) : 0;
    uint32_t left = n->left ? n->left : node;
    fill_tests(t, left, 2 * place + 1, test, tests, number, leaf);
    fill_tests(t, n->left ? n->left + 1 : node, 2 * place + 2, test, tests, number, leaf);
}

static void place_tests(struct forest *f, const struct test *test)
{
    size_t places = 0, leaves = 0;
    for (size_t i = 0; i < f->trees; i++)
        if (f->tree[i].in_heap) {
            places += (size_t)1 << f->tree[i].depth;
            leaves += f->tree[i].depth < 4 ? 16 : (size_t)1 << f->tree[i].depth;
        }
    uint32_t *number = forest_own(f, mem_array(uint32_t, places + 1));
    float *leaf = forest_own(f, mem_aligned(64, (leaves + 16) * sizeof *leaf));
    memset(leaf, 0, (leaves + 16) * sizeof *leaf);
    for (size_t i = 0; i < f->trees; i++) {
        struct forest_tree *t = &f->tree[i];
        if (!t->in_heap)
            continue;
        t->test = number;
        t->block_leaf = leaf;
        fill_tests(t, 0, 0, test, f->tests - 1, number, leaf);
        number += (size_t)1 << t->depth;
        leaf += t->depth < 4 ? 16 : (size_t)1 << t->depth;
    }
}

static int by_size(const void *a, const void *b)
{
    const float *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

/* Sorted, different thresholds of a column's tests into `sorted` (256); 0: more than can be. */
static uint32_t rank_thresholds(const struct test *test, const struct forest_column *c,
                                float *sorted)
{
    uint32_t n = c->right + c->left, kept = 0;
    float *all = mem_array(float, n);
    for (uint32_t i = 0; i < n; i++)
        all[i] = test[c->first - 1 + i].threshold;
    qsort(all, n, sizeof *all, by_size);
    for (uint32_t i = 0; i < n; i++)
        if (i == 0 || all[i] > all[i - 1]) {
            if (kept < 256)
                sorted[kept] = all[i];
            kept++;
        }
    for (uint32_t i = kept; i < 256; i++)
        sorted[i] = INFINITY;
    mem_free(all);
    return kept <= FOREST_RANKS ? kept : 0;
}

static void make_columns(struct forest *f, const struct test *test, size_t n)
{
    size_t columns = 0;
    for (size_t i = 0; i < n; i++)
        columns += i == 0 || test[i].column != test[i - 1].column;
    f->test_column = forest_own(f, mem_array(struct forest_column, columns));
    float *sorted = forest_own(f, mem_aligned(64, (columns * 256 + n + 1) * sizeof *sorted));
    float *threshold = sorted + columns * 256;
    uint8_t *rank = forest_own(f, mem_zero(n + 1));
    f->test_threshold = threshold;
    f->test_rank = rank;
    threshold[0] = 0;
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || test[i].column != test[i - 1].column)
            f->test_column[f->test_columns++] = (struct forest_column){
                .column = test[i].column, .first = (uint32_t)i + 1, .threshold = sorted};
        struct forest_column *c = &f->test_column[f->test_columns - 1];
        test[i].default_left ? c->left++ : c->right++;
        threshold[i + 1] = test[i].threshold;
    }
    for (size_t k = 0; k < f->test_columns; k++, sorted += 256) {
        struct forest_column *c = &f->test_column[k];
        c->threshold = sorted;
        c->ranks = rank_thresholds(test, c, sorted);
        for (uint32_t i = c->first; c->ranks && i < c->first + c->left + c->right; i++) {
            const float *hit = bsearch(&threshold[i], sorted, c->ranks, sizeof *sorted, by_size);
            rank[i] = (uint8_t)(hit - sorted);
        }
    }
}

struct forest *forest_build(struct forest_builder *b)
{
    struct forest *f = mem_new(struct forest);
    f->columns = b->columns;
    f->groups = b->groups;
    struct test *test = mem_array(struct test, b->nodes.n + 1);
    take_trees(f, b);
    make_heaps(f);
    size_t n = collect_tests(f, test);
    f->tests = n + 1;
    place_tests(f, test);
    make_columns(f, test, n);
    forest_one_build(f);
    mem_free(test);
    vec_done(&b->trees);
    mem_free(b);
    return f;
}
