/* SPDX-License-Identifier: Apache-2.0 */
#include "detect/detect_int.h"

#include "base/mem.h"
#include "os/clock.h"

#include <assert.h>

enum { PROGRESS_EVERY_NS = 100 * 1000 * 1000 };

void order_init(struct run *run)
{
    struct order *o = &run->order;
    lock_init(&o->lock, LOCK_DETECT_ORDER);
    condition_init(&o->changed);
    o->waiting = mem_array(struct job *, run->jobs);
    for (unsigned i = 0; i < run->jobs; i++)
        order_return(run, &run->job[i]);
    arena_init(&o->arena, CORRELATION_ARENA_MAX);
    if (run->snapshot->rules)
        o->correlator = correlator_new(run->snapshot->rules, &run->options->correlation);
    o->start_ns = o->shown_ns = clock_ns();
}

void order_done(struct run *run)
{
    struct order *o = &run->order;
    correlator_free(o->correlator);
    arena_done(&o->arena);
    mem_free(o->waiting);
    condition_done(&o->changed);
    lock_done(&o->lock);
}

/* ---- delivering: no lock is held ---- */

static void deliver_finding(struct run *run, const struct finding *f)
{
    run->order.stats.findings++;
    if (run->sink->finding)
        run->sink->finding(run->sink->arg, f, ingest_path(run->in, f->origin.file));
}

/* The end of the input may complete any number of windows, so the arena holds one at a time. */
static void on_correlation(void *arg, const struct finding *f)
{
    struct run *run = arg;
    if (f->level < run->options->min_level)
        run->order.stats.suppressed++;
    else
        deliver_finding(run, f);
    arena_clear(&run->order.arena);
}

static void deliver_item(struct run *run, const struct item *item)
{
    struct order *o = &run->order;
    if (item->finding)
        deliver_finding(run, item->finding);
    if (!item->sample)
        return;
    correlator_feed(o->correlator, item->sample, &o->arena, on_correlation, run);
}

/* Deliver what event `e` led to; *i and *k are where the job's items stand. */
static void deliver_items(struct run *run, const struct job *job, uint32_t e, size_t *i, size_t *k)
{
    while (*i < job->rules.n && job->rules.at[*i].event == e)
        deliver_item(run, &job->rules.at[(*i)++]);
    while (*k < job->indicators.n && job->indicators.at[*k].event == e)
        deliver_item(run, &job->indicators.at[(*k)++]);
}

static void deliver_events(struct run *run, struct job *job)
{
    const struct detect_sink *sink = run->sink;
    const char *path = ingest_path(run->in, job->batch.file);
    size_t i = 0, k = 0;
    for (uint32_t e = 0; e < job->batch.event_count; e++) {
        if (sink->event)
            sink->event(sink->arg, &job->batch.event[e], path);
        deliver_items(run, job, e, &i, &k);
    }
    assert(i == job->rules.n && k == job->indicators.n); /* else: not by event */
}

static void count(struct run *run, const struct job *job)
{
    struct detect_stats *s = &run->order.stats;
    const struct batch *b = &job->batch;
    s->events += b->event_count;
    s->read += b->read;
    s->rejected += b->rejected;
    s->dropped += b->dropped + job->dropped;
    s->suppressed += job->suppressed;
    s->bytes = job->progress.text_bytes;
}

static void show_progress(struct run *run, const struct ingest_progress *p, uint64_t now_ns)
{
    struct order *o = &run->order;
    o->shown_ns = now_ns;
    o->stats.seconds = (double)(now_ns - o->start_ns) / 1e9;
    run->sink->progress(run->sink->arg, p, &o->stats);
}

/* True when the run is to end here. */
static bool deliver(struct run *run, struct job *job)
{
    const struct detect_sink *sink = run->sink;
    const struct batch *b = &job->batch;
    count(run, job);
    for (size_t i = 0; sink->reject && i < b->rejected && i < BATCH_REJECTS_KEPT; i++)
        sink->reject(sink->arg, &b->reject[i], ingest_path(run->in, b->reject[i].origin.file));
    deliver_events(run, job);
    if (sink->progress) {
        uint64_t now_ns = clock_ns();
        if (now_ns - run->order.shown_ns >= PROGRESS_EVERY_NS)
            show_progress(run, &job->progress, now_ns);
    }
    return sink->stop && sink->stop(sink->arg);
}

/* ---- jobs ---- */

struct job *order_take(struct run *run)
{
    struct order *o = &run->order;
    lock_take(&o->lock);
    while (!o->free && !o->stopped)
        condition_wait(&o->changed, &o->lock);
    struct job *job = o->stopped ? NULL : o->free;
    if (job)
        o->free = job->next_free;
    lock_drop(&o->lock);
    return job;
}

static void return_locked(struct order *o, struct job *job)
{
    assert(lock_held(&o->lock));
    job->next_free = o->free;
    o->free = job;
    condition_wake_all(&o->changed);
}

void order_return(struct run *run, struct job *job)
{
    lock_take(&run->order.lock);
    return_locked(&run->order, job);
    lock_drop(&run->order.lock);
}

/* Deliver the jobs whose turn it is; the lock is given up meanwhile. */
static void deliver_locked(struct run *run)
{
    struct order *o = &run->order;
    struct job **place;
    o->delivering = true;
    while (!o->stopped && *(place = &o->waiting[o->turn % run->jobs])) {
        struct job *job = *place;
        *place = NULL;
        lock_drop(&o->lock);
        bool stop = deliver(run, job);
        lock_take(&o->lock);
        o->turn++;
        o->stopped = stop;
        return_locked(o, job);
    }
    o->delivering = false;
}

void order_hand_over(struct run *run, struct job *job)
{
    struct order *o = &run->order;
    lock_take(&o->lock);
    o->waiting[job->number % run->jobs] = job;
    if (!o->delivering)
        deliver_locked(run);
    lock_drop(&o->lock);
}

void order_finish(struct run *run)
{
    struct order *o = &run->order;
    if (o->correlator && !o->stopped)
        correlator_finish(o->correlator, &o->arena, on_correlation, run);
    if (o->correlator)
        o->stats.correlation = correlator_stats(o->correlator);
    struct ingest_progress p = ingest_progress(run->in);
    if (!o->stopped)
        o->stats.bytes = p.text_bytes;
    o->stats.seconds = clock_since(o->start_ns);
    if (run->sink->progress)
        show_progress(run, &p, clock_ns());
}
