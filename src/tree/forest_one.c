/* SPDX-License-Identifier: Apache-2.0 */
/* One row through 32 trees at a time, with AVX-512 and without a jump or a gather on the way down.
 *
 * 1. Each column's value becomes its rank among the thresholds that the forest asks it about.  A column of more than CHUNK
 *    of them is several.
 * 2. A node is 16 bits: its column, the rank of its threshold, and whether NaN goes left.  Those of 32 trees at one place of their heaps
 *    are a register.  Which of a level's a tree has come to is chosen by the decisions above it (a tree of multiplexers, as in
 *    forest_avx512.c); its column's number and rank are looked up in registers; less goes right.
 *
 * Nodes so small stay in the first-level cache with those of 300 trees of depth 6, where 8 bytes each do not: 2.3 µs before. */
#include "tree/forest_int.h"

#include "base/compiler.h"
#include "base/mem.h"

#ifdef __x86_64__
#include <immintrin.h>
#include <math.h>
#include <string.h>

#define AVX512 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,popcnt")))
#define INLINE static inline __attribute__((always_inline)) AVX512

enum { LANES = 32, RANK_BITS = 9, CHUNK = 254, COLUMNS_MAX = 128, MISSING = 0x1ff, LEFT = 0xffff };

struct column {
    uint32_t column, thresholds;
    float coarse[16];          /* each 16th of the others */
    float threshold[256 + 16]; /* ascending; behind the last +inf */
};
struct batch {
    uint32_t first, trees;
    uint8_t depth;
    const uint16_t
        *node; /* (2^depth - 1, LANES); NULL: there is a tree among them that no heap takes */
    const float *leaf; /* (2^depth, LANES) */
};
struct forest_one {
    size_t columns, batches;
    struct column *column;
    struct batch *batch;
};

/* ---- what is made ready ---- */

/* Append a threshold that is no less than the last; false: too many columns. */
static bool add_threshold(struct forest_one *o, uint32_t column, float threshold)
{
    struct column *c = o->column + o->columns;
    bool same = o->columns && c[-1].column == column;
    if (same && c[-1].threshold[c[-1].thresholds - 1] == threshold)
        return true;
    if (same && c[-1].thresholds < CHUNK)
        c--;
    else if (o->columns == COLUMNS_MAX)
        return false;
    else {
        *c = (struct column){.column = column};
        o->columns++;
    }
    c->threshold[c->thresholds++] = threshold;
    return true;
}

/* Columns from the forest's tests, and what a node of each test is; false: too many. */
static bool make_columns(const struct forest *f, struct forest_one *o, uint16_t *code)
{
    code[0] = LEFT;
    for (size_t k = 0; k < f->test_columns; k++) {
        const struct forest_column *c = &f->test_column[k];
        uint32_t right = c->first, left = c->first + c->right, end = left + c->left;
        while (right < c->first + c->right || left < end) { /* both are sorted */
            bool nan_left = right == c->first + c->right ||
                            (left < end && f->test_threshold[left] < f->test_threshold[right]);
            uint32_t test = nan_left ? left++ : right++;
            if (!add_threshold(o, c->column, f->test_threshold[test]))
                return false;
            code[test] = (uint16_t)((o->columns - 1) << RANK_BITS |
                                    (o->column[o->columns - 1].thresholds - 1) << 1 | nan_left);
        }
    }
    return true;
}

static void fill_up(struct column *c)
{
    for (uint32_t i = c->thresholds; i < COUNT(c->threshold); i++)
        c->threshold[i] = INFINITY;
    for (uint32_t i = 0; i < COUNT(c->coarse); i++)
        c->coarse[i] = c->threshold[16 * i + 15];
}

/* Sizes of the batches; returns how many places their heaps have. */
static size_t make_batches(const struct forest *f, struct forest_one *o)
{
    size_t places = 0;
    for (size_t i = 0; i < f->trees; i += LANES) {
        struct batch *b = &o->batch[o->batches++];
        bool heaps = true;
        *b = (struct batch){.first = (uint32_t)i,
                            .trees = (uint32_t)(f->trees - i < LANES ? f->trees - i : LANES)};
        for (size_t k = i; k < i + b->trees; k++) {
            heaps &= f->tree[k].in_heap;
            b->depth = f->tree[k].depth > b->depth ? f->tree[k].depth : b->depth;
        }
        b->depth = heaps ? b->depth : UINT8_MAX;
        places += heaps ? (size_t)1 << b->depth : 0;
    }
    return places;
}

/* Below a leaf all go left, and all leaves there are that leaf. */
static void fill_tree(const struct forest_tree *t, unsigned depth, const uint16_t *code,
                      uint16_t *node, float *leaf)
{
    for (size_t place = 0; place + 1 < (size_t)1 << depth; place++)
        node[place * LANES] = place + 1 < (size_t)1 << t->depth ? code[t->test[place]] : LEFT;
    for (size_t i = 0; i < (size_t)1 << depth; i++)
        leaf[i * LANES] = t->block_leaf[i >> (depth - t->depth)];
}

static void fill_batches(struct forest *f, struct forest_one *o, size_t places,
                         const uint16_t *code)
{
    uint16_t *node = forest_own(f, mem_aligned(64, (places + 1) * LANES * sizeof *node));
    float *leaf = forest_own(f, mem_aligned(64, (places + 1) * LANES * sizeof *leaf));
    memset(node, 0xff, (places + 1) * LANES * sizeof *node);
    memset(leaf, 0, (places + 1) * LANES * sizeof *leaf);
    for (size_t i = 0; i < o->batches; i++) {
        struct batch *b = &o->batch[i];
        if (b->depth == UINT8_MAX)
            continue;
        for (size_t k = 0; k < b->trees; k++)
            fill_tree(&f->tree[b->first + k], b->depth, code, node + k, leaf + k);
        b->node = node;
        b->leaf = leaf;
        node += (size_t)LANES << b->depth;
        leaf += (size_t)LANES << b->depth;
    }
}

void forest_one_build(struct forest *f)
{
    if (!__builtin_cpu_supports("avx512bw") || !__builtin_cpu_supports("avx512vl"))
        return;
    uint16_t *code = mem_array(uint16_t, f->tests + 1);
    struct forest_one *o = forest_own(f, mem_new(struct forest_one));
    o->column = forest_own(f, mem_aligned(64, COLUMNS_MAX * sizeof *o->column));
    o->batch = forest_own(f, mem_array(struct batch, f->trees / LANES + 1));
    if (make_columns(f, o, code)) {
        for (size_t i = 0; i < o->columns; i++)
            fill_up(&o->column[i]);
        fill_batches(f, o, make_batches(f, o), code);
        size_t heaps = 0;
        for (size_t i = 0; i < o->batches; i++)
            heaps += o->batch[i].node != NULL;
        f->one = 2 * heaps >= o->batches ? o : NULL;
    }
    mem_free(code);
}

/* ---- a row ---- */

/* How many thresholds are no more than the value, twice, under the column's number: a node that is less sends it right.  Missing
 * is more than any, and odd. */
AVX512 static void rank_columns(const struct forest_one *o, const float *x, uint16_t *ranked)
{
    for (size_t i = 0; i < o->columns; i++) {
        const struct column *c = &o->column[i];
        __m512 value = _mm512_set1_ps(x[c->column]);
        __mmask16 some = _mm512_cmp_ps_mask(_mm512_loadu_ps(c->coarse), value, _CMP_LE_OQ);
        size_t at = 16 * (size_t)__builtin_popcount(some);
        some = _mm512_cmp_ps_mask(_mm512_loadu_ps(c->threshold + at), value, _CMP_LE_OQ);
        uint32_t rank = (uint32_t)at + (uint32_t)__builtin_popcount(some);
        rank =
            rank < c->thresholds ? rank : c->thresholds; /* +inf is no less than what is behind */
        rank = isnan(x[c->column]) ? MISSING : 2 * rank;
        ranked[i] = (uint16_t)(i << RANK_BITS | rank);
    }
}

struct ranked {
    __m512i column[COLUMNS_MAX / LANES];
};

/* Which of 32 nodes send the row right. */
INLINE __mmask32 goes_right(const struct ranked *r, __m512i node)
{
    __m512i number = _mm512_srli_epi16(node, RANK_BITS);
    __m512i low = _mm512_permutex2var_epi16(r->column[0], number, r->column[1]);
    __m512i high = _mm512_permutex2var_epi16(r->column[2], number, r->column[3]);
    __m512i value = _mm512_mask_mov_epi16(low, _mm512_movepi16_mask(node), high);
    __mmask32 known = _mm512_testn_epi16_mask(_mm512_and_si512(node, value), _mm512_set1_epi16(1));
    return _mm512_mask_cmplt_epu16_mask(known, node, value);
}

/* Of 2^LEVELS places beside each other the one that the decisions p[0], p[1]… of the levels above lead to. */
INLINE __m512i pick0(const uint16_t *node, const __mmask32 *p)
{
    (void)p;
    return _mm512_load_si512(node);
}
#define PICK(LEVELS, BELOW)                                                                        \
    INLINE __m512i pick##LEVELS(const uint16_t *node, const __mmask32 *p)                          \
    {                                                                                              \
        __m512i left = pick##BELOW(node, p + 1);                                                   \
        __m512i right = pick##BELOW(node + (LANES << BELOW), p + 1);                               \
        return _mm512_mask_mov_epi16(left, p[0], right);                                           \
    }
PICK(1, 0)
PICK(2, 1)
PICK(3, 2)
PICK(4, 3)
PICK(5, 4)
PICK(6, 5)
PICK(7, 6)

AVX512 static void walk(const struct batch *b, const struct ranked *ranked, float *value)
{
    struct ranked r = *ranked;
    __mmask32 p[FOREST_HEAP_DEPTH];
    __m512i leaf = _mm512_setzero_si512(), one = _mm512_set1_epi16(-1);
#define LEVEL(L)                                                                                   \
    if (b->depth > L) {                                                                            \
        p[L] = goes_right(&r, pick##L(b->node + LANES * ((1 << L) - 1), p));                       \
        leaf = _mm512_add_epi16(leaf, leaf);                                                       \
        leaf = _mm512_mask_sub_epi16(leaf, p[L], leaf, one);                                       \
    }
    LEVEL(0)
    LEVEL(1)
    LEVEL(2)
    LEVEL(3)
    LEVEL(4)
    LEVEL(5)
    LEVEL(6)
    LEVEL(7)
#undef LEVEL
    __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    __m512i low = _mm512_cvtepu16_epi32(_mm512_castsi512_si256(leaf));
    __m512i high = _mm512_cvtepu16_epi32(_mm512_extracti64x4_epi64(leaf, 1));
    low = _mm512_add_epi32(_mm512_slli_epi32(low, 5), lane);
    high = _mm512_add_epi32(_mm512_slli_epi32(high, 5), lane);
    _mm512_storeu_ps(value, _mm512_i32gather_ps(low, b->leaf, sizeof(float)));
    _mm512_storeu_ps(value + 16, _mm512_i32gather_ps(high, b->leaf + 16, sizeof(float)));
}

AVX512 void forest_one(const struct forest *f, const float *x, float *out)
{
    const struct forest_one *o = f->one;
    uint16_t ranked[COLUMNS_MAX] __attribute__((aligned(64)));
    float value[LANES] __attribute__((aligned(64)));
    struct ranked r;
    memset(ranked, 0, sizeof ranked);
    rank_columns(o, x, ranked);
    for (size_t i = 0; i < COLUMNS_MAX / LANES; i++)
        r.column[i] = _mm512_load_si512(ranked + LANES * i);
    for (size_t i = 0; i < o->batches; i++) {
        const struct batch *b = &o->batch[i];
        if (b->node)
            walk(b, &r, value);
        else
            for (size_t k = 0; k < b->trees; k++)
                value[k] = forest_leaf(&f->tree[b->first + k], x);
        float sum =
            out[0]; /* not by way of memory: this chain of additions is a good part of all */
        for (size_t k = 0; f->groups == 1 && k < b->trees; k++)
            sum += value[k];
        out[0] = sum;
        for (size_t k = 0; f->groups > 1 && k < b->trees; k++)
            out[f->tree[b->first + k].group] += value[k];
    }
}
#else
void forest_one_build(struct forest *f)
{
    (void)f;
}
void forest_one(const struct forest *f, const float *x, float *out)
{
    (void)f, (void)x, (void)out;
}
#endif
