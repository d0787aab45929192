/* SPDX-License-Identifier: Apache-2.0 */
/* A whole head: the request line by us, all of it by llhttp in its strict mode, then the rules of
 * RFC 9112 that decide where a request ends, and of 3.2 on what it is for. */
#include "net/http_int.h"

#include "base/mem.h"
#include "net/llhttp_head.h"

#include <assert.h>

static const char *const method_names[HTTP_METHOD_COUNT] = {
    "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS",
};

const char *http_method_name(enum http_method m)
{
    return method_names[m];
}

/* RFC 9110, 5.6.2 */
static const char token_chars[256] = {
    ['!'] = 1, ['#'] = 1, ['$'] = 1, ['%'] = 1, ['&'] = 1, ['\''] = 1, ['*'] = 1, ['+'] = 1,
    ['-'] = 1, ['.'] = 1, ['^'] = 1, ['_'] = 1, ['`'] = 1, ['|'] = 1,  ['~'] = 1, ['0'] = 1,
    ['1'] = 1, ['2'] = 1, ['3'] = 1, ['4'] = 1, ['5'] = 1, ['6'] = 1,  ['7'] = 1, ['8'] = 1,
    ['9'] = 1, ['A'] = 1, ['B'] = 1, ['C'] = 1, ['D'] = 1, ['E'] = 1,  ['F'] = 1, ['G'] = 1,
    ['H'] = 1, ['I'] = 1, ['J'] = 1, ['K'] = 1, ['L'] = 1, ['M'] = 1,  ['N'] = 1, ['O'] = 1,
    ['P'] = 1, ['Q'] = 1, ['R'] = 1, ['S'] = 1, ['T'] = 1, ['U'] = 1,  ['V'] = 1, ['W'] = 1,
    ['X'] = 1, ['Y'] = 1, ['Z'] = 1, ['a'] = 1, ['b'] = 1, ['c'] = 1,  ['d'] = 1, ['e'] = 1,
    ['f'] = 1, ['g'] = 1, ['h'] = 1, ['i'] = 1, ['j'] = 1, ['k'] = 1,  ['l'] = 1, ['m'] = 1,
    ['n'] = 1, ['o'] = 1, ['p'] = 1, ['q'] = 1, ['r'] = 1, ['s'] = 1,  ['t'] = 1, ['u'] = 1,
    ['v'] = 1, ['w'] = 1, ['x'] = 1, ['y'] = 1, ['z'] = 1,
};

bool http_is_token(str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!token_chars[(unsigned char)s.p[i]])
            return false;
    return s.n > 0;
}

bool http_line_check(str line, bool first, struct http_refusal *no)
{
    for (size_t i = 0; i < line.n; i++) {
        unsigned char c = (unsigned char)line.p[i];
        if ((c < ' ' && c != '\t') || c == 0x7f)
            return http_refuse(no, 400, "there is a control character in the head");
    }
    if (first)
        return true;
    if (line.p[0] == ' ' || line.p[0] == '\t')
        return http_refuse(no, 400, "a header field is folded");
    size_t colon = str_find(line, ':');
    if (colon == line.n || !http_is_token(str_head(line, colon)))
        return http_refuse(no, 400, "a header field has no proper name");
    return true;
}

/* ---- the request line ---- */

static bool parse_version(struct http_head *h, str v, struct http_refusal *no)
{
    if (v.n != 8 || memcmp(v.p, "HTTP/", 5) != 0 || v.p[6] != '.' || v.p[5] < '0' || v.p[5] > '9' ||
        v.p[7] < '0' || v.p[7] > '9')
        return http_refuse(no, 400, "the request line is malformed");
    h->minor = (unsigned)(v.p[7] - '0');
    if (v.p[5] != '1' || h->minor > 1)
        return http_refuse(no, 505, "only HTTP/1.1 and HTTP/1.0 are spoken here");
    return true;
}

static bool parse_method(struct http_head *h, str m, struct http_refusal *no)
{
    if (!http_is_token(m))
        return http_refuse(no, 400, "the request line is malformed");
    for (size_t i = 0; i < HTTP_METHOD_COUNT; i++) {
        if (str_eq(m, str_z(method_names[i]))) {
            h->method = (enum http_method)i;
            return true;
        }
    }
    return http_refuse(no, 501, "the method is not known here");
}

/* Scheme and authority off an absolute target, whose authority then is the host (RFC 9112, 3.2.2). */
static bool cut_authority(struct http_head *h, str *target)
{
    size_t skip = str_istarts(*target, STR("http://"))    ? 7
                  : str_istarts(*target, STR("https://")) ? 8
                                                          : 0;
    if (!skip)
        return false;
    str rest = str_from(*target, skip);
    size_t n = 0;
    while (n < rest.n && rest.p[n] != '/' && rest.p[n] != '?')
        n++;
    h->host = str_head(rest, n);
    *target = str_from(rest, n);
    return n > 0;
}

static bool parse_target(struct http_head *h, str target, struct http_refusal *no)
{
    for (size_t i = 0; i < target.n; i++)
        if (target.p[i] <= ' ' || target.p[i] == 0x7f || target.p[i] == '#')
            return http_refuse(no, 400, "the request target is malformed");
    if (h->method == HTTP_OPTIONS && str_eq(target, STR("*"))) {
        h->path = target;
        h->query = (str){target.p + 1, 0};
        return true;
    }
    if (target.n == 0 || (target.p[0] != '/' && !cut_authority(h, &target)))
        return http_refuse(no, 400, "the request target is malformed");
    size_t mark = str_find(target, '?');
    h->path = str_head(target, mark);
    h->query = str_from(target, mark + 1);
    if (h->path.n == 0)
        h->path = STR("/");
    return true;
}

static bool parse_request_line(struct http_head *h, str line, struct http_refusal *no)
{
    str method = str_cut(&line, ' '), target = str_cut(&line, ' ');
    return parse_version(h, line.p ? line : STR(""), no) && parse_method(h, method, no) &&
           parse_target(h, target, no);
}

/* ---- the fields ---- */

static void on_field(void *arg, str name)
{
    struct http_head *h = arg;
    if (h->count == h->room) {
        size_t room = h->room ? h->room * 2 : 16;
        h->header = mem_resize(h->header, size_mul(room, sizeof *h->header));
        h->room = room;
    }
    h->header[h->count++] = (struct http_header){.name = name};
}

static void on_value(void *arg, str value)
{
    struct http_head *h = arg;
    assert(h->count);
    h->header[h->count - 1].value = str_trim(value);
}

static void lower(str name)
{
    /* The bytes are the reader's own. */
    char *p = (char *)(uintptr_t)name.p;
    for (size_t i = 0; i < name.n; i++)
        p[i] = ascii_lower(p[i]);
}

/* A coding that llhttp does not take: unknown, or beside a length, which is worse. */
static bool refuse_coding(const struct http_head *h, struct http_refusal *no)
{
    unsigned codings = 0, lengths = 0;
    for (size_t i = 0; i < h->count; i++) {
        codings += str_ieq(h->header[i].name, STR("transfer-encoding"));
        lengths += str_ieq(h->header[i].name, STR("content-length"));
    }
    if (lengths || codings > 1 || h->minor == 0)
        return http_refuse(no, 400, "the length of the body is not clear");
    return http_refuse(no, 501, "the transfer coding is not known here");
}

static bool parse_fields(struct http_reader *r, struct http_refusal *no)
{
    switch (llhttp_read_head(sbuf_str(&r->bytes), on_field, on_value, &r->head)) {
    case LLHTTP_FINE:
        break;
    case LLHTTP_CODING:
        return refuse_coding(&r->head, no);
    case LLHTTP_LENGTH:
        return http_refuse(no, 400, "the length of the body is not clear");
    default:
        return http_refuse(no, 400, "the head is malformed");
    }
    for (size_t i = 0; i < r->head.count; i++)
        lower(r->head.header[i].name);
    return true;
}

/* ---- what they mean ---- */

/* RFC 9112, 3.2 and RFC 3986, 3.2.2: a name or address, and a port.  No userinfo. */
static bool is_host(str v)
{
    for (size_t i = 0; i < v.n; i++) {
        char c = v.p[i];
        bool fine = (c >= '0' && c <= '9') || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z') ||
                    (c && strchr("-._~%!$&'()*+,;=:[]", c));
        if (!fine)
            return false;
    }
    return v.n > 0;
}

static bool take_length(struct http_head *h, str v, struct http_refusal *no)
{
    enum { DIGITS_MAX = 18 };
    bool digits = v.n > 0 && v.n <= DIGITS_MAX;
    for (size_t i = 0; i < v.n && digits; i++)
        digits = v.p[i] >= '0' && v.p[i] <= '9';
    if (!digits || h->body != HTTP_BODY_NONE || !str_to_u64(v, &h->length))
        return http_refuse(no, 400, "the length of the body is not clear");
    h->body = HTTP_BODY_LENGTH;
    return true;
}

static bool take_coding(struct http_head *h, str v, struct http_refusal *no)
{
    if (h->body != HTTP_BODY_NONE || h->minor == 0)
        return http_refuse(no, 400, "the length of the body is not clear");
    if (!str_ieq(v, STR("chunked")))
        return http_refuse(no, 501, "the transfer coding is not known here");
    h->body = HTTP_BODY_CHUNKED;
    return true;
}

static void take_connection(struct http_head *h, str v, bool *close)
{
    while (v.p) {
        str option = str_trim(str_cut(&v, ','));
        *close |= str_ieq(option, STR("close"));
        h->keep_alive |= str_ieq(option, STR("keep-alive"));
    }
}

static bool take_expect(struct http_head *h, str v, struct http_refusal *no)
{
    if (!str_ieq(v, STR("100-continue")))
        return http_refuse(no, 417, "the expectation cannot be met");
    h->expects_continue = h->minor == 1;
    return true;
}

struct seen {
    unsigned hosts;
    str host;
    bool close;
};

static bool take_field(struct http_head *h, const struct http_header *f, struct seen *seen,
                       struct http_refusal *no)
{
    if (str_eq(f->name, STR("host"))) {
        seen->hosts++;
        seen->host = f->value;
    } else if (str_eq(f->name, STR("content-length"))) {
        return take_length(h, f->value, no);
    } else if (str_eq(f->name, STR("transfer-encoding"))) {
        return take_coding(h, f->value, no);
    } else if (str_eq(f->name, STR("connection"))) {
        take_connection(h, f->value, &seen->close);
    } else if (str_eq(f->name, STR("expect"))) {
        return take_expect(h, f->value, no);
    }
    return true;
}

static bool check_fields(struct http_head *h, struct http_refusal *no)
{
    struct seen seen = {0};
    h->keep_alive = h->minor == 1;
    for (size_t i = 0; i < h->count; i++)
        if (!take_field(h, &h->header[i], &seen, no))
            return false;
    h->keep_alive = h->keep_alive && !seen.close;
    if (seen.hosts > 1 || (seen.hosts == 0 && h->minor == 1))
        return http_refuse(no, 400, "there must be one Host");
    if ((seen.hosts && !is_host(seen.host)) || (h->host.n && !is_host(h->host)))
        return http_refuse(no, 400, "the Host is malformed");
    if (!h->host.n)
        h->host = seen.host;
    return true;
}

bool http_head_parse(struct http_reader *r, struct http_refusal *no)
{
    struct http_head *h = &r->head;
    *h = (struct http_head){.header = h->header, .room = h->room};
    str bytes = sbuf_str(&r->bytes);
    const char *cr = memchr(bytes.p, '\r', bytes.n);
    assert(cr);
    return parse_request_line(h, str_head(bytes, (size_t)(cr - bytes.p)), no) &&
           parse_fields(r, no) && check_fields(h, no);
}
