/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/live_bed.h"

static void publish(struct scene *s, const char *tenant, const char *data)
{
    bus_publish(s->bus, &(struct bus_message){.topic = TOPIC_ALERTS,
                                              .time_ms = 1000,
                                              .type = "alert.new",
                                              .tenant = str_z(tenant),
                                              .data = str_z(data),
                                              .level = LEVEL_HIGH,
                                              .rule = STR("r1"),
                                              .title = STR("Rule one"),
                                              .entity = STR("alice\0")});
}

static void assert_type(str message, const char *type)
{
    if (!message.p || !text_in(message, "type", type))
        fail_msg("expected %s, got %.*s", type, STR_ARG(message));
}

static void subscribe(struct watcher *w, const char *command)
{
    socket_say(w, command);
    assert_type(socket_next(w), "subscribed");
}

static void hears_what_it_subscribed_to(void **state)
{
    struct scene s;
    struct watcher w;
    scene_init(&s, 0, 0);
    socket_open(&w, &s, 0);
    subscribe(&w, "{\"subscribe\":[\"alerts\"]}");
    publish(&s, "default", "{\"n\":1}");
    publish(&s, "other", "{\"n\":2}");
    bus_publish(s.bus, &(struct bus_message){.topic = TOPIC_DECISIONS, .type = "decision"});
    publish(&s, "", "{\"n\":3}");

    str m = socket_next(&w);
    assert_type(m, "alert.new");
    assert_true(text_in(m, "topic", "alerts") && text_in(m, "time", "1970-01-01T00:00:01.000Z"));
    assert_int_equal(number_in(m, "id"), 1);
    assert_true(number_in(m, "sent_us") > 1700000000000000);
    assert_true(str_contains(m, STR("\"data\":{\"n\":1}")));
    assert_true(
        str_contains(socket_next(&w), STR("\"data\":{\"n\":3}"))); /* not the other tenant's */
    watcher_done(&w);
    scene_done(&s);
}

static void refuses_who_is_nobody(void **state)
{
    struct scene s;
    struct watcher w;
    scene_init(&s, 0, 0);
    watcher_connect(&w, &s, 0);
    assert_true(str_starts(watcher_ask(&w, "/ws", UPGRADE), STR("HTTP/1.1 401 ")));
    watcher_done(&w);
    watcher_connect(&w, &s, 0);
    assert_true(str_starts(watcher_ask(&w, "/api/stream", ""), STR("HTTP/1.1 401 ")));
    watcher_done(&w);
    watcher_connect(&w, &s, 0);
    assert_true(str_starts(watcher_ask(&w, "/ws", bearer(&s)), STR("HTTP/1.1 426 ")));
    watcher_done(&w);
    scene_done(&s);
}

static void knows_a_browser_by_its_subprotocol(void **state)
{
    struct scene s;
    struct watcher w;
    scene_init(&s, 0, 0);
    watcher_connect(&w, &s, 0);
    static char headers[12000];
    (void)snprintf(headers, sizeof headers,
                   UPGRADE "Sec-WebSocket-Protocol: other, bearer." STR_FMT "\r\n",
                   STR_ARG(s.token));
    str head = watcher_ask(&w, "/ws", headers);
    assert_true(str_starts(head, STR("HTTP/1.1 101 ")));
    (void)snprintf(headers, sizeof headers, "\r\nsec-websocket-protocol: bearer." STR_FMT,
                   STR_ARG(s.token));
    assert_true(str_icontains(head, str_z(headers)));
    subscribe(&w, "{\"subscribe\":[\"alerts\"]}");
    watcher_done(&w);
    scene_done(&s);
}

static void filters_as_it_was_asked(void **state)
{
    struct scene s;
    struct watcher w;
    scene_init(&s, 0, 0);
    socket_open(&w, &s, 0);
    static const char *const none[] = {
        "{\"subscribe\":[\"alerts\"],\"filter\":{\"min_level\":\"critical\"}}",
        "{\"subscribe\":[\"alerts\"],\"filter\":{\"entity\":\"bob\"}}",
        "{\"subscribe\":[\"alerts\"],\"filter\":{\"rule\":\"r2\"}}", "{\"subscribe\":[]}",
        "{\"subscribe\":[\"status\"]}"};
    for (size_t i = 0; i < COUNT(none); i++) {
        subscribe(&w, none[i]);
        publish(&s, "default", "{\"unwanted\":1}");
    }
    static const char *const some[] = {
        "{\"subscribe\":[\"alerts\"],\"filter\":{\"min_level\":\"high\"}}",
        "{\"subscribe\":[\"alerts\"],\"filter\":{\"entity\":\"alice\",\"rule\":\"Rule one\"}}"};
    for (size_t i = 0; i < COUNT(some); i++) {
        subscribe(&w, some[i]);
        publish(&s, "default", "{\"wanted\":1}");
        str m = socket_next(&w);
        while (text_in(m, "type", "status")) /* of the moment it asked for that */
            m = socket_next(&w);
        assert_true(str_contains(m, STR("\"wanted\"")));
    }
    watcher_done(&w);
    scene_done(&s);
}

static void explains_what_it_does_not_understand(void **state)
{
    struct scene s;
    struct watcher w;
    scene_init(&s, 0, 0);
    socket_open(&w, &s, 0);
    static const char *const bad[] = {
        "",
        "x",
        "[]",
        "{}",
        "{\"subscribe\":\"alerts\"}",
        "{\"subscribe\":[\"alert\"]}",
        "{\"subscribe\":[\"alerts\"],\"resume\":-1}",
        "{\"subscribe\":[\"alerts\"],\"resume\":\"x\"}",
        "{\"subscribe\":[\"alerts\"],\"filter\":{\"level\":\"high\"}}",
        "{\"subscribe\":[\"alerts\"],\"filter\":{\"min_level\":\"up\"}}",
        "{\"subscribe\":[\"alerts\"],\"filter\":{\"rule\":1}}",
        "{\"subscribe\":[\"alerts\"],\"more\":1}"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        socket_say(&w, bad[i]);
        str m = socket_next(&w);
        assert_type(m, "error");
        assert_true(text_in(m, "code", "invalid"));
    }
    subscribe(&w, "{\"subscribe\":[\"alerts\"]}"); /* and goes on */
    watcher_done(&w);
    scene_done(&s);
}

enum { BEFORE = 2000, DURING = 4000 };

static void publish_many(void *arg)
{
    for (int i = 0; i < DURING; i++) {
        publish(arg, "default", "{\"during\":1}");
        if (i % 50 == 0)
            sched_yield();
    }
}

static void resumes_under_load_without_a_gap_or_a_double(void **state)
{
    struct scene s;
    struct watcher w[4];
    scene_init(&s, 0, 0);
    for (int i = 0; i < BEFORE; i++)
        publish(&s, "default", "{\"before\":1}");
    struct thread t;
    assert_int_equal(thread_start(&t, "publisher", publish_many, &s, NULL), ST_OK);
    for (size_t k = 0; k < COUNT(w); k++) {
        socket_open(&w[k], &s, 0);
        char text[100];
        (void)snprintf(text, sizeof text, "{\"subscribe\":[\"alerts\"],\"resume\":%zu}", k * 500);
        subscribe(&w[k], text);
    }
    for (size_t k = 0; k < COUNT(w); k++) {
        str m = socket_next(&w[k]);
        assert_type(m, "resumed");
        assert_int_equal(number_in(m, "from"), k * 500);
        assert_true(str_contains(m, STR("\"complete\":true")));
        for (int64_t id = (int64_t)k * 500 + 1; id <= BEFORE + DURING; id++) {
            m = socket_next(&w[k]);
            assert_non_null(m.p);
            assert_int_equal(number_in(m, "id"), id);
        }
        watcher_done(&w[k]);
    }
    thread_join(&t);
    scene_done(&s);
}

/* `n` alerts of as many users, stored and published. */
static void raise_alerts(struct scene *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char user[64], group[32];
        (void)snprintf(user, sizeof user, "{\"user\":\"u%zu\"}", i);
        (void)snprintf(group, sizeof group, "g%zu", i);
        struct alert_record a = {.tenant = STR("default"),
                                 .group = str_z(group),
                                 .level = LEVEL_HIGH,
                                 .rule = STR("r1"),
                                 .title = STR("T"),
                                 .entity = str_z(user),
                                 .technique = STR("[]"),
                                 .evidence = STR("{}"),
                                 .first_ms = 1000,
                                 .last_ms = 1000,
                                 .count = 1};
        struct alert_event e = {.id = STR("0"), .time_ms = 1000};
        struct commit_result out;
        struct store_commit c = {.now_ms = 1000,
                                 .group_ms = 1000000,
                                 .alert = &a,
                                 .event = &e,
                                 .alert_count = 1,
                                 .first_seq = bus_reserve(s->bus, 1)};
        assert_int_equal(store_commit(s->store, &c, &out, NULL), ST_OK);
        bus_publish(s->bus, &(struct bus_message){.id = c.first_seq,
                                                  .topic = TOPIC_ALERTS,
                                                  .type = "alert.new",
                                                  .tenant = STR("default"),
                                                  .data = STR("{}"),
                                                  .level = LEVEL_HIGH});
    }
}

static void asks_the_store_for_what_the_bus_forgot(void **state)
{
    struct scene s;
    struct watcher w;
    enum { ALL = 500, KEPT = 20 };
    scene_init(&s, KEPT, 0);
    raise_alerts(&s, ALL);
    socket_open(&w, &s, 0);
    subscribe(&w, "{\"subscribe\":[\"alerts\"],\"resume\":7}");
    str m = socket_next(&w);
    assert_type(m, "resumed");
    assert_true(str_contains(m, STR("\"complete\":false")));
    for (int64_t id = 8; id <= ALL; id++) {
        m = socket_next(&w);
        assert_type(m, "alert.new");
        assert_int_equal(number_in(m, "id"), id);
    }
    publish(&s, "default", "{}");
    assert_int_equal(number_in(socket_next(&w), "id"), ALL + 1);
    watcher_done(&w);
    scene_done(&s);
}

static str ask(const char *path, struct scene *s)
{
    return arena_fmt(&s->arena, "GET %s HTTP/1.1\r\nHost: x\r\n%s\r\n", path, bearer(s));
}

static void asks_the_store_one_thing_at_a_time(void **state)
{
    struct scene s;
    struct watcher w, holder, other, health;
    enum { COMMANDS = 1500 };
    scene_init(&s, 20, 0);
    raise_alerts(&s, 100);
    socket_open(&w, &s, 0);
    atomic_store(&scene_holds, true);
    atomic_store(&scene_held, 0);
    watcher_connect(&holder, &s, 0);
    watcher_write(&holder, ask("/health/detailed", &s));
    while (atomic_load(&scene_held) == 0)
        sched_yield();
    for (int i = 0; i < COMMANDS; i++)
        socket_say(&w, "{\"subscribe\":[\"alerts\"],\"resume\":7}");
    for (int i = 0; i < COMMANDS; i++) {
        assert_type(socket_next(&w), "subscribed");
        assert_type(socket_next(&w), "resumed");
    }
    watcher_connect(&other, &s, 0);
    watcher_write(&other, ask("/api/alerts", &s));
    watcher_connect(&health, &s, 0);
    watcher_write(&health, ask("/health", &s));
    assert_true(str_starts(watcher_until(&health, "\r\n"), STR("HTTP/1.1 200 ")));
    atomic_store(&scene_holds, false);
    assert_true(str_starts(watcher_until(&other, "\r\n"), STR("HTTP/1.1 200 ")));
    for (int64_t id = 8; id <= 100; id++)
        assert_int_equal(number_in(socket_next(&w), "id"), id);
    watcher_done(&w);
    watcher_done(&holder);
    watcher_done(&other);
    watcher_done(&health);
    scene_done(&s);
}

static void drops_who_does_not_read_and_disturbs_nobody(void **state)
{
    struct scene s;
    struct watcher good, stuck;
    scene_init(&s, 0, 0);
    socket_open(&good, &s, 0);
    socket_open(&stuck, &s, 4096);
    subscribe(&good, "{\"subscribe\":[\"alerts\"]}");
    subscribe(&stuck, "{\"subscribe\":[\"alerts\"]}");
    static char big[40000];
    (void)snprintf(big, sizeof big, "{\"x\":\"%0*d\"}", (int)sizeof big - 20, 1);
    int64_t before = metric_value(METRIC_LIVE_DROPPED_SLOW), id = 0;
    while (metric_value(METRIC_LIVE_DROPPED_SLOW) == before) {
        publish(&s, "default", big);
        assert_int_equal(number_in(socket_next(&good), "id"), ++id);
        assert_true(id < 10000);
    }
    for (int i = 0; i < 20; i++) {
        publish(&s, "default", "{}");
        assert_int_equal(number_in(socket_next(&good), "id"), ++id);
    }
    assert_int_equal(metric_value(METRIC_LIVE_DROPPED_SLOW), before + 1);
    while (socket_next(&stuck).p) /* what was queued, then why it is over */
        ;
    assert_int_equal(stuck.code, 1013);
    watcher_done(&good);
    watcher_done(&stuck);
    scene_done(&s);
}

static void admits_only_so_many(void **state)
{
    struct scene s;
    struct watcher w[3];
    scene_init(&s, 0, 2);
    socket_open(&w[0], &s, 0);
    socket_open(&w[1], &s, 0);
    int64_t before = metric_value(METRIC_LIVE_DROPPED_LIMIT);
    watcher_connect(&w[2], &s, 0);
    assert_true(str_starts(watcher_ask(&w[2], "/api/stream", bearer(&s)), STR("HTTP/1.1 429 ")));
    assert_int_equal(metric_value(METRIC_LIVE_DROPPED_LIMIT), before + 1);
    watcher_done(&w[0]); /* makes room */
    for (bool in = false; !in;) {
        watcher_done(&w[2]);
        watcher_connect(&w[2], &s, 0);
        in = str_starts(watcher_ask(&w[2], "/api/stream", bearer(&s)), STR("HTTP/1.1 200 "));
    }
    watcher_done(&w[1]);
    watcher_done(&w[2]);
    scene_done(&s);
}

static void ends_with_the_token(void **state)
{
    struct scene s;
    struct watcher w, stream;
    scene_init(&s, 0, 0);
    socket_open(&w, &s, 0);
    watcher_connect(&stream, &s, 0);
    assert_true(str_starts(watcher_ask(&stream, "/api/stream", bearer(&s)), STR("HTTP/1.1 200 ")));
    atomic_store(&scene_later_ms, 3600 * 1000);
    assert_null(socket_next(&w).p);
    assert_int_equal(w.code, 4401);
    while (watcher_until(&stream, "\n\n").p) /* ends too */
        ;
    watcher_done(&w);
    watcher_done(&stream);
    scene_done(&s);
}

static void ends_when_its_session_is_ended(void **state)
{
    struct scene s;
    struct watcher w;
    scene_init(&s, 0, 0);
    socket_open(&w, &s, 0);
    struct principal who;
    char header[8192];
    int n = snprintf(header, sizeof header, "Bearer " STR_FMT, STR_ARG(s.token));
    assert_int_equal(identity_authenticate(s.identity, (str){header, (size_t)n}, clock_wall_ms(),
                                           true, &who, NULL),
                     ST_OK);
    assert_int_equal(identity_logout(s.identity, &who, NULL), ST_OK);
    assert_null(socket_next(&w).p);
    assert_int_equal(w.code, 4401);
    watcher_done(&w);
    scene_done(&s);
}

static void tells_of_health_and_of_the_end(void **state)
{
    struct scene s;
    struct watcher w;
    scene_init(&s, 0, 0);
    socket_open(&w, &s, 0);
    subscribe(&w, "{\"subscribe\":[\"status\"]}");
    api_set_ready(s.api, true);
    str m;
    do {
        m = socket_next(&w);
        assert_type(m, "status");
    } while (!str_contains(m, STR("\"status\":\"ok\"")));
    api_set_ready(s.api, false);
    while ((m = socket_next(&w)).p)
        assert_type(m, "status");
    assert_int_equal(w.code, 1001);
    watcher_done(&w);
    scene_done(&s);
}

/* The next chunk of a chunked answer that is an event of `type`. */
static str event(struct watcher *w, const char *type)
{
    char line[64];
    (void)snprintf(line, sizeof line, "event: %s\n", type);
    for (;;) {
        str e = watcher_until(w, "\n\n");
        assert_non_null(e.p);
        if (str_contains(e, str_z(line)))
            return e;
    }
}

static void streams_events_to_who_speaks_http(void **state)
{
    struct scene s;
    struct watcher w;
    scene_init(&s, 0, 0);
    for (int i = 0; i < 10; i++)
        publish(&s, "default", "{\"n\":0}");
    watcher_connect(&w, &s, 0);
    static char headers[12000];
    (void)snprintf(headers, sizeof headers, "%sLast-Event-ID: 7\r\n", bearer(&s));
    str head = watcher_ask(&w, "/api/stream?topics=alerts,status&min_level=high", headers);
    assert_true(str_starts(head, STR("HTTP/1.1 200 ")));
    assert_true(str_icontains(head, STR("content-type: text/event-stream")));
    assert_true(str_icontains(head, STR("x-content-type-options: nosniff")));
    publish(&s, "default", "{\"n\":1}");
    for (int id = 8; id <= 11; id++) {
        char line[32];
        (void)snprintf(line, sizeof line, "id: %d\n", id);
        str e = event(&w, "alert.new");
        assert_true(str_contains(e, str_z(line)));
        assert_true(str_contains(e, STR("\ndata: {\"type\":\"alert.new\"")));
    }
    watcher_done(&w);

    watcher_connect(&w, &s, 0);
    head = watcher_ask(&w, "/api/stream", bearer(&s));
    assert_true(str_starts(head, STR("HTTP/1.1 200 ")));
    str told = watcher_until(&w, "\n\n");
    assert_true(str_contains(told, STR("\"subscribed\"")) && str_contains(told, STR("id: 11\n")));
    watcher_done(&w);

    watcher_connect(&w, &s, 0);
    head = watcher_ask(&w, "/api/stream?topics=nothing", bearer(&s));
    assert_true(str_starts(head, STR("HTTP/1.1 400 ")));
    watcher_done(&w);
    scene_done(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hears_what_it_subscribed_to),
        cmocka_unit_test(refuses_who_is_nobody),
        cmocka_unit_test(knows_a_browser_by_its_subprotocol),
        cmocka_unit_test(filters_as_it_was_asked),
        cmocka_unit_test(explains_what_it_does_not_understand),
        cmocka_unit_test(resumes_under_load_without_a_gap_or_a_double),
        cmocka_unit_test(asks_the_store_for_what_the_bus_forgot),
        cmocka_unit_test(asks_the_store_one_thing_at_a_time),
        cmocka_unit_test(drops_who_does_not_read_and_disturbs_nobody),
        cmocka_unit_test(admits_only_so_many),
        cmocka_unit_test(ends_with_the_token),
        cmocka_unit_test(ends_when_its_session_is_ended),
        cmocka_unit_test(tells_of_health_and_of_the_end),
        cmocka_unit_test(streams_events_to_who_speaks_http),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
