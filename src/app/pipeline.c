/* SPDX-License-Identifier: Apache-2.0 */
/* What was found once must not be found again by a replay, and what was not must be.  So a replay lives through the
 * same moments: every record carries the time of the tick it was delivered after (job->taken_ms),
 * and what windows find at a tick is committed together with the time of that tick, for each tenant.  What a replay
 * finds up to there was committed: findings of a tick before it are queued, and committed, before
 * whatever was delivered after them. */
#include "app/pipeline.h"

#include "base/vec.h"
#include "os/clock.h"
#include "os/log.h"

enum { REPLAY_ARENA_MAX = 96 << 20, REPLAY_PAGE = 4096 };

/* Positions of a tenant's ticks: before its name. */
static const str tick_prefix = {"engine:tick:", sizeof "engine:tick:" - 1};

static struct recorded recorded_of(const struct engine_result *r, const struct engine_found *f)
{
    struct recorded out = {.finding = f->finding, .path = r->job->path};
    if (f->event != UINT32_MAX) {
        const struct event *e = &r->job->batch.event[f->event];
        out.raw = e->raw;
        out.format = str_z(parse_format_name((enum parse_format)e->format));
    }
    return out;
}

static struct recent_record recent_of(const struct engine_result *r, uint32_t event)
{
    const struct event *e = &r->job->batch.event[event];
    return (struct recent_record){
        .tenant = str_z(r->job->tenant),
        .format = str_z(parse_format_name((enum parse_format)e->format)),
        .raw = e->raw,
        .time_ms = r->job->taken_ms != TIME_NONE ? r->job->taken_ms : clock_wall_ms(),
    };
}

/* A position: the job's own, or of what windows found at a tick, the time of that. */
struct place {
    struct position_record record;
    char source[sizeof "engine:tick:" + ENGINE_TENANT_MAX], value[24];
};

static const struct position_record *place_of(const struct engine_result *r, struct place *out)
{
    if (r->job->position_source.n) {
        out->record =
            (struct position_record){.source = r->job->position_source, .value = r->job->position};
        return &out->record;
    }
    if (r->job->batch.event_count || r->count == 0 || r->job->taken_ms == TIME_NONE)
        return NULL;
    (void)snprintf(out->source, sizeof out->source, "%s%s", tick_prefix.p, r->job->tenant);
    (void)snprintf(out->value, sizeof out->value, "%lld", (long long)r->job->taken_ms);
    out->record =
        (struct position_record){.source = str_z(out->source), .value = str_z(out->value)};
    return &out->record;
}

/* What windows found of themselves, when the store has not answered for long: nothing else comes to this. */
static void count_dropped(struct pipeline *p, const struct engine_result *r)
{
    metric_add(METRIC_FINDINGS_DROPPED, r->count);
    if (!p->dropping)
        log_say(LOG_DATA, LOG_ERROR, "findings are dropped: too much waits for the store",
                LOG_INT("count", r->count));
}

static void deliver(void *arg, const struct engine_result *r)
{
    struct pipeline *p = arg;
    const struct recorded_token *token = r->job->token;
    if (token && token->seen)
        token->seen(token->arg, r);
    struct recorded *item = mem_array(struct recorded, r->count + 1);
    struct recent_record *recent = mem_array(struct recent_record, r->sampled_count + 1);
    for (size_t i = 0; i < r->count; i++)
        item[i] = recorded_of(r, &r->found[i]);
    for (size_t i = 0; i < r->sampled_count; i++)
        recent[i] = recent_of(r, r->sampled[i]);
    struct place place;
    struct recording in = {.tenant = str_z(r->job->tenant),
                           .item = item,
                           .count = r->count,
                           .position = place_of(r, &place),
                           .recent = recent,
                           .recent_count = r->sampled_count};
    if (token) {
        in.done = token->done;
        in.arg = token->arg;
    }
    status s = recorder_add(p->recorder, &in);
    if (s != ST_OK && in.done)
        in.done(in.arg, s, NULL, 0); /* it is answered for */
    else if (s != ST_OK)
        count_dropped(p, r);
    p->dropping = s != ST_OK;
    mem_free(item);
    mem_free(recent);
}

/* Learning costs as much as judging.  What is normal shows in some of the events as well, so past
 * this many a second only judging goes on; seconds may overlap a little between threads. */
enum { LEARNED_MAX = 50 * 1000, WATCHED_MAX = 64 /* findings of a batch */ };

static bool may_learn(struct pipeline *p, int64_t now_ms, uint64_t events)
{
    int64_t second = now_ms / 1000;
    if (p->learned_s != second) {
        p->learned_s = second;
        p->learned = 0;
    }
    if (p->learned >= LEARNED_MAX)
        return false;
    p->learned += events;
    return true;
}

static void watch(struct pipeline *p, struct engine_job *job, int64_t now_ms)
{
    struct behavior_found found[WATCHED_MAX];
    size_t n =
        behavior_watch(p->behavior, str_z(job->tenant), &job->batch, now_ms, found, WATCHED_MAX);
    for (size_t i = 0; i < n; i++)
        engine_add(job, found[i].event, found[i].finding);
}

static void parsed(void *arg, struct engine_job *job)
{
    struct pipeline *p = arg;
    int64_t now_ms = clock_wall_ms();
    if (job->batch.event_count == 0)
        return;
    if (!may_learn(p, now_ms, job->batch.event_count))
        metric_add(METRIC_BEHAVIOR_SKIPPED, job->batch.event_count);
    else if (p->watch)
        watch(p, job, now_ms);
    else
        behavior_learn(p->behavior, str_z(job->tenant), &job->batch, now_ms);
}

static void room(void *arg)
{
    const struct pipeline *p = arg;
    if (p->room)
        p->room(p->arg);
}

struct engine_sink pipeline_sink(struct pipeline *p)
{
    return (struct engine_sink){.deliver = deliver, .room = room, .parsed = parsed, .arg = p};
}

/* ---- after a restart ---- */

static void replay(struct engine_lane *lane, const struct recent_record *r)
{
    struct engine_job *job = engine_lane_job(lane);
    enum parse_format format = PARSE_text;
    (void)parse_format_find(r->format, &format); /* a format of ours, written by us */
    batch_reserve(&job->batch, r->raw.n);
    memcpy(job->batch.bytes, r->raw.p, r->raw.n);
    job->batch.n = r->raw.n;
    job->stream = (struct parse_stream){.format = format, .now_ms = r->time_ms};
    job->taken_ms = r->time_ms;
    (void)snprintf(job->tenant, sizeof job->tenant, STR_FMT, STR_ARG(r->tenant));
    engine_replay(lane);
}

static status replay_ticks(struct store *store, struct engine *engine, struct arena *a,
                           struct error *err)
{
    struct position_record *p = NULL;
    size_t n = 0;
    arena_clear(a);
    status s = store_position_list(store, a, tick_prefix, &p, &n, err);
    for (size_t i = 0; s == ST_OK && i < n; i++) {
        int64_t ms;
        if (str_to_i64(p[i].value, &ms)) /* always: it was written here */
            engine_replayed(engine, str_from(p[i].source, tick_prefix.n).p, ms);
    }
    return s;
}

struct replaying {
    struct store *store;
    struct engine_lane *lane;
    struct arena *arena;
    int64_t since_ms;
    uint64_t after;
    size_t page;
};

/* The next records; *n: how many.  A page larger than the arena is halved. */
static status replay_page(struct replaying *r, size_t *n, struct error *err)
{
    struct recent_record *record = NULL;
    status s;
    do {
        arena_clear(r->arena);
        s = store_recent_list(r->store, r->arena, r->since_ms, &r->after, r->page, &record, n, err);
    } while (s == ST_LIMIT && (r->page /= 2) > 0);
    for (size_t i = 0; s == ST_OK && i < *n; i++)
        replay(r->lane, &record[i]);
    return s;
}

status pipeline_replay(struct store *store, struct engine *engine, int64_t since_ms, size_t *n,
                       struct error *err)
{
    struct arena a;
    arena_init(&a, REPLAY_ARENA_MAX);
    struct replaying r = {.store = store,
                          .lane = engine_lane_new(engine),
                          .arena = &a,
                          .since_ms = since_ms,
                          .page = REPLAY_PAGE};
    status s = ST_OK;
    size_t some = 1;
    *n = 0;
    while (s == ST_OK && some) {
        s = replay_page(&r, &some, err);
        *n += s == ST_OK ? some : 0;
    }
    if (s == ST_OK && *n)
        s = replay_ticks(store, engine, &a, err);
    engine_lane_free(r.lane);
    arena_done(&a);
    return s;
}
