/* SPDX-License-Identifier: Apache-2.0 */
/* The kernels for processors with AVX-512. */
#include "nn/nn_int.h"

#ifdef __x86_64__
#include <immintrin.h>

#define TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")))
#define INLINE static inline __attribute__((always_inline)) TARGET

typedef __m512 vec;
typedef __mmask16 part;
enum { LANES = 16, PANEL = 4, TILE_ROWS = 12 };
/* Rows of a tile of 1, 2, … vectors: 32 registers hold the sums, a row of B and a number of A. */
static const unsigned char tile_rows[PANEL + 1] = {0, 12, 12, 8, 6};

INLINE vec v_load(const float *p)
{
    return _mm512_loadu_ps(p);
}
INLINE void v_store(float *p, vec x)
{
    _mm512_storeu_ps(p, x);
}
/* The first n lanes, 1 … LANES. */
INLINE part v_part(size_t n)
{
    return (part)(0xffffu >> (LANES - n));
}
INLINE vec v_load_part(const float *p, part m) /* the others are 0 */
{
    return _mm512_maskz_loadu_ps(m, p);
}
INLINE vec v_only(part m, vec x) /* the others 0 */
{
    return _mm512_maskz_mov_ps(m, x);
}
INLINE void v_store_part(float *p, part m, vec x)
{
    _mm512_mask_storeu_ps(p, m, x);
}
INLINE vec v_set(float x)
{
    return _mm512_set1_ps(x);
}
INLINE vec v_add(vec a, vec b)
{
    return _mm512_add_ps(a, b);
}
INLINE vec v_sub(vec a, vec b)
{
    return _mm512_sub_ps(a, b);
}
INLINE vec v_mul(vec a, vec b)
{
    return _mm512_mul_ps(a, b);
}
INLINE vec v_div(vec a, vec b)
{
    return _mm512_div_ps(a, b);
}
INLINE vec v_sqrt(vec a)
{
    return _mm512_sqrt_ps(a);
}
INLINE vec v_fma(vec a, vec b, vec c) /* a·b + c */
{
    return _mm512_fmadd_ps(a, b, c);
}
INLINE vec v_max(vec a, vec b) /* b when either is NaN */
{
    return _mm512_max_ps(a, b);
}
INLINE vec v_min(vec a, vec b) /* b when either is NaN */
{
    return _mm512_min_ps(a, b);
}
INLINE vec v_abs(vec a)
{
    return _mm512_abs_ps(a);
}
INLINE vec v_sign(vec to, vec from) /* `to`, not negative, with the sign of `from` */
{
    return _mm512_or_ps(to, _mm512_and_ps(from, _mm512_set1_ps(-0.0f)));
}
INLINE vec v_less(vec a, vec b, vec yes, vec no) /* a < b ? yes : no */
{
    return _mm512_mask_mov_ps(no, _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ), yes);
}
INLINE vec v_round(vec a)
{
    return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
INLINE vec v_scale(vec a, vec n) /* a · 2ⁿ, n whole */
{
    return _mm512_scalef_ps(a, n);
}
INLINE float v_sum(vec a)
{
    return _mm512_reduce_add_ps(a);
}
INLINE float v_top(vec a)
{
    return _mm512_reduce_max_ps(a);
}
/* A square of numbers with rows and columns changed. */
INLINE void v_transpose(vec r[LANES])
{
    vec t[LANES];
    UNROLL for (int i = 0; i < LANES; i += 2)
    {
        t[i] = _mm512_unpacklo_ps(r[i], r[i + 1]);
        t[i + 1] = _mm512_unpackhi_ps(r[i], r[i + 1]);
    }
    UNROLL for (int i = 0; i < LANES; i += 4) UNROLL for (int j = 0; j < 2; j++)
    {
        __m512d lo = _mm512_castps_pd(t[i + j]), hi = _mm512_castps_pd(t[i + j + 2]);
        r[i + 2 * j] = _mm512_castpd_ps(_mm512_unpacklo_pd(lo, hi));
        r[i + 2 * j + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(lo, hi));
    }
    UNROLL for (int i = 0; i < 4; i++)
    {
        t[i] = _mm512_shuffle_f32x4(r[i], r[i + 4], 0x88);
        t[i + 4] = _mm512_shuffle_f32x4(r[i], r[i + 4], 0xdd);
        t[i + 8] = _mm512_shuffle_f32x4(r[i + 8], r[i + 12], 0x88);
        t[i + 12] = _mm512_shuffle_f32x4(r[i + 8], r[i + 12], 0xdd);
    }
    UNROLL for (int i = 0; i < 8; i++)
    {
        r[i] = _mm512_shuffle_f32x4(t[i], t[i + 8], 0x88);
        r[i + 8] = _mm512_shuffle_f32x4(t[i], t[i + 8], 0xdd);
    }
}

#define VARIANT      kernels_avx512
#define VARIANT_NAME "avx512"
#define TILES        "nn/tile_avx512.def"
#include "nn/simd_gemm_int.h"
#include "nn/simd_math_int.h"
#endif
