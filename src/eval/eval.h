/* SPDX-License-Identifier: Apache-2.0 */
/* eval.h - how good are scores?  Figures with intervals, thresholds, calibration, drift.
 *
 * score (n): higher is more suspicious.  label (n): 1 attack, 0 normal.  All functions are pure; n up to 2^31. */
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
    double threshold;
    uint64_t true_positive, false_positive, true_negative, false_negative;
    struct figure accuracy, precision, recall, f1, fpr, roc_auc, pr_auc;
    struct figure recall_at[EVAL_RATES]; /* at false-positive rates eval_rate[] */
    double brier, calibration_error;     /* of scores in 0..1; else NaN */
    double equal_error_rate;
};
/* A row with score >= threshold is called an attack.  Intervals: Wilson (1927) for proportions, DeLong (1988) for ROC AUC,
 * stratified bootstrap with a fixed seed for the rest. */
void eval_figures(const float *score, const uint8_t *label, size_t n, double threshold,
                  struct figures *out);

/* Thresholds.  Best F1; the least one with at most that part of normal rows at or above it. */
double eval_threshold_f1(const float *score, const uint8_t *label, size_t n);
double eval_threshold_fpr(const float *score, const uint8_t *label, size_t n, double fpr);

struct
    curve { /* owned; from the strictest threshold to the laxest, at most 1,001 points, ends included */
    size_t n;
    double *x, *y, *threshold;
};
void eval_roc(const float *score, const uint8_t *label, size_t n, struct curve *out);
void eval_pr(const float *score, const uint8_t *label, size_t n, struct curve *out);
/* Mean score and part of attacks in each of `bins` bins; threshold: rows in it. */
void eval_reliability(const float *score, const uint8_t *label, size_t n, unsigned bins,
                      struct curve *out);
void curve_done(struct curve *c);

/* Is one better than the other on the same rows?  Two-sided p of DeLong's test of their ROC AUCs, and McNemar's of their verdicts. */
double eval_delong(const float *a, const float *b, const uint8_t *label, size_t n);
double eval_mcnemar(const uint8_t *a, const uint8_t *b, const uint8_t *label, size_t n);

/* Scores to probabilities.  Platt (1999) with his smoothed targets; isotonic: pool adjacent violators (Ayer et al., 1955), linear
 * between its steps, at most 256 of them; rank: part of normal training rows below, where there are no labels. */
enum calibration_kind {
    CALIBRATION_NONE,
    CALIBRATION_PLATT,
    CALIBRATION_ISOTONIC,
    CALIBRATION_RANK
};
enum { CALIBRATION_KNOTS = 256 };
struct calibration { /* by value */
    enum calibration_kind kind;
    double a, b; /* Platt: 1 / (1 + exp(a·s + b)) */
    uint32_t knots;
    float x[CALIBRATION_KNOTS], y[CALIBRATION_KNOTS]; /* ascending */
};
void calibration_fit(struct calibration *c, enum calibration_kind kind, const float *score,
                     const uint8_t *label, size_t n);
float calibration_apply(const struct calibration *c, float score);
/* Numbers that can be: for what was read from a file. */
bool calibration_sane(const struct calibration *c);

/* Drift: how far is what is seen now from what was seen in training?  A reference of quantile bins. */
enum { DRIFT_BINS = 20 };
struct drift_reference {        /* by value */
    float edge[DRIFT_BINS - 1]; /* ascending; bin i: values below edge[i] and not below edge[i-1] */
    float part[DRIFT_BINS];     /* of the rows that have a value; sums to 1 */
    float missing;              /* part of all rows that have none */
};
struct drift_count {
    uint64_t bin[DRIFT_BINS], missing;
};
void drift_fit(struct drift_reference *r, const float *value, size_t n, size_t stride);
void drift_add(const struct drift_reference *r, struct drift_count *c, float value);
struct drift {
    double
        psi; /* population stability index; over 0.1 is a change, over 0.25 a large one (Siddiqi 2006) */
    double ks, ks_p; /* Kolmogorov-Smirnov distance over the bins, and its p */
    uint64_t rows;
};
struct drift drift_of(const struct drift_reference *r, const struct drift_count *c);

#endif
