/* SPDX-License-Identifier: Apache-2.0 */
/* detect_int.h - for files in detect/ only.
 *
 *   run:   the workers and the jobs they take round
 *   work:  one batch parsed and matched, by one worker, whenever
 *   order: finished jobs delivered to the sink, one after the other
 *
 * A job is a batch with all that was made of it.  There are as many as may be under way at once;
 * a worker takes a free one, has it filled at the input (which gives it its number), works on it
 * alone and hands it over.  Whoever hands over the next number in turn delivers it, and whatever
 * has been waiting behind it; nobody else waits for that.  A worker waits only when every job is
 * under way, so the run holds no more than its jobs. */
#ifndef DETECT_DETECT_INT_H
#define DETECT_DETECT_INT_H

#include "base/vec.h"
#include "detect/detect.h"
#include "os/lock.h"

enum {
    BATCH_ARENA_MAX = 64 * 1024 * 1024,
    RESULT_ARENA_MAX = 64 * 1024 * 1024,
    CORRELATION_ARENA_MAX = 16 * 1024 * 1024,
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
    struct job *next_free;
    uint64_t number; /* its turn, from 0 */
    struct batch batch;
    const struct parse_stream *stream;
    struct ingest_progress progress; /* when the batch was read */
    struct arena arena;
    struct rule_hits hits;
    VEC(struct item) rules; /* by event, then by rule id */
    VEC(struct item) indicators;
    uint64_t suppressed, dropped;
};

/* The last step of a run.  One thread at a time, whichever it is. */
struct order {
    struct lock lock;
    struct condition changed;
    /* under the lock: */
    struct job **waiting; /* owned, `jobs` places: number % jobs → job that is finished */
    struct job *free;
    uint64_t turn; /* number to deliver next */
    bool delivering, stopped;

    /* of the thread that delivers: */
    struct correlator *correlator; /* owned; NULL without rules */
    struct arena arena;            /* of the finding a correlation makes */
    struct detect_stats stats;
    uint64_t start_ns, shown_ns;
};

struct run {
    const struct snapshot *snapshot;
    const struct detect_options *options;
    const struct detect_sink *sink;
    uint32_t *rank; /* owned: rule → place in the order of ids; NULL without rules */
    struct job *job;
    unsigned jobs;

    struct lock lock; /* LOCK_DETECT_INPUT */
    /* under the lock: */
    struct ingest *in;
    uint64_t taken;
    bool ended;

    struct order order;
};

/* ---- order.c ---- */

void order_init(struct run *run);
void order_done(struct run *run);

/* A job to fill; waits for one.  NULL when the run was stopped. */
struct job *order_take(struct run *run);
/* One that was not needed. */
void order_return(struct run *run, struct job *job);
/* A finished one, to be delivered in its turn. */
void order_hand_over(struct run *run, struct job *job);
/* After the last. */
void order_finish(struct run *run);

/* ---- work.c ---- */

struct worker {
    struct run *run;
    struct parser *parser;
    struct rule_matcher *rules;  /* NULL without rules */
    struct intel_matcher *intel; /* NULL without indicators */
};

void worker_init(struct worker *w, struct run *run);
void worker_done(struct worker *w);

/* Parse and match job->batch. */
void worker_run(struct worker *w, struct job *job);

/* The rank of every rule of the set; the caller's to mem_free. */
uint32_t *rule_ranks(const struct rule_set *set);

#endif
