/* SPDX-License-Identifier: Apache-2.0 */
#include "detect/engine_int.h"

#include "base/mem.h"

struct engine_lane {
    struct seat seat;
    struct job job;
};

struct engine_lane *engine_lane_new(struct engine *e)
{
    struct engine_lane *l = mem_new(struct engine_lane);
    seat_init(&l->seat, e);
    job_init(&l->job);
    job_clear(&l->job);
    return l;
}

void engine_lane_free(struct engine_lane *l)
{
    if (!l)
        return;
    job_done(&l->job);
    seat_done(&l->seat);
    mem_free(l);
}

struct engine_job *engine_lane_job(struct engine_lane *l)
{
    job_clear(&l->job);
    return &l->job.of;
}

void engine_match(struct engine_lane *l, struct engine_result *out)
{
    l->job.replayed = false;
    seat_run(&l->seat, &l->job);
    *out = engine_result_of(&l->job);
}

void engine_deliver(struct engine_lane *l)
{
    struct engine *e = l->seat.engine;
    order_enter(&e->order);
    (void)engine_deliver_job(e, &l->job);
    order_leave(&e->order);
}

void engine_replay(struct engine_lane *l)
{
    struct engine *e = l->seat.engine;
    l->job.replayed = true;
    seat_run(&l->seat, &l->job);
    order_enter(&e->order);
    engine_replay_job(e, &l->job);
    order_leave(&e->order);
}
