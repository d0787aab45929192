/* SPDX-License-Identifier: Apache-2.0 */
#include "tree/forest_int.h"

#include "base/mem.h"
#include "base/str.h"

#include <math.h>
#include <stdlib.h>

void forest_free(struct forest *f)
{
    if (!f)
        return;
    for (size_t i = 0; i < f->memories; i++)
        mem_free(f->memory[i]);
    mem_free(f);
}

bool forest_in_set(const uint32_t *bits, uint32_t words, float x)
{
    if (!(x >= 0 && x < (float)(1 << 24)))
        return false;
    uint32_t category = (uint32_t)x;
    return category / 32 < words && (bits[category / 32] >> category % 32 & 1);
}

static bool goes_left(const struct forest_node *n, float x)
{
    if (isnan(x))
        return n->default_left;
    return n->words ? !forest_in_set(n->bits, n->words, x) : x < n->value;
}

float forest_leaf(const struct forest_tree *t, const float *x)
{
    const struct forest_node *n = t->node;
    while (n->left)
        n = t->node + n->left + !goes_left(n, x[n->column]);
    return n->value;
}

static void add_plain(const struct forest *f, const float *x, size_t n, size_t stride, float *out)
{
    for (size_t i = 0; i < n; i++)
        for (size_t t = 0; t < f->trees; t++)
            out[i * f->groups + f->tree[t].group] += forest_leaf(&f->tree[t], x + i * stride);
}

/* ---- one row, several trees at a time ---- */

/* A batch of trees of one heap_depth.  Written so that nothing is decided by a branch, and the trees' places need one register
 * each: of step[place * FOREST_ROW_TREES + tree], place * FOREST_ROW_TREES. */
static void walk_batch(const struct forest_tree *t, const float *twice, float *out)
{
    size_t at[FOREST_ROW_TREES] = {0};
    const struct forest_step *step = t->step;
    unsigned depth = t->heap_depth;
    for (unsigned level = 0; level < depth; level++)
#pragma GCC unroll 8
        for (size_t k = 0; k < FOREST_ROW_TREES; k++) {
            const struct forest_step *s = step + at[k] + k;
            size_t right = !(twice[s->place] < s->threshold);
            at[k] = 2 * at[k] + FOREST_ROW_TREES + FOREST_ROW_TREES * right;
        }
    const float *leaf = t->leaf - (((size_t)1 << depth) - 1) * FOREST_ROW_TREES;
    for (size_t k = 0; k < FOREST_ROW_TREES; k++)
        out[t[k].group] += leaf[at[k] + k];
}

static void add_row(const struct forest *f, const float *x, float *twice, float *out)
{
    for (size_t c = 0; c < f->columns; c++) {
        bool missing = isnan(x[c]);
        twice[c] = missing ? INFINITY : x[c];
        twice[f->columns + c] = missing ? -INFINITY : x[c];
    }
    for (size_t t = 0; t < f->trees;)
        if (f->tree[t].in_heap && t + FOREST_ROW_TREES <= f->trees && f->tree[t].step) {
            walk_batch(&f->tree[t], twice, out);
            t += FOREST_ROW_TREES;
        } else {
            out[f->tree[t].group] += forest_leaf(&f->tree[t], x);
            t++;
        }
}

/* `room`: (2 * columns). */
static void add_rows(const struct forest *f, const float *x, size_t n, size_t stride, void *room,
                     float *out)
{
    for (size_t i = 0; i < n; i++)
        add_row(f, x + i * stride, room, out + i * f->groups);
}

/* ---- ways ---- */

/* Of a forest that is not for one row at a time, on the other way. */
static void add_each(const struct forest *f, const float *x, size_t n, size_t stride, void *room,
                     float *out)
{
    if (!f->one)
        add_rows(f, x, n, stride, room, out);
    for (size_t i = 0; f->one && i < n; i++)
        forest_one(f, x + i * stride, out + i * f->groups);
}

static bool processor_has(enum forest_way way)
{
#ifdef __x86_64__
    if (way == FOREST_AVX512 || way == FOREST_ONE)
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    if (way == FOREST_AVX2)
        return __builtin_cpu_supports("avx2");
#endif
    return way == FOREST_PLAIN || way == FOREST_ROWS;
}

static enum forest_way choose(void)
{
    str wish = str_z(getenv("BGUARD_SIMD"));
    if (str_eq(wish, STR("plain")))
        return FOREST_PLAIN;
    if (processor_has(FOREST_AVX512) && !str_eq(wish, STR("avx2")))
        return FOREST_AVX512;
    return processor_has(FOREST_AVX2) ? FOREST_AVX2 : FOREST_ROWS;
}

enum forest_way forest_way(void)
{
    static _Atomic int chosen = -1;
    int way = chosen;
    if (way < 0)
        chosen = way = (int)choose();
    return (enum forest_way)way;
}

void forest_sums_from(const float *out, size_t groups, size_t n, size_t room, float *sums)
{
    for (size_t g = 0; g < groups; g++)
        for (size_t i = 0; i < room; i++)
            sums[g * room + i] = i < n ? out[i * groups + g] : 0;
}

void forest_sums_to(float *out, size_t groups, size_t n, size_t room, const float *sums)
{
    for (size_t g = 0; g < groups; g++)
        for (size_t i = 0; i < n; i++)
            out[i * groups + g] = sums[g * room + i];
}

/* Rows from which a block is worth its setting up, of AVX-512 too, which is quicker with a row alone; between those
 * of forests with few and with many tests in tests/bench/tree_bench.c. */
enum { BLOCK_WORTH = 80, BLOCK_WORTH_AVX512 = 112 };

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* Blocks from `worth` rows on. */
static size_t worth_of(enum forest_way way, const struct forest *f)
{
    return way == FOREST_AVX512 && f->one ? BLOCK_WORTH_AVX512 : BLOCK_WORTH;
}

static size_t room_of(enum forest_way way, const struct forest *f, bool blocks)
{
    size_t rows = 2 * f->columns * sizeof(float);
    if (!blocks)
        return larger(rows, 64);
    if (way == FOREST_AVX512)
        return larger(rows, forest_avx512_scratch(f));
    return larger(rows, way == FOREST_AVX2 ? forest_avx2_scratch(f) : 64);
}

size_t forest_room(const struct forest *f, size_t n)
{
    enum forest_way way = forest_way();
    return room_of(way, f, n >= worth_of(way, f));
}

struct rows {
    const float *x;
    size_t n, stride;
};

static void add_blocks(enum forest_way way, const struct forest *f, const struct rows *r,
                       size_t worth, void *room, float *out)
{
    size_t rows = way == FOREST_AVX512 ? FOREST_AVX512_ROWS : FOREST_AVX2_ROWS, i = 0;
    for (size_t some; r->n - i >= worth && i < r->n; i += some) {
        some = r->n - i < rows ? r->n - i : rows;
        (way == FOREST_AVX512 ? forest_avx512 : forest_avx2)(f, r->x + i * r->stride, some,
                                                             r->stride, room, out + i * f->groups);
    }
    (way == FOREST_AVX512 ? add_each : add_rows)(f, r->x + i * r->stride, r->n - i, r->stride, room,
                                                 out + i * f->groups);
}

static void add(enum forest_way way, const struct forest *f, const struct rows *r, size_t worth,
                void *room, float *out)
{
    if (way == FOREST_PLAIN)
        add_plain(f, r->x, r->n, r->stride, out);
    else if (way == FOREST_ROWS)
        add_rows(f, r->x, r->n, r->stride, room, out);
    else if (way == FOREST_ONE)
        add_each(f, r->x, r->n, r->stride, room, out);
    else
        add_blocks(way, f, r, worth, room, out);
}

bool forest_add_way(enum forest_way way, const struct forest *f, const float *x, size_t n,
                    size_t stride, float *out)
{
    if (!processor_has(way))
        return false;
    void *room = mem_aligned(64, room_of(way, f, true));
    add(way, f, &(struct rows){x, n, stride}, 1, room, out);
    mem_free(room);
    return true;
}

void forest_add(const struct forest *f, const float *x, size_t n, size_t stride, void *room,
                float *out)
{
    enum forest_way way = forest_way();
    add(way, f, &(struct rows){x, n, stride}, worth_of(way, f), room, out);
}
