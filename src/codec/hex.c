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

bool hex_decode(str in, char *out)
{
    if (in.n % 2)
        return false;
    for (size_t i = 0; i < in.n; i += 2) {
        int high = hex_digit(in.p[i]), low = hex_digit(in.p[i + 1]);
        if (high < 0 || low < 0)
            return false;
        out[i / 2] = (char)(high << 4 | low);
    }
    return true;
}
