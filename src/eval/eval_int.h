/* SPDX-License-Identifier: Apache-2.0 */
/* eval_int.h - rows in the order of their scores; for files in eval/ only. */
#ifndef EVAL_EVAL_INT_H
#define EVAL_EVAL_INT_H

#include "eval/eval.h"

/* Rows of labels 0 and 1 by falling score, NaN last. */
struct ranked {
    uint64_t *row; /* (n), owned; the low half is the row */
    size_t n;
};
void ranked_init(struct ranked *r, const float *score, const uint8_t *label, size_t n);
void ranked_done(struct ranked *r);
static inline uint32_t ranked_row(const struct ranked *r, size_t i)
{
    return (uint32_t)r->row[i];
}
/* Have the i-th and the one before it the same score? */
static inline bool ranked_tied(const struct ranked *r, size_t i)
{
    return r->row[i] >> 32 == r->row[i - 1] >> 32;
}

/* The same, rows of equal score together. */
struct step {
    float score; /* NaN has become minus infinity */
    uint32_t attack, normal;
};
struct ladder {
    struct step *step; /* (n), owned; falling score */
    size_t n;
    uint64_t attack, normal, missing;
};
void ladder_init(struct ladder *l, const float *score, const uint8_t *label, size_t n);
void ladder_done(struct ladder *l);

enum { MEASURE_AP, MEASURE_RECALL, MEASURES = MEASURE_RECALL + EVAL_RATES };
/* Average precision and recall at eval_rate[] of a ladder with both classes. */
void ladder_measure(const struct ladder *l, double out[MEASURES]);

/* Intervals of f1, pr_auc and recall_at in `f`, whose values are there already. */
void bootstrap_figures(const struct ladder *l, struct figures *f);

/* ROC AUC, with its standard error (Sun and Xu 2014). */
double ladder_auc(const struct ladder *l, double *standard_error);

#endif
