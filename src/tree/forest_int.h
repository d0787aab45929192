/* SPDX-License-Identifier: Apache-2.0 */
/* forest_int.h - trees laid out to be walked quickly; what boosted trees and isolation forests score with.
 * For files in tree/ only.
 *
 * Four layouts of the same trees:
 *   nodes     as they are given: the plain loop, which is the oracle, and trees that the others do not take (deeper
 *             than FOREST_HEAP_DEPTH, or with categorical splits)
 *   heap      each tree filled up to a complete one, children of i at 2i + 1 and 2i + 2, so that a step is arithmetic
 *             without a branch; several trees are walked at a time.  For few rows
 *   one       heaps again, of 16 bits a node: forest_one.c says how.  For few rows, where there is AVX-512
 *   tests     all different (column, threshold, where NaN goes) of the forest, and for each place of each heap the
 *             number of its test.  For blocks of many rows: forest_avx512.c says how */
#ifndef TREE_FOREST_INT_H
#define TREE_FOREST_INT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct forest; /* immutable */

/* Tree for tree, node for node in the order of their numbers: both children of a node are neighbours, `left` and the one
 * behind it, and come later than it.  What is missing, NaN, goes left when default_left says so, else right. */
struct forest_builder;
struct forest_builder *forest_builder_new(size_t columns, size_t groups);
void forest_builder_tree(struct forest_builder *f, uint32_t group);
/* x < threshold goes left. */
void forest_builder_split(struct forest_builder *f, uint32_t left, uint32_t column, float threshold,
                          bool default_left);
/* Categories in the set go right; `bits` are borrowed for as long as the forest lives. */
void forest_builder_set(struct forest_builder *f, uint32_t left, uint32_t column,
                        const uint32_t *bits, uint32_t words, bool default_left);
void forest_builder_leaf(struct forest_builder *f, float value);
struct forest *forest_build(struct forest_builder *f); /* frees the builder */
void forest_free(struct forest *f);                    /* NULL is fine */

/* out (n, groups) += the value of the leaf of each tree, in the order of the trees, each sum rounded to float.  `room` is
 * forest_room bytes for at least as many rows, the caller's, aligned to 64. */
void forest_add(const struct forest *f, const float *x, size_t n, size_t stride, void *room,
                float *out);
size_t forest_room(const struct forest *f, size_t n);

/* A category that is not in the set, and what is no category, is not in it. */
bool forest_in_set(const uint32_t *bits, uint32_t words, float x);

enum forest_way { FOREST_PLAIN, FOREST_ROWS, FOREST_ONE, FOREST_AVX2, FOREST_AVX512 };
/* The best way of this processor, or what BGUARD_SIMD in the environment says. */
enum forest_way forest_way(void);
/* forest_add on one way, blocks as small as they may be; false: this processor has it not. */
bool forest_add_way(enum forest_way way, const struct forest *f, const float *x, size_t n,
                    size_t stride, float *out);

/* ---- for forest*.c ---- */

enum {
    FOREST_HEAP_DEPTH = 8,
    FOREST_ROW_TREES = 8, /* walked at a time */
    FOREST_RANKS = 254,   /* different thresholds of a column, for its values to become bytes */
};

struct forest_node {
    float value; /* threshold, or of a leaf what it adds */
    uint32_t left, column;
    uint32_t words; /* of a set; 0: a threshold */
    const uint32_t *bits;
    bool default_left;
};
/* Of a heap.  Rows are put before it twice: NaN as +inf, which goes right always, and behind these, as -inf. */
struct forest_step {
    float threshold;
    uint32_t place; /* column, + columns when NaN goes left */
};
struct forest_tree {
    const struct forest_node *node;
    uint32_t nodes, group;
    uint8_t depth,
        heap_depth; /* heap_depth: what it is filled up to; all of a batch have the same */
    bool in_heap;
    const struct forest_step *step; /* (2^heap_depth - 1, FOREST_ROW_TREES): of the batch */
    const float *leaf;              /* (2^heap_depth, FOREST_ROW_TREES) */
    const uint32_t *test;           /* (2^depth - 1): numbers of tests */
    const float *block_leaf;        /* (2^depth, at least 16) */
};
/* The tests of a column: first those that send NaN right, then those that send it left, both sorted. */
struct forest_column {
    uint32_t column, first, right, left; /* number of the first, and how many of each */
    uint32_t ranks;                      /* different thresholds; 0: too many */
    const float *threshold;              /* (256) sorted, filled up with +inf; NULL without ranks */
};
struct forest {
    size_t columns, groups, trees;
    struct forest_tree *tree;
    const struct forest_node *node;
    size_t steps; /* of all heaps */
    size_t tests; /* number 0 is one that nothing passes: all go left */
    const float *test_threshold;
    const uint8_t *test_rank; /* place of its threshold in its column's */
    struct forest_column *test_column;
    size_t test_columns;
    const struct forest_one *one; /* NULL: it is not for one row at a time with AVX-512 */
    void *memory[16];             /* owned */
    size_t memories;
};
/* The forest's from now on. */
void *forest_own(struct forest *f, void *memory);

/* The plain loop of one tree. */
float forest_leaf(const struct forest_tree *t, const float *x);

/* One row, with AVX-512 (FOREST_ONE); all else of the forest has been built. */
void forest_one_build(struct forest *f);
void forest_one(const struct forest *f, const float *x, float *out);

/* Blocks of rows, n at most the way's FOREST_*_ROWS; scratch_new once for many blocks. */
enum { FOREST_AVX512_ROWS = 512, FOREST_AVX2_ROWS = 256 };
void forest_avx512(const struct forest *f, const float *x, size_t n, size_t stride, void *scratch,
                   float *out);
size_t forest_avx512_scratch(const struct forest *f);
void forest_avx2(const struct forest *f, const float *x, size_t n, size_t stride, void *scratch,
                 float *out);
size_t forest_avx2_scratch(const struct forest *f);
/* A block adds to sums (groups, room), which lie the other way than out (n, groups); those behind row n begin as 0. */
void forest_sums_from(const float *out, size_t groups, size_t n, size_t room, float *sums);
void forest_sums_to(float *out, size_t groups, size_t n, size_t room, const float *sums);

#endif
