/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/json_out.h"

#include "codec/time.h"
#include "codec/utf.h"

#include <assert.h>
#include <math.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

static void before_value(struct json_out *o)
{
    if (o->comma)
        sbuf_addc(o->to, ',');
    o->comma = o->depth > 0;
}

static void begin(struct json_out *o, char bracket)
{
    before_value(o);
    sbuf_addc(o->to, bracket);
    o->depth++;
    o->comma = false;
}

static void end(struct json_out *o, char bracket)
{
    assert(o->depth > 0);
    sbuf_addc(o->to, bracket);
    o->depth--;
    o->comma = o->depth > 0;
}

void json_out_object(struct json_out *o)
{
    begin(o, '{');
}

void json_out_object_end(struct json_out *o)
{
    end(o, '}');
}

void json_out_array(struct json_out *o)
{
    begin(o, '[');
}

void json_out_array_end(struct json_out *o)
{
    end(o, ']');
}

static bool is_plain(char c)
{
    unsigned u = (unsigned char)c;
    return u >= 0x20 && u < 0x7f && c != '"' && c != '\\';
}

/* How many bytes at the front are plain: to be copied as they are. */
static size_t plain_run(str s)
{
    size_t i = 0;
#ifdef __SSE2__
    for (; s.n - i >= 16; i += 16) {
        __m128i x = _mm_loadu_si128((const __m128i *)(const void *)(s.p + i));
        __m128i quote = _mm_cmpeq_epi8(x, _mm_set1_epi8('"'));
        __m128i slash = _mm_cmpeq_epi8(x, _mm_set1_epi8('\\'));
        __m128i low = _mm_cmplt_epi8(x, _mm_set1_epi8(0x20)); /* signed: 0x80 and up too */
        __m128i del = _mm_cmpeq_epi8(x, _mm_set1_epi8(0x7f));
        int bits =
            _mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quote, slash), _mm_or_si128(low, del)));
        if (bits)
            return i + (size_t)__builtin_ctz((unsigned)bits);
    }
#endif
    while (i < s.n && is_plain(s.p[i]))
        i++;
    return i;
}

/* Write the escape of a character below U+0100; returns its length. */
static size_t escape(unsigned u, char out[static 6])
{
    static const char hex[] = "0123456789abcdef";
    static const char letter[128] = {
        ['"'] = '"',  ['\\'] = '\\', ['\b'] = 'b', ['\f'] = 'f',
        ['\n'] = 'n', ['\r'] = 'r',  ['\t'] = 't',
    };
    out[0] = '\\';
    if (u < 128 && letter[u]) {
        out[1] = letter[u];
        return 2;
    }
    out[1] = 'u';
    out[2] = out[3] = '0';
    out[4] = hex[u >> 4];
    out[5] = hex[u & 15];
    return 6;
}

/* The character at the front of `s`, which is not plain; returns its length. */
static size_t escape_one(struct sbuf *to, str s)
{
    char buf[6];
    size_t n = 1;
    if ((unsigned char)s.p[0] < 0x80) {
        sbuf_add(to, (str){buf, escape((unsigned char)s.p[0], buf)});
        return n;
    }
    bool ok = true;
    uint32_t point = utf8_next(s, &n, &ok);
    if (ok && point < 0xa0) /* control characters (C1) that a terminal would obey */
        sbuf_add(to, (str){buf, escape(point, buf)});
    else
        sbuf_add(to, ok ? (str){s.p, n} : STR("\xef\xbf\xbd"));
    return n;
}

void json_escape(struct sbuf *to, str s)
{
    while (s.n && !to->full) {
        size_t n = plain_run(s);
        sbuf_add(to, str_head(s, n));
        s = str_from(s, n);
        if (s.n)
            s = str_from(s, escape_one(to, s));
    }
}

static void quoted(struct json_out *o, str s)
{
    sbuf_addc(o->to, '"');
    json_escape(o->to, s);
    sbuf_addc(o->to, '"');
}

void json_out_key(struct json_out *o, str key)
{
    before_value(o);
    quoted(o, key);
    sbuf_addc(o->to, ':');
    o->comma = false;
}

void json_out_str(struct json_out *o, str s)
{
    before_value(o);
    quoted(o, s);
}

void json_out_raw(struct json_out *o, str json)
{
    before_value(o);
    sbuf_add(o->to, json);
}

static void unsigned_digits(struct json_out *o, uint64_t v, bool minus)
{
    char buf[24], *p = buf + sizeof buf;
    do
        *--p = (char)('0' + v % 10);
    while (v /= 10);
    if (minus)
        *--p = '-';
    json_out_raw(o, (str){p, (size_t)(buf + sizeof buf - p)});
}

void json_out_u64(struct json_out *o, uint64_t v)
{
    unsigned_digits(o, v, false);
}

void json_out_i64(struct json_out *o, int64_t v)
{
    unsigned_digits(o, v < 0 ? 0 - (uint64_t)v : (uint64_t)v, v < 0);
}

/* The fewest digits that read back the same.  The C library knows no such
 * format, so longer and longer ones are tried; most numbers need the first. */
static size_t shortest(double v, char *out, size_t room)
{
    int n = 0;
    for (int digits = 6; digits <= 17; digits = digits < 15 ? 15 : digits + 1) {
        n = snprintf(out, room, "%.*g", digits, v);
        if (strtod(out, NULL) == v)
            break;
    }
    return (size_t)n;
}

void json_out_f64(struct json_out *o, double v)
{
    char buf[32];
    if (!isfinite(v)) {
        json_out_null(o);
        return;
    }
    if (fabs(v) < 1e6 && v == (double)(int32_t)v && !signbit(v)) { /* as "%.6g" has it, sooner */
        json_out_i64(o, (int32_t)v);
        return;
    }
    size_t n = shortest(v, buf, sizeof buf);
    char *comma = memchr(buf, ',', n); /* a locale may have put one */
    if (comma)
        *comma = '.';
    json_out_raw(o, (str){buf, n});
}

void json_out_bool(struct json_out *o, bool v)
{
    json_out_raw(o, v ? STR("true") : STR("false"));
}

void json_out_null(struct json_out *o)
{
    json_out_raw(o, STR("null"));
}

void json_out_time(struct json_out *o, int64_t ms)
{
    char buf[32];
    size_t n = time_format_rfc3339(ms, buf);
    json_out_str(o, (str){buf, n});
}

void json_out_kv_str(struct json_out *o, const char *key, str v)
{
    json_out_key(o, str_z(key));
    json_out_str(o, v);
}

void json_out_kv_i64(struct json_out *o, const char *key, int64_t v)
{
    json_out_key(o, str_z(key));
    json_out_i64(o, v);
}

void json_out_kv_u64(struct json_out *o, const char *key, uint64_t v)
{
    json_out_key(o, str_z(key));
    json_out_u64(o, v);
}

void json_out_kv_f64(struct json_out *o, const char *key, double v)
{
    json_out_key(o, str_z(key));
    json_out_f64(o, v);
}

void json_out_kv_bool(struct json_out *o, const char *key, bool v)
{
    json_out_key(o, str_z(key));
    json_out_bool(o, v);
}

void json_out_kv_time(struct json_out *o, const char *key, int64_t ms)
{
    json_out_key(o, str_z(key));
    json_out_time(o, ms);
}
