/* SPDX-License-Identifier: Apache-2.0 */
/* pipeline.h - what the engine finds, handed to the recorder; and to the sources, room to go on. */
#ifndef APP_PIPELINE_H
#define APP_PIPELINE_H

#include "alert/recorder.h"
#include "behavior/behavior.h"
#include "detect/engine.h"

struct pipeline {
    struct recorder *recorder; /* borrowed */
    struct behavior *behavior; /* borrowed; learns from every event */
    bool watch;                /* and tells what is strange */
    void (*room)(void *arg);   /* a job became free */
    void *arg;
    _Atomic int64_t learned_s; /* the second that learned counts */
    _Atomic uint64_t learned;  /* events, in it */
    bool dropping;             /* of who delivers: the recorder took no more the last time */
};

/* `p` must outlive the engine. */
struct engine_sink pipeline_sink(struct pipeline *p);

/* Before the engine's first tick: feed the engine's correlations with what they had seen when the process ended, a page at a time.
 * *n: records. */
CHECKED status pipeline_replay(struct store *store, struct engine *engine, int64_t since_ms,
                               size_t *n, struct error *err);

#endif
