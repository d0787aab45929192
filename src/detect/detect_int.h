/* SPDX-License-Identifier: Apache-2.0 */
/* detect_int.h - for files in detect/ only.
 *
 *   detect:   a run over files: workers that read, work and hand over
 *   engine:   the service: jobs come filled, workers take them from a queue
 *   lane:     the service's way around the queue
 *   snapshot: who still needs a set of detectors
 *   work:     one batch parsed and matched, by one worker, whenever
 *   score:    connections in a batch, and what models make of them
 *   windows:  what connections there were before
 *   order:    finished jobs delivered, one after the other
 *   tenant:   the engine's correlators
 *
 * A job is a batch with all that was made of it.  There are as many as may be under way at once;
 * one is taken, filled, given its number, worked on alone and handed over.  Whoever hands over the
 * next number in turn delivers it, and whatever has been waiting behind it; nobody else waits for
 * that.  What has no number (a lane's job, a tick) waits for its turn at delivering and is
 * delivered by who brings it. */
#ifndef DETECT_DETECT_INT_H
#define DETECT_DETECT_INT_H

#include "base/vec.h"
#include "detect/engine.h"
#include "os/lock.h"

#include <stdatomic.h>

enum {
    BATCH_ARENA_MAX = 64 * 1024 * 1024,
    RESULT_ARENA_MAX = 64 * 1024 * 1024,
    CORRELATION_ARENA_MAX = 16 * 1024 * 1024,
    KEPT_ARENA_MAX = 1024 * 1024,
    THREADS_MAX = 256,
    JOBS_PER_THREAD = 2
};

/* What an event led to; either may be NULL.  Both live in the job's arena. */
struct item {
    uint32_t event;
    const struct finding *finding;
    const struct sample *sample; /* for the correlations, after the finding */
};

struct job {
    struct engine_job of;              /* first: what a source fills */
    struct job *next;                  /* among the free, or in the queue */
    uint64_t number;                   /* its turn, from 0 */
    struct arena kept;                 /* texts of `of` */
    struct ingest_progress progress;   /* of a run over files, when the batch was read */
    struct snapshot_ref *matched_with; /* owned; NULL in a run over files */
    uint64_t adoption;                 /* which one of the engine\'s that was */
    struct model_set *scored_with;     /* owned; NULL in a run over files */
    uint64_t turn;                     /* at the windows of flows: number + 1; FLOW_NO_TURN */

    /* made by worker_run: */
    struct arena arena;
    struct rule_hits hits;
    VEC(struct item) rules; /* by event, then by rule id */
    VEC(struct item) indicators;
    VEC(struct item) models;
    VEC(struct item)
    added; /* by the engine's sink, in any order until worker_run has sorted them */
    struct model_scores scored; /* in the arena */
    uint64_t suppressed, dropped;
    uint64_t late; /* samples that correlations could use no more */
    bool replayed; /* from before a restart */

    /* what the engine's sink is shown: */
    VEC(struct engine_found) found;
    VEC(uint32_t) sampled;
};

void job_init(struct job *job);
void job_done(struct job *job);
void job_clear(struct job *job); /* for the next batch; keeps its memory */

/* The job's items by event: an event's rules, then its indicators, its models, and what the sink added; all-zero is the
 * beginning. */
struct item_place {
    size_t rule, indicator, model, added;
};
/* The next item of an event up to `event`; NULL: none. */
const struct item *job_item(const struct job *job, struct item_place *place, uint32_t event);

/* ---- order.c ---- */

struct order {
    struct lock lock;
    struct condition changed;
    /* under the lock: */
    struct job **waiting; /* owned, `jobs` places: number % jobs → job that is finished */
    struct job *free;
    uint64_t turn;             /* number to deliver next */
    uint64_t ticket, admitted; /* of those who want to deliver; who may */
    bool delivering;           /* somebody is at the jobs whose turn it is */
    bool stopped, wanted;

    /* fixed: */
    struct job *job; /* owned */
    unsigned jobs;
    /* Of a job in its turn; no lock is held.  True: deliver no more. */
    bool (*deliver)(void *arg, struct job *job);
    /* A job is free after order_try found none.  Optional. */
    void (*room)(void *arg);
    void *arg;
};

/* The callbacks are the caller's to set. */
void order_init(struct order *o, enum lock_id id, unsigned jobs);
void order_done(struct order *o);

/* A job to fill; waits for one.  NULL when delivering was stopped. */
struct job *order_take(struct order *o);
/* The same without waiting: NULL also when none is free. */
struct job *order_try(struct order *o);
/* One that was not needed. */
void order_return(struct order *o, struct job *job);
/* A finished one, to be delivered in its turn. */
void order_hand_over(struct order *o, struct job *job);

/* Between them the caller delivers, and nobody else does. */
void order_enter(struct order *o);
void order_leave(struct order *o);

/* ---- work.c ---- */

struct worker {
    struct dict *dict;
    const struct parse_limits *limits;
    enum level min_level;
    const struct rule_set *set; /* NULL without rules */
    const uint32_t *rank;       /* rule → place in the order of ids */
    struct parser *parser;
    struct rule_matcher *rules;  /* NULL without rules */
    struct intel_matcher *intel; /* NULL without indicators */
    struct scorer *scorer;
    struct model_set *models;     /* borrowed: what the scorer goes by; NULL: none */
    struct flow_windows *windows; /* borrowed */
    /* Shown each batch when it was parsed.  Optional. */
    void (*parsed)(void *arg, struct job *job);
    void *arg;
};

/* `rank` is rule_ranks of the snapshot's rules; what is passed is borrowed.  `windows` is the caller's to set. */
void worker_init(struct worker *w, const struct snapshot *s, const uint32_t *rank,
                 const struct parse_limits *limits, enum level min_level);
void worker_done(struct worker *w);
/* Go on with another snapshot. */
void worker_change(struct worker *w, const struct snapshot *s, const uint32_t *rank);

/* Score with these from the next batch on; borrowed. */
void worker_use_models(struct worker *w, struct model_set *models);

/* Parse and match the job's batch, and score it. */
void worker_run(struct worker *w, struct job *job);

/* The rank of every rule of the set; the caller's to mem_free.  NULL for NULL. */
uint32_t *rule_ranks(const struct rule_set *set);

/* ---- snapshot.c ---- */

struct snapshot_ref {
    atomic_uint references;
    struct snapshot detectors; /* what the two below and dict say */
    struct rule_set *rules;    /* owned; may be NULL */
    struct intel_set *intel;   /* owned; may be NULL */
    uint32_t *rank;            /* owned */
};

/* ---- tenant.c ---- */

struct tenant {
    struct tenant *chain;         /* next in the same bucket */
    struct tenant *older, *newer; /* by last use */
    char name[ENGINE_TENANT_MAX];
    struct correlator *correlator; /* owned */
    struct snapshot_ref *snapshot; /* owned: whose rules it has */
    struct correlator_stats seen;  /* what has been counted of it already */
};

/* Who correlates; used by whoever delivers. */
struct tenants {
    struct correlator_limits limits; /* max_bytes: of all together */
    size_t most, count;
    struct tenant **bucket; /* owned */
    size_t buckets;         /* a power of two */
    struct tenant *oldest, *newest;
    size_t bytes;    /* of all correlators */
    uint64_t number; /* newest adoption met */
    int64_t wall_ms; /* TIME_NONE before the first tick */
    /* Told what correlations of tenant `t` find outside a job: at a tick, before it starts anew. */
    correlation_fn *emit;
    void (*begin)(void *arg, const struct tenant *t);
    void (*end)(void *arg, uint64_t lost);
    struct arena *arena; /* of these findings */
    void *arg;
};

/* The callbacks are the caller's to set. */
void tenants_init(struct tenants *t, const struct correlator_limits *limits, size_t most);
void tenants_done(struct tenants *t);
/* Feed what `job` sampled to its tenant's correlator; what that finds goes to `emit`, its texts to
 * the job's arena.  Sets job->late; returns how many findings were lost there. */
uint64_t tenants_feed(struct tenants *t, struct job *job, struct arena *arena, correlation_fn *emit,
                      void *arg);
/* It is `wall_ms`; `current` are the detectors by the engine's adoption `number`. */
void tenants_tick(struct tenants *t, int64_t wall_ms, const struct snapshot_ref *current,
                  uint64_t number);
/* It is `wall_ms` for this tenant alone, if it is known. */
void tenants_tick_one(struct tenants *t, const char *name, int64_t wall_ms);

#endif
