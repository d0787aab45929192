/* SPDX-License-Identifier: Apache-2.0 */
/* ws.h - the server's end of a WebSocket (RFC 6455), with permessage-deflate (RFC 7692, no context
 * takeover).
 *
 * A message for many clients is framed once, compressed at most once, and held once however many
 * clients it waits for.  A client's queue is bounded: ws_send says when it is full, and what
 * becomes of that client is the caller's to say.
 *
 * One thread at a time, the loop's; ws_frame: thread-safe. */
#ifndef NET_WS_H
#define NET_WS_H

#include "net/http.h"

struct ws; /* opaque; lives from ws_upgrade until `closed` has returned */

struct ws_handler {
    /* A whole text message from the client (UTF-8 checked); `text` lives for the call.  Binary
     * messages are refused (1003).  Required. */
    void (*message)(struct ws *w, void *user, str text);
    /* The last call, whoever wanted the end; `code` (RFC 6455, section 7.4) is that of who closed first,
     * 1005 when the client gave none, 1006 when the connection broke.  Never from inside another
     * function of this header.  Required. */
    void (*closed)(struct ws *w, void *user, int code);
};

struct ws_options {
    size_t message_bytes; /* longest message from the client, decompressed; 64 KiB */
    size_t queue_bytes;   /* most that waits for the client; 1 MiB */
    uint32_t ping_ms;     /* 30 s; a client silent for so long is pinged, for twice that closed */
    uint32_t close_ms;    /* 5 s; a client that does not answer our goodbye by then is cut off */
    bool deflate;         /* agree to permessage-deflate when it is offered */
};
extern const struct ws_options ws_options_default;

/* Does `r` ask for a WebSocket: GET, Upgrade: websocket, Connection: Upgrade? */
bool ws_wanted(const struct http_request *r);
/* 0 when the handshake is right (section 4.2.1), else what to answer and why. */
int ws_refusal(const struct http_request *r, const char **why);
/* In begin, or later of a request still referenced.  Answer 101 (with `protocol`, one of those offered, as the subprotocol, unless empty);
 * NULL when the handshake is wrong (section 4.2.1): 400 was answered, or 426.  Who may come, and
 * from which Origin, is to be judged before.  `handler` is not copied. */
struct ws *ws_upgrade(struct http_request *r, str protocol, const struct ws_options *options,
                      const struct ws_handler *handler, void *user);

/* A text message framed once for any number of clients; reference counted (thread-safe). */
struct ws_frame;
struct ws_frame *ws_frame_new(str text); /* must be UTF-8 */
struct ws_frame *ws_frame_ref(struct ws_frame *f);
void ws_frame_unref(struct ws_frame *f); /* NULL is fine */
str ws_frame_text(const struct ws_frame *f);

/* ST_LIMIT: the client's queue is full, nothing was taken.  ST_UNAVAILABLE: it is closing. */
CHECKED status ws_send(struct ws *w, str text);
CHECKED status ws_send_frame(struct ws *w, struct ws_frame *f); /* takes its own reference */
size_t ws_queued_bytes(const struct ws *w);
/* Close with `code` and a reason (at most 123 bytes), after all that ws_send took.  A client that
 * has not answered after close_ms is cut off.  Closing already: nothing. */
void ws_close(struct ws *w, int code, const char *reason);

#endif
