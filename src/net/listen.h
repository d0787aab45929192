/* SPDX-License-Identifier: Apache-2.0 */
/* listen.h - accepting connections on one address, over TCP or TLS.
 *
 * When the process has no descriptor left, who comes waits until one is free; METRIC_ACCEPT_RESTED counts.
 *
 * A listener lives on one loop; several, one a loop, share an address (SO_REUSEPORT).  It knows its
 * streams, holds them to limits on number and time, and ends them when it closes.
 *
 * One thread at a time: the loop's. */
#ifndef NET_LISTEN_H
#define NET_LISTEN_H

#include "net/crowd.h"
#include "net/loop.h"
#include "net/stream.h"
#include "net/tls.h"

struct listener; /* opaque */

struct listen_options {
    const char *host; /* numeric address; "::" and "0.0.0.0" are all */
    uint16_t port;    /* 0: the system's choice, see listen_port */
    bool shared;      /* another listener of this process has the address already: share it */
    int fd; /* a socket that listens already (socket activation), which the listener then owns;
                              * -1: none */
    struct tls_context *tls; /* NULL: plain */

    struct crowd *crowd;  /* what is counted with other listeners, and its limits for the next
                                   * two; borrowed.  NULL: counted alone */
    uint32_t connections; /* at once; 0: 20,000 */
    uint32_t connections_address; /* of one address, or IPv6 /64; 0: 1,024 */
    uint32_t handshake_ms;        /* of TLS, accept to end; 0: 10 s */
    uint32_t write_ms;            /* a peer that reads nothing for so long is dropped; 0: 30 s */
    uint32_t tick_ms;             /* how often limits on time are looked at; 0: 1 s */
    size_t write_buffer;          /* most that waits for a peer; 0: 4 MiB */

    /* A connection is here: set its handler and answer true; false closes it.  `arg` is for this. Required. */
    bool (*accept)(void *arg, struct stream *s);
    /* One was closed at once because of `connections` or `connections_address`.  Optional. */
    void (*refused)(void *arg, str address, const char *why);
    void *arg;
};

/* ST_INVALID: no numeric address.  ST_UNAVAILABLE: the address is taken or not ours. */
CHECKED status listen_open(struct loop *loop, const struct listen_options *options,
                           struct listener **out, struct error *err);
uint16_t listen_port(const struct listener *l);
/* New connections get this context from now on.  Takes its own reference. */
void listen_set_tls(struct listener *l, struct tls_context *tls);

/* Accept no more, tell every stream it is `stopping`, cut off what is left after `grace_ms`; then
 * `done(arg)` is called and the listener is gone.  Not twice. */
void listen_close(struct listener *l, uint32_t grace_ms, void (*done)(void *arg), void *arg);

#endif
