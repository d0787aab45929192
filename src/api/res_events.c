/* SPDX-License-Identifier: Apache-2.0 */
/* Events in any number and any format, taken in as they come and judged.
 *
 *   body ─pieces─▶ feed ─batches─▶ engine's jobs ─▶ … ─▶ recorder ─▶ answer, when all of it is committed
 *
 * Where no job is free, or the recorder has no room, the socket is not read until there is.  A small body is judged on the
 * loop's own lane.  With an Idempotency-Key each batch leaves a mark in the store, in the transaction
 * of what it led to (upload.h); so a repeat of an upload that broke off takes in what is new, and a
 * repeat of a finished one nothing.
 *
 * While the store takes nothing, what was taken in waits to be committed, but no client waits with it for long: it is told
 * to try again (503).  With its key that finds, later, what became of this try.
 *
 * seen() and recorded() run on other threads; `pending` is what the loop waits for. */
#include "api/api_int.h"
#include "api/finding.h"
#include "api/upload.h"
#include "ingest/feed.h"
#include "os/clock.h"

enum {
    SMALL = 64 * 1024,
    KEY_MAX = 200,
    MARK_MAX = 512,
    ERRORS_MAX = 8,
    GIVE_UP_MS = 2000, /* of a store that takes nothing */
    REST_MAX = 1 << 24 /* of a piece; pieces are as large as what the server reads at once */
};

static const char *const formats[] = {
#define X(NAME, name, framing, doc) name,
#include "parse/format.def"
    NULL};

static const struct schema_field events_query_fields[] = {
    {"format", SCHEMA_STRING, .values = formats,
     .doc = "of the records; found by looking at them when absent"},
    {"source", SCHEMA_STRING, .min = 1, .max = 200, .format = FORMAT_LINE,
     .doc = "where they come from, for people"},
};
const struct schema schema_events_query = SCHEMA_OF("EventsQuery", "", events_query_fields);

const struct schema schema_events = {.name = NULL, .media = "*/*"};

static const struct schema_field taken_fields[] = {
    {"accepted", SCHEMA_INTEGER, .required = true, .doc = "records taken in"},
    {"rejected", SCHEMA_INTEGER, .required = true, .doc = "records that could not be read"},
    {"findings", SCHEMA_INTEGER, .required = true, .doc = "what was found in them"},
    {"alerts", SCHEMA_INTEGER, .required = true, .doc = "alerts raised"},
    {"repeats", SCHEMA_INTEGER, .required = true,
     .doc = "findings that joined an alert that stood already"},
    {"late", SCHEMA_INTEGER, .required = true,
     .doc = "matches that came too late to be correlated with others"},
    {"bytes", SCHEMA_INTEGER, .required = true, .doc = "of the body"},
    {"errors", SCHEMA_ARRAY, .required = true, .item = SCHEMA_OBJECT, .child = &schema_reject,
     .doc = "the first records that could not be read"},
};
const struct schema schema_taken =
    SCHEMA_OF("Taken", "What became of the events; all of it is kept", taken_fields);

struct upload_error {
    uint64_t line;
    char reason[160];
};

/* A batch on its way. */
struct part {
    struct upload *upload;
    struct recorded_token token;
    struct upload_mark read; /* of the body with this batch: blocks and chain */
};

struct upload {
    struct api_call *call;
    struct upload *next_starved, *next_keyed, *next_open;
    struct feed *feed; /* owned */
    struct sbuf rest;  /* of a piece that no job was free for */
    size_t rest_at;
    struct body_digest digest;
    str key;                   /* position's source; empty: none */
    const char *source;        /* for people */
    struct upload_mark before; /* what an earlier try left */
    uint64_t cut;              /* batches cut yet */
    bool small, body_over, ended, starved, paused, checked, left;
    bool refused;     /* the client has its answer, and waits for no more */
    struct error why; /* code ST_OK: all is well */

    _Atomic uint64_t pending; /* parts under way, and one for the loop until the body ended */
    _Atomic status broken;    /* of the recorder */
    _Atomic uint64_t alerts, repeats;
    struct upload_mark sum; /* of who delivers: one at a time; then the loop's */
    struct upload_error error[ERRORS_MAX];
    size_t errors;
};

static void finish(struct upload *u);

/* ---- the end ---- */

static void upload_over(struct api_call *c)
{
    struct upload *u = c->user;
    struct api *a = c->api;
    for (struct upload **at = &c->lane->uploads; *at; at = &(*at)->next_open)
        if (*at == u) {
            *at = u->next_open;
            break;
        }
    lock_take(&a->usage_lock);
    for (struct upload **at = &a->keyed; *at; at = &(*at)->next_keyed)
        if (*at == u) {
            *at = u->next_keyed;
            break;
        }
    lock_drop(&a->usage_lock);
    feed_free(u->feed);
    sbuf_done(&u->rest);
    body_digest_done(&u->digest);
    mem_free(u);
}

static void finish_on_loop(void *arg)
{
    finish(arg);
}

/* One thing less to wait for.  Any thread. */
static void less(struct upload *u)
{
    struct loop *loop = u->call->lane->loop;
    if (atomic_fetch_sub(&u->pending, 1) != 1)
        return;
    loop_post(loop, finish_on_loop, u);
}

static void write_taken(struct json_out *o, const struct upload *u)
{
    json_out_object(o);
    json_out_kv_u64(o, "accepted", u->sum.accepted);
    json_out_kv_u64(o, "rejected", u->sum.rejected);
    json_out_kv_u64(o, "findings", u->sum.findings);
    json_out_kv_u64(o, "alerts", u->sum.alerts);
    json_out_kv_u64(o, "repeats", u->sum.repeats);
    json_out_kv_u64(o, "late", u->sum.late);
    json_out_kv_u64(o, "bytes", u->sum.bytes);
    json_out_key(o, STR("errors"));
    json_out_array(o);
    for (size_t i = 0; i < u->errors; i++)
        reject_write_one(o, u->error[i].line, str_z(u->error[i].reason));
    json_out_array_end(o);
    json_out_object_end(o);
}

static void send_taken(struct upload *u)
{
    struct json_out o = call_json(u->call);
    write_taken(&o, u);
    call_send(u->call, 200);
}

/* On a worker: the last mark, with the sums a repeat is answered with. */
static void save_and_answer(struct api_call *c)
{
    struct upload *u = c->user;
    struct sbuf text = {.cap = MARK_MAX};
    struct error err;
    upload_mark_write(&u->sum, &text);
    struct position_record p = {.source = u->key, .value = sbuf_str(&text)};
    struct store_commit commit = {.now_ms = c->now_ms, .position = &p, .position_count = 1};
    if (call_ok(c, store_commit(c->api->options.store, &commit, NULL, &err), &err))
        send_taken(u);
    sbuf_done(&text);
    answer_from_pool(c);
}

static void finish_well(struct upload *u)
{
    struct api_call *c = u->call;
    if (u->before.finished) {
        call_set(c, "Idempotent-Replayed", STR("true"));
        send_taken(u);
        return;
    }
    u->sum.alerts += atomic_load(&u->alerts);
    u->sum.repeats += atomic_load(&u->repeats);
    u->sum.bytes = c->bytes_in;
    if (u->key.n == 0) {
        send_taken(u);
        return;
    }
    u->sum.finished = true;
    u->sum.batches = u->cut;
    u->sum.blocks = u->digest.blocks;
    memcpy(u->sum.chain, u->digest.chain, sizeof u->sum.chain);
    call_to_pool(c, save_and_answer);
}

/* Nothing is under way any more. */
static void finish(struct upload *u)
{
    struct api_call *c = u->call;
    status s = atomic_load(&u->broken);
    if (s != ST_OK)
        (void)fail(&u->why, ST_UNAVAILABLE, "the body was not taken in as a whole");
    if (u->refused)
        call_done(c);
    else if (u->left)
        call_empty(c, CALL_LEFT);
    else if (u->why.code == ST_OK)
        finish_well(u);
    else if (u->why.code == ST_CONFLICT)
        call_problem(c, 422, "key_reused", u->why.text);
    else
        call_fail(c, &u->why);
}

/* No more of the body is wanted. */
static void end(struct upload *u)
{
    if (u->ended)
        return;
    u->ended = true;
    sbuf_clear(&u->rest);
    u->rest_at = 0;
    less(u);
}

/* ---- what other threads say ---- */

static void keep_errors(struct upload *u, const struct batch *b)
{
    for (size_t i = 0; i < b->rejected && i < BATCH_REJECTS_KEPT && u->errors < ERRORS_MAX; i++) {
        struct upload_error *e = &u->error[u->errors++];
        e->line = b->reject[i].origin.line;
        (void)snprintf(e->reason, sizeof e->reason, "%s", b->reject[i].text);
    }
}

/* On a delivering thread, one at a time and in order: sums, and the mark that is committed with the batch. */
static void seen(void *arg, const struct engine_result *r)
{
    struct part *p = arg;
    struct upload *u = p->upload;
    u->sum.batches++;
    u->sum.accepted += r->job->batch.event_count;
    u->sum.rejected += r->job->batch.rejected;
    u->sum.findings += r->count;
    u->sum.late += r->late;
    keep_errors(u, &r->job->batch);
    if (u->key.n == 0)
        return;
    struct upload_mark m = u->sum;
    m.alerts += atomic_load(&u->alerts);
    m.repeats += atomic_load(&u->repeats);
    m.blocks = p->read.blocks;
    memcpy(m.chain, p->read.chain, sizeof m.chain);
    struct sbuf text = {.cap = MARK_MAX};
    upload_mark_write(&m, &text);
    r->job->position_source = engine_job_keep(r->job, u->key);
    r->job->position = engine_job_keep(r->job, sbuf_str(&text));
    sbuf_done(&text);
}

static void recorded(void *arg, status s, const struct commit_result *alert, size_t count)
{
    struct part *p = arg;
    struct upload *u = p->upload;
    uint64_t raised = 0;
    if (s != ST_OK)
        atomic_store(&u->broken, s);
    for (size_t i = 0; s == ST_OK && i < count; i++)
        raised += alert[i].id[0] && alert[i].is_new;
    if (s == ST_OK) {
        atomic_fetch_add(&u->alerts, raised);
        atomic_fetch_add(&u->repeats, count - raised);
    }
    mem_free(p);
    less(u);
}

/* ---- batches ---- */

static void hand_in(struct upload *u, struct engine_job *job)
{
    struct api_call *c = u->call;
    struct part *p = mem_new(struct part);
    p->upload = u;
    p->token = (struct recorded_token){.done = recorded, .arg = p, .seen = seen};
    p->read.blocks = u->digest.blocks;
    memcpy(p->read.chain, u->digest.chain, sizeof p->read.chain);
    job->stream.header = engine_job_keep(job, job->stream.header);
    job->path = engine_job_keep(job, str_z(u->source)).p;
    (void)snprintf(job->tenant, sizeof job->tenant, "%s", c->who.tenant);
    job->token = &p->token;
    atomic_fetch_add(&u->pending, 1);
    if (u->small) {
        struct engine_result r;
        engine_match(c->lane->lane, &r);
        engine_deliver(c->lane->lane);
    } else {
        engine_submit(c->api->options.engine, job);
    }
}

static struct engine_job *take_job(struct upload *u)
{
    if (!recorder_has_room(u->call->api->options.recorder))
        return NULL;
    return u->small ? engine_lane_job(u->call->lane->lane)
                    : engine_take(u->call->api->options.engine);
}

static void give_back(struct upload *u, struct engine_job *job)
{
    if (!u->small)
        engine_give_back(u->call->api->options.engine, job);
}

static void starve(struct upload *u)
{
    struct upload **at = &u->call->lane->starved;
    u->starved = true;
    u->next_starved = NULL;
    while (*at)
        at = &(*at)->next_starved;
    *at = u;
}

/* Cut and hand in what is there.  False: there was no job for it. */
static bool pump(struct upload *u, enum feed_more more)
{
    while (more == FEED_END || feed_may_have(u->feed)) {
        struct engine_job *job = take_job(u);
        if (!job)
            return false;
        if (!feed_next(u->feed, more, &job->batch, &job->stream)) {
            give_back(u, job);
            return true;
        }
        if (u->cut++ < u->before.batches)
            give_back(u, job); /* committed by an earlier try */
        else
            hand_in(u, job);
    }
    return true;
}

/* The body differs from the one the key was given with before. */
static bool same_body(struct upload *u)
{
    if (u->checked || u->before.finished || u->digest.blocks != u->before.blocks)
        return true;
    u->checked = true;
    if (memcmp(u->digest.chain, u->before.chain, sizeof u->before.chain) == 0)
        return true;
    (void)fail(&u->why, ST_CONFLICT, "the Idempotency-Key was given with another body before");
    return false;
}

static bool digest_adds(struct upload *u, str bytes)
{
    while (u->key.n && bytes.n) {
        bytes = str_from(bytes, body_digest_add(&u->digest, bytes));
        if (!same_body(u))
            return false;
    }
    return true;
}

/* False: there was no job for it; *bytes is what was not fed. */
static bool feed_bytes(struct upload *u, str *bytes)
{
    while (bytes->n && feed_failed(u->feed, &u->why) == ST_OK) {
        *bytes = str_from(*bytes, feed_push(u->feed, *bytes));
        if (!pump(u, FEED_MORE))
            return false;
    }
    return true;
}

/* Feed what is left of the pieces, and at the end of the body what is left of the feed.  False: there was no job for it. */
static bool feed_rest(struct upload *u)
{
    str rest = str_from(sbuf_str(&u->rest), u->rest_at);
    bool fed = feed_bytes(u, &rest);
    u->rest_at = u->rest.n - rest.n;
    if (!fed)
        return false;
    sbuf_clear(&u->rest);
    u->rest_at = 0;
    return !u->body_over || pump(u, FEED_END);
}

static void set_paused(struct upload *u, bool paused)
{
    if (u->paused == paused)
        return;
    u->paused = paused;
    if (paused)
        call_pause(u->call);
    else
        call_resume(u->call);
}

static void wait_for_job(struct upload *u)
{
    starve(u);
    set_paused(u, true);
}

/* As far as there are jobs for it. */
static void work(struct upload *u)
{
    if (u->ended || u->starved)
        return;
    if (!feed_rest(u))
        wait_for_job(u);
    else if (feed_failed(u->feed, &u->why) != ST_OK || u->body_over)
        end(u);
    else
        set_paused(u, false);
}

/* ---- the body ---- */

static void piece(struct api_call *c, str bytes)
{
    struct upload *u = c->user;
    if (u->ended)
        return;
    if (!digest_adds(u, bytes)) {
        end(u);
        return;
    }
    if (u->before.finished)
        return;                                                  /* it is only compared */
    if (!u->starved && u->rest.n == 0 && !feed_bytes(u, &bytes)) /* mostly: no need to keep it */
        wait_for_job(u);
    sbuf_add(&u->rest, bytes);
    work(u);
}

static bool is_the_finished_one(const struct upload *u)
{
    return u->digest.blocks == u->before.blocks && u->call->bytes_in == u->before.bytes &&
           memcmp(u->digest.chain, u->before.chain, sizeof u->before.chain) == 0;
}

static void refuse_body(struct upload *u)
{
    (void)fail(&u->why, ST_CONFLICT, "the Idempotency-Key was given with another body before");
    end(u);
}

static void end_of_body(struct api_call *c)
{
    struct upload *u = c->user;
    if (u->ended)
        return;
    u->body_over = true;
    if (u->key.n)
        body_digest_end(&u->digest);
    /* Not checked: shorter than what an earlier try gave.  The end is a block, too. */
    if (u->before.finished ? !is_the_finished_one(u)
                           : !same_body(u) || (u->before.blocks && !u->checked))
        refuse_body(u);
    else if (u->before.finished)
        end(u);
    else
        work(u);
}

static void unlink_starved(struct upload *u)
{
    struct upload **at = &u->call->lane->starved;
    while (*at && *at != u)
        at = &(*at)->next_starved;
    if (*at)
        *at = u->next_starved;
}

static void left(struct api_call *c)
{
    struct upload *u = c->user;
    u->left = true;
    unlink_starved(u);
    end(u);
}

/* ---- an outage of the store ---- */

static bool is_failing(const struct api *a)
{
    int64_t since = recorder_failing_since(a->options.recorder, NULL);
    return since && clock_wall_ms() - since >= GIVE_UP_MS;
}

static const char *const not_now = "events cannot be kept just now: the store does not take them";

/* What was taken in of it goes on. */
static void refuse_for_now(struct upload *u)
{
    if (u->refused || u->left || u->call->on_pool)
        return;
    u->refused = true;
    unlink_starved(u);
    end(u);
    set_paused(u, false);
    metric_inc(METRIC_HTTP_REFUSED_BUSY);
    call_set(u->call, "Retry-After", STR("1"));
    call_problem_early(u->call, 503, "unavailable", not_now);
}

void uploads_go_on(struct api_loop *l)
{
    if (l->uploads && is_failing(l->api))
        for (struct upload *u = l->uploads; u; u = u->next_open)
            refuse_for_now(u);
    struct upload *u = l->starved;
    l->starved = NULL;
    while (u) {
        struct upload *next = u->next_starved;
        u->starved = false;
        work(u); /* may stand in line again */
        u = next;
    }
}

/* ---- the beginning ---- */

static void looked_up(void *arg)
{
    struct upload *u = arg;
    struct api_call *c = u->call;
    c->on_pool = false;
    c->out = &c->lane->out;
    if (u->why.code != ST_OK)
        end(u);
    set_paused(u, false);
    less(u);
}

/* On a worker: how far did an earlier try get? */
static void look_up(struct api_call *c)
{
    struct upload *u = c->user;
    struct position_record p;
    struct error err;
    status st = store_position(c->api->options.store, c->arena, u->key, &p, &err);
    if (st == ST_OK && !upload_mark_read(p.value, &u->before))
        st = fail(&err, ST_IO, "the position of '" STR_FMT "' cannot be read", STR_ARG(u->key));
    if (st != ST_OK && st != ST_NOT_FOUND)
        u->why = err;
    u->sum = u->before;
    loop_post(c->lane->loop, looked_up, u);
}

/* False: another request with this key is under way. */
static bool claim_key(struct upload *u)
{
    struct api *a = u->call->api;
    bool taken = false;
    lock_take(&a->usage_lock);
    for (const struct upload *k = a->keyed; k; k = k->next_keyed)
        taken = taken || str_eq(k->key, u->key);
    if (!taken) {
        u->next_keyed = a->keyed;
        a->keyed = u;
    }
    lock_drop(&a->usage_lock);
    return !taken;
}

static bool key_is_clean(str key)
{
    for (size_t i = 0; i < key.n; i++)
        if (key.p[i] < 0x21 || key.p[i] > 0x7e)
            return false;
    return key.n > 0 && key.n <= KEY_MAX;
}

static struct upload *upload_new(struct api_call *c)
{
    struct upload *u = mem_new(struct upload);
    uint64_t length = 0;
    str format = call_query(c, "format"), source = call_query(c, "source");
    struct feed_options o = {
        .limits = c->api->options.limits, .forced = format.n > 0, .now_ms = c->now_ms};
    if (format.n)
        (void)parse_format_find(format, &o.format); /* the schema has seen to it */
    u->call = c;
    u->feed = feed_new();
    feed_begin(u->feed, &o);
    sbuf_init(&u->rest, REST_MAX);
    source = arena_str(c->arena, source.n ? source : STR("api"));
    u->source = source.p ? source.p : "api";
    u->small = str_to_u64(http_header(c->request, STR("content-length")), &length) &&
               length <= SMALL && http_header(c->request, STR("content-encoding")).n == 0;
    u->pending = 1;
    return u;
}

static bool can_begin(struct api_call *c, str key)
{
    const struct api_options *o = &c->api->options;
    if (key.p && !key_is_clean(key)) {
        call_problem(c, 400, "invalid",
                     "Idempotency-Key: expected 1 to 200 visible ASCII characters");
        return false;
    }
    bool failing = o->recorder && is_failing(c->api);
    if (!failing && o->engine && o->recorder && recorder_has_room(o->recorder))
        return true;
    metric_inc(METRIC_HTTP_REFUSED_BUSY);
    call_set(c, "Retry-After", STR("1"));
    call_problem(c, 503, failing ? "unavailable" : "busy",
                 failing ? not_now : "events cannot be kept just now");
    return false;
}

void serve_events(struct api_call *c)
{
    str key = http_header(c->request, STR("idempotency-key"));
    if (!can_begin(c, key))
        return;
    struct upload *u = upload_new(c);
    c->user = u;
    c->over = upload_over;
    if (key.p) {
        u->key = arena_fmt(c->arena, POSITION_ONCE "http:%s:" STR_FMT, c->who.tenant, STR_ARG(key));
        if (!claim_key(u)) {
            call_problem(c, 409, "in_progress", "a request with this Idempotency-Key is under way");
            return;
        }
    }
    u->next_open = c->lane->uploads;
    c->lane->uploads = u;
    c->piece = piece;
    c->end = end_of_body;
    c->gone = left;
    call_hold(c);
    if (u->key.n) {
        atomic_fetch_add(&u->pending, 1);
        set_paused(u, true);
        call_to_pool(c, look_up);
    }
}
