/* SPDX-License-Identifier: Apache-2.0 */
#include "eval/eval_int.h"

#include <math.h>

enum { CALIBRATION_BINS = 15 };

const double eval_rate[EVAL_RATES] = {0.001, 0.01, 0.05, 0.1};

static const double Z95 = 1.959963984540054;
static const struct figure unknown = {NAN, NAN, NAN};

struct figure eval_proportion(uint64_t part, uint64_t whole)
{
    if (whole == 0)
        return unknown;
    double n = (double)whole, p = (double)part / n, z2 = Z95 * Z95;
    double middle = (p + z2 / (2 * n)) / (1 + z2 / n);
    double half = Z95 / (1 + z2 / n) * sqrt(p * (1 - p) / n + z2 / (4 * n * n));
    return (struct figure){p, part == 0 ? 0 : fmax(0, middle - half),
                           part == whole ? 1 : fmin(1, middle + half)};
}

static void confusion(const struct ladder *l, double threshold, struct figures *f)
{
    for (size_t i = 0; i < l->n; i++) {
        const struct step *s = &l->step[i];
        bool called = (double)s->score >= threshold;
        *(called ? &f->true_positive : &f->false_negative) += s->attack;
        *(called ? &f->false_positive : &f->true_negative) += s->normal;
    }
}

static void verdicts(struct figures *f)
{
    uint64_t tp = f->true_positive, fp = f->false_positive, fn = f->false_negative;
    f->accuracy = eval_proportion(tp + f->true_negative, f->rows);
    f->recall = eval_proportion(tp, tp + fn);
    f->fpr = eval_proportion(fp, fp + f->true_negative);
    /* Where nothing is called an attack, precision is 0 (as scikit-learn has it) and nothing is known of it. */
    f->precision = tp + fp ? eval_proportion(tp, tp + fp) : (struct figure){0, 0, 1};
    double f1 = tp ? 2 * (double)tp / (double)(2 * tp + fp + fn) : 0;
    f->f1 = (struct figure){f1, NAN, NAN};
    if (tp + fn == 0) /* of finding attacks that there are not, nothing is known */
        f->accuracy = f->precision = f->f1 = (struct figure){NAN, NAN, NAN};
}

/* ---- of the order alone ---- */

double ladder_auc(const struct ladder *l, double *standard_error)
{
    double attacks = (double)l->attack, normals = (double)l->normal, sum = 0, above_attack = 0;
    double below_normal = normals, s10 = 0, s01 = 0;
    for (size_t i = 0; i < l->n; i++) {
        double half = 0.5 * l->step[i].normal;
        below_normal -= l->step[i].normal;
        sum += l->step[i].attack * (below_normal + half);
    }
    double auc = sum / attacks / normals;
    below_normal = normals;
    for (size_t i = 0; i < l->n; i++) {
        const struct step *s = &l->step[i];
        below_normal -= s->normal;
        double v10 = (below_normal + 0.5 * s->normal) / normals - auc;
        double v01 = (above_attack + 0.5 * s->attack) / attacks - auc;
        above_attack += s->attack;
        s10 += s->attack * v10 * v10;
        s01 += s->normal * v01 * v01;
    }
    *standard_error = sqrt(s10 / (attacks - 1) / attacks + s01 / (normals - 1) / normals);
    return auc;
}

static struct figure auc_figure(const struct ladder *l)
{
    double error, auc = ladder_auc(l, &error);
    if (error > 0 && isfinite(error))
        return (struct figure){auc, fmax(0, auc - Z95 * error), fmin(1, auc + Z95 * error)};
    uint64_t few = l->attack < l->normal ? l->attack : l->normal;
    struct figure f = eval_proportion((uint64_t)llround(auc * (double)few), few);
    return (struct figure){auc, fmin(f.low, auc), fmax(f.high, auc)};
}

static double equal_error_rate(const struct ladder *l)
{
    double fpr = 0, fnr = 1, attack = 0, normal = 0;
    for (size_t i = 0; i < l->n; i++) {
        double old_fpr = fpr, old_gap = fnr - fpr;
        attack += l->step[i].attack;
        normal += l->step[i].normal;
        fpr = normal / (double)l->normal;
        fnr = 1 - attack / (double)l->attack;
        if (fpr >= fnr)
            return old_fpr + (fpr - old_fpr) * old_gap / (old_gap - (fnr - fpr));
    }
    return fpr;
}

static void order_figures(const struct ladder *l, struct figures *f)
{
    f->roc_auc = f->pr_auc = unknown;
    f->equal_error_rate = NAN;
    for (size_t r = 0; r < EVAL_RATES; r++)
        f->recall_at[r] = unknown;
    if (l->attack == 0 || l->normal == 0)
        return;
    double measured[MEASURES];
    ladder_measure(l, measured);
    f->roc_auc = auc_figure(l);
    f->equal_error_rate = equal_error_rate(l);
    f->pr_auc.value = measured[MEASURE_AP];
    for (size_t r = 0; r < EVAL_RATES; r++)
        f->recall_at[r].value = measured[MEASURE_RECALL + r];
    bootstrap_figures(l, f);
}

/* ---- of the scores as probabilities ---- */

static bool are_probabilities(const struct ladder *l)
{
    size_t last = l->n - (l->missing > 0);
    return l->n == 0 || last == 0 || (l->step[0].score <= 1 && l->step[last - 1].score >= 0);
}

static void probability_figures(const struct ladder *l, struct figures *f)
{
    double score[CALIBRATION_BINS] = {0}, attack[CALIBRATION_BINS] = {0}, square = 0, gap = 0;
    f->brier = f->calibration_error = NAN;
    if (f->rows == 0 || !are_probabilities(l))
        return;
    for (size_t i = 0; i < l->n; i++) {
        const struct step *s = &l->step[i];
        double p = s->score > 0 ? (double)s->score : 0, all = (double)s->attack + s->normal;
        size_t bin = (size_t)fmin(p * CALIBRATION_BINS, CALIBRATION_BINS - 1);
        square += s->attack * (1 - p) * (1 - p) + s->normal * p * p;
        score[bin] += all * p;
        attack[bin] += s->attack;
    }
    for (size_t b = 0; b < CALIBRATION_BINS; b++)
        gap += fabs(score[b] - attack[b]);
    f->brier = square / (double)f->rows;
    f->calibration_error = gap / (double)f->rows;
}

void eval_figures(const float *score, const uint8_t *label, size_t n, double threshold,
                  struct figures *out)
{
    struct ladder l;
    ladder_init(&l, score, label, n);
    *out = (struct figures){.rows = l.attack + l.normal,
                            .positives = l.attack,
                            .missing = l.missing,
                            .threshold = threshold};
    confusion(&l, threshold, out);
    verdicts(out);
    order_figures(&l, out);
    probability_figures(&l, out);
    ladder_done(&l);
}
