/* SPDX-License-Identifier: Apache-2.0 */
/* http_bed.h - a real server on a loop of its own thread, and clients that are plain sockets. */
#ifndef TESTS_HTTP_BED_H
#define TESTS_HTTP_BED_H

#include "net/net_int.h"
#include "tests/net_bed.h"

#include "base/mem.h"
#include "base/metric.h"

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

static inline void answer_body(struct http_request *r, str body)
{
    http_respond(r, 200, "application/octet-stream", body);
}

/* ---- handlers, by path ---- */

static inline void on_hello(struct world *w, struct http_request *r)
{
    (void)w;
    http_respond(r, 200, "text/plain", STR("hello"));
}

static inline void on_echo(struct world *w, struct http_request *r)
{
    (void)w;
    http_take_body(r, 64 * 1024, answer_body);
}

static inline void on_headers(struct world *w, struct http_request *r)
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

static inline void count_piece(struct http_request *r, str piece)
{
    struct world *w = http_user(r);
    atomic_fetch_add(&w->streamed, piece.n);
    if (atomic_load(&w->paused)) {
        http_pause(r);
        w->kept = r;
    }
}

static inline void answer_count(struct http_request *r)
{
    struct world *w = http_user(r);
    char text[32];
    int n = snprintf(text, sizeof text, "%llu", (unsigned long long)atomic_load(&w->streamed));
    http_respond(r, 200, "text/plain", (str){text, (size_t)n});
}

static inline void on_stream(struct world *w, struct http_request *r)
{
    static const struct http_stream stream = {count_piece, answer_count};
    http_set_user(r, w);
    http_stream_body(r, &stream);
}

static inline void note_gone(void *user)
{
    struct world *w = user;
    atomic_fetch_add(&w->gone, 1);
}

static inline void on_later(struct world *w, struct http_request *r)
{
    w->kept = http_ref(r);
    http_set_user(r, w);
    http_on_gone(r, note_gone);
}

enum { LONG_PIECES = 2000, LONG_PIECE = 10000 };

static inline void write_more(struct http_request *r)
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

static inline void on_long(struct world *w, struct http_request *r)
{
    http_set_user(r, w);
    http_on_gone(r, note_gone);
    http_on_drain(r, write_more);
    http_begin_answer(r, 200, "application/x-ndjson");
    write_more(r);
}

static inline void on_text(struct world *w, struct http_request *r)
{
    (void)w;
    static char text[20000];
    memset(text, 'a', sizeof text);
    http_respond(r, 200, "text/html; charset=utf-8", (str){text, sizeof text});
}

/* ---- taken over, as WebSocket does ---- */

static inline void raw_bytes(void *user, str bytes)
{
    struct world *w = user;
    assert_int_equal(stream_write(w->raw, bytes), ST_OK);
}

static inline void raw_stopping(void *user)
{
    struct world *w = user;
    assert_int_equal(stream_write(w->raw, STR("bye")), ST_OK);
    stream_close(w->raw);
}

static inline void raw_closed(void *user, enum stream_why why)
{
    (void)why;
    struct world *w = user;
    atomic_fetch_add(&w->gone, 1);
}

static inline void on_raw(struct world *w, struct http_request *r)
{
    static const struct stream_handler handler = {
        .bytes = raw_bytes, .stopping = raw_stopping, .closed = raw_closed};
    http_set(r, "Upgrade", STR("raw"));
    w->raw = http_detach(r);
    assert_non_null(w->raw);
    stream_set_handler(w->raw, &handler, w);
    http_respond(r, 500, NULL, STR("too late"));
}

static inline void on_nothing(struct world *w, struct http_request *r)
{
    (void)w;
    http_set(r, "x-split", STR("a\r\nX-Injected: 1"));
    http_respond(r, 204, "text/plain", STR("never sent"));
}

static inline void begin(void *arg, struct http_request *r)
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

static inline void refused(void *arg, str address, int code, const char *why, const char *id)
{
    (void)why;
    assert_true((code != 0) == (id[0] != 0));
    struct world *w = arg;
    assert_true(str_eq(address, STR("127.0.0.1")));
    atomic_store(&w->refused_status, code);
    atomic_fetch_add(&w->refused, 1);
}

/* ---- set-up ---- */

static inline void open_server(void *arg)
{
    struct world *w = arg;
    struct error err = {0};
    if (http_server_open(w->bed.loop, &w->options, &w->server, &err) != ST_OK)
        fail_msg("%s", err.text);
    w->port = http_server_port(w->server);
}

static inline void start_in(struct world *w, const struct http_limits *limits, struct crowd *crowd)
{
    *w = (struct world){
        .options = {.host = "127.0.0.1", .fd = -1, .limits = *limits, .crowd = crowd}};
    w->options.handler = (struct http_handler){.begin = begin, .refused = refused, .arg = w};
    bed_start(&w->bed);
    bed_do(&w->bed, open_server, w);
}

static inline void start(struct world *w, const struct http_limits *limits)
{
    start_in(w, limits, NULL);
}

static inline void note_closed(void *arg)
{
    struct world *w = arg;
    atomic_store(&w->closed, true);
}

static inline void close_server(void *arg)
{
    struct world *w = arg;
    http_server_close(w->server, 0, note_closed, w);
}

static inline void stop(struct world *w)
{
    if (!atomic_load(&w->closed))
        bed_do(&w->bed, close_server, w);
    bed_wait(&w->closed);
    bed_stop(&w->bed);
    loop_free(w->bed.loop);
}

/* Everything the server says to `request`, to the end of the connection. */
static inline void exchange(const struct world *w, str request, struct sbuf *answer)
{
    sbuf_init(answer, 64 << 20);
    int fd = bed_connect(w->port);
    bed_send(fd, request);
    shutdown(fd, SHUT_WR);
    bed_read_all(fd, answer);
    close(fd);
}

static inline int status_of(str answer)
{
    int code = 0;
    if (answer.n && sscanf(answer.p, "HTTP/1.1 %d ", &code) != 1)
        return -1;
    return code;
}

static inline bool has(const struct sbuf *answer, const char *text)
{
    return str_contains(sbuf_str(answer), str_z(text));
}

/* Sanitizers look at all that memmem or strstr are given, each time. */
static inline size_t count_of(const struct sbuf *answer, const char *text)
{
    size_t n = 0;
    for (str left = sbuf_str(answer); left.n; left = str_from(left, 1)) {
        left = str_from(left, str_find(left, text[0]));
        n += str_starts(left, str_z(text));
    }
    return n;
}

static inline void expect_answer(const struct world *w, const char *request, int code,
                                 const char *text)
{
    struct sbuf answer;
    exchange(w, str_z(request), &answer);
    if (status_of(sbuf_str(&answer)) != code || !has(&answer, text))
        fail_msg("%s\n--- was answered ---\n%s", request, answer.p ? answer.p : "(nothing)");
    sbuf_done(&answer);
}

/* The answer to what on_later kept. */
static inline void respond_kept(void *arg)
{
    struct world *w = arg;
    http_respond(w->kept, 200, "text/plain", STR("late"));
    http_respond(w->kept, 500, "text/plain", STR("twice"));
    http_unref(w->kept);
}

#endif
