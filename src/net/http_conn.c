/* SPDX-License-Identifier: Apache-2.0 */
/* A connection: bytes to the reader, what it finds to the handler, limits on time. */
#include "net/http_server_int.h"

#include "base/mem.h"
#include "base/metric.h"
#include "os/clock.h"
#include "os/uid.h"

#include <assert.h>

/* ---- refusing ---- */

static enum metric_id refusal_metric(int code)
{
    switch (code) {
    case 408:
    case 0:
        return METRIC_HTTP_REFUSED_SLOW;
    case 413:
    case 414:
    case 431:
        return METRIC_HTTP_REFUSED_SIZE;
    default:
        return METRIC_HTTP_REFUSED_MALFORMED;
    }
}

void http_tell_refused(struct http_server *s, str address, int code, const char *why,
                       const char *id)
{
    if (s->handler.refused)
        s->handler.refused(s->handler.arg, address, code, why, id);
}

void http_refuse_now(struct http_conn *c, int code, const char *why)
{
    metric_inc(refusal_metric(code));
    bool begun = c->r && c->r->begun;
    char id[UID_SIZE] = "";
    if (!begun)
        uid_new(clock_wall_ms(), id);
    http_tell_refused(c->server, stream_address(c->s), begun ? 0 : code, why, id);
    if (begun && c->r->answered) {
        stream_close(c->s);
    } else if (begun) {
        /* An answer is on its way; the client has to see that it was cut. */
        stream_abort(c->s);
    } else {
        http_answer_problem(c, code, why, id);
        stream_close(c->s);
    }
    http_leave(c, true);
}

/* ---- reading ---- */

static void set_phase(struct http_conn *c, enum http_phase phase, uint32_t within_ms)
{
    c->phase = (uint8_t)phase;
    c->deadline_ms = within_ms ? loop_now_ms(c->server->loop) + within_ms : UINT64_MAX;
}

static void begin_request(struct http_conn *c)
{
    struct http_server *s = c->server;
    struct http_request *r = http_request_take(s);
    struct http_head head = r->head;
    struct sbuf bytes = r->bytes;
    r->bytes = c->reader.bytes;
    r->head = c->reader.head;
    c->reader.bytes = bytes;
    c->reader.head = head;
    sbuf_clear(&c->reader.bytes);
    str address = stream_address(c->s);
    memcpy(r->address, address.p, address.n);
    r->address_n = (uint8_t)address.n;
    r->tls = stream_is_tls(c->s);
    r->started_ns = c->started_ns;
    r->conn = c;
    c->r = r;
    c->requests++;
    c->last |= !r->head.keep_alive || s->closing || c->requests >= s->limits.requests;
}

static bool wants_body(const struct http_request *r)
{
    return r->head.body == HTTP_BODY_CHUNKED ||
           (r->head.body == HTTP_BODY_LENGTH && r->head.length > 0);
}

/* The handler has seen the head: what of the body? */
static void after_begin(struct http_conn *c, bool body_is_here)
{
    struct http_request *r = c->r;
    if (!r || !wants_body(r) || stream_is_closing(c->s))
        return;
    if (r->no.status && !r->begun) {
        http_refuse_now(c, r->no.status, r->no.why);
        return;
    }
    bool waits = r->head.expects_continue && !body_is_here;
    if (http_unwanted(r)) {
        /* It is cheaper to close than to read all that; a client that waits for leave may never send it. */
        if (waits || r->head.length > HTTP_DISCARD_MAX)
            c->last = true;
        return;
    }
    if (waits) {
        struct sbuf *out = stream_out(c->s);
        sbuf_add(out, STR("HTTP/1.1 100 Continue\r\n\r\n"));
    }
}

static void on_head(struct http_conn *c, bool body_is_here)
{
    begin_request(c);
    struct http_request *r = http_ref(c->r);
    c->rate_at_ms = loop_now_ms(c->server->loop);
    c->rate_bytes = 0;
    set_phase(c, HTTP_IN_BODY, c->server->limits.body_ms);
    if (r->no.status == 0) {
        r->in_begin = true;
        c->server->handler.begin(c->server->handler.arg, r);
        r->in_begin = false;
    }
    if (r->conn)
        after_begin(r->conn, body_is_here);
    http_unref(r);
}

static void on_piece(struct http_conn *c, str piece)
{
    struct http_request *r = http_ref(c->r);
    struct http_refusal no = {0};
    c->rate_bytes += piece.n;
    set_phase(c, HTTP_IN_BODY, c->server->limits.body_ms);
    if (!http_body_piece(r, piece, &no) && r->conn)
        http_refuse_now(c, no.status, no.why);
    http_unref(r);
}

static void on_end(struct http_conn *c)
{
    struct http_request *r = http_ref(c->r);
    struct http_refusal no = {0};
    set_phase(c, HTTP_IN_ANSWER, 0);
    r->body_whole = true;
    if (!http_body_end(r, &no) && r->conn)
        http_refuse_now(c, no.status, no.why);
    http_unref(r);
}

/* Both halves of the request are through. */
static void end_request(struct http_conn *c)
{
    metric_observe(METRIC_HTTP_SECONDS, clock_since(c->r->started_ns));
    http_leave(c, false);
    if (c->last || c->ended || c->server->closing) {
        stream_close(c->s);
        return;
    }
    stream_read_little(c->s, false);
    set_phase(c, HTTP_IDLE, c->server->limits.idle_ms);
}

/* Between requests: a client that asks and does not read has to wait.  What one may have unread is little, for there
 * may be very many of them. */
static bool may_read_next(struct http_conn *c)
{
    if (stream_is_closing(c->s))
        return false;
    size_t most = stream_write_buffer(c->s) / 2;
    most = most < HTTP_UNREAD_MAX ? most : HTTP_UNREAD_MAX;
    if (stream_queued(c->s) < most)
        return true;
    c->clogged = true;
    stream_want_drained(c->s, most);
    return false;
}

/* May the reader go on? */
static bool settle(struct http_conn *c)
{
    struct http_request *r = c->r;
    struct http_refusal no = {0};
    if (r && !r->paused && !r->body_over && (r->holding || r->body_whole)) {
        http_ref(r);
        if (!http_body_go_on(r, &no) && r->conn)
            http_refuse_now(c, no.status, no.why);
        http_unref(r);
        r = c->r;
    }
    if (r && r->answered && (r->body_over || c->last)) {
        end_request(c);
        r = NULL;
    }
    return r ? !r->body_whole && !r->paused && !r->holding : may_read_next(c);
}

static bool step(struct http_conn *c, str *in)
{
    struct http_refusal no = {0};
    str piece = {0};
    switch (http_reader_next(&c->reader, in, &piece, &no)) {
    case HTTP_MORE:
        if (!c->r && c->phase == HTTP_IDLE && http_reader_in_head(&c->reader))
            set_phase(c, HTTP_IN_HEAD, c->server->limits.head_ms);
        return false;
    case HTTP_HEAD_READ:
        on_head(c, in->n > 0);
        return c->s;
    case HTTP_PIECE:
        on_piece(c, piece);
        return true;
    case HTTP_END:
        on_end(c);
        return true;
    default:
        http_refuse_now(c, no.status, no.why);
        return false;
    }
}

/* Its stream is somebody else's now. */
static void let_go(struct http_conn *c)
{
    struct http_server *s = c->server;
    http_leave(c, false);
    http_reader_done(&c->reader);
    mem_free(c);
    http_server_unref(s);
}

/* Detaching leaves c->s NULL: then the rest belongs to the new owner. */
static void process(struct http_conn *c, str in)
{
    struct stream *s = c->s;
    c->busy = true;
    if (!c->r)
        c->started_ns = clock_ns();
    size_t given = in.n;
    while (settle(c) && step(c, &in))
        ;
    metric_add(METRIC_HTTP_BYTES_IN, given - in.n); /* what is left comes again */
    c->busy = false;
    if (!c->s) {
        stream_unread(s, in);
        let_go(c);
        return;
    }
    if (stream_is_closing(s))
        return;
    bool waits = c->clogged || (c->r && (c->r->body_whole || c->r->paused));
    stream_unread(s, in);
    stream_read_little(s, waits);
    if (waits && (in.n || c->clogged || c->r->paused))
        stream_pause(s);
}

void http_moved(struct http_conn *c)
{
    if (c->busy || stream_is_closing(c->s))
        return;
    if (c->r && c->r->answered && c->r->paused)
        http_resume(c->r);
    if (settle(c))
        stream_resume(c->s);
}

/* ---- what the stream tells ---- */

static void conn_bytes(void *user, str bytes)
{
    struct http_conn *c = user;
    process(c, bytes);
}

/* The client closed its half.  One that waits for a whole answer gets it; one that hears a long answer, or
 * sent half a body, has left. */
static void conn_end(void *user)
{
    struct http_conn *c = user;
    c->ended = true;
    if (c->r && c->r->body_whole && !c->r->begun)
        return;
    if (c->r)
        stream_abort(c->s);
    else
        stream_close(c->s);
    http_leave(c, true);
}

static void conn_drained(void *user)
{
    struct http_conn *c = user;
    if (c->clogged) {
        c->clogged = false;
        stream_resume(c->s);
    }
    if (c->r)
        http_answer_drained(c->r);
}

static void conn_tick(void *user, uint64_t now_ms)
{
    struct http_conn *c = user;
    const struct http_limits *l = &c->server->limits;
    if (c->phase == HTTP_IN_BODY && c->r && c->r->paused) { /* it waits for us */
        set_phase(c, HTTP_IN_BODY, l->body_ms);
        c->rate_at_ms = now_ms;
        c->rate_bytes = 0;
        return;
    }
    if (now_ms >= c->deadline_ms) {
        if (c->phase == HTTP_IDLE)
            stream_close(c->s);
        else
            http_refuse_now(c, 408,
                            c->phase == HTTP_IN_HEAD ? "the head takes too long"
                                                     : "the body takes too long");
        return;
    }
    uint32_t window_ms = l->body_ms / 2 < HTTP_RATE_MS ? l->body_ms / 2 : HTTP_RATE_MS;
    if (c->phase != HTTP_IN_BODY || now_ms - c->rate_at_ms < window_ms)
        return;
    uint64_t wanted = (uint64_t)l->body_rate * (now_ms - c->rate_at_ms) / 1000;
    if (c->rate_bytes < wanted) {
        http_refuse_now(c, 408, "the body comes too slowly");
        return;
    }
    c->rate_at_ms = now_ms;
    c->rate_bytes = 0;
}

static void conn_later(void *user)
{
    struct http_conn *c = user;
    process(c, STR(""));
}

static void conn_stopping(void *user)
{
    struct http_conn *c = user;
    c->last = true;
    if (!c->r && !http_reader_in_head(&c->reader))
        stream_close(c->s);
}

static void conn_closed(void *user, enum stream_why why)
{
    struct http_conn *c = user;
    struct http_server *s = c->server;
    metric_move(METRIC_HTTP_CONNECTIONS, -1);
    if (why == STREAM_STALLED || why == STREAM_SLOW) {
        metric_inc(METRIC_HTTP_REFUSED_SLOW);
        http_tell_refused(
            s, stream_address(c->s), 0,
            why == STREAM_SLOW ? "the TLS handshake takes too long" : "the answer is not read", "");
    } else if (why == STREAM_HANDSHAKE) {
        metric_inc(METRIC_HTTP_REFUSED_MALFORMED);
        http_tell_refused(s, stream_address(c->s), 0, "the TLS handshake failed", "");
    }
    http_leave(c, true);
    http_reader_done(&c->reader);
    mem_free(c);
    http_server_unref(s);
}

static const struct stream_handler conn_handler = {
    .bytes = conn_bytes,
    .end = conn_end,
    .drained = conn_drained,
    .tick = conn_tick,
    .later = conn_later,
    .stopping = conn_stopping,
    .closed = conn_closed,
};

bool http_accept(void *arg, struct stream *stream)
{
    struct http_server *s = arg;
    if (s->handler.accept && !s->handler.accept(s->handler.arg, stream_address(stream)))
        return false;
    struct http_conn *c = mem_new(struct http_conn);
    c->s = stream;
    c->server = s;
    s->refs++;
    http_reader_init(&c->reader, &s->limits);
    set_phase(c, HTTP_IDLE, s->limits.idle_ms);
    stream_set_handler(stream, &conn_handler, c);
    metric_inc(METRIC_HTTP_ACCEPTED);
    metric_move(METRIC_HTTP_CONNECTIONS, 1);
    return true;
}

struct stream *http_detach(struct http_request *r)
{
    struct http_conn *c = r->conn;
    if (!c || stream_is_closing(c->s))
        return NULL;
    assert(!r->begun && !wants_body(r));
    struct sbuf *out = stream_out(c->s);
    sbuf_addz(out, "HTTP/1.1 101 Switching Protocols\r\n");
    sbuf_add(out, sbuf_str(&r->extra));
    sbuf_addz(out, "\r\n");
    struct stream *s = c->s;
    r->begun = r->answered = true;
    r->conn = NULL;
    c->s = NULL;
    stream_read_little(s, false);
    metric_move(METRIC_HTTP_CONNECTIONS, -1);
    if (!c->busy) { /* some time after begin: nobody else will */
        stream_resume(s);
        let_go(c);
    }
    return s;
}
