/* SPDX-License-Identifier: Apache-2.0 */
#include "detect/engine_int.h"

#include "base/mem.h"
#include "os/clock.h"

#include <assert.h>

/* ---- delivering: by one thread at a time ---- */

struct engine_result engine_result_of(struct job *job)
{
    return (struct engine_result){
        .job = &job->of,
        .found = job->found.at,
        .count = job->found.n,
        .sampled = job->sampled.at,
        .sampled_count = job->sampled.n,
        .scored = &job->scored,
        .dropped = job->dropped,
        .late = job->late,
    };
}

struct listening { /* what on_correlation is told */
    struct engine *engine;
    struct job *job;
};

static void on_correlation(void *arg, const struct finding *f)
{
    const struct listening *l = arg;
    struct job *job = l->job;
    if (f->level < l->engine->options.min_level)
        job->suppressed++;
    else
        *vec_push(&job->found) = (struct engine_found){UINT32_MAX, f};
}

static void count_findings(const struct job *job)
{
    metric_add(METRIC_FINDINGS, job->found.n);
    metric_add(METRIC_FINDINGS_DROPPED, job->dropped);
}

static void count_batch(const struct engine_job *of)
{
    metric_add(of->events_metric, of->batch.event_count);
    metric_add(METRIC_EVENTS_BYTES, of->batch.n);
    metric_add(METRIC_EVENTS_REJECTED, of->batch.rejected);
    metric_add(METRIC_EVENTS_FIELDS_DROPPED, of->batch.dropped);
}

/* What was found is not looked at any more. */
static void let_go(struct job *job)
{
    snapshot_ref_drop(job->matched_with);
    job->matched_with = NULL;
    job->scored = (struct model_scores){0};
    model_set_unref(job->scored_with);
    job->scored_with = NULL;
}

bool engine_deliver_job(void *engine, struct job *job)
{
    struct engine *e = engine;
    struct listening l = {e, job};
    job->of.taken_ms = e->tenants.wall_ms;
    job->dropped += tenants_feed(&e->tenants, job, &job->arena, on_correlation, &l);
    count_batch(&job->of);
    count_findings(job);
    struct engine_result r = engine_result_of(job);
    e->sink.deliver(e->sink.arg, &r);
    let_go(job);
    return false;
}

static void ignore(void *arg, const struct finding *f)
{
    (void)arg;
    (void)f;
}

void engine_replay_job(struct engine *e, struct job *job)
{
    e->silent = true;
    if (job->of.taken_ms > e->tenants.wall_ms)
        e->tenants.wall_ms = job->of.taken_ms;
    (void)tenants_feed(&e->tenants, job, &job->arena, ignore, NULL);
    e->silent = false;
    let_go(job);
}

/* ---- what correlations find on their own ---- */

static void tick_begin(void *arg, const struct tenant *t)
{
    struct engine *e = arg;
    struct job *job = &e->tick;
    job->found.n = 0;
    job->suppressed = job->dropped = 0;
    arena_clear(&job->arena);
    memcpy(job->of.tenant, t->name, sizeof job->of.tenant);
    job->of.taken_ms = e->tenants.wall_ms;
}

static void tick_emit(void *arg, const struct finding *f)
{
    struct engine *e = arg;
    struct listening l = {e, &e->tick};
    on_correlation(&l, f);
}

static void tick_end(void *arg, uint64_t lost)
{
    struct engine *e = arg;
    struct job *job = &e->tick;
    job->dropped = lost;
    if (e->silent || (job->found.n == 0 && lost == 0))
        return;
    count_findings(job);
    struct engine_result r = engine_result_of(job);
    e->sink.deliver(e->sink.arg, &r);
}

static struct snapshot_ref *current_of(struct engine *e, uint64_t *adoption)
{
    lock_take(&e->snapshot_lock);
    struct snapshot_ref *s = snapshot_ref_take(e->current);
    *adoption = atomic_load(&e->adopted);
    lock_drop(&e->snapshot_lock);
    return s;
}

void engine_tick(struct engine *e, int64_t now_ms)
{
    uint64_t adoption;
    struct snapshot_ref *current = current_of(e, &adoption);
    order_enter(&e->order);
    tenants_tick(&e->tenants, now_ms, current, adoption);
    order_leave(&e->order);
    snapshot_ref_drop(current);
}

void engine_replayed(struct engine *e, const char *tenant, int64_t last_ms)
{
    order_enter(&e->order);
    e->silent = true;
    tenants_tick_one(&e->tenants, tenant, last_ms);
    e->silent = false;
    order_leave(&e->order);
}

/* ---- life ---- */

static void on_room(void *arg)
{
    struct engine *e = arg;
    if (e->sink.room)
        e->sink.room(e->sink.arg);
}

struct engine *engine_new(const struct engine_options *options, const struct engine_sink *sink,
                          struct snapshot_ref *first)
{
    assert(options->jobs > 0);
    struct engine *e = mem_new(struct engine);
    e->options = *options;
    e->sink = *sink;
    order_init(&e->order, LOCK_ENGINE_ORDER, options->jobs);
    e->order.deliver = engine_deliver_job;
    e->order.room = on_room;
    e->order.arg = e;
    lock_init(&e->snapshot_lock, LOCK_ENGINE_SNAPSHOT);
    lock_init(&e->queue_lock, LOCK_ENGINE_QUEUE);
    condition_init(&e->queued);
    e->current = snapshot_ref_take(first);
    atomic_init(&e->adopted, 0);
    atomic_init(&e->adopted_models, 0);
    e->windows = flow_windows_new(options->jobs, 0);
    job_init(&e->tick);
    tenants_init(&e->tenants, &options->correlation, options->tenants);
    e->tenants.emit = tick_emit;
    e->tenants.begin = tick_begin;
    e->tenants.end = tick_end;
    e->tenants.arena = &e->tick.arena;
    e->tenants.arg = e;
    return e;
}

void engine_free(struct engine *e)
{
    if (!e)
        return;
    tenants_done(&e->tenants);
    job_done(&e->tick);
    order_done(&e->order);
    snapshot_ref_drop(e->current);
    model_set_unref(e->models);
    flow_windows_free(e->windows);
    condition_done(&e->queued);
    lock_done(&e->queue_lock);
    lock_done(&e->snapshot_lock);
    mem_free(e);
}

void engine_adopt(struct engine *e, struct snapshot_ref *s)
{
    lock_take(&e->snapshot_lock);
    struct snapshot_ref *before = e->current;
    e->current = snapshot_ref_take(s);
    atomic_fetch_add(&e->adopted, 1);
    lock_drop(&e->snapshot_lock);
    snapshot_ref_drop(before);
    lock_take(&e->queue_lock);
    condition_wake_all(&e->queued); /* who has nothing to do lets go of the old one, too */
    lock_drop(&e->queue_lock);
}

void engine_adopt_models(struct engine *e, struct model_set *set)
{
    lock_take(&e->snapshot_lock);
    struct model_set *before = e->models;
    e->models = set ? model_set_ref(set) : NULL;
    atomic_fetch_add(&e->adopted_models, 1);
    lock_drop(&e->snapshot_lock);
    model_set_unref(before);
    lock_take(&e->queue_lock);
    condition_wake_all(&e->queued);
    lock_drop(&e->queue_lock);
}

static struct model_set *models_of(struct engine *e, uint64_t *adoption)
{
    lock_take(&e->snapshot_lock);
    struct model_set *set = e->models ? model_set_ref(e->models) : NULL;
    *adoption = atomic_load(&e->adopted_models);
    lock_drop(&e->snapshot_lock);
    return set;
}

struct model_set *engine_models(struct engine *e)
{
    uint64_t adoption;
    return models_of(e, &adoption);
}

struct snapshot_ref *engine_snapshot(struct engine *e)
{
    uint64_t adoption;
    return current_of(e, &adoption);
}

/* ---- seats ---- */

/* Behaviour does not learn from a replay: it has already. */
static void on_parsed(void *arg, struct job *job)
{
    const struct engine *e = arg;
    if (!job->replayed)
        e->sink.parsed(e->sink.arg, &job->of);
}

void seat_init(struct seat *s, struct engine *e)
{
    *s = (struct seat){.engine = e};
    s->snapshot = current_of(e, &s->adoption);
    worker_init(&s->worker, &s->snapshot->detectors, s->snapshot->rank, &e->options.limits,
                e->options.min_level);
    s->worker.parsed = e->sink.parsed ? on_parsed : NULL;
    s->worker.arg = e;
    s->worker.windows = e->windows;
    s->models = models_of(e, &s->models_adoption);
    worker_use_models(&s->worker, s->models);
}

void seat_done(struct seat *s)
{
    worker_done(&s->worker);
    snapshot_ref_drop(s->snapshot);
    model_set_unref(s->models);
}

static bool has_current_rules(const struct seat *s)
{
    return s->adoption == atomic_load(&s->engine->adopted);
}

static bool has_current_models(const struct seat *s)
{
    return s->models_adoption == atomic_load(&s->engine->adopted_models);
}

static bool is_current(const struct seat *s)
{
    return has_current_rules(s) && has_current_models(s);
}

static void adopt_models(struct seat *s)
{
    struct model_set *before = s->models;
    s->models = models_of(s->engine, &s->models_adoption);
    worker_use_models(&s->worker, s->models);
    model_set_unref(before);
}

void seat_adopt(struct seat *s)
{
    if (!has_current_rules(s)) {
        struct snapshot_ref *before = s->snapshot;
        s->snapshot = current_of(s->engine, &s->adoption);
        worker_change(&s->worker, &s->snapshot->detectors, s->snapshot->rank);
        snapshot_ref_drop(before);
    }
    if (!has_current_models(s))
        adopt_models(s);
}

static void gather(struct job *job)
{
    struct item_place place = {0};
    const struct item *item;
    while ((item = job_item(job, &place, UINT32_MAX))) {
        if (item->finding)
            *vec_push(&job->found) = (struct engine_found){item->event, item->finding};
        size_t n = job->sampled.n;
        if (item->sample && (n == 0 || job->sampled.at[n - 1] != item->event))
            *vec_push(&job->sampled) = item->event;
    }
}

void seat_run(struct seat *s, struct job *job)
{
    uint64_t start_ns = clock_ns();
    seat_adopt(s);
    job->matched_with = snapshot_ref_take(s->snapshot);
    job->adoption = s->adoption;
    job->scored_with = s->models ? model_set_ref(s->models) : NULL;
    worker_run(&s->worker, job);
    gather(job);
    metric_observe(METRIC_DETECT_SECONDS, clock_since(start_ns));
}

/* ---- the queue ---- */

struct engine_job *engine_take(struct engine *e)
{
    struct job *job = order_try(&e->order);
    if (!job) {
        metric_inc(METRIC_PIPELINE_FULL);
        return NULL;
    }
    job_clear(job);
    return &job->of;
}

static struct job *job_of(struct engine_job *of)
{
    return (struct job *)of; /* its first member */
}

str engine_job_keep(struct engine_job *of, str s)
{
    return arena_str(&job_of(of)->kept, s);
}

void engine_add(struct engine_job *of, uint32_t event, const struct finding *f)
{
    struct job *job = job_of(of);
    assert(event < of->batch.event_count);
    if (job->added.n == ENGINE_ADDED_MAX)
        job->dropped++;
    else
        *vec_push(&job->added) = (struct item){.event = event, .finding = f};
}

void engine_give_back(struct engine *e, struct engine_job *of)
{
    order_return(&e->order, job_of(of));
}

void engine_submit(struct engine *e, struct engine_job *of)
{
    struct job *job = job_of(of);
    job->next = NULL;
    lock_take(&e->queue_lock);
    job->number = e->submitted++;
    job->turn = job->number + 1;
    *(e->first ? &e->last->next : &e->first) = job;
    e->last = job;
    lock_drop(&e->queue_lock);
    condition_wake_one(&e->queued); /* whoever it is finds the lock free */
    metric_move(METRIC_PIPELINE_QUEUED, 1);
}

/* The next job; NULL when there is none and none will come, or when the seat's snapshot is old. */
static struct job *next_job(struct seat *s, bool *ended)
{
    struct engine *e = s->engine;
    lock_take(&e->queue_lock);
    while (!e->first && !e->stopped && is_current(s))
        condition_wait(&e->queued, &e->queue_lock);
    struct job *job = e->first;
    if (job)
        e->first = job->next;
    *ended = !job && e->stopped;
    lock_drop(&e->queue_lock);
    return job;
}

void engine_work(struct engine *e)
{
    struct seat s;
    seat_init(&s, e);
    bool ended = false;
    while (!ended) {
        struct job *job = next_job(&s, &ended);
        if (!job) {
            seat_adopt(&s);
            continue;
        }
        metric_move(METRIC_PIPELINE_QUEUED, -1);
        seat_run(&s, job);
        order_hand_over(&e->order, job);
    }
    seat_done(&s);
}

void engine_stop(struct engine *e)
{
    lock_take(&e->queue_lock);
    e->stopped = true;
    condition_wake_all(&e->queued);
    lock_drop(&e->queue_lock);
}
