/* SPDX-License-Identifier: Apache-2.0 */
/* hex.h - bytes as hexadecimal digits.  Pure functions: any thread. */
#ifndef CODEC_HEX_H
#define CODEC_HEX_H

#include "base/str.h"

/* 0..15, or -1 when `c` is no hexadecimal digit of either case. */
static inline int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Writes 2 * in.n lower-case digits and returns that. */
size_t hex_encode(str in, char *out);

/* Writes in.n / 2 bytes to `out`, which may be in.p.  False (out undefined)
 * when in.n is odd or a character is no digit. */
bool hex_decode(str in, char *out);

#endif
