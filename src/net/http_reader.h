/* SPDX-License-Identifier: Apache-2.0 */
/* http_reader.h - requests out of bytes, and what is refused; for net/ and its fuzz target.
 *
 * The bytes may come in any pieces: what is read of them is the same.  A line of the head is looked at when it is
 * whole (no bare CR or LF, no control characters, no folding), the whole head by llhttp, then what llhttp leaves
 * to us: lengths, codings, Host, the target.  Chunks are decoded here, as llhttp takes more than is good (any number
 * of zeros, extensions, trailers without end); the fuzz target holds that llhttp agrees.
 *
 * One thread at a time. */
#ifndef NET_HTTP_READER_H
#define NET_HTTP_READER_H

#include "base/sbuf.h"
#include "net/http.h"

enum http_body { HTTP_BODY_NONE, HTTP_BODY_LENGTH, HTTP_BODY_CHUNKED };

struct http_head {
    enum http_method method;
    unsigned minor;             /* of HTTP/1.minor: 0 or 1 */
    str path, query;            /* in the reader's `bytes`, like all of these */
    str host;                   /* of the target when it has one, else of Host */
    struct http_header *header; /* owned; count of them */
    size_t count, room;
    enum http_body body;
    uint64_t length;
    bool keep_alive, expects_continue;
};
void http_head_done(struct http_head *h); /* safe when zeroed */

/* Why not: what is answered, in words that name no input. */
struct http_refusal {
    int status;
    const char *why;
};

struct http_chunks {
    uint8_t state, digits;
    bool named; /* the trailer's name has ended */
    uint8_t name_n;
    char name[20]; /* its beginning, in lower case */
    uint32_t trailer;
    uint64_t left;
};

enum http_step {
    HTTP_MORE,      /* all of `in` was taken and more is needed */
    HTTP_HEAD_READ, /* r->head is whole */
    HTTP_PIECE,     /* some of the body */
    HTTP_END,       /* the request is whole; the next step begins another */
    HTTP_REFUSED    /* nothing more can be read */
};

struct http_reader {
    const struct http_limits *limits; /* borrowed */
    struct sbuf bytes;     /* the head's, as far as they came; owned, may be taken with r->head */
    struct http_head head; /* owned, may be taken */
    size_t line, lines;    /* where the line begins that is not whole; lines before it */
    uint8_t state;
    bool blank; /* an empty line before the head was let pass */
    uint64_t left;
    struct http_chunks chunks;
};

void http_reader_init(struct http_reader *r, const struct http_limits *limits);
void http_reader_done(struct http_reader *r);
/* Something of a request is there, but not its head. */
bool http_reader_in_head(const struct http_reader *r);

/* Take from the front of *in up to the next thing of note.  `piece` is a part of *in. */
enum http_step http_reader_next(struct http_reader *r, str *in, str *piece,
                                struct http_refusal *no);

#endif
