/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks of 512 rows at a time through a forest, with AVX-512.
 *
 * 1. For every test of the forest (forest_int.h) one bit for each row: does it go right?  A tree's nodes share few
 *    tests with 300 other trees' nodes, so these bits are found once for a block.  A column with many
 *    thresholds has its values made into ranks among these first, a byte each: 64 of them are compared at once, not 16.
 * 2. For every tree, which needs no comparison any more: the bit of its root says for 512 rows at once which half of the
 *    bits of the level below count, and so on (a tree of multiplexers, one vpternlogq each).  What is selected on level l
 *    is bit l of the number of the leaf.
 * 3. The bits are put together to a byte for each row, and the leaves' values looked up in registers.
 *
 * The multiplexers are after "bit slicing" of ciphers (Biham, "A fast new DES implementation in software", 1997);
 * comparing one threshold with many rows, after RapidScorer (Ye et al., KDD 2018). */
#include "tree/forest_int.h"

#ifdef __x86_64__
#include <immintrin.h>
#include <math.h>
#include <string.h>

#define AVX512 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl")))
#define INLINE static inline __attribute__((always_inline)) AVX512

enum { ROWS = FOREST_AVX512_ROWS, LANES = 16, COLUMNS = 16 };

struct scratch {
    float column[COLUMNS][ROWS];
    float sum[ROWS];
    uint8_t rank[ROWS];
    uint64_t present[ROWS / 64];
    __m512i bits[]; /* (tests) */
};

size_t forest_avx512_scratch(const struct forest *f)
{
    return sizeof(struct scratch) + (f->tests + f->groups * ROWS * sizeof(float) / 64) * 64;
}

/* ---- 1: the tests ---- */

/* Some columns of the rows, each on its own; what is behind the last row is 0. */
AVX512 static void turn(const struct forest_column *c, size_t columns, const float *x, size_t n,
                        size_t stride, struct scratch *s)
{
    __m512i at =
        _mm512_mullo_epi32(_mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
                           _mm512_set1_epi32((int)stride));
    for (size_t row = 0; row < ROWS; row += LANES) {
        size_t some = row < n ? n - row : 0;
        __mmask16 there = (__mmask16)(some >= LANES ? 0xffffU : (1U << some) - 1);
        const float *from = x + (some ? row * stride : 0);
        for (size_t k = 0; k < columns; k++)
            _mm512_store_ps(s->column[k] + row,
                            _mm512_mask_i32gather_ps(_mm512_setzero_ps(), there, at,
                                                     from + c[k].column, sizeof(float)));
    }
}

AVX512 static void test_floats(const struct forest *f, const struct forest_column *c,
                               const float *value, __m512i *bits)
{
    for (uint32_t i = c->first; i < c->first + c->right; i++) {
        __mmask16 *out = (__mmask16 *)&bits[i];
        __m512 threshold = _mm512_set1_ps(f->test_threshold[i]);
        for (size_t row = 0; row < ROWS; row += LANES)
            *out++ = _mm512_cmp_ps_mask(_mm512_load_ps(value + row), threshold, _CMP_NLT_UQ);
    }
    for (uint32_t i = c->first + c->right; i < c->first + c->right + c->left; i++) {
        __mmask16 *out = (__mmask16 *)&bits[i];
        __m512 threshold = _mm512_set1_ps(f->test_threshold[i]);
        for (size_t row = 0; row < ROWS; row += LANES)
            *out++ = _mm512_cmp_ps_mask(_mm512_load_ps(value + row), threshold, _CMP_GE_OQ);
    }
}

/* How many of the sorted thresholds are no more than the value: a binary search, its first half in a register. */
AVX512 static void rank(const struct forest_column *c, struct scratch *s, const float *value)
{
    __m512 coarse = _mm512_i32gather_ps(
        _mm512_setr_epi32(15, 31, 47, 63, 79, 95, 111, 127, 143, 159, 175, 191, 207, 223, 239, 255),
        c->threshold, sizeof(float));
    __mmask16 *present = (__mmask16 *)s->present;
    for (size_t row = 0; row < ROWS; row += LANES) {
        __m512 v = _mm512_load_ps(value + row);
        __m512i at = _mm512_setzero_si512();
        for (int step = 8; step; step /= 2) {
            __m512 t =
                _mm512_permutexvar_ps(_mm512_add_epi32(at, _mm512_set1_epi32(step - 1)), coarse);
            __mmask16 up = _mm512_cmp_ps_mask(t, v, _CMP_LE_OQ);
            at = _mm512_mask_add_epi32(at, up, at, _mm512_set1_epi32(step));
        }
        at = _mm512_slli_epi32(at, 4);
        for (int step = 8; step; step /= 2) {
            __m512 t = _mm512_i32gather_ps(at, c->threshold + step - 1, sizeof(float));
            __mmask16 up = _mm512_cmp_ps_mask(t, v, _CMP_LE_OQ);
            at = _mm512_mask_add_epi32(at, up, at, _mm512_set1_epi32(step));
        }
        __mmask16 number = _mm512_cmp_ps_mask(v, v, _CMP_ORD_Q);
        at = _mm512_min_epu32(at, _mm512_set1_epi32((int)c->ranks));
        at = _mm512_mask_mov_epi32(_mm512_set1_epi32(255), number, at);
        _mm_store_si128((__m128i *)(s->rank + row), _mm512_cvtepi32_epi8(at));
        *present++ = number;
    }
}

AVX512 static void test_ranks(const struct forest *f, const struct forest_column *c,
                              struct scratch *s)
{
    __m512i rank[ROWS / 64];
    for (size_t k = 0; k < ROWS / 64; k++)
        rank[k] = _mm512_load_si512(s->rank + 64 * k);
    for (uint32_t i = c->first; i < c->first + c->right; i++) {
        __m512i test = _mm512_set1_epi8((char)f->test_rank[i]);
        uint64_t *out = (uint64_t *)&s->bits[i];
        for (size_t k = 0; k < ROWS / 64; k++)
            out[k] = _mm512_cmpgt_epu8_mask(rank[k], test);
    }
    for (uint32_t i = c->first + c->right; i < c->first + c->right + c->left; i++) {
        __m512i test = _mm512_set1_epi8((char)f->test_rank[i]);
        uint64_t *out = (uint64_t *)&s->bits[i];
        for (size_t k = 0; k < ROWS / 64; k++)
            out[k] = _mm512_mask_cmpgt_epu8_mask(s->present[k], rank[k], test);
    }
}

/* Tests of a column from which finding ranks first is less work. */
enum { RANKS_WORTH = 72 };

AVX512 static void all_tests(const struct forest *f, const float *x, size_t n, size_t stride,
                             struct scratch *s)
{
    s->bits[0] = _mm512_setzero_si512();
    for (size_t first = 0; first < f->test_columns; first += COLUMNS) {
        const struct forest_column *c = f->test_column + first;
        size_t some = f->test_columns - first;
        some = some < COLUMNS ? some : COLUMNS;
        turn(c, some, x, n, stride, s);
        for (size_t k = 0; k < some; k++)
            if (c[k].ranks && c[k].right + c[k].left >= RANKS_WORTH) {
                rank(&c[k], s, s->column[k]);
                test_ranks(f, &c[k], s);
            } else {
                test_floats(f, &c[k], s->column[k], s->bits);
            }
    }
}

/* ---- 2: the number of the leaf ---- */

/* Of 2^LEVELS tests beside each other the one that the bits p[0], p[1]… of the levels above lead to. */
INLINE __m512i pick0(const __m512i *bits, const uint32_t *test, const __m512i *p)
{
    (void)p;
    return bits[*test];
}
#define PICK(LEVELS, BELOW)                                                                        \
    INLINE __m512i pick##LEVELS(const __m512i *bits, const uint32_t *test, const __m512i *p)       \
    {                                                                                              \
        __m512i left = pick##BELOW(bits, test, p + 1);                                             \
        __m512i right = pick##BELOW(bits, test + (1 << BELOW), p + 1);                             \
        return _mm512_ternarylogic_epi64(p[0], right, left, 0xca);                                 \
    }
PICK(1, 0)
PICK(2, 1)
PICK(3, 2)
PICK(4, 3)
PICK(5, 4)

/* Once in the code each: they are long. */
__attribute__((noinline)) AVX512 static __m512i pick_32(const __m512i *bits, const uint32_t *test,
                                                        const __m512i *p)
{
    return pick5(bits, test, p);
}
AVX512 static __m512i pick_64(const __m512i *bits, const uint32_t *test, const __m512i *p)
{
    __m512i left = pick_32(bits, test, p + 1), right = pick_32(bits, test + 32, p + 1);
    return _mm512_ternarylogic_epi64(p[0], right, left, 0xca);
}
AVX512 static __m512i pick_128(const __m512i *bits, const uint32_t *test, const __m512i *p)
{
    __m512i left = pick_64(bits, test, p + 1), right = pick_64(bits, test + 64, p + 1);
    return _mm512_ternarylogic_epi64(p[0], right, left, 0xca);
}

/* Bit l of the leaves' numbers into plane[l]. */
AVX512 static void find_leaves(const struct forest_tree *t, const __m512i *bits, __m512i *plane)
{
    unsigned depth = t->depth;
    if (depth > 0)
        plane[0] = pick0(bits, t->test, plane);
    if (depth > 1)
        plane[1] = pick1(bits, t->test + 1, plane);
    if (depth > 2)
        plane[2] = pick2(bits, t->test + 3, plane);
    if (depth > 3)
        plane[3] = pick3(bits, t->test + 7, plane);
    if (depth > 4)
        plane[4] = pick4(bits, t->test + 15, plane);
    if (depth > 5)
        plane[5] = pick_32(bits, t->test + 31, plane);
    if (depth > 6)
        plane[6] = pick_64(bits, t->test + 63, plane);
    if (depth > 7)
        plane[7] = pick_128(bits, t->test + 127, plane);
}

/* ---- 3: the values of the leaves ---- */

INLINE __m512 look_up(const struct forest_tree *t, __m512i leaf)
{
    const float *v = t->block_leaf;
    if (t->depth <= 4)
        return _mm512_permutexvar_ps(leaf, _mm512_loadu_ps(v));
    if (t->depth > 6)
        return _mm512_i32gather_ps(leaf, v, sizeof(float));
    __m512 low = _mm512_permutex2var_ps(_mm512_loadu_ps(v), leaf, _mm512_loadu_ps(v + 16));
    if (t->depth == 5)
        return low;
    __m512 high = _mm512_permutex2var_ps(_mm512_loadu_ps(v + 32), leaf, _mm512_loadu_ps(v + 48));
    __mmask16 upper = _mm512_test_epi32_mask(leaf, _mm512_set1_epi32(32));
    return _mm512_mask_mov_ps(low, upper, high);
}

AVX512 static void add_leaves(const struct forest_tree *t, const __m512i *plane, float *sum)
{
    for (size_t k = 0; k < ROWS / 64; k++) {
        uint8_t leaf[64] __attribute__((aligned(64)));
        __m512i number = _mm512_setzero_si512();
        for (unsigned l = 0; l < t->depth; l++) {
            __mmask64 set = ((const uint64_t *)&plane[l])[k];
            number = _mm512_add_epi8(number, number);
            number = _mm512_mask_sub_epi8(number, set, number, _mm512_set1_epi8(-1));
        }
        _mm512_store_si512(leaf, number);
        for (size_t i = 0; i < 64; i += LANES) {
            float *at = sum + 64 * k + i;
            __m512i some = _mm512_cvtepu8_epi32(_mm_load_si128((const __m128i *)(leaf + i)));
            _mm512_store_ps(at, _mm512_add_ps(_mm512_load_ps(at), look_up(t, some)));
        }
    }
}

/* ---- */

AVX512 void forest_avx512(const struct forest *f, const float *x, size_t n, size_t stride,
                          void *scratch, float *out)
{
    struct scratch *s = scratch;
    float *sums = (float *)&s->bits[f->tests]; /* (groups, ROWS) */
    __m512i plane[FOREST_HEAP_DEPTH];
    all_tests(f, x, n, stride, s);
    forest_sums_from(out, f->groups, n, ROWS, sums);
    for (size_t i = 0; i < f->trees; i++) {
        const struct forest_tree *t = &f->tree[i];
        float *sum = sums + t->group * ROWS;
        if (t->in_heap) {
            find_leaves(t, s->bits, plane);
            add_leaves(t, plane, sum);
        } else {
            for (size_t row = 0; row < n; row++)
                sum[row] += forest_leaf(t, x + row * stride);
        }
    }
    forest_sums_to(out, f->groups, n, ROWS, sums);
}
#else
size_t forest_avx512_scratch(const struct forest *f)
{
    (void)f;
    return 64;
}
void forest_avx512(const struct forest *f, const float *x, size_t n, size_t stride, void *scratch,
                   float *out)
{
    (void)f, (void)x, (void)n, (void)stride, (void)scratch, (void)out;
}
#endif
