/* SPDX-License-Identifier: Apache-2.0 */
/* known_int.h - what every kind of model of sequences knows: the names of events, and how surprising they are.
 *
 * The vocabulary is the names of training rows, by number, and one more number for whatever was never seen there.
 * The part of a kind that learns from sequences begins with a struct known. */
#ifndef ML_KNOWN_INT_H
#define ML_KNOWN_INT_H

#include "base/map.h"
#include "ml/bytes.h"
#include "ml/model_int.h"
#include "nn/sequence.h"

struct known {
    struct sequence_model *model; /* owned */
    struct arena arena;           /* names */
    struct map number;            /* of a name */
    str *name;                    /* owned (names) */
    uint32_t names;
};
void known_init(struct known *k);
void known_done(struct known *k); /* safe when zeroed */

/* The names in these rows, in the set's order; number (event_names) is filled.  ST_LIMIT. */
CHECKED status known_learn(struct known *k, const struct dataset *d, struct rows r,
                           uint32_t *number, struct error *err);

/* u32 names, each a text. */
void known_write(const struct known *k, struct sbuf *out);
/* ST_INVALID: damaged or hostile. */
CHECKED status known_read(struct known *k, struct reader *r, struct error *err);
CHECKED status known_read_model(struct known *k, str bytes, enum sequence_kind kind,
                                struct error *err);

#endif
