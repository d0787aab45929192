/* SPDX-License-Identifier: Apache-2.0 */
/* train_int.h - the driver of training in pieces: parts of the data, thresholds, judgement. */
#ifndef ML_TRAIN_INT_H
#define ML_TRAIN_INT_H

#include "ml/model_int.h"

/* Rows in three, ascending; of the same allocation. */
struct parts {
    uint32_t *index; /* owned */
    struct rows train, validation, test;
    char words[200]; /* for the card */
    bool torn;       /* groups had to be torn apart: too large to be kept whole */
};
/* keystroke: the first rows of each person to train, the next to validate, the last to test. */
void parts_of(const struct model_training *t, const struct dataset *d, struct parts *out);
/* From now on the training rows of group `from` and up are there `times` times, one after the other. */
void parts_weigh(struct parts *p, const struct dataset *d, uint32_t from, unsigned times);
void parts_done(struct parts *p);

struct trials {       /* scores with labels; of a keystroke model each row against each person */
    float *score;     /* owned (n) */
    uint8_t *label;   /* owned (n) */
    uint32_t *person; /* owned (n), or NULL */
    size_t n, unlabelled;
    uint8_t members, missing; /* least, most of any row */
};
/* balanced: of the attempts to be somebody else one for each row.  unlabelled_normal: rows without a label count as normal. */
void trials_of(const struct model *m, const struct dataset *d, struct rows rows, struct team *team,
               bool balanced, bool unlabelled_normal, struct trials *out);
void trials_done(struct trials *t);
/* Mean over persons; NaN where there are none. */
double trials_person_eer(const struct trials *t, size_t persons);

/* Find the threshold on validation trials; says how in `basis`. */
double threshold_of(const struct model *m, const struct model_training *t, const struct trials *v,
                    struct sbuf *basis);

#endif
