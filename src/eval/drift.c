/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "eval/eval.h"

#include <assert.h>
#include <float.h>
#include <math.h>

enum { SAMPLE_MAX = 200000 };

static const double LEAST_PART =
    1e-4; /* what an empty bin counts as, so that its logarithm is one */

static int by_value(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static size_t sample(struct drift_reference *r, const float *value, size_t n, size_t stride,
                     float *out)
{
    size_t taken = n < SAMPLE_MAX ? n : SAMPLE_MAX, have = 0;
    for (size_t i = 0; i < taken; i++) {
        float v = value[(size_t)((double)i * (double)n / (double)taken) * stride];
        if (!isnan(v)) /* infinite ones among the most: an edge is a number */
            out[have++] = fmaxf(-FLT_MAX, fminf(v, FLT_MAX));
    }
    r->missing = taken ? (float)(taken - have) / (float)taken : 0;
    qsort(out, have, sizeof *out, by_value);
    return have;
}

/* Edges so that each bin holds its share of what the bins before left over.  Rows of one value stay together; where they
 * are more than a share, they are a bin by themselves.  Edges left over make a bin for what is above all that was seen, which is
 * empty now. */
static void cut(struct drift_reference *r, const float *sorted, size_t n)
{
    size_t edges = 0, begun = 0;
    for (size_t i = 0, end; i < n && edges < DRIFT_BINS - 1; i = end) {
        for (end = i + 1; end < n && sorted[end] <= sorted[i];)
            end++;
        size_t share = (n - begun) / (DRIFT_BINS - edges) + 1;
        if (i > begun && end - i >= share) { /* close the bin before this value */
            r->edge[edges++] = sorted[i];
            begun = i;
        }
        if (end - begun >= share && end < n && edges < DRIFT_BINS - 1) {
            r->edge[edges++] = sorted[end];
            begun = end;
        }
    }
    if (edges < DRIFT_BINS - 1)
        r->edge[edges++] = n ? fminf(nextafterf(sorted[n - 1], INFINITY), FLT_MAX) : FLT_MAX;
    while (edges < DRIFT_BINS - 1)
        r->edge[edges++] = FLT_MAX;
}

static size_t bin_of(const struct drift_reference *r, float value)
{
    size_t bin = 0;
    while (bin < DRIFT_BINS - 1 && value >= r->edge[bin])
        bin++;
    return bin;
}

void drift_fit(struct drift_reference *r, const float *value, size_t n, size_t stride)
{
    float *sorted = mem_array(float, (n < SAMPLE_MAX ? n : SAMPLE_MAX) + 1);
    uint32_t count[DRIFT_BINS] = {0};
    *r = (struct drift_reference){0};
    size_t have = sample(r, value, n, stride, sorted);
    cut(r, sorted, have);
    for (size_t i = 0; i < have; i++)
        count[bin_of(r, sorted[i])]++;
    for (size_t b = 0; b < DRIFT_BINS && have; b++)
        r->part[b] = (float)count[b] / (float)have;
    mem_free(sorted);
}

bool drift_sane(const struct drift_reference *r)
{
    float sum = 0;
    for (size_t b = 0; b < DRIFT_BINS; b++) {
        if (!(r->part[b] >= 0 && r->part[b] <= 1))
            return false;
        sum += r->part[b];
    }
    for (size_t e = 0; e < DRIFT_BINS - 1; e++)
        if (isnan(r->edge[e]) || (e && r->edge[e] < r->edge[e - 1]))
            return false;
    bool none = sum<1e-6F, one = sum> 0.999F && sum < 1.001F;
    return (none || one) && r->missing >= 0 && r->missing <= 1;
}

void drift_add(const struct drift_reference *r, struct drift_count *c, float value)
{
    if (isnan(value))
        c->missing++;
    else
        c->bin[bin_of(r, value)]++;
}

static double psi_of(double expected, double found)
{
    expected = fmax(expected, LEAST_PART);
    found = fmax(found, LEAST_PART);
    return (found - expected) * log(found / expected);
}

/* Kolmogorov's distribution, with Stephens's (1970) correction for few rows. */
static double ks_probability(double distance, double rows)
{
    double root = sqrt(rows), lambda = (root + 0.12 + 0.11 / root) * distance, sum = 0;
    if (lambda < 0.2)
        return 1;
    for (int k = 1; k <= 100; k++)
        sum += (k & 1 ? 2 : -2) * exp(-2.0 * k * k * lambda * lambda);
    return fmin(1, fmax(0, sum));
}

struct drift drift_of(const struct drift_reference *r, const struct drift_count *c)
{
    uint64_t valued = 0;
    double gap = 0;
    for (size_t b = 0; b < DRIFT_BINS; b++)
        valued += c->bin[b];
    struct drift d = {.rows = valued + c->missing, .ks_p = 1};
    if (d.rows == 0)
        return d;
    double all = (double)d.rows, had = 1 - (double)r->missing;
    d.psi = psi_of((double)r->missing, (double)c->missing / all);
    for (size_t b = 0; b < DRIFT_BINS; b++) {
        double found = (double)c->bin[b];
        d.psi += psi_of((double)r->part[b] * had, found / all);
        gap += valued ? (double)r->part[b] - found / (double)valued : 0;
        d.ks = fmax(d.ks, fabs(gap));
    }
    d.ks_p = valued ? ks_probability(d.ks, (double)valued) : 1;
    return d;
}
