/* SPDX-License-Identifier: Apache-2.0 */
#include "detect/detect_int.h"

#include "base/mem.h"
#include "os/thread.h"

#include <assert.h>

static void jobs_init(struct run *run, unsigned count)
{
    run->jobs = count;
    run->job = mem_array(struct job, count);
    for (unsigned i = 0; i < count; i++) {
        batch_init(&run->job[i].batch, BATCH_ARENA_MAX);
        arena_init(&run->job[i].arena, RESULT_ARENA_MAX);
    }
}

static void jobs_done(struct run *run)
{
    for (unsigned i = 0; i < run->jobs; i++) {
        struct job *job = &run->job[i];
        batch_done(&job->batch);
        arena_done(&job->arena);
        rule_hits_done(&job->hits);
        vec_done(&job->rules);
        vec_done(&job->indicators);
    }
    mem_free(run->job);
}

/* The lock is held while reading: that is what makes it this worker's turn, and the batch's
 * number is its place in the input. */
static bool take_input(struct run *run, struct job *job)
{
    lock_take(&run->lock);
    run->ended = run->ended || !ingest_next(run->in, &job->batch, &job->stream);
    bool ended = run->ended;
    if (!ended) {
        job->number = run->taken++;
        job->progress = ingest_progress(run->in);
    }
    lock_drop(&run->lock);
    return !ended;
}

static void work(void *arg)
{
    struct run *run = arg;
    struct worker w;
    worker_init(&w, run);
    struct job *job;
    while ((job = order_take(run))) {
        if (!take_input(run, job)) {
            order_return(run, job);
            break;
        }
        worker_run(&w, job);
        order_hand_over(run, job);
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

status detect_run(const struct snapshot *snapshot, const struct detect_options *options,
                  struct ingest *in, const struct detect_sink *sink, struct detect_stats *out,
                  struct error *err)
{
    if (options->threads > THREADS_MAX)
        return fail(err, ST_INVALID, "%u threads: at most %d", options->threads, THREADS_MAX);
    assert(snapshot->dict);
    unsigned threads = thread_count(options);
    struct run run = {.snapshot = snapshot, .options = options, .sink = sink, .in = in};
    lock_init(&run.lock, LOCK_DETECT_INPUT);
    if (snapshot->rules)
        run.rank = rule_ranks(snapshot->rules);
    jobs_init(&run, threads == 1 ? 1 : threads * JOBS_PER_THREAD);
    order_init(&run);

    work_together(&run, threads);
    order_finish(&run);
    *out = run.order.stats;

    order_done(&run);
    jobs_done(&run);
    mem_free(run.rank);
    lock_done(&run.lock);
    return ST_OK;
}
