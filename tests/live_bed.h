/* SPDX-License-Identifier: Apache-2.0 */
/* live_bed.h - the whole API on a free port, and WebSocket and event-stream clients on blocking sockets. */
#ifndef TESTS_LIVE_BED_H
#define TESTS_LIVE_BED_H

#include "api/api.h"
#include "base/metric.h"
#include "codec/json_doc.h"
#include "os/clock.h"
#include "os/thread.h"
#include "tests/folder.h"
#include "tests/test.h"

#include <arpa/inet.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define LIVE_PASSWORD "a first password"

struct scene {
    struct store *store;
    struct identity *identity;
    struct bus *bus;
    struct api *api;
    struct loop *loop;
    struct api_loop *lane;
    struct http_server *server;
    struct thread loop_thread, pool_thread;
    uint16_t port;
    struct arena arena;
    str token; /* admin's */
    atomic_bool closed;
};

static _Atomic int64_t scene_later_ms; /* what the API's clock is ahead */
static inline int64_t scene_now_ms(void)
{
    return clock_wall_ms() + atomic_load(&scene_later_ms);
}

static inline void scene_loop(void *arg)
{
    loop_run(arg);
}

static inline void scene_pool(void *arg)
{
    api_pool_run(arg);
}

static inline void scene_records(struct scene *s, size_t kept)
{
    static unsigned number;
    char name[32], url[300];
    struct error err = {0};
    (void)snprintf(name, sizeof name, "scene-%u", number++);
    (void)snprintf(url, sizeof url, "sqlite:%s/test.db", folder_path(name));
    assert_int_equal(mkdir(folder_path(name), 0700), 0);
    const struct store_options so = {.url = str_z(url), .relaxed = true};
    if (store_open(&so, &s->store, &err) != ST_OK)
        fail_msg("%s", err.text);
    struct sbuf shown;
    sbuf_init(&shown, 1024);
    const struct identity_options io = {
        .store = s->store, .data_dir = folder_path(name), .algorithm = "ed25519"};
    if (identity_new(&io, LIVE_PASSWORD, &s->identity, &shown, &err) != ST_OK)
        fail_msg("%s", err.text);
    sbuf_done(&shown);
    s->bus = bus_new(&(struct bus_options){.first_id = 1, .kept = kept});
}

/* /health/detailed keeps a worker while it holds. */
static atomic_bool scene_holds;
static atomic_int scene_held;
static inline void scene_check(void *arg, struct api_health *out)
{
    (void)arg;
    out->ok = true;
    atomic_fetch_add(&scene_held, 1);
    while (atomic_load(&scene_holds))
        sched_yield();
}
static const struct api_component scene_component = {.name = "scene", .check = scene_check};

static inline void scene_init(struct scene *s, size_t kept, size_t each)
{
    *s = (struct scene){0};
    atomic_store(&scene_later_ms, 0);
    arena_init(&s->arena, 64 << 20);
    scene_records(s, kept);
    struct error err = {0};
    const struct api_options ao = {.store = s->store,
                                   .identity = s->identity,
                                   .bus = s->bus,
                                   .version = "test",
                                   .environment = "test",
                                   .live_clients_each = each,
                                   .component = &scene_component,
                                   .component_count = 1,
                                   .now_ms = scene_now_ms};
    if (api_new(&ao, &s->api, &err) != ST_OK || loop_new(&s->loop, &err) != ST_OK)
        fail_msg("%s", err.text);
    s->lane = api_loop_new(s->api, s->loop, NULL);
    const struct http_server_options ho = {.host = "127.0.0.1",
                                           .fd = -1,
                                           .limits = http_limits_default,
                                           .handler = api_handler(s->lane)};
    if (http_server_open(s->loop, &ho, &s->server, &err) != ST_OK)
        fail_msg("%s", err.text);
    s->port = http_server_port(s->server);
    assert_int_equal(thread_start(&s->loop_thread, "loop", scene_loop, s->loop, NULL), ST_OK);
    assert_int_equal(thread_start(&s->pool_thread, "pool", scene_pool, s->api, NULL), ST_OK);
    struct tokens t;
    uint32_t retry_s;
    if (identity_login(s->identity, &s->arena, STR("admin"), STR(LIVE_PASSWORD), STR("192.0.2.1"),
                       STR("test"), clock_wall_ms(), &t, &retry_s, &err) != ST_OK)
        fail_msg("%s", err.text);
    s->token = t.access;
}

static inline void scene_closed(void *arg)
{
    atomic_store((atomic_bool *)arg, true);
}

static inline void scene_close(void *arg)
{
    struct scene *s = arg;
    http_server_close(s->server, 100, scene_closed, &s->closed);
}

static inline void scene_done(struct scene *s)
{
    loop_post(s->loop, scene_close, s);
    while (!atomic_load(&s->closed))
        sched_yield();
    api_pool_stop(s->api);
    thread_join(&s->pool_thread);
    loop_stop(s->loop);
    thread_join(&s->loop_thread);
    api_loop_free(s->lane);
    loop_free(s->loop);
    api_free(s->api);
    bus_free(s->bus);
    identity_free(s->identity);
    store_close(s->store);
    arena_done(&s->arena);
}

/* ---- clients ---- */

struct watcher {
    int fd;
    struct sbuf in; /* what came, from `at` on not looked at yet */
    size_t at;
    int code; /* the server closed with it */
};

static inline void watcher_connect(struct watcher *w, const struct scene *s, int receive_buffer)
{
    *w = (struct watcher){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    sbuf_init(&w->in, 256 << 20);
    assert_true(w->fd >= 0);
    if (receive_buffer)
        (void)setsockopt(w->fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(s->port)};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(w->fd, (struct sockaddr *)&a, sizeof a), 0);
}

static inline void watcher_done(struct watcher *w)
{
    close(w->fd);
    sbuf_done(&w->in);
}

static inline void watcher_write(struct watcher *w, str s)
{
    while (s.n) {
        ssize_t n = send(w->fd, s.p, s.n, MSG_NOSIGNAL);
        assert_true(n > 0);
        s = str_from(s, (size_t)n);
    }
}

/* At least `n` bytes not looked at; false: the connection ended before. */
static inline bool watcher_has(struct watcher *w, size_t n)
{
    while (w->in.n - w->at < n) {
        char *to = sbuf_space(&w->in, 1 << 16);
        assert_non_null(to);
        ssize_t got = recv(w->fd, to, 1 << 16, 0);
        if (got <= 0)
            return false;
        sbuf_grew(&w->in, (size_t)got);
    }
    return true;
}

/* What stands before `end`, which is passed over; p NULL at the end of the connection. */
static inline str watcher_until(struct watcher *w, const char *end)
{
    size_t n = strlen(end);
    for (size_t i = 0;; i++) {
        if (!watcher_has(w, i + n))
            return (str){0};
        if (memcmp(w->in.p + w->at + i, end, n) == 0) {
            str s = {w->in.p + w->at, i};
            w->at += i + n;
            return s;
        }
    }
}

/* The head of the answer to a request with these headers (each with its line end). */
static inline str watcher_ask(struct watcher *w, const char *path, const char *headers)
{
    static char text[16384];
    int n =
        snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n", path, headers);
    watcher_write(w, (str){text, (size_t)n});
    return watcher_until(w, "\r\n\r\n");
}

#define UPGRADE                                                                                    \
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"                   \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

static inline const char *bearer(const struct scene *s)
{
    static char text[8192];
    (void)snprintf(text, sizeof text, "Authorization: Bearer " STR_FMT "\r\n", STR_ARG(s->token));
    return text;
}

static inline void socket_open(struct watcher *w, const struct scene *s, int receive_buffer)
{
    static char headers[12000];
    watcher_connect(w, s, receive_buffer);
    (void)snprintf(headers, sizeof headers, UPGRADE "%s", bearer(s));
    str head = watcher_ask(w, "/ws", headers);
    if (!str_starts(head, STR("HTTP/1.1 101 ")))
        fail_msg("%.*s", STR_ARG(head));
}

static inline void socket_say(struct watcher *w, const char *text)
{
    size_t n = strlen(text);
    char head[8] = {(char)0x81, (char)(0x80 | n)}; /* masked with zeros */
    assert_true(n < 126);
    watcher_write(w, (str){head, 6});
    watcher_write(w, (str){text, n});
}

/* The next text message, good until the next call; p NULL: closed, see w->code. */
static inline str socket_next(struct watcher *w)
{
    for (;;) {
        if (!watcher_has(w, 2))
            return (str){0};
        unsigned opcode = (unsigned char)w->in.p[w->at] & 15;
        size_t n = (unsigned char)w->in.p[w->at + 1], head = n == 126 ? 4 : n == 127 ? 10 : 2;
        if (!watcher_has(w, head))
            return (str){0};
        for (size_t i = 2, whole = 0; head > 2 && i < head; i++)
            n = whole = whole << 8 | (unsigned char)w->in.p[w->at + i];
        if (!watcher_has(w, head + n))
            return (str){0};
        str text = {w->in.p + w->at + head, n};
        w->at += head + n;
        if (opcode == 8) {
            w->code = n >= 2 ? (unsigned char)text.p[0] << 8 | (unsigned char)text.p[1] : 1005;
            return (str){0};
        }
        if (opcode == 1)
            return text;
    }
}

/* Its member, as a number; -1: there is none. */
static inline int64_t number_in(str json, const char *key)
{
    struct json_doc *doc;
    assert_int_equal(json_doc_parse(json, 1 << 24, &doc, NULL), ST_OK);
    int64_t v = json_int(json_get(json_doc_root(doc), str_z(key)), -1);
    json_doc_free(doc);
    return v;
}

static inline bool text_in(str json, const char *key, const char *want)
{
    struct json_doc *doc;
    assert_int_equal(json_doc_parse(json, 1 << 24, &doc, NULL), ST_OK);
    bool same = str_eq(json_str(json_get(json_doc_root(doc), str_z(key)), STR("")), str_z(want));
    json_doc_free(doc);
    return same;
}

#endif
