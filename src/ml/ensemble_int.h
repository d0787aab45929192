/* SPDX-License-Identifier: Apache-2.0 */
/* ensemble_int.h - an ensemble's part, for the files that train and that use it. */
#ifndef ML_ENSEMBLE_INT_H
#define ML_ENSEMBLE_INT_H

#include "ml/model_int.h"

/* How members' scores become numbers that can be added. */
enum mix {
    MIX_PROBABILITY, /* the calibrated score */
    MIX_RANK,        /* part of normal rows below it */
    MIX_TAIL, /* logarithm of the part of normal rows above it: Fisher's way to combine tests (1925) */
    MIXES
};
enum { MEMBERS_MAX = 8 };

struct ensemble_member {
    struct model *model; /* owned */
    double weight;
    struct calibration rank;       /* of raw scores among normal validation rows */
    struct model_binding *binding; /* from the ensemble's columns */
    size_t sees;                   /* the first member that sees the same of a row, maybe itself */
};
struct ensemble {
    struct ensemble_member member[MEMBERS_MAX];
    size_t members;
    enum mix mix;
};
/* 0..1; NaN where it did not answer. */
float ensemble_term(const struct ensemble_member *e, enum mix mix, const struct model_answer *a);
/* Where each member finds its columns. */
void ensemble_bind(struct model *m);

/* Weights >= 0 that sum to 1, and the mix, which do best on sets 1 and on, of classes left out of training, and hardly worse than
 * the best member on set 0, of the classes that are known.  Of ways as good as another, where weights are nearer to each other. */
struct weighing_set {
    float *term[MIXES][MEMBERS_MAX]; /* owned (n) */
    uint8_t *label;                  /* owned (n) */
    size_t n;
};
enum { WEIGHING_SETS = 5 };
struct weighing {
    struct weighing_set set[WEIGHING_SETS];
    size_t sets, members;
    bool labelled[MEMBERS_MAX]; /* learns from labels */
};
void weigh_members(const struct weighing *w, double *weight /* (members) */, enum mix *mix);
void weighing_set_done(struct weighing_set *s);

status ensemble_train(struct model *m, const struct fit *f, struct error *err);
status ensemble_refit(struct model *m, const struct fit *f, struct error *err);

enum {
    ENSEMBLE_MEMBERS,
    ENSEMBLE_NOVELTY,
    ENSEMBLE_XGBOOST,
    ENSEMBLE_IFOREST,
    ENSEMBLE_AUTOENCODER,
    ENSEMBLE_REMOTE,
    ENSEMBLE_OPTIONS
};

#endif
