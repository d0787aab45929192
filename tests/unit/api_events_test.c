/* SPDX-License-Identifier: Apache-2.0 */
/* Events in, verdicts and alerts out. */
#include "base/metric.h"
#include "tests/unit/api_bed.h"

#include <poll.h>
#include <stdatomic.h>

static struct bed bed;
static const char *admin;

static int set_up(void **state)
{
    if (folder_make(state) != 0)
        return -1;
    bed_open(&bed, &(struct api_options){.guard = false});
    admin = bed_login(&bed, "admin", BED_PASSWORD);
    bed_as(&bed, admin);
    return 0;
}

static int tear_down(void **state)
{
    bed_close(&bed);
    return folder_remove(state);
}

static int64_t number(const char *member)
{
    return json_int(bed_member(&bed, member), -1);
}

static json_node result(size_t i)
{
    struct json_each it = json_each(bed_member(&bed, "results"));
    while (json_each_next(&it) && i)
        i--;
    return it.value;
}

static bool verdict_is(size_t i, const char *want)
{
    return str_eq(json_str(json_get(result(i), STR("verdict")), STR("")), str_z(want));
}

/* An event by `who`; alerts are grouped by user. */
static const char *event(const char *what, const char *who)
{
    return arena_fmt(&bed.arena,
                     "{\"@timestamp\":\"2026-01-02T03:04:05Z\",\"what\":\"%s\",\"who\":\"%s\","
                     "\"user\":{\"name\":\"%s\"}}",
                     what, who, who)
        .p;
}

/* ---- judged at once ---- */

static void judges_an_event(void **state)
{
    str body = arena_fmt(&bed.arena, "{\"event\":%s}", event("hit", "ann"));
    bed_expect(&bed, 200, "POST", "/api/threat/detect-realtime", body.p);
    assert_int_equal(json_count(bed_member(&bed, "results")), 1);
    assert_true(verdict_is(0, "malicious"));
    json_node found = json_get(result(0), STR("findings"));
    assert_int_equal(json_count(found), 1);
    assert_int_equal(json_count(bed_member(&bed, "alerts")), 1);
    assert_int_equal(number("rejected"), 0);
}

static void answers_in_the_order_of_the_events(void **state)
{
    str body = arena_fmt(&bed.arena, "{\"events\":[%s,%s,%s]}", event("nothing", "b1"),
                         event("odd", "b2"), event("hit", "b3"));
    bed_expect(&bed, 200, "POST", "/api/threat/detect-realtime", body.p);
    assert_int_equal(json_count(bed_member(&bed, "results")), 3);
    assert_true(verdict_is(0, "benign") && verdict_is(1, "suspicious") &&
                verdict_is(2, "malicious"));
    assert_int_equal(json_count(bed_member(&bed, "alerts")), 2);
}

static void judges_records_of_any_kind(void **state)
{
    str lines = arena_fmt(&bed.arena, "%s\n%s\n", event("hit", "c1"), event("nothing", "c2"));
    bed_expect(&bed, 200, "POST", "/api/threat/detect-realtime", lines.p);
    assert_true(verdict_is(0, "malicious") && verdict_is(1, "benign"));
    bed_expect(&bed, 200, "POST", "/api/threat/detect-realtime",
               "<34>1 2026-01-02T03:04:05Z host su - ID47 - 'su root' failed");
    assert_true(verdict_is(0, "benign"));
    assert_int_equal(json_count(bed_member(&bed, "alerts")), 0);
}

static void says_what_correlations_made_of_it(void **state)
{
    str body = arena_fmt(&bed.arena, "{\"events\":[%s,%s,%s]}", event("fail", "dan"),
                         event("fail", "dan"), event("fail", "dan"));
    bed_expect(&bed, 200, "POST", "/api/threat/detect-realtime", body.p);
    assert_true(verdict_is(0, "benign"));
}

static void refuses_what_is_no_event(void **state)
{
    bed_expect(&bed, 400, "POST", "/api/threat/detect-realtime", "{\"event\":7}");
    bed_expect(&bed, 400, "POST", "/api/threat/detect-realtime", "");
    bed_expect(&bed, 400, "POST", "/api/threat/detect-realtime?format=none", "{}");
    struct sbuf b;
    sbuf_init(&b, 1 << 20);
    for (int i = 0; i < 1001; i++)
        sbuf_addz(&b, "{\"a\":1}\n");
    bed_expect(&bed, 413, "POST", "/api/threat/detect-realtime", b.p);
    sbuf_done(&b);
}

/* ---- taken in ---- */

static void takes_events_in(void **state)
{
    str body = arena_fmt(&bed.arena, "%s\n%s\n{broken\n%s\n", event("hit", "e1"),
                         event("hit", "e1"), event("odd", "e2"));
    bed_expect(&bed, 200, "POST", "/api/events?source=test", body.p);
    assert_int_equal(number("accepted"), 3);
    assert_int_equal(number("rejected"), 1);
    assert_int_equal(number("findings"), 3);
    assert_int_equal(number("alerts"), 2);
    assert_int_equal(number("repeats"), 1);
    assert_int_equal(number("bytes"), body.n);
    assert_int_equal(json_count(bed_member(&bed, "errors")), 1);
}

/* `n` events, every 100th a hit. */
static str many(size_t n, const char *who)
{
    struct sbuf b;
    sbuf_init(&b, 64 << 20);
    for (size_t i = 0; i < n; i++)
        sbuf_addf(&b, "{\"n\":%zu,\"what\":\"%s\",\"user\":{\"name\":\"%s\"}}\n", i,
                  i % 100 ? "-" : "hit", who);
    str copy = arena_str(&bed.arena, sbuf_str(&b));
    sbuf_done(&b);
    return copy;
}

static void takes_more_than_there_are_jobs_for(void **state)
{
    str body = many(60000, "f");
    assert_int_equal(bed_send(&bed, "POST", "/api/events", "application/x-ndjson", body, NULL),
                     200);
    assert_int_equal(number("accepted"), 60000);
    assert_int_equal(number("findings"), 600);
    assert_int_equal(number("alerts"), 1);
    assert_int_equal(number("repeats"), 599);
    assert_int_equal(number("bytes"), body.n);
}

static void takes_a_finished_upload_once(void **state)
{
    static const char *const key[] = {"Idempotency-Key: one", NULL};
    str body = many(20000, "g");
    for (int i = 0; i < 2; i++) {
        assert_int_equal(bed_send(&bed, "POST", "/api/events", "text/plain", body, key), 200);
        assert_int_equal(number("accepted"), 20000);
        assert_int_equal(number("alerts"), 1);
        assert_int_equal(number("repeats"), 199);
    }
    body.n--;
    assert_int_equal(bed_send(&bed, "POST", "/api/events", "text/plain", body, key), 422);
    assert_int_equal(bed_send(&bed, "POST", "/api/events", "text/plain", STR("x"), key), 422);
    bed_expect(&bed, 200, "GET", "/api/alerts?entity=g", NULL);
    struct json_each it = json_each(bed_member(&bed, "alerts"));
    assert_true(json_each_next(&it));
    assert_int_equal(json_int(json_get(it.value, STR("count")), 0), 200);
}

static void takes_a_small_one_once_too(void **state)
{
    static const char *const key[] = {"Idempotency-Key: small", NULL};
    str body = str_z(event("hit", "gg"));
    for (int i = 0; i < 2; i++) {
        assert_int_equal(bed_send(&bed, "POST", "/api/events", "text/plain", body, key), 200);
        assert_int_equal(number("alerts"), 1);
        assert_int_equal(number("repeats"), 0);
    }
    str raw =
        bed_raw(&bed, arena_fmt(&bed.arena,
                                "POST /api/events HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                                "Authorization: Bearer %s\r\nIdempotency-Key: small\r\n"
                                "Content-Length: %zu\r\n\r\n" STR_FMT,
                                admin, body.n, STR_ARG(body))
                          .p);
    assert_true(str_contains(raw, STR("\r\nIdempotent-Replayed: true\r\n")));
}

static void refuses_a_key_that_is_none(void **state)
{
    static const char *const bad[] = {"Idempotency-Key: a b", NULL};
    assert_int_equal(bed_send(&bed, "POST", "/api/events", "text/plain", STR("x"), bad), 400);
}

/* What a client sends before its line breaks: `n` bytes of the body, its length said to be all of it. */
static int begin_to_send(str body, size_t n, const char *key)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(bed.port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    str head = arena_fmt(&bed.arena,
                         "POST /api/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n"
                         "Idempotency-Key: %s\r\nContent-Length: %zu\r\n\r\n",
                         admin, key, body.n);
    assert_int_equal(connect(fd, (const struct sockaddr *)&to, sizeof to), 0);
    assert_int_equal(send(fd, head.p, head.n, MSG_NOSIGNAL), head.n);
    for (size_t at = 0; at < n;) {
        ssize_t sent = send(fd, body.p + at, n - at, MSG_NOSIGNAL);
        assert_true(sent > 0);
        at += (size_t)sent;
    }
    return fd;
}

static void break_off(str body, size_t n, const char *key)
{
    close(begin_to_send(body, n, key));
}

/* Tries until the broken one is not under way any more. */
static int repeat(str body, const char *const *key)
{
    int got;
    do
        got = bed_send(&bed, "POST", "/api/events", "text/plain", body, key);
    while (got == 409);
    return got;
}

static void goes_on_where_an_upload_broke_off(void **state)
{
    static const char *const key[] = {"Idempotency-Key: broken", NULL};
    str body = many(60000, "h");
    break_off(body, body.n / 2, "broken");
    break_off(body, body.n * 3 / 4, "broken");
    assert_int_equal(repeat(body, key), 200);
    assert_int_equal(number("accepted"), 60000);
    assert_int_equal(number("findings"), 600);
    bed_expect(&bed, 200, "GET", "/api/alerts?entity=h", NULL);
    struct json_each it = json_each(bed_member(&bed, "alerts"));
    assert_true(json_each_next(&it));
    assert_int_equal(json_int(json_get(it.value, STR("count")), 0), 600);
}

static void refuses_another_body_for_what_broke_off(void **state)
{
    static const char *const key[] = {"Idempotency-Key: other", NULL};
    str body = many(60000, "i"), other = many(60000, "j");
    int fd = begin_to_send(body, body.n / 2, "other");
    do /* some of it is committed */
        bed_expect(&bed, 200, "GET", "/api/alerts?entity=i", NULL);
    while (json_count(bed_member(&bed, "alerts")) == 0);
    close(fd);
    assert_int_equal(repeat(other, key), 422);
}

/* ---- alerts ---- */

static const char *an_alert(const char *who)
{
    str body = arena_fmt(&bed.arena, "{\"event\":%s}", event("hit", who));
    bed_expect(&bed, 200, "POST", "/api/threat/detect-realtime", body.p);
    struct json_each it = json_each(bed_member(&bed, "alerts"));
    assert_true(json_each_next(&it));
    return arena_str(&bed.arena, json_str(it.value, STR(""))).p;
}

static const char *alert_path(const char *id, const char *what)
{
    return arena_fmt(&bed.arena, "/api/alerts/%s%s", id, what).p;
}

static void shows_and_decides_an_alert(void **state)
{
    const char *id = an_alert("kim");
    bed_expect(&bed, 200, "GET", alert_path(id, ""), NULL);
    assert_int_equal(json_count(bed_member(&bed, "events")), 1);
    bed_expect(&bed, 200, "POST", alert_path(id, "/acknowledge"), "{\"note\":\"mine\"}");
    assert_string_equal(bed_text(&bed, "status"), "acknowledged");
    assert_string_equal(bed_text(&bed, "owner"), "admin");
    bed_expect(&bed, 400, "POST", alert_path(id, "/close"), "{\"verdict\":\"maybe\"}");
    bed_expect(&bed, 200, "POST", alert_path(id, "/close"), "{\"verdict\":\"false_positive\"}");
    assert_string_equal(bed_text(&bed, "status"), "closed_false_positive");
    bed_expect(&bed, 409, "POST", alert_path(id, "/close"), "{\"verdict\":\"true_positive\"}");
    bed_expect(&bed, 200, "POST", alert_path(id, "/reopen"), "{}");
    assert_string_equal(bed_text(&bed, "status"), "open");
    bed_expect(&bed, 200, "GET", "/api/audit?limit=3", NULL);
    assert_int_equal(json_count(bed_member(&bed, "entries")), 3);
    bed_expect(&bed, 404, "GET", alert_path("01ARZ3NDEKTSV4RRFFQ69G5FAV", ""), NULL);
    bed_expect(&bed, 404, "GET", alert_path("1", ""), NULL);
}

static void pages_through_alerts(void **state)
{
    for (int i = 0; i < 5; i++)
        (void)an_alert(arena_fmt(&bed.arena, "page%d", i).p);
    size_t seen = 0;
    const char *path = "/api/alerts?limit=2&level=high&status=open&text=Hit";
    for (const char *next = ""; next; seen += json_count(bed_member(&bed, "alerts"))) {
        bed_expect(&bed, 200, "GET", arena_fmt(&bed.arena, "%s%s", path, next).p, NULL);
        const char *cursor = bed_text(&bed, "next");
        next = *cursor ? arena_fmt(&bed.arena, "&cursor=%s", cursor).p : NULL;
        assert_true(json_count(bed_member(&bed, "alerts")) <= 2);
    }
    assert_true(seen >= 5);
    bed_expect(&bed, 400, "GET", "/api/alerts?status=odd", NULL);
    bed_expect(&bed, 400, "GET", "/api/alerts?limit=0", NULL);
    bed_expect(&bed, 400, "GET", "/api/alerts?colour=red", NULL);
    bed_expect(&bed, 400, "GET", "/api/alerts?cursor=odd", NULL);
}

static size_t lines(str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += s.p[i] == '\n';
    return n;
}

static void exports_all_alerts(void **state)
{
    struct sbuf b;
    sbuf_init(&b, 1 << 20);
    for (int i = 0; i < 450; i++)
        sbuf_addf(&b, "%s\n", event("odd", arena_fmt(&bed.arena, "export%d", i).p));
    bed_expect(&bed, 200, "POST", "/api/events", b.p);
    sbuf_done(&b);
    bed_expect(&bed, 200, "GET", "/api/alerts?format=json&rule=odd", NULL);
    size_t n = json_count(json_doc_root(bed.doc));
    assert_true(n >= 450);
    static const char *const csv[] = {"Accept: text/csv", NULL};
    assert_int_equal(bed_send(&bed, "GET", "/api/alerts?rule=odd", NULL, (str){0}, csv), 200);
    assert_true(str_starts(bed.answer.content_type, STR("text/csv")));
    assert_int_equal(lines(bed.answer.body), n + 1);
}

/* ---- a client that leaves an export half read ---- */

struct narrow { /* a server of little patience beside the bed's */
    struct http_server *server;
    _Atomic bool is;
};

static void narrow_open(void *arg)
{
    struct narrow *n = arg;
    struct http_server_options o = {.host = "127.0.0.1",
                                    .fd = -1,
                                    .limits = http_limits_default,
                                    .handler = api_handler(bed.api_loop)};
    o.limits.write_buffer = 32 * 1024;
    BED_MUST(http_server_open(bed.loop, &o, &n->server, &err_));
    atomic_store(&n->is, true);
}

static void narrow_gone(void *arg)
{
    struct narrow *n = arg;
    atomic_store(&n->is, false);
}

static void narrow_close(void *arg)
{
    struct narrow *n = arg;
    http_server_close(n->server, 0, narrow_gone, n);
}

static void wait_for(_Atomic bool *flag, bool want)
{
    while (atomic_load(flag) != want)
        poll(NULL, 0, 1);
}

/* How many lists of alerts were answered to the end. */
static long lists_answered(void)
{
    static const char line[] = "{method=\"GET\",route=\"/api/alerts\",status=\"2xx\"} ";
    bed_expect(&bed, 200, "GET", "/metrics", NULL);
    const char *at = strstr(arena_str(&bed.arena, bed.answer.body).p, line);
    return at ? strtol(at + sizeof line - 1, NULL, 10) : 0;
}

static void ask_and_leave(uint16_t port)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), little = 4096;
    char byte;
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &little, sizeof little);
    assert_int_equal(connect(fd, (const struct sockaddr *)&to, sizeof to), 0);
    str ask = arena_fmt(&bed.arena,
                        "GET /api/alerts?format=json HTTP/1.1\r\nHost: x\r\n"
                        "Authorization: Bearer %s\r\n\r\n",
                        admin);
    assert_int_equal(send(fd, ask.p, ask.n, MSG_NOSIGNAL), ask.n);
    assert_int_equal(recv(fd, &byte, 1, 0), 1);
    int64_t sent = -1;
    while (sent != metric_value(METRIC_HTTP_BYTES_OUT)) { /* until nothing more fits */
        sent = metric_value(METRIC_HTTP_BYTES_OUT);
        poll(NULL, 0, 200);
    }
    close(fd);
}

static void forgets_an_export_that_nobody_reads(void **state)
{
    struct sbuf b;
    struct narrow n = {.server = NULL};
    sbuf_init(&b, 16 << 20);
    for (int i = 0; i < 3000; i++)
        sbuf_addf(&b, "%s\n", event("odd", arena_fmt(&bed.arena, "%01000d", i).p));
    bed_expect(&bed, 200, "POST", "/api/events", b.p);
    sbuf_done(&b);
    loop_post(bed.loop, narrow_open, &n);
    wait_for(&n.is, true);
    long before = lists_answered();
    ask_and_leave(http_server_port(n.server));
    for (int i = 0; i < 1000 && lists_answered() == before; i++)
        poll(NULL, 0, 10);
    assert_int_equal(lists_answered(), before + 1);
    loop_post(bed.loop, narrow_close, &n);
    wait_for(&n.is, false);
}

static void keeps_tenants_apart(void **state)
{
    const char *id = an_alert("lee");
    bed_expect(&bed, 201, "POST", "/api/tenants", "{\"id\":\"apart\"}");
    bed_expect(&bed, 201, "POST", "/api/users",
               "{\"name\":\"apart\",\"password\":\"" BED_PASSWORD
               "\",\"role\":\"admin\",\"tenant\":\"apart\"}");
    const char *user = bed_text(&bed, "id");
    bed_expect(&bed, 201, "POST", "/api/keys", "{\"name\":\"mine\"}");
    const char *key = bed_text(&bed, "id");
    bed_as(&bed, bed_login(&bed, "apart", BED_PASSWORD));
    bed_expect(&bed, 200, "GET", "/api/alerts", NULL);
    assert_int_equal(json_count(bed_member(&bed, "alerts")), 0);
    bed_expect(&bed, 404, "GET", alert_path(id, ""), NULL);
    bed_expect(&bed, 404, "POST", alert_path(id, "/acknowledge"), "{}");
    bed_expect(&bed, 404, "DELETE", arena_fmt(&bed.arena, "/api/keys/%s", key).p, NULL);
    bed_expect(&bed, 200, "GET", "/api/users", NULL);
    assert_int_equal(json_count(bed_member(&bed, "users")), 1);
    bed_expect(&bed, 403, "POST", "/api/users",
               "{\"name\":\"spy\",\"password\":\"" BED_PASSWORD
               "\",\"role\":\"admin\",\"tenant\":\"default\"}");
    bed_as(&bed, admin);
    bed_expect(&bed, 404, "GET", arena_fmt(&bed.arena, "/api/users/%s", user).p, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(judges_an_event),
        cmocka_unit_test(answers_in_the_order_of_the_events),
        cmocka_unit_test(judges_records_of_any_kind),
        cmocka_unit_test(says_what_correlations_made_of_it),
        cmocka_unit_test(refuses_what_is_no_event),
        cmocka_unit_test(takes_events_in),
        cmocka_unit_test(takes_more_than_there_are_jobs_for),
        cmocka_unit_test(takes_a_finished_upload_once),
        cmocka_unit_test(takes_a_small_one_once_too),
        cmocka_unit_test(refuses_a_key_that_is_none),
        cmocka_unit_test(goes_on_where_an_upload_broke_off),
        cmocka_unit_test(refuses_another_body_for_what_broke_off),
        cmocka_unit_test(shows_and_decides_an_alert),
        cmocka_unit_test(pages_through_alerts),
        cmocka_unit_test(exports_all_alerts),
        cmocka_unit_test(forgets_an_export_that_nobody_reads),
        cmocka_unit_test(keeps_tenants_apart),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
