/* SPDX-License-Identifier: Apache-2.0 */
/* A real server on a loop of its own thread, and clients that are plain sockets. */
#include "net/http.h"
#include "tests/net_bed.h"

#include "base/metric.h"
#include "codec/compress.h"
#include "codec/decompress.h"

#include <stdio.h>

struct world {
    struct bed bed;
    struct http_server *server;
    struct http_server_options options;
    uint16_t port;
    _Atomic bool closed;
    /* What the handlers saw; written by the loop's thread. */
    _Atomic int begun, gone, refused, refused_status;
    _Atomic uint64_t streamed;
    _Atomic bool paused;
    struct http_request *kept;
};

static void answer_body(struct http_request *r, str body)
{
    http_respond(r, 200, "application/octet-stream", body);
}

/* ---- handlers, by path ---- */

static void on_hello(struct world *w, struct http_request *r)
{
    (void)w;
    http_respond(r, 200, "text/plain", STR("hello"));
}

static void on_echo(struct world *w, struct http_request *r)
{
    (void)w;
    http_take_body(r, 64 * 1024, answer_body);
}

static void on_headers(struct world *w, struct http_request *r)
{
    (void)w;
    struct sbuf out;
    sbuf_init(&out, 1 << 16);
    sbuf_addf(&out, "%s path=" STR_FMT " query=" STR_FMT " from=" STR_FMT "\n",
              http_method_name(http_method(r)), STR_ARG(http_path(r)), STR_ARG(http_query(r)),
              STR_ARG(http_address(r)));
    for (size_t i = 0; i < http_header_count(r); i++)
        sbuf_addf(&out, STR_FMT "=" STR_FMT "\n", STR_ARG(http_header_at(r, i).name),
                  STR_ARG(http_header_at(r, i).value));
    sbuf_addf(&out, "host:" STR_FMT "\n", STR_ARG(http_header(r, STR("host"))));
    http_respond(r, 200, NULL, sbuf_str(&out));
    sbuf_done(&out);
}

static void count_piece(struct http_request *r, str piece)
{
    struct world *w = http_user(r);
    atomic_fetch_add(&w->streamed, piece.n);
    if (atomic_load(&w->paused)) {
        http_pause(r);
        w->kept = r;
    }
}

static void answer_count(struct http_request *r)
{
    struct world *w = http_user(r);
    char text[32];
    int n = snprintf(text, sizeof text, "%llu", (unsigned long long)atomic_load(&w->streamed));
    http_respond(r, 200, "text/plain", (str){text, (size_t)n});
}

static void on_stream(struct world *w, struct http_request *r)
{
    static const struct http_stream stream = {count_piece, answer_count};
    http_set_user(r, w);
    http_stream_body(r, &stream);
}

static void note_gone(void *user)
{
    struct world *w = user;
    atomic_fetch_add(&w->gone, 1);
}

static void on_later(struct world *w, struct http_request *r)
{
    w->kept = http_ref(r);
    http_set_user(r, w);
    http_on_gone(r, note_gone);
}

enum { LONG_PIECES = 2000, LONG_PIECE = 10000 };

static void write_more(struct http_request *r)
{
    struct world *w = http_user(r);
    static char piece[LONG_PIECE];
    memset(piece, 'x', sizeof piece);
    while (atomic_load(&w->streamed) < LONG_PIECES) {
        if (http_write(r, (str){piece, sizeof piece}) != ST_OK)
            return;
        atomic_fetch_add(&w->streamed, 1);
    }
    http_end_answer(r);
}

static void on_long(struct world *w, struct http_request *r)
{
    http_set_user(r, w);
    http_on_gone(r, note_gone);
    http_on_drain(r, write_more);
    http_begin_answer(r, 200, "application/x-ndjson");
    write_more(r);
}

static void on_text(struct world *w, struct http_request *r)
{
    (void)w;
    static char text[20000];
    memset(text, 'a', sizeof text);
    http_respond(r, 200, "text/html; charset=utf-8", (str){text, sizeof text});
}

static void on_nothing(struct world *w, struct http_request *r)
{
    (void)w;
    http_set(r, "x-split", STR("a\r\nX-Injected: 1"));
    http_respond(r, 204, "text/plain", STR("never sent"));
}

static void begin(void *arg, struct http_request *r)
{
    static const struct {
        const char *path;
        void (*run)(struct world *w, struct http_request *r);
    } routes[] = {
        {"/hello", on_hello},   {"/echo", on_echo},       {"/headers", on_headers},
        {"/stream", on_stream}, {"/later", on_later},     {"/long", on_long},
        {"/text", on_text},     {"/nothing", on_nothing},
    };
    struct world *w = arg;
    atomic_fetch_add(&w->begun, 1);
    for (size_t i = 0; i < COUNT(routes); i++) {
        if (str_eq(http_path(r), str_z(routes[i].path))) {
            routes[i].run(w, r);
            return;
        }
    }
    http_respond(r, 404, NULL, STR(""));
}

static void refused(void *arg, str address, int code, const char *why)
{
    (void)why;
    struct world *w = arg;
    assert_true(str_eq(address, STR("127.0.0.1")));
    atomic_store(&w->refused_status, code);
    atomic_fetch_add(&w->refused, 1);
}

/* ---- set-up ---- */

static void open_server(void *arg)
{
    struct world *w = arg;
    struct error err = {0};
    if (http_server_open(w->bed.loop, &w->options, &w->server, &err) != ST_OK)
        fail_msg("%s", err.text);
    w->port = http_server_port(w->server);
}

static void start(struct world *w, const struct http_limits *limits)
{
    *w = (struct world){.options = {.host = "127.0.0.1", .fd = -1, .limits = *limits}};
    w->options.handler = (struct http_handler){.begin = begin, .refused = refused, .arg = w};
    bed_start(&w->bed);
    bed_do(&w->bed, open_server, w);
}

static void note_closed(void *arg)
{
    struct world *w = arg;
    atomic_store(&w->closed, true);
}

static void close_server(void *arg)
{
    struct world *w = arg;
    http_server_close(w->server, 0, note_closed, w);
}

static void stop(struct world *w)
{
    if (!atomic_load(&w->closed))
        bed_do(&w->bed, close_server, w);
    bed_wait(&w->closed);
    bed_stop(&w->bed);
    loop_free(w->bed.loop);
}

/* Everything the server says to `request`, to the end of the connection. */
static void exchange(const struct world *w, str request, struct sbuf *answer)
{
    sbuf_init(answer, 64 << 20);
    int fd = bed_connect(w->port);
    bed_send(fd, request);
    shutdown(fd, SHUT_WR);
    bed_read_all(fd, answer);
    close(fd);
}

static int status_of(str answer)
{
    int code = 0;
    if (answer.p && sscanf(answer.p, "HTTP/1.1 %d ", &code) != 1)
        return -1;
    return code;
}

static bool has(const struct sbuf *answer, const char *text)
{
    return str_contains(sbuf_str(answer), str_z(text));
}

static size_t count_of(const struct sbuf *answer, const char *text)
{
    size_t n = 0;
    for (const char *p = answer->p; p && (p = strstr(p, text)); p++)
        n++;
    return n;
}

static void expect_answer(const struct world *w, const char *request, int code, const char *text)
{
    struct sbuf answer;
    exchange(w, str_z(request), &answer);
    if (status_of(sbuf_str(&answer)) != code || !has(&answer, text))
        fail_msg("%s\n--- was answered ---\n%s", request, answer.p ? answer.p : "(nothing)");
    sbuf_done(&answer);
}

/* ---- tests ---- */

static void answers_a_request(void **state)
{
    (void)state;
    struct world w;
    start(&w, &http_limits_default);
    struct sbuf answer;
    exchange(&w, STR("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n"), &answer);
    assert_int_equal(status_of(sbuf_str(&answer)), 200);
    assert_true(has(&answer, "\r\nDate: ") && has(&answer, " GMT\r\n"));
    assert_true(has(&answer, "\r\nContent-Length: 5\r\n") && has(&answer, "\r\n\r\nhello"));
    assert_true(has(&answer, "\r\nContent-Type: text/plain\r\n"));
    sbuf_done(&answer);
    stop(&w);
}

static void answers_pipelined_requests_in_order(void **state)
{
    (void)state;
    struct world w;
    start(&w, &http_limits_default);
    struct sbuf answer;
    exchange(&w,
             STR("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n"
                 "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\none"
                 "\r\nPOST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                 "2\r\ntw\r\n1\r\no\r\n0\r\nX-Trailer: y\r\n\r\n"
                 "HEAD /hello HTTP/1.1\r\nHost: x\r\n\r\n"
                 "GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
                 "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n"),
             &answer);
    assert_int_equal(count_of(&answer, "HTTP/1.1 200 OK"), 4);
    assert_int_equal(count_of(&answer, "HTTP/1.1 204 No Content"), 1);
    assert_int_equal(count_of(&answer, "Connection: close"), 1);
    assert_int_equal(count_of(&answer, "X-Injected"), 1);
    assert_int_equal(count_of(&answer, "\nX-Injected"), 0);
    assert_int_equal(count_of(&answer, "hello"), 1);
    assert_false(has(&answer, "never sent"));
    const char *one = strstr(answer.p, "\r\n\r\none"), *two = strstr(answer.p, "\r\n\r\ntwo");
    assert_true(one && two && strstr(answer.p, "hello") < one && one < two);
    sbuf_done(&answer);
    stop(&w);
}

static void shows_the_request_to_its_handler(void **state)
{
    (void)state;
    struct world w;
    start(&w, &http_limits_default);
    expect_answer(&w, "GET /headers?a=b&c HTTP/1.1\r\nHost: x:80\r\nX-One:  1 \r\nEmpty:\r\n\r\n",
                  200,
                  "GET path=/headers query=a=b&c from=127.0.0.1\nhost=x:80\nx-one=1\nempty=\n");
    expect_answer(&w, "GET http://other/headers HTTP/1.1\r\nHost: x\r\n\r\n", 200, "host:other\n");
    expect_answer(&w, "GET /headers HTTP/1.0\r\n\r\n", 200, "Connection: close");
    expect_answer(&w, "GET /headers HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 200,
                  "Connection: keep-alive");
    expect_answer(&w, "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 404, "");
    stop(&w);
}

/* The shape of a request, and what it is answered; each alone on a connection.  None reaches a handler. */
static const struct shape {
    int status;
    const char *bytes;
} shapes[] = {
#define POST    "POST /echo HTTP/1.1\r\nHost: x\r\n"
#define CHUNKED POST "Transfer-Encoding: chunked\r\n\r\n"
    /* where the body ends */
    {400, POST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
    {400, POST "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n"},
    {400, POST "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc"},
    {400, POST "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"},
    {400, POST "Content-Length: 3, 3\r\n\r\nabc"},
    {400, POST "Content-Length: +3\r\n\r\nabc"},
    {400, POST "Content-Length: -3\r\n\r\nabc"},
    {400, POST "Content-Length: 3 3\r\n\r\nabc"},
    {400, POST "Content-Length: 0x3\r\n\r\nabc"},
    {400, POST "Content-Length: 3.0\r\n\r\nabc"},
    {400, POST "Content-Length:\r\n\r\nabc"},
    {400, POST "Content-Length: 99999999999999999999\r\n\r\nabc"},
    {400, POST "Content-Length : 3\r\n\r\nabc"},
    {501, POST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"},
    {501, POST "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n"},
    {501, POST "Transfer-Encoding: identity\r\n\r\nabc"},
    {501, POST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"},
    {501, POST "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n"},
    {501, POST "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"},
    {400, POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
    {400, POST "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n"},
    {400, POST "Transfer-Encoding:\x0b"
               "chunked\r\n\r\n0\r\n\r\n"},
    {400, "POST /echo HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
    /* lines */
    {400, "GET / HTTP/1.1\nHost: x\n\n"},
    {400, "GET / HTTP/1.1\r\nHost: x\n\r\n"},
    {400, "GET / HTTP/1.1\r\nHost: x\rY: z\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\nHost: x\r\n\n"},
    {400, "GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\n Host: x\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\nHost: x\r\nA: b\x01"
          "c\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\nHost: x\r\nA: b\x7f\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\nHost: x\r\n: b\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\nHost: x\r\nA\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\nHost: x\r\nA b: c\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\nHost: x\r\nA\xc3\xa4: c\r\n\r\n"},
    {400, "\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n"},
    {400, "\x16\x03\x01\x02"},
    /* Host */
    {400, "GET / HTTP/1.1\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\nHost:\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\nHost: x/y\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\nHost: x y\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\nHost: u@x\r\n\r\n"},
    /* the request line */
    {400, "GET  / HTTP/1.1\r\nHost: x\r\n\r\n"},
    {400, "GET / HTTP/1.1 \r\nHost: x\r\n\r\n"},
    {400, "GET /a b HTTP/1.1\r\nHost: x\r\n\r\n"},
    {400, "GET / \r\nHost: x\r\n\r\n"},
    {400, "GET /\r\n\r\n"},
    {400, "GET\t/ HTTP/1.1\r\nHost: x\r\n\r\n"},
    {400, "GET / http/1.1\r\nHost: x\r\n\r\n"},
    {400, "GET / HTTP/1.10\r\nHost: x\r\n\r\n"},
    {400, "GET x HTTP/1.1\r\nHost: x\r\n\r\n"},
    {400, "GET * HTTP/1.1\r\nHost: x\r\n\r\n"},
    {400, "GET /#f HTTP/1.1\r\nHost: x\r\n\r\n"},
    {400, "GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n"},
    {400, "GET http:///x HTTP/1.1\r\nHost: x\r\n\r\n"},
    {400, "GET http://u@h/ HTTP/1.1\r\nHost: x\r\n\r\n"},
    {400, "GET ftp://h/ HTTP/1.1\r\nHost: x\r\n\r\n"},
    {400, "G(T / HTTP/1.1\r\nHost: x\r\n\r\n"},
    {501, "BREW / HTTP/1.1\r\nHost: x\r\n\r\n"},
    {501, "get / HTTP/1.1\r\nHost: x\r\n\r\n"},
    {501, "CONNECT h:80 HTTP/1.1\r\nHost: h:80\r\n\r\n"},
    {505, "GET / HTTP/2.0\r\nHost: x\r\n\r\n"},
    {505, "GET / HTTP/0.9\r\nHost: x\r\n\r\n"},
    {505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"},
    {417, POST "Expect: 200-ok\r\nContent-Length: 1\r\n\r\na"},
    /* chunks; these reach a handler, which never gets its body */
    {400, CHUNKED "3;a=b\r\nabc\r\n0\r\n\r\n"},
    {400, CHUNKED "3 \r\nabc\r\n0\r\n\r\n"},
    {400, CHUNKED " 3\r\nabc\r\n0\r\n\r\n"},
    {400, CHUNKED "+3\r\nabc\r\n0\r\n\r\n"},
    {400, CHUNKED "-3\r\nabc\r\n0\r\n\r\n"},
    {400, CHUNKED "0x3\r\nabc\r\n0\r\n\r\n"},
    {400, CHUNKED "\r\nabc\r\n0\r\n\r\n"},
    {400, CHUNKED "3\nabc\r\n0\r\n\r\n"},
    {400, CHUNKED "3\r\nabc0\r\n\r\n"},
    {400, CHUNKED "3\r\nabcd\r\n0\r\n\r\n"},
    {400, CHUNKED "3\r\nabc\n0\r\n\r\n"},
    {400, CHUNKED "0000000000000003\r\nabc\r\n0\r\n\r\n"},
    {400, CHUNKED "ffffffffffffffff1\r\nabc\r\n0\r\n\r\n"},
    {400, CHUNKED "0\r\nbad trailer: x\r\n\r\n"},
    {400, CHUNKED "0\r\nA: b\nB: c\r\n\r\n"},
    {400, CHUNKED "0\r\n\n"},
#undef POST
#undef CHUNKED
};

static void refuses_every_shape_of_smuggling(void **state)
{
    (void)state;
    struct world w;
    start(&w, &http_limits_default);
    int before = 0;
    for (size_t i = 0; i < COUNT(shapes); i++) {
        struct sbuf answer;
        exchange(&w, str_z(shapes[i].bytes), &answer);
        str text = sbuf_str(&answer);
        bool fine = status_of(text) == shapes[i].status && has(&answer, "Connection: close") &&
                    has(&answer, "Content-Type: application/problem+json") &&
                    count_of(&answer, "\r\nDate: ") == 1;
        if (!fine)
            fail_msg("shape %zu, to be %d:\n%s\n--- was answered ---\n%s", i, shapes[i].status,
                     shapes[i].bytes, text.p ? text.p : "(nothing)");
        assert_int_equal(atomic_load(&w.refused), ++before);
        assert_int_equal(atomic_load(&w.refused_status), shapes[i].status);
        sbuf_done(&answer);
    }
    stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_a_request),
        cmocka_unit_test(answers_pipelined_requests_in_order),
        cmocka_unit_test(shows_the_request_to_its_handler),
        cmocka_unit_test(refuses_every_shape_of_smuggling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
