/* SPDX-License-Identifier: Apache-2.0 */
#include "api/api_int.h"

#include <assert.h>

enum { PUSHED_AT_ONCE = 64 * 1024 };

static const struct {
    int status;
    const char *title;
} title[] = {
    {400, "Bad Request"},        {401, "Unauthorized"},           {403, "Forbidden"},
    {404, "Not Found"},          {405, "Method Not Allowed"},     {409, "Conflict"},
    {413, "Content Too Large"},  {415, "Unsupported Media Type"}, {422, "Unprocessable Content"},
    {426, "Upgrade Required"},   {429, "Too Many Requests"},      {500, "Internal Server Error"},
    {503, "Service Unavailable"}};

static const char *title_of(int http)
{
    for (size_t i = 0; i < COUNT(title); i++)
        if (title[i].status == http)
            return title[i].title;
    return "Error";
}

/* ---- headers ---- */

bool origin_allowed(const struct api *a, str origin, bool *any)
{
    *any = false;
    for (size_t i = 0; i < a->options.cors_count; i++) {
        *any = str_eq(a->options.cors_origin[i], STR("*"));
        if (*any || str_eq(a->options.cors_origin[i], origin))
            return true;
    }
    return false;
}

/* Tokens travel in a header a page has to set itself, so no credentials are allowed here. */
static bool set_cors(struct api_call *c)
{
    if (c->api->options.cors_count == 0)
        return false;
    struct http_request *r = c->request;
    str origin = http_header(r, STR("origin"));
    bool any;
    http_set(r, "Vary", STR("Origin"));
    if (origin.n == 0 || !origin_allowed(c->api, origin, &any))
        return false;
    http_set(r, "Access-Control-Allow-Origin", any ? STR("*") : origin);
    http_set(r, "Access-Control-Expose-Headers",
             STR("X-Request-Id, RateLimit, RateLimit-Policy, Retry-After, Idempotent-Replayed"));
    return true;
}

void answer_headers(struct api_call *c)
{
    struct http_request *r = c->request;
    http_set(r, "X-Request-Id", str_z(c->id));
    http_set(r, "X-Content-Type-Options", STR("nosniff"));
    http_set(r, "Content-Security-Policy", STR("default-src 'none'; frame-ancestors 'none'"));
    http_set(r, "Referrer-Policy", STR("no-referrer"));
    http_set(r, "Cache-Control", STR("no-store"));
    bool cors = set_cors(c);
    http_set(r, "Cross-Origin-Resource-Policy", cors ? STR("cross-origin") : STR("same-origin"));
    if (http_is_tls(r))
        http_set(r, "Strict-Transport-Security", STR("max-age=31536000; includeSubDomains"));
    for (size_t i = 0; i < c->header_count; i++)
        http_set(r, c->header[i].name, c->header[i].value);
}

void call_set(struct api_call *c, const char *name, str value)
{
    assert(c->header_count < CALL_HEADERS_MAX);
    str copy = arena_str(c->arena, value);
    if (copy.p)
        c->header[c->header_count++] = (struct call_header){name, copy};
}

/* ---- the end of a call ---- */

/* c is gone, unless somebody still holds the request. */
static void finish(struct api_call *c)
{
    struct http_request *r = c->request;
    account_call(c);
    http_on_gone(r, NULL);
    if (c->pauses)
        http_resume(r); /* what is left of the body is read and thrown away */
    if (c->over)
        c->over(c);
    json_doc_free(c->doc);
    c->doc = NULL;
    sbuf_done(&c->own_out);
    arena_done(&c->own);
    bool held = c->held;
    c->held = false;
    if (held)
        http_unref(r);
}

static void send_now(struct api_call *c)
{
    struct http_request *r = http_ref(c->request);
    if (!http_is_gone(r))
        answer_headers(c);
    c->bytes_out += c->out->n;
    http_respond(r, c->status, c->type, sbuf_str(c->out));
    if (!c->early)
        finish(c);
    http_unref(r);
}

void call_done(struct api_call *c)
{
    assert(c->early && !c->on_pool);
    finish(c);
}

/* ---- answers ---- */

void call_send_as(struct api_call *c, int http, const char *content_type)
{
    assert(c->status == 0 && "answered once");
    if (c->out->full) {
        call_problem(c, 500, "too_long", "the answer does not fit");
        return;
    }
    c->status = http;
    c->type = content_type;
    if (!c->on_pool)
        send_now(c);
}

void call_send(struct api_call *c, int http)
{
    call_send_as(c, http, "application/json");
}

void call_empty(struct api_call *c, int http)
{
    sbuf_clear(c->out);
    call_send_as(c, http, NULL);
}

struct json_out call_json(struct api_call *c)
{
    sbuf_clear(c->out);
    return json_out_on(c->out);
}

void call_problem(struct api_call *c, int http, const char *code, const char *detail)
{
    struct json_out o = call_json(c);
    c->out->full = false;
    json_out_object(&o);
    json_out_kv_str(&o, "type", STR("about:blank"));
    json_out_kv_str(&o, "title", str_z(title_of(http)));
    json_out_kv_i64(&o, "status", http);
    json_out_kv_str(&o, "code", str_z(code));
    json_out_kv_str(&o, "detail", str_z(detail));
    json_out_kv_str(&o, "request_id", str_z(c->id));
    if (c->route && str_starts(str_z(c->route->path), STR("/v2"))) /* what its clients look for */
        json_out_kv_str(&o, "error", str_z(detail));
    json_out_object_end(&o);
    call_send_as(c, http, "application/problem+json");
}

void call_problem_early(struct api_call *c, int http, const char *code, const char *detail)
{
    assert(c->held && !c->on_pool);
    c->early = true;
    call_problem(c, http, code, detail);
}

static const char *code_of(status s)
{
    static const char *const code[] = {
        [ST_OK] = "failed",
        [ST_INVALID] = "invalid",
        [ST_NOT_FOUND] = "not_found",
        [ST_LIMIT] = "too_large",
        [ST_UNAVAILABLE] = "unavailable",
        [ST_IO] = "failed",
        [ST_UNSUPPORTED] = "unsupported",
        [ST_UNAUTHORIZED] = "not_authenticated",
        [ST_FORBIDDEN] = "not_allowed",
        [ST_CONFLICT] = "conflict",
        [ST_BUSY] = "too_many",
    };
    return (size_t)s < COUNT(code) && code[s] ? code[s] : "failed";
}

void call_fail(struct api_call *c, const struct error *err)
{
    const char *detail = err->text;
    if (err->code == ST_IO || err->code == ST_UNAVAILABLE || err->code == ST_OK) {
        log_say(LOG_API, LOG_ERROR, "request failed", LOG_Z("id", c->id), LOG_Z("why", err->text));
        detail = err->code == ST_UNAVAILABLE ? "a part of the service does not answer"
                                             : "something went wrong here; the log has the reason";
    }
    int http = err->code == ST_OK ? 500 : status_http(err->code);
    if (http == 503)
        call_set(c, "Retry-After", STR("1"));
    if (http == 401)
        call_set(c, "WWW-Authenticate", STR("Bearer realm=\"bguard\""));
    call_problem(c, http, code_of(err->code), detail);
}

static void add_method(struct sbuf *b, const char *name)
{
    sbuf_addz(b, b->n ? ", " : "");
    sbuf_addz(b, name);
}

void answer_allow(struct api_call *c, const struct router_entry *entry)
{
    struct sbuf b = {.cap = 100};
    for (enum http_method m = 0; m < HTTP_METHOD_COUNT; m++)
        if (entry->route[m] || (m == HTTP_HEAD && entry->route[HTTP_GET]) || m == HTTP_OPTIONS)
            add_method(&b, http_method_name(m));
    call_set(c, "Allow", sbuf_str(&b));
    if (http_header(c->request, STR("access-control-request-method")).n) {
        call_set(c, "Access-Control-Allow-Methods", sbuf_str(&b));
        call_set(c, "Access-Control-Allow-Headers",
                 STR("Authorization, Content-Type, X-API-Key, X-Request-Id, Idempotency-Key, "
                     "Last-Event-ID"));
        call_set(c, "Access-Control-Max-Age", STR("600"));
    }
    sbuf_done(&b);
}

void answer_options(struct api_call *c, const struct router_entry *entry)
{
    answer_allow(c, entry);
    call_empty(c, 204);
}

/* ---- later, and from a worker ---- */

static void push(struct api_call *c);

/* Who waits for room to write would wait for ever. */
static void client_left(void *arg)
{
    struct api_call *c = arg;
    if (c->gone)
        c->gone(c);
    else if (c->begun && !c->on_pool)
        push(c);
}

void call_hold(struct api_call *c)
{
    if (c->held)
        return;
    c->held = true;
    http_ref(c->request);
    http_on_gone(c->request, client_left);
}

void call_pause(struct api_call *c)
{
    if (c->pauses++ == 0)
        http_pause(c->request);
}

void call_resume(struct api_call *c)
{
    if (--c->pauses == 0 && !call_gone(c))
        http_resume(c->request);
}

bool call_gone(const struct api_call *c)
{
    return http_is_gone(c->request);
}

struct http_request *call_take_over(struct api_call *c, int http)
{
    struct http_request *r = http_ref(c->request);
    c->status = http;
    finish(c);
    http_set_user(r, NULL);
    http_unref(r);
    return r;
}

/* ---- long answers ---- */

static void more_job(struct api_call *c)
{
    c->last = !c->more(c);
    answer_from_pool(c);
}

static void drained(struct http_request *r)
{
    push(http_user(r));
}

/* Write the piece, a little at a time: more than a client's buffer holds is never taken at once. */
static status push_piece(struct api_call *c)
{
    str left = str_from(sbuf_str(&c->own_out), c->pushed);
    status st = ST_OK;
    while (left.n && st == ST_OK) {
        str some = str_head(left, PUSHED_AT_ONCE);
        st = http_write(c->request, some);
        if (st == ST_OK) {
            c->pushed += some.n;
            left = str_from(left, some.n);
        }
    }
    return st;
}

/* Then have the next one made. */
static void push(struct api_call *c)
{
    status st = push_piece(c);
    if (st == ST_LIMIT) {
        http_on_drain(c->request, drained);
        return;
    }
    c->bytes_out += c->pushed;
    c->pushed = 0;
    sbuf_clear(&c->own_out);
    if (st == ST_OK && !c->last) {
        c->on_pool = true;
        c->job = more_job;
        c->out = &c->own_out;
        (void)pool_add(c->api, c, true); /* there is room */
        return;
    }
    if (st == ST_OK)
        http_end_answer(c->request);
    finish(c);
}

void call_stream(struct api_call *c, int http, const char *content_type,
                 bool (*more)(struct api_call *c))
{
    assert(c->on_pool && c->status == 0);
    c->status = http;
    c->type = content_type;
    c->more = more;
}

static void from_pool(void *arg)
{
    struct api_call *c = arg;
    c->on_pool = false;
    if (!c->more) {
        send_now(c);
        return;
    }
    if (!c->begun && !http_is_gone(c->request)) {
        c->begun = true;
        answer_headers(c);
        http_begin_answer(c->request, c->status, c->type);
    }
    push(c);
}

void answer_from_pool(struct api_call *c)
{
    loop_post(c->lane->loop, from_pool, c);
}

void call_to_pool(struct api_call *c, void (*job)(struct api_call *c))
{
    call_hold(c);
    if (c->own.cap == 0) {
        arena_init(&c->own, CALL_ARENA_MAX);
        sbuf_init(&c->own_out, CALL_OUT_MAX);
    }
    c->arena = &c->own;
    c->out = &c->own_out;
    c->on_pool = true;
    c->job = job;
    if (pool_add(c->api, c, false))
        return;
    c->on_pool = false;
    c->out = &c->lane->out;
    metric_inc(METRIC_HTTP_REFUSED_BUSY);
    call_set(c, "Retry-After", STR("1"));
    call_problem(c, 503, "busy", "too many requests wait already");
}
