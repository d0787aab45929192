/* SPDX-License-Identifier: Apache-2.0 */
/* engine_int.h - for engine.c and lane.c only. */
#ifndef DETECT_ENGINE_INT_H
#define DETECT_ENGINE_INT_H

#include "detect/detect_int.h"

struct engine {
    struct engine_options options;
    struct engine_sink sink;
    struct order order;

    struct lock snapshot_lock;    /* LOCK_ENGINE_SNAPSHOT */
    struct snapshot_ref *current; /* owned; under the lock */
    struct model_set *models;     /* owned reference, or NULL; under the lock */
    atomic_uint_fast64_t adopted; /* how often; written under the lock */
    atomic_uint_fast64_t adopted_models;
    struct flow_windows *windows; /* owned */

    struct lock queue_lock; /* LOCK_ENGINE_QUEUE */
    struct condition queued;
    /* under the lock: */
    struct job *first, *last;
    uint64_t submitted;
    bool stopped;

    /* of who delivers: */
    struct tenants tenants;
    struct job tick; /* what correlations find on their own is shown as this one's */
    bool silent;     /* a replay: what is found was delivered already */
};

/* A worker at the engine: one thread at a time. */
struct seat {
    struct engine *engine;
    struct snapshot_ref *snapshot; /* owned: what the worker goes by */
    uint64_t adoption;             /* of it */
    struct model_set *models;      /* owned reference, or NULL */
    uint64_t models_adoption;
    struct worker worker;
};

void seat_init(struct seat *s, struct engine *e);
void seat_done(struct seat *s);
/* Go on with the current snapshot. */
void seat_adopt(struct seat *s);
/* Adopt, parse, match, and gather what was found. */
void seat_run(struct seat *s, struct job *job);

/* Between order_enter and order_leave. */
bool engine_deliver_job(void *engine, struct job *job);
void engine_replay_job(struct engine *e, struct job *job);

struct engine_result engine_result_of(struct job *job);

#endif
