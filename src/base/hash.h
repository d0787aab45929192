/* SPDX-License-Identifier: Apache-2.0 */
/* hash.h - a fast 64-bit hash for tables, caches and change detection.
 *
 * Multiply-and-fold over 8-byte words (the idea of Wang Yi's wyhash, 2019).
 * Not cryptographic: it guards against accident.  Tables that outsiders could
 * aim at pass a random seed; it goes into both factors, so that no text makes
 * one of them zero for every seed. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "base/str.h"

/* The seed of this process for such tables.  Not for what is stored or shown. */
uint64_t hash_seed(void);

static inline uint64_t hash_mix(uint64_t a, uint64_t b)
{
    __extension__ typedef unsigned __int128 u128;
    u128 m = (u128)(a ^ 0x9e3779b97f4a7c15u) * (b ^ 0xd1b54a32d192ed03u);
    return (uint64_t)m ^ (uint64_t)(m >> 64);
}

static inline uint64_t hash_load64(const char *p)
{
    uint64_t v;
    memcpy(&v, p, 8);
    return v;
}

static inline uint64_t hash_load32(const char *p)
{
    uint32_t v;
    memcpy(&v, p, 4);
    return v;
}

static inline uint64_t hash_bytes(str s, uint64_t seed)
{
    const char *p = s.p;
    size_t n = s.n;
    uint64_t h = seed ^ (n * 0x2d358dccaa6c78a5u);
    while (n > 16) {
        h = hash_mix(hash_load64(p) ^ h, hash_load64(p + 8) ^ seed);
        p += 16;
        n -= 16;
    }
    uint64_t a = 0, b = 0;
    if (n >= 8) {
        a = hash_load64(p);
        b = hash_load64(p + n - 8);
    } else if (n >= 4) {
        a = hash_load32(p);
        b = hash_load32(p + n - 4);
    } else if (n > 0) {
        a = (uint64_t)(unsigned char)p[0] << 16 | (uint64_t)(unsigned char)p[n >> 1] << 8 |
            (unsigned char)p[n - 1];
    }
    return hash_mix(a ^ h, b ^ 0x8bb84b93962eacc9u ^ seed);
}

#endif
