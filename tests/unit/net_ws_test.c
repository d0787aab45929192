/* SPDX-License-Identifier: Apache-2.0 */
/* A server on a thread of its own, and clients made of plain sockets. */
#include "base/mem.h"
#include "codec/flate.h"
#include "net/ws.h"
#include "os/thread.h"
#include "tests/test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LISTENERS = 64, PATIENCE_S = 60 };

/* ---- the server ---- */

static struct server {
    struct loop *loop;
    struct http_server *http;
    struct thread thread;
    uint16_t port;
    struct ws *listener[LISTENERS]; /* on /listen; the loop's thread only */
    size_t listeners;
    atomic_uint opened, closed, last_code, taken, limits;
} server;

/* Frames are made once, however many listen. */
static void broadcast(unsigned n)
{
    char text[400];
    for (unsigned i = 0; i < n; i++) {
        int length = snprintf(text, sizeof text, "{\"id\":%u,\"pad\":\"%0200u\"}", i + 1, i);
        struct ws_frame *f = ws_frame_new((str){text, (size_t)length});
        for (size_t k = 0; k < server.listeners; k++)
            if (ws_send_frame(server.listener[k], f) != ST_OK)
                atomic_fetch_add(&server.limits, 1);
        ws_frame_unref(f);
    }
}

/* More than the client takes. */
static void flood(struct ws *w)
{
    static const char text[4000] = {'x'};
    unsigned taken = 0;
    struct ws_frame *f = ws_frame_new((str){text, sizeof text});
    status st;
    while ((st = ws_send_frame(w, f)) == ST_OK)
        taken++;
    ws_frame_unref(f);
    atomic_store(&server.taken, taken);
    atomic_fetch_add(&server.limits, st == ST_LIMIT);
    ws_close(w, 1013, "too slow");
    if (ws_send(w, STR("late")) != ST_UNAVAILABLE)
        abort();
}

static void on_message(struct ws *w, void *user, str text)
{
    (void)user;
    if (str_eq(text, STR("close")))
        ws_close(w, 1000, "as you wish");
    else if (str_eq(text, STR("flood")))
        flood(w);
    else if (str_eq(text, STR("broadcast")))
        broadcast(500);
    else if (ws_send(w, text) != ST_OK)
        atomic_fetch_add(&server.limits, 1);
}

static void on_closed(struct ws *w, void *user, int code)
{
    (void)user;
    for (size_t i = 0; i < server.listeners; i++)
        if (server.listener[i] == w)
            server.listener[i] = server.listener[--server.listeners];
    atomic_store(&server.last_code, (unsigned)code);
    atomic_fetch_add(&server.closed, 1);
}

static const struct ws_handler handler = {on_message, on_closed};

static void begin(void *arg, struct http_request *r)
{
    struct ws_options o = ws_options_default;
    str path = http_path(r), protocol = {NULL, 0};
    (void)arg;
    o.close_ms = 1;
    if (str_eq(path, STR("/small")))
        o.message_bytes = 100;
    if (str_eq(path, STR("/ping")))
        o.ping_ms = 1;
    if (str_eq(path, STR("/protocol")))
        protocol = http_header(r, STR("sec-websocket-protocol"));
    if (str_eq(path, STR("/plain")))
        o.deflate = false;
    struct ws *w = ws_upgrade(r, protocol, &o, &handler, NULL);
    if (w && str_eq(path, STR("/listen")) && server.listeners < LISTENERS)
        server.listener[server.listeners++] = w;
    atomic_fetch_add(&server.opened, w != NULL);
}

static void run_loop(void *arg)
{
    loop_run(arg);
}

static void stop_loop(void *arg)
{
    loop_stop(arg);
}

static void close_server(void *arg)
{
    (void)arg;
    http_server_close(server.http, 10000, stop_loop, server.loop);
}

static int start(void **state)
{
    struct http_server_options o = {
        .host = "127.0.0.1", .fd = -1, .limits = http_limits_default, .handler = {.begin = begin}};
    o.limits.head_ms = 1000; /* it looks at the clock four times as often */
    struct error err = {0};
    if (loop_new(&server.loop, &err) != ST_OK ||
        http_server_open(server.loop, &o, &server.http, &err) != ST_OK ||
        thread_start(&server.thread, "server", run_loop, server.loop, &err) != ST_OK) {
        print_error("%s\n", err.text);
        return -1;
    }
    server.port = http_server_port(server.http);
    return 0;
}

static int stop(void **state)
{
    if (server.loop) {
        loop_post(server.loop, close_server, NULL);
        thread_join(&server.thread);
        loop_free(server.loop);
        server.loop = NULL;
    }
    return 0;
}

/* ---- a client ---- */

struct client {
    int fd;
    struct sbuf in; /* read, not yet looked at */
    size_t at;
};

struct frame {
    unsigned first;
    str payload; /* until the next call */
};

static struct client *client_open(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(server.port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval patience = {.tv_sec = PATIENCE_S};
    struct client *c = mem_new(struct client);
    sbuf_init(&c->in, (size_t)1 << 28);
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(c->fd, (struct sockaddr *)&to, sizeof to), 0);
    assert_int_equal(setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
    return c;
}

static void client_close(struct client *c)
{
    close(c->fd);
    sbuf_done(&c->in);
    mem_free(c);
}

static void put(struct client *c, str s)
{
    while (s.n) {
        ssize_t n = send(c->fd, s.p, s.n, MSG_NOSIGNAL);
        assert_true(n > 0);
        s = str_from(s, (size_t)n);
    }
}

/* Some more bytes; false at the end. */
static bool read_more(struct client *c)
{
    if (c->at == c->in.n) {
        sbuf_clear(&c->in);
        c->at = 0;
    }
    char *p = sbuf_space(&c->in, 65536);
    assert_non_null(p);
    ssize_t n = recv(c->fd, p, 65536, 0);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        fail_msg("nothing came in %d seconds", PATIENCE_S);
    sbuf_grew(&c->in, n > 0 ? (size_t)n : 0);
    return n > 0;
}

static str unread(const struct client *c)
{
    return str_from(sbuf_str(&c->in), c->at);
}

/* A head of an answer; its status. */
static int read_head(struct client *c, str *head)
{
    const char *end;
    int64_t http_status = 0;
    while (!(end = unread(c).n ? memmem(unread(c).p, unread(c).n, "\r\n\r\n", 4) : NULL))
        assert_true(read_more(c));
    *head = (str){unread(c).p, (size_t)(end - unread(c).p) + 2};
    c->at += head->n + 2;
    assert_true(str_starts(*head, STR("HTTP/1.1 ")));
    assert_true(str_to_i64(str_head(str_from(*head, 9), 3), &http_status));
    return (int)http_status;
}

#define UPGRADE                                                                                    \
    "Host: x\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"                         \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"

static struct client *upgraded(const char *path, const char *headers, str *head)
{
    str mine;
    struct client *c = client_open();
    struct sbuf out;
    sbuf_init(&out, 4096);
    sbuf_addf(&out, "GET %s HTTP/1.1\r\n%s%s\r\n", path, UPGRADE, headers);
    put(c, sbuf_str(&out));
    sbuf_done(&out);
    assert_int_equal(read_head(c, head ? head : &mine), 101);
    return c;
}

static void add_frame(struct sbuf *out, unsigned first, str payload)
{
    static const char mask[4] = {9, 8, 7, 6};
    sbuf_addc(out, (char)first);
    if (payload.n < 126) {
        sbuf_addc(out, (char)(0x80 | payload.n));
    } else if (payload.n < 65536) {
        sbuf_addc(out, (char)0xfe);
        sbuf_addc(out, (char)(payload.n >> 8));
        sbuf_addc(out, (char)payload.n);
    } else {
        sbuf_addc(out, (char)0xff);
        for (int i = 7; i >= 0; i--)
            sbuf_addc(out, (char)(payload.n >> (8 * i)));
    }
    sbuf_add(out, (str){mask, 4});
    for (size_t i = 0; i < payload.n; i++)
        sbuf_addc(out, (char)(payload.p[i] ^ mask[i % 4]));
}

static void send_frame(struct client *c, unsigned first, str payload)
{
    struct sbuf out;
    sbuf_init(&out, payload.n + 16);
    add_frame(&out, first, payload);
    put(c, sbuf_str(&out));
    sbuf_done(&out);
}

/* Servers do not mask. */
static bool read_frame(struct client *c, struct frame *f)
{
    for (;;) {
        str in = unread(c);
        const unsigned char *p = (const unsigned char *)in.p;
        size_t n = in.n >= 2 ? p[1] : 0, head = n == 126 ? 4 : n == 127 ? 10 : 2;
        if (in.n >= head) {
            assert_true(n < 128);
            if (head > 2)
                n = 0;
            for (size_t i = 2; i < head; i++)
                n = n << 8 | p[i];
            if (in.n - head >= n) {
                *f = (struct frame){p[0], {in.p + head, n}};
                c->at += head + n;
                return true;
            }
        }
        if (!read_more(c))
            return false;
    }
}

static void expect_frame(struct client *c, unsigned first, str payload)
{
    struct frame f;
    assert_true(read_frame(c, &f));
    assert_int_equal(f.first, first);
    assert_int_equal(f.payload.n, payload.n);
    if (payload.n)
        assert_memory_equal(f.payload.p, payload.p, payload.n);
}

/* The next message; a pong may come before it, as control frames may. */
static void expect_message(struct client *c, str text, unsigned *pongs)
{
    struct frame f = {0};
    assert_true(read_frame(c, &f));
    if (f.first == 0x8a) {
        assert_true(str_eq(f.payload, STR("are you there?")));
        ++*pongs;
        assert_true(read_frame(c, &f));
    }
    assert_int_equal(f.first, 0x81);
    assert_true(str_eq(f.payload, text));
}

/* A close frame with that code, and no byte after it. */
static void expect_close(struct client *c, unsigned code)
{
    struct frame f;
    do {
        f = (struct frame){0};
        assert_true(read_frame(c, &f));
    } while (f.first != 0x88);
    assert_true(f.payload.n >= 2);
    assert_int_equal((unsigned char)f.payload.p[0] << 8 | (unsigned char)f.payload.p[1], code);
}

static void expect_end(struct client *c)
{
    assert_int_equal(unread(c).n, 0);
    assert_false(read_more(c));
}

/* Wait until the server was told of `n` ends in all. */
static void wait_for_closed(unsigned n)
{
    const struct timespec nap = {.tv_nsec = 1000000};
    for (unsigned i = 0; atomic_load(&server.closed) < n; i++) {
        assert_true(i < PATIENCE_S * 1000);
        nanosleep(&nap, NULL);
    }
}

/* How many ends there were, once all those of the tests before are through. */
static unsigned settled(void)
{
    wait_for_closed(atomic_load(&server.opened));
    return atomic_load(&server.closed);
}

/* ---- tests ---- */

static void answers_a_handshake_with_its_proof(void **state)
{
    str head;
    struct client *c = upgraded("/protocol", "Sec-WebSocket-Protocol: bguard.v1\r\n", &head);
    assert_true(
        str_icontains(head, STR("\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n")));
    assert_true(str_icontains(head, STR("\r\nupgrade: websocket\r\n")));
    assert_true(str_icontains(head, STR("\r\nconnection: upgrade\r\n")));
    assert_true(str_icontains(head, STR("\r\nsec-websocket-protocol: bguard.v1\r\n")));
    assert_false(str_icontains(head, STR("extensions")));
    client_close(c);
}

static void refuses_a_handshake_that_is_none(void **state)
{
    static const struct {
        const char *request;
        int status;
    } some[] = {
        {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 426},
        {"POST / HTTP/1.1\r\nContent-Length: 0\r\n" UPGRADE "\r\n", 426},
        {"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
         "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 12\r\n\r\n",
         426},
        {"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
         "Sec-WebSocket-Key: dGhlIHNhbXBsZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
         400},
        {"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
         "Sec-WebSocket-Version: 13\r\n\r\n",
         400},
        {"GET / HTTP/1.1\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" UPGRADE "\r\n", 400},
        {"GET / HTTP/1.1\r\nContent-Length: 3\r\n" UPGRADE "\r\nabc", 400},
        {"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" UPGRADE "\r\n3\r\nabc\r\n0\r\n\r\n",
         400},
    };
    for (size_t i = 0; i < COUNT(some); i++) {
        str head;
        struct client *c = client_open();
        put(c, str_z(some[i].request));
        assert_int_equal(read_head(c, &head), some[i].status);
        if (some[i].status == 426)
            assert_true(str_icontains(head, STR("\r\nsec-websocket-version: 13\r\n")));
        client_close(c);
    }
}

static void echoes_messages_however_they_come(void **state)
{
    struct client *c = upgraded("/", "", NULL);
    struct sbuf out;
    unsigned pongs = 0;
    static char large[60000];
    memset(large, 'l', sizeof large);
    sbuf_init(&out, 1 << 20);
    add_frame(&out, 0x81, STR("one"));
    add_frame(&out, 0x01, STR("tw"));
    add_frame(&out, 0x89, STR("are you there?"));
    add_frame(&out, 0x80, STR("o"));
    add_frame(&out, 0x81, (str){large, sizeof large});
    for (size_t i = 0; i < out.n; i += 1 + i / 16)
        put(c, str_head(str_from(sbuf_str(&out), i), 1 + i / 16));
    expect_message(c, STR("one"), &pongs);
    expect_message(c, STR("two"), &pongs);
    expect_message(c, (str){large, sizeof large}, &pongs);
    assert_int_equal(pongs, 1);
    sbuf_done(&out);
    client_close(c);
}

static void takes_frames_that_come_with_the_handshake(void **state)
{
    str head;
    struct client *c = client_open();
    struct sbuf out;
    sbuf_init(&out, 4096);
    sbuf_addz(&out, "GET / HTTP/1.1\r\n" UPGRADE "\r\n");
    add_frame(&out, 0x81, STR("at once"));
    put(c, sbuf_str(&out));
    assert_int_equal(read_head(c, &head), 101);
    expect_frame(c, 0x81, STR("at once"));
    sbuf_done(&out);
    client_close(c);
}

static void says_goodbye_to_who_says_it_first(void **state)
{
    unsigned before = settled();
    struct client *c = upgraded("/", "", NULL);
    send_frame(c, 0x88,
               STR("\x0f\xa1"
                   "enough"));
    expect_close(c, 4001);
    expect_end(c);
    client_close(c);
    wait_for_closed(before + 1);
    assert_int_equal(atomic_load(&server.last_code), 4001);

    c = upgraded("/", "", NULL);
    send_frame(c, 0x88, STR(""));
    expect_frame(c, 0x88, STR(""));
    expect_end(c);
    client_close(c);
    wait_for_closed(before + 2);
    assert_int_equal(atomic_load(&server.last_code), 1005);

    c = upgraded("/", "", NULL);
    client_close(c); /* without a word */
    wait_for_closed(before + 3);
    assert_int_equal(atomic_load(&server.last_code), 1006);
}

static void closes_with_a_code_and_a_reason(void **state)
{
    unsigned before = settled();
    struct client *c = upgraded("/", "", NULL);
    send_frame(c, 0x81, STR("close"));
    expect_frame(c, 0x88,
                 STR("\x03\xe8"
                     "as you wish"));
    send_frame(c, 0x88, STR("\x03\xe8"));
    expect_end(c);
    client_close(c);
    wait_for_closed(before + 1);
    assert_int_equal(atomic_load(&server.last_code), 1000);
}

static void tells_which_rule_was_broken(void **state)
{
    static const struct {
        unsigned first;
        const char *payload;
        unsigned code;
    } some[] = {{0x81, "\xff", 1007},
                {0x82, "binary", 1003},
                {0x80, "x", 1002},
                {0xc1, "x", 1002},
                {0x83, "x", 1002}};
    struct client *c;
    for (size_t i = 0; i < COUNT(some); i++) {
        c = upgraded("/small", "", NULL);
        send_frame(c, some[i].first, str_z(some[i].payload));
        expect_close(c, some[i].code);
        expect_end(c);
        client_close(c);
    }
    char text[101];
    memset(text, 'a', sizeof text);
    c = upgraded("/small", "", NULL);
    send_frame(c, 0x81, (str){text, 100});
    expect_frame(c, 0x81, (str){text, 100});
    send_frame(c, 0x81, (str){text, 101});
    expect_close(c, 1009);
    expect_end(c);
    client_close(c);
    c = upgraded("/", "", NULL);
    put(c, STR("\x81\x05plain")); /* not masked */
    expect_close(c, 1002);
    client_close(c);
}

static void compresses_for_who_offers_it(void **state)
{
    str head;
    struct frame f;
    struct sbuf text, packed;
    struct client *c = upgraded(
        "/", "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n", &head);
    assert_true(
        str_icontains(head, STR("\r\nsec-websocket-extensions: permessage-deflate; "
                                "server_no_context_takeover; client_no_context_takeover\r\n")));
    sbuf_init(&text, 4096);
    sbuf_init(&packed, 4096);
    for (int i = 0; i < 50; i++)
        sbuf_addf(&text, "{\"number\":%d}", i);
    flate_message(sbuf_str(&text), &packed);
    send_frame(c, 0xc1, sbuf_str(&packed));
    assert_true(read_frame(c, &f));
    assert_int_equal(f.first, 0xc1);
    assert_true(f.payload.n < text.n / 2);
    sbuf_clear(&packed);
    assert_int_equal(unflate_message(f.payload, &packed, NULL), ST_OK);
    assert_true(str_eq(sbuf_str(&packed), sbuf_str(&text)));
    send_frame(c, 0x81, STR("short"));
    expect_frame(c, 0x81, STR("short"));
    client_close(c);
    c = upgraded("/plain", "Sec-WebSocket-Extensions: permessage-deflate\r\n", &head);
    assert_false(str_icontains(head, STR("extensions")));
    client_close(c);
    sbuf_done(&text);
    sbuf_done(&packed);
}

/* Every answer would be a queue without end; the newest is enough. */
static void answers_a_flood_of_pings_in_bounded_memory(void **state)
{
    enum { PINGS = 100000 };
    struct client *c = upgraded("/", "", NULL);
    struct frame f;
    char payload[125], last[16];
    size_t pongs = 0;
    struct sbuf out;
    sbuf_init(&out, 1 << 25);
    for (unsigned i = 0; i < PINGS; i++) {
        memset(payload, ' ', sizeof payload);
        (void)snprintf(payload, sizeof payload, "%u", i);
        add_frame(&out, 0x89, (str){payload, sizeof payload});
    }
    (void)snprintf(last, sizeof last, "%u", PINGS - 1u);
    put(c, sbuf_str(&out)); /* 13 MB, and not a byte read meanwhile */
    do {
        assert_true(read_frame(c, &f));
        assert_int_equal(f.first, 0x8a);
        pongs++;
    } while (strcmp(f.payload.p, last) != 0);
    assert_true(pongs <= PINGS);
    sbuf_done(&out);
    client_close(c);
}

static void cuts_off_who_does_not_read_and_nobody_else(void **state)
{
    unsigned before = settled();
    struct client *stuck = upgraded("/", "", NULL), *other = upgraded("/", "", NULL);
    int small = 4096;
    (void)setsockopt(stuck->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    atomic_store(&server.limits, 0);
    send_frame(stuck, 0x81, STR("flood"));
    send_frame(other, 0x81, STR("and me?"));
    expect_frame(other, 0x81, STR("and me?"));
    wait_for_closed(before + 1); /* though it never read its goodbye */
    assert_int_equal(atomic_load(&server.last_code), 1013);
    assert_int_equal(atomic_load(&server.limits), 1);
    assert_true(atomic_load(&server.taken) >= (1 << 20) / 4004 - 1);
    assert_true(atomic_load(&server.taken) <= (1 << 20) / 4004 + 1);
    send_frame(other, 0x81, STR("still here"));
    expect_frame(other, 0x81, STR("still here"));
    client_close(stuck);
    client_close(other);
}

/* Also what waited beyond what the stream takes comes in order, and before the goodbye. */
static void sends_all_it_took_before_its_goodbye(void **state)
{
    struct frame f;
    unsigned messages = 0;
    struct client *c = upgraded("/", "", NULL);
    send_frame(c, 0x81, STR("flood"));
    while (read_frame(c, &f) && f.first != 0x88) {
        assert_int_equal(f.payload.n, 4000);
        messages++;
    }
    assert_int_equal(f.first, 0x88);
    assert_int_equal(messages, atomic_load(&server.taken));
    client_close(c);
}

static void pings_who_is_silent_and_then_gives_up(void **state)
{
    unsigned before = settled();
    struct client *c = upgraded("/ping", "", NULL);
    expect_frame(c, 0x89, STR(""));
    send_frame(c, 0x8a, STR(""));
    expect_frame(c, 0x89, STR("")); /* heard: pinged again, not closed */
    expect_close(c, 1008);
    wait_for_closed(before + 1);
    client_close(c);
}

static void sends_one_frame_to_many_in_order(void **state)
{
    enum { MANY = 40 };
    struct client *c[MANY];
    struct frame f;
    for (size_t i = 0; i < MANY; i++)
        c[i] = upgraded("/listen", i % 2 ? "Sec-WebSocket-Extensions: permessage-deflate\r\n" : "",
                        NULL);
    atomic_store(&server.limits, 0);
    send_frame(c[0], 0x81, STR("broadcast"));
    for (size_t i = 0; i < MANY; i++) {
        for (unsigned id = 1; id <= 500; id++) {
            char want[32];
            struct sbuf text;
            sbuf_init(&text, 4096);
            assert_true(read_frame(c[i], &f));
            if (f.first == 0xc1)
                assert_int_equal(unflate_message(f.payload, &text, NULL), ST_OK);
            else
                sbuf_add(&text, f.payload);
            assert_int_equal(f.first, i % 2 ? 0xc1 : 0x81);
            (void)snprintf(want, sizeof want, "{\"id\":%u,", id);
            assert_true(str_starts(sbuf_str(&text), str_z(want)));
            sbuf_done(&text);
        }
        client_close(c[i]);
    }
    assert_int_equal(atomic_load(&server.limits), 0);
}

/* They leave while they are being sent to; the signal would end the process. */
static void survives_clients_that_break_off(void **state)
{
    struct linger at_once = {.l_onoff = 1};
    struct sigaction action = {0};
    assert_int_equal(sigaction(SIGPIPE, NULL, &action), 0);
    assert_ptr_equal(action.sa_handler, SIG_IGN);
    for (int i = 0; i < 20; i++) {
        struct client *c = upgraded("/", "", NULL);
        send_frame(c, 0x81, STR("flood"));
        assert_true(read_more(c));
        assert_int_equal(setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
        client_close(c);
    }
    (void)settled();
}

/* Somebody else's idea of the protocol. */
static void gets_on_with_python(void **state)
{
    static const char script[] =
        "import asyncio, sys\n"
        "try: import websockets\n"
        "except ImportError: sys.exit(77)\n"
        "async def main():\n"
        "  async with websockets.connect('ws://127.0.0.1:' + sys.argv[1]) as w:\n"
        "    for text in ('short', 'long ' * 5000, '\\u20ac'):\n"
        "      await w.send(text)\n"
        "      assert await w.recv() == text\n"
        "    await (await w.ping())\n"
        "asyncio.run(main())\n";
    char port[8];
    int how = -1;
    (void)snprintf(port, sizeof port, "%u", server.port);
    pid_t pid = fork();
    if (pid == 0) {
        execlp("python3", "python3", "-c", script, port, (char *)NULL);
        _exit(77);
    }
    while (waitpid(pid, &how, 0) < 0 && errno == EINTR)
        ;
    if (WIFEXITED(how) && WEXITSTATUS(how) == 77)
        SKIP_BECAUSE("python3 has no module websockets (python3-websockets)");
    assert_int_equal(how, 0);
}

static void tells_everybody_when_the_server_stops(void **state)
{
    struct client *c = upgraded("/", "", NULL);
    loop_post(server.loop, close_server, NULL);
    expect_close(c, 1001);
    send_frame(c, 0x88, STR("\x03\xe9"));
    expect_end(c);
    client_close(c);
    thread_join(&server.thread);
    loop_free(server.loop);
    server.loop = NULL;
    assert_int_equal(atomic_load(&server.closed), atomic_load(&server.opened));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_a_handshake_with_its_proof),
        cmocka_unit_test(refuses_a_handshake_that_is_none),
        cmocka_unit_test(echoes_messages_however_they_come),
        cmocka_unit_test(takes_frames_that_come_with_the_handshake),
        cmocka_unit_test(says_goodbye_to_who_says_it_first),
        cmocka_unit_test(closes_with_a_code_and_a_reason),
        cmocka_unit_test(tells_which_rule_was_broken),
        cmocka_unit_test(compresses_for_who_offers_it),
        cmocka_unit_test(answers_a_flood_of_pings_in_bounded_memory),
        cmocka_unit_test(cuts_off_who_does_not_read_and_nobody_else),
        cmocka_unit_test(sends_all_it_took_before_its_goodbye),
        cmocka_unit_test(pings_who_is_silent_and_then_gives_up),
        cmocka_unit_test(sends_one_frame_to_many_in_order),
        cmocka_unit_test(survives_clients_that_break_off),
        cmocka_unit_test(gets_on_with_python),
        cmocka_unit_test(tells_everybody_when_the_server_stops),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
