/* SPDX-License-Identifier: Apache-2.0 */
/* http_server_int.h - connection and request from inside, for http*.c only.
 *
 * A connection has one request at a time: the next head is not read before the answer is through and
 * the body used up, so answers are in order and a client that pipelines waits. */
#ifndef NET_HTTP_SERVER_INT_H
#define NET_HTTP_SERVER_INT_H

#include "codec/compress.h"
#include "codec/decompress.h"
#include "codec/ip.h"
#include "net/http_int.h"
#include "net/listen.h"
#include "net/net_int.h"

enum {
    HTTP_SPARE_REQUESTS = 64,
    HTTP_KEEP_ROOM = 8 * 1024,          /* of a buffer in a spare request */
    HTTP_ARENA_MAX = 16 * 1024 * 1024,  /* of one request */
    HTTP_UNREAD_MAX = 32 * 1024,        /* of answers, past which no further request is read */
    HTTP_DISCARD_MAX = 1024 * 1024,     /* of a body nobody wants, to keep the connection */
    HTTP_DECODE_SIZE = 64 * 1024,       /* decoded at a time */
    HTTP_ZSTD_WINDOW = 8 * 1024 * 1024, /* RFC 9659 */
    HTTP_COMPRESS_MIN = 1024,           /* smaller answers are not worth it */
    HTTP_RATE_MS = 10000                /* over which body_rate is measured */
};

struct http_server {
    struct loop *loop;
    struct listener *listener; /* NULL once it is gone */
    struct http_limits limits;
    struct http_handler handler;
    struct http_request *spare; /* owned; by `next` */
    size_t spares;
    unsigned refs;             /* the listener and every request */
    struct compress *compress; /* owned; made when first needed */
    struct sbuf packed;        /* what it made last */
    char *decoded;             /* owned; HTTP_DECODE_SIZE */
    bool closing;
    void (*done)(void *arg);
    void *done_arg;
};

enum http_phase { HTTP_IDLE, HTTP_IN_HEAD, HTTP_IN_BODY, HTTP_IN_ANSWER };

struct http_conn {
    struct stream *s;
    struct http_server *server;
    struct http_request *r; /* a reference; NULL between requests */
    struct http_reader reader;
    uint64_t deadline_ms, rate_at_ms, rate_bytes, started_ns;
    uint32_t requests;
    uint8_t phase;
    bool busy;    /* inside process() */
    bool last;    /* close after this answer */
    bool ended;   /* the client sends no more */
    bool clogged; /* too much waits to be sent to read on */
};

enum http_wish { HTTP_DISCARD, HTTP_TAKE, HTTP_STREAM };

struct http_request {
    struct http_conn *conn; /* NULL: gone, answered or detached */
    struct http_server *server;
    struct http_request *next; /* while spare */
    unsigned refs;
    struct sbuf bytes; /* the head's; owned */
    struct http_head head;
    struct sbuf extra; /* header lines of http_set */
    struct sbuf body;  /* taken whole */
    struct arena arena;
    void *user;
    void (*gone)(void *user);
    void (*drained)(struct http_request *r);
    void (*ready)(struct http_request *r, str body);
    struct http_stream stream;
    struct decompress *decompress; /* owned; NULL: the body is plain */
    struct sbuf held;              /* encoded bytes, while paused */
    uint64_t body_bytes, started_ns;
    struct http_refusal no; /* to be answered when begin has returned; status 0: none */
    uint8_t wish, address_n;
    char address[IP_TEXT_MAX];
    bool tls, in_begin, body_whole, body_over, paused, begun, answered, chunked, left, holding,
        bodiless;
    bool encoded; /* the handler set Content-Encoding */
};

/* Does nobody care for (the rest of) the body? */
static inline bool http_unwanted(const struct http_request *r)
{
    return r->wish == HTTP_DISCARD || r->answered || (r->begun && r->wish == HTTP_TAKE);
}

/* ---- http_conn.c ---- */

/* For the listener; `arg` is the server. */
bool http_accept(void *arg, struct stream *stream);
void http_tell_refused(struct http_server *s, str address, int code, const char *why,
                       const char *id);
/* Answer or body moved on: go to the next request when both are through. */
void http_moved(struct http_conn *c);
/* Answer the problem, tell whom it concerns, close. */
void http_refuse_now(struct http_conn *c, int code, const char *why);

/* ---- http.c ---- */

void http_server_unref(struct http_server *s);

/* ---- http_request.c ---- */

struct http_request *http_request_take(struct http_server *s);
void http_request_free(struct http_request *r);
/* The connection is through with its request; `tell` the handler if it is not. */
void http_leave(struct http_conn *c, bool tell);

/* ---- http_body.c ---- */

/* Some of the body as it came; false: refused, *no. */
bool http_body_piece(struct http_request *r, str piece, struct http_refusal *no);
bool http_body_end(struct http_request *r, struct http_refusal *no);
/* What was held back while paused. */
bool http_body_go_on(struct http_request *r, struct http_refusal *no);
void http_body_clear(struct http_request *r);

/* ---- http_answer.c ---- */

void http_answer_problem(struct http_conn *c, int code, const char *why, const char *id);
void http_answer_drained(struct http_request *r);
const char *http_reason(int code);

#endif
