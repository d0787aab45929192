/* SPDX-License-Identifier: Apache-2.0 */
/* What an HTTP server does not put up with, and how it ends. */
#include "tests/http_bed.h"

#include <sys/resource.h>

/* What is said to a client that sends `bytes` and then waits. */
static void expect_patience_ends(const struct world *w, const char *bytes, int code)
{
    struct sbuf answer;
    sbuf_init(&answer, 1 << 20);
    int fd = bed_connect(w->port);
    bed_send(fd, str_z(bytes));
    bed_read_all(fd, &answer);
    if (status_of(sbuf_str(&answer)) != code)
        fail_msg("'%s' was answered: %s", bytes, answer.p ? answer.p : "(nothing)");
    close(fd);
    sbuf_done(&answer);
}

static void drops_clients_that_are_slow(void **state)
{
    (void)state;
    struct http_limits l = http_limits_default;
    l.head_ms = l.body_ms = l.idle_ms = 60;
    struct world w;
    start(&w, &l);
    expect_patience_ends(&w, "", 0); /* idle: closed without a word */
    expect_patience_ends(&w, "GET / HT", 408);
    expect_patience_ends(&w, "GET / HTTP/1.1\r\nHost: x\r\n", 408);
    expect_patience_ends(&w, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc", 408);
    expect_patience_ends(
        &w, "POST /stream HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc", 408);
    assert_int_equal(atomic_load(&w.refused), 4);
    stop(&w);
}

static void drops_a_body_that_trickles(void **state)
{
    (void)state;
    struct http_limits l = http_limits_default;
    l.body_ms = 200;
    struct world w;
    start(&w, &l);
    struct sbuf answer;
    sbuf_init(&answer, 1 << 20);
    int fd = bed_connect(w.port);
    bed_send(fd, STR("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n\r\n"));
    struct pollfd p = {.fd = fd, .events = POLLIN};
    while (poll(&p, 1, 20) == 0) /* a byte now and then, so that body_ms never passes */
        bed_send(fd, STR("x"));
    bed_read_all(fd, &answer);
    assert_int_equal(status_of(sbuf_str(&answer)), 408);
    assert_true(has(&answer, "too slowly"));
    close(fd);
    sbuf_done(&answer);
    stop(&w);
}

static void resume_kept(void *arg)
{
    struct world *w = arg;
    atomic_store(&w->paused, false);
    http_resume(w->kept);
}

/* Ticks that come between the end of a pause and the next piece. */
static void gives_a_body_its_time_again_after_a_pause(void **state)
{
    (void)state;
    struct http_limits l = http_limits_default;
    l.body_ms = 400; /* looked at every 100 ms */
    l.body_rate = 0;
    struct world w;
    start(&w, &l);
    atomic_store(&w.paused, true);
    struct sbuf answer;
    sbuf_init(&answer, 1 << 20);
    int fd = bed_connect(w.port);
    bed_send(fd, STR("POST /stream HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                     "Content-Length: 2\r\n\r\na"));
    while (atomic_load(&w.streamed) == 0)
        poll(NULL, 0, 1);
    struct pollfd p = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&p, 1, 600), 0); /* longer than body_ms */
    bed_do(&w.bed, resume_kept, &w);
    (void)poll(&p, 1, 150); /* a tick later */
    bed_send(fd, STR("b"));
    bed_read_all(fd, &answer);
    assert_int_equal(status_of(sbuf_str(&answer)), 200);
    close(fd);
    sbuf_done(&answer);
    stop(&w);
}

static void drops_a_client_that_does_not_read(void **state)
{
    (void)state;
    struct http_limits l = http_limits_default;
    l.write_ms = 100;
    struct world w;
    start(&w, &l);
    int fd = bed_connect(w.port);
    bed_send(fd, STR("GET /long HTTP/1.1\r\nHost: x\r\n\r\n"));
    while (atomic_load(&w.gone) < 1)
        poll(NULL, 0, 1);
    assert_int_equal(atomic_load(&w.refused), 1);
    assert_true(atomic_load(&w.streamed) < LONG_PIECES);
    close(fd);
    stop(&w);
}

/* Asking for more and more without reading does not make the server keep the answers. */
static void stops_reading_from_a_client_that_only_asks(void **state)
{
    (void)state;
    enum { ASKED = 4000 };
    struct http_limits l = http_limits_default;
    l.write_buffer = 256 * 1024;
    struct world w;
    start(&w, &l);
    struct sbuf request, answer;
    sbuf_init(&request, 1 << 20);
    for (int i = 0; i < ASKED; i++)
        sbuf_addz(&request, "GET /text HTTP/1.1\r\nHost: x\r\n\r\n");
    int fd = bed_connect(w.port);
    assert_true(bed_send(fd, sbuf_str(&request)));
    int begun = -1;
    while (begun != atomic_load(&w.begun)) { /* until it stands still */
        begun = atomic_load(&w.begun);
        poll(NULL, 0, 50);
    }
    assert_in_range(begun, 1, ASKED / 2);
    sbuf_init(&answer, 256 << 20);
    shutdown(fd, SHUT_WR);
    bed_read_all(fd, &answer);
    assert_int_equal(count_of(&answer, "HTTP/1.1 200 OK"), ASKED);
    close(fd);
    sbuf_done(&request);
    sbuf_done(&answer);
    stop(&w);
}

static void bounds_a_head(void **state)
{
    (void)state;
    struct http_limits l = http_limits_default;
    l.head_bytes = 200;
    l.headers = 3;
    struct world w;
    start(&w, &l);
    char text[400];
    memset(text, 'a', sizeof text);
    memcpy(text, "GET /", 5);
    text[sizeof text - 1] = '\0';
    expect_answer(&w, text, 414, "too long");
    memcpy(text, "GET / HTTP/1.1\r\n", 16);
    expect_answer(&w, text, 431, "too long");
    expect_answer(&w, "GET / HTTP/1.1\r\nHost: x\r\nA: b\r\nC: d\r\nE: f\r\n\r\n", 431, "too many");
    expect_answer(&w, "GET / HTTP/1.1\r\nHost: x\r\nA: b\r\nC: d\r\n\r\n", 404, "");
    stop(&w);
}

static void bounds_connections(void **state)
{
    (void)state;
    struct http_limits l = http_limits_default;
    l.connections_address = 3;
    struct world w;
    start(&w, &l);
    int fds[4];
    char byte;
    for (size_t i = 0; i < COUNT(fds); i++)
        fds[i] = bed_connect(w.port);
    assert_true(recv(fds[3], &byte, 1, 0) <= 0); /* the fourth was closed at once */
    assert_int_equal(atomic_load(&w.refused), 1);
    close(fds[3]);
    close(fds[0]);
    while (metric_value(METRIC_HTTP_CONNECTIONS) > 2)
        poll(NULL, 0, 1);
    expect_answer(&w, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n", 200, "hello");
    close(fds[1]);
    close(fds[2]);
    stop(&w);
}

/* On the loop, which hears of the connection only when it is over. */
static void send_and_reset(void *arg)
{
    const struct world *w = arg;
    const struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000002)};
    const struct sockaddr_in to = {.sin_family = AF_INET,
                                   .sin_port = htons(w->port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const struct linger at_once = {.l_onoff = 1};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&from, sizeof from), 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&to, sizeof to), 0);
    bed_send(fd, STR("GET /hello HTTP/1.1\r\nHost: x\r\n\r\nno HTTP"));
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
    close(fd);
}

static void mistakes_nobody_for_this_machine(void **state)
{
    (void)state;
    struct world w;
    start(&w, &http_limits_default);
    bed_do(&w.bed, send_and_reset, &w);
    expect_answer(&w, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n", 200, "hello");
    assert_int_equal(atomic_load(&w.begun), 1);
    assert_int_equal(atomic_load(&w.refused), 0);
    stop(&w);
}

/* Two servers of one process: whichever the kernel picks, the address has its three. */
static void bounds_connections_of_all_servers_together(void **state)
{
    (void)state;
    struct crowd *crowd = crowd_new(100, 3);
    struct ip one = ip_from_v4(0x7f000001), other = ip_from_v4(0x7f000002);
    for (int i = 0; i < 2; i++)
        assert_null(crowd_enter(crowd, &one));
    struct world w;
    start_in(&w, &http_limits_default, crowd);
    expect_answer(&w, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n", 200, "hello");
    while (crowd_enter(crowd, &one)) /* once the server has seen that it left */
        poll(NULL, 0, 1);
    expect_answer(&w, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n", 0, "");
    assert_int_equal(atomic_load(&w.refused), 1);
    assert_null(crowd_enter(crowd, &other));
    crowd_leave(crowd, &other);
    for (int i = 0; i < 3; i++)
        crowd_leave(crowd, &one);
    stop(&w);
    crowd_free(crowd);
}

/* No descriptor is left, then one is: who came in between is answered, not dropped. */
static void accepts_again_when_there_are_descriptors(void **state)
{
    (void)state;
    enum { FILES = 200 };
    struct world w;
    start(&w, &http_limits_default);
    struct rlimit before, few;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    few = before;
    few.rlim_cur = FILES;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    int fds[FILES] = {0}, n = 0;
    while ((fds[n] = dup(2)) >= 0)
        n++;
    close(fds[--n]);
    int64_t rested = metric_value(METRIC_ACCEPT_RESTED);
    int fd = bed_connect(w.port); /* with the last descriptor: none is left to accept with */
    assert_true(bed_send(fd, STR("GET /hello HTTP/1.0\r\n\r\n")));
    while (metric_value(METRIC_ACCEPT_RESTED) <
           rested + 2) /* it rests, looks again at a tick, and rests */
        poll(NULL, 0, 1);
    close(fds[--n]);
    struct sbuf answer;
    sbuf_init(&answer, 1 << 20);
    bed_read_all(fd, &answer);
    assert_int_equal(status_of(sbuf_str(&answer)), 200);
    sbuf_done(&answer);
    close(fd);
    while (n)
        close(fds[--n]);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    stop(&w);
}

static void ends_a_connection_after_its_share_of_requests(void **state)
{
    (void)state;
    struct http_limits l = http_limits_default;
    l.requests = 2;
    struct world w;
    start(&w, &l);
    struct sbuf answer;
#define GET_HELLO "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n"
    exchange(&w, STR(GET_HELLO GET_HELLO GET_HELLO), &answer);
    assert_int_equal(count_of(&answer, "hello"), 2);
    assert_int_equal(count_of(&answer, "Connection: close"), 1);
    sbuf_done(&answer);
    stop(&w);
}

/* ---- the end ---- */

static void close_gently(void *arg)
{
    struct world *w = arg;
    http_server_close(w->server, 60000, note_closed, w);
}

static void lets_requests_end_when_it_closes(void **state)
{
    (void)state;
    struct world w;
    start(&w, &http_limits_default);
    struct sbuf answer;
    sbuf_init(&answer, 1 << 20);
    int idle = bed_connect(w.port), busy = bed_connect(w.port);
    bed_send(busy, STR("GET /later HTTP/1.1\r\nHost: x\r\n\r\n"));
    while (atomic_load(&w.begun) < 1)
        poll(NULL, 0, 1);
    bed_do(&w.bed, close_gently, &w);
    bed_read_all(idle, &answer);
    assert_int_equal(answer.n, 0);
    assert_false(atomic_load(&w.closed));
    bed_do(&w.bed, respond_kept, &w);
    bed_read_all(busy, &answer);
    assert_true(has(&answer, "Connection: close\r\n") && has(&answer, "late"));
    close(idle);
    close(busy);
    bed_wait(&w.closed);
    stop(&w);
    sbuf_done(&answer);
}

static void hands_a_connection_over(void **state)
{
    (void)state;
    struct world w;
    start(&w, &http_limits_default);
    struct sbuf answer;
    sbuf_init(&answer, 1 << 20);
    int fd = bed_connect(w.port);
    bed_send(fd, STR("GET /raw HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: "
                     "raw\r\n\r\nGET early"));
    while (!has(&answer, "early"))
        assert_true(bed_read(fd, &answer));
    assert_string_equal(answer.p,
                        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: raw\r\n\r\nGET early");
    bed_send(fd, STR(" and late"));
    while (!has(&answer, "late"))
        assert_true(bed_read(fd, &answer));
    assert_int_equal(metric_value(METRIC_HTTP_CONNECTIONS), 0);
    bed_do(&w.bed, close_gently, &w);
    bed_read_all(fd, &answer);
    assert_true(str_ends(sbuf_str(&answer), STR("latebye")));
    close(fd);
    bed_wait(&w.closed);
    assert_int_equal(atomic_load(&w.gone), 1);
    sbuf_done(&answer);
    stop(&w);
}

static void takes_over_a_socket_that_listens(void **state)
{
    (void)state;
    struct sockaddr_in a = {.sin_family = AF_INET};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(fd, 8), 0);
    struct world w = {.options = {.fd = fd, .limits = http_limits_default}};
    w.options.handler = (struct http_handler){.begin = begin, .arg = &w};
    bed_start(&w.bed);
    bed_do(&w.bed, open_server, &w);
    expect_answer(&w, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n", 200, "hello");
    stop(&w);
}

static void says_why_it_cannot_listen(void **state)
{
    (void)state;
    struct bed b = {0};
    struct error err = {0};
    assert_int_equal(loop_new(&b.loop, &err), ST_OK);
    struct http_server *s;
    struct http_server_options o = {.host = "localhost", .fd = -1, .limits = http_limits_default};
    assert_int_equal(http_server_open(b.loop, &o, &s, &err), ST_INVALID);
    o.host = "192.0.2.1"; /* RFC 5737: not ours */
    assert_int_equal(http_server_open(b.loop, &o, &s, &err), ST_UNAVAILABLE);
    assert_true(str_contains(str_z(err.text), STR("192.0.2.1")));
    loop_free(b.loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(drops_clients_that_are_slow),
        cmocka_unit_test(drops_a_body_that_trickles),
        cmocka_unit_test(gives_a_body_its_time_again_after_a_pause),
        cmocka_unit_test(drops_a_client_that_does_not_read),
        cmocka_unit_test(stops_reading_from_a_client_that_only_asks),
        cmocka_unit_test(bounds_a_head),
        cmocka_unit_test(bounds_connections),
        cmocka_unit_test(mistakes_nobody_for_this_machine),
        cmocka_unit_test(bounds_connections_of_all_servers_together),
        cmocka_unit_test(accepts_again_when_there_are_descriptors),
        cmocka_unit_test(ends_a_connection_after_its_share_of_requests),
        cmocka_unit_test(lets_requests_end_when_it_closes),
        cmocka_unit_test(hands_a_connection_over),
        cmocka_unit_test(takes_over_a_socket_that_listens),
        cmocka_unit_test(says_why_it_cannot_listen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
