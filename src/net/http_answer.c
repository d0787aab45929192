/* SPDX-License-Identifier: Apache-2.0 */
/* Answers: written straight into what the stream is about to send, so that pipelined ones leave together. */
#include "net/http_server_int.h"

#include "base/metric.h"

#include <assert.h>

enum { COMPRESS_LEVEL = 5 };

const char *http_reason(int code)
{
    static const struct {
        int code;
        const char *reason;
    } reasons[] = {
#define X(code, reason) {code, reason},
#include "net/http_reason.def"
    };
    for (size_t i = 0; i < COUNT(reasons); i++)
        if (reasons[i].code == code)
            return reasons[i].reason;
    return "Status";
}

/* ---- the head ---- */

static void add_decimal(struct sbuf *out, size_t n)
{
    char digits[20];
    size_t i = sizeof digits;
    do {
        digits[--i] = (char)('0' + n % 10);
        n /= 10;
    } while (n);
    sbuf_add(out, (str){digits + i, sizeof digits - i});
}

static void add_first_lines(struct sbuf *out, struct loop *loop, int code)
{
    if (code == 200) {
        sbuf_add(out, STR("HTTP/1.1 200 OK\r\nDate: "));
    } else {
        sbuf_add(out, STR("HTTP/1.1 "));
        add_decimal(out, (size_t)code);
        sbuf_addc(out, ' ');
        sbuf_addz(out, http_reason(code));
        sbuf_add(out, STR("\r\nDate: "));
    }
    sbuf_add(out, loop_http_date(loop));
    sbuf_add(out, STR("\r\n"));
}

static void add_connection(struct sbuf *out, const struct http_conn *c,
                           const struct http_request *r)
{
    if (c->last || c->ended || c->server->closing)
        sbuf_add(out, STR("Connection: close\r\n"));
    else if (r->head.minor == 0)
        sbuf_add(out, STR("Connection: keep-alive\r\n"));
}

static void add_type(struct sbuf *out, const char *content_type)
{
    if (!content_type)
        return;
    sbuf_add(out, STR("Content-Type: "));
    sbuf_addz(out, content_type);
    sbuf_add(out, STR("\r\n"));
}

static bool has_no_body(int code)
{
    return code < 200 || code == 204 || code == 304;
}

/* A value we put together from what others sent must not become another header. */
static void add_clean(struct sbuf *out, str value)
{
    char *to = sbuf_space(out, value.n);
    if (!to)
        return;
    for (size_t i = 0; i < value.n; i++) {
        unsigned char c = (unsigned char)value.p[i];
        to[i] = (c < ' ' && c != '\t') || c == 0x7f ? ' ' : value.p[i];
    }
    sbuf_grew(out, value.n);
}

void http_set(struct http_request *r, const char *name, str value)
{
    assert(http_is_token(str_z(name)));
    if (r->begun)
        return;
    r->encoded |= str_ieq(str_z(name), STR("content-encoding"));
    sbuf_addz(&r->extra, name);
    sbuf_add(&r->extra, STR(": "));
    add_clean(&r->extra, value);
    sbuf_add(&r->extra, STR("\r\n"));
    assert(!r->extra.full); /* 64 KiB of headers are our own mistake */
}

/* ---- gzip ---- */

static bool is_compressible(const char *content_type)
{
    static const char *const types[] = {
        "text/",           "application/json",     "application/problem+json",
        "image/svg+xml",   "application/x-ndjson", "application/javascript",
        "application/xml", "application/yaml",     "application/wasm",
    };
    for (size_t i = 0; i < COUNT(types); i++)
        if (content_type && str_istarts(str_z(content_type), str_z(types[i])))
            return true;
    return false;
}

/* RFC 9110, 12.5.3: "gzip", "x-gzip" or "*", its weight not zero. */
static bool accepts_gzip(const struct http_request *r)
{
    str list = http_header(r, STR("accept-encoding"));
    bool any = false;
    while (list.p) {
        str weight = str_cut(&list, ','), name = str_trim(str_cut(&weight, ';'));
        weight = str_trim(weight);
        bool zero = str_istarts(weight, STR("q=0")) && str_trim(str_from(weight, 3)).n <= 4;
        for (size_t i = 3; i < weight.n && zero; i++)
            zero = weight.p[i] == '0' || weight.p[i] == '.';
        if (str_ieq(name, STR("gzip")) || str_ieq(name, STR("x-gzip")))
            return !zero;
        any |= str_eq(name, STR("*")) && !zero;
    }
    return any;
}

/* The body as it is sent; headers that say so. */
static str pack(struct http_request *r, struct sbuf *out, int code, const char *type, str body)
{
    if (body.n <= HTTP_COMPRESS_MIN || r->encoded || code == 206 || !is_compressible(type))
        return body;
    sbuf_add(out, STR("Vary: Accept-Encoding\r\n"));
    if (!accepts_gzip(r))
        return body;
    struct http_server *s = r->server;
    if (!s->compress)
        s->compress = compress_new(COMPRESS_LEVEL);
    if (s->packed.cap == 0)
        sbuf_init(&s->packed, SIZE_MAX / 2);
    sbuf_clear(&s->packed);
    if (!compress_gzip(s->compress, body, &s->packed) || s->packed.n >= body.n)
        return body;
    sbuf_add(out, STR("Content-Encoding: gzip\r\n"));
    return sbuf_str(&s->packed);
}

/* ---- answers ---- */

/* A body that is not all here: is it worth reading to the end? */
static void judge_rest(struct http_conn *c, const struct http_request *r)
{
    if (!r->body_over && r->head.body != HTTP_BODY_NONE &&
        (r->head.length > HTTP_DISCARD_MAX ||
         (r->head.expects_continue && r->body_bytes == 0 &&
          (r->head.length || r->head.body == HTTP_BODY_CHUNKED))))
        c->last = true;
}

void http_respond(struct http_request *r, int code, const char *content_type, str body)
{
    struct http_conn *c = r->conn;
    struct sbuf *out = c && !r->begun ? stream_out(c->s) : NULL;
    if (!out)
        return;
    judge_rest(c, r);
    r->begun = r->answered = true;
    size_t before = out->n;
    bool empty = has_no_body(code);
    add_first_lines(out, r->server->loop, code);
    if (!empty) {
        add_type(out, content_type);
        body = pack(r, out, code, content_type, body);
        sbuf_add(out, STR("Content-Length: "));
        add_decimal(out, body.n);
        sbuf_add(out, STR("\r\n"));
    }
    sbuf_add(out, sbuf_str(&r->extra));
    add_connection(out, c, r);
    sbuf_add(out, STR("\r\n"));
    if (!empty && r->head.method != HTTP_HEAD)
        sbuf_add(out, body);
    metric_add(METRIC_HTTP_BYTES_OUT, out->n - before);
    if (r->server->packed.room > HTTP_KEEP_ROOM * 16)
        sbuf_done(&r->server->packed);
    http_moved(c);
}

void http_begin_answer(struct http_request *r, int code, const char *content_type)
{
    struct http_conn *c = r->conn;
    struct sbuf *out = c && !r->begun ? stream_out(c->s) : NULL;
    if (!out)
        return;
    if (r->wish != HTTP_STREAM)
        judge_rest(c, r);
    r->begun = true;
    r->chunked = r->head.minor == 1 && !has_no_body(code);
    c->last |= r->head.minor == 0; /* its end is the connection's */
    add_first_lines(out, r->server->loop, code);
    add_type(out, content_type);
    if (r->chunked)
        sbuf_add(out, STR("Transfer-Encoding: chunked\r\n"));
    sbuf_add(out, sbuf_str(&r->extra));
    add_connection(out, c, r);
    sbuf_add(out, STR("\r\n"));
    r->bodiless = r->head.method == HTTP_HEAD || has_no_body(code);
}

status http_write(struct http_request *r, str piece)
{
    if (!r->conn || r->answered || stream_is_closing(r->conn->s))
        return ST_UNAVAILABLE;
    assert(r->begun);
    if (r->bodiless || piece.n == 0)
        return ST_OK;
    if (!r->chunked)
        return stream_write(r->conn->s, piece);
    /* Said for the whole chunk, so that it is taken or refused as one. */
    size_t queued = stream_queued(r->conn->s), most = stream_write_buffer(r->conn->s);
    if (queued && (queued >= most || piece.n > most - queued)) {
        stream_want_drained(r->conn->s, stream_write_buffer(r->conn->s) / 2);
        return ST_LIMIT;
    }
    struct sbuf *out = stream_out(r->conn->s);
    sbuf_addf(out, "%zx\r\n", piece.n);
    sbuf_add(out, piece);
    sbuf_add(out, STR("\r\n"));
    metric_add(METRIC_HTTP_BYTES_OUT, piece.n);
    return ST_OK;
}

void http_on_drain(struct http_request *r, void (*drained)(struct http_request *r))
{
    r->drained = drained;
}

void http_answer_drained(struct http_request *r)
{
    if (r->drained && !r->answered)
        r->drained(r);
}

void http_end_answer(struct http_request *r)
{
    struct http_conn *c = r->conn;
    struct sbuf *out = c && r->begun && !r->answered ? stream_out(c->s) : NULL;
    if (!out)
        return;
    r->answered = true;
    if (r->chunked && !r->bodiless)
        sbuf_add(out, STR("0\r\n\r\n"));
    http_moved(c);
}

void http_answer_problem(struct http_conn *c, int code, const char *why, const char *id)
{
    struct sbuf *out = stream_out(c->s);
    if (!out)
        return;
    char body[320];
    int n =
        snprintf(body, sizeof body,
                 "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%d,\"code\":\"refused\","
                 "\"detail\":\"%s\",\"request_id\":\"%s\"}",
                 http_reason(code), code, why, id);
    assert(n > 0 && n < (int)sizeof body); /* our own words, without quotes */
    add_first_lines(out, c->server->loop, code);
    sbuf_addf(out,
              "Content-Type: application/problem+json\r\nContent-Length: %d\r\n"
              "X-Request-Id: %s\r\nConnection: close\r\n\r\n",
              n, id);
    bool head_only = c->r && c->r->head.method == HTTP_HEAD;
    if (!head_only)
        sbuf_add(out, (str){body, (size_t)n});
}
