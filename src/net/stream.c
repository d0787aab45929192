/* SPDX-License-Identifier: Apache-2.0 */
/* Out: stream_out gathers; the stream's task, run before the loop waits, hands it to the kernel.  What
 * the kernel does not take becomes `sending`, and nothing more is tried until that is through, so that
 * at most two buffers exist.  With TLS, `out` is sealed into `wire` a piece at a time, as the kernel takes it.
 *
 * The end: ENDING until all is sent, then a FIN, then LINGERING: closing a socket with unread bytes
 * would reset the connection, and the peer lose the answer we just sent (RFC 9112, 9.6). */
#include "net/stream_int.h"

#include "base/mem.h"
#include "base/metric.h"

#include <assert.h>
#include <limits.h>
#include <netinet/tcp.h>

enum { READ_LITTLE = 4 * 1024 };

static void on_read(uv_stream_t *uv, ssize_t n, const uv_buf_t *buf);
static void run_task(struct loop_task *t);

static struct stream *of_task(struct loop_task *t)
{
    return (struct stream *)(void *)((char *)t - offsetof(struct stream, task));
}

static void on_alloc(uv_handle_t *handle, size_t size, uv_buf_t *buf)
{
    (void)size;
    struct stream *s = (struct stream *)handle;
    *buf = uv_buf_init(loop_read_buffer(s->loop), s->little ? READ_LITTLE : LOOP_READ_SIZE);
}

/* Read, or not, as the state of things wants. */
static void set_reading(struct stream *s)
{
    bool want = !s->ended && s->state != STREAM_DEAD &&
                (s->state != STREAM_OPEN || (!s->paused && s->unread.n == 0));
    if (want == s->reading)
        return;
    s->reading = want;
    if (want)
        uv_read_start((uv_stream_t *)&s->tcp, on_alloc, on_read);
    else
        uv_read_stop((uv_stream_t *)&s->tcp);
}

static void soon(struct stream *s)
{
    if (s->state != STREAM_DEAD)
        loop_soon(s->loop, &s->task);
}

/* ---- life ---- */

static void ignore_bytes(void *user, str bytes)
{
    (void)user;
    (void)bytes;
}

static void ignore_closed(void *user, enum stream_why why)
{
    (void)user;
    (void)why;
}

static const struct stream_handler nobody = {.bytes = ignore_bytes, .closed = ignore_closed};

struct stream *stream_new(struct loop *loop, struct listener *listener)
{
    struct stream *s = mem_new(struct stream);
    s->loop = loop;
    s->listener = listener;
    s->handler = &nobody;
    s->task.run = run_task;
    uv_tcp_init(loop_uv(loop), &s->tcp);
    return s;
}

void stream_start(struct stream *s, struct tls_context *tls, uint32_t handshake_ms,
                  size_t write_buffer)
{
    s->write_buffer = write_buffer;
    s->window_ms = loop_now_ms(s->loop);
    if (tls) {
        s->tls = tls_stream_new(tls, s);
        s->deadline_ms = s->window_ms + handshake_ms;
    }
    uv_tcp_nodelay(&s->tcp, 1);
    set_reading(s);
}

void stream_set_handler(struct stream *s, const struct stream_handler *h, void *user)
{
    s->handler = h;
    s->user = user;
    if (s->unread.n)
        soon(s);
}

static void on_closed(uv_handle_t *handle)
{
    struct stream *s = (struct stream *)handle;
    assert(!s->sending);
    listen_forget(s->listener, s);
    s->handler->closed(s->user, s->why);
    tls_stream_free(s->tls);
    loop_give_buffer(s->loop, &s->out);
    loop_give_buffer(s->loop, &s->wire);
    sbuf_done(&s->unread);
    mem_free(s);
}

void stream_finish(struct stream *s, enum stream_why why)
{
    if (s->state == STREAM_DEAD)
        return;
    s->why = s->state == STREAM_OPEN ? why : s->why;
    s->state = STREAM_DEAD;
    loop_not_soon(s->loop, &s->task);
    /* With a reset where bytes are left behind: else the kernel keeps its share of them for minutes, for a peer
     * that does not read. */
    if (stream_queued(s) == 0 || uv_tcp_close_reset(&s->tcp, on_closed) != 0)
        uv_close((uv_handle_t *)&s->tcp, on_closed);
}

void stream_abort(struct stream *s)
{
    stream_finish(s, STREAM_CLOSED);
}

void stream_close(struct stream *s)
{
    if (s->state != STREAM_OPEN)
        return;
    s->state = STREAM_ENDING;
    s->why = STREAM_CLOSED;
    s->deadline_ms = 0;
    soon(s);
}

bool stream_is_closing(const struct stream *s)
{
    return s->state != STREAM_OPEN;
}

void stream_stopping(struct stream *s)
{
    if (s->state != STREAM_OPEN)
        return;
    if (s->handler->stopping)
        s->handler->stopping(s->user);
    else
        stream_close(s);
}

/* ---- in ---- */

bool stream_wants_bytes(const struct stream *s)
{
    return s->state == STREAM_OPEN && !s->paused;
}

void stream_deliver(struct stream *s, str bytes)
{
    if (s->state != STREAM_OPEN || bytes.n == 0)
        return;
    s->handler->bytes(s->user, bytes);
}

void stream_deliver_end(struct stream *s)
{
    if (s->ended)
        return;
    s->ended = true;
    set_reading(s);
    if (s->state == STREAM_LINGERING)
        stream_finish(s, STREAM_CLOSED);
    else if (s->state == STREAM_OPEN && s->handler->end)
        s->handler->end(s->user);
    else if (s->state == STREAM_OPEN)
        stream_close(s);
}

static void on_read(uv_stream_t *uv, ssize_t n, const uv_buf_t *buf)
{
    struct stream *s = (struct stream *)uv;
    if (n > 0) {
        str bytes = {buf->base, (size_t)n};
        if (s->state == STREAM_OPEN && s->tls)
            tls_stream_feed(s, bytes);
        else
            stream_deliver(s, bytes);
    } else if (n == UV_EOF) {
        if (s->tls && !tls_stream_is_ready(s->tls) && s->state == STREAM_OPEN) {
            /* One that said nothing only looked whether the port is open. */
            bool tried = tls_stream_has_begun(s->tls);
            metric_add(METRIC_TLS_FAILED, tried);
            stream_finish(s, tried ? STREAM_HANDSHAKE : STREAM_GONE);
        } else {
            stream_deliver_end(s);
        }
    } else if (n < 0) {
        stream_finish(s, STREAM_GONE);
    }
}

/* Bytes that were read and not delivered. */
static bool has_waiting(const struct stream *s)
{
    return s->unread.n || (s->tls && tls_stream_has_rest(s->tls));
}

void stream_pause(struct stream *s)
{
    s->paused = true;
    set_reading(s);
}

void stream_resume(struct stream *s)
{
    if (!s->paused)
        return;
    s->paused = false;
    if (has_waiting(s))
        soon(s);
    set_reading(s);
}

void stream_unread(struct stream *s, str bytes)
{
    if (bytes.n == 0)
        return;
    if (s->giving) { /* the rest of what is in the buffer already */
        assert(bytes.p + bytes.n == s->unread.p + s->unread.n);
        s->unread_at = s->unread.n - bytes.n;
    } else {
        if (!s->unread.p)
            sbuf_init(&s->unread, SIZE_MAX / 2);
        sbuf_add(&s->unread, bytes);
    }
    set_reading(s);
    soon(s);
}

void stream_read_little(struct stream *s, bool little)
{
    s->little = little;
}

static void give_unread(struct stream *s)
{
    str bytes = str_from(sbuf_str(&s->unread), s->unread_at);
    s->unread_at = s->unread.n;
    s->giving = true;
    s->handler->bytes(s->user, bytes);
    s->giving = false;
    if (s->unread_at == s->unread.n) {
        sbuf_done(&s->unread);
        s->unread_at = 0;
    }
}

static void deliver_waiting(struct stream *s)
{
    if (s->unread.n && stream_wants_bytes(s))
        give_unread(s);
    if (s->tls && tls_stream_has_rest(s->tls) && stream_wants_bytes(s) && !s->unread.n)
        tls_stream_feed(s, STR(""));
    set_reading(s);
}

/* ---- out ---- */

struct sbuf *stream_out(struct stream *s)
{
    if (s->state != STREAM_OPEN)
        return NULL;
    if (!s->out.p)
        s->out = loop_take_buffer(s->loop);
    soon(s);
    return &s->out;
}

size_t stream_queued(const struct stream *s)
{
    size_t sending = s->sending ? s->tcp.write_queue_size : 0;
    return s->out.n - s->out_at + s->wire.n + sending;
}

size_t stream_write_buffer(const struct stream *s)
{
    return s->write_buffer;
}

void stream_set_write_buffer(struct stream *s, size_t bytes)
{
    int fd, most = bytes < INT_MAX ? (int)bytes : INT_MAX;
    s->write_buffer = bytes;
    /* The kernel would take megabytes more for a peer that does not read.  Where it knows no such option, it
     * does. */
    if (uv_fileno((uv_handle_t *)&s->tcp, &fd) == 0)
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &most, sizeof most);
}

size_t stream_try(struct stream *s, const str *piece, size_t n)
{
    uv_buf_t buf[STREAM_PIECES];
    if (s->state != STREAM_OPEN || s->tls || s->sending || s->out.n)
        return 0;
    n = n < STREAM_PIECES ? n : STREAM_PIECES;
    for (size_t i = 0; i < n; i++)
        buf[i] = (uv_buf_t){.base = (char *)(uintptr_t)piece[i].p, .len = piece[i].n};
    int sent = uv_try_write((uv_stream_t *)&s->tcp, buf, (unsigned)n);
    if (sent <= 0)
        return 0; /* what is wrong shows when the bytes are queued */
    return (size_t)sent;
}

status stream_write(struct stream *s, str bytes)
{
    if (s->state != STREAM_OPEN)
        return ST_UNAVAILABLE;
    size_t queued = stream_queued(s);
    if (queued && (queued >= s->write_buffer || bytes.n > s->write_buffer - queued)) {
        s->over = true;
        s->over_below = s->write_buffer / 2;
        return ST_LIMIT;
    }
    sbuf_add(stream_out(s), bytes);
    return ST_OK;
}

void stream_want_drained(struct stream *s, size_t below)
{
    s->over = true;
    s->over_below = below;
    soon(s);
}

static void on_sent(uv_write_t *uv, int rc)
{
    struct sending *w = (struct sending *)uv;
    struct stream *s = uv->data;
    loop_give_buffer(s->loop, &w->bytes);
    mem_free(w);
    s->sending = NULL;
    s->window_bytes += s->seen_queued;
    s->seen_queued = 0;
    if (rc < 0)
        stream_finish(s, STREAM_GONE);
    else
        soon(s);
}

/* The kernel may take all of `b`, which is then given back, or leave some, which then is `sending`. */
static void send_buffer(struct stream *s, struct sbuf *b, size_t at)
{
    enum { TRY_MAX = 1 << 30 }; /* the answer is an int */
    size_t left = b->n - at;
    uv_buf_t piece = {.base = b->p + at, .len = left < TRY_MAX ? left : TRY_MAX};
    int n = uv_try_write((uv_stream_t *)&s->tcp, &piece, 1);
    if (n < 0 && n != UV_EAGAIN) {
        stream_finish(s, STREAM_GONE);
        return;
    }
    size_t sent = n > 0 ? (size_t)n : 0;
    s->window_bytes += sent;
    if (sent == left) {
        loop_give_buffer(s->loop, b);
        return;
    }
    struct sending *w = mem_new(struct sending);
    w->bytes = *b;
    *b = (struct sbuf){0};
    w->uv.data = s;
    s->sending = w;
    s->seen_queued = left - sent;
    piece = (uv_buf_t){.base = w->bytes.p + at + sent, .len = left - sent};
    int rc = uv_write(&w->uv, (uv_stream_t *)&s->tcp, &piece, 1, on_sent);
    if (rc < 0) {
        s->sending = NULL;
        sbuf_done(&w->bytes);
        mem_free(w);
        stream_finish(s, STREAM_GONE);
    }
}

static void seal_some(struct stream *s)
{
    if (!s->wire.p)
        s->wire = loop_take_buffer(s->loop);
    size_t taken = tls_stream_seal(s, str_from(sbuf_str(&s->out), s->out_at));
    s->out_at += taken;
    if (s->out_at == s->out.n) {
        loop_give_buffer(s->loop, &s->out);
        s->out_at = 0;
    }
}

static void flush_tls(struct stream *s)
{
    while (s->state != STREAM_DEAD && !s->sending) {
        if (s->wire.n)
            send_buffer(s, &s->wire, 0);
        else if (s->out.n && tls_stream_is_ready(s->tls))
            seal_some(s);
        else
            break;
    }
}

static void on_shutdown(uv_shutdown_t *request, int rc)
{
    (void)rc; /* a peer that is gone is noticed by reading */
    mem_free(request);
}

/* All was sent: say so, and wait a little for the peer to say the same. */
static void linger(struct stream *s)
{
    s->state = STREAM_LINGERING;
    if (s->ended) {
        stream_finish(s, STREAM_CLOSED);
        return;
    }
    s->deadline_ms = loop_now_ms(s->loop) + STREAM_LINGER_MS;
    uv_shutdown_t *request = mem_new(uv_shutdown_t);
    if (uv_shutdown(request, (uv_stream_t *)&s->tcp, on_shutdown) < 0)
        mem_free(request);
    set_reading(s);
}

static void flush(struct stream *s)
{
    if (s->tls)
        flush_tls(s);
    else if (s->out.n && !s->sending)
        send_buffer(s, &s->out, 0);
    if (s->over && stream_queued(s) < s->over_below) {
        s->over = false;
        s->want_drained = true;
        soon(s);
    }
    bool all = !s->sending && !s->wire.n && (!s->out.n || (s->tls && !tls_stream_is_ready(s->tls)));
    if (s->state != STREAM_ENDING || !all)
        return;
    if (s->tls && tls_stream_is_ready(s->tls)) {
        tls_stream_goodbye(s);
        flush_tls(s);
        if (s->state != STREAM_ENDING || s->sending)
            return;
    }
    linger(s);
}

static void run_task(struct loop_task *t)
{
    struct stream *s = of_task(t);
    bool drained = s->want_drained, later = s->want_later;
    s->want_drained = s->want_later = false;
    if (s->state == STREAM_OPEN && drained && s->handler->drained)
        s->handler->drained(s->user);
    if (s->state == STREAM_OPEN && later && s->handler->later)
        s->handler->later(s->user);
    if (s->state == STREAM_OPEN)
        deliver_waiting(s);
    if (s->state != STREAM_DEAD) {
        /* What was appended just now leaves now. */
        loop_not_soon(s->loop, &s->task);
        bool again = s->want_drained || s->want_later || (stream_wants_bytes(s) && has_waiting(s));
        flush(s);
        if (again)
            soon(s);
    }
}

void stream_later(struct stream *s)
{
    s->want_later = true;
    soon(s);
}

/* ---- time ---- */

/* Has the peer, while something waited for it, taken next to nothing for all of write_ms?  A byte now and then
 * is not enough: whoever reads so slowly wants our memory, not the answer. */
static bool is_stalled(struct stream *s, uint64_t now_ms, uint32_t write_ms)
{
    if (!s->sending) {
        s->window_ms = now_ms;
        s->window_bytes = 0;
        return false;
    }
    size_t queued = s->tcp.write_queue_size;
    s->window_bytes += s->seen_queued - queued;
    s->seen_queued = queued;
    if (now_ms - s->window_ms < write_ms)
        return false;
    bool stalled =
        s->window_bytes < (uint64_t)STREAM_LEAST_RATE * (now_ms - s->window_ms) / 1000 + 1;
    s->window_ms = now_ms;
    s->window_bytes = 0;
    return stalled;
}

void stream_check(struct stream *s, uint64_t now_ms, uint32_t write_ms)
{
    if (s->deadline_ms && now_ms >= s->deadline_ms) {
        if (s->state == STREAM_OPEN)
            metric_inc(METRIC_TLS_FAILED);
        stream_finish(s, STREAM_SLOW);
    } else if (is_stalled(s, now_ms, write_ms)) {
        stream_finish(s, STREAM_STALLED);
    } else if (s->state == STREAM_OPEN && s->handler->tick) {
        s->handler->tick(s->user, now_ms);
    }
}

str stream_address(const struct stream *s)
{
    return (str){s->address, s->address_n};
}

bool stream_is_tls(const struct stream *s)
{
    return s->tls != NULL;
}

struct loop *stream_loop(const struct stream *s)
{
    return s->loop;
}
