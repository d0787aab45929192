/* SPDX-License-Identifier: Apache-2.0 */
/* A WebSocket on a stream.
 *
 * What is sent waits in a ring, by reference, shared with all the clients it is for.  Before the loop waits,
 * the kernel is given all of it in one call, without a copy.  Of what the kernel does not take, the
 * stream gets STREAM_BYTES at most, as it copies (with TLS, that is the only way); the rest stays where
 * it is until the stream has drained. */
#include "net/ws.h"

#include "base/mem.h"
#include "net/net_int.h"
#include "net/ws_int.h"

#include <assert.h>

enum { STREAM_BYTES = 64 * 1024, QUEUE_KEPT = 16 };

const struct ws_options ws_options_default = {.message_bytes = (size_t)64 << 10,
                                              .queue_bytes = (size_t)1 << 20,
                                              .ping_ms = 30000,
                                              .close_ms = 5000,
                                              .deflate = true};

struct ws {
    struct stream *stream;
    const struct ws_handler *handler;
    void *user;
    struct ws_receiver *receiver;
    size_t queue_bytes;
    uint32_t ping_ms, close_ms;
    bool deflate;                 /* was agreed on */
    bool close_sent;              /* or queued */
    int code;                     /* of who closed first; 0: nobody did */
    uint64_t heard_ms, pinged_ms; /* when; pinged: 0 when an answer came */
    uint64_t cut_ms;              /* when to lose patience; 0: not closing */

    struct ws_frame **queue; /* a ring, owned, as the references in it are; NULL while empty */
    size_t first, count, room;
    size_t waiting_bytes;  /* in it */
    struct ws_frame *pong; /* to be sent when the stream has room; only the newest counts (5.5.3) */
};

/* ---- the queue ---- */

static str wire_for(const struct ws *w, struct ws_frame *f)
{
    return ws_frame_wire(f, w->deflate);
}

static void grow_queue(struct ws *w)
{
    size_t room = w->room ? w->room * 2 : QUEUE_KEPT / 4;
    struct ws_frame **queue = mem_array(struct ws_frame *, room);
    for (size_t i = 0; i < w->count; i++)
        queue[i] = w->queue[(w->first + i) % w->room];
    mem_free(w->queue);
    w->queue = queue;
    w->room = room;
    w->first = 0;
}

static void push(struct ws *w, struct ws_frame *f)
{
    if (w->count == w->room)
        grow_queue(w);
    w->queue[(w->first + w->count++) % w->room] = ws_frame_ref(f);
    w->waiting_bytes += wire_for(w, f).n;
}

static void pop(struct ws *w)
{
    struct ws_frame *f = w->queue[w->first];
    w->waiting_bytes -= wire_for(w, f).n;
    w->first = (w->first + 1) % w->room;
    w->count--;
    ws_frame_unref(f);
}

static void drop_queue(struct ws *w)
{
    while (w->count)
        pop(w);
    mem_free(w->queue);
    w->queue = NULL;
    w->first = w->room = 0;
    ws_frame_unref(w->pong);
    w->pong = NULL;
}

/* One call for as many as it takes; false: the kernel has enough. */
static bool send_at_once(struct ws *w)
{
    str piece[STREAM_PIECES] = {{0}};
    size_t n = 0, all = 0;
    for (; n < w->count && n < STREAM_PIECES; n++) {
        piece[n] = wire_for(w, w->queue[(w->first + n) % w->room]);
        all += piece[n].n;
    }
    size_t taken = stream_try(w->stream, piece, n), left = taken;
    for (size_t i = 0; i < n && left >= piece[i].n; i++) {
        left -= piece[i].n;
        pop(w);
    }
    /* Half a frame went; the stream, in which nothing waits, takes the other half. */
    if (left) {
        if (stream_write(w->stream, str_from(wire_for(w, w->queue[w->first]), left)) != ST_OK)
            stream_abort(w->stream);
        pop(w);
    }
    return taken == all;
}

/* Give away what will be taken. */
static void pump(struct ws *w)
{
    if (w->pong && stream_write(w->stream, ws_frame_wire(w->pong, false)) == ST_OK) {
        ws_frame_unref(w->pong);
        w->pong = NULL;
    }
    while (w->count && send_at_once(w))
        ;
    while (w->count && stream_write(w->stream, wire_for(w, w->queue[w->first])) == ST_OK)
        pop(w);
    if (!w->count && !w->pong && w->room > QUEUE_KEPT)
        drop_queue(w); /* a burst is no reason to hold on to its memory */
}

/* Behind what waits already. */
static status enqueue(struct ws *w, struct ws_frame *f)
{
    if (stream_is_closing(w->stream))
        return ST_UNAVAILABLE;
    if (!w->count) /* or somebody will come: on_later, or on_drained */
        stream_later(w->stream);
    push(w, f);
    return ST_OK;
}

size_t ws_queued_bytes(const struct ws *w)
{
    return w->waiting_bytes + stream_queued(w->stream);
}

status ws_send_frame(struct ws *w, struct ws_frame *f)
{
    if (w->close_sent || stream_is_closing(w->stream))
        return ST_UNAVAILABLE;
    size_t queued = ws_queued_bytes(w);
    if (queued > w->queue_bytes || wire_for(w, f).n > w->queue_bytes - queued)
        return ST_LIMIT;
    return enqueue(w, f);
}

status ws_send(struct ws *w, str text)
{
    struct ws_frame *f = ws_frame_new(text);
    status st = ws_send_frame(w, f);
    ws_frame_unref(f);
    return st;
}

/* ---- the end ---- */

void ws_close(struct ws *w, int code, const char *reason)
{
    if (w->close_sent || stream_is_closing(w->stream))
        return;
    w->code = code;
    w->cut_ms = loop_now_ms(stream_loop(w->stream)) + w->close_ms;
    struct ws_frame *f = ws_frame_close(code, str_z(reason));
    w->close_sent = true;
    if (enqueue(w, f) != ST_OK)
        stream_abort(w->stream);
    ws_frame_unref(f);
}

/* The client broke the rules, or says goodbye: it is owed a close frame and no more (7.1.7, 5.5.1). */
static void end(struct ws *w, int told, int answer)
{
    if (!w->code)
        w->code = told;
    ws_receiver_stop(w->receiver);
    pump(w);
    bool answered = w->close_sent && !w->count; /* ours is the last in the queue */
    drop_queue(w);
    struct sbuf *out = stream_out(w->stream);
    if (out && !answered) {
        struct ws_frame *f = ws_frame_close(w->close_sent ? w->code : answer, (str){NULL, 0});
        sbuf_add(out, ws_frame_wire(f, false));
        ws_frame_unref(f);
    }
    w->close_sent = true;
    stream_close(w->stream);
}

/* ---- what the client sends ---- */

static void on_message(void *arg, str text)
{
    struct ws *w = arg;
    if (!w->close_sent)
        w->handler->message(w, w->user, text);
}

static void on_ping(void *arg, str payload)
{
    struct ws *w = arg;
    if (w->close_sent)
        return;
    ws_frame_unref(w->pong);
    w->pong = ws_frame_control(WS_PONG, payload);
    stream_later(w->stream);
}

static void on_pong(void *arg, str payload)
{
    (void)arg, (void)payload; /* that anything came is enough */
}

static void on_close_frame(void *arg, int code, str reason)
{
    (void)reason;
    end(arg, code, code);
}

static void on_bytes(void *user, str bytes)
{
    struct ws *w = user;
    w->heard_ms = loop_now_ms(stream_loop(w->stream));
    w->pinged_ms = 0;
    int code = ws_receiver_feed(w->receiver, bytes);
    if (code)
        end(w, code, code);
}

/* ---- what else happens to the stream ---- */

static void on_room(void *user)
{
    pump(user);
}

static void on_tick(void *user, uint64_t now_ms)
{
    struct ws *w = user;
    if (w->cut_ms) {
        if (now_ms >= w->cut_ms)
            stream_abort(w->stream);
    } else if (w->pinged_ms) {
        if (now_ms - w->pinged_ms >= w->ping_ms)
            ws_close(w, WS_POLICY, "nothing was heard from you, not even a pong");
    } else if (now_ms - w->heard_ms >= w->ping_ms) {
        struct ws_frame *f = ws_frame_control(WS_PING, (str){NULL, 0});
        w->pinged_ms = now_ms;
        if (enqueue(w, f) != ST_OK)
            stream_abort(w->stream);
        ws_frame_unref(f);
    }
}

static void on_stopping(void *user)
{
    ws_close(user, WS_GOING_AWAY, "the server is stopping");
}

static void on_closed(void *user, enum stream_why why)
{
    struct ws *w = user;
    (void)why;
    w->handler->closed(w, w->user, w->code ? w->code : WS_ABNORMAL);
    drop_queue(w);
    ws_receiver_free(w->receiver);
    mem_free(w);
}

static const struct stream_handler on_stream = {.bytes = on_bytes,
                                                .drained = on_room,
                                                .later = on_room,
                                                .tick = on_tick,
                                                .stopping = on_stopping,
                                                .closed = on_closed};

/* ---- the beginning ---- */

/* All values of a header that is a list are one list (RFC 9110, section 5.3). */
static bool any_value(const struct http_request *r, str name, bool (*says)(str value))
{
    for (size_t i = 0; i < http_header_count(r); i++) {
        struct http_header h = http_header_at(r, i);
        if (str_eq(h.name, name) && says(h.value))
            return true;
    }
    return false;
}

static bool says_websocket(str value)
{
    return ws_list_has(value, STR("websocket"));
}

static bool says_upgrade(str value)
{
    return ws_list_has(value, STR("upgrade"));
}

bool ws_wanted(const struct http_request *r)
{
    return http_method(r) == HTTP_GET && any_value(r, STR("upgrade"), says_websocket) &&
           any_value(r, STR("connection"), says_upgrade);
}

/* The value of a header that may be there once; empty otherwise. */
static str only_value(const struct http_request *r, str name)
{
    str value = {NULL, 0};
    for (size_t i = 0; i < http_header_count(r); i++) {
        struct http_header h = http_header_at(r, i);
        if (str_eq(h.name, name)) {
            if (value.p)
                return (str){NULL, 0};
            value = h.value;
        }
    }
    return str_trim(value);
}

int ws_refusal(const struct http_request *r, const char **why)
{
    if (!ws_wanted(r)) {
        *why = "this is for WebSocket: GET, Upgrade: websocket, Connection: Upgrade";
        return 426;
    }
    if (!str_eq(only_value(r, STR("sec-websocket-version")), STR("13"))) {
        *why = "only version 13 of WebSocket is spoken here";
        return 426;
    }
    str length = http_header(r, STR("content-length"));
    if (http_header(r, STR("transfer-encoding")).n || (length.n && !str_eq(length, STR("0")))) {
        *why = "a WebSocket handshake has no body";
        return 400;
    }
    if (!ws_key_ok(only_value(r, STR("sec-websocket-key")))) {
        *why = "Sec-WebSocket-Key is not 16 bytes in base64, once";
        return 400;
    }
    return 0;
}

/* False: answered. */
static bool handshake_ok(struct http_request *r)
{
    const char *why;
    int http_status = ws_refusal(r, &why);
    if (http_status == 0)
        return true;
    if (http_status == 426) {
        http_set(r, "Upgrade", STR("websocket"));
        http_set(r, "Sec-WebSocket-Version", STR("13"));
    }
    str body =
        arena_fmt(http_arena(r),
                  "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%d,\"detail\":\"%s\"}",
                  http_status == 426 ? "Upgrade Required" : "Bad Request", http_status, why);
    http_respond(r, http_status, "application/problem+json", body);
    return false;
}

static struct ws *ws_new(const struct ws_options *options, const struct ws_handler *handler,
                         void *user, bool deflate)
{
    static const struct ws_receive receive = {
        .message = on_message, .ping = on_ping, .pong = on_pong, .close = on_close_frame};
    struct ws *w = mem_new(struct ws);
    struct ws_receive to_us = receive;
    to_us.arg = w;
    w->handler = handler;
    w->user = user;
    w->queue_bytes = options->queue_bytes;
    w->ping_ms = options->ping_ms;
    w->close_ms = options->close_ms;
    w->deflate = deflate;
    w->receiver = ws_receiver_new(options->message_bytes, deflate, &to_us);
    return w;
}

struct ws *ws_upgrade(struct http_request *r, str protocol, const struct ws_options *options,
                      const struct ws_handler *handler, void *user)
{
    char accept[WS_ACCEPT_SIZE];
    if (!handshake_ok(r))
        return NULL;
    bool deflate =
        options->deflate && any_value(r, STR("sec-websocket-extensions"), ws_offers_deflate);
    ws_accept(only_value(r, STR("sec-websocket-key")), accept);
    http_set(r, "Upgrade", STR("websocket"));
    http_set(r, "Connection", STR("Upgrade"));
    http_set(r, "Sec-WebSocket-Accept", (str){accept, sizeof accept});
    if (protocol.n)
        http_set(r, "Sec-WebSocket-Protocol", protocol);
    if (deflate)
        http_set(r, "Sec-WebSocket-Extensions",
                 STR("permessage-deflate; server_no_context_takeover; client_no_context_takeover"));
    struct stream *s = http_detach(r);
    if (!s)
        return NULL;
    struct ws *w = ws_new(options, handler, user, deflate);
    w->stream = s;
    w->heard_ms = loop_now_ms(stream_loop(s));
    stream_set_write_buffer(s, STREAM_BYTES);
    stream_set_handler(s, &on_stream, w);
    return w;
}
