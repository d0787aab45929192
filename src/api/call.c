/* SPDX-License-Identifier: Apache-2.0 */
/* From the head of a request to its handler.
 *
 * In order: is the address blocked; is there such a route, and for the method; is the address within its limit; does the
 * body's kind and length fit; who is it (asked without blocking; when that cannot be said at once, after the body is here,
 * on a worker); may they; is the caller within the class's limit; is the query well formed; the body.
 * Each step either lets the call go on or has answered. */
#include "api/api_int.h"
#include "api/live.h"
#include "codec/time.h"
#include "codec/url.h"
#include "os/clock.h"

enum { PARAM_MAX = 256 };

/* ---- who comes ---- */

static bool is_loopback(str address)
{
    struct ip ip;
    if (!ip_parse(address, &ip))
        return false;
    static const uint8_t one[16] = {[15] = 1};
    return ip.v6 ? memcmp(ip.byte, one, 16) == 0 : ip_v4(&ip) >> 24 == 127;
}

/* Back along a list of addresses while they are trusted proxies'; false: *address is none, or nobody can say who
 * stands before it. */
static bool past_proxies(const struct api *a, str list, str *address)
{
    while (list.n && account_proxy(a, *address)) {
        size_t at = list.n;
        while (at && list.p[at - 1] != ',')
            at--;
        str last = str_trim(str_from(list, at));
        struct ip ip;
        if (!ip_parse(last, &ip))
            return false;
        *address = last;
        list = str_head(list, at ? at - 1 : 0);
    }
    return account_proxy(a, *address);
}

/* The last address in X-Forwarded-For that no trusted proxy has: what stands before it anybody can write.  A proxy
 * may add a field of its own to those it was sent; together they are one list (RFC 9110, 5.3). */
static str forwarded_address(const struct api_call *c, str peer)
{
    str address = peer;
    bool on = true;
    for (size_t i = http_header_count(c->request); on && i-- > 0;) {
        struct http_header h = http_header_at(c->request, i);
        if (str_eq(h.name, STR("x-forwarded-for")))
            on = past_proxies(c->api, h.value, &address);
    }
    return address;
}

static void find_address(struct api_call *c)
{
    struct http_request *r = c->request;
    str peer = http_address(r);
    bool mediated = http_header(r, STR("x-forwarded-for")).p || http_header(r, STR("forwarded")).p;
    c->address = forwarded_address(c, peer);
    c->local = !mediated && is_loopback(peer);
}

static bool id_is_clean(str id)
{
    for (size_t i = 0; i < id.n; i++) {
        char l = ascii_lower(id.p[i]);
        if (!((l >= 'a' && l <= 'z') || (l >= '0' && l <= '9') || l == '-' || l == '_' || l == '.'))
            return false;
    }
    return id.n > 0 && id.n <= CALL_ID_MAX;
}

static void find_id(struct api_call *c)
{
    str given = http_header(c->request, STR("x-request-id"));
    if (id_is_clean(given))
        memcpy(c->id, given.p, given.n);
    else
        uid_new(c->now_ms, c->id);
}

static struct api_call *call_new(struct api_loop *l, struct http_request *r)
{
    struct api_call *c = arena_new(http_arena(r), struct api_call);
    if (!c)
        return NULL;
    c->api = l->api;
    c->lane = l;
    c->request = r;
    c->arena = http_arena(r);
    c->out = &l->out;
    c->started_ns = http_started_ns(r);
    c->now_ms = api_now_ms(l->api);
    http_set_user(r, c);
    find_address(c);
    find_id(c);
    return c;
}

/* ---- steps ---- */

static void set_seconds(struct api_call *c, const char *name, int64_t seconds)
{
    char text[24];
    int n = snprintf(text, sizeof text, "%lld", (long long)seconds);
    call_set(c, name, (str){text, (size_t)n});
}

static bool not_blocked(struct api_call *c)
{
    int64_t until_ms;
    struct api *a = c->api;
    if (!guard_blocked(a->guard, c->address, c->now_ms, &until_ms) || account_exempt(a, c->address))
        return true;
    metric_inc(METRIC_HTTP_REFUSED_BLOCKED);
    set_seconds(c, "Retry-After", (until_ms - c->now_ms + 999) / 1000);
    call_problem(c, 403, "blocked", "this address is blocked for a time");
    return false;
}

static bool decode_params(struct api_call *c, const str *raw)
{
    for (size_t i = 0; i < ROUTE_PARAMS_MAX && raw[i].p; i++) {
        char *p = raw[i].n <= PARAM_MAX ? arena_bytes(c->arena, raw[i].n) : NULL;
        if (!p)
            return false;
        c->param[i] = (str){p, url_decode(raw[i], false, p)};
        if (memchr(p, 0, c->param[i].n) || memchr(p, '/', c->param[i].n))
            return false;
    }
    return true;
}

static bool has_route(struct api_call *c)
{
    struct http_request *r = c->request;
    str raw[ROUTE_PARAMS_MAX] = {{0}};
    const struct router_entry *e = router_find(&c->api->router, http_path(r), raw);
    enum http_method m = http_method(r);
    if (!e || !decode_params(c, raw)) {
        call_problem(c, 404, "not_found", "there is nothing at this path");
        return false;
    }
    uint16_t n = e->route[m] || m != HTTP_HEAD ? e->route[m] : e->route[HTTP_GET];
    if (n) {
        c->route = &route_table[n - 1];
        return true;
    }
    if (m == HTTP_OPTIONS) {
        answer_options(c, e);
        return false;
    }
    answer_allow(c, e);
    call_problem(c, 405, "method_not_allowed", "this path does not know the method");
    return false;
}

static void set_rate(struct api_call *c, enum rate_class class, const struct rate_answer *answer)
{
    const struct rate_limit *l = &c->api->rate[class];
    char text[96];
    int n = snprintf(text, sizeof text, "\"%s\";q=%u;w=%u", rate_class_name(class), l->burst,
                     (unsigned)((uint64_t)l->burst * 60 / l->per_min + 1));
    call_set(c, "RateLimit-Policy", (str){text, (size_t)n});
    n = snprintf(text, sizeof text, "\"%s\";r=%u;t=%u", rate_class_name(class), answer->left,
                 answer->reset_s);
    call_set(c, "RateLimit", (str){text, (size_t)n});
}

static bool within_limit(struct api_call *c, enum rate_class class, str caller)
{
    const struct rate_limit *l = &c->api->rate[class];
    if (l->per_min == 0)
        return true;
    struct rate_answer answer = rate_take(c->api->rates, l, class, caller, clock_ns());
    if (class != RATE_ADDRESS || !answer.allowed)
        set_rate(c, class, &answer);
    if (answer.allowed)
        return true;
    metric_inc(METRIC_HTTP_REFUSED_RATE);
    set_seconds(c, "Retry-After", answer.reset_s);
    call_problem(c, 429, "rate_limited", "too many requests; come again later");
    return false;
}

static bool within_address_limit(struct api_call *c)
{
    char text[ADDRESS_KEY_MAX];
    if (c->route->rate == RATE_NONE || c->api->rate[RATE_ADDRESS].per_min == 0 ||
        account_exempt(c->api, c->address))
        return true;
    return within_limit(c, RATE_ADDRESS, address_key(c->address, text));
}

static bool media_is(str header, const char *media)
{
    str type = str_trim(str_cut(&header, ';'));
    if (!str_ieq(type, str_z(media)))
        return false;
    str charset = str_trim(header);
    return charset.n == 0 || str_ieq(charset, STR("charset=utf-8")) ||
           str_ieq(charset, STR("charset=\"utf-8\""));
}

/* Nothing was sent, and nothing need be: neither a kind of body nor a byte of it. */
static bool body_spared(const struct api_call *c)
{
    uint64_t length = 0;
    str given = http_header(c->request, STR("content-length"));
    return http_method(c->request) == HTTP_POST && c->route->body &&
           schema_optional(c->route->body) && !http_header(c->request, STR("content-type")).p &&
           !http_header(c->request, STR("transfer-encoding")).p &&
           (!given.p || (str_to_u64(given, &length) && length == 0));
}

static bool body_fits(struct api_call *c)
{
    const struct route *rt = c->route;
    str type = http_header(c->request, STR("content-type"));
    uint64_t length = 0;
    bool known = str_to_u64(http_header(c->request, STR("content-length")), &length);
    if (body_spared(c))
        return true;
    if (rt->body && !rt->body->media && !media_is(type, "application/json")) {
        call_problem(c, 415, "unsupported_media_type", "expected content-type application/json");
        return false;
    }
    if (known && rt->run != RUN_STREAM && length > rt->body_max && rt->body) {
        call_problem(c, 413, "too_large", "the body is longer than this takes");
        return false;
    }
    return true;
}

str call_authorization(struct api_call *c)
{
    str given = http_header(c->request, STR("authorization"));
    str key = http_header(c->request, STR("x-api-key"));
    if (given.n == 0 && key.n == 0) /* a browser's WebSocket can say nothing else */
        key = str_from(live_bearer(c->request), sizeof "bearer." - 1);
    return given.n || key.n == 0 ? given : arena_fmt(c->arena, "Bearer " STR_FMT, STR_ARG(key));
}

static void refuse(struct api_call *c)
{
    struct error err;
    (void)fail(&err, ST_UNAUTHORIZED, "credentials are missing or not good");
    call_fail(c, &err);
}

static bool identified(struct api_call *c, bool may_block)
{
    enum access access = c->route->access;
    if (access == ACCESS_PUBLIC ||
        (access == ACCESS_LOCAL && (c->local || c->api->options.metrics_public)))
        return true;
    str auth = call_authorization(c);
    struct error err;
    status st = auth.n == 0 ? ST_UNAUTHORIZED
                            : identity_authenticate(c->api->options.identity, auth, c->now_ms,
                                                    may_block, &c->who, &err);
    c->must_know = st == ST_BUSY && !may_block;
    c->known = st == ST_OK;
    if (c->known || c->must_know)
        return true;
    if (st == ST_UNAUTHORIZED)
        refuse(c);
    else
        call_fail(c, &err);
    return false;
}

static bool permitted(struct api_call *c)
{
    enum access access = c->route->access;
    if (!c->known)
        return true; /* it is public, or identified() has answered */
    enum permission want = access >= ACCESS_PUBLIC ? PERMIT_STATUS_READ : (enum permission)access;
    if (principal_may(&c->who, want))
        return true;
    char text[96];
    (void)snprintf(text, sizeof text, "this takes the permission %s", permission_name(want));
    call_problem(c, 403, "not_allowed", text);
    return false;
}

static str caller_of(struct api_call *c, char text[static ADDRESS_KEY_MAX])
{
    if (!c->known)
        return address_key(c->address, text);
    return str_z(c->who.kind == PRINCIPAL_USER ? c->who.user : c->who.key);
}

static bool query_fits(struct api_call *c)
{
    const struct schema *q = c->route->query;
    struct error err;
    str query = http_query(c->request);
    if (!q)
        return true; /* what nobody reads does no harm */
    c->query = arena_array(c->arena, str, q->count);
    status st = c->query ? schema_query(q, query, c->arena, c->query, &err)
                         : fail(&err, ST_LIMIT, "the query is too long");
    if (st == ST_OK)
        return true;
    call_fail(c, &err);
    return false;
}

/* All that depends on who it is. */
static bool admitted(struct api_call *c)
{
    char text[ADDRESS_KEY_MAX];
    return permitted(c) && within_limit(c, c->route->rate, caller_of(c, text)) && query_fits(c);
}

/* ---- body and handler ---- */

static bool body_read(struct api_call *c)
{
    const struct schema *s = c->route->body;
    struct error err;
    if (!s || s->media)
        return true;
    str body = body_spared(c) ? STR("{}") : c->body;
    status st = json_doc_parse(body, c->route->body_max, &c->doc, &err);
    if (st == ST_OK) {
        c->root = json_doc_root(c->doc);
        st = schema_check(s, c->root, &err);
    }
    if (st == ST_OK)
        return true;
    call_fail(c, &err);
    return false;
}

static void handle(struct api_call *c)
{
    if (body_read(c))
        c->route->handler(c);
}

static void handle_on_pool(struct api_call *c)
{
    handle(c);
    answer_from_pool(c);
}

static void stream_piece(struct http_request *r, str bytes)
{
    struct api_call *c = http_user(r);
    c->bytes_in += bytes.n;
    if (c->piece && c->status == 0)
        c->piece(c, bytes);
}

static void stream_end(struct http_request *r)
{
    struct api_call *c = http_user(r);
    if (c->end && c->status == 0)
        c->end(c);
}

static const struct http_stream stream = {stream_piece, stream_end};

static void dispatch(struct api_call *c)
{
    if (c->route->run == RUN_POOL)
        call_to_pool(c, handle_on_pool);
    else
        handle(c);
}

/* Back on the loop, knowing who it is. */
static void known_now(void *arg)
{
    struct api_call *c = arg;
    c->on_pool = false;
    c->out = &c->lane->out;
    if (call_gone(c)) {
        call_empty(c, CALL_LEFT);
        return;
    }
    bool stream_it = c->route->run == RUN_STREAM;
    struct http_request *r = http_ref(c->request);
    handle(c);
    if (stream_it && !http_answered(r))
        call_resume(c);
    http_unref(r);
}

static void authenticate_on_pool(struct api_call *c)
{
    bool go_on = identified(c, true) && admitted(c);
    if (go_on && c->route->run == RUN_POOL)
        handle(c);
    if (go_on && c->route->run != RUN_POOL)
        loop_post(c->lane->loop, known_now, c);
    else
        answer_from_pool(c);
}

static void have_body(struct api_call *c)
{
    if (c->must_know)
        call_to_pool(c, authenticate_on_pool);
    else
        dispatch(c);
}

static void body_ready(struct http_request *r, str body)
{
    struct api_call *c = http_user(r);
    c->body = body;
    c->bytes_in = body.n;
    have_body(c);
}

static void take_body(struct api_call *c)
{
    if (c->route->run == RUN_STREAM) {
        http_stream_body(c->request, &stream);
        if (c->must_know)
            call_pause(c);
        have_body(c);
    } else if (c->route->body) {
        http_take_body(c->request, c->route->body_max, body_ready);
    } else {
        have_body(c);
    }
}

void call_begin(void *arg, struct http_request *r)
{
    struct api_call *c = call_new(arg, r);
    if (!c) {
        http_respond(r, 503, NULL, STR(""));
        return;
    }
    if (not_blocked(c) && has_route(c) && within_address_limit(c) && body_fits(c) &&
        identified(c, false) && (c->must_know || admitted(c)))
        take_body(c);
}

bool call_accept(void *arg, str address)
{
    struct api_loop *l = arg;
    bool blocked = guard_blocked(l->api->guard, address, api_now_ms(l->api), NULL) &&
                   !account_exempt(l->api, address);
    if (blocked)
        metric_inc(METRIC_HTTP_REFUSED_BLOCKED);
    return !blocked;
}

void call_refused(void *arg, str address, int http, const char *why, const char *id)
{
    struct api_loop *l = arg;
    if (http)
        log_say(LOG_API, LOG_INFO, "request refused", LOG_Z("id", id), LOG_STR("address", address),
                LOG_INT("status", http), LOG_Z("why", why));
    if (http == 400)
        account_offence(l->api, address, OFFENCE_MALFORMED);
}

/* ---- reading ---- */

str call_query(const struct api_call *c, const char *name)
{
    const struct schema *q = c->route->query;
    for (size_t i = 0; i < q->count; i++)
        if (strcmp(q->field[i].name, name) == 0)
            return c->query[i];
    return (str){0};
}

int64_t call_query_int(const struct api_call *c, const char *name, int64_t otherwise)
{
    int64_t v = otherwise;
    (void)str_to_i64(call_query(c, name), &v); /* the schema has seen to it */
    return v;
}

struct actor call_actor(const struct api_call *c)
{
    return (struct actor){.who = &c->who, .address = c->address, .now_ms = c->now_ms};
}

int64_t call_query_time(const struct api_call *c, const char *name, int64_t otherwise)
{
    int64_t v = otherwise;
    (void)time_parse_iso(call_query(c, name), &v); /* likewise */
    return v;
}

bool call_id(struct api_call *c, str *id)
{
    *id = c->param[0];
    if (uid_valid(*id))
        return true;
    call_problem(c, 404, "not_found", "there is nothing with this id");
    return false;
}

status in_member(const char *place, struct error *err, status st)
{
    return st == ST_INVALID ? fail_prefix(err, st, "%s", place) : st;
}

bool call_ok(struct api_call *c, status st, const struct error *err)
{
    if (st != ST_OK)
        call_fail(c, err);
    return st == ST_OK;
}
