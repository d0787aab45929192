/* SPDX-License-Identifier: Apache-2.0 */
/* ws.h - the server's end of a WebSocket (RFC 6455), with permessage-deflate (RFC 7692, no context takeover).
 *
 * One thread at a time: the loop's. */
#ifndef NET_WS_H
#define NET_WS_H

#include "net/http.h"

struct ws; /* opaque; lives from ws_upgrade until `closed` has returned */

struct ws_handler {
    /* A whole text message from the client (UTF-8 checked). */
    void (*message)(struct ws *w, void *user, str text);
    /* The end, whoever wanted it; `code` is RFC 6455's 7.4. */
    void (*closed)(struct ws *w, void *user, int code);
};

struct ws_options {
    size_t message_bytes; /* longest message from the client; 64 KiB */
    size_t queue_bytes;   /* most that waits for the client; 1 MiB */
    uint32_t ping_ms;     /* 30 s; a client silent for twice that is closed */
    bool deflate;         /* offer permessage-deflate */
};
extern const struct ws_options ws_options_default;

/* Is `r` a well-formed upgrade (section 4.2.1)? */
bool ws_wanted(const struct http_request *r);
/* Answer 101 (with `protocol` as the subprotocol, unless empty); NULL when the handshake is wrong: 400 was answered, or 426. */
struct ws *ws_upgrade(struct http_request *r, str protocol, const struct ws_options *options,
                      const struct ws_handler *handler, void *user);

/* A message framed once for any number of clients; reference counted (thread-safe). */
struct ws_frame;
struct ws_frame *ws_frame_new(str text);
struct ws_frame *ws_frame_ref(struct ws_frame *f);
void ws_frame_unref(struct ws_frame *f); /* NULL is fine */
str ws_frame_text(const struct ws_frame *f);

/* ST_LIMIT: the client's queue is full, nothing was taken.  ST_UNAVAILABLE: it is closing. */
CHECKED status ws_send(struct ws *w, str text);
CHECKED status ws_send_frame(struct ws *w, struct ws_frame *f);
size_t ws_queued_bytes(const struct ws *w);
/* Close with `code` and a reason (at most 123 bytes); a client that reads nothing is cut off after 5 s. */
void ws_close(struct ws *w, int code, const char *reason);
str ws_address(const struct ws *w);

#endif
