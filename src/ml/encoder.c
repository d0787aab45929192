/* SPDX-License-Identifier: Apache-2.0 */
#include "ml/encoder.h"

#include "base/mem.h"

#include <math.h>

enum { GATHERED = 256 };
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

/* Where a word's code is, or -1. */
static ptrdiff_t word_at(const struct encoder_column *c, float code)
{
    size_t low = 0, high = c->words;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (c->word[middle] < code)
            low = middle + 1;
        else
            high = middle;
    }
    return low < c->words && c->word[low] == code ? (ptrdiff_t)low : -1;
}

str encoder_word(const struct encoder_column *c, float code)
{
    ptrdiff_t at = isnan(code) ? -1 : word_at(c, code);
    return at >= 0 ? c->text[at] : (str){NULL, 0};
}

static void encode_words(const struct encoder_column *c, float x, float *out)
{
    ptrdiff_t at = isnan(x) ? -1 : word_at(c, x);
    for (uint32_t i = 0; i < c->width; i++)
        out[i] = 0;
    if (at >= 0)
        out[at] = 1;
    else if (!isnan(x) || !c->flag)
        out[c->words] = 1; /* another */
    else
        out[c->words + 1] = 1;
}

static float standardised(const struct encoder_column *c, float x)
{
    if (isnan(x))
        x = c->usual;
    if (c->logarithm)
        x = x > 0 ? log1pf(x) : 0;
    float z = (x - c->centre) / c->scale;
    if (isnan(z))
        return 0;
    return fmaxf(-CUT, fminf(z, CUT));
}

static void encode_number(const struct encoder_column *c, float x, float *out)
{
    out[0] = standardised(c, x);
    if (c->flag)
        out[1] = isnan(x) ? 1.0F : 0.0F;
}

static float encode_tree(const struct encoder_column *c, float x)
{
    if (c->column.kind != FEATURE_CATEGORY || isnan(x))
        return x;
    ptrdiff_t at = word_at(c, x);
    return at >= 0 ? c->rank[at] : NAN;
}

/* A rate over no time is as large as a float says without being none; NaN stays. */
static float held_in(float x)
{
    x = x > 3e38F ? 3e38F : x;
    return x < -3e38F ? -3e38F : x;
}

static void encode_column(const struct encoder *e, const struct encoder_column *c, float x,
                          float *out)
{
    x = held_in(x);
    if (e->style == ENCODE_RAW)
        out[0] = x;
    else if (e->style == ENCODE_TREES)
        out[0] = encode_tree(c, x);
    else if (c->column.kind == FEATURE_CATEGORY)
        encode_words(c, x, out);
    else
        encode_number(c, x, out);
}

void encoder_apply(const struct encoder *e, const float *x, size_t n, float *out)
{
    for (size_t j = 0; j < e->columns; j++) {
        const struct encoder_column *c = &e->column[j];
        bool as_is = e->style == ENCODE_RAW ||
                     (e->style == ENCODE_TREES && c->column.kind != FEATURE_CATEGORY);
        for (size_t i = 0; as_is && i < n; i++)
            out[i * e->width + c->at] = held_in(x[i * e->columns + j]);
        for (size_t i = 0; !as_is && i < n; i++)
            encode_column(e, c, x[i * e->columns + j], out + i * e->width + c->at);
    }
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
    for (size_t j = 0; j < e->columns; j++) {
        /* A column that is not at hand: missing, and what that means was said when it was fitted. */
        float none = e->column[j].column.missing == MISSING_ZERO ? 0 : NAN;
        for (size_t i = 0; i < n; i++)
            out[i * e->columns + j] = from[j] >= 0 ? x[i * stride + (size_t)from[j]] : none;
    }
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
