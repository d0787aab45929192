/* SPDX-License-Identifier: Apache-2.0 */
/* engine.h - the pipeline as a service: batches from any source in, results out, for as long as it runs.
 *
 *   source ─engine_take─▶ job, filled ─engine_submit─▶ queue ─▶ engine_work (N threads) ─▶ deliver
 *   small request ─▶ its own lane: engine_match, look at the findings, engine_deliver   (no queue)
 *
 * Matching is concurrent; delivery is one thread at a time and feeds each tenant's correlations, in
 * the order in which jobs were submitted (a lane's job: when it is delivered).  The snapshot of rules and indicators is
 * replaced between batches.  Threads are app's: it calls engine_work on each.
 *
 * Thread-safe but for a lane and a job in hand, which belong to one thread. */
#ifndef DETECT_ENGINE_H
#define DETECT_ENGINE_H

#include "base/metric.h"
#include "detect/detect.h"

enum { ENGINE_TENANT_MAX = 64 };

struct engine; /* opaque */
struct engine_lane;

/* Reference-counted owner of a frozen snapshot; members are freed with the last reference. */
struct snapshot_ref;
struct snapshot_ref *snapshot_ref_new(struct dict *dict /* borrowed */,
                                      struct rule_set *rules /* taken */,
                                      struct intel_set *intel /* taken */);
struct snapshot_ref *snapshot_ref_take(struct snapshot_ref *s);
void snapshot_ref_drop(struct snapshot_ref *s); /* NULL is fine */
const struct snapshot *snapshot_of(const struct snapshot_ref *s);

struct engine_job { /* a batch on its way; from engine_take, or a lane's own */
    struct batch batch;
    struct parse_stream
        stream; /* how to parse it; what it points to must live until delivery: see engine_job_keep */
    char tenant[ENGINE_TENANT_MAX]; /* of the authenticated source */
    const char *path;               /* name of the source, for people; lives until delivery */
    enum metric_id events_metric;   /* counts its events */
    str position_source,
        position; /* how far the source was read with this batch; kept by engine_job_keep; empty: none */
    /* When it was taken in, by the engine's ticks (Unix ms, TIME_NONE before the first): set before
     * it is delivered, and by who replays a record. */
    int64_t taken_ms;
    void *token;      /* between the source and the sink; not looked at here */
    size_t explained; /* flows whose scores are explained though they are no alarms */
};
/* Copies `s`, with a NUL behind it, into the job: lives until the job is delivered.  p is NULL past
 * 1 MiB in all. */
str engine_job_keep(struct engine_job *job, str s);

/* Within engine_sink.parsed only: what was found about an event of the job's batch, to be delivered with what the engine
 * finds.  `f` lives in the batch's arena.  The most of a batch is ENGINE_ADDED_MAX: what is past it counts as dropped. */
enum { ENGINE_ADDED_MAX = 1024 };
void engine_add(struct engine_job *job, uint32_t event, const struct finding *f);

struct engine_found {
    uint32_t event;                /* index in the batch; UINT32_MAX: a correlation's */
    const struct finding *finding; /* lives until delivery is over */
};
/* What a job led to: sorted by event. */
struct engine_result {
    struct engine_job *job;
    const struct engine_found *found;
    size_t count;
    const uint32_t *sampled; /* events that fed correlations, ascending */
    size_t sampled_count;
    const struct model_scores
        *scored;      /* what models made of its flows; lives as long as the findings */
    uint64_t dropped; /* findings lost at a limit */
    uint64_t late;    /* matches that came too late to be correlated */
};

struct engine_sink {
    /* One thread at a time.  May not keep what it is shown. */
    void (*deliver)(void *arg, const struct engine_result *r);
    /* A job became free after engine_take had said no: called on some engine thread; hand over to your loop. */
    void (*room)(void *arg);
    /* After parsing, on the matching thread: behaviour learns here, and tells with engine_add what is
     * strange.  Not of a replay.  Optional. */
    void (*parsed)(void *arg, struct engine_job *job);
    void *arg;
};
struct engine_options {
    unsigned jobs; /* in flight; each up to 64 MiB but commonly 1: 2 a worker + 2 */
    enum level min_level;
    struct parse_limits limits;
    /* lateness_ms 0: 60 s.  max_bytes is for all tenants together: past it, those that hold more
     * than an equal share shrink to it; 0: 64 MiB. */
    struct correlator_limits correlation;
    /* With correlations at once; past it the one idle longest starts anew; 0: 1,024. */
    size_t tenants;
};
/* Takes its own reference of `first`. */
struct engine *engine_new(const struct engine_options *options, const struct engine_sink *sink,
                          struct snapshot_ref *first);
void engine_free(struct engine *e); /* nobody works; NULL is fine */
/* Lanes and workers use `s` from their next batch on; correlators start anew with its rules, after
 * the samples they held back have had their say.  Takes its own reference.  A worker lets go of the
 * old one at once, a lane with its next batch, a correlator with the next tick. */
void engine_adopt(struct engine *e, struct snapshot_ref *s);
struct snapshot_ref *engine_snapshot(struct engine *e); /* a reference for the caller */
/* Flows are scored with these from the next batch on; correlations are not touched.  Takes its own reference; NULL: none. */
void engine_adopt_models(struct engine *e, struct model_set *set);
struct model_set *engine_models(struct engine *e); /* a reference for the caller; NULL: none */

/* A free job, cleared (events_metric: METRIC_EVENTS_HTTP); NULL: all are under way, sink->room will be called. */
struct engine_job *engine_take(struct engine *e);
void engine_give_back(struct engine *e, struct engine_job *job); /* not needed after all */
void engine_submit(struct engine *e, struct engine_job *job);
/* The body of a worker's thread: returns after engine_stop, when the queue is empty. */
void engine_work(struct engine *e);
void engine_stop(struct engine *e);
/* It is `now_ms` (Unix ms): windows whose time has come answer though nothing arrives; call once a
 * second.  What they find is delivered as of a job without events: tenant and taken_ms alone are filled in. */
void engine_tick(struct engine *e, int64_t now_ms);

/* For small inputs, on the caller's own thread. */
struct engine_lane *engine_lane_new(struct engine *e);
void engine_lane_free(struct engine_lane *l);              /* NULL is fine */
struct engine_job *engine_lane_job(struct engine_lane *l); /* its one job, cleared */
/* Parse and match; the findings of single events. */
void engine_match(struct engine_lane *l, struct engine_result *out);
/* Deliver what engine_match made, with what correlations make of it. */
void engine_deliver(struct engine_lane *l);

/* Feed correlations with records from before a restart, in the lane's job, in the order in which
 * they were taken in (job->taken_ms); what they find is not delivered. */
void engine_replay(struct engine_lane *l);
/* After the last, before the first tick: what this tenant's windows found by themselves up to
 * `last_ms` was delivered then. */
void engine_replayed(struct engine *e, const char *tenant, int64_t last_ms);

#endif
