/* SPDX-License-Identifier: Apache-2.0 */
#include "ml/encoder.h"

#include "base/mem.h"

#include <math.h>

enum { GATHERED = 256, TILE = 16 };
static const float CUT = 8; /* deviations */

void encoder_done(struct encoder *e)
{
    for (size_t i = 0; i < e->columns; i++) {
        mem_free(e->column[i].word);
        mem_free(e->column[i].rank);
        mem_free(e->column[i].text);
    }
    mem_free(e->column);
    arena_done(&e->arena);
    *e = (struct encoder){0};
}

void encoder_raw(struct encoder *e, const struct dataset_column *column, size_t n)
{
    *e = (struct encoder){.style = ENCODE_RAW, .columns = n, .width = n};
    arena_init(&e->arena, 16 << 20);
    e->column = mem_array(struct encoder_column, n ? n : 1);
    for (size_t i = 0; i < n; i++) {
        e->column[i] = (struct encoder_column){
            .column = column[i], .at = (uint32_t)i, .width = 1, .scale = 1, .usual = NAN};
        e->column[i].column.name = arena_str(&e->arena, column[i].name);
        str unit = arena_str(&e->arena, str_z(column[i].unit));
        e->column[i].column.unit = unit.n ? unit.p : "";
    }
}

/* Where a word's code is, or -1.  Nothing in the search is decided by a branch, which would be foretold wrong half of the time. */
static ptrdiff_t word_at(const struct encoder_column *c, float code)
{
    const float *low = c->word;
    if (c->words == 0)
        return -1;
    for (size_t n = c->words; n > 1;) {
        size_t half = n / 2;
        low += half * (size_t)(low[half - 1] < code);
        n -= half;
    }
    low += *low < code;
    return low < c->word + c->words && *low == code ? low - c->word : -1;
}

str encoder_word(const struct encoder_column *c, float code)
{
    ptrdiff_t at = isnan(code) ? -1 : word_at(c, code);
    return at >= 0 ? c->text[at] : (str){NULL, 0};
}

/* A rate over no time is as large as a float says without being none; NaN stays. */
static inline float held_in(float x)
{
    x = x > 3e38F ? 3e38F : x;
    return x < -3e38F ? -3e38F : x;
}

static void encode_words(const struct encoder_column *c, float x, float *out)
{
    ptrdiff_t at = word_at(c, held_in(x));
    for (uint32_t i = 0; i < c->width; i++)
        out[i] = 0;
    if (at >= 0)
        out[at] = 1;
    else if (!isnan(x) || !c->flag)
        out[c->words] = 1; /* another */
    else
        out[c->words + 1] = 1;
}

/* Rows of a number's column, at most TILE of them; `n` is a constant where that matters, so that each loop is a few instructions
 * for all of them. */
static inline __attribute__((always_inline)) void standardise(const struct encoder *e,
                                                              const struct encoder_column *c,
                                                              const float *x, size_t n, float *out)
{
    float v[TILE], usual = c->usual, centre = c->centre, scale = c->scale;
    for (size_t i = 0; i < n; i++)
        v[i] = held_in(x[i * e->columns]);
    for (size_t i = 0; c->flag && i < n; i++)
        out[i * e->width + 1] = isnan(v[i]) ? 1.0F : 0.0F;
    for (size_t i = 0; i < n; i++)
        v[i] = isnan(v[i]) ? usual : v[i];
    for (size_t i = 0; c->logarithm && i < n; i++)
        v[i] = v[i] > 0 ? log1pf(v[i]) : 0;
    for (size_t i = 0; i < n; i++) {
        float z = (v[i] - centre) / scale;
        z = z > CUT ? CUT : z;
        z = z < -CUT ? -CUT : z;
        v[i] = isnan(z) ? 0 : z;
    }
    for (size_t i = 0; i < n; i++)
        out[i * e->width] = v[i];
}

/* At most TILE rows, which stay in the first cache from column to column. */
static void encode_network(const struct encoder *e, const float *x, size_t n, float *out)
{
    for (size_t j = 0; j < e->columns; j++) {
        const struct encoder_column *c = &e->column[j];
        if (c->column.kind == FEATURE_CATEGORY)
            for (size_t i = 0; i < n; i++)
                encode_words(c, x[i * e->columns + j], out + i * e->width + c->at);
        else if (n == TILE)
            standardise(e, c, x + j, TILE, out + c->at);
        else
            standardise(e, c, x + j, n, out + c->at);
    }
}

/* A number for each column, in their order; words then once more. */
static void encode_trees(const struct encoder *e, const float *x, size_t n, float *out)
{
    for (size_t i = 0; i < n * e->columns; i++)
        out[i] = held_in(x[i]);
    for (size_t j = 0; e->style == ENCODE_TREES && j < e->columns; j++) {
        const struct encoder_column *c = &e->column[j];
        for (size_t i = j; c->column.kind == FEATURE_CATEGORY && i < n * e->columns;
             i += e->columns) {
            ptrdiff_t at = word_at(c, out[i]);
            out[i] = at >= 0 ? c->rank[at] : NAN;
        }
    }
}

void encoder_apply(const struct encoder *e, const float *x, size_t n, float *out)
{
    for (size_t i = 0; i < n; i += TILE) {
        size_t some = n - i < TILE ? n - i : TILE;
        (e->style == ENCODE_NETWORK ? encode_network : encode_trees)(e, x + i * e->columns, some,
                                                                     out + i * e->width);
    }
}

static bool column_same(const struct encoder_column *a, const struct encoder_column *b)
{
    bool numbers = a->centre == b->centre && a->scale == b->scale &&
                   (a->usual == b->usual || (isnan(a->usual) && isnan(b->usual)));
    return str_eq(a->column.name, b->column.name) && a->column.kind == b->column.kind &&
           a->column.missing == b->column.missing && a->logarithm == b->logarithm &&
           a->flag == b->flag && numbers && a->words == b->words &&
           (a->words == 0 || (memcmp(a->word, b->word, a->words * sizeof *a->word) == 0 &&
                              memcmp(a->rank, b->rank, a->words * sizeof *a->rank) == 0));
}

bool encoder_same(const struct encoder *a, const struct encoder *b)
{
    bool same = a->style == b->style && a->columns == b->columns && a->width == b->width;
    for (size_t j = 0; same && j < a->columns; j++)
        same = column_same(&a->column[j], &b->column[j]);
    return same;
}

size_t encoder_find(const struct encoder *e, const struct dataset_column *column, size_t n,
                    int32_t *from)
{
    size_t found = 0;
    for (size_t i = 0; i < e->columns; i++) {
        from[i] = -1;
        for (size_t j = 0; j < n && from[i] < 0; j++)
            if (str_eq(e->column[i].column.name, column[j].name))
                from[i] = (int32_t)j;
        found += from[i] >= 0;
    }
    return found;
}

void encoder_gather(const struct encoder *e, const int32_t *from, const float *x, size_t n,
                    size_t stride, float *out)
{
    size_t columns = e->columns;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < columns; j++)
            out[i * columns + j] = from[j] >= 0 ? x[i * stride + (size_t)from[j]] : NAN;
    for (size_t j = 0; j < columns; j++)
        /* A column that is not at hand: missing, and what that means was said when it was fitted. */
        for (size_t i = 0; from[j] < 0 && e->column[j].column.missing == MISSING_ZERO && i < n; i++)
            out[i * columns + j] = 0;
}

float *encoder_rows(const struct encoder *e, const struct dataset *d, const uint32_t *index,
                    size_t n)
{
    int32_t *from = mem_array(int32_t, e->columns + 1);
    float *raw = mem_array(float, size_mul(e->columns + 1, GATHERED));
    float *out = mem_array(float, size_add(size_mul(n, e->width), 1));
    encoder_find(e, d->column, d->columns, from);
    for (size_t i = 0; i < n; i += GATHERED) {
        size_t some = n - i < GATHERED ? n - i : GATHERED;
        for (size_t k = 0; k < some; k++)
            encoder_gather(e, from, d->x + (size_t)index[i + k] * d->columns, 1, d->columns,
                           raw + k * e->columns);
        encoder_apply(e, raw, some, out + i * e->width);
    }
    mem_free(raw);
    mem_free(from);
    return out;
}
