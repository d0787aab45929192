/* SPDX-License-Identifier: Apache-2.0 */
#include "dataset/dataset_int.h"

#include "base/hash.h"

#include <math.h>

static const struct {
    const char *name;
    enum dataset_shape shape;
} formats[] = {
#define X(NAME, name, SHAPE, doc) {name, DATASET_##SHAPE},
#include "dataset/format.def"
};

const char *dataset_format_name(enum dataset_format f)
{
    return formats[f].name;
}

enum dataset_format dataset_format_find(str name)
{
    size_t i = 0;
    while (i < COUNT(formats) && !str_eq(name, str_z(formats[i].name)))
        i++;
    return (enum dataset_format)i;
}

enum dataset_shape dataset_format_shape(enum dataset_format f)
{
    return formats[f].shape;
}

void dataset_done(struct dataset *d)
{
    mem_free(d->column);
    mem_free(d->x);
    mem_free(d->event);
    mem_free(d->start);
    mem_free(d->event_name);
    mem_free(d->label);
    mem_free(d->klass);
    mem_free(d->group);
    mem_free(d->time_ms);
    mem_free(d->class_name);
    mem_free(d->word);
    map_done(&d->word_of);
    map_done(&d->class_of);
    map_done(&d->event_of);
    map_done(&d->group_of);
    arena_done(&d->arena);
    *d = (struct dataset){0};
}

size_t dataset_column_find(const struct dataset *d, str name)
{
    size_t i = 0;
    while (i < d->columns && !str_eq(d->column[i].name, name))
        i++;
    return i;
}

str dataset_word(const struct dataset *d, float code)
{
    for (size_t i = 0; i < d->words && !isnan(code); i++)
        if (!(d->word[i].code < code) && !(d->word[i].code > code))
            return d->word[i].text;
    return (str){0};
}

size_t dataset_count(const struct dataset *d, enum dataset_label l)
{
    size_t n = 0;
    for (size_t i = 0; i < d->rows; i++)
        n += d->label[i] == l;
    return n;
}

/* ---- rows that are there twice ---- */

static str row_bytes(const struct dataset *d, size_t i)
{
    const void *p = d->shape == DATASET_TABLE ? (const void *)(d->x + i * d->columns)
                                              : (const void *)(d->event + d->start[i]);
    size_t n = d->shape == DATASET_TABLE
                   ? d->columns * sizeof *d->x
                   : (size_t)(d->start[i + 1] - d->start[i]) * sizeof *d->event;
    return (str){p, n};
}

/* Where there are no labels, the classes (whose rows they are) count. */
static uint32_t row_label(const struct dataset *d, size_t i)
{
    return d->label[i] == LABEL_NONE ? d->klass[i] + LABEL_NONE : d->label[i];
}

static bool seen_before(const struct dataset *d, uint32_t *table, size_t mask, size_t i)
{
    str bytes = row_bytes(d, i);
    uint64_t h = hash_bytes(bytes, hash_seed() ^ row_label(d, i)); /* files may mean to collide */
    for (size_t at = h & mask;; at = (at + 1) & mask) {
        if (table[at] == 0) {
            table[at] = (uint32_t)i + 1;
            return false;
        }
        size_t other = table[at] - 1;
        if (row_label(d, other) == row_label(d, i) && str_eq(row_bytes(d, other), bytes))
            return true;
    }
}

/* Row `from` to the place `to` before it. */
static void move_row(struct dataset *d, size_t to, size_t from)
{
    str bytes = row_bytes(d, from);
    if (d->shape == DATASET_TABLE) {
        memmove(d->x + to * d->columns, bytes.p, bytes.n);
    } else {
        memmove(d->event + d->start[to], bytes.p, bytes.n);
        d->start[to + 1] = d->start[to] + bytes.n / sizeof *d->event;
    }
    d->label[to] = d->label[from];
    d->klass[to] = d->klass[from];
    d->group[to] = d->group[from];
    d->time_ms[to] = d->time_ms[from];
}

void dataset_dedupe(struct dataset *d)
{
    size_t room = 1024, kept = 0;
    while (room < d->rows * 2)
        room *= 2;
    uint32_t *table = mem_array(uint32_t, room);
    bool *again = mem_array(bool, d->rows + 1);
    for (size_t i = 0; i < d->rows; i++)
        again[i] = seen_before(d, table, room - 1, i);
    mem_free(table);
    for (size_t i = 0; i < d->rows; i++)
        if (!again[i])
            move_row(d, kept++, i);
    mem_free(again);
    d->duplicates += d->rows - kept;
    d->rows = kept;
}

/* ---- some of the rows ---- */

static str *names_copied(struct dataset *out, struct map *m, const str *name, uint32_t n)
{
    str *copy = mem_array(str, n ? n : 1);
    for (uint32_t i = 0; i < n; i++) {
        copy[i] = arena_str(&out->arena, name[i]);
        (void)map_add(m, copy[i], i, NULL);
    }
    return copy;
}

static void copy_names(const struct dataset *d, struct dataset *out)
{
    out->class_name = names_copied(out, &out->class_of, d->class_name, d->class_names);
    out->class_names = out->class_room = d->class_names;
    out->event_name = names_copied(out, &out->event_of, d->event_name, d->event_names);
    out->event_names = out->event_room = d->event_names;
    out->word = mem_array(struct dataset_word, d->words + 1);
    out->word_room = d->words + 1;
    for (uint32_t i = 0; i < d->words; i++) {
        out->word[i] =
            (struct dataset_word){d->word[i].code, arena_str(&out->arena, d->word[i].text)};
        (void)map_add(&out->word_of, out->word[i].text, i, NULL);
    }
    out->words = d->words;
    out->columns = d->columns;
    out->column = mem_array(struct dataset_column, d->columns + 1);
    for (size_t i = 0; i < d->columns; i++) {
        out->column[i] = d->column[i];
        out->column[i].name = arena_str(&out->arena, d->column[i].name);
    }
}

static void copy_rows(const struct dataset *d, const uint32_t *index, size_t n, struct dataset *out)
{
    uint64_t events = 0;
    for (size_t i = 0; i < n && d->shape == DATASET_SEQUENCES; i++)
        events += d->start[index[i] + 1] - d->start[index[i]];
    out->x = mem_array(float, size_mul(n + 1, d->columns));
    out->start = mem_array(uint64_t, n + 2);
    out->event = mem_array(uint32_t, events + 1);
    out->events_room = events + 1;
    for (size_t i = 0; i < n; i++) {
        str bytes = row_bytes(d, index[i]);
        if (d->shape == DATASET_TABLE) {
            memcpy(out->x + i * d->columns, bytes.p, bytes.n);
        } else {
            memcpy(out->event + out->start[i], bytes.p, bytes.n);
            out->start[i + 1] = out->start[i] + bytes.n / sizeof *d->event;
        }
        out->label[i] = d->label[index[i]];
        out->klass[i] = d->klass[index[i]];
        out->group[i] = d->group[index[i]];
        out->time_ms[i] = d->time_ms[index[i]];
        out->timed = (i == 0 || out->timed) && out->time_ms[i] != TIME_NONE;
    }
}

void dataset_take(const struct dataset *d, const uint32_t *index, size_t n, struct dataset *out)
{
    *out = (struct dataset){.format = d->format, .shape = d->shape, .rows = n, .room = n + 1};
    arena_init(&out->arena, d->arena.cap);
    copy_names(d, out);
    out->label = mem_array(uint8_t, n + 1);
    out->klass = mem_array(uint32_t, n + 1);
    out->group = mem_array(uint32_t, n + 1);
    out->time_ms = mem_array(int64_t, n + 1);
    copy_rows(d, index, n, out);
    out->groups = d->groups;
    out->duplicates = d->duplicates;
    out->read = d->read;
    out->rejected = d->rejected;
    memcpy(out->reject, d->reject, sizeof out->reject);
    memcpy(out->digest, d->digest, sizeof out->digest);
    memcpy(out->note, d->note, sizeof out->note);
}
