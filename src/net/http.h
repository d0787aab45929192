/* SPDX-License-Identifier: Apache-2.0 */
/* http.h - an HTTP/1.1 server (RFC 9110, 9112), over TCP or TLS.
 *
 * A server lives on one loop; several servers, one a loop, listen on the same address
 * (SO_REUSEPORT).  For each request whose head is complete the handler's `begin` decides what becomes of
 * the body (http_take_body / http_stream_body / neither: it is read and thrown away, up to a limit)
 * or answers at once.  A request answers once, now or later, on the loop's thread.
 *
 * Refused before a handler sees them, with the connection closed: both Content-Length and
 * Transfer-Encoding, several or odd lengths, bare LF, obs-fold, a chunk extension, a
 * missing or second Host, control characters in a header, a head past its limits; RFC 9112 sections
 * 2.2, 5.2, 6.1, 6.3, 7.1.  Limits on time: head, body progress, idle, write.
 *
 * One thread at a time: the loop's. */
#ifndef NET_HTTP_H
#define NET_HTTP_H

#include "base/arena.h"
#include "base/status.h"
#include "base/str.h"
#include "net/crowd.h"
#include "net/loop.h"
#include "net/tls.h"

#include <stdbool.h>
#include <stdint.h>

enum http_method {
    HTTP_GET,
    HTTP_HEAD,
    HTTP_POST,
    HTTP_PUT,
    HTTP_PATCH,
    HTTP_DELETE,
    HTTP_OPTIONS,
    HTTP_METHOD_COUNT
};
const char *http_method_name(enum http_method m);

struct http_header {
    str name, value; /* name in lower case */
};

struct http_limits {
    size_t head_bytes;    /* request line and headers; 16 KiB */
    size_t headers;       /* 100 */
    size_t body_bytes;    /* of a body taken whole; 1 MiB (handlers may say otherwise) */
    uint32_t head_ms;     /* first byte to end of head; 10 s */
    uint32_t body_ms;     /* longest wait for the next piece of a body; 20 s */
    uint32_t body_rate;   /* fewest bytes a second of a body, over 10 s or half of body_ms; 512;
                                   * 0: any */
    uint32_t idle_ms;     /* between requests; 60 s */
    uint32_t write_ms;    /* a client that reads (next to) nothing for so long is dropped; 30 s */
    uint32_t requests;    /* on one connection; 100,000 */
    uint32_t connections; /* of one server, or of all that have the same crowd; 20,000 */
    uint32_t connections_address; /* of one address (an IPv6 /64 counts as one); 1,024 */
    size_t write_buffer; /* bytes queued for one client before http_write answers ST_LIMIT; 4 MiB */
};
extern const struct http_limits http_limits_default;

struct http_request; /* opaque; lives from begin until answered and unreferenced */

struct http_handler {
    /* The head is here.  Required. */
    void (*begin)(void *arg, struct http_request *r);
    /* A connection was accepted from `address`; false: close it at once.  Optional. */
    bool (*accept)(void *arg, str address);
    /* The server itself refused what `address` sent; status is what it was answered, with `id` as
     * X-Request-Id; 0 and "" when it was just closed.  Optional. */
    void (*refused)(void *arg, str address, int status, const char *why, const char *id);
    void *arg;
};

struct http_server; /* opaque */
struct http_server_options {
    const char *host;        /* numeric address; "::" and "0.0.0.0" are all */
    uint16_t port;           /* 0: the system's choice, see http_server_port */
    bool shared;             /* with another server of this process that is there already */
    int fd;                  /* a socket that listens already (socket activation), which then is the
                              * server's; -1: none */
    struct tls_context *tls; /* NULL: plain */
    struct crowd *crowd; /* counts the connections of several servers, and has the limits of their
                              * number; borrowed.  NULL: limits.connections and connections_address */
    struct http_limits limits;
    struct http_handler handler;
};
CHECKED status http_server_open(struct loop *loop, const struct http_server_options *options,
                                struct http_server **out, struct error *err);
uint16_t http_server_port(const struct http_server *s);
/* New connections get this context from now on. */
void http_server_set_tls(struct http_server *s, struct tls_context *tls);
/* Stop accepting, close idle connections, let requests under way end with Connection: close (and WebSockets with
 * 1001), at most `grace_ms`; then `done(arg)` is called and the server is gone. */
void http_server_close(struct http_server *s, uint32_t grace_ms, void (*done)(void *arg),
                       void *arg);

/* ---- reading a request ---- */

enum http_method http_method(const struct http_request *r);
str http_path(const struct http_request *r);             /* as sent, without the query */
str http_query(const struct http_request *r);            /* after '?', may be empty */
str http_header(const struct http_request *r, str name); /* lower-case name; empty when absent */
size_t http_header_count(const struct http_request *r);
struct http_header http_header_at(const struct http_request *r, size_t i);
str http_address(const struct http_request *r); /* of the peer, numeric, without port */
bool http_is_tls(const struct http_request *r);
uint64_t http_started_ns(const struct http_request *r); /* monotonic: its first byte */
struct arena *http_arena(struct http_request *r);       /* lives as long as the request; capped */
/* One pointer for the handler's own state. */
void http_set_user(struct http_request *r, void *user);
void *http_user(const struct http_request *r);

/* Keep `r` past begin, as an answer will come later.  Ref and unref on the loop's thread. */
struct http_request *http_ref(struct http_request *r);
void http_unref(struct http_request *r);
/* `gone(user)` once, should the client leave before the answer is through, or the server refuse the
 * rest of its body.  Nothing of this request is called after it. */
void http_on_gone(struct http_request *r, void (*gone)(void *user));
bool http_is_gone(const struct http_request *r);

/* From begin only: gather the body (Content-Encoding gzip, deflate, zstd undone), at most `max_bytes` of it decoded,
 * then call `ready`.  Past the limit the server answers 413 itself; undecodable 400; unknown coding 415. */
void http_take_body(struct http_request *r, size_t max_bytes,
                    void (*ready)(struct http_request *r, str body));
/* From begin only: pieces (decoded) as they come; `end` is the last call.  Between http_pause and http_resume no
 * piece comes and the socket is not read. */
struct http_stream {
    void (*piece)(struct http_request *r, str bytes);
    void (*end)(struct http_request *r);
};
void http_stream_body(struct http_request *r, const struct http_stream *s);
void http_pause(struct http_request *r);
void http_resume(struct http_request *r);

/* ---- answering ---- */

/* Before answering; `name` and `value` are copied. */
void http_set(struct http_request *r, const char *name, str value);
/* The whole answer; `body` is copied, compressed with gzip when large, of a compressible type and accepted.  On a
 * request that is gone or answered: nothing. */
void http_respond(struct http_request *r, int status, const char *content_type, str body);
/* A long answer: begin, then pieces (chunked), then end.  http_write answers ST_LIMIT when
 * the client's buffer is full (nothing was taken) and ST_UNAVAILABLE when it is gone; `drained` of http_on_drain says when to go on. */
void http_begin_answer(struct http_request *r, int status, const char *content_type);
CHECKED status http_write(struct http_request *r, str piece);
void http_on_drain(struct http_request *r, void (*drained)(struct http_request *r));
void http_end_answer(struct http_request *r);
bool http_answered(const struct http_request *r);

#endif
