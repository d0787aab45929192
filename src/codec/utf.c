/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/utf.h"

static bool is_surrogate(uint32_t c)
{
    return c >= 0xd800 && c < 0xe000;
}

/* What a lead byte promises: how many bytes follow it, and the range of the
 * first of them (which is where overlong forms, surrogates and the end of
 * Unicode are ruled out; Unicode standard, table 3-7). */
struct lead {
    uint8_t more, low, high;
};

static struct lead lead_of(unsigned char c)
{
    if (c >= 0xc2 && c <= 0xdf)
        return (struct lead){1, 0x80, 0xbf};
    if (c >= 0xe0 && c <= 0xef)
        return (struct lead){2, c == 0xe0 ? 0xa0 : 0x80, c == 0xed ? 0x9f : 0xbf};
    if (c >= 0xf0 && c <= 0xf4)
        return (struct lead){3, c == 0xf0 ? 0x90 : 0x80, c == 0xf4 ? 0x8f : 0xbf};
    return (struct lead){0};
}

uint32_t utf8_next(str s, size_t *n, bool *ok)
{
    unsigned char c = (unsigned char)s.p[0];
    struct lead lead = lead_of(c);
    uint32_t code = c < 0x80 ? c : c & (0x3fu >> lead.more);
    size_t i = 1;
    while (i <= lead.more && i < s.n) {
        unsigned char next = (unsigned char)s.p[i];
        if (i == 1 ? next < lead.low || next > lead.high : (next & 0xc0) != 0x80)
            break;
        code = code << 6 | (next & 0x3f);
        i++;
    }
    bool good = c < 0x80 || (lead.more && i == (size_t)lead.more + 1);
    *n = i;
    if (ok)
        *ok = good;
    return good ? code : UTF_REPLACEMENT;
}

bool utf8_valid(str s)
{
    for (size_t i = 0, n; i < s.n; i += n) {
        uint64_t eight;
        while (s.n - i >= 8 && (memcpy(&eight, s.p + i, 8), !(eight & 0x8080808080808080u)))
            i += 8;
        bool ok = true;
        if (i == s.n)
            break;
        utf8_next(str_from(s, i), &n, &ok);
        if (!ok)
            return false;
    }
    return true;
}

size_t utf8_put(uint32_t c, char out[static 4])
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xc0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (is_surrogate(c) || c > 0x10ffff)
        c = UTF_REPLACEMENT;
    size_t n = c < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--, c >>= 6)
        out[i] = (char)(0x80 | (c & 0x3f));
    out[0] = (char)((n == 3 ? 0xe0 : 0xf0) | c);
    return n;
}

static char *put_unit(char *o, uint32_t unit, bool big)
{
    o[big ? 0 : 1] = (char)(unit >> 8);
    o[big ? 1 : 0] = (char)(unit & 0xff);
    return o + 2;
}

static size_t to_utf16(str in, char *out, bool big)
{
    char *o = out;
    for (size_t i = 0, n; i < in.n; i += n) {
        uint32_t c = utf8_next(str_from(in, i), &n, NULL);
        if (c >= 0x10000) {
            c -= 0x10000;
            o = put_unit(o, 0xd800 | c >> 10, big);
            c = 0xdc00 | (c & 0x3ff);
        }
        o = put_unit(o, c, big);
    }
    return (size_t)(o - out);
}

size_t utf8_to_utf16le(str in, char *out)
{
    return to_utf16(in, out, false);
}

size_t utf8_to_utf16be(str in, char *out)
{
    return to_utf16(in, out, true);
}

static uint32_t unit_at(str in, size_t i, bool big)
{
    uint32_t a = (unsigned char)in.p[i], b = (unsigned char)in.p[i + 1];
    return big ? a << 8 | b : b << 8 | a;
}

static size_t from_utf16(str in, char *out, bool big)
{
    char *o = out;
    for (size_t i = 0; i + 2 <= in.n; i += 2) {
        uint32_t c = unit_at(in, i, big);
        if (c >= 0xd800 && c < 0xdc00 && i + 4 <= in.n) {
            uint32_t low = unit_at(in, i + 2, big);
            if (low >= 0xdc00 && low < 0xe000) {
                c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
                i += 2;
            }
        }
        o += utf8_put(c, o);
    }
    return (size_t)(o - out);
}

size_t utf16le_to_utf8(str in, char *out)
{
    return from_utf16(in, out, false);
}

size_t utf16be_to_utf8(str in, char *out)
{
    return from_utf16(in, out, true);
}
