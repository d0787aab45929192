/* SPDX-License-Identifier: Apache-2.0 */
/* TreeSHAP (Lundberg et al. 2020, algorithm 2; path-dependent): the parts of a row's margin that are each column's doing, in
 * time O(leaves depth^2) for a tree.
 *
 * On the way down the columns that were split on are kept as a path.  An element says which part of the training rows (zero)
 * and of this row (one: 1 or 0) goes this way, and `weight` holds for subsets of the path of each size how much
 * of them go.  At a leaf each element is taken out again, to see what there would be without it. */
#include "base/mem.h"
#include "tree/boost_int.h"

#include <math.h>

struct element {
    uint32_t column;
    double zero, one, weight;
};
enum { NO_COLUMN = BOOST_COLUMNS_MAX };

struct explained {
    const struct boost_tree *tree;
    const float *x;
    double *phi;
};

static void extend(struct element *path, unsigned length, double zero, double one, uint32_t column)
{
    path[length] = (struct element){column, zero, one, length == 0 ? 1 : 0};
    for (unsigned i = length; i-- > 0;) {
        path[i + 1].weight += one * path[i].weight * (i + 1) / (length + 1);
        path[i].weight = zero * path[i].weight * (length - i) / (length + 1);
    }
}

/* Take element `at` out of a path whose last is `last`. */
static void unwind(struct element *path, unsigned last, unsigned at)
{
    double one = path[at].one, zero = path[at].zero, next = path[last].weight;
    for (unsigned i = last; i-- > 0;)
        if (one != 0) {
            double was = path[i].weight;
            path[i].weight = next * (last + 1) / ((i + 1) * one);
            next = was - path[i].weight * zero * (last - i) / (last + 1);
        } else {
            path[i].weight = path[i].weight * (last + 1) / (zero * (last - i));
        }
    for (unsigned i = at; i < last; i++) {
        path[i].column = path[i + 1].column;
        path[i].zero = path[i + 1].zero;
        path[i].one = path[i + 1].one;
    }
}

/* The sum of the weights when element `at` is taken out. */
static double unwound(const struct element *path, unsigned last, unsigned at)
{
    double one = path[at].one, zero = path[at].zero, next = path[last].weight, sum = 0;
    for (unsigned i = last; i-- > 0;)
        if (one != 0) {
            double weight = next * (last + 1) / ((i + 1) * one);
            sum += weight;
            next = path[i].weight - weight * zero * (last - i) / (last + 1);
        } else {
            sum += path[i].weight * (last + 1) / (zero * (last - i));
        }
    return sum;
}

/* Part of the training rows at a node that go left. */
static double left_part(const struct boost_tree *t, const struct boost_node *n)
{
    double left = fmax((double)t->node[n->left].cover, 0);
    double right = fmax((double)t->node[n->left + 1].cover, 0);
    return left + right > 0 ? left / (left + right) : 0.5;
}

/* `path` has `length` elements and behind them room for a copy with one more, and so on. */
static void descend(const struct explained *e, uint32_t at, struct element *before, unsigned length,
                    double zero, double one, uint32_t column)
{
    const struct boost_node *n = &e->tree->node[at];
    struct element *path = before + length;
    if (zero == 0 && one == 0)
        return; /* no row comes here */
    memcpy(path, before, length * sizeof *path);
    extend(path, length, zero, one, column);
    if (!n->left) {
        for (unsigned i = 1; i <= length; i++)
            e->phi[path[i].column] +=
                unwound(path, length, i) * (path[i].one - path[i].zero) * (double)n->value;
        return;
    }
    double part = left_part(e->tree, n), zero_before = 1, one_before = 1;
    bool left = boost_goes_left(n, e->x[n->column]);
    for (unsigned i = 1; i <= length; i++)
        if (path[i].column == n->column) {
            zero_before = path[i].zero;
            one_before = path[i].one;
            unwind(path, length, i);
            length--;
            break;
        }
    descend(e, n->left, path, length + 1, part * zero_before, left ? one_before : 0, n->column);
    descend(e, n->left + 1, path, length + 1, (1 - part) * zero_before, left ? 0 : one_before,
            n->column);
}

/* The mean of a tree, children first: they have the higher numbers. */
static double mean_of(const struct boost_tree *t)
{
    double *mean = mem_array(double, t->nodes), root;
    for (uint32_t i = t->nodes; i-- > 0;) {
        const struct boost_node *n = &t->node[i];
        double part = n->left ? left_part(t, n) : 0;
        mean[i] =
            n->left ? part * mean[n->left] + (1 - part) * mean[n->left + 1] : (double)n->value;
    }
    root = mean[0];
    mem_free(mean);
    return root;
}

void boost_explain(const struct boost *b, const float *x, size_t k, double *phi)
{
    size_t deepest = 0;
    memset(phi, 0, (b->columns + 1) * sizeof *phi);
    phi[b->columns] = (double)b->base[k];
    for (size_t i = 0; i < b->trees; i++)
        deepest = b->tree[i].depth > deepest ? b->tree[i].depth : deepest;
    struct element *path = mem_array(struct element, (deepest + 3) * (deepest + 4) / 2);
    for (size_t i = 0; i < b->trees; i++) {
        const struct boost_tree *t = &b->tree[i];
        struct explained e = {.tree = t, .x = x, .phi = phi};
        if (t->group != k)
            continue;
        phi[b->columns] += mean_of(t);
        if (t->depth)
            descend(&e, 0, path, 0, 1, 1, NO_COLUMN);
    }
    mem_free(path);
}
