/* SPDX-License-Identifier: Apache-2.0 */
/* simd_gemm_int.h - the matrix product, written once for vectors of any length: simd_avx2.c and simd_avx512.c say what a
 * vector is and include this.
 *
 * The sums of a tile of C - a few rows, up to PANEL vectors wide - stay in registers while k runs: each step
 * loads a row of B and one number of each row of A.  Both come from where they are; B is copied to a panel, K_BLOCK rows at
 * a time, when it is transposed, or when its rows lie so far apart that they would push each other out of the cache and
 * there are enough rows of A to pay for the copy.  Each number of C is summed in the order of k whatever the tile, so a row's
 * result does not depend on how many others there are.
 *
 * Functions with a structure or an array in their frame do not have the TARGET: gcc 12 would move those with vectors that want
 * 64 bytes of alignment, which its address sanitizer, looking for use after return, does not give. */
#ifdef VARIANT
#include <assert.h>

enum {
    WIDE = PANEL * LANES,
    K_BLOCK = 128,
    LONE = 8,           /* vectors of C at once when there is one row */
    FAR_FLOATS = 160,   /* rows of B this far apart are copied */
    COPY_ROWS_MIN = 24, /* when A has so many */
    DOT_ROWS_MAX =
        3 /* fewer rows than these by B transposed: copying it costs more than the product */
};

/* One tile and what it is summed from. */
struct tile {
    const float *a;
    size_t a_row, a_col; /* steps to the next row, to the next k */
    const float *b;
    size_t b_row, k;
    float *c;
    size_t ldc;
    float beta;
    const float *bias; /* of these columns; NULL: none, or not yet */
    bool relu;
    size_t last; /* lanes of the last vector */
};

TARGET static __attribute__((noinline)) void finish(const struct tile *t, const float *sum,
                                                    size_t rows, size_t wide)
{
    vec beta = v_set(t->beta), zero = v_set(0);
    part last = v_part(t->last);
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < wide; j++) {
            float *c = t->c + i * t->ldc + j * LANES;
            bool whole = j + 1 < wide;
            vec s = v_load(sum + (i * wide + j) * LANES);
            if (t->beta != 0)
                s = v_fma(beta, whole ? v_load(c) : v_load_part(c, last), s);
            if (t->bias) {
                const float *bias = t->bias + j * LANES;
                s = v_add(s, whole ? v_load(bias) : v_load_part(bias, last));
            }
            if (t->relu)
                s = v_max(zero, s);
            if (whole)
                v_store(c, s);
            else
                v_store_part(c, last, s);
        }
}

/* ROWS and WIDTH are constants, so that `sum` is registers. */
#define TILE(ROWS, WIDTH)                                                                          \
    TARGET static void tile_##ROWS##_##WIDTH(const struct tile *t)                                 \
    {                                                                                              \
        vec sum[ROWS][WIDTH];                                                                      \
        float out[(ROWS) * (WIDTH)*LANES];                                                         \
        const float *a[ROWS], *b = t->b;                                                           \
        size_t a_col = t->a_col, b_row = t->b_row, at = 0;                                         \
        part last = v_part(t->last);                                                               \
        UNROLL for (size_t i = 0; i < (ROWS); i++)                                                 \
        {                                                                                          \
            a[i] = t->a + i * t->a_row;                                                            \
            UNROLL for (size_t j = 0; j < (WIDTH); j++) sum[i][j] = v_set(0);                      \
        }                                                                                          \
        for (size_t k = t->k; k; k--, b += b_row, at += a_col) {                                   \
            vec row[WIDTH];                                                                        \
            UNROLL for (size_t j = 0; j + 1 < (WIDTH); j++) row[j] = v_load(b + j * LANES);        \
            row[(WIDTH)-1] = v_load_part(b + ((WIDTH)-1) * LANES, last);                           \
            UNROLL for (size_t i = 0; i < (ROWS); i++)                                             \
            {                                                                                      \
                vec x = v_set(a[i][at]);                                                           \
                UNROLL for (size_t j = 0; j < (WIDTH); j++) sum[i][j] =                            \
                    v_fma(x, row[j], sum[i][j]);                                                   \
            }                                                                                      \
        }                                                                                          \
        UNROLL for (size_t i = 0; i < (ROWS); i++) UNROLL for (size_t j = 0; j < (WIDTH); j++)     \
            v_store(out + (i * (WIDTH) + j) * LANES, sum[i][j]);                                   \
        finish(t, out, ROWS, WIDTH);                                                               \
    }
#define X TILE
#include TILES
TILE(1, 8)
#undef TILE

static void (*const tiles[TILE_ROWS + 1][PANEL + 1])(const struct tile *t) = {
#define X(ROWS, WIDTH) [ROWS][WIDTH] = tile_##ROWS##_##WIDTH,
#include TILES
};

/* All rows of C from t->c on, one panel wide; the rows are shared out evenly among the tiles. */
static void panel(struct tile *t, size_t m, size_t n)
{
    size_t wide = (n + LANES - 1) / LANES;
    t->last = n - (wide - 1) * LANES;
    if (m == 1 && wide > PANEL) {
        assert(wide == LONE);
        tile_1_8(t);
        return;
    }
    for (size_t left = m; left;) {
        size_t tiles_left = (left + tile_rows[wide] - 1) / tile_rows[wide];
        size_t rows = (left + tiles_left - 1) / tiles_left;
        tiles[rows][wide](t);
        t->a += rows * t->a_row;
        t->c += rows * t->ldc;
        left -= rows;
    }
}

/* Columns of B transposed - its rows - k of them side by side. */
TARGET static void turn_square(float *to, size_t wide, const float *b, size_t ldb, size_t n,
                               size_t k)
{
    vec r[LANES];
    part some = v_part(k < LANES ? k : LANES);
    UNROLL for (size_t i = 0; i < LANES; i++) r[i] =
        i < n ? v_load_part(b + i * ldb, some) : v_set(0);
    v_transpose(r);
    UNROLL for (size_t i = 0; i < LANES; i++) if (i < k) v_store(to + i * wide, r[i]);
}
/* A panel of B (k, n) to (k, wide), what is beyond n zero. */
TARGET static void copy_panel(float *to, const struct gemm *g, const float *b, size_t n, size_t k)
{
    size_t wide = (n + LANES - 1) / LANES * LANES;
    if (g->b_op == NN_TRANSPOSED) {
        for (size_t j = 0; j < n; j += LANES)
            for (size_t p = 0; p < k; p += LANES)
                turn_square(to + p * wide + j, wide, b + j * g->ldb + p, g->ldb, n - j, k - p);
        return;
    }
    part last = v_part(n - (wide - LANES));
    for (size_t p = 0; p < k; p++, b += g->ldb, to += wide) {
        for (size_t j = 0; j + LANES < wide; j += LANES)
            v_store(to + j, v_load(b + j));
        v_store(to + wide - LANES, v_load_part(b + wide - LANES, last));
    }
}

static _Thread_local _Alignas(64) float copied[K_BLOCK * WIDE];

/* Columns `at` … at+n of C. */
static void columns(const struct gemm *g, size_t at, size_t n)
{
    bool turned = g->b_op == NN_TRANSPOSED;
    bool copy = turned || (g->ldb >= FAR_FLOATS && g->m >= COPY_ROWS_MIN);
    size_t a_step = g->a_op == NN_TRANSPOSED ? g->lda : 1;
    size_t blocks = g->k ? (g->k + K_BLOCK - 1) / K_BLOCK : 1;
    for (size_t i = 0, p = 0; i < blocks; i++) {
        size_t k = (g->k - p + blocks - i - 1) / (blocks - i);
        const float *b = turned ? g->b + at * g->ldb + p : g->b + p * g->ldb + at;
        struct tile t = {.a = g->a + p * a_step,
                         .a_row = g->a_op == NN_TRANSPOSED ? 1 : g->lda,
                         .a_col = a_step,
                         .b = copy ? copied : b,
                         .b_row = copy ? (n + LANES - 1) / LANES * LANES : g->ldb,
                         .k = k,
                         .c = g->c + at,
                         .ldc = g->ldc,
                         .beta = i ? 1 : g->beta,
                         .bias = g->bias && i + 1 == blocks ? g->bias + at : NULL,
                         .relu = g->relu && i + 1 == blocks};
        if (copy)
            copy_panel(copied, g, b, n, k);
        panel(&t, g->m, n);
        p += k;
    }
}

TARGET static float dot(const float *x, const float *y, size_t n)
{
    vec s[4] = {v_set(0), v_set(0), v_set(0), v_set(0)};
    size_t i = 0;
    for (; i + 4 * LANES <= n; i += 4 * LANES)
        UNROLL for (size_t j = 0; j < 4; j++) s[j] =
            v_fma(v_load(x + i + j * LANES), v_load(y + i + j * LANES), s[j]);
    for (; i < n; i += LANES) {
        part some = v_part(n - i < LANES ? n - i : LANES);
        s[0] = v_fma(v_load_part(x + i, some), v_load_part(y + i, some), s[0]);
    }
    return v_sum(v_add(v_add(s[0], s[1]), v_add(s[2], s[3])));
}
/* Few rows by B transposed: both run along k. */
static void dots(const struct gemm *g)
{
    for (size_t i = 0; i < g->m; i++)
        for (size_t j = 0; j < g->n; j++) {
            float *c = g->c + i * g->ldc + j;
            float s = dot(g->a + i * g->lda, g->b + j * g->ldb, g->k);
            s = g->beta != 0 ? g->beta * *c + s : s;
            s = g->bias ? s + g->bias[j] : s;
            *c = g->relu && s < 0 ? 0 : s;
        }
}

static void gemm(const struct gemm *g)
{
    if (g->m < DOT_ROWS_MAX && g->a_op == NN_AS_IS && g->b_op == NN_TRANSPOSED) {
        dots(g);
        return;
    }
    size_t vectors = (g->n + LANES - 1) / LANES, at = 0;
    size_t most = g->m == 1 && g->b_op == NN_AS_IS ? (size_t)LONE : (size_t)PANEL;
    for (; most > PANEL && (vectors - at / LANES) >= LONE; at += LONE * LANES)
        columns(g, at, g->n - at < LONE * LANES ? g->n - at : LONE * LANES);
    for (size_t panels = (vectors - at / LANES + PANEL - 1) / PANEL; at < g->n; panels--) {
        size_t wide = (vectors - at / LANES + panels - 1) / panels * LANES;
        columns(g, at, g->n - at < wide ? g->n - at : wide);
        at += wide;
    }
}

#endif
