/* SPDX-License-Identifier: Apache-2.0 */
/* stream.h - one accepted connection: bytes in and out, over TCP or TLS.
 *
 * What is written is gathered and leaves in one piece before the loop waits again.  Only what the
 * kernel does not take stays queued.  What HTTP, WebSocket and syslog have in common.
 *
 * One thread at a time: the loop's. */
#ifndef NET_STREAM_H
#define NET_STREAM_H

#include "base/status.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

struct loop;
struct stream; /* opaque; lives until `closed` has returned */

enum stream_why {
    STREAM_CLOSED, /* by us */
    STREAM_GONE,   /* by the peer, or the network broke */
    STREAM_STALLED, /* the peer read nothing, or less than 512 B/s, of what waits for it, for write_ms */
    STREAM_HANDSHAKE, /* TLS was not agreed on */
    STREAM_SLOW       /* nor within handshake_ms */
};

struct stream_handler {
    /* Bytes came (TLS taken off); they live for the call and will not come again.  Required. */
    void (*bytes)(void *user, str bytes);
    /* The peer will send no more, but may read.  Without it the stream is closed. */
    void (*end)(void *user);
    /* What waited to be sent has sunk to half of write_buffer, having been over it. */
    void (*drained)(void *user);
    /* Now and then (see listen_options.tick_ms), for limits on time. */
    void (*tick)(void *user, uint64_t now_ms);
    /* Asked for by stream_later. */
    void (*later)(void *user);
    /* The listener is closing: come to an end.  Without it the stream is closed. */
    void (*stopping)(void *user);
    /* The last call; the stream is gone when it returns.  Never from inside a call to a
     * stream_ function.  Required. */
    void (*closed)(void *user, enum stream_why why);
};

/* Whose it is from now on; `h` must outlive the stream. */
void stream_set_handler(struct stream *s, const struct stream_handler *h, void *user);

/* Queue a copy.  ST_LIMIT: write_buffer bytes wait already, nothing was taken.  ST_UNAVAILABLE: closing. */
CHECKED status stream_write(struct stream *s, str bytes);
size_t stream_queued(const struct stream *s); /* bytes that wait, before TLS */

/* No bytes come between pause and resume, and the socket is not read; the end is not seen either. */
void stream_pause(struct stream *s);
void stream_resume(struct stream *s);

/* Have `later` called soon, from the loop. */
void stream_later(struct stream *s);

/* Send what waits, say goodbye, and close: the peer has a moment to read it.  No call but `closed`
 * comes any more. */
void stream_close(struct stream *s);
/* Close at once; what waits is lost.  Nothing but `closed` comes any more. */
void stream_abort(struct stream *s);
bool stream_is_closing(const struct stream *s);

str stream_address(const struct stream *s); /* of the peer, numeric, without port; lives with s */
bool stream_is_tls(const struct stream *s);
struct loop *stream_loop(const struct stream *s);

#endif
