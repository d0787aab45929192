/* SPDX-License-Identifier: Apache-2.0 */
/* dynamics_int.h - for files in dynamics/ only: templates as bytes, little end first.
 *
 *     magic (8) | numbers | u64 checksum of all before it
 *
 * The checksum guards against accident, like the hash it is. */
#ifndef DYNAMICS_DYNAMICS_INT_H
#define DYNAMICS_DYNAMICS_INT_H

#include "base/reader.h"
#include "dynamics/dynamics.h"

static inline void put_u32(struct sbuf *out, uint32_t v)
{
    char b[4] = {(char)(v & 0xff), (char)(v >> 8 & 0xff), (char)(v >> 16 & 0xff), (char)(v >> 24)};
    sbuf_add(out, (str){b, sizeof b});
}

static inline void put_floats(struct sbuf *out, const float *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, &v[i], sizeof bits);
        put_u32(out, bits);
    }
}

static inline uint32_t get_u32(struct reader *r)
{
    str s = rd_take(r, 4);
    const unsigned char *b = (const unsigned char *)s.p;
    return s.n ? b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24 : 0;
}

static inline void get_floats(struct reader *r, float *out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t bits = get_u32(r);
        memcpy(&out[i], &bits, sizeof bits);
    }
}

/* The checksum of what `out` holds from `start` on is added to it. */
void dynamics_seal(struct sbuf *out, size_t start);
/* What is between the magic and a checksum that is right; false: it is not. */
bool dynamics_unseal(str bytes, const char *magic, struct reader *out);

/* Two deviations past what is usual is 0.5. */
double dynamics_score(double distance, double usual, double deviation);

#endif
