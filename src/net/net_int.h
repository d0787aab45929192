/* SPDX-License-Identifier: Apache-2.0 */
/* net_int.h - what the files of net/ share: the loop's innards, and the way from HTTP to WebSocket. */
#ifndef NET_NET_INT_H
#define NET_NET_INT_H

#include <uv.h>

#include "base/sbuf.h"
#include "net/http.h"
#include "net/loop.h"
#include "net/stream.h"

/* ---- loop.c ---- */

uv_loop_t *loop_uv(struct loop *l);

/* One buffer for whatever is being read; its bytes are used up before the callback returns. */
enum { LOOP_READ_SIZE = 64 * 1024 };
char *loop_read_buffer(struct loop *l);

/* Something to be done once before the loop waits again; embed one.  All zero is not waiting. */
struct loop_task {
    struct loop_task *next, **link; /* link: NULL while not waiting */
    void (*run)(struct loop_task *t);
};
void loop_soon(struct loop *l, struct loop_task *t); /* waiting already: nothing */
void loop_not_soon(struct loop *l, struct loop_task *t);

/* "Sat, 21 Nov 2026 15:36:13 GMT", renewed at most every quarter of a second. */
str loop_http_date(struct loop *l);

/* ---- stream.c ---- */

/* Where to append what is to be sent; it leaves before the loop waits again.  Never full; NULL when the
 * stream is closing.  For whole answers; what has no end is held to write_buffer by stream_write. */
struct sbuf *stream_out(struct stream *s);
size_t stream_write_buffer(const struct stream *s); /* the limit */
/* Another one; the kernel too is held to it. */
void stream_set_write_buffer(struct stream *s, size_t bytes);

/* Give pieces, of which some may be left out at the end, to the kernel now, without a copy, and say how many bytes it
 * took: 0 when others wait before them, or with TLS.  What it did not take is the caller's to queue. */
enum { STREAM_PIECES = 32 };
size_t stream_try(struct stream *s, const str *piece, size_t n);

/* Have `drained` called when less than `below` waits, though nothing was refused. */
void stream_want_drained(struct stream *s, size_t below);

/* Bytes that were delivered and not used: they come again, before others, once the stream is not paused.  Of
 * the bytes just delivered it is the rest that may be given back; that costs nothing the second time. */
void stream_unread(struct stream *s, str bytes);
/* Read a little at a time: what comes now is early and has to be kept. */
void stream_read_little(struct stream *s, bool little);

/* ---- http_conn.c ---- */

/* Of a request without a body, in begin or later: answer 101 with the headers that http_set was given,
 * and let go of the connection.  The stream is the caller's: set its handler before
 * the loop goes on.  What the client sent after the head comes to the new handler as bytes.  The
 * request counts as answered; HTTP's limits on time are off, the stream's own (write_ms) stay; when
 * the server closes the handler is told (`stopping`).  NULL: gone. */
struct stream *http_detach(struct http_request *r);

#endif
