/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/hex.h"
#include "codec/json_scan.h"
#include "codec/utf.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* The four digits of a \uXXXX at `p`, or -1 when there is none. */
static int32_t code_unit(const char *p, const char *end)
{
    if (end - p < 6 || p[0] != '\\' || p[1] != 'u')
        return -1;
    int32_t unit = 0;
    for (int i = 2; i < 6; i++) {
        int d = hex_digit(p[i]);
        if (d < 0)
            return -1;
        unit = unit * 16 + d;
    }
    return unit;
}

static bool is_high(int32_t unit)
{
    return unit >= 0xd800 && unit < 0xdc00;
}

static bool is_low(int32_t unit)
{
    return unit >= 0xdc00 && unit < 0xe000;
}

/* One \u escape or surrogate pair at *p, whose first unit is `unit`. */
static size_t unicode(const char **p, const char *end, int32_t unit, char *out)
{
    *p += 6;
    int32_t next = is_high(unit) ? code_unit(*p, end) : -1;
    if (is_low(next)) {
        *p += 6;
        unit = 0x10000 + ((unit - 0xd800) << 10) + (next - 0xdc00);
    }
    return utf8_put((uint32_t)unit, out); /* a lone surrogate: U+FFFD */
}

static size_t escape(const char **p, const char *end, char *out)
{
    static const char plain[256] = {
        ['"'] = '"',  ['\\'] = '\\', ['/'] = '/',  ['b'] = '\b',
        ['f'] = '\f', ['n'] = '\n',  ['r'] = '\r', ['t'] = '\t',
    };
    char c = end - *p >= 2 ? plain[(unsigned char)(*p)[1]] : 0;
    if (c) {
        *out = c;
        *p += 2;
        return 1;
    }
    int32_t unit = code_unit(*p, end);
    if (unit >= 0)
        return unicode(p, end, unit, out);
    *out = *(*p)++;
    return 1;
}

/* Copy up to the next backslash; true when there is one before `end`.  Sixteen
 * bytes are written where perhaps fewer count: the output never runs ahead of
 * the input, so they fit. */
static bool copy_run(const char **p, const char *end, char **out)
{
#ifdef __SSE2__
    for (; end - *p >= 16; *p += 16, *out += 16) {
        __m128i x = _mm_loadu_si128((const __m128i *)(const void *)*p);
        _mm_storeu_si128((__m128i *)(void *)*out, x);
        int slash = _mm_movemask_epi8(_mm_cmpeq_epi8(x, _mm_set1_epi8('\\')));
        if (slash) {
            *p += __builtin_ctz((unsigned)slash);
            *out += __builtin_ctz((unsigned)slash);
            return true;
        }
    }
#endif
    while (*p < end && **p != '\\')
        *(*out)++ = *(*p)++;
    return *p < end;
}

size_t json_unescape(str raw, char *out)
{
    const char *p = raw.p, *end = raw.n ? p + raw.n : p;
    char *o = out;
    while (copy_run(&p, end, &o))
        do
            o += escape(&p, end, o);
        while (p < end && *p == '\\'); /* \r\n */
    return (size_t)(o - out);
}
