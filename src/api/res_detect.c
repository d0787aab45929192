/* SPDX-License-Identifier: Apache-2.0 */
/* Events judged while the caller waits: on the loop, with its own lane of the engine.
 *
 * What is found in single events is known at once.  With findings, or with events that correlations listen to, the answer waits
 * until the recorder has committed, as it tells the alerts' ids; without, the store is not asked. */
#include "api/finding.h"
#include "api/models.h"
#include "api/records.h"
#include "ingest/feed.h"
#include "os/clock.h"

enum { EXPLAINED = 8 /* connections that are no alarms */ };

static const char *const formats[] = {
#define X(NAME, name, framing, doc) name,
#include "parse/format.def"
    NULL};

static const struct schema_field detect_query_fields[] = {
    {"format", SCHEMA_STRING, .values = formats,
     .doc = "of the records; found by looking at them when absent"},
    {"source", SCHEMA_STRING, .min = 1, .max = 200, .format = FORMAT_LINE,
     .doc = "where they come from, for people"},
};
const struct schema schema_detect_query = SCHEMA_OF("DetectQuery", "", detect_query_fields);

static const struct schema_field detect_fields[] = {
    {"event", SCHEMA_ANY,
     .doc = "one event: an object, or a string that is a record in any format"},
    {"events", SCHEMA_ARRAY, .item = SCHEMA_ANY, .max = RECORDS_MAX,
     .doc = "or up to a thousand.  A body without these members is records as they are: NDJSON, "
            "arrays, log lines"},
};
const struct schema schema_detect = {.name = "Detect",
                                     .doc = "Events to be judged",
                                     .field = detect_fields,
                                     .count = COUNT(detect_fields),
                                     .media = "application/json"};

static const struct schema_field judged_fields[] = {
    {"verdict", SCHEMA_STRING, .required = true, .values = verdict_names,
     .doc = "malicious: a finding of level high or above; suspicious: one of low or medium; else "
            "benign"},
    {"score", SCHEMA_NUMBER, .required = true, .min = 0, .max = 1,
     .doc = "of the worst finding; 0 without"},
    {"findings", SCHEMA_ARRAY, .required = true, .item = SCHEMA_OBJECT, .child = &schema_finding,
     .doc = "what was found"},
    {"models", SCHEMA_ARRAY, .required = true, .item = SCHEMA_OBJECT, .child = &schema_model_score,
     .doc = "of a connection: what each model in use makes of it; else none"},
    {"latency_us", SCHEMA_INTEGER, .required = true,
     .doc = "time it took to judge it: that of the request by its events"},
};
static const struct schema schema_judged =
    SCHEMA_OF("Judged", "What is made of an event", judged_fields);

static const struct schema_field detected_fields[] = {
    {"results", SCHEMA_ARRAY, .required = true, .item = SCHEMA_OBJECT, .child = &schema_judged,
     .doc = "one an event, in their order"},
    {"rejected", SCHEMA_INTEGER, .required = true,
     .doc = "records that could not be read; they have no result"},
    {"errors", SCHEMA_ARRAY, .required = true, .item = SCHEMA_OBJECT, .child = &schema_reject,
     .doc = "the first of them"},
    {"latency_us", SCHEMA_INTEGER, .required = true, .doc = "time it took to judge all"},
    {"correlations", SCHEMA_ARRAY, .required = true, .item = SCHEMA_OBJECT,
     .child = &schema_finding, .doc = "what these events completed together with earlier ones"},
    {"alerts", SCHEMA_ARRAY, .required = true, .item = SCHEMA_STRING,
     .doc = "ids of alerts raised or repeated"},
};
const struct schema schema_detected =
    SCHEMA_OF("Detected", "What is made of the events", detected_fields);

/* ---- one request ---- */

struct judging {
    struct api_call *call;
    struct recorded_token token;
    struct sbuf alerts, correlations; /* of the answer, the brackets left out */
    size_t single;                    /* findings of single events */
    status recorded;
    bool told; /* before serve_… was through */
};

static void over(struct api_call *c)
{
    struct judging *j = c->user;
    sbuf_done(&j->alerts);
    sbuf_done(&j->correlations);
}

/* The end of an answer that was begun on c->out. */
static void send_judged(struct judging *j)
{
    struct api_call *c = j->call;
    if (j->recorded != ST_OK) {
        struct error err;
        (void)fail(&err, ST_UNAVAILABLE, "what was found could not be kept");
        call_fail(c, &err);
        return;
    }
    sbuf_addz(c->out, ",\"correlations\":[");
    sbuf_add(c->out, sbuf_str(&j->correlations));
    sbuf_addz(c->out, "],\"alerts\":[");
    sbuf_add(c->out, sbuf_str(&j->alerts));
    sbuf_addz(c->out, "]}");
    call_send(c, 200);
}

static void told_on_loop(void *arg)
{
    send_judged(arg);
}

static bool listed_before(const struct commit_result *alert, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (strcmp(alert[k].id, alert[i].id) == 0)
            return true;
    return false;
}

/* On the recorder's thread, or from engine_deliver when there is nothing to commit. */
static void recorded(void *arg, status s, const struct commit_result *alert, size_t count)
{
    struct judging *j = arg;
    j->recorded = s;
    for (size_t i = 0; s == ST_OK && i < count; i++)
        if (alert[i].id[0] && !listed_before(alert, i))
            sbuf_addf(&j->alerts, "%s\"%s\"", j->alerts.n ? "," : "", alert[i].id);
    if (loop_is_current(j->call->lane->loop))
        j->told = true; /* serve_… goes on */
    else
        loop_post(j->call->lane->loop, told_on_loop, j);
}

/* On this loop's thread: it delivers its own lane's job. */
static void seen(void *arg, const struct engine_result *r)
{
    struct judging *j = arg;
    for (size_t i = j->single; i < r->count; i++) {
        struct json_out o = json_out_on(&j->correlations);
        sbuf_addz(&j->correlations, j->correlations.n ? "," : "");
        finding_write_json(&o, r->found[i].finding);
    }
}

/* ---- reading ---- */

static bool take_records(struct api_call *c, struct engine_job *job)
{
    struct sbuf *text = &c->lane->records;
    struct error err;
    bool wrapped;
    size_t n;
    sbuf_clear(text);
    status st = records_unwrap(c->body, text, &wrapped, &n, &err);
    str bytes = wrapped ? sbuf_str(text) : c->body, format = call_query(c, "format");
    struct feed_options o = {.limits = c->api->options.limits,
                             .batch_bytes = 2 * c->route->body_max,
                             .forced = format.n > 0,
                             .now_ms = c->now_ms};
    if (format.n)
        (void)parse_format_find(format, &o.format); /* the schema has seen to it */
    bool any = false;
    o.plain = wrapped && bytes.n && bytes.p[0] == '{';
    if (st == ST_OK) {
        feed_begin(c->lane->feed, &o);
        (void)feed_push(c->lane->feed, bytes); /* a batch holds more than a body */
        any = feed_next(c->lane->feed, FEED_END, &job->batch, &job->stream);
        st = feed_failed(c->lane->feed, &err);
    }
    if (st == ST_OK && !any)
        st = fail(&err, ST_INVALID, "there is no event in the body");
    return call_ok(c, st, &err);
}

static struct engine_job *job_of(struct api_call *c, struct judging *j)
{
    struct engine_job *job = engine_lane_job(c->lane->lane);
    if (!take_records(c, job))
        return NULL;
    str source = call_query(c, "source");
    source = engine_job_keep(job, source.n ? source : STR("api"));
    job->path = source.p;
    (void)snprintf(job->tenant, sizeof job->tenant, "%s", c->who.tenant);
    job->events_metric = METRIC_EVENTS_REALTIME;
    job->token = &j->token;
    job->explained = EXPLAINED;
    return job;
}

/* ---- writing ---- */

/* Findings and scores of one event. */
struct about {
    const struct engine_found *found;
    const struct model_score *score;
    size_t n, scores;
};

static void write_event(struct json_out *o, const struct about *a, uint64_t us)
{
    const struct engine_found *f = a->found;
    size_t n = a->n;
    enum level worst = LEVEL_INFORMATIONAL;
    float score = 0;
    for (size_t i = 0; i < n; i++) {
        worst = f[i].finding->level > worst ? f[i].finding->level : worst;
        score = f[i].finding->score_01 > score ? f[i].finding->score_01 : score;
    }
    json_out_object(o);
    json_out_kv_str(o, "verdict", str_z(verdict_of(worst, n > 0)));
    json_out_kv_f64(o, "score", (double)(int)(score * 1000 + 0.5f) / 1000);
    json_out_key(o, STR("findings"));
    json_out_array(o);
    for (size_t i = 0; i < n; i++)
        finding_write_json(o, f[i].finding);
    json_out_array_end(o);
    json_out_key(o, STR("models"));
    json_out_array(o);
    for (size_t i = 0; i < a->scores; i++)
        model_score_write(o, &a->score[i], UINT32_MAX);
    json_out_array_end(o);
    json_out_kv_u64(o, "latency_us", us);
    json_out_object_end(o);
}

/* All but the last members and the last bracket. */
static void write_judged(struct api_call *c, const struct engine_result *r, uint64_t us)
{
    struct json_out o = call_json(c);
    uint32_t events = (uint32_t)r->job->batch.event_count;
    const struct model_scores *s = r->scored;
    size_t at = 0, score = 0;
    json_out_object(&o);
    json_out_key(&o, STR("results"));
    json_out_array(&o);
    for (uint32_t e = 0; e < events; e++) {
        struct about a = {.found = r->found + at, .score = s->at + score};
        for (; at < r->count && r->found[at].event == e; at++)
            a.n++;
        for (; score < s->n && s->at[score].event == e; score++)
            a.scores++;
        write_event(&o, &a, us / events);
    }
    json_out_array_end(&o);
    json_out_kv_u64(&o, "rejected", r->job->batch.rejected);
    reject_write_json(&o, &r->job->batch);
    json_out_kv_u64(&o, "latency_us", us);
}

/* ---- */

static void judge(struct api_call *c, struct judging *j)
{
    uint64_t start_ns = clock_ns();
    struct engine_job *job = job_of(c, j);
    struct engine_result r;
    if (!job)
        return;
    engine_match(c->lane->lane, &r);
    if (job->batch.event_count > RECORDS_MAX) {
        call_problem(c, 413, "too_large", "more than 1,000 events; /api/events takes any number");
        return;
    }
    write_judged(c, &r, (clock_ns() - start_ns) / 1000);
    j->single = r.count;
    engine_deliver(c->lane->lane);
    if (j->told) {
        send_judged(j);
        return;
    }
    call_hold(c);
    sbuf_init(&c->own_out, CALL_OUT_MAX); /* the loop's is for answers made at once */
    sbuf_add(&c->own_out, sbuf_str(c->out));
    c->own_out.full = c->own_out.full || c->out->full;
    c->out = &c->own_out;
}

void serve_detect_realtime(struct api_call *c)
{
    struct judging *j = c->lane->lane ? arena_new(c->arena, struct judging) : NULL;
    if (!j || !recorder_has_room(c->api->options.recorder)) {
        metric_inc(METRIC_HTTP_REFUSED_BUSY);
        call_set(c, "Retry-After", STR("1"));
        call_problem(c, 503, "busy", "what is found cannot be kept just now");
        return;
    }
    j->call = c;
    j->token = (struct recorded_token){.done = recorded, .arg = j, .seen = seen};
    sbuf_init(&j->alerts, 1 << 20);
    sbuf_init(&j->correlations, 16 << 20);
    c->user = j;
    c->over = over;
    judge(c, j);
}
