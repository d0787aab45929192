/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 9112, 7.1, without chunk extensions, which nobody sends but to confuse.  Trailer fields are read,
 * checked for their form and thrown away (7.1.2). */
#include "net/http_int.h"

#include "codec/hex.h"

enum { DIGITS_MAX = 15, TRAILER_MAX = 8 * 1024 };

enum {
    SIZE,
    SIZE_LF,
    DATA,
    DATA_CR,
    DATA_LF,
    LINE,    /* at the beginning of a trailer line, or of the end */
    TRAILER, /* in one */
    TRAILER_LF,
    LAST_LF
};

void http_chunks_init(struct http_chunks *c)
{
    *c = (struct http_chunks){.state = SIZE};
}

static bool size_byte(struct http_chunks *c, char b, struct http_refusal *no)
{
    int digit = hex_digit(b);
    if (digit >= 0) {
        c->left = c->left << 4 | (unsigned)digit;
        return ++c->digits <= DIGITS_MAX || http_refuse(no, 400, "a chunk size is too long");
    }
    if (b == ';')
        return http_refuse(no, 400, "chunk extensions are not taken");
    if (b != '\r' || c->digits == 0)
        return http_refuse(no, 400, "a chunk size is malformed");
    c->state = SIZE_LF;
    return true;
}

/* A field that says where a message ends, or for whom it is, comes too late here (RFC 9110, 6.5.1). */
static bool is_too_late(str name)
{
    static const char *const names[] = {"content-length",  "transfer-encoding", "host",
                                        "connection",      "upgrade",           "trailer",
                                        "proxy-connection"};
    for (size_t i = 0; i < COUNT(names); i++)
        if (str_eq(name, str_z(names[i])))
            return true;
    return false;
}

static bool end_name(struct http_chunks *c, struct http_refusal *no)
{
    str name = {c->name, c->name_n};
    c->named = true;
    c->name_n = 0;
    return !is_too_late(name) || http_refuse(no, 400, "the trailer has what belongs into the head");
}

static bool trailer_byte(struct http_chunks *c, char b, struct http_refusal *no)
{
    if (++c->trailer > TRAILER_MAX)
        return http_refuse(no, 431, "the trailer is too long");
    if (b == '\r' && c->named) {
        c->state = TRAILER_LF;
        return true;
    }
    if (!c->named && b == ':' && c->state == TRAILER)
        return end_name(c, no);
    if (c->named ? ((unsigned char)b < ' ' && b != '\t') || b == 0x7f
                 : !http_is_token((str){&b, 1}))
        return http_refuse(no, 400, "the trailer is malformed");
    if (!c->named && c->name_n < sizeof c->name)
        c->name[c->name_n++] = ascii_lower(b);
    c->state = TRAILER;
    return true;
}

static bool expect(struct http_chunks *c, char b, char wanted, uint8_t next,
                   struct http_refusal *no)
{
    c->state = next;
    return b == wanted || http_refuse(no, 400, "a chunk does not end in CR LF");
}

/* Anything but data. */
static bool byte(struct http_chunks *c, char b, struct http_refusal *no)
{
    switch (c->state) {
    case SIZE:
        return size_byte(c, b, no);
    case SIZE_LF:
        return expect(c, b, '\n', c->left ? DATA : LINE, no);
    case DATA_CR:
        return expect(c, b, '\r', DATA_LF, no);
    case DATA_LF:
        c->digits = 0;
        return expect(c, b, '\n', SIZE, no);
    case LINE:
        if (b == '\r')
            return expect(c, b, '\r', LAST_LF, no);
        return trailer_byte(c, b, no);
    case TRAILER:
        return trailer_byte(c, b, no);
    case TRAILER_LF:
        c->named = false;
        return expect(c, b, '\n', LINE, no);
    default:
        return expect(c, b, '\n', SIZE, no);
    }
}

enum http_step http_chunks_next(struct http_chunks *c, str *in, str *piece, struct http_refusal *no)
{
    while (in->n) {
        if (c->state == DATA) {
            *piece = str_head(*in, c->left);
            *in = str_from(*in, piece->n);
            c->left -= piece->n;
            if (c->left == 0)
                c->state = DATA_CR;
            return HTTP_PIECE;
        }
        bool last = c->state == LAST_LF;
        char b = in->p[0];
        *in = str_from(*in, 1);
        if (!byte(c, b, no))
            return HTTP_REFUSED;
        if (last)
            return HTTP_END;
    }
    return HTTP_MORE;
}
