/* SPDX-License-Identifier: Apache-2.0 */
/* The kernels for processors with AVX2 and fused multiply-add. */
#include "nn/nn_int.h"

#ifdef __x86_64__
#include <immintrin.h>

#define TARGET __attribute__((target("avx2,fma")))
#define INLINE static inline __attribute__((always_inline)) TARGET

typedef __m256 vec;
typedef __m256i part;
enum { LANES = 8, PANEL = 2, TILE_ROWS = 12 };
/* Rows of a tile of 1 and 2 vectors: 16 registers hold the sums, a row of B and a number of A. */
static const unsigned char tile_rows[PANEL + 1] = {0, 12, 6};

INLINE vec v_load(const float *p)
{
    return _mm256_loadu_ps(p);
}
INLINE void v_store(float *p, vec x)
{
    _mm256_storeu_ps(p, x);
}
/* The first n lanes, 1 … LANES. */
INLINE part v_part(size_t n)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
INLINE vec v_load_part(const float *p, part m) /* the others are 0 */
{
    return _mm256_maskload_ps(p, m);
}
INLINE vec v_only(part m, vec x) /* the others 0 */
{
    return _mm256_and_ps(_mm256_castsi256_ps(m), x);
}
INLINE void v_store_part(float *p, part m, vec x)
{
    _mm256_maskstore_ps(p, m, x);
}
INLINE vec v_set(float x)
{
    return _mm256_set1_ps(x);
}
INLINE vec v_add(vec a, vec b)
{
    return _mm256_add_ps(a, b);
}
INLINE vec v_sub(vec a, vec b)
{
    return _mm256_sub_ps(a, b);
}
INLINE vec v_mul(vec a, vec b)
{
    return _mm256_mul_ps(a, b);
}
INLINE vec v_div(vec a, vec b)
{
    return _mm256_div_ps(a, b);
}
INLINE vec v_sqrt(vec a)
{
    return _mm256_sqrt_ps(a);
}
INLINE vec v_fma(vec a, vec b, vec c) /* a·b + c */
{
    return _mm256_fmadd_ps(a, b, c);
}
INLINE vec v_max(vec a, vec b) /* b when either is NaN */
{
    return _mm256_max_ps(a, b);
}
INLINE vec v_min(vec a, vec b) /* b when either is NaN */
{
    return _mm256_min_ps(a, b);
}
INLINE vec v_abs(vec a)
{
    return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a);
}
INLINE vec v_sign(vec to, vec from) /* `to`, not negative, with the sign of `from` */
{
    return _mm256_or_ps(to, _mm256_and_ps(from, _mm256_set1_ps(-0.0f)));
}
INLINE vec v_less(vec a, vec b, vec yes, vec no) /* a < b ? yes : no */
{
    return _mm256_blendv_ps(no, yes, _mm256_cmp_ps(a, b, _CMP_LT_OQ));
}
INLINE vec v_round(vec a)
{
    return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
INLINE vec v_scale(vec a, vec n) /* a · 2ⁿ, n whole, -126 … 127 */
{
    __m256i e = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
    return _mm256_mul_ps(a, _mm256_castsi256_ps(_mm256_slli_epi32(e, 23)));
}
INLINE float v_sum(vec a)
{
    __m128 x = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    x = _mm_add_ps(x, _mm_movehl_ps(x, x));
    return _mm_cvtss_f32(_mm_add_ss(x, _mm_movehdup_ps(x)));
}
INLINE float v_top(vec a)
{
    __m128 x = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    x = _mm_max_ps(x, _mm_movehl_ps(x, x));
    return _mm_cvtss_f32(_mm_max_ss(x, _mm_movehdup_ps(x)));
}
/* A square of numbers with rows and columns changed. */
INLINE void v_transpose(vec r[LANES])
{
    vec t[LANES];
    UNROLL for (int i = 0; i < LANES; i += 2)
    {
        t[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
        t[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
    }
    UNROLL for (int i = 0; i < LANES; i += 4) UNROLL for (int j = 0; j < 2; j++)
    {
        __m256d lo = _mm256_castps_pd(t[i + j]), hi = _mm256_castps_pd(t[i + j + 2]);
        r[i + 2 * j] = _mm256_castpd_ps(_mm256_unpacklo_pd(lo, hi));
        r[i + 2 * j + 1] = _mm256_castpd_ps(_mm256_unpackhi_pd(lo, hi));
    }
    UNROLL for (int i = 0; i < 4; i++)
    {
        vec lo = r[i], hi = r[i + 4];
        r[i] = _mm256_permute2f128_ps(lo, hi, 0x20);
        r[i + 4] = _mm256_permute2f128_ps(lo, hi, 0x31);
    }
}

#define VARIANT      kernels_avx2
#define VARIANT_NAME "avx2"
#define TILES        "nn/tile_avx2.def"
#include "nn/simd_gemm_int.h"
#include "nn/simd_math_int.h"
#endif
