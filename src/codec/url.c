/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/url.h"

#include "codec/hex.h"

size_t url_decode(str in, bool plus, char *out)
{
    char *o = out;
    for (size_t i = 0; i < in.n; i++) {
        char c = in.p[i];
        if (c == '%' && in.n - i >= 3) {
            int high = hex_digit(in.p[i + 1]), low = hex_digit(in.p[i + 2]);
            if (high >= 0 && low >= 0) {
                c = (char)(high << 4 | low);
                i += 2;
            }
        } else if (c == '+' && plus) {
            c = ' ';
        }
        *o++ = c;
    }
    return (size_t)(o - out);
}

static bool is_unreserved(char c)
{
    char l = ascii_lower(c);
    return (l >= 'a' && l <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' ||
           c == '~';
}

void url_encode(struct sbuf *to, str in)
{
    static const char digit[] = "0123456789ABCDEF";
    for (size_t i = 0; i < in.n; i++) {
        unsigned c = (unsigned char)in.p[i];
        char escape[] = {'%', digit[c >> 4], digit[c & 15]};
        if (is_unreserved(in.p[i]))
            sbuf_addc(to, in.p[i]);
        else
            sbuf_add(to, (str){escape, sizeof escape});
    }
}
