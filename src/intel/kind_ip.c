/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses and networks, and which of them make no sense as indicators.
 *
 * Block lists of "bogons" name whole special-purpose networks (RFC 6890): taken
 * at their word they would make a finding of every internal event.  So a known-bad
 * range may not hold one of those blocks whole, nor be so wide that it is surely a
 * slip.  Part of a private network, or one private address, is taken: somebody
 * listed it on purpose.  Loopback, multicast and the like are no one's address.
 * Allow-lists may name anything but everything. */
#include "codec/ip.h"
#include "intel/intel_int.h"

enum { V4_BITS_MIN = 8, V6_BITS_MIN = 16 };

static const struct {
    uint8_t byte[4];
    uint8_t bits;
    bool nobody; /* not even one address of it may be listed */
} special_v4[] = {
    {{0}, 8, true},          {{10}, 8, false},       {{100, 64}, 10, false},
    {{127}, 8, true},        {{169, 254}, 16, true}, {{172, 16}, 12, false},
    {{192, 168}, 16, false}, {{224}, 4, true},       {{240}, 4, true},
};

static const struct {
    uint8_t byte[16];
    uint8_t bits;
    bool nobody;
} special_v6[] = {
    {{0}, 127, true}, /* :: and ::1 */
    {{0xfc}, 7, false},
    {{0xfe, 0x80}, 10, true},
    {{0xff}, 8, true},
};

size_t intel_ip_bytes(str s, char out[static 16])
{
    struct ip ip;
    if (!ip_parse(s, &ip))
        return 0;
    if (ip.v6) {
        memcpy(out, ip.byte, 16);
        return 16;
    }
    memcpy(out, ip.byte + 12, 4);
    return 4;
}

/* "1.2.3.4:80" and "[::1]:80" without their ports; empty when it is neither. */
static str without_port(str s)
{
    size_t colon = s.n;
    while (colon > 0 && s.p[colon - 1] != ':')
        colon--;
    str host = str_head(s, colon ? colon - 1 : 0);
    uint64_t port;
    if (colon == 0 || !str_to_u64(str_from(s, colon), &port) || port > 65535)
        return (str){s.p, 0};
    bool v6 = str_starts(host, STR("[")) && str_ends(host, STR("]"));
    return v6 || str_find(host, ':') == host.n ? host : (str){s.p, 0};
}

/* The address itself, with a port, or as a range of one. */
static size_t encode_ip(str in, char out[static INTEL_VALUE_MAX])
{
    if (in.n == 0 || in.n > 64)
        return 0;
    size_t n = intel_ip_bytes(in, out);
    if (n)
        return n;
    size_t slash = str_find(in, '/');
    if (slash < in.n) {
        n = intel_ip_bytes(str_head(in, slash), out);
        return str_eq(str_from(in, slash + 1), n == 4 ? STR("32") : STR("128")) ? n : 0;
    }
    str host = without_port(in);
    return host.n ? intel_ip_bytes(host, out) : 0;
}

static size_t format_ip(str bytes, char out[static INTEL_TEXT_MAX])
{
    struct ip ip;
    if (bytes.n == 16) {
        ip = ip_from_v6((const uint8_t *)bytes.p);
    } else {
        const uint8_t *b = (const uint8_t *)bytes.p;
        ip = ip_from_v4((uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3]);
    }
    return ip_format(&ip, out);
}

/* One byte of length, then the base address. */
static size_t encode_range(str in, char out[static INTEL_VALUE_MAX])
{
    struct cidr c;
    if (in.n > 64 || str_find(in, '/') == in.n || !cidr_parse(in, &c) || c.bits == 128)
        return 0;
    size_t n = c.base.v6 ? 16 : 4;
    out[0] = (char)(c.base.v6 ? c.bits : c.bits - 96);
    memcpy(out + 1, c.base.byte + (16 - n), n);
    return n + 1;
}

static size_t format_range(str bytes, char out[static INTEL_TEXT_MAX])
{
    size_t n = format_ip(str_from(bytes, 1), out);
    int more = snprintf(out + n, INTEL_TEXT_MAX - n, "/%u", (unsigned)(uint8_t)bytes.p[0]);
    return n + (size_t)more;
}

static bool same_bits(const uint8_t *a, const uint8_t *b, unsigned bits)
{
    unsigned whole = bits / 8, rest = bits % 8;
    return memcmp(a, b, whole) == 0 && (rest == 0 || (a[whole] ^ b[whole]) >> (8 - rest) == 0);
}

/* Against one special block: what a network of `bits` at `base` is to it. */
static const char *against(const uint8_t *base, unsigned bits, const uint8_t *block,
                           unsigned block_bits, bool nobody)
{
    if (bits <= block_bits)
        return same_bits(base, block, bits) ? "holds a whole special-purpose network" : NULL;
    return nobody && same_bits(base, block, block_bits) ? "not an address on the internet" : NULL;
}

static const char *special(const uint8_t *base, size_t n, unsigned bits)
{
    const char *why = NULL;
    for (size_t i = 0; n == 4 && !why && i < COUNT(special_v4); i++)
        why = against(base, bits, special_v4[i].byte, special_v4[i].bits, special_v4[i].nobody);
    for (size_t i = 0; n == 16 && !why && i < COUNT(special_v6); i++)
        why = against(base, bits, special_v6[i].byte, special_v6[i].bits, special_v6[i].nobody);
    return why;
}

static const char *objection_ip(str bytes, bool allow)
{
    return allow ? NULL : special((const uint8_t *)bytes.p, bytes.n, (unsigned)bytes.n * 8);
}

static const char *objection_range(str bytes, bool allow)
{
    unsigned bits = (uint8_t)bytes.p[0];
    size_t n = bytes.n - 1;
    if (bits == 0)
        return "everything";
    if (allow)
        return NULL;
    if (bits < (n == 4 ? V4_BITS_MIN : V6_BITS_MIN))
        return n == 4 ? "wider than a /8" : "wider than a /16";
    return special((const uint8_t *)bytes.p + 1, n, bits);
}

const struct intel_kind_ops intel_ops_IP = {
    .name = "ip",
    .noun = "address",
    .encode = encode_ip,
    .format = format_ip,
    .objection = objection_ip,
};
const struct intel_kind_ops intel_ops_RANGE = {
    .name = "range",
    .noun = "network",
    .encode = encode_range,
    .format = format_range,
    .objection = objection_range,
};
