/* SPDX-License-Identifier: Apache-2.0 */
/* bytes.h - numbers of model files, little-endian whatever the machine.
 *
 * Reading goes on the reader's sticking failure: what does not fit is zero or empty, `ok` is tested once. */
#ifndef ML_BYTES_H
#define ML_BYTES_H

#include "base/reader.h"
#include "base/sbuf.h"

static inline void put_u32(struct sbuf *b, uint32_t v)
{
    const char c[4] = {(char)(v & 255), (char)(v >> 8 & 255), (char)(v >> 16 & 255),
                       (char)(v >> 24)};
    sbuf_add(b, (str){c, sizeof c});
}

static inline void put_u64(struct sbuf *b, uint64_t v)
{
    put_u32(b, (uint32_t)v);
    put_u32(b, (uint32_t)(v >> 32));
}

static inline void put_f32(struct sbuf *b, float v)
{
    uint32_t u;
    memcpy(&u, &v, sizeof u);
    put_u32(b, u);
}

static inline void put_f64(struct sbuf *b, double v)
{
    uint64_t u;
    memcpy(&u, &v, sizeof u);
    put_u64(b, u);
}

static inline void put_f32s(struct sbuf *b, const float *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        put_f32(b, v[i]);
}

static inline void put_text(struct sbuf *b, str s)
{
    put_u32(b, (uint32_t)s.n);
    sbuf_add(b, s);
}

static inline uint32_t rd_u32(struct reader *r)
{
    str s = rd_take(r, 4);
    const unsigned char *p = (const unsigned char *)s.p;
    return r->ok
               ? (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24
               : 0;
}

static inline uint64_t rd_u64(struct reader *r)
{
    uint64_t low = rd_u32(r);
    return low | (uint64_t)rd_u32(r) << 32;
}

static inline float rd_f32(struct reader *r)
{
    uint32_t u = rd_u32(r);
    float v;
    memcpy(&v, &u, sizeof v);
    return v;
}

static inline double rd_f64(struct reader *r)
{
    uint64_t u = rd_u64(r);
    double v;
    memcpy(&v, &u, sizeof v);
    return v;
}

static inline void rd_f32s(struct reader *r, float *out, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = rd_f32(r);
}

/* A number that must be at most `most`. */
static inline uint32_t rd_count(struct reader *r, uint32_t most)
{
    uint32_t n = rd_u32(r);
    if (n > most)
        r->ok = false;
    return r->ok ? n : 0;
}

static inline str rd_text(struct reader *r, uint32_t most)
{
    return rd_take(r, rd_count(r, most));
}

#endif
