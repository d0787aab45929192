/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/base64.h"

#include "codec/utf.h"

static size_t encode(str in, char *out, const char alphabet[static 64], bool pad)
{
    char *o = out;
    for (size_t i = 0; i < in.n; i += 3) {
        size_t n = in.n - i < 3 ? in.n - i : 3;
        uint32_t v = 0;
        for (size_t j = 0; j < 3; j++)
            v = v << 8 | (j < n ? (unsigned char)in.p[i + j] : 0);
        for (size_t j = 0; j <= n; j++)
            *o++ = alphabet[v >> (18 - 6 * j) & 63];
        for (size_t j = n; pad && j < 3; j++)
            *o++ = '=';
    }
    return (size_t)(o - out);
}

size_t base64_encode(str in, char *out)
{
    return encode(in, out, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
                  true);
}

size_t base64url_encode(str in, char *out)
{
    return encode(in, out, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
                  false);
}

/* 0..63, or -1. */
static int value_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+' || c == '-')
        return 62;
    return c == '/' || c == '_' ? 63 : -1;
}

/* Up to two '=' that fill up to a multiple of four are taken off; false when
 * they do not. */
static bool unpad(str *s)
{
    size_t n = s->n;
    while (s->n && s->p[s->n - 1] == '=')
        s->n--;
    return n == s->n || (n - s->n <= 2 && n % 4 == 0);
}

bool base64_decode(str in, char *out, size_t *n)
{
    uint32_t v = 0;
    unsigned bits = 0;
    char *o = out;
    if (!unpad(&in) || in.n % 4 == 1)
        return false;
    for (size_t i = 0; i < in.n; i++) {
        int d = value_of(in.p[i]);
        if (d < 0)
            return false;
        v = v << 6 | (uint32_t)d;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            *o++ = (char)(v >> bits & 0xff);
        }
    }
    if (v & ((1u << bits) - 1))
        return false;
    *n = (size_t)(o - out);
    return true;
}

/* Pairs of bytes of which most second ones are zero: text of a Latin script. */
static bool looks_like_utf16le(str s)
{
    size_t zeros = 0;
    for (size_t i = 1; i < s.n; i += 2)
        zeros += s.p[i] == '\0';
    return s.n >= 2 && s.n % 2 == 0 && zeros * 4 >= s.n;
}

bool base64_decode_utf16le(str in, char *out, size_t *n)
{
    /* Decoded into the far half, for UTF-8 may be longer than UTF-16. */
    char *far = out + base64_decoded_max(in.n);
    size_t size;
    if (!base64_decode(in, far, &size))
        return false;
    str bytes = {far, size};
    if (looks_like_utf16le(bytes)) {
        *n = utf16le_to_utf8(bytes, out);
    } else {
        memmove(out, far, size);
        *n = size;
    }
    return true;
}
