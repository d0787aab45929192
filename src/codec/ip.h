/* SPDX-License-Identifier: Apache-2.0 */
/* ip.h - internet addresses and ranges.  Pure functions: any thread. */
#ifndef CODEC_IP_H
#define CODEC_IP_H

#include "base/str.h"

enum { IP_TEXT_MAX = 46 }; /* longest text, its NUL included */

/* IPv4 is kept as ::ffff:a.b.c.d, so 16 bytes compare and hash alike for both. */
struct ip {
    uint8_t byte[16];
    bool v6;
};

/* A range of addresses sharing their first `bits` bits. */
struct cidr {
    struct ip base; /* host bits zero */
    uint8_t bits;   /* of the 16 bytes: an IPv4 /8 is 104 here */
};

/* Whole string.  IPv4 in four decimal parts (no leading zeros); IPv6 with its
 * `::`, a trailing dotted quad, a zone (`%eth0`, dropped) or brackets.
 * ::ffff:1.2.3.4 is the IPv4 address 1.2.3.4. */
bool ip_parse(str s, struct ip *out);

/* From network-order bytes. */
struct ip ip_from_v4(uint32_t host_order);
struct ip ip_from_v6(const uint8_t byte[static 16]); /* mapped ones become IPv4 */

/* The host-order number of an IPv4 address. */
uint32_t ip_v4(const struct ip *ip);

/* RFC 5952 text and a NUL; returns its length. */
size_t ip_format(const struct ip *ip, char out[static IP_TEXT_MAX]);

bool ip_eq(const struct ip *a, const struct ip *b);

/* 10/8, 192.168/16, fc00::/7, loopback, link-local, multicast, documentation
 * and the like (the IANA special-purpose registries): not on the internet. */
bool ip_is_special(const struct ip *ip);

/* "10.0.0.0/8", "fe80::/10", or an address alone (a range of one).  Host bits
 * set in the text are cleared. */
bool cidr_parse(str s, struct cidr *out);

/* IPv6 ranges hold no IPv4 addresses, not even ::/0. */
bool cidr_contains(const struct cidr *range, const struct ip *ip);

#endif
