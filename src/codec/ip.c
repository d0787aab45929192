/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/ip.h"

#include "base/compiler.h"
#include "codec/hex.h"

static const uint8_t MAPPED[12] = {[10] = 0xff, [11] = 0xff};

/* Four decimal parts, no leading zeros. */
static bool parse_v4(str s, uint8_t out[static 4])
{
    const char *p = s.p, *end = p + s.n;
    for (int part = 0; part < 4; part++) {
        unsigned v = 0, digits = 0;
        for (; p < end && *p >= '0' && *p <= '9' && digits < 4; p++, digits++)
            v = v * 10 + (unsigned)(*p - '0');
        if (digits == 0 || v > 255 || (digits > 1 && p[-(int)digits] == '0'))
            return false;
        out[part] = (uint8_t)v;
        if (part < 3 && (p == end || *p++ != '.'))
            return false;
    }
    return p == end;
}

/* The groups on one side of "::" (or all of them), as bytes: how many, or -1. */
static int groups(str s, uint8_t out[static 16])
{
    int n = 0;
    for (str left = s; left.n || left.p != s.p;) {
        bool last = str_find(left, ':') == left.n;
        str group = str_cut(&left, ':');
        if (last && n <= 12 && str_find(group, '.') < group.n)
            return parse_v4(group, out + n) ? n + 4 : -1;
        if (group.n == 0 || group.n > 4 || n == 16)
            return -1;
        unsigned v = 0;
        for (size_t i = 0; i < group.n; i++) {
            int d = hex_digit(group.p[i]);
            if (d < 0)
                return -1;
            v = v << 4 | (unsigned)d;
        }
        out[n++] = (uint8_t)(v >> 8);
        out[n++] = (uint8_t)v;
        if (last)
            break;
    }
    return n;
}

static bool parse_v6(str s, uint8_t out[static 16])
{
    uint8_t tail[16];
    const char *gap = memmem(s.p, s.n, "::", 2);
    if (!gap)
        return groups(s, out) == 16;
    size_t before = (size_t)(gap - s.p);
    str left = str_head(s, before), right = str_from(s, before + 2);
    memset(out, 0, 16);
    /* A dotted quad may only stand last. */
    int head = str_find(left, '.') < left.n ? -1 : groups(left, out);
    int n = groups(right, tail);
    if (head < 0 || n < 0 || head + n > 14)
        return false;
    memcpy(out + 16 - n, tail, (size_t)n);
    return true;
}

struct ip ip_from_v6(const uint8_t byte[static 16])
{
    struct ip ip;
    memcpy(ip.byte, byte, 16);
    ip.v6 = memcmp(byte, MAPPED, sizeof MAPPED) != 0;
    return ip;
}

struct ip ip_from_v4(uint32_t host_order)
{
    struct ip ip = {0};
    memcpy(ip.byte, MAPPED, sizeof MAPPED);
    for (int i = 0; i < 4; i++)
        ip.byte[12 + i] = (uint8_t)(host_order >> (24 - 8 * i));
    return ip;
}

uint32_t ip_v4(const struct ip *ip)
{
    uint32_t v = 0;
    for (int i = 12; i < 16; i++)
        v = v << 8 | ip->byte[i];
    return v;
}

bool ip_parse(str s, struct ip *out)
{
    uint8_t byte[16];
    if (s.n >= 2 && s.p[0] == '[' && s.p[s.n - 1] == ']')
        s = (str){s.p + 1, s.n - 2};
    size_t colon = str_find(str_head(s, 5), ':');
    if (colon == 5 || colon == s.n) { /* no group is longer than four */
        memcpy(byte, MAPPED, sizeof MAPPED);
        if (!parse_v4(s, byte + 12))
            return false;
    } else {
        size_t zone = str_find(s, '%');
        if (zone + 1 == s.n || !parse_v6(str_head(s, zone), byte))
            return false;
    }
    *out = ip_from_v6(byte);
    return true;
}

static char *put_v4(const uint8_t *byte, char *p)
{
    for (int i = 0; i < 4; i++) {
        unsigned v = byte[i];
        if (i)
            *p++ = '.';
        if (v >= 100)
            *p++ = (char)('0' + v / 100);
        if (v >= 10)
            *p++ = (char)('0' + v / 10 % 10);
        *p++ = (char)('0' + v % 10);
    }
    return p;
}

static char *put_group(unsigned v, char *p)
{
    static const char digit[] = "0123456789abcdef";
    for (int shift = v > 0xfff ? 12 : v > 0xff ? 8 : v > 0xf ? 4 : 0; shift >= 0; shift -= 4)
        *p++ = digit[v >> shift & 15];
    return p;
}

/* The first longest run of two or more zero groups. */
static int longest_gap(const unsigned group[static 8], int *length)
{
    int best = -1, run = 0;
    *length = 1;
    for (int i = 0; i < 8; i++) {
        run = group[i] == 0 ? run + 1 : 0;
        if (run > *length) {
            *length = run;
            best = i - run + 1;
        }
    }
    return best;
}

static char *put_v6(const uint8_t byte[static 16], char *p)
{
    unsigned group[8];
    for (int i = 0; i < 8; i++)
        group[i] = (unsigned)byte[2 * i] << 8 | byte[2 * i + 1];
    int length, gap = longest_gap(group, &length);
    for (int i = 0; i < 8; i++) {
        if (i == gap) {
            *p++ = ':';
            i += length - 1;
            if (i == 7)
                *p++ = ':';
            continue;
        }
        if (i)
            *p++ = ':';
        p = put_group(group[i], p);
    }
    return p;
}

size_t ip_format(const struct ip *ip, char out[static IP_TEXT_MAX])
{
    char *p = ip->v6 ? put_v6(ip->byte, out) : put_v4(ip->byte + 12, out);
    *p = '\0';
    return (size_t)(p - out);
}

bool ip_eq(const struct ip *a, const struct ip *b)
{
    return memcmp(a->byte, b->byte, sizeof a->byte) == 0;
}

static void clear_host_bits(uint8_t byte[static 16], unsigned bits)
{
    for (unsigned i = 0; i < 16; i++) {
        unsigned keep = bits >= 8 * (i + 1) ? 8 : bits > 8 * i ? bits - 8 * i : 0;
        byte[i] &= (uint8_t)(0xff00 >> keep);
    }
}

/* One to three digits, no leading zero. */
static bool prefix_length(str s, unsigned *out)
{
    unsigned v = 0;
    if (s.n == 0 || s.n > 3 || (s.n > 1 && s.p[0] == '0'))
        return false;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
        v = v * 10 + (unsigned)(s.p[i] - '0');
    }
    *out = v;
    return true;
}

bool cidr_parse(str s, struct cidr *out)
{
    struct cidr c;
    str rest = s, address = str_cut(&rest, '/');
    if (!ip_parse(address, &c.base))
        return false;
    bool quad = str_find(address, ':') == address.n;
    unsigned most = quad ? 32 : 128, bits = most;
    if (rest.p && (!prefix_length(rest, &bits) || bits > most))
        return false;
    if (quad)
        bits += 96;
    else if (bits < 96) /* wider than the IPv4 addresses */
        c.base.v6 = true;
    c.bits = (uint8_t)bits;
    clear_host_bits(c.base.byte, c.bits);
    *out = c;
    return true;
}

bool cidr_contains(const struct cidr *range, const struct ip *ip)
{
    if (range->base.v6 != ip->v6)
        return false;
    size_t whole = range->bits / 8, rest = range->bits % 8;
    if (memcmp(range->base.byte, ip->byte, whole) != 0)
        return false;
    return rest == 0 ||
           ((range->base.byte[whole] ^ ip->byte[whole]) & (0xff00 >> rest) & 0xff) == 0;
}

/* The IANA special-purpose address registries: the upper bits, how many count. */
static const struct {
    uint32_t upper;
    unsigned bits;
} special_v4[] = {
    {0x00000000, 8},  /* this network, RFC 791 */
    {0x0a000000, 8},  /* private, RFC 1918 */
    {0x64400000, 10}, /* carrier-grade NAT, RFC 6598 */
    {0x7f000000, 8},  /* loopback, RFC 1122 */
    {0xa9fe0000, 16}, /* link-local, RFC 3927 */
    {0xac100000, 12}, /* private, RFC 1918 */
    {0xc0000000, 24}, /* protocol assignments, RFC 6890 */
    {0xc0000200, 24}, /* documentation, RFC 5737 */
    {0xc0586300, 24}, /* 6to4 relays, RFC 7526 */
    {0xc0a80000, 16}, /* private, RFC 1918 */
    {0xc6120000, 15}, /* benchmarking, RFC 2544 */
    {0xc6336400, 24}, /* documentation, RFC 5737 */
    {0xcb007100, 24}, /* documentation, RFC 5737 */
    {0xe0000000, 3},  /* multicast, reserved, broadcast, RFC 1112 */
};

static const struct {
    uint64_t upper;
    unsigned bits;
} special_v6[] = {
    {0x0000000000000000, 64}, /* unspecified, loopback, RFC 4291 */
    {0x0064ff9b00010000, 48}, /* local-use translation, RFC 8215 */
    {0x0100000000000000, 64}, /* discard, RFC 6666 */
    {0x2001000200000000, 48}, /* benchmarking, RFC 5180 */
    {0x20010db800000000, 32}, /* documentation, RFC 3849 */
    {0x3fff000000000000, 20}, /* documentation, RFC 9637 */
    {0x5f00000000000000, 16}, /* segment routing, RFC 9602 */
    {0xfc00000000000000, 7},  /* unique local, RFC 4193 */
    {0xfe80000000000000, 10}, /* link-local, RFC 4291 */
    {0xff00000000000000, 8},  /* multicast, RFC 4291 */
};

bool ip_is_special(const struct ip *ip)
{
    uint32_t v4 = ip_v4(ip);
    for (size_t i = 0; !ip->v6 && i < COUNT(special_v4); i++)
        if ((v4 ^ special_v4[i].upper) >> (32 - special_v4[i].bits) == 0)
            return true;
    uint64_t v6 = 0;
    for (int i = 0; i < 8; i++)
        v6 = v6 << 8 | ip->byte[i];
    for (size_t i = 0; ip->v6 && i < COUNT(special_v6); i++)
        if ((v6 ^ special_v6[i].upper) >> (64 - special_v6[i].bits) == 0)
            return true;
    return false;
}
