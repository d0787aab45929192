/* SPDX-License-Identifier: Apache-2.0 */
#include "detect/detect_int.h"

#include "base/mem.h"

#include <assert.h>

/* ---- jobs ---- */

void job_init(struct job *job)
{
    batch_init(&job->of.batch, BATCH_ARENA_MAX);
    arena_init(&job->kept, KEPT_ARENA_MAX);
    arena_init(&job->arena, RESULT_ARENA_MAX);
}

void job_done(struct job *job)
{
    snapshot_ref_drop(job->matched_with);
    model_set_unref(job->scored_with);
    batch_done(&job->of.batch);
    arena_done(&job->kept);
    arena_done(&job->arena);
    rule_hits_done(&job->hits);
    vec_done(&job->rules);
    vec_done(&job->indicators);
    vec_done(&job->models);
    vec_done(&job->added);
    vec_done(&job->found);
    vec_done(&job->sampled);
}

void job_clear(struct job *job)
{
    struct batch batch = job->of.batch;
    batch_clear(&batch);
    batch.file = 0;
    job->of = (struct engine_job){.batch = batch, .events_metric = METRIC_EVENTS_HTTP};
    arena_clear(&job->kept);
    snapshot_ref_drop(job->matched_with);
    job->matched_with = NULL;
    model_set_unref(job->scored_with);
    job->scored_with = NULL;
    job->turn = FLOW_NO_TURN;
    job->scored = (struct model_scores){0};
    job->hits.n = job->rules.n = job->indicators.n = job->models.n = job->added.n = 0;
    job->found.n = job->sampled.n = 0;
}

const struct item *job_item(const struct job *job, struct item_place *place, uint32_t event)
{
    const struct item *rule = place->rule < job->rules.n ? &job->rules.at[place->rule] : NULL;
    const struct item *indicator =
        place->indicator < job->indicators.n ? &job->indicators.at[place->indicator] : NULL;
    const struct item *model = place->model < job->models.n ? &job->models.at[place->model] : NULL;
    const struct item *added = place->added < job->added.n ? &job->added.at[place->added] : NULL;
    const struct item *next = rule;
    if (!next || (indicator && indicator->event < next->event))
        next = indicator;
    if (!next || (model && model->event < next->event))
        next = model;
    if (!next || (added && added->event < next->event))
        next = added;
    if (!next || next->event > event)
        return NULL;
    place->rule += next == rule;
    place->indicator += next == indicator;
    place->model += next == model;
    place->added += next == added;
    return next;
}

/* ---- free ones ---- */

static void return_locked(struct order *o, struct job *job)
{
    assert(lock_held(&o->lock));
    job->next = o->free;
    o->free = job;
    condition_wake_all(&o->changed);
}

/* Has somebody been told that there is none?  He is told otherwise, once. */
static void drop_and_tell(struct order *o)
{
    bool tell = o->wanted && o->free && o->room;
    if (tell)
        o->wanted = false;
    lock_drop(&o->lock);
    if (tell)
        o->room(o->arg);
}

void order_init(struct order *o, enum lock_id id, unsigned jobs)
{
    *o = (struct order){.jobs = jobs};
    lock_init(&o->lock, id);
    condition_init(&o->changed);
    o->waiting = mem_array(struct job *, jobs);
    o->job = mem_array(struct job, jobs);
    for (unsigned i = 0; i < jobs; i++) {
        job_init(&o->job[i]);
        o->job[i].next = o->free;
        o->free = &o->job[i];
    }
}

void order_done(struct order *o)
{
    for (unsigned i = 0; i < o->jobs; i++)
        job_done(&o->job[i]);
    mem_free(o->job);
    mem_free(o->waiting);
    condition_done(&o->changed);
    lock_done(&o->lock);
}

static struct job *take_locked(struct order *o)
{
    struct job *job = o->stopped ? NULL : o->free;
    if (job)
        o->free = job->next;
    return job;
}

struct job *order_take(struct order *o)
{
    lock_take(&o->lock);
    while (!o->free && !o->stopped)
        condition_wait(&o->changed, &o->lock);
    struct job *job = take_locked(o);
    lock_drop(&o->lock);
    return job;
}

struct job *order_try(struct order *o)
{
    lock_take(&o->lock);
    struct job *job = take_locked(o);
    o->wanted = o->wanted || !job;
    lock_drop(&o->lock);
    return job;
}

void order_return(struct order *o, struct job *job)
{
    lock_take(&o->lock);
    return_locked(o, job);
    drop_and_tell(o);
}

/* ---- turns ---- */

/* First come, first served, so that neither many lanes nor many jobs shut out the other. */
static void enter_locked(struct order *o)
{
    uint64_t ticket = o->ticket++;
    while (o->admitted != ticket)
        condition_wait(&o->changed, &o->lock);
}

static void leave_locked(struct order *o)
{
    if (++o->admitted != o->ticket)
        condition_wake_all(&o->changed);
}

/* Deliver the jobs whose turn it is; the lock is given up meanwhile. */
static void deliver_locked(struct order *o)
{
    struct job **place;
    o->delivering = true;
    while (!o->stopped && *(place = &o->waiting[o->turn % o->jobs])) {
        struct job *job = *place;
        *place = NULL;
        enter_locked(o);
        lock_drop(&o->lock);
        bool stop = o->deliver(o->arg, job);
        lock_take(&o->lock);
        leave_locked(o);
        o->turn++;
        o->stopped = stop;
        return_locked(o, job);
        drop_and_tell(o);
        lock_take(&o->lock);
    }
    o->delivering = false;
}

void order_hand_over(struct order *o, struct job *job)
{
    lock_take(&o->lock);
    o->waiting[job->number % o->jobs] = job;
    if (!o->delivering)
        deliver_locked(o);
    lock_drop(&o->lock);
}

void order_enter(struct order *o)
{
    lock_take(&o->lock);
    enter_locked(o);
    lock_drop(&o->lock);
}

void order_leave(struct order *o)
{
    lock_take(&o->lock);
    leave_locked(o);
    lock_drop(&o->lock);
}
