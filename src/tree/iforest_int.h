/* SPDX-License-Identifier: Apache-2.0 */
/* iforest_int.h - an isolation forest in memory.  For files in tree/ only. */
#ifndef TREE_IFOREST_INT_H
#define TREE_IFOREST_INT_H

#include "base/vec.h"
#include "tree/tree.h"

#include <stdbool.h>

enum {
    IFOREST_COLUMNS_MAX = 1 << 16,
    IFOREST_TREES_MAX = 1 << 16,
    IFOREST_SAMPLE_MAX = 1 << 16,
    IFOREST_DEPTH_MAX = 32,
};

/* A split is a hyperplane: left is where the sum of weight * (x - point) is below 0.  The plain forest has one part of
 * weight 1 in each, so that x < point. */
struct iforest_part {
    uint32_t column;
    float weight, point;
};
struct iforest_node {
    uint32_t left;  /* index in the tree, the right one is behind it; 0: a leaf */
    uint32_t count; /* rows of the sample that came here */
    uint32_t part, parts;
    bool default_left; /* where rows go that miss a value of the split: to the larger part */
    float
        path; /* of a leaf, how long the path to it is; else the mean of those below, by their counts */
};
struct iforest_tree {
    VEC(struct iforest_node) nodes;
    VEC(struct iforest_part) parts;
};
struct forest;
struct iforest {
    uint32_t columns, trees, sample, extension; /* sample: rows in the root of each tree */
    struct iforest_tree *tree;
    struct forest *fast; /* NULL: extended */
    float usual;         /* c: the length of a path that finds nothing */
};

/* The mean length of a path that does not find what it looks for in a binary search tree of n (Liu et al., equation 1). */
double iforest_usual_path(double n);
/* After nodes and parts: lengths of paths, and what scores.  ST_INVALID: these are no trees. */
CHECKED status iforest_finish(struct iforest *f, struct error *err);
bool iforest_goes_left(const struct iforest_node *n, const struct iforest_part *part,
                       const float *x);
/* The oracle. */
void iforest_score_plain(const struct iforest *f, const float *x, size_t n, size_t stride,
                         float *out);

#endif
