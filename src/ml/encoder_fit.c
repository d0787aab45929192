/* SPDX-License-Identifier: Apache-2.0 */
/* What an encoder learns: which columns change, what is usual, how far numbers spread, which words there are. */
#include "base/mem.h"
#include "ml/encoder.h"

#include <math.h>

/* An amount, whoever named it: never negative, and reaching this many times its usual value. */
static const float SPAN = 100;
/* Part of rows without a value from which its lack is a number of its own. */
static const double MISSING_PART = 0.002;
/* Words weigh as if this many more rows of the common part of attacks had been seen (Micci-Barreca, 2001). */
static const double SMOOTHING = 10;

struct fit_column { /* one column's values in training rows */
    float *value;   /* sorted, without NaN */
    size_t n, rows;
    float *normal; /* the same of rows not labelled attack */
    size_t normals;
};

static int by_value(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static void gather(struct fit_column *f, const struct dataset *d, const uint32_t *index, size_t n,
                   size_t column)
{
    f->n = f->normals = 0;
    f->rows = n;
    for (size_t i = 0; i < n; i++) {
        float v = d->x[(size_t)index[i] * d->columns + column];
        if (isnan(v))
            continue;
        f->value[f->n++] = v;
        if (d->label[index[i]] != LABEL_ATTACK)
            f->normal[f->normals++] = v;
    }
    qsort(f->value, f->n, sizeof *f->value, by_value);
    qsort(f->normal, f->normals, sizeof *f->normal, by_value);
}

/* The value with the longest run. */
static float most_frequent(const float *v, size_t n)
{
    float best = NAN;
    for (size_t i = 0, most = 0; i < n;) {
        size_t j = i;
        while (j < n && v[j] == v[i])
            j++;
        if (j - i > most) {
            most = j - i;
            best = v[i];
        }
        i = j;
    }
    return best;
}

static float usual_of(const struct fit_column *f, enum feature_kind kind)
{
    const float *v = f->normals ? f->normal : f->value;
    size_t n = f->normals ? f->normals : f->n;
    if (n == 0)
        return NAN;
    return kind == FEATURE_CATEGORY ? most_frequent(v, n) : v[n / 2];
}

/* ---- numbers ---- */

static float seen_as(const struct encoder_column *c, float x)
{
    if (!c->logarithm)
        return x;
    return x > 0 ? log1pf(x) : 0;
}

/* Mean and deviation of values cut at the first and last thousandth: what is rare and huge does not stretch the scale, and a
 * column that is nearly always the same still has one, which quartiles would not give it. */
static void fit_number(struct encoder_column *c, const struct fit_column *f)
{
    float q = f->value[(size_t)((double)f->n * 0.95)];
    c->logarithm =
        f->value[0] >= 0 &&
        (c->column.kind == FEATURE_AMOUNT ||
         (c->column.kind == FEATURE_NUMBER && f->value[f->n - 1] > SPAN &&
          f->value[f->n - 1] > SPAN * (q > 0 ? fminf(q, c->usual > 0 ? c->usual : q) : 1)));
    size_t low = f->n / 1000, high = f->n - 1 - low;
    float least = seen_as(c, f->value[low]), most = seen_as(c, f->value[high]);
    if (!(least < most)) {
        least = seen_as(c, f->value[0]);
        most = seen_as(c, f->value[f->n - 1]);
    }
    double sum = 0, squares = 0;
    for (size_t i = 0; i < f->n; i++) {
        double v = seen_as(c, f->value[i]);
        v = v < least ? least : v > most ? most : v;
        sum += v;
        squares += v * v;
    }
    double mean = sum / (double)f->n, variance = squares / (double)f->n - mean * mean;
    c->centre = (float)mean;
    c->scale = (float)sqrt(variance > 0 ? variance : 0);
    float floor = 1e-3F * (most - least);
    if (!(c->scale > floor))
        c->scale = floor > 0 ? floor : 1;
    c->flag = f->n < f->rows && (double)(f->rows - f->n) >= MISSING_PART * (double)f->rows;
    c->width = c->flag ? 2 : 1;
}

/* ---- words ---- */

struct word {
    float code;
    size_t rows, attacks;
    double part;
};

static int by_rows(const void *a, const void *b)
{
    const struct word *x = a, *y = b;
    return x->rows != y->rows ? (x->rows < y->rows) - (x->rows > y->rows)
                              : (x->code > y->code) - (x->code < y->code);
}

static int by_part(const void *a, const void *b)
{
    const struct word *x = a, *y = b;
    return x->part != y->part ? (x->part > y->part) - (x->part < y->part)
                              : (x->code > y->code) - (x->code < y->code);
}

static int by_code(const void *a, const void *b)
{
    const struct word *x = a, *y = b;
    return (x->code > y->code) - (x->code < y->code);
}

/* Words of sorted values with their rows; those labelled attack are all but the normal ones. */
static size_t count_words(const struct fit_column *f, struct word *out, size_t most)
{
    size_t words = 0;
    for (size_t i = 0, k = 0; i < f->n && words < most;) {
        size_t j = i, normal = 0;
        while (j < f->n && f->value[j] == f->value[i])
            j++;
        while (k < f->normals && f->normal[k] == f->value[i])
            k++, normal++;
        out[words++] = (struct word){.code = f->value[i], .rows = j - i, .attacks = j - i - normal};
        i = j;
    }
    return words;
}

static void keep_words(struct encoder *e, struct encoder_column *c, const struct dataset *d,
                       const struct word *w, size_t words)
{
    c->words = (uint32_t)words;
    c->word = mem_array(float, words + 1);
    c->rank = mem_array(float, words + 1);
    c->text = mem_array(str, words + 1);
    for (size_t i = 0; i < words; i++) {
        c->word[i] = w[i].code;
        c->rank[i] = (float)w[i].part;
        c->text[i] = arena_str(&e->arena, str_head(dataset_word(d, w[i].code), ENCODER_TEXT_MAX));
    }
}

enum { TREE_WORDS = 4096 };

/* Trees: all words, each as its place among them by its part of attacks. */
static void fit_order(struct encoder *e, struct encoder_column *c, const struct dataset *d,
                      const struct fit_column *f)
{
    struct word *w = mem_array(struct word, TREE_WORDS);
    size_t n = count_words(f, w, TREE_WORDS);
    double prior = (double)(f->n - f->normals) / (double)f->n;
    for (size_t i = 0; i < n; i++)
        w[i].part = ((double)w[i].attacks + SMOOTHING * prior) / ((double)w[i].rows + SMOOTHING);
    qsort(w, n, sizeof *w, by_part);
    for (size_t i = 0; i < n; i++)
        w[i].part = (double)i;
    qsort(w, n, sizeof *w, by_code);
    keep_words(e, c, d, w, n);
    mem_free(w);
}

static void fit_one_of(struct encoder *e, struct encoder_column *c, const struct dataset *d,
                       const struct fit_column *f)
{
    struct word *w = mem_array(struct word, TREE_WORDS);
    size_t n = count_words(f, w, TREE_WORDS);
    qsort(w, n, sizeof *w, by_rows);
    n = n < ENCODER_WORDS ? n : ENCODER_WORDS;
    qsort(w, n, sizeof *w, by_code);
    keep_words(e, c, d, w, n);
    c->flag = f->n < f->rows;
    c->width = c->words + 1 + (c->flag ? 1 : 0);
    mem_free(w);
}

/* ---- all of it ---- */

static void fit_column(struct encoder *e, struct encoder_column *c, const struct dataset *d,
                       const struct fit_column *f)
{
    c->usual = usual_of(f, c->column.kind);
    c->width = 1;
    c->scale = 1;
    if (e->style != ENCODE_NETWORK && c->column.kind == FEATURE_CATEGORY)
        fit_order(e, c, d, f);
    if (e->style != ENCODE_NETWORK)
        return;
    if (c->column.kind == FEATURE_CATEGORY)
        fit_one_of(e, c, d, f);
    else
        fit_number(c, f);
}

/* Numbers that stacks draw at random: nothing but a way to learn rows by heart. */
static bool of_chance(enum feature f)
{
    return f == FEATURE_SEQUENCE_OUT || f == FEATURE_SEQUENCE_IN;
}

static bool constant(const struct fit_column *f)
{
    return f->n == 0 || (f->n == f->rows && f->value[0] == f->value[f->n - 1]);
}

void encoder_fit(struct encoder *e, enum encoder_style style, const struct dataset *d,
                 const uint32_t *index, size_t n)
{
    struct fit_column f = {.value = mem_array(float, n + 1), .normal = mem_array(float, n + 1)};
    encoder_raw(e, d->column, d->columns);
    e->style = style;
    size_t kept = 0, width = 0;
    for (size_t i = 0; i < d->columns && kept < ENCODER_COLUMNS_MAX; i++) {
        gather(&f, d, index, n, i);
        if (constant(&f) || of_chance(d->column[i].feature))
            continue;
        struct encoder_column *c = &e->column[kept++];
        c->column = e->column[i].column;
        fit_column(e, c, d, &f);
        c->at = (uint32_t)width;
        width += c->width;
    }
    e->columns = kept;
    e->width = width;
    mem_free(f.value);
    mem_free(f.normal);
}
