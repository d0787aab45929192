/* SPDX-License-Identifier: Apache-2.0 */
/* wide.h - sixteen bytes looked at together; for files in intel/ only.
 *
 * Values come as text of twenty to two thousand bytes, and asking each byte what it
 * is was most of the time a look-up took.  The compiler's own vectors do it on any
 * processor; only collecting the answers into bits needs to know which one. */
#ifndef INTEL_WIDE_H
#define INTEL_WIDE_H

#include "base/str.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum { WIDE = 16 };
typedef uint8_t wide __attribute__((vector_size(16)));

/* Fewer than WIDE bytes at `p`, and zeros: from words that overlap, because copying a number of
 * bytes that is not known beforehand is a call. */
static inline wide wide_part(const char *p, size_t n)
{
    uint64_t half[2] = {0, 0};
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    uint32_t a, b;
    if (n > 8) {
        memcpy(&half[0], p, 8);
        memcpy(&half[1], p + n - 8, 8);
        half[1] >>= 8 * (WIDE - n);
    } else if (n >= 4) {
        memcpy(&a, p, 4);
        memcpy(&b, p + n - 4, 4);
        half[0] = a | (uint64_t)b << (8 * (n - 4));
    } else {
        for (size_t i = 0; i < n; i++)
            half[0] |= (uint64_t)(uint8_t)p[i] << (8 * i);
    }
#else
    memcpy(half, p, n);
#endif
    wide v;
    memcpy(&v, half, sizeof v);
    return v;
}

/* The first `n` bytes at `p`, at most WIDE, and zeros. */
static inline wide wide_load(const char *p, size_t n)
{
    if (n < WIDE)
        return wide_part(p, n);
    wide v;
    memcpy(&v, p, WIDE);
    return v;
}

/* Sixteen times `c`. */
static inline wide wide_of(char c)
{
    return (wide){0} + (uint8_t)c;
}

/* All ones where a byte is `c`, or from `low` to `high`; else zero. */
static inline wide wide_is(wide v, char c)
{
    return (wide)(v == wide_of(c));
}
static inline wide wide_in(wide v, char low, char high)
{
    return (wide)(v - wide_of(low) <= wide_of((char)(high - low)));
}

/* All ones in the first `n` bytes, at most WIDE. */
static inline wide wide_first(size_t n)
{
    const wide place = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    return (wide)(place < wide_of((char)(n < WIDE ? n : WIDE)));
}

/* All bytes or-ed together. */
static inline unsigned wide_any(wide v)
{
    uint64_t half[2];
    memcpy(half, &v, sizeof v);
    uint64_t x = half[0] | half[1];
    x |= x >> 32;
    x |= x >> 16;
    return (unsigned)((x | x >> 8) & 0xff);
}

/* Bit i is set where byte i is not zero (all ones). */
static inline unsigned wide_bits(wide mask)
{
#ifdef __SSE2__
    return (unsigned)_mm_movemask_epi8((__m128i)mask);
#else
    unsigned bits = 0;
    for (unsigned i = 0; i < WIDE; i++)
        bits |= (unsigned)(mask[i] & 1) << i;
    return bits;
#endif
}

#endif
