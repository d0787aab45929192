/* SPDX-License-Identifier: Apache-2.0 */
#include "tree/iforest_int.h"

#include "base/mem.h"
#include "tree/forest_int.h"

#include <float.h>
#include <math.h>

void iforest_free(struct iforest *f)
{
    if (!f)
        return;
    for (uint32_t i = 0; f->tree && i < f->trees; i++) {
        vec_done(&f->tree[i].nodes);
        vec_done(&f->tree[i].parts);
    }
    forest_free(f->fast);
    mem_free(f->tree);
    mem_free(f);
}

size_t iforest_columns(const struct iforest *f)
{
    return f->columns;
}

size_t iforest_trees(const struct iforest *f)
{
    return f->trees;
}

double iforest_usual_path(double n)
{
    const double euler = 0.57721566490153286;
    if (n <= 2)
        return n == 2 ? 1 : 0;
    return 2 * (log(n - 1) + euler) - 2 * (n - 1) / n;
}

bool iforest_goes_left(const struct iforest_node *n, const struct iforest_part *part,
                       const float *x)
{
    if (n->parts == 1)
        return isnan(x[part->column]) ? n->default_left
                                      : (x[part->column] < part->point) == (part->weight > 0);
    double sum = 0;
    for (uint32_t k = 0; k < n->parts; k++) {
        double v = (double)x[part[k].column];
        if (isnan(v))
            return n->default_left;
        v = fmax(fmin(v, (double)FLT_MAX), (double)-FLT_MAX);
        sum += (double)part[k].weight * (v - (double)part[k].point);
    }
    return sum < 0;
}

static const struct iforest_node *leaf_of(const struct iforest_tree *t, const float *x)
{
    const struct iforest_node *n = t->nodes.at;
    while (n->left)
        n = t->nodes.at + n->left + !iforest_goes_left(n, t->parts.at + n->part, x);
    return n;
}

/* ---- what is made ready ---- */

static status measure(struct iforest *f, uint32_t number, struct error *err)
{
    struct iforest_tree *t = &f->tree[number];
    uint8_t *depth = mem_zero(t->nodes.n);
    bool ok = t->nodes.at[0].count == f->sample;
    for (uint32_t i = 0; ok && i < t->nodes.n; i++) {
        struct iforest_node *n = &t->nodes.at[i];
        if (n->left) {
            const struct iforest_node *two = &t->nodes.at[n->left];
            ok = depth[i] < IFOREST_DEPTH_MAX && two[0].count && two[1].count &&
                 (uint64_t)two[0].count + two[1].count == n->count;
            depth[n->left] = depth[n->left + 1] = (uint8_t)(depth[i] + 1);
        } else {
            n->path = (float)(depth[i] + iforest_usual_path(n->count));
        }
    }
    for (uint32_t i = (uint32_t)t->nodes.n; ok && i-- > 0;) {
        struct iforest_node *n = &t->nodes.at[i];
        const struct iforest_node *two = &t->nodes.at[n->left];
        if (n->left)
            n->path =
                (float)(((double)two[0].path * two[0].count + (double)two[1].path * two[1].count) /
                        n->count);
    }
    mem_free(depth);
    return ok ? ST_OK
              : fail(err, ST_INVALID, "tree %u is too deep, or rows are lost in it", number);
}

static struct forest *compile(const struct iforest *f)
{
    struct forest_builder *b = forest_builder_new(f->columns, 1);
    for (uint32_t i = 0; i < f->trees; i++) {
        const struct iforest_tree *t = &f->tree[i];
        forest_builder_tree(b, 0);
        for (uint32_t k = 0; k < t->nodes.n; k++) {
            const struct iforest_node *n = &t->nodes.at[k];
            const struct iforest_part *p = t->parts.at + n->part;
            if (n->left)
                forest_builder_split(b, n->left, p->column, p->point, n->default_left);
            else
                forest_builder_leaf(b, n->path);
        }
    }
    return forest_build(b);
}

status iforest_finish(struct iforest *f, struct error *err)
{
    f->usual = (float)iforest_usual_path(f->sample);
    for (uint32_t i = 0; i < f->trees; i++) {
        status st = measure(f, i, err);
        if (st)
            return st;
    }
    if (f->extension == 0)
        f->fast = compile(f);
    return ST_OK;
}

/* ---- scores ---- */

/* From sums of paths.  A sample of one row has no usual path: all are as strange as can be told. */
static void to_scores(const struct iforest *f, float *out, size_t n)
{
    float scale = f->usual > 0 ? -1.0F / ((float)f->trees * f->usual) : 0;
    for (size_t i = 0; i < n; i++)
        out[i] = exp2f(out[i] * scale);
}

void iforest_score_plain(const struct iforest *f, const float *x, size_t n, size_t stride,
                         float *out)
{
    for (size_t i = 0; i < n; i++) {
        out[i] = 0;
        for (uint32_t t = 0; t < f->trees; t++)
            out[i] += leaf_of(&f->tree[t], x + i * stride)->path;
    }
    to_scores(f, out, n);
}

size_t iforest_room(const struct iforest *f, size_t n)
{
    return f->fast ? forest_room(f->fast, n) : 64;
}

void iforest_score_in(const struct iforest *f, const float *x, size_t n, size_t stride, void *room,
                      float *out)
{
    if (!f->fast) {
        iforest_score_plain(f, x, n, stride, out);
        return;
    }
    memset(out, 0, n * sizeof *out);
    forest_add(f->fast, x, n, stride, room, out);
    to_scores(f, out, n);
}

void iforest_score(const struct iforest *f, const float *x, size_t n, size_t stride, float *out)
{
    void *room = mem_aligned(64, iforest_room(f, n));
    iforest_score_in(f, x, n, stride, room, out);
    mem_free(room);
}

/* ---- reasons ---- */

/* How much part `p` had to do with the way that was gone. */
static double weight_of(const struct iforest_part *p, float x, bool left, bool missing)
{
    if (missing)
        return isnan(x) ? 1 : 0;
    double towards = (double)p->weight * ((double)x - (double)p->point) * (left ? -1 : 1);
    return fmax(0, fmin(towards, 1e300));
}

/* `shorter` is the doing of the columns of a split: of those that are missing, or else of those that drew to the side it went. */
static void share(const struct iforest_node *n, const struct iforest_part *part, const float *x,
                  bool left, double shorter, double *phi)
{
    double sum = 0;
    bool missing = false;
    for (uint32_t k = 0; k < n->parts; k++)
        missing |= isnan(x[part[k].column]);
    for (uint32_t k = 0; k < n->parts; k++)
        sum += weight_of(&part[k], x[part[k].column], left, missing);
    for (uint32_t k = 0; k < n->parts; k++)
        phi[part[k].column] +=
            sum > 0 && sum < INFINITY
                ? shorter * weight_of(&part[k], x[part[k].column], left, missing) / sum
                : shorter / n->parts;
}

void iforest_explain(const struct iforest *f, const float *x, double *phi)
{
    double expected = 0, found = 0;
    memset(phi, 0, f->columns * sizeof *phi);
    for (uint32_t i = 0; i < f->trees; i++) {
        const struct iforest_tree *t = &f->tree[i];
        const struct iforest_node *n = t->nodes.at;
        expected += (double)n->path;
        while (n->left) {
            const struct iforest_part *part = t->parts.at + n->part;
            bool left = iforest_goes_left(n, part, x);
            const struct iforest_node *next = t->nodes.at + n->left + !left;
            share(n, part, x, left, (double)n->path - (double)next->path, phi);
            n = next;
        }
        found += (double)n->path;
    }
    double scale = f->usual > 0 ? -1.0 / (f->trees * (double)f->usual) : 0;
    double score = exp2(found * scale), shorter = expected - found;
    double factor = fabs(shorter) > 1e-6 * expected ? (score - exp2(expected * scale)) / shorter
                                                    : -score * scale * log(2);
    for (uint32_t c = 0; c < f->columns; c++)
        phi[c] *= factor;
}
