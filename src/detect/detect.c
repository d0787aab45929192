/* SPDX-License-Identifier: Apache-2.0 */
#include "detect/detect_int.h"

#include "base/mem.h"
#include "os/clock.h"
#include "os/thread.h"

#include <assert.h>

enum { PROGRESS_EVERY_NS = 100 * 1000 * 1000 };

struct run {
    const struct snapshot *snapshot;
    const struct detect_options *options;
    const struct detect_sink *sink;
    uint32_t *rank;               /* owned; NULL without rules */
    struct flow_windows *windows; /* owned */

    struct lock lock; /* LOCK_DETECT_INPUT */
    /* under the lock: */
    struct ingest *in;
    uint64_t taken;
    bool ended;

    struct order order;
    /* of who delivers: */
    struct correlator *correlator; /* owned; NULL without rules */
    struct arena arena;            /* of the finding a correlation makes */
    struct detect_stats stats;
    uint64_t start_ns, shown_ns;
};

/* ---- delivering: no lock is held ---- */

static void deliver_finding(struct run *run, const struct finding *f)
{
    run->stats.findings++;
    if (run->sink->finding)
        run->sink->finding(run->sink->arg, f, ingest_path(run->in, f->origin.file));
}

/* The end of the input may complete any number of windows, so the arena holds one at a time. */
static void on_correlation(void *arg, const struct finding *f)
{
    struct run *run = arg;
    if (f->level < run->options->min_level)
        run->stats.suppressed++;
    else
        deliver_finding(run, f);
    arena_clear(&run->arena);
}

static void deliver_item(struct run *run, const struct item *item)
{
    if (item->finding)
        deliver_finding(run, item->finding);
    if (item->sample)
        correlator_feed(run->correlator, item->sample, &run->arena, on_correlation, run);
}

static void deliver_events(struct run *run, struct job *job)
{
    const struct detect_sink *sink = run->sink;
    struct batch *b = &job->of.batch;
    const char *path = ingest_path(run->in, b->file);
    struct item_place place = {0};
    for (uint32_t e = 0; e < b->event_count; e++) {
        if (sink->event)
            sink->event(sink->arg, &b->event[e], path);
        const struct item *item;
        while ((item = job_item(job, &place, e)))
            deliver_item(run, item);
    }
    assert(place.rule == job->rules.n && place.indicator == job->indicators.n &&
           place.model == job->models.n); /* else: not by event */
}

static void count(struct run *run, const struct job *job)
{
    struct detect_stats *s = &run->stats;
    const struct batch *b = &job->of.batch;
    s->events += b->event_count;
    s->read += b->read;
    s->rejected += b->rejected;
    s->dropped += b->dropped + job->dropped;
    s->suppressed += job->suppressed;
    s->flows += job->scored.flows;
    s->flows_skipped += job->scored.skipped;
    s->bytes = job->progress.text_bytes;
}

static void show_progress(struct run *run, const struct ingest_progress *p, uint64_t now_ns)
{
    run->shown_ns = now_ns;
    run->stats.seconds = (double)(now_ns - run->start_ns) / 1e9;
    run->sink->progress(run->sink->arg, p, &run->stats);
}

/* True when the run is to end here. */
static bool deliver(void *arg, struct job *job)
{
    struct run *run = arg;
    const struct detect_sink *sink = run->sink;
    const struct batch *b = &job->of.batch;
    count(run, job);
    for (size_t i = 0; sink->reject && i < b->rejected && i < BATCH_REJECTS_KEPT; i++)
        sink->reject(sink->arg, &b->reject[i], ingest_path(run->in, b->reject[i].origin.file));
    deliver_events(run, job);
    if (sink->progress) {
        uint64_t now_ns = clock_ns();
        if (now_ns - run->shown_ns >= PROGRESS_EVERY_NS)
            show_progress(run, &job->progress, now_ns);
    }
    return sink->stop && sink->stop(sink->arg);
}

/* After the last. */
static void finish(struct run *run)
{
    bool stopped = run->order.stopped;
    if (run->correlator && !stopped)
        correlator_finish(run->correlator, &run->arena, on_correlation, run);
    if (run->correlator)
        run->stats.correlation = correlator_stats(run->correlator);
    struct ingest_progress p = ingest_progress(run->in);
    if (!stopped)
        run->stats.bytes = p.text_bytes;
    run->stats.seconds = clock_since(run->start_ns);
    if (run->sink->progress)
        show_progress(run, &p, clock_ns());
}

/* ---- working ---- */

/* The lock is held while reading: that is what makes it this worker's turn, and the batch's
 * number is its place in the input. */
static bool take_input(struct run *run, struct job *job)
{
    const struct parse_stream *stream;
    lock_take(&run->lock);
    run->ended = run->ended || !ingest_next(run->in, &job->of.batch, &stream);
    bool ended = run->ended;
    if (!ended) {
        job->of.stream = *stream;
        job->number = run->taken++;
        job->turn = job->number + 1;
        job->progress = ingest_progress(run->in);
    }
    lock_drop(&run->lock);
    return !ended;
}

static void work(void *arg)
{
    struct run *run = arg;
    struct worker w;
    worker_init(&w, run->snapshot, run->rank, &run->options->limits, run->options->min_level);
    w.windows = run->windows;
    worker_use_models(&w, run->snapshot->models);
    struct job *job;
    while ((job = order_take(&run->order))) {
        if (!take_input(run, job)) {
            order_return(&run->order, job);
            break;
        }
        worker_run(&w, job);
        order_hand_over(&run->order, job);
    }
    worker_done(&w);
}

/* The calling thread is one of the workers; those that cannot be had are done without. */
static void work_together(struct run *run, unsigned threads)
{
    struct thread *other = mem_array(struct thread, threads);
    unsigned started = 0;
    while (started + 1 < threads &&
           thread_start(&other[started], "bguard-worker", work, run, NULL) == ST_OK)
        started++;
    work(run);
    for (unsigned i = 0; i < started; i++)
        thread_join(&other[i]);
    mem_free(other);
}

static unsigned thread_count(const struct detect_options *options)
{
    unsigned threads = options->threads ? options->threads : thread_processors();
    return threads < THREADS_MAX ? threads : THREADS_MAX;
}

static void run_init(struct run *run, unsigned threads)
{
    lock_init(&run->lock, LOCK_DETECT_INPUT);
    order_init(&run->order, LOCK_DETECT_ORDER, threads == 1 ? 1 : threads * JOBS_PER_THREAD);
    run->order.deliver = deliver;
    run->order.arg = run;
    run->windows = flow_windows_new(run->order.jobs, 0);
    run->rank = rule_ranks(run->snapshot->rules);
    arena_init(&run->arena, CORRELATION_ARENA_MAX);
    if (run->snapshot->rules)
        run->correlator = correlator_new(run->snapshot->rules, &run->options->correlation);
    run->start_ns = run->shown_ns = clock_ns();
}

static void run_done(struct run *run)
{
    correlator_free(run->correlator);
    arena_done(&run->arena);
    mem_free(run->rank);
    flow_windows_free(run->windows);
    order_done(&run->order);
    lock_done(&run->lock);
}

status detect_run(const struct snapshot *snapshot, const struct detect_options *options,
                  struct ingest *in, const struct detect_sink *sink, struct detect_stats *out,
                  struct error *err)
{
    if (options->threads > THREADS_MAX)
        return fail(err, ST_INVALID, "%u threads: at most %d", options->threads, THREADS_MAX);
    assert(snapshot->dict);
    unsigned threads = thread_count(options);
    struct run run = {.snapshot = snapshot, .options = options, .sink = sink, .in = in};
    run_init(&run, threads);
    work_together(&run, threads);
    finish(&run);
    *out = run.stats;
    run_done(&run);
    return ST_OK;
}
