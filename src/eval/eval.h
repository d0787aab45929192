/* SPDX-License-Identifier: Apache-2.0 */
/* eval.h - how good are scores?  Figures with intervals, thresholds, calibration, drift.
 *
 * score (n): higher is more suspicious; NaN: there is none, which is less suspicious than any score, is never called an attack,
 * and is counted as missing.  label (n): 1 attack, 0 normal; rows of any other label are left out.  All functions are pure; n up
 * to 2^31 - 1. */
#ifndef EVAL_EVAL_H
#define EVAL_EVAL_H

#include "base/sbuf.h"
#include "base/status.h"

#include <stdint.h>

struct figure {
    double value, low, high; /* 95 % interval; NaN: cannot be said (one class only) */
};
enum { EVAL_RATES = 4 };
extern const double eval_rate[EVAL_RATES]; /* 0.001, 0.01, 0.05, 0.1 */
struct figures {
    size_t rows, positives;
    size_t missing; /* of the rows: those with NaN for a score */
    double threshold;
    uint64_t true_positive, false_positive, true_negative, false_negative;
    struct figure accuracy, precision, recall, f1, fpr, roc_auc, pr_auc;
    struct figure recall_at[EVAL_RATES]; /* at false-positive rates eval_rate[] */
    double brier, calibration_error;     /* of scores in 0..1; else NaN */
    double equal_error_rate;
};
/* A row with score >= threshold is called an attack.  pr_auc is average precision, without interpolation, and recall_at the best
 * point of the curve that was really reached.  calibration_error: expected, over 15 bins (Guo et al. 2017).
 *
 * Intervals: Wilson (1927) for proportions; DeLong (1988) for ROC AUC, and where that has no variance (AUC 0 or 1) Wilson's for as
 * many rows as the smaller class has; for the rest a stratified Poisson bootstrap with a fixed seed, whose cost hardly grows
 * with n (bootstrap.c).  O(n): 1 M rows take some 0.4 s. */
void eval_figures(const float *score, const uint8_t *label, size_t n, double threshold,
                  struct figures *out);
/* Wilson's interval of `part` of `whole`; NaN of nothing. */
struct figure eval_proportion(uint64_t part, uint64_t whole);

/* Thresholds.  Best F1: halfway between the scores that it parts; without attacks, just above the highest score.  FPR: the least
 * one with at most that part of normal rows at or above it; without normal rows, 0. */
double eval_threshold_f1(const float *score, const uint8_t *label, size_t n);
double eval_threshold_fpr(const float *score, const uint8_t *label, size_t n, double fpr);

enum { CURVE_POINTS_MAX = 1001 };
struct curve { /* owned; from the strictest threshold to the laxest, ends included */
    size_t n;
    double *x, *y, *threshold; /* threshold: infinity at the first */
};
/* Part of normal rows, and of attacks, at or above each threshold. */
void eval_roc(const float *score, const uint8_t *label, size_t n, struct curve *out);
/* Recall and precision; the first point, where nothing is called an attack, has precision 1. */
void eval_pr(const float *score, const uint8_t *label, size_t n, struct curve *out);
/* Mean score and part of attacks in each of `bins` bins of 0..1 that has rows; threshold: rows in it. */
void eval_reliability(const float *score, const uint8_t *label, size_t n, unsigned bins,
                      struct curve *out);
void curve_done(struct curve *c); /* safe when zeroed */

/* Is one better than the other on the same rows?  Two-sided p of DeLong's test of their ROC AUCs, and McNemar's (exact) of their
 * verdicts (n; 1: called an attack).  NaN: cannot be said. */
double eval_delong(const float *a, const float *b, const uint8_t *label, size_t n);
double eval_mcnemar(const uint8_t *a, const uint8_t *b, const uint8_t *label, size_t n);

/* Scores to probabilities, never turning two scores round.  Platt (1999) with his smoothed targets; isotonic: pool adjacent
 * violators (Ayer et al., 1955), linear between the middles of its steps; rank: part of normal training rows below,
 * where there are no labels. */
enum calibration_kind {
    CALIBRATION_NONE,
    CALIBRATION_PLATT,
    CALIBRATION_ISOTONIC,
    CALIBRATION_RANK
};
enum { CALIBRATION_KNOTS = 256 };
struct calibration { /* by value */
    enum calibration_kind kind;
    double a,
        b; /* Platt: 1 / (1 + exp(a·s + b)), a <= 0; of the others, a > 0 is how fast 0 and 1 are
                    neared beyond the knots */
    uint32_t knots;
    float x[CALIBRATION_KNOTS], y[CALIBRATION_KNOTS]; /* ascending */
};
/* label NULL: all are normal.  With one class only, Platt and isotonic become rank; without a normal row, none. */
void calibration_fit(struct calibration *c, enum calibration_kind kind, const float *score,
                     const uint8_t *label, size_t n);
/* 0..1, or for CALIBRATION_NONE the score itself.  NaN: NaN. */
float calibration_apply(const struct calibration *c, float score);
/* Numbers that can be: for what was read from a file. */
bool calibration_sane(const struct calibration *c);

/* Drift: how far is what is seen now from what was seen in training?  A reference of bins with about as many rows each; a
 * value that many rows share has a bin of its own. */
enum { DRIFT_BINS = 20 };
struct drift_reference {        /* by value */
    float edge[DRIFT_BINS - 1]; /* ascending; bin i: values below edge[i] and not below edge[i-1] */
    float part[DRIFT_BINS];     /* of the rows that have a value; sums to 1, or all 0: none had */
    float missing;              /* part of all rows that have none */
};
struct drift_count {
    uint64_t bin[DRIFT_BINS], missing;
};
/* Of many rows, 200,000 evenly taken. */
void drift_fit(struct drift_reference *r, const float *value, size_t n, size_t stride);
/* Numbers that can be: for what was read from a file. */
bool drift_sane(const struct drift_reference *r);
void drift_add(const struct drift_reference *r, struct drift_count *c, float value);
struct drift {
    double psi; /* population stability index, rows without a value being a bin too; over 0.1 is a
                        change, over 0.25 a large one (Siddiqi 2006).  Chance alone makes it some 20 / rows. */
    double ks, ks_p; /* Kolmogorov-Smirnov distance over the bins, and its p (asymptotic) */
    uint64_t rows;
};
struct drift drift_of(const struct drift_reference *r, const struct drift_count *c);

#endif
