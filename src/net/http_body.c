/* SPDX-License-Identifier: Apache-2.0 */
/* A body on its way to the handler: Content-Encoding undone a block at a time, gathered or handed on, and held
 * back while the handler is paused. */
#include "net/http_server_int.h"

#include "base/mem.h"

#include <assert.h>

void http_body_clear(struct http_request *r)
{
    decompress_close(r->decompress);
    r->decompress = NULL;
    sbuf_done(&r->body);
    sbuf_done(&r->held);
}

/* ---- what is wished for ---- */

static bool coding_of(str name, enum decompress_kind *out)
{
    static const struct {
        str name;
        enum decompress_kind kind;
    } codings[] = {
        {{"gzip", 4}, DECOMPRESS_GZIP},
        {{"x-gzip", 6}, DECOMPRESS_GZIP}, /* RFC 9110, 8.4.1.3 */
        {{"deflate", 7}, DECOMPRESS_ZLIB},
        {{"zstd", 4}, DECOMPRESS_ZSTD},
    };
    for (size_t i = 0; i < COUNT(codings); i++) {
        if (str_ieq(name, codings[i].name)) {
            *out = codings[i].kind;
            return true;
        }
    }
    return false;
}

static void open_decoder(struct http_request *r)
{
    enum decompress_kind kind;
    str coding = {0};
    for (size_t i = 0; i < r->head.count; i++) {
        if (!str_eq(r->head.header[i].name, STR("content-encoding")))
            continue;
        if (coding.n) {
            r->no = (struct http_refusal){415, "a body is compressed once at most"};
            return;
        }
        coding = r->head.header[i].value;
    }
    if (coding.n == 0 || str_ieq(coding, STR("identity")))
        return;
    if (coding_of(coding, &kind))
        r->decompress = decompress_open_within(kind, HTTP_ZSTD_WINDOW);
    else
        r->no = (struct http_refusal){415, "the content coding is not known here"};
}

void http_take_body(struct http_request *r, size_t max_bytes,
                    void (*ready)(struct http_request *r, str body))
{
    assert(r->in_begin && r->wish == HTTP_DISCARD);
    r->wish = HTTP_TAKE;
    r->ready = ready;
    sbuf_init(&r->body, max_bytes);
    open_decoder(r);
    if (!r->no.status && !r->decompress && r->head.length > max_bytes)
        r->no = (struct http_refusal){413, "the body is too long"};
}

void http_stream_body(struct http_request *r, const struct http_stream *s)
{
    assert(r->in_begin && r->wish == HTTP_DISCARD);
    r->wish = HTTP_STREAM;
    r->stream = *s;
    open_decoder(r);
}

/* ---- pieces ---- */

/* Decoded bytes to where they are wanted. */
static bool hand_on(struct http_request *r, str bytes, struct http_refusal *no)
{
    if (bytes.n == 0 || http_unwanted(r))
        return true;
    if (r->wish == HTTP_STREAM) {
        r->stream.piece(r, bytes);
        return true;
    }
    if (r->body.room == 0 && r->head.body == HTTP_BODY_LENGTH && !r->decompress)
        sbuf_space(&r->body, r->head.length); /* at most max_bytes */
    sbuf_add(&r->body, bytes);
    return !r->body.full || http_refuse(no, 413, "the body is too long");
}

/* Nobody wants it. */
static bool discard(struct http_request *r, struct http_refusal *no)
{
    if (r->body_bytes <= HTTP_DISCARD_MAX)
        return true;
    if (r->conn)
        r->conn->last = true;
    return r->begun || http_refuse(no, 413, "the body is too long");
}

static char *decode_buffer(struct http_server *s)
{
    if (!s->decoded)
        s->decoded = mem_aligned(64, HTTP_DECODE_SIZE);
    return s->decoded;
}

static bool undo(struct http_request *r, str in, bool last, struct http_refusal *no)
{
    char *out = decode_buffer(r->server);
    for (;;) {
        size_t n = 0;
        status st = decompress_run(r->decompress, &in, last, out, HTTP_DECODE_SIZE, &n, NULL);
        if (st != ST_OK)
            return http_refuse(no, 400, "the body does not decompress");
        if (!hand_on(r, (str){out, n}, no))
            return false;
        if (!r->conn || http_unwanted(r) || (in.n == 0 && n < HTTP_DECODE_SIZE))
            return true;
        if (r->paused) {
            sbuf_init(&r->held, SIZE_MAX / 2);
            sbuf_add(&r->held, in);
            r->holding = true;
            return true;
        }
    }
}

bool http_body_piece(struct http_request *r, str piece, struct http_refusal *no)
{
    r->body_bytes += piece.n;
    if (http_unwanted(r))
        return discard(r, no);
    return r->decompress ? undo(r, piece, false, no) : hand_on(r, piece, no);
}

bool http_body_end(struct http_request *r, struct http_refusal *no)
{
    if (r->decompress && !http_unwanted(r) && r->body_bytes && !undo(r, STR(""), true, no))
        return false;
    if (r->paused)
        return true; /* http_body_go_on comes here again */
    r->body_over = true;
    if (http_unwanted(r) || !r->conn)
        return true;
    if (r->wish == HTTP_TAKE)
        r->ready(r, sbuf_str(&r->body));
    else if (r->wish == HTTP_STREAM && r->stream.end)
        r->stream.end(r);
    return true;
}

/* ---- back-pressure ---- */

void http_pause(struct http_request *r)
{
    if (!r->conn || r->body_over || r->paused)
        return;
    r->paused = true;
    if (!r->conn->busy)
        stream_pause(r->conn->s);
}

void http_resume(struct http_request *r)
{
    if (!r->conn || !r->paused)
        return;
    r->paused = false;
    if (!r->conn->busy) {
        stream_resume(r->conn->s);
        stream_later(r->conn->s);
    }
}

bool http_body_go_on(struct http_request *r, struct http_refusal *no)
{
    if (r->holding) {
        struct sbuf held = r->held;
        r->held = (struct sbuf){0};
        r->holding = false;
        bool fine = undo(r, sbuf_str(&held), false, no);
        sbuf_done(&held);
        if (!fine)
            return false;
    }
    return r->paused || !r->body_whole || http_body_end(r, no);
}
