/* SPDX-License-Identifier: Apache-2.0 */
/* stream_int.h - a stream from inside, for stream.c, stream_tls.c and listen.c. */
#ifndef NET_STREAM_INT_H
#define NET_STREAM_INT_H

#include <sys/socket.h>

#include "codec/ip.h"
#include "net/net_int.h"
#include "net/tls.h"

enum stream_state {
    STREAM_OPEN,
    STREAM_ENDING,    /* what waits is being sent; nothing is delivered */
    STREAM_LINGERING, /* all was sent; what comes is thrown away until the peer closes too */
    STREAM_DEAD       /* being closed */
};

/* Bytes the kernel did not take at once, and the request to take them. */
struct sending {
    uv_write_t uv; /* first: its address is ours */
    struct sbuf bytes;
};

struct tls_stream;
struct listener;

struct stream {
    uv_tcp_t tcp; /* first: its address is ours */
    struct loop *loop;
    struct listener *listener;
    struct stream *next, **link; /* in the listener's list */
    const struct stream_handler *handler;
    void *user;
    struct tls_stream *tls;  /* owned; NULL: plain */
    struct sbuf out;         /* to be sent, before TLS; from `out_at` on */
    struct sbuf wire;        /* records made of it that were not sent yet; only with TLS */
    struct sbuf unread;      /* for the handler, before what comes from the socket */
    struct sending *sending; /* owned; NULL: the kernel takes what we have */
    struct loop_task task;
    size_t out_at, unread_at, write_buffer, seen_queued, over_below;
    uint64_t window_ms, window_bytes; /* since then something waits, and so much was taken of it */
    uint64_t deadline_ms;             /* of the handshake, or of lingering; 0: none */
    enum stream_state state;
    enum stream_why why;
    bool paused, reading, ended, over, want_drained, want_later, giving, little;
    struct ip ip;
    uint8_t address_n;
    char address[IP_TEXT_MAX];
};

enum { STREAM_LINGER_MS = 2000, STREAM_LEAST_RATE = 512 /* bytes a second, of what waits */ };

/* An accepted socket is in s->tcp.  `tls` NULL: plain. */
struct stream *stream_new(struct loop *loop, struct listener *listener);
void stream_start(struct stream *s, struct tls_context *tls, uint32_t handshake_ms,
                  size_t write_buffer);
/* Limits on time: of the handshake, of what is not read, of lingering. */
void stream_check(struct stream *s, uint64_t now_ms, uint32_t write_ms);
void stream_stopping(struct stream *s);
/* Close at once because of `why`. */
void stream_finish(struct stream *s, enum stream_why why);

/* Hand plain bytes, or the end, to whoever has the stream. */
void stream_deliver(struct stream *s, str bytes);
void stream_deliver_end(struct stream *s);
bool stream_wants_bytes(const struct stream *s); /* neither paused nor ending */

/* listen.c: the stream is gone. */
void listen_forget(struct listener *l, struct stream *s);

/* ---- listen.c: addresses, also for udp.c ---- */

CHECKED status net_sockaddr(const char *host, uint16_t port, struct sockaddr_storage *out,
                            struct error *err);
struct ip net_ip(const struct sockaddr_storage *a);
uint16_t net_port(const struct sockaddr_storage *a);
/* A socket of `type` (SOCK_STREAM, SOCK_DGRAM) bound to that address with SO_REUSEPORT. */
struct net_place {
    const char *host;
    uint16_t port;
    bool shared; /* with sockets of this process that are there already */
};
CHECKED status net_bind(const struct net_place *place, int type, int *out, struct error *err);

/* ---- loop.c: buffers for what is sent, so that a busy loop allocates none ---- */

struct sbuf loop_take_buffer(struct loop *l);
void loop_give_buffer(struct loop *l, struct sbuf *b); /* leaves *b empty */
char *loop_plain_buffer(struct loop *l);               /* for bytes with TLS taken off */
enum { LOOP_PLAIN_SIZE = 16 * 1024 };

/* ---- stream_tls.c ---- */

struct tls_stream *tls_stream_new(struct tls_context *c, struct stream *s);
void tls_stream_free(struct tls_stream *t); /* NULL is fine */
bool tls_stream_is_ready(const struct tls_stream *t);
bool tls_stream_has_begun(const struct tls_stream *t); /* anything came at all */
/* Records came: go on with the handshake, or deliver what is in them.  What is left over when the
 * stream is paused is kept; feed nothing to go on. */
void tls_stream_feed(struct stream *s, str bytes);
bool tls_stream_has_rest(const struct tls_stream *t);
/* Append up to some 64 KiB of `plain` as records to s->wire; how much was taken. */
size_t tls_stream_seal(struct stream *s, str plain);
void tls_stream_goodbye(struct stream *s); /* close_notify to s->wire */

#endif
