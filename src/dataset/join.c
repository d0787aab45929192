/* SPDX-License-Identifier: Apache-2.0 */
/* One table out of several formats: columns meet by name. */
#include "crypto/crypto.h"
#include "dataset/dataset_int.h"

#include <math.h>

/* The rows of `d` as (rows, columns of `wanted`), missing where `from` says -1; wanted[i] is of from[i]. */
static void lay_out(struct dataset *d, size_t room, const size_t *from, size_t columns)
{
    float *x = mem_array(float, size_mul(room, columns));
    for (size_t i = 0; i < d->rows; i++)
        for (size_t c = 0; c < columns; c++)
            x[i * columns + c] = from[c] == SIZE_MAX ? NAN : d->x[i * d->columns + from[c]];
    mem_free(d->x);
    d->x = x;
}

/* Where the columns of `more` are in d, to which those it lacks are added; (more->columns), the caller's. */
static size_t *meet(struct dataset *d, const struct dataset *more, size_t *columns)
{
    size_t *at = mem_array(size_t, more->columns + 1);
    d->column = mem_resize(d->column, size_mul(d->columns + more->columns, sizeof *d->column));
    *columns = d->columns;
    for (size_t c = 0; c < more->columns; c++) {
        size_t found = dataset_column_find(d, more->column[c].name);
        at[c] = found < d->columns ? found : (*columns)++;
        if (found < d->columns)
            continue;
        d->column[at[c]] = more->column[c];
        d->column[at[c]].name = arena_str(&d->arena, more->column[c].name);
    }
    return at;
}

static void widen(struct dataset *d, size_t columns, size_t rows)
{
    size_t *from = mem_array(size_t, columns + 1);
    for (size_t c = 0; c < columns; c++)
        from[c] = c < d->columns ? c : SIZE_MAX;
    lay_out(d, rows + 1, from, columns);
    mem_free(from);
    d->columns = columns;
    d->label = mem_resize(d->label, rows + 1);
    d->klass = mem_resize(d->klass, size_mul(rows + 1, sizeof *d->klass));
    d->group = mem_resize(d->group, size_mul(rows + 1, sizeof *d->group));
    d->time_ms = mem_resize(d->time_ms, size_mul(rows + 1, sizeof *d->time_ms));
    d->room = rows + 1;
}

static void add_rows(struct dataset *d, const struct dataset *more, const size_t *at,
                     const uint32_t *klass)
{
    for (size_t i = 0; i < more->rows; i++) {
        size_t row = d->rows + i;
        float *x = d->x + row * d->columns;
        for (size_t c = 0; c < d->columns; c++)
            x[c] = NAN;
        for (size_t c = 0; c < more->columns; c++)
            x[at[c]] = more->x[i * more->columns + c];
        d->label[row] = more->label[i];
        d->klass[row] = klass[more->klass[i]];
        d->group[row] = d->groups + more->group[i];
        d->time_ms[row] = more->time_ms[i];
    }
    d->timed = d->timed && more->timed;
    d->rows += more->rows;
    d->groups += more->groups;
}

static void join_digests(struct dataset *d, const struct dataset *more)
{
    struct digester *both = digester_new();
    digester_add(both, str_z(d->digest));
    digester_add(both, str_z(more->digest));
    digester_end(both, DIGEST_SHA256, d->digest);
    digester_free(both);
}

/* The numbers in d of more's classes; the caller's.  NULL: there are too many. */
static uint32_t *classes_joined(struct dataset *d, const struct dataset *more, struct error *err)
{
    struct reading r = {.d = d, .path = "joined", .err = err};
    uint32_t *out = mem_array(uint32_t, more->class_names + 1);
    for (uint32_t i = 0; i < more->class_names; i++)
        if (class_number(&r, more->class_name[i], &out[i])) {
            mem_free(out);
            return NULL;
        }
    return out;
}

status dataset_join(struct dataset *d, const struct dataset *more, struct error *err)
{
    if (d->shape != DATASET_TABLE || more->shape != DATASET_TABLE)
        return fail(err, ST_INVALID, "'%s' and '%s' cannot be one set: only tables can",
                    dataset_format_name(d->format), dataset_format_name(more->format));
    uint32_t *klass = classes_joined(d, more, err);
    if (!klass)
        return ST_LIMIT;
    size_t columns;
    size_t *at = meet(d, more, &columns);
    widen(d, columns, d->rows + more->rows);
    add_rows(d, more, at, klass);
    for (uint32_t i = 0; i < more->words; i++)
        word_keep(d, more->word[i].code, more->word[i].text);
    d->read += more->read;
    d->rejected += more->rejected;
    join_digests(d, more);
    if (*more->note)
        dataset_note(d, "%s", more->note);
    mem_free(at);
    mem_free(klass);
    return ST_OK;
}

size_t dataset_keep(struct dataset *d, const bool *keep)
{
    size_t before = d->columns, kept = 0;
    size_t *from = mem_array(size_t, before + 1);
    for (size_t c = 0; c < before; c++) {
        if (!keep[c])
            continue;
        from[kept] = c;
        d->column[kept++] = d->column[c];
    }
    lay_out(d, d->room + 1, from, kept);
    mem_free(from);
    d->columns = kept;
    return before - kept;
}

size_t dataset_keep_live(struct dataset *d)
{
    enum feature live[FEATURE_COUNT];
    size_t lives = flow_live(live);
    bool *keep = mem_array(bool, d->columns + 1);
    for (size_t c = 0; c < d->columns; c++)
        for (size_t i = 0; i < lives; i++)
            keep[c] = keep[c] || d->column[c].feature == live[i];
    size_t dropped = dataset_keep(d, keep);
    mem_free(keep);
    return dropped;
}
