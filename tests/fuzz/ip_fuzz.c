/* SPDX-License-Identifier: Apache-2.0 */
/* We take exactly the addresses the C library takes (zones, brackets and its
 * laxer quads apart), with the same bytes; our text reads back; a range holds
 * its own base. */
#include <arpa/inet.h>

#include "codec/ip.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void like_the_c_library(str s)
{
    char z[64];
    uint8_t v4[4], v6[16];
    struct ip ip;
    if (s.n >= sizeof z || memchr(s.p, '\0', s.n) || str_find(s, '%') < s.n ||
        str_find(s, '[') < s.n)
        return;
    snprintf(z, sizeof z, STR_FMT, STR_ARG(s));
    bool ours = ip_parse(s, &ip);
    if (inet_pton(AF_INET, z, v4) == 1)
        assert(ours && !ip.v6 && memcmp(v4, ip.byte + 12, 4) == 0);
    else if (inet_pton(AF_INET6, z, v6) == 1)
        assert(ours && memcmp(v6, ip.byte, 16) == 0);
    else
        assert(!ours);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    str s = {(const char *)data, size};
    char text[IP_TEXT_MAX];
    struct ip ip, back;
    struct cidr range;
    if (size)
        like_the_c_library(s);
    if (ip_parse(s, &ip)) {
        size_t n = ip_format(&ip, text);
        assert(n < IP_TEXT_MAX && ip_parse((str){text, n}, &back) && ip_eq(&ip, &back));
        (void)ip_is_special(&ip);
    }
    if (cidr_parse(s, &range))
        assert(range.bits <= 128 && cidr_contains(&range, &range.base));
    return 0;
}
