/* SPDX-License-Identifier: Apache-2.0 */
/* However bytes are cut into pieces, the same requests, bodies and refusal are read from them; and what is
 * read as one request is one request with the same body to llhttp. */
#define HTTP_GET     LLHTTP_GET
#define HTTP_HEAD    LLHTTP_HEAD
#define HTTP_POST    LLHTTP_POST
#define HTTP_PUT     LLHTTP_PUT
#define HTTP_PATCH   LLHTTP_PATCH
#define HTTP_DELETE  LLHTTP_DELETE
#define HTTP_OPTIONS LLHTTP_OPTIONS
#include <llhttp.h>
#undef HTTP_GET
#undef HTTP_HEAD
#undef HTTP_POST
#undef HTTP_PUT
#undef HTTP_PATCH
#undef HTTP_DELETE
#undef HTTP_OPTIONS

#include "net/http_reader.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct http_limits limits = {.head_bytes = 512, .headers = 8};

static void write_head(struct sbuf *to, const struct http_head *h)
{
    sbuf_addf(to, "\n[%d %u " STR_FMT " " STR_FMT " " STR_FMT " %d %llu %d %d", (int)h->method,
              h->minor, STR_ARG(h->path), STR_ARG(h->query), STR_ARG(h->host), (int)h->body,
              (unsigned long long)h->length, h->keep_alive, h->expects_continue);
    for (size_t i = 0; i < h->count; i++) {
        sbuf_addc(to, ' ');
        sbuf_add(to, h->header[i].name);
        sbuf_addc(to, '=');
        sbuf_add(to, h->header[i].value);
    }
    sbuf_addc(to, ']');
}

/* ---- llhttp's opinion ---- */

struct opinion {
    struct sbuf body;
    bool whole;
};

static int on_body(llhttp_t *parser, const char *at, size_t n)
{
    struct opinion *o = parser->data;
    sbuf_add(&o->body, (str){at, n});
    return 0;
}

static int on_whole(llhttp_t *parser)
{
    struct opinion *o = parser->data;
    assert(!o->whole);
    o->whole = true;
    return HPE_PAUSED;
}

static void check_with_llhttp(str request, str body)
{
    llhttp_settings_t settings = {.on_body = on_body, .on_message_complete = on_whole};
    struct opinion o = {0};
    sbuf_init(&o.body, request.n);
    llhttp_t parser;
    llhttp_init(&parser, HTTP_REQUEST, &settings);
    parser.data = &o;
    llhttp_errno_t rc = llhttp_execute(&parser, request.p, request.n);
    /* One that asks for an upgrade ends where its head does, for llhttp. */
    if (rc != HPE_PAUSED_UPGRADE && !parser.upgrade) {
        assert(rc == HPE_PAUSED && o.whole && str_eq(sbuf_str(&o.body), body));
        assert(llhttp_get_error_pos(&parser) >= request.p + request.n - 1);
    }
    sbuf_done(&o.body);
}

/* ---- ours ---- */

/* Read on until more is needed; false: nothing more can be read. */
static bool read_some(struct http_reader *r, str *in, struct sbuf *to, const char **begin,
                      struct sbuf *body)
{
    struct http_refusal no = {0};
    for (;;) {
        str piece = {0};
        switch (http_reader_next(r, in, &piece, &no)) {
        case HTTP_MORE:
            assert(in->n == 0);
            return true;
        case HTTP_HEAD_READ:
            write_head(to, &r->head);
            break;
        case HTTP_PIECE:
            assert(piece.n);
            sbuf_add(to, piece);
            sbuf_add(body, piece);
            break;
        case HTTP_END:
            sbuf_addc(to, '.');
            if (*begin)
                check_with_llhttp((str){*begin, (size_t)(in->p - *begin)}, sbuf_str(body));
            *begin = *begin ? in->p : NULL;
            sbuf_clear(body);
            break;
        default:
            sbuf_addf(to, "\n%d %s", no.status, no.why);
            return false;
        }
    }
}

/* What is read when pieces have the lengths that `cuts` says, over and over; none: one piece. */
static void read_cut(str in, str cuts, struct sbuf *to)
{
    struct http_reader r;
    struct sbuf body;
    http_reader_init(&r, &limits);
    sbuf_init(&body, SIZE_MAX / 2);
    bool more = true;
    const char *begin = cuts.n ? NULL : in.p;
    for (size_t i = 0; more && in.n; i++) {
        size_t n = cuts.n ? (unsigned char)cuts.p[i % cuts.n] % 32u + 1 : in.n;
        str piece = str_head(in, n);
        in = str_from(in, piece.n);
        more = read_some(&r, &piece, to, &begin, &body);
    }
    sbuf_done(&body);
    http_reader_done(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    str in = {(const char *)data, size};
    struct sbuf whole, cut, bytes;
    sbuf_init(&whole, SIZE_MAX / 2);
    sbuf_init(&cut, SIZE_MAX / 2);
    sbuf_init(&bytes, SIZE_MAX / 2);
    read_cut(in, (str){0}, &whole);
    read_cut(in, in, &cut);
    read_cut(in, (str){"", 1}, &bytes);
    assert(str_eq(sbuf_str(&whole), sbuf_str(&cut)));
    assert(str_eq(sbuf_str(&whole), sbuf_str(&bytes)));
    sbuf_done(&whole);
    sbuf_done(&cut);
    sbuf_done(&bytes);
    return 0;
}
