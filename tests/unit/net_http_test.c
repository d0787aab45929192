/* SPDX-License-Identifier: Apache-2.0 */
/* Requests, bodies and answers of HTTP. */
#include "tests/http_bed.h"

#include "codec/compress.h"
#include "codec/decompress.h"

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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
