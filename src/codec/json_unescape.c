/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/hex.h"
#include "codec/json_scan.h"
#include "codec/utf.h"

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
    char utf8[4]; /* out may be the text we still read */
    *p += 6;
    int32_t next = is_high(unit) ? code_unit(*p, end) : -1;
    if (is_low(next)) {
        *p += 6;
        unit = 0x10000 + ((unit - 0xd800) << 10) + (next - 0xdc00);
    }
    size_t n = utf8_put((uint32_t)unit, utf8); /* a lone surrogate: U+FFFD */
    memcpy(out, utf8, n);
    return n;
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

size_t json_unescape(str raw, char *out)
{
    const char *p = raw.p, *end = p + raw.n;
    char *o = out;
    while (p < end) {
        const char *slash = memchr(p, '\\', (size_t)(end - p));
        size_t n = (size_t)((slash ? slash : end) - p);
        memmove(o, p, n);
        o += n;
        p += n;
        if (slash)
            o += escape(&p, end, o);
    }
    return (size_t)(o - out);
}
