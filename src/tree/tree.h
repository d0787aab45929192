/* SPDX-License-Identifier: Apache-2.0 */
/* tree.h - ensembles of decision trees: gradient-boosted ones and isolation forests.
 *
 * Rows are (n, d) row-major float, NaN where a value is missing; `stride` is the distance between rows in
 * floats.  What was built or read is immutable: any thread may score with it. */
#ifndef TREE_TREE_H
#define TREE_TREE_H

#include "base/sbuf.h"
#include "base/status.h"

#include <stdint.h>

struct team;

/* ---- gradient-boosted trees ---- */

struct boost; /* opaque */

/* An XGBoost model as XGBoost writes it: JSON or UBJSON (its doc "Introduction to Model IO"), any version from 1.0 on;
 * boosters gbtree and dart; objectives binary:logistic, binary:logitraw, reg:*, multi:softprob and multi:softmax; categorical
 * splits.  ST_INVALID: damaged, or hostile; ST_UNSUPPORTED: of a kind that is not scored here; ST_LIMIT: too large. */
CHECKED status boost_read(str bytes, struct boost **out, struct error *err);
void boost_free(struct boost *b); /* NULL is fine */
/* As UBJSON that XGBoost reads. */
void boost_write(const struct boost *b, struct sbuf *out);
/* The same with names for its columns (columns), and a text for whoever reads it next, which XGBoost keeps among the model's
 * attributes. */
void boost_write_named(const struct boost *b, const str *name, str note, struct sbuf *out);

size_t boost_columns(const struct boost *b); /* d */
size_t boost_trees(const struct boost *b);
size_t boost_outputs(const struct boost *b); /* k: 1, or the classes of a multi-class model */
/* As the model names it, or empty; lives as long as `b`. */
str boost_column_name(const struct boost *b, size_t column);
/* What boost_write_named said, or empty; lives as long as `b`. */
str boost_note(const struct boost *b);

/* out (n, k): what XGBoost's predict answers, to 1e-6: probabilities (of multi:softmax too), or values of a regression.
 * The fastest way that this processor knows; BGUARD_SIMD=plain|avx2|avx512 in the environment overrules. */
void boost_score(const struct boost *b, const float *x, size_t n, size_t stride, float *out);
void boost_margin(const struct boost *b, const float *x, size_t n, size_t stride, float *out);

/* Both without allocating: `room` is boost_room bytes for at least as many rows, the caller's, aligned to 64, one thread's at
 * a time. */
void boost_score_in(const struct boost *b, const float *x, size_t n, size_t stride, void *room,
                    float *out);
void boost_margin_in(const struct boost *b, const float *x, size_t n, size_t stride, void *room,
                     float *out);
size_t boost_room(const struct boost *b, size_t n);

/* TreeSHAP (Lundberg et al., "From local explanations to global understanding with explainable AI for trees", 2020,
 * algorithm 2): phi (d + 1) of output `k` for one row, in units of the margin; the last is the mean; they sum to the margin. */
void boost_explain(const struct boost *b, const float *x, size_t k, double *phi);
/* Sum of gains of the splits on each column, (d), summing to 1. */
void boost_importance(const struct boost *b, double *out);

struct boost_options {
    unsigned trees, depth;                  /* 0: 300 and 6 */
    double rate;                            /* learning rate; 0: 0.1 */
    double subsample, columns;              /* parts of rows and columns for each tree; 0: 1 */
    double min_child_weight, lambda, gamma; /* 0: 1, 1 and 0 */
    double positive_weight;                 /* weight of a row with label 1; 0: 1 */
    unsigned bins;                          /* of histograms; 0: 256 */
    unsigned patience; /* stop when so many trees did not better the validation rows; 0: never */
    const int8_t *monotone; /* (d) -1, 0, 1; NULL: none */
    uint64_t seed;
    unsigned threads; /* 0: all */
    /* Called after each tree; false: stop, ST_UNAVAILABLE. */
    bool (*progress)(void *arg, unsigned tree, unsigned trees, double validation_loss);
    void *arg;
    /* A file where the state is kept every few trees, and from which an interrupted run of the same options and data
     * goes on (there may be more trees, or other patience); it goes when the training is done.  NULL: none. */
    const char *checkpoint;
};
struct boost_data {
    const float *x;      /* (n, d) */
    const float *y;      /* (n) 0 or 1 */
    const float *weight; /* (n) or NULL */
    size_t n, d;
};
/* Train with XGBoost's C API, logistic loss.  `validation` may be NULL; with it and patience, the trees until its best loss
 * are kept.  ST_INVALID: XGBoost does not want these data, and why (no infinities).  ST_UNAVAILABLE: stopped, or the library
 * cannot be had, and which package has it.  ST_IO, ST_NOT_FOUND: the checkpoint cannot be written. */
CHECKED status boost_train(const struct boost_options *o, const struct boost_data *train,
                           const struct boost_data *validation, struct boost **out,
                           struct error *err);

/* ---- isolation forests ---- */

/* Liu, Ting, Zhou, "Isolation forest", ICDM 2008; extended: Hariri, Kind, Brunner, TKDE 2021 (splits on
 * random hyperplanes).  Missing values go with the larger part. */
struct iforest; /* opaque */
struct iforest_options {
    unsigned trees, sample; /* 0: 200 and 256 */
    unsigned extension;     /* columns in a split beyond the first; 0: the plain forest */
    uint64_t seed;
};
/* n, d > 0.  The same for the same seed on any team. */
void iforest_train(const struct iforest_options *o, const float *x, size_t n, size_t d,
                   size_t stride, struct team *team, struct iforest **out);
void iforest_free(struct iforest *f); /* NULL is fine */
size_t iforest_columns(const struct iforest *f);
size_t iforest_trees(const struct iforest *f);
/* out (n): 2^(-E(h)/c), 0..1, the higher the stranger. */
void iforest_score(const struct iforest *f, const float *x, size_t n, size_t stride, float *out);
/* Without allocating: `room` is iforest_room bytes, as of boost_score_in. */
void iforest_score_in(const struct iforest *f, const float *x, size_t n, size_t stride, void *room,
                      float *out);
size_t iforest_room(const struct iforest *f, size_t n);
/* phi (d): how much each column shortened the paths of one row against the expected, in score points; they sum to
 * score - 2^(-E(mean path of the training rows)/c).  On its way down a row's expected path changes at every split, which is
 * put down to the split's column (as Saabas does for other forests, "Interpreting random forests", 2014), of a hyperplane
 * to those that drew it to the side it went; then all are scaled from lengths to points. */
void iforest_explain(const struct iforest *f, const float *x, double *phi);
void iforest_write(const struct iforest *f, struct sbuf *out);
/* ST_INVALID: damaged or hostile. */
CHECKED status iforest_read(str bytes, struct iforest **out, struct error *err);

#endif
