/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/hex.h"

size_t hex_encode(str in, char *out)
{
    static const char digit[] = "0123456789abcdef";
    for (size_t i = 0; i < in.n; i++) {
        unsigned c = (unsigned char)in.p[i];
        out[2 * i] = digit[c >> 4];
        out[2 * i + 1] = digit[c & 15];
    }
    return 2 * in.n;
}

/* A digit's value and 1; 0: no digit.  Digits and letters come mixed, so a branch that asks
 * which a character is would be guessed wrong half of the time. */
static const uint8_t value_1[256] = {
    ['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,
    ['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
    ['A'] = 11, ['B'] = 12, ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16,
};

bool hex_decode(str in, char *out)
{
    bool good = in.n % 2 == 0;
    for (size_t i = 0; i + 1 < in.n; i += 2) {
        unsigned high = value_1[(unsigned char)in.p[i]], low = value_1[(unsigned char)in.p[i + 1]];
        good &= (high != 0) & (low != 0);
        out[i / 2] = (char)((high - 1) << 4 | (low - 1));
    }
    return good;
}
