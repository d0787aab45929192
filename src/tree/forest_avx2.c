/* SPDX-License-Identifier: Apache-2.0 */
/* forest_avx512.c with registers of half the size. */
#include "tree/forest_int.h"

#ifdef __x86_64__
#include <immintrin.h>
#include <math.h>
#include <string.h>

#define AVX2   __attribute__((target("avx2")))
#define INLINE static inline __attribute__((always_inline)) AVX2

enum { ROWS = FOREST_AVX2_ROWS, LANES = 8, COLUMNS = 16 };

struct scratch {
    float column[COLUMNS][ROWS];
    uint8_t rank[2][ROWS]; /* NaN above all, and below all */
    __m256i bits[];        /* (tests), then sums (groups, ROWS) */
};

size_t forest_avx2_scratch(const struct forest *f)
{
    return sizeof(struct scratch) + f->tests * 32 + f->groups * ROWS * sizeof(float);
}

static void turn(const struct forest_column *c, size_t columns, const float *x, size_t n,
                 size_t stride, struct scratch *s)
{
    for (size_t row = 0; row < ROWS; row++)
        for (size_t k = 0; k < columns; k++)
            s->column[k][row] = row < n ? x[row * stride + c[k].column] : 0;
}

AVX2 static void test_column(const struct forest *f, const struct forest_column *c,
                             const float *value, __m256i *bits)
{
    for (uint32_t i = c->first; i < c->first + c->right; i++) {
        uint8_t *out = (uint8_t *)&bits[i];
        __m256 threshold = _mm256_set1_ps(f->test_threshold[i]);
        for (size_t row = 0; row < ROWS; row += LANES)
            *out++ = (uint8_t)_mm256_movemask_ps(
                _mm256_cmp_ps(_mm256_load_ps(value + row), threshold, _CMP_NLT_UQ));
    }
    for (uint32_t i = c->first + c->right; i < c->first + c->right + c->left; i++) {
        uint8_t *out = (uint8_t *)&bits[i];
        __m256 threshold = _mm256_set1_ps(f->test_threshold[i]);
        for (size_t row = 0; row < ROWS; row += LANES)
            *out++ = (uint8_t)_mm256_movemask_ps(
                _mm256_cmp_ps(_mm256_load_ps(value + row), threshold, _CMP_GE_OQ));
    }
}

/* How many of the sorted thresholds are no more than the value: a binary search. */
AVX2 static void rank(const struct forest_column *c, struct scratch *s, const float *value)
{
    __m256i most = _mm256_set1_epi32((int)c->ranks);
    for (size_t row = 0; row < ROWS; row += LANES) {
        uint32_t found[LANES];
        __m256 v = _mm256_load_ps(value + row);
        __m256i at = _mm256_setzero_si256();
        for (int step = 128; step; step /= 2) {
            __m256 t = _mm256_i32gather_ps(c->threshold + step - 1, at, sizeof(float));
            __m256i up = _mm256_castps_si256(_mm256_cmp_ps(t, v, _CMP_LE_OQ));
            at = _mm256_add_epi32(at, _mm256_and_si256(up, _mm256_set1_epi32(step)));
        }
        _mm256_storeu_si256((__m256i *)found, _mm256_min_epu32(at, most));
        for (size_t i = 0; i < LANES; i++) {
            bool missing = isnan(value[row + i]);
            s->rank[0][row + i] = missing ? UINT8_MAX : (uint8_t)found[i];
            s->rank[1][row + i] = missing ? 0 : (uint8_t)found[i];
        }
    }
}

/* Tests from `first` on: 32 ranks are compared at once. */
AVX2 static void test_ranks(const struct forest *f, uint32_t first, uint32_t n, const uint8_t *rank,
                            __m256i *bits)
{
    const __m256i *r = (const __m256i *)rank;
    for (uint32_t i = first; i < first + n; i++) {
        __m256i least = _mm256_set1_epi8((char)(f->test_rank[i] + 1));
        uint32_t *out = (uint32_t *)&bits[i];
        for (size_t k = 0; k < ROWS / 32; k++) {
            __m256i is = _mm256_cmpeq_epi8(_mm256_max_epu8(r[k], least), r[k]);
            out[k] = (uint32_t)_mm256_movemask_epi8(is);
        }
    }
}

/* Tests of a column from which finding ranks first is less work. */
enum { RANKS_WORTH = 64 };

AVX2 static void test_either(const struct forest *f, const struct forest_column *c,
                             struct scratch *s, const float *value)
{
    if (c->ranks == 0 || c->right + c->left < RANKS_WORTH) {
        test_column(f, c, value, s->bits);
        return;
    }
    rank(c, s, value);
    test_ranks(f, c->first, c->right, s->rank[0], s->bits);
    test_ranks(f, c->first + c->right, c->left, s->rank[1], s->bits);
}

INLINE __m256i pick0(const __m256i *bits, const uint32_t *test, const __m256i *p)
{
    (void)p;
    return bits[*test];
}
#define PICK(LEVELS, BELOW)                                                                        \
    INLINE __m256i pick##LEVELS(const __m256i *bits, const uint32_t *test, const __m256i *p)       \
    {                                                                                              \
        __m256i left = pick##BELOW(bits, test, p + 1);                                             \
        __m256i right = pick##BELOW(bits, test + (1 << BELOW), p + 1);                             \
        return _mm256_or_si256(_mm256_and_si256(p[0], right), _mm256_andnot_si256(p[0], left));    \
    }
PICK(1, 0)
PICK(2, 1)
PICK(3, 2)
PICK(4, 3)

__attribute__((noinline)) AVX2 static __m256i pick_16(const __m256i *bits, const uint32_t *test,
                                                      const __m256i *p)
{
    return pick4(bits, test, p);
}
AVX2 static __m256i pick_32(const __m256i *bits, const uint32_t *test, const __m256i *p)
{
    __m256i left = pick_16(bits, test, p + 1), right = pick_16(bits, test + 16, p + 1);
    return _mm256_or_si256(_mm256_and_si256(p[0], right), _mm256_andnot_si256(p[0], left));
}
AVX2 static __m256i pick_64(const __m256i *bits, const uint32_t *test, const __m256i *p)
{
    __m256i left = pick_32(bits, test, p + 1), right = pick_32(bits, test + 32, p + 1);
    return _mm256_or_si256(_mm256_and_si256(p[0], right), _mm256_andnot_si256(p[0], left));
}
AVX2 static __m256i pick_128(const __m256i *bits, const uint32_t *test, const __m256i *p)
{
    __m256i left = pick_64(bits, test, p + 1), right = pick_64(bits, test + 64, p + 1);
    return _mm256_or_si256(_mm256_and_si256(p[0], right), _mm256_andnot_si256(p[0], left));
}

AVX2 static void find_leaves(const struct forest_tree *t, const __m256i *bits, __m256i *plane)
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
        plane[4] = pick_16(bits, t->test + 15, plane);
    if (depth > 5)
        plane[5] = pick_32(bits, t->test + 31, plane);
    if (depth > 6)
        plane[6] = pick_64(bits, t->test + 63, plane);
    if (depth > 7)
        plane[7] = pick_128(bits, t->test + 127, plane);
}

AVX2 static void add_leaves(const struct forest_tree *t, const __m256i *plane, float *sum)
{
    const __m256i which = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
    for (size_t row = 0; row < ROWS; row += LANES) {
        __m256i number = _mm256_setzero_si256();
        for (unsigned l = 0; l < t->depth; l++) {
            uint8_t eight = ((const uint8_t *)&plane[l])[row / LANES];
            __m256i set =
                _mm256_cmpeq_epi32(_mm256_and_si256(_mm256_set1_epi32(eight), which), which);
            number = _mm256_sub_epi32(_mm256_add_epi32(number, number), set);
        }
        __m256 value = _mm256_i32gather_ps(t->block_leaf, number, sizeof(float));
        _mm256_store_ps(sum + row, _mm256_add_ps(_mm256_load_ps(sum + row), value));
    }
}

AVX2 void forest_avx2(const struct forest *f, const float *x, size_t n, size_t stride,
                      void *scratch, float *out)
{
    struct scratch *s = scratch;
    float *sums = (float *)&s->bits[f->tests];
    __m256i plane[FOREST_HEAP_DEPTH];
    s->bits[0] = _mm256_setzero_si256();
    for (size_t first = 0; first < f->test_columns; first += COLUMNS) {
        const struct forest_column *c = f->test_column + first;
        size_t some = f->test_columns - first < COLUMNS ? f->test_columns - first : COLUMNS;
        turn(c, some, x, n, stride, s);
        for (size_t k = 0; k < some; k++)
            test_either(f, &c[k], s, s->column[k]);
    }
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
size_t forest_avx2_scratch(const struct forest *f)
{
    (void)f;
    return 64;
}
void forest_avx2(const struct forest *f, const float *x, size_t n, size_t stride, void *scratch,
                 float *out)
{
    (void)f, (void)x, (void)n, (void)stride, (void)scratch, (void)out;
}
#endif
