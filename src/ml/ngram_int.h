/* SPDX-License-Identifier: Apache-2.0 */
/* ngram_int.h - labelled sessions: which runs of events a model asks about, and the model around them. */
#ifndef ML_NGRAM_INT_H
#define ML_NGRAM_INT_H

#include "ml/known_int.h"
#include "tree/tree.h"

enum {
    RUN_EVENTS = 3,        /* of the longest run */
    RUN_BITS = 17,         /* of each of its events, plus 1 */
    RUN_COLUMNS_MAX = 4096 /* one a run */
};

/* A run of 1 to RUN_EVENTS events: the first, plus 1, in the lowest RUN_BITS, and so on; 0 behind the last. */
struct run {
    uint64_t key;
    float normal, attack; /* part of the training sessions of each label that have it */
};
struct runs {
    struct run *at; /* owned (n), by key */
    uint32_t n;
};
void runs_done(struct runs *r); /* safe when zeroed */

/* Those in at least `sessions_min` sessions; of more than `most` (<= RUN_COLUMNS_MAX) the ones that most sessions tell labels
 * apart by.  label (s->count): 1 attack. */
void runs_choose(struct runs *r, const struct sequences *s, const uint8_t *label,
                 size_t sessions_min, size_t most);
/* times (r->n): how often each occurs.  Returns how many do. */
size_t runs_count(const struct runs *r, const uint32_t *event, size_t n, uint32_t *times);
/* row (r->n) from times: 1 + ln, so that the squares of a row sum to 1. */
void runs_share(const uint32_t *times, size_t n, float *row);
/* The events of a run; returns how many. */
size_t run_events(uint64_t key, uint32_t event[static RUN_EVENTS]);

/* u32 n; each u64 key, f32 normal, f32 attack. */
void runs_write(const struct runs *r, struct sbuf *out);
/* False: damaged, or of events outside the vocabulary. */
bool runs_read(struct runs *r, struct reader *in, uint32_t vocabulary);

/* ---- the model ---- */

/* Columns behind the runs. */
enum { NGRAM_LENGTH, NGRAM_DISTINCT, NGRAM_VIEWS, NGRAM_EXTRAS = NGRAM_VIEWS + SEQUENCE_VIEWS };

struct ngram {
    struct known known; /* with the markov model */
    struct runs runs;
    struct boost *trees; /* owned */
};
struct ngram *ngram_new(void);
void ngram_free(void *part); /* NULL is fine */
size_t ngram_width(const struct ngram *g);
/* row (width) and times (runs.n) of a session, by a model that says how strange it is. */
void ngram_row(const struct ngram *g, const struct sequence_model *strange, const uint32_t *event,
               size_t n, uint32_t *times, float *row);

enum { NGRAM_OPTIONS = 10 };
extern const struct model_option ngram_option[NGRAM_OPTIONS];
CHECKED status ngram_train(struct model *m, const struct fit *f, struct error *err);
CHECKED status ngram_refit(struct model *m, const struct fit *f, struct error *err);

#endif
