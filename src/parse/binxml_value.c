/* SPDX-License-Identifier: Apache-2.0 */
/* Values as Windows renders them. */
#include "codec/entity.h"
#include "codec/hex.h"
#include "codec/time.h"
#include "codec/utf.h"
#include "parse/binxml.h"

static uint64_t number(str s, size_t size)
{
    uint64_t v = 0;
    for (size_t i = size; i > 0; i--)
        v = v << 8 | (unsigned char)s.p[i - 1];
    return v;
}

static uint32_t unit(const char *p)
{
    return (uint32_t)(unsigned char)p[0] | (uint32_t)(unsigned char)p[1] << 8;
}

/* The character at p[*i], a pair of surrogates counted as one; *i goes past it. */
static uint32_t next_char(str s, size_t *i)
{
    uint32_t c = unit(s.p + *i);
    *i += 2;
    if (c < 0xd800 || c > 0xdbff || *i + 2 > s.n)
        return c;
    uint32_t low = unit(s.p + *i);
    if (low < 0xdc00 || low > 0xdfff)
        return c;
    *i += 2;
    return 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
}

/* As Windows writes it: apostrophes, and quotes outside of attributes, are themselves. */
static const char *written_as(uint32_t c, bool quoted)
{
    return c == '\'' || (c == '"' && !quoted) ? NULL : entity_of(c);
}

/* ASCII that needs no thought. */
static inline bool is_plain(const char *p)
{
    return p[1] == 0 && (unsigned char)p[0] < 0x80 && p[0] != '&' && p[0] != '<' && p[0] != '>' &&
           p[0] != '"';
}

void binxml_text(struct sbuf *out, str utf16, bool quoted)
{
    enum { LONGEST = 6 }; /* "&quot;" */
    utf16.n &= ~(size_t)1;
    while (utf16.n && unit(utf16.p + utf16.n - 2) == 0)
        utf16.n -= 2; /* strings may or may not bring their NUL */
    char *to = sbuf_space(out, utf16.n / 2 * LONGEST), *start = to;
    if (!to)
        return;
    for (size_t i = 0; i < utf16.n;) {
        if (is_plain(utf16.p + i)) {
            *to++ = utf16.p[i];
            i += 2;
            continue;
        }
        uint32_t c = next_char(utf16, &i);
        const char *entity = written_as(c, quoted);
        if (entity) {
            while (*entity)
                *to++ = *entity++;
        } else {
            to += utf8_put(c, to);
        }
    }
    sbuf_grew(out, (size_t)(to - start));
}

/* One byte a character: the code pages differ, so what is not ASCII is read as Latin-1. */
static void write_ansi(struct sbuf *out, str s, bool quoted)
{
    for (size_t i = 0; i < s.n && s.p[i]; i++) {
        char pair[2] = {s.p[i], 0};
        binxml_text(out, (str){pair, 2}, quoted);
    }
}

static const char upper[] = "0123456789ABCDEF", lower[] = "0123456789abcdef";

static void write_decimal(struct sbuf *out, uint64_t v, bool negative)
{
    char text[24], *p = text + sizeof text;
    do
        *--p = (char)('0' + v % 10);
    while (v /= 10);
    if (negative)
        *--p = '-';
    sbuf_add(out, (str){p, (size_t)(text + sizeof text - p)});
}

static void write_hex(struct sbuf *out, uint64_t v)
{
    char text[24], *p = text + sizeof text;
    do
        *--p = lower[v & 15];
    while (v >>= 4);
    *--p = 'x';
    *--p = '0';
    sbuf_add(out, (str){p, (size_t)(text + sizeof text - p)});
}

/* {00112233-4455-6677-8899-AABBCCDDEEFF}: the first three groups are little-endian numbers. */
static void write_guid(struct sbuf *out, str s)
{
    static const uint8_t order[] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};
    char text[38], *to = text;
    *to++ = '{';
    for (size_t i = 0; i < sizeof order; i++) {
        unsigned char c = (unsigned char)s.p[order[i]];
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *to++ = '-';
        *to++ = upper[c >> 4];
        *to++ = upper[c & 15];
    }
    *to = '}';
    sbuf_add(out, (str){text, sizeof text});
}

static void write_sid(struct sbuf *out, str s)
{
    if (s.n < 8)
        return;
    uint64_t authority = 0;
    for (size_t i = 2; i < 8; i++)
        authority = authority << 8 | (unsigned char)s.p[i];
    sbuf_addf(out, "S-%u-%llu", (unsigned)(unsigned char)s.p[0], (unsigned long long)authority);
    size_t count = (unsigned char)s.p[1];
    for (size_t i = 0; i < count && 8 + 4 * i + 4 <= s.n; i++)
        sbuf_addf(out, "-%u", (unsigned)number(str_from(s, 8 + 4 * i), 4));
}

/* "2020-09-22T03:45:14.1234567Z" */
static void write_filetime(struct sbuf *out, uint64_t ticks)
{
    char text[32];
    (void)time_format_rfc3339(time_from_filetime(ticks), text); /* always 24 */
    sbuf_addf(out, "%.20s%07uZ", text, (unsigned)(ticks % 10000000));
}

static void write_systemtime(struct sbuf *out, str s)
{
    unsigned part[8];
    for (size_t i = 0; i < 8; i++)
        part[i] = (unsigned)unit(s.p + 2 * i);
    sbuf_addf(out, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ", part[0], part[1], part[3], part[4],
              part[5], part[6], part[7]);
}

static void write_binary(struct sbuf *out, str s)
{
    char *to = sbuf_space(out, 2 * s.n);
    if (!to)
        return;
    for (size_t i = 0; i < s.n; i++) {
        *to++ = upper[(unsigned char)s.p[i] >> 4];
        *to++ = upper[(unsigned char)s.p[i] & 15];
    }
    sbuf_grew(out, 2 * s.n);
}

/* With as few digits as tell it from its neighbours. */
static void write_float(struct sbuf *out, uint8_t type, str s)
{
    float f;
    double d, back;
    char text[32];
    if (type == BINXML_F32) {
        memcpy(&f, s.p, sizeof f);
        sbuf_addf(out, "%.7g", (double)f);
        return;
    }
    memcpy(&d, s.p, sizeof d);
    int n = snprintf(text, sizeof text, "%.15g", d);
    if (!str_to_f64((str){text, (size_t)n}, &back) || back < d || back > d)
        n = snprintf(text, sizeof text, "%.17g", d);
    sbuf_add(out, (str){text, (size_t)n});
}

/* Bytes of a value of `type`; 0 when they vary. */
static size_t size_of(uint8_t type)
{
    static const uint8_t sizes[] = {
        [BINXML_I8] = 1,    [BINXML_U8] = 1,       [BINXML_I16] = 2,         [BINXML_U16] = 2,
        [BINXML_I32] = 4,   [BINXML_U32] = 4,      [BINXML_I64] = 8,         [BINXML_U64] = 8,
        [BINXML_F32] = 4,   [BINXML_F64] = 8,      [BINXML_BOOL] = 4,        [BINXML_GUID] = 16,
        [BINXML_HEX32] = 4, [BINXML_FILETIME] = 8, [BINXML_SYSTEMTIME] = 16, [BINXML_HEX64] = 8,
    };
    return type < sizeof sizes ? sizes[type] : 0;
}

static void write_fixed(struct sbuf *out, uint8_t type, size_t size, str s)
{
    unsigned unused = size < 8 ? 64 - 8 * (unsigned)size : 0; /* bits */
    uint64_t v = number(s, size < 8 ? size : 8);
    bool negative = v << unused >> 63;
    switch (type) {
    case BINXML_I8:
    case BINXML_I16:
    case BINXML_I32:
    case BINXML_I64:
        v = negative ? (~v + 1) << unused >> unused : v;
        write_decimal(out, v, negative);
        break;
    case BINXML_F32:
    case BINXML_F64:
        write_float(out, type, s);
        break;
    case BINXML_BOOL:
        sbuf_addz(out, v ? "true" : "false");
        break;
    case BINXML_GUID:
        write_guid(out, s);
        break;
    case BINXML_FILETIME:
        write_filetime(out, v);
        break;
    case BINXML_SYSTEMTIME:
        write_systemtime(out, s);
        break;
    case BINXML_HEX32:
    case BINXML_HEX64:
        write_hex(out, v);
        break;
    default:
        write_decimal(out, v, false);
    }
}

void binxml_scalar(struct sbuf *out, uint8_t type, str bytes, bool quoted)
{
    size_t size = size_of(type);
    if (size) {
        if (bytes.n >= size)
            write_fixed(out, type, size, bytes);
    } else if (type == BINXML_STRING) {
        binxml_text(out, bytes, quoted);
    } else if (type == BINXML_ANSI) {
        write_ansi(out, bytes, quoted);
    } else if (type == BINXML_SID) {
        write_sid(out, bytes);
    } else if (type == BINXML_SIZE && (bytes.n == 4 || bytes.n == 8)) {
        write_hex(out, number(bytes, bytes.n));
    } else {
        write_binary(out, bytes); /* a handle, or a type that came later */
    }
}

/* Bytes up to the NUL that ends a string in an array, and with it in *whole. */
static size_t string_length(uint8_t type, str s, size_t *whole)
{
    size_t step = type == BINXML_STRING ? 2 : 1, n = 0;
    while (n + step <= s.n && (step == 2 ? unit(s.p + n) != 0 : s.p[n] != 0))
        n += step;
    *whole = n + step <= s.n ? n + step : s.n;
    return n;
}

bool binxml_item(uint8_t type, str *bytes, str *item)
{
    size_t size = size_of(type), whole;
    if (bytes->n == 0)
        return false;
    if (type == BINXML_STRING || type == BINXML_ANSI)
        size = string_length(type, *bytes, &whole);
    else if (type == BINXML_SID && bytes->n >= 8)
        whole = size = 8 + 4 * (size_t)(unsigned char)bytes->p[1];
    else
        whole = size = size ? size : bytes->n;
    *item = str_head(*bytes, size);
    *bytes = str_from(*bytes, whole);
    return true;
}
