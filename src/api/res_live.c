/* SPDX-License-Identifier: Apache-2.0 */
/* Watching: a WebSocket that is told what to send, and server-sent events (WHATWG HTML, 9.2) that a query tells. */
#include "api/live_int.h"
#include "event/finding.h"

static const char *const levels[] = {
#define X(NAME, name, score) name,
#include "event/level.def"
    NULL};

static const struct schema_field stream_fields[] = {
    {"topics", SCHEMA_STRING, .min = 1, .max = 100, .format = FORMAT_LINE,
     .doc = "separated by commas: alerts, incidents, decisions, status; alerts"},
    {"min_level", SCHEMA_STRING, .values = levels, .doc = "alerts of this level or above"},
    {"entity", SCHEMA_STRING, .min = 1, .max = LIVE_FILTER_MAX, .format = FORMAT_LINE,
     .doc = "alerts about this user, host or address"},
    {"rule", SCHEMA_STRING, .min = 1, .max = LIVE_FILTER_MAX, .format = FORMAT_LINE,
     .doc = "alerts of the rule with this id or title"},
    {"resume", SCHEMA_INTEGER, .min = 0, .max = 9007199254740991.0,
     .doc = "go on after the message with this id; as the header Last-Event-ID, which goes before"},
};
const struct schema schema_stream_query = {"StreamQuery", "", stream_fields, COUNT(stream_fields),
                                           NULL};
const struct schema schema_event_stream = {.name = NULL, .media = "text/event-stream"};

static bool admitted(struct api_call *c)
{
    if (!c->lane->live) {
        call_problem(c, 503, "unavailable", "there is nothing to watch");
        return false;
    }
    if (live_admit(c->api->live, &c->who))
        return true;
    call_set(c, "Retry-After", STR("30"));
    call_problem(c, 429, "too_many", "too many clients watch already");
    return false;
}

/* ---- WebSocket ---- */

str live_bearer(const struct http_request *r)
{
    if (!ws_wanted(r))
        return (str){0};
    for (size_t i = 0; i < http_header_count(r); i++) {
        struct http_header h = http_header_at(r, i);
        while (str_eq(h.name, STR("sec-websocket-protocol")) && h.value.n) {
            str one = str_trim(str_cut(&h.value, ','));
            if (str_starts(one, STR("bearer.")))
                return one;
        }
    }
    return (str){0};
}

static void socket_message(struct ws *w, void *user, str text)
{
    (void)w;
    watcher_command(user, text);
}

static void socket_closed(struct ws *w, void *user, int code)
{
    (void)w, (void)code;
    watcher_free(user);
}

static const struct ws_handler on_socket = {socket_message, socket_closed};

/* CORS does not hold for WebSockets: any page may open one.  With tokens it cannot say anything (there are no
 * cookies here that a browser would add, so that somebody else's page has nothing to hijack), but who
 * lists the origins that may call means all calls.  A page of our own may, and programs send no Origin. */
static bool origin_may_watch(struct api_call *c)
{
    bool any;
    str origin = http_header(c->request, STR("origin"));
    str host = str_from(origin, str_find(origin, ':') + sizeof "://" - 1);
    if (origin.n == 0 || c->api->options.cors_count == 0 || origin_allowed(c->api, origin, &any) ||
        str_ieq(host, http_header(c->request, STR("host"))))
        return true;
    call_problem(c, 403, "not_allowed", "this origin may not watch");
    return false;
}

void serve_live_socket(struct api_call *c)
{
    const char *why;
    int refusal = ws_refusal(c->request, &why);
    if (refusal == 426) {
        call_set(c, "Upgrade", STR("websocket"));
        call_set(c, "Sec-WebSocket-Version", STR("13"));
    }
    if (refusal) {
        call_problem(c, refusal, refusal == 426 ? "upgrade_required" : "invalid", why);
        return;
    }
    if (!origin_may_watch(c) || !admitted(c))
        return;
    struct watcher *client = watcher_new(c->lane->live, &c->who, call_authorization(c));
    struct http_request *r = http_ref(c->request);
    struct ws_options options = ws_options_default;
    options.queue_bytes = LIVE_QUEUE_BYTES;
    http_set(r, "X-Request-Id", str_z(c->id));
    (void)call_take_over(c, 101);
    client->ws = ws_upgrade(r, live_bearer(r), &options, &on_socket, client);
    if (!client->ws)
        watcher_free(client); /* it was told why */
    http_unref(r);
}

/* ---- server-sent events ---- */

static void stream_gone(void *user)
{
    watcher_free(user);
}

static bool read_topics(struct api_call *c, unsigned *out)
{
    str list = call_query(c, "topics");
    if (!list.p)
        list = STR("alerts");
    while (list.n) {
        enum bus_topic t;
        if (!bus_topic_find(str_trim(str_cut(&list, ',')), &t)) {
            call_problem(c, 400, "invalid", "?topics: there is no such topic");
            return false;
        }
        *out |= 1u << t;
        if (t == TOPIC_STATUS && !principal_may(&c->who, PERMIT_STATUS_READ)) {
            call_problem(c, 403, "not_allowed", "this takes the permission status:read");
            return false;
        }
    }
    return true;
}

static bool read_subscription(struct api_call *c, struct subscription *s)
{
    enum level least;
    str id = http_header(c->request, STR("last-event-id"));
    *s = (struct subscription){
        .min_level = -1, .entity = call_query(c, "entity"), .rule = call_query(c, "rule")};
    if (level_find(call_query(c, "min_level"), &least))
        s->min_level = (int)least;
    if (id.n == 0)
        id = call_query(c, "resume");
    s->resumes = str_to_u64(id, &s->resume); /* an id of somebody else's begins anew */
    return read_topics(c, &s->topics);
}

void serve_live_stream(struct api_call *c)
{
    struct subscription s;
    if (http_method(c->request) == HTTP_HEAD) {
        call_empty(c, 200);
        return;
    }
    if (!read_subscription(c, &s) || !admitted(c))
        return;
    struct watcher *client = watcher_new(c->lane->live, &c->who, call_authorization(c));
    struct http_request *r = client->sse = http_ref(c->request);
    answer_headers(c);
    http_set(r, "X-Accel-Buffering", STR("no")); /* nginx would wait for more */
    (void)call_take_over(c, 200);
    if (http_is_gone(r)) {
        watcher_free(client);
        return;
    }
    http_set_user(r, client);
    http_on_gone(r, stream_gone);
    http_begin_answer(r, 200, "text/event-stream");
    watcher_subscribe(client, &s);
}
