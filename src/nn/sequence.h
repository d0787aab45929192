/* SPDX-License-Identifier: Apache-2.0 */
/* sequence.h - how surprising is each event of a sequence?  Three learners of the same interface:
 *
 *   lstm          next event from those before (Du et al., "DeepLog", CCS 2017)
 *   transformer   next event with masked self-attention (Vaswani et al. 2017; on logs: Guo et al., "LogBERT", IJCNN 2021)
 *   markov        next event from the last few, by counting, backing off to fewer (Kneser and Ney 1995): the simple one to beat
 *
 * Events are numbers 0 … vocabulary-1; vocabulary-1 may stand for "never seen in training".  Immutable once trained;
 * any thread may score. */
#ifndef NN_SEQUENCE_H
#define NN_SEQUENCE_H

#include "nn/nn.h"

enum sequence_kind { SEQUENCE_MARKOV, SEQUENCE_LSTM, SEQUENCE_TRANSFORMER, SEQUENCE_KIND_COUNT };

struct sequences { /* borrowed */
    const uint32_t *event;
    const uint64_t *start; /* (count + 1): sequence i is event[start[i]] … event[start[i+1]-1] */
    size_t count;
    uint32_t vocabulary;
};
struct sequence_shape {
    enum sequence_kind kind;
    size_t width, layers, heads; /* 0: the kind's own */
    size_t context;              /* events looked back at; 0: the kind's own */
};
struct sequence_model; /* opaque */
CHECKED status sequence_train(const struct sequence_shape *s, const struct nn_training *t,
                              const struct sequences *data, struct sequence_model **out,
                              struct error *err);
void sequence_free(struct sequence_model *m); /* NULL is fine */
enum sequence_kind sequence_kind(const struct sequence_model *m);
uint32_t sequence_vocabulary(const struct sequence_model *m);

/* For each event of one sequence its surprise, -ln p(event | before), and its rank among all events by
 * probability (0: the most likely); each (n), either may be NULL. */
void sequence_surprise(const struct sequence_model *m, const uint32_t *event, size_t n,
                       float *surprise, uint32_t *rank);
/* One number for a whole session, >= 0, the higher the stranger: about -ln of the part of normal sessions that are at
 * least so strange.  That it ends where it does counts too.  Events outside the vocabulary are taken for the last. */
float sequence_score(const struct sequence_model *m, const uint32_t *event, size_t n);
/* What that number is made of, each the higher the stranger: mean surprise, least mean of a stretch, unlikeness of the set of
 * events to those of training, what it lacks of them, the largest surprise, events never seen; and it itself. */
enum { SEQUENCE_VIEWS = 7 };
void sequence_views(const struct sequence_model *m, const uint32_t *event, size_t n,
                    float view[static SEQUENCE_VIEWS]);
const char *sequence_view_name(size_t view);
/* sequence_score of each, into score (count), on `team` (NULL: this thread); sessions that are the same are scored once. */
void sequence_score_many(const struct sequence_model *m, const struct sequences *data,
                         struct team *team, float *score);
/* The score that this part of normal sessions reaches, by those that training held back; beyond most of them
 * by a tail fitted to the highest, and then at the upper end of what that may be: rather too few alarms. */
float sequence_threshold(const struct sequence_model *m, double fpr);
/* What would have been usual at `at`: up to `most` events with their probabilities, the likeliest first; returns how many. */
size_t sequence_expected(const struct sequence_model *m, const uint32_t *event, size_t at,
                         size_t most, uint32_t *out, float *probability);
void sequence_write(const struct sequence_model *m, struct sbuf *out);
CHECKED status sequence_read(str bytes, struct sequence_model **out, struct error *err);

#endif
