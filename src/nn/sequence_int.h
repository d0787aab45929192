/* SPDX-License-Identifier: Apache-2.0 */
/* sequence_int.h - what the learners of sequences share.
 *
 * A session e0 … e(n-1) is learnt as BEGIN e0 … e(n-1) END: that it ends too early is as much of a surprise as a wrong
 * event.  BEGIN is only ever looked back at, END only ever expected:
 *
 *   symbol          looked back at   expected
 *   0 … v-1         yes              yes        events; v is the vocabulary
 *   v   (END)       -                yes
 *   v+1 (BEGIN)     as row v         -
 */
#ifndef NN_SEQUENCE_INT_H
#define NN_SEQUENCE_INT_H

#include "nn/nn_int.h"
#include "nn/sequence.h"

enum {
    SEQUENCE_WIDTH_MAX = 1024,
    SEQUENCE_LAYERS_MAX = 8,
    SEQUENCE_CONTEXT_MAX = 1024,
};
#define SEQUENCE_NONE UINT32_MAX /* no symbol */
/* No event is more surprising than this, and one never seen in training is not less: e^-20 is 2 in a thousand million. */
#define SEQUENCE_SURPRISE_MAX 20.0f

/* A way to learn.  All but train: any thread, the network is not changed. */
struct learner {
    const char *name;
    bool folds; /* so quickly trained that its held-back sessions can be all of them, in turns */
    /* `held` says when to stop; its count may be 0. */
    status (*train)(const struct sequence_shape *s, const struct nn_training *t,
                    const struct sequences *data, const struct sequences *held, void **net,
                    struct error *err);
    void (*free)(void *net); /* NULL is fine */
    /* Both (n + 1): of the events, and of the end after them. */
    void (*surprise)(const void *net, const uint32_t *event, size_t n, float *surprise,
                     uint32_t *rank);
    /* log_p (vocabulary + 1): of what may come at `at`. */
    void (*predict)(const void *net, const uint32_t *event, size_t at, float *log_p);
    void (*write)(const void *net, struct sbuf *out);
    /* ST_INVALID; `r` is left after it. */
    status (*read)(struct reader *r, uint32_t vocabulary, void **net, struct error *err);
};
extern const struct learner learner_markov, learner_lstm, learner_transformer;

/* How many of log_p (n) are above that of `symbol`, or before it and equal. */
uint32_t sequence_rank(const float *log_p, size_t n, uint32_t symbol);

/* ---- one number for a session ---- */

/* What is looked at of a session; the higher the stranger.  sequence_judge.c says why. */
enum judge_view {
    VIEW_MEAN,  /* mean surprise */
    VIEW_CALM,  /* mean surprise of its most usual stretch */
    VIEW_KINDS, /* how unlike any session of training in which events occur at all */
    VIEW_LACK,  /* how much it lacks of the session of training that has most of what it has */
    VIEW_WORST, /* the largest surprise of an event that training had, or of the end */
    VIEW_NEW,   /* events that training never had */
    VIEW_COUNT,
    VIEW_TAILS = VIEW_NEW /* those that are ranked among held-back sessions */
};
/* -ln of the part of held-back sessions that is at least so high: by rank up to a high threshold, and past that by a
 * generalised Pareto distribution of the excess (Pickands 1975; by probability-weighted moments: Hosking and Wallis,
 * Technometrics 1987), so that it goes on growing where no session was. */
enum { TAIL_KNOTS = 128 };
struct tail {
    uint32_t knots, beyond;             /* beyond: values that scale and shape are of */
    float x[TAIL_KNOTS], y[TAIL_KNOTS]; /* ascending; y = -ln part */
    float scale, shape; /* of the excess over the last knot; scale > 0, shape >= 0 */
};
void tail_fit(struct tail *t, const float *value, size_t n); /* n > 0 */
float tail_of(const struct tail *t, float value);

/* Which events occur in sessions of training: each different set once, at most JUDGE_SETS of them. */
enum { JUDGE_SETS = 1024 };
struct judge {
    uint32_t vocabulary;
    uint32_t sets;
    uint32_t *start;  /* (sets + 1), owned */
    uint32_t *member; /* owned; ascending in each set */
    struct tail view[VIEW_TAILS];
    float novel;       /* what it counts that there are such events */
    struct tail whole; /* of the least rare of the views of the whole */
};
/* view (n, VIEW_COUNT): of sessions that were held back. */
void judge_fit(struct judge *j, const float *view, size_t n);
void judge_learn_sets(struct judge *j, const struct sequences *data);
void judge_learn_novelty(struct judge *j, const struct sequences *data);
void judge_done(struct judge *j);
/* surprise (n + 1). */
void judge_look(const struct judge *j, const uint32_t *event, size_t n, const float *surprise,
                float view[VIEW_COUNT]);
float judge_score(const struct judge *j, const float view[VIEW_COUNT]);
/* The score that a part e^-y of normal sessions reaches. */
float judge_threshold(const struct judge *j, float y);
void judge_write(const struct judge *j, struct sbuf *out);
CHECKED status judge_read(struct judge *j, struct reader *r, struct error *err);

/* ---- training of networks ---- */

/* A network that is trained with gradients: its parameters are one array. */
struct fit_ops {
    /* Put the sessions into the order of `epoch`; how many steps it takes. */
    size_t (*plan)(void *net, unsigned epoch);
    /* One shard of one step: the sum of its events' surprises, and its gradient (parameters) added to. */
    void (*shard)(void *net, size_t step, size_t shard, float *gradient, double *loss,
                  size_t *events);
    /* Parameters have changed: what is computed from them once. */
    void (*ready)(void *net);
};
enum { FIT_SHARDS = 4 };
struct fit {
    const struct fit_ops *ops;
    void *net;                     /* what ops take */
    const struct learner *learner; /* its surprise() is the loss of held-back sessions … */
    const void *scorer;            /* … with this network */
    struct nn_adam *adam;
    float **param; /* follows adam->value, which a checkpoint may move */
    unsigned epochs;
    float rate;     /* at the start */
    uint64_t print; /* of everything that a checkpoint must agree with */
};
/* Ends with the parameters that were best on `held`, or on the data without.  ST_UNAVAILABLE: stopped by progress;
 * ST_CONFLICT: the checkpoint is of another training. */
CHECKED status fit_run(struct fit *f, const struct nn_training *t, const struct sequences *held,
                       struct error *err);
/* Is there room for training so many parameters, with so many floats in each shard?  ST_LIMIT: not in 2 GiB. */
CHECKED status fit_room(size_t parameters, size_t shard, struct error *err);
/* `epochs`, or where there are few steps in each, as many as make some thousand. */
unsigned fit_epochs(const struct nn_training *t, unsigned epochs, size_t steps);
uint64_t fit_print(const struct sequence_shape *s, const struct nn_training *t,
                   const struct sequences *data);

#endif
