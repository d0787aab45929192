/* SPDX-License-Identifier: Apache-2.0 */
/* Intervals of what no formula is known for, by drawing the rows again and again.
 *
 * Instead of drawing n rows with replacement, each is given a Poisson(1) weight (Hanley and MacGibbon 2006; Chamandy et al.
 * 2012).  The sum of k such weights is Poisson(k): so rows of neighbouring scores are put together into blocks, and
 * one number is drawn for each class of a block.  Blocks grow with the rank of their rows, by a thousandth of it: a
 * threshold is known as closely at a false-positive rate of 0.001 as at 0.1, and a million rows become some
 * 8,000 blocks.  That a block's rows now count as ties moves the figures a little, so the spread about
 * the blocks' own figure is put about the true one.
 *
 * The classes are drawn apart and brought back to their sizes, as the part of attacks is what the
 * rows came with and not a matter of chance. */
#include "base/mem.h"
#include "base/random.h"
#include "eval/eval_int.h"

#include <math.h>

enum { REPEATS = 400, FINENESS = 1024, SMALL = 24, SEED = 1979, DRAWN = MEASURES + 1 };

/* Poisson(mean): by inversion where that is quick, else the normal one nearest to it. */
static double poisson(struct random *r, double mean, double exp_mean)
{
    if (mean <= 0)
        return 0;
    if (mean > SMALL)
        return fmax(0, round(mean + sqrt(mean) * random_normal(r)));
    double u = random_01(r), p = exp_mean, k = 0;
    for (; u > p && p > 0; k++) {
        u -= p;
        p *= mean / (k + 1);
    }
    return k;
}

struct block {
    double attack, normal, exp_attack, exp_normal;
};

static size_t into_blocks(const struct ladder *l, struct block *block)
{
    double attack = 0, normal = 0;
    size_t n = 0;
    bool closed = true;
    for (size_t i = 0; i < l->n; i++) {
        struct block *b = closed ? &block[n++] : &block[n - 1];
        if (closed)
            *b = (struct block){0};
        b->attack += l->step[i].attack;
        b->normal += l->step[i].normal;
        attack += l->step[i].attack;
        normal += l->step[i].normal;
        closed = b->attack > attack / FINENESS || b->normal > normal / FINENESS;
    }
    for (size_t i = 0; i < n; i++) {
        block[i].exp_attack = exp(-block[i].attack);
        block[i].exp_normal = exp(-block[i].normal);
    }
    return n;
}

/* Figures of weighted steps: `a` and `n` of each, which sum to all_a and all_n. */
static void measure(const double *a, const double *n, size_t steps, const double all[2],
                    double out[MEASURES])
{
    double tp = 0, fp = 0, ap = 0;
    for (size_t r = 0; r < EVAL_RATES; r++)
        out[MEASURE_RECALL + r] = 0;
    for (size_t i = 0; i < steps; i++) {
        tp += a[i];
        fp += n[i];
        if (a[i] > 0)
            ap += a[i] * tp / (tp + fp);
        for (size_t r = 0; r < EVAL_RATES; r++)
            if (fp <= eval_rate[r] * all[1] + 1e-9)
                out[MEASURE_RECALL + r] = tp / all[0];
    }
    out[MEASURE_AP] = ap / all[0];
}

void ladder_measure(const struct ladder *l, double out[MEASURES])
{
    double *a = mem_array(double, l->n), *n = mem_array(double, l->n);
    for (size_t i = 0; i < l->n; i++) {
        a[i] = l->step[i].attack;
        n[i] = l->step[i].normal;
    }
    measure(a, n, l->n, (double[]){(double)l->attack, (double)l->normal}, out);
    mem_free(a);
    mem_free(n);
}

/* Weights for one repetition; each class as large as it was. */
static void draw(struct random *r, const struct block *b, size_t blocks, const double all[2],
                 double *a, double *n)
{
    double sum[2] = {0};
    while (sum[0] <= 0 || sum[1] <= 0) { /* a small class can be drawn empty */
        sum[0] = sum[1] = 0;
        for (size_t i = 0; i < blocks; i++) {
            sum[0] += a[i] = poisson(r, b[i].attack, b[i].exp_attack);
            sum[1] += n[i] = poisson(r, b[i].normal, b[i].exp_normal);
        }
    }
    for (size_t i = 0; i < blocks; i++) {
        a[i] *= all[0] / sum[0];
        n[i] *= all[1] / sum[1];
    }
}

static double f1_of(double tp, double fp, double fn)
{
    return tp > 0 ? 2 * tp / (2 * tp + fp + fn) : 0;
}

static double draw_f1(struct random *r, const struct figures *f)
{
    const double mean[4] = {(double)f->true_positive, (double)f->false_negative,
                            (double)f->false_positive, (double)f->true_negative};
    double count[4] = {0}, attack = 0, normal = 0;
    while (attack <= 0 || normal <= 0) {
        for (int i = 0; i < 4; i++)
            count[i] = poisson(r, mean[i], exp(-mean[i]));
        attack = count[0] + count[1];
        normal = count[2] + count[3];
    }
    double attacks = (mean[0] + mean[1]) / attack, normals = (mean[2] + mean[3]) / normal;
    return f1_of(count[0] * attacks, count[2] * normals, count[1] * attacks);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The middle 95 % of what was drawn about `about`, put about the figure's own value. */
static void interval(double *drawn, double about, struct figure *f)
{
    qsort(drawn, REPEATS, sizeof *drawn, by_value);
    double low = drawn[REPEATS / 40], high = drawn[REPEATS - 1 - REPEATS / 40];
    f->low = fmin(f->value, fmax(0, f->value + low - about));
    f->high = fmax(f->value, fmin(1, f->value + high - about));
}

void bootstrap_figures(const struct ladder *l, struct figures *f)
{
    struct block *block = mem_array(struct block, l->n);
    size_t blocks = into_blocks(l, block);
    double *a = mem_array(double, blocks), *n = mem_array(double, blocks);
    double(*drawn)[REPEATS] = mem_zero(DRAWN * sizeof *drawn);
    double all[2] = {(double)l->attack, (double)l->normal}, about[MEASURES], one[MEASURES];
    struct random random;
    random_init(&random, SEED, 0);
    for (size_t i = 0; i < blocks; i++) {
        a[i] = block[i].attack;
        n[i] = block[i].normal;
    }
    measure(a, n, blocks, all, about);
    for (size_t i = 0; i < REPEATS; i++) {
        draw(&random, block, blocks, all, a, n);
        measure(a, n, blocks, all, one);
        for (size_t m = 0; m < MEASURES; m++)
            drawn[m][i] = one[m];
        drawn[MEASURES][i] = draw_f1(&random, f);
    }
    interval(drawn[MEASURE_AP], about[MEASURE_AP], &f->pr_auc);
    for (size_t r = 0; r < EVAL_RATES; r++)
        interval(drawn[MEASURE_RECALL + r], about[MEASURE_RECALL + r], &f->recall_at[r]);
    interval(drawn[MEASURES], f->f1.value, &f->f1);
    mem_free(drawn);
    mem_free(n);
    mem_free(a);
    mem_free(block);
}
