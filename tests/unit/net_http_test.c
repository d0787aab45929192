/* SPDX-License-Identifier: Apache-2.0 */
/* A real server on a loop of its own thread, and clients that are plain sockets. */
#include "net/net_int.h"
#include "tests/net_bed.h"

#include "base/mem.h"
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
    struct stream *raw;
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

/* ---- taken over, as WebSocket does ---- */

static void raw_bytes(void *user, str bytes)
{
    struct world *w = user;
    assert_int_equal(stream_write(w->raw, bytes), ST_OK);
}

static void raw_stopping(void *user)
{
    struct world *w = user;
    assert_int_equal(stream_write(w->raw, STR("bye")), ST_OK);
    stream_close(w->raw);
}

static void raw_closed(void *user, enum stream_why why)
{
    (void)why;
    struct world *w = user;
    atomic_fetch_add(&w->gone, 1);
}

static void on_raw(struct world *w, struct http_request *r)
{
    static const struct stream_handler handler = {
        .bytes = raw_bytes, .stopping = raw_stopping, .closed = raw_closed};
    http_set(r, "Upgrade", STR("raw"));
    w->raw = http_detach(r);
    assert_non_null(w->raw);
    stream_set_handler(w->raw, &handler, w);
    http_respond(r, 500, NULL, STR("too late"));
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
        {"/text", on_text},     {"/nothing", on_nothing}, {"/raw", on_raw},
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
    if (answer.n && sscanf(answer.p, "HTTP/1.1 %d ", &code) != 1)
        return -1;
    return code;
}

static bool has(const struct sbuf *answer, const char *text)
{
    return str_contains(sbuf_str(answer), str_z(text));
}

/* Sanitizers look at all that memmem or strstr are given, each time. */
static size_t count_of(const struct sbuf *answer, const char *text)
{
    size_t n = 0;
    for (str left = sbuf_str(answer); left.n; left = str_from(left, 1)) {
        left = str_from(left, str_find(left, text[0]));
        n += str_starts(left, str_z(text));
    }
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
    {400, CHUNKED "0\r\nContent-Length: 3\r\n\r\n"},
    {400, CHUNKED "0\r\nA: b\r\ntransfer-encoding: chunked\r\n\r\n"},
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

/* ---- bodies ---- */

static void send_post(struct sbuf *to, const char *path, const char *coding, str body)
{
    sbuf_init(to, 64 << 20);
    sbuf_addf(to, "POST %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %zu\r\n",
              path, body.n);
    if (coding)
        sbuf_addf(to, "Content-Encoding: %s\r\n", coding);
    sbuf_addz(to, "\r\n");
    sbuf_add(to, body);
}

static void expect_post(const struct world *w, const char *path, const char *coding, str body,
                        int code, const char *text)
{
    struct sbuf request, answer;
    send_post(&request, path, coding, body);
    exchange(w, sbuf_str(&request), &answer);
    if (status_of(sbuf_str(&answer)) != code || !has(&answer, text))
        fail_msg("%s with %s was answered: %.300s", path, coding ? coding : "no coding",
                 answer.p ? answer.p : "(nothing)");
    sbuf_done(&request);
    sbuf_done(&answer);
}

static struct sbuf gzip_of(str text)
{
    struct sbuf out;
    sbuf_init(&out, 64 << 20);
    struct compress *c = compress_new(6);
    assert_true(compress_gzip(c, text, &out));
    compress_free(c);
    return out;
}

/* "hello, hello" in the formats we do not write. */
static const char zlib_hello[] =
    "\x78\x9c\xcb\x48\xcd\xc9\xc9\xd7\x51\xc8\x00\x51\x00\x1c\xda\x04\x75";
static const char zstd_hello[] = "\x28\xb5\x2f\xfd\x00\x58\x61\x00\x00hello, hello";

static void undoes_the_coding_of_a_body(void **state)
{
    (void)state;
    struct world w;
    start(&w, &http_limits_default);
    struct sbuf gzip = gzip_of(STR("hello, hello"));
    expect_post(&w, "/echo", "gzip", sbuf_str(&gzip), 200, "\r\n\r\nhello, hello");
    expect_post(&w, "/echo", "X-GZIP", sbuf_str(&gzip), 200, "\r\n\r\nhello, hello");
    expect_post(&w, "/echo", "identity", STR("plain"), 200, "\r\n\r\nplain");
    expect_post(&w, "/echo", "deflate", (str){zlib_hello, sizeof zlib_hello - 1}, 200,
                "\r\n\r\nhello, hello");
    expect_post(&w, "/echo", "zstd", (str){zstd_hello, sizeof zstd_hello - 1}, 200,
                "\r\n\r\nhello, hello");
    expect_post(&w, "/stream", "gzip", sbuf_str(&gzip), 200, "\r\n\r\n12");
    expect_post(&w, "/echo", "gzip", str_head(sbuf_str(&gzip), gzip.n - 1), 400, "decompress");
    expect_post(&w, "/stream", "gzip", str_head(sbuf_str(&gzip), gzip.n - 1), 400, "decompress");
    expect_post(&w, "/echo", "gzip", STR("this is none"), 400, "decompress");
    expect_post(&w, "/echo", "br", STR("x"), 415, "coding");
    expect_post(&w, "/echo", "gzip, gzip", STR("x"), 415, "coding");
    sbuf_done(&gzip);
    stop(&w);
}

static void stops_a_body_that_grows_too_long(void **state)
{
    (void)state;
    enum { BOMB = 16 << 20, ECHO_MAX = 64 * 1024 };
    struct world w;
    start(&w, &http_limits_default);
    char *zeros = mem_zero(BOMB);
    struct sbuf bomb = gzip_of((str){zeros, BOMB});
    assert_true(bomb.n < ECHO_MAX);
    expect_post(&w, "/echo", "gzip", sbuf_str(&bomb), 413, "too long");
    expect_post(&w, "/echo", NULL, (str){zeros, ECHO_MAX}, 200, "Content-Length: 65536");
    expect_post(&w, "/echo", NULL, (str){zeros, ECHO_MAX + 1}, 413, "too long");
    struct sbuf request, answer;
    sbuf_init(&request, 64 << 20);
    sbuf_addz(&request,
              "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n11000\r\n");
    sbuf_add(&request, (str){zeros, 0x11000});
    exchange(&w, sbuf_str(&request), &answer);
    assert_int_equal(status_of(sbuf_str(&answer)), 413);
    sbuf_done(&answer);
    /* A stream has no such limit, and is given all of it. */
    expect_post(&w, "/stream", "gzip", sbuf_str(&bomb), 200, "\r\n\r\n16777216");
    sbuf_done(&request);
    sbuf_done(&bomb);
    mem_free(zeros);
    stop(&w);
}

static void reads_a_body_nobody_wants(void **state)
{
    (void)state;
    struct world w;
    start(&w, &http_limits_default);
    expect_answer(&w,
                  "POST /hello HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n12345"
                  "GET /headers HTTP/1.1\r\nHost: x\r\n\r\n",
                  200, "GET path=/headers");
    /* One that is too long ends the connection instead, as does one that waits for leave. */
    expect_answer(&w, "POST /hello HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n12345",
                  200, "Connection: close\r\n");
    expect_answer(
        &w, "POST /hello HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
        200, "Connection: close\r\n");
    stop(&w);
}

static void tells_a_client_that_waits_to_go_on(void **state)
{
    (void)state;
    struct world w;
    start(&w, &http_limits_default);
    struct sbuf answer;
    sbuf_init(&answer, 1 << 20);
    int fd = bed_connect(w.port);
    bed_send(
        fd,
        STR("POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"));
    bed_read(fd, &answer);
    assert_string_equal(answer.p, "HTTP/1.1 100 Continue\r\n\r\n");
    bed_send(fd, STR("ok"));
    sbuf_clear(&answer);
    while (!has(&answer, "\r\n\r\nok") && bed_read(fd, &answer))
        ;
    assert_int_equal(status_of(sbuf_str(&answer)), 200);
    /* A body that is too long is refused before it is sent. */
    bed_send(fd, STR("POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: "
                     "99999999\r\n\r\n"));
    sbuf_clear(&answer);
    bed_read_all(fd, &answer);
    assert_int_equal(status_of(sbuf_str(&answer)), 413);
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

static void nothing(void *arg)
{
    (void)arg;
}

static void holds_back_what_a_paused_handler_cannot_take(void **state)
{
    (void)state;
    enum { SIZE = 8 << 20 };
    struct world w;
    start(&w, &http_limits_default);
    atomic_store(&w.paused, true);
    char *zeros = mem_zero(SIZE);
    struct sbuf request, answer, gzip = gzip_of((str){zeros, SIZE});
    for (int packed = 0; packed < 2; packed++) {
        send_post(&request, "/stream", packed ? "gzip" : NULL,
                  packed ? sbuf_str(&gzip) : (str){zeros, SIZE});
        int fd = bed_connect(w.port);
        uint64_t before = atomic_load(&w.streamed);
        /* More than fits the kernel's buffers cannot be sent while the handler is paused. */
        size_t sent = 0;
        for (;;) {
            ssize_t n = send(fd, request.p + sent, request.n - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
            sent += n > 0 ? (size_t)n : 0;
            struct pollfd p = {.fd = fd, .events = POLLOUT};
            if (sent == request.n || poll(&p, 1, 300) == 0)
                break;
        }
        assert_true(packed || sent < request.n);
        while (atomic_load(&w.streamed) == before)
            poll(NULL, 0, 1);
        uint64_t held = atomic_load(&w.streamed);
        for (int i = 0; i < 20; i++)
            bed_do(&w.bed, nothing, NULL);
        assert_int_equal(atomic_load(&w.streamed), held); /* one piece came, and no more */
        assert_true(held - before <= 64 * 1024);
        bed_do(&w.bed, resume_kept, &w);
        bed_send(fd, str_from(sbuf_str(&request), sent));
        sbuf_init(&answer, 1 << 20);
        bed_read_all(fd, &answer);
        assert_int_equal(status_of(sbuf_str(&answer)), 200);
        assert_int_equal(atomic_load(&w.streamed) - before, SIZE);
        sbuf_done(&answer);
        sbuf_done(&request);
        close(fd);
        atomic_store(&w.paused, true);
    }
    sbuf_done(&gzip);
    mem_free(zeros);
    stop(&w);
}

/* ---- answers ---- */

static void compresses_what_is_worth_it(void **state)
{
    (void)state;
    struct world w;
    start(&w, &http_limits_default);
    static const struct {
        const char *accept;
        bool packed;
    } cases[] = {
        {"gzip", true},        {"deflate, gzip;q=0.5", true},
        {"*", true},           {"br", false},
        {"gzip;q=0", false},   {"gzip; q=0.000", false},
        {"", false},           {"gzip;q=0.001", true},
        {"*;q=0, gzip", true}, {"gzip;q=0, *", false},
        {"GZIP", true},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct sbuf request, answer, plain;
        sbuf_init(&request, 1024);
        sbuf_init(&plain, 1 << 20);
        sbuf_addf(&request, "GET /text HTTP/1.1\r\nHost: x\r\nAccept-Encoding: %s\r\n\r\n",
                  cases[i].accept);
        exchange(&w, sbuf_str(&request), &answer);
        assert_int_equal(status_of(sbuf_str(&answer)), 200);
        assert_true(has(&answer, "Vary: Accept-Encoding\r\n"));
        if (has(&answer, "Content-Encoding: gzip\r\n") != cases[i].packed)
            fail_msg("'%s' was judged wrongly", cases[i].accept);
        const char *body = strstr(answer.p, "\r\n\r\n") + 4;
        str sent = {body, (size_t)(answer.p + answer.n - body)};
        assert_int_equal(decompress_all(sent, &plain, NULL), ST_OK);
        assert_int_equal(plain.n, 20000);
        sbuf_done(&plain);
        sbuf_done(&answer);
        sbuf_done(&request);
    }
    expect_answer(&w, "GET /hello HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n", 200,
                  "Content-Length: 5\r\n");
    stop(&w);
}

static void streams_a_long_answer_as_the_client_reads(void **state)
{
    (void)state;
    struct world w;
    start(&w, &http_limits_default);
    struct sbuf answer;
    exchange(&w, STR("GET /long HTTP/1.0\r\n\r\n"), &answer);
    /* A client that closes its half of the connection first is gone, for a stream. */
    assert_true(atomic_load(&w.gone) == 1 || answer.n > (size_t)LONG_PIECES * LONG_PIECE);
    sbuf_clear(&answer);
    atomic_store(&w.streamed, 0);
    int fd = bed_connect(w.port);
    bed_send(fd, STR("GET /long HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
    bed_read(fd, &answer);
    for (int i = 0; i < 20; i++)
        bed_do(&w.bed, nothing, NULL);
    assert_true(atomic_load(&w.streamed) < LONG_PIECES); /* it waits for us */
    bed_read_all(fd, &answer);
    close(fd);
    assert_true(has(&answer, "Transfer-Encoding: chunked\r\n"));
    assert_int_equal(count_of(&answer, "2710\r\nx"), LONG_PIECES);
    assert_true(str_ends(sbuf_str(&answer), STR("x\r\n0\r\n\r\n")));
    sbuf_done(&answer);
    stop(&w);
}

static void respond_kept(void *arg)
{
    struct world *w = arg;
    http_respond(w->kept, 200, "text/plain", STR("late"));
    http_respond(w->kept, 500, "text/plain", STR("twice"));
    http_unref(w->kept);
}

static void answers_later_and_then_goes_on(void **state)
{
    (void)state;
    struct world w;
    start(&w, &http_limits_default);
    struct sbuf answer;
    sbuf_init(&answer, 1 << 20);
    int fd = bed_connect(w.port);
    bed_send(fd,
             STR("GET /later HTTP/1.1\r\nHost: x\r\n\r\nGET /hello HTTP/1.1\r\nHost: x\r\n\r\n"));
    while (atomic_load(&w.begun) < 1)
        poll(NULL, 0, 1);
    bed_do(&w.bed, nothing, NULL);
    assert_int_equal(atomic_load(&w.begun), 1); /* the second waits */
    bed_do(&w.bed, respond_kept, &w);
    while (!has(&answer, "hello"))
        assert_true(bed_read(fd, &answer));
    assert_true(strstr(answer.p, "late") < strstr(answer.p, "hello"));
    assert_false(has(&answer, "twice"));
    assert_int_equal(atomic_load(&w.gone), 0);
    close(fd);
    /* A client that leaves is told of once; answering is then nothing. */
    fd = bed_connect(w.port);
    bed_send(fd, STR("GET /later HTTP/1.1\r\nHost: x\r\n\r\n"));
    while (atomic_load(&w.begun) < 3)
        poll(NULL, 0, 1);
    struct linger reset = {.l_onoff = 1};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    close(fd);
    while (atomic_load(&w.gone) < 1)
        poll(NULL, 0, 1);
    bed_do(&w.bed, respond_kept, &w);
    sbuf_done(&answer);
    stop(&w);
    assert_int_equal(atomic_load(&w.gone), 1);
}

/* ---- limits ---- */

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
        cmocka_unit_test(answers_a_request),
        cmocka_unit_test(answers_pipelined_requests_in_order),
        cmocka_unit_test(shows_the_request_to_its_handler),
        cmocka_unit_test(refuses_every_shape_of_smuggling),
        cmocka_unit_test(undoes_the_coding_of_a_body),
        cmocka_unit_test(stops_a_body_that_grows_too_long),
        cmocka_unit_test(reads_a_body_nobody_wants),
        cmocka_unit_test(tells_a_client_that_waits_to_go_on),
        cmocka_unit_test(holds_back_what_a_paused_handler_cannot_take),
        cmocka_unit_test(compresses_what_is_worth_it),
        cmocka_unit_test(streams_a_long_answer_as_the_client_reads),
        cmocka_unit_test(answers_later_and_then_goes_on),
        cmocka_unit_test(drops_clients_that_are_slow),
        cmocka_unit_test(drops_a_body_that_trickles),
        cmocka_unit_test(drops_a_client_that_does_not_read),
        cmocka_unit_test(stops_reading_from_a_client_that_only_asks),
        cmocka_unit_test(bounds_a_head),
        cmocka_unit_test(bounds_connections),
        cmocka_unit_test(ends_a_connection_after_its_share_of_requests),
        cmocka_unit_test(lets_requests_end_when_it_closes),
        cmocka_unit_test(hands_a_connection_over),
        cmocka_unit_test(takes_over_a_socket_that_listens),
        cmocka_unit_test(says_why_it_cannot_listen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
