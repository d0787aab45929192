/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "eval/eval_int.h"

#include <assert.h>
#include <math.h>

static void curve_init(struct curve *c, size_t room)
{
    *c = (struct curve){.x = mem_array(double, room),
                        .y = mem_array(double, room),
                        .threshold = mem_array(double, room)};
}

void curve_done(struct curve *c)
{
    mem_free(c->x);
    mem_free(c->y);
    mem_free(c->threshold);
    *c = (struct curve){0};
}

static void put(struct curve *c, double x, double y, double threshold)
{
    assert(c->n < CURVE_POINTS_MAX);
    c->x[c->n] = x;
    c->y[c->n] = y;
    c->threshold[c->n++] = threshold;
}

/* How far along the curve is it, 0..1?  Points are kept at equal steps of this.  The logarithm gives the strict end,
 * where thresholds are set, its share of them. */
static double progress(double x, double y)
{
    return (x + y + log1p(1000 * x) / log1p(1000)) / 3;
}

/* x and y: parts of normal rows and attacks (ROC), or recall and precision. */
static void walk(const struct ladder *l, bool roc, struct curve *out)
{
    double attack = 0, normal = 0, kept = 0;
    curve_init(out, CURVE_POINTS_MAX);
    put(out, 0, roc ? 0 : 1, INFINITY);
    for (size_t i = 0; i < l->n; i++) {
        attack += l->step[i].attack;
        normal += l->step[i].normal;
        double recall = attack / (double)l->attack, fpr = normal / (double)l->normal;
        double at = roc ? progress(fpr, recall)
                        : progress((attack + normal) / (double)(l->attack + l->normal), recall);
        bool last = i + 1 == l->n, far = at - kept >= 1.0 / (CURVE_POINTS_MAX - 3);
        if (!last && !far && l->n >= CURVE_POINTS_MAX)
            continue;
        kept = at;
        put(out, roc ? fpr : recall, roc ? recall : attack / (attack + normal),
            (double)l->step[i].score);
    }
}

static void curve_of(const float *score, const uint8_t *label, size_t n, bool roc,
                     struct curve *out)
{
    struct ladder l;
    *out = (struct curve){0};
    ladder_init(&l, score, label, n);
    if (l.attack && l.normal)
        walk(&l, roc, out);
    ladder_done(&l);
}

void eval_roc(const float *score, const uint8_t *label, size_t n, struct curve *out)
{
    curve_of(score, label, n, true, out);
}

void eval_pr(const float *score, const uint8_t *label, size_t n, struct curve *out)
{
    curve_of(score, label, n, false, out);
}

void eval_reliability(const float *score, const uint8_t *label, size_t n, unsigned bins,
                      struct curve *out)
{
    struct curve sum; /* x: of scores, y: of attacks, threshold: of rows */
    assert(bins > 0 && bins <= CURVE_POINTS_MAX);
    curve_init(&sum, bins);
    curve_init(out, bins);
    for (size_t i = 0; i < n; i++) {
        if (label[i] > 1)
            continue;
        double p = fmin(1, fmax(0, (double)score[i])); /* NaN: 0 */
        size_t bin = (size_t)fmin(p * bins, bins - 1);
        sum.x[bin] += p;
        sum.y[bin] += label[i];
        sum.threshold[bin]++;
    }
    for (size_t b = 0; b < bins; b++)
        if (sum.threshold[b] > 0)
            put(out, sum.x[b] / sum.threshold[b], sum.y[b] / sum.threshold[b], sum.threshold[b]);
    curve_done(&sum);
}
