/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http_int.h"

#include "base/mem.h"

enum { HEAD, LENGTH, CHUNKED, STUCK };

void http_head_done(struct http_head *h)
{
    mem_free(h->header);
    *h = (struct http_head){0};
}

void http_reader_init(struct http_reader *r, const struct http_limits *limits)
{
    *r = (struct http_reader){.limits = limits};
}

void http_reader_done(struct http_reader *r)
{
    sbuf_done(&r->bytes);
    http_head_done(&r->head);
}

bool http_reader_in_head(const struct http_reader *r)
{
    return r->state == HEAD && r->bytes.n > 0;
}

static enum http_step stuck(struct http_reader *r)
{
    r->state = STUCK;
    return HTTP_REFUSED;
}

static void next_request(struct http_reader *r)
{
    r->state = HEAD;
    sbuf_clear(&r->bytes);
    r->line = r->lines = 0;
    r->blank = false;
}

static enum http_step head_is_whole(struct http_reader *r, struct http_refusal *no)
{
    if (!http_head_parse(r, no))
        return stuck(r);
    r->state = r->head.body == HTTP_BODY_CHUNKED ? CHUNKED : LENGTH;
    r->left = r->head.length;
    http_chunks_init(&r->chunks);
    return HTTP_HEAD_READ;
}

/* A line was completed: *done when it was the empty one that ends the head. */
static bool end_line(struct http_reader *r, bool *done, struct http_refusal *no)
{
    str line = str_from(sbuf_str(&r->bytes), r->line);
    if (line.n < 2 || line.p[line.n - 2] != '\r')
        return http_refuse(no, 400, "a line ends without CR");
    line.n -= 2;
    if (line.n == 0 && r->lines == 0) {
        /* Some clients send an empty line after a body (RFC 9112, 2.2). */
        if (r->blank)
            return http_refuse(no, 400, "there is no request line");
        r->blank = true;
        sbuf_clear(&r->bytes);
        return true;
    }
    *done = line.n == 0;
    if (!*done && !http_line_check(line, r->lines == 0, no))
        return false;
    if (!*done && r->lines > r->limits->headers)
        return http_refuse(no, 431, "there are too many header fields");
    r->line = r->bytes.n;
    r->lines++;
    return true;
}

static enum http_step read_head(struct http_reader *r, str *in, struct http_refusal *no)
{
    if (r->bytes.cap == 0)
        sbuf_init(&r->bytes, SIZE_MAX / 2);
    for (bool done = false; in->n;) {
        /* What begins with no letter is no HTTP: TLS on the wrong port, say. */
        if (r->bytes.n == 0 && in->p[0] != '\r' && in->p[0] != '\n' &&
            !http_is_token(str_head(*in, 1))) {
            http_refuse(no, 400, "this is not HTTP");
            return stuck(r);
        }
        size_t left = r->limits->head_bytes - r->bytes.n;
        const char *lf = memchr(in->p, '\n', in->n < left ? in->n : left);
        if (!lf && in->n >= left) {
            http_refuse(no, r->lines ? 431 : 414,
                        r->lines ? "the head is too long" : "the request line is too long");
            return stuck(r);
        }
        str line = lf ? str_head(*in, (size_t)(lf - in->p) + 1) : *in;
        sbuf_add(&r->bytes, line);
        *in = str_from(*in, line.n);
        if (lf && !end_line(r, &done, no))
            return stuck(r);
        if (done)
            return head_is_whole(r, no);
    }
    return HTTP_MORE;
}

static enum http_step read_length(struct http_reader *r, str *in, str *piece)
{
    if (r->left == 0) {
        next_request(r);
        return HTTP_END;
    }
    if (in->n == 0)
        return HTTP_MORE;
    *piece = str_head(*in, r->left);
    *in = str_from(*in, piece->n);
    r->left -= piece->n;
    return HTTP_PIECE;
}

enum http_step http_reader_next(struct http_reader *r, str *in, str *piece, struct http_refusal *no)
{
    enum http_step step = HTTP_REFUSED;
    switch (r->state) {
    case HEAD:
        return read_head(r, in, no);
    case LENGTH:
        return read_length(r, in, piece);
    case CHUNKED:
        step = http_chunks_next(&r->chunks, in, piece, no);
        if (step == HTTP_END)
            next_request(r);
        return step == HTTP_REFUSED ? stuck(r) : step;
    default:
        http_refuse(no, 400, "nothing can follow what was refused");
        return HTTP_REFUSED;
    }
}
