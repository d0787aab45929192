/* SPDX-License-Identifier: Apache-2.0 */
/* boost_int.h - a boosted ensemble in memory.  For files in tree/ only. */
#ifndef TREE_BOOST_INT_H
#define TREE_BOOST_INT_H

#include "base/arena.h"
#include "tree/tree.h"

enum {
    BOOST_BYTES_MAX = 128 << 20,
    BOOST_COLUMNS_MAX = 1 << 16,
    BOOST_OUTPUTS_MAX = 1024,
    BOOST_TREES_MAX = 1 << 17,
    BOOST_DEPTH_MAX = 128,
    BOOST_CATEGORIES_MAX =
        1 << 24, /* XGBoost's own: above it a float holds no longer each integer */
};

enum boost_link { LINK_NONE, LINK_SIGMOID, LINK_EXP, LINK_SOFTMAX, LINK_HINGE };
struct boost_objective {
    const char *name;
    enum boost_link base, link;
};

/* Nodes of a tree lie so that both children of one are neighbours, and behind it. */
struct boost_node {
    uint32_t left; /* index in the tree; the right one is behind it; 0: a leaf */
    uint32_t column;
    float value;               /* goes left when x < value; of a leaf, its part of the margin */
    float gain, cover, weight; /* as the model says; cover: sum of hessians */
    const uint32_t *set;       /* categorical: 32 to a word, the lowest first; 1: goes right */
    uint32_t words;
    uint8_t default_left, categorical, depth;
};
struct boost_tree {
    const struct boost_node *node;
    uint32_t nodes, group, depth; /* group: the output it adds to; depth: 0 when it is one leaf */
};
struct boost_param { /* of the objective: written back as it was */
    str block, key, value;
};
struct forest;

struct boost {
    struct arena arena; /* owns all but `fast` */
    size_t columns, trees, outputs, parallel;
    const struct boost_objective *objective;
    float *base;       /* (outputs), margins */
    float *base_score; /* (outputs), as the model says */
    size_t classes;    /* 0: not one output for each class */
    size_t targets;
    struct boost_tree *tree; /* (trees) */
    str *column_name;        /* (columns), or NULL */
    str *column_type;        /* (columns), or NULL */
    str note;                /* the attribute that is ours, or empty */
    struct boost_param *param;
    size_t params;
    struct forest *fast; /* owned */
};

/* The leaf that a row comes to: XGBoost's GetNextNode, without branches left out. */
const struct boost_node *boost_leaf(const struct boost_tree *t, const float *x);
/* A category that the set has not, and what is no category, goes left. */
bool boost_goes_left(const struct boost_node *n, float x);

/* boost_read, of the first `trees` only. */
CHECKED status boost_read_first(str bytes, size_t trees, struct boost **out, struct error *err);

/* What forest.h can score quickly is put there; the rest is scored with the plain loop. */
void boost_compile(struct boost *b);
/* The oracle. */
void boost_margin_plain(const struct boost *b, const float *x, size_t n, size_t stride, float *out);

#endif
