/* SPDX-License-Identifier: Apache-2.0 */
/* Rows, as readers add them. */
#include "dataset/dataset_int.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

/* ---- names ---- */

static str keep(struct dataset *d, str s)
{
    return arena_str(&d->arena, str_head(s, DATASET_NAME_MAX));
}

/* The number of `key` in `m`, new ones counting up from *count.  False: no memory for it. */
static bool number_of(struct dataset *d, struct map *m, str key, uint32_t *count, uint32_t *out)
{
    const uint32_t *known = map_find(m, key);
    if (known) {
        *out = *known;
        return true;
    }
    str copy = arena_str(&d->arena, key);
    if (!copy.p)
        return false;
    (void)map_add(m, copy, *count, NULL);
    *out = (*count)++;
    return true;
}

static status name_number(struct reading *r, struct map *m, str name, str **names, uint32_t *count,
                          uint32_t *room, uint32_t *out)
{
    uint32_t before = *count;
    name = str_head(name, DATASET_NAME_MAX);
    if (before >= DATASET_NAMES_MAX && !map_find(m, name))
        return fail(r->err, ST_LIMIT, "'%s': more than %d different names", r->path,
                    DATASET_NAMES_MAX);
    if (!number_of(r->d, m, name, count, out))
        return fail(r->err, ST_LIMIT, "'%s': more names than there is memory for", r->path);
    if (*count == before)
        return ST_OK;
    if (before == *room) {
        *room = *room ? *room * 2 : 64;
        *names = mem_resize(*names, size_mul(*room, sizeof **names));
    }
    (*names)[before] = keep(r->d, name);
    return ST_OK;
}

status event_number(struct reading *r, str name, uint32_t *out)
{
    struct dataset *d = r->d;
    return name_number(r, &d->event_of, name, &d->event_name, &d->event_names, &d->event_room, out);
}

status class_number(struct reading *r, str name, uint32_t *out)
{
    struct dataset *d = r->d;
    return name_number(r, &d->class_of, name, &d->class_name, &d->class_names, &d->class_room, out);
}

void word_keep(struct dataset *d, float code, str word)
{
    if (isnan(code) || d->words == DATASET_NAMES_MAX)
        return;
    bool added;
    str copy = keep(d, word);
    if (!copy.p)
        return;
    (void)map_add(&d->word_of, copy, d->words, &added);
    if (!added)
        return;
    if (d->words == d->word_room) {
        d->word_room = d->word_room ? d->word_room * 2 : 64;
        d->word = mem_resize(d->word, size_mul(d->word_room, sizeof *d->word));
    }
    d->word[d->words++] = (struct dataset_word){code, copy};
}

float words_code(struct dataset *d, struct words *w, str word)
{
    word = str_head(str_trim(word), DATASET_NAME_MAX);
    const uint32_t *known = map_find(&w->code, word);
    if (known)
        return *known == UINT32_MAX ? NAN : (float)*known;
    float code =
        w->feature == FEATURE_COUNT ? category_code(word) : feature_category(w->feature, word);
    str copy = arena_str(&d->arena, word);
    if (copy.p && w->code.count < DATASET_NAMES_MAX)
        (void)map_add(&w->code, copy, isnan(code) ? UINT32_MAX : (uint32_t)code, NULL);
    word_keep(d, code, word);
    return code;
}

/* ---- columns ---- */

struct dataset_column *columns_new(struct dataset *d, size_t n)
{
    mem_free(d->column);
    d->column = mem_array(struct dataset_column, n ? n : 1);
    d->columns = n;
    return d->column;
}

struct dataset_column column_of_feature(enum feature f)
{
    return (struct dataset_column){.name = str_z(feature_info[f].name),
                                   .feature = f,
                                   .kind = feature_info[f].kind,
                                   .missing = feature_info[f].missing,
                                   .unit = feature_info[f].unit};
}

str column_name(struct arena *arena, struct map *taken, str name)
{
    char text[DATASET_NAME_MAX];
    str unique = name = str_head(str_trim(name), DATASET_NAME_MAX - 8);
    uint32_t *last =
        map_find(taken, name); /* so that a thousand equal names are not tried each time */
    while (map_find(taken, unique)) {
        int n = snprintf(text, sizeof text, STR_FMT ".%u", STR_ARG(name), ++*last);
        unique = (str){text, (size_t)n};
    }
    unique = arena_str(arena, unique);
    (void)map_add(taken, unique, 0, NULL);
    return unique;
}

void text_make_plain(char *z)
{
    for (; *z; z++)
        *z = (unsigned char)*z < ' ' || *z == 0x7f ? '?' : *z;
}

void dataset_note(struct dataset *d, const char *fmt, ...)
{
    char text[200];
    size_t n = strlen(d->note);
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    text_make_plain(text);
    if (!strstr(d->note, text))
        snprintf(d->note + n, sizeof d->note - n, "%s%s", n ? "; " : "", text);
}

/* ---- rows ---- */

static void grow(struct dataset *d)
{
    size_t room = d->room ? d->room * 2 : 1024;
    if (d->shape == DATASET_TABLE)
        d->x = mem_resize(d->x, size_mul(size_mul(room, d->columns), sizeof *d->x));
    else
        d->start = mem_resize(d->start, size_mul(room + 1, sizeof *d->start));
    d->label = mem_resize(d->label, room);
    d->klass = mem_resize(d->klass, size_mul(room, sizeof *d->klass));
    d->group = mem_resize(d->group, size_mul(room, sizeof *d->group));
    d->time_ms = mem_resize(d->time_ms, size_mul(room, sizeof *d->time_ms));
    d->room = room;
}

static status add_truth(struct reading *r, const struct row_truth *t)
{
    static const char *const usual[] = {"normal", "attack"};
    struct dataset *d = r->d;
    uint8_t label = r->o->label < 0 ? t->label : (uint8_t)r->o->label;
    str klass = t->klass.n ? t->klass : label < COUNT(usual) ? str_z(usual[label]) : STR("unknown");
    size_t most = r->o->rows_max ? r->o->rows_max : DATASET_ROWS_MAX;
    if (d->rows >= most)
        return fail(r->err, ST_LIMIT, "'%s': more than %zu rows", r->path, most);
    if (d->rows == d->room)
        grow(d);
    status st = class_number(r, klass, &d->klass[d->rows]);
    if (st != ST_OK)
        return st;
    d->group[d->rows] = d->groups;
    if (t->group.n == 0)
        d->groups++;
    else if (!number_of(d, &d->group_of, t->group, &d->groups, &d->group[d->rows]))
        return fail(r->err, ST_LIMIT, "'%s': more groups of rows than there is memory for",
                    r->path);
    d->label[d->rows] = label;
    d->time_ms[d->rows] = t->time_ms;
    d->timed = (d->rows == 0 || d->timed) && t->time_ms != TIME_NONE;
    return ST_OK;
}

status row_add(struct reading *r, const float *x, const struct row_truth *t)
{
    struct dataset *d = r->d;
    status st = add_truth(r, t);
    if (st != ST_OK)
        return st;
    float *to = d->x + d->rows * d->columns;
    for (size_t i = 0; i < d->columns;
         i++) /* one NaN and one zero, so that rows compare bytewise */
        to[i] = isfinite(x[i]) ? x[i] + 0.0F : (float)NAN;
    d->rows++;
    d->read++;
    return ST_OK;
}

status row_add_events(struct reading *r, const uint32_t *event, size_t n, const struct row_truth *t)
{
    struct dataset *d = r->d;
    status st = add_truth(r, t);
    if (st != ST_OK)
        return st;
    if (d->rows == 0)
        d->start[0] = 0;
    uint64_t at = d->start[d->rows];
    if (d->events_room - at < n) {
        d->events_room = size_add(size_mul(d->events_room, 2), n + 4096);
        d->event = mem_resize(d->event, size_mul(d->events_room, sizeof *d->event));
    }
    memcpy(d->event + at, event, n * sizeof *event);
    d->start[++d->rows] = at + n;
    d->read++;
    return ST_OK;
}

status text_not_zeek(const struct reading *r)
{
    bool zeek = str_starts(r->text, STR("#separator")) || str_starts(r->text, STR("#fields"));
    return zeek ? fail(r->err, ST_INVALID, "'%s' looks like a Zeek log: --format zeek", r->path)
                : ST_OK;
}

void row_reject(struct reading *r, uint64_t line, const char *why)
{
    struct dataset *d = r->d;
    d->read++;
    if (d->rejected++ > 0)
        return;
    snprintf(d->reject, sizeof d->reject, "'%s', line %llu: %s", r->path, (unsigned long long)line,
             why);
    text_make_plain(d->reject);
}

void row_progress(struct reading *r, size_t at)
{
    if (r->o->progress && r->d->read % 4096 == 0 && r->text.n)
        r->o->progress(r->o->arg,
                       r->done + (uint64_t)((double)r->stored * (double)at / (double)r->text.n),
                       r->total);
}

/* ---- cells ---- */

/* A plain decimal whose digits and power of ten are both exact doubles, so that one multiplication rounds right
 * (Clinger, "How to read floating point numbers accurately", 1990).  False: another way must be found. */
static bool plain_decimal(str s, double *out)
{
    static const double power[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                   1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                   1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    uint64_t v = 0;
    size_t digits = 0, behind = 0, i = s.n && s.p[0] == '-';
    bool point = false, minus = i;
    for (; i < s.n; i++) {
        unsigned c = (unsigned char)s.p[i] - (unsigned)'0';
        if (c <= 9 && digits < 16) {
            v = v * 10 + c;
            digits += v != 0; /* leading zeros do not count */
            behind += point;
        } else if (s.p[i] == '.' && !point) {
            point = true;
        } else {
            return false;
        }
    }
    if (i == (size_t)minus + point || v >> 53 || behind >= COUNT(power))
        return false;
    double d = (double)v / power[behind];
    *out = minus ? -d : d;
    return true;
}

static bool is_missing(str s)
{
    static const char *const all[] = {"",     "-",        "?",         "nan",    "na",
                                      "n/a",  "null",     "none",      "inf",    "+inf",
                                      "-inf", "infinity", "-infinity", "(empty)"};
    for (size_t i = 0; i < COUNT(all); i++)
        if (str_ieq(s, str_z(all[i])))
            return true;
    return false;
}

bool cell_number(str s, float *out)
{
    double d;
    if (!plain_decimal(s, &d)) {
        s = str_trim(s);
        if (is_missing(s))
            d = NAN;
        else if (!str_to_f64(s, &d))
            return false;
    }
    *out = isfinite(d) && fabs(d) <= 3.4e38 ? (float)d : (float)NAN;
    return true;
}

enum dataset_label cell_label(str s)
{
    static const char *const normal[] = {"normal", "benign",  "legitimate", "legit", "clean",
                                         "good",   "norm",    "ok",         "no",    "false",
                                         "ham",    "regular", "background"};
    float v;
    s = str_trim(s);
    if (s.n == 0 || str_eq(s, STR("-")) || str_eq(s, STR("?")))
        return LABEL_NONE;
    if (str_ends(s, STR("."))) /* KDD Cup 1999 */
        s.n--;
    if (cell_number(s, &v))
        return isnan(v) ? LABEL_NONE : v > 0 ? LABEL_ATTACK : LABEL_NORMAL;
    for (size_t i = 0; i < COUNT(normal); i++)
        if (str_ieq(s, str_z(normal[i])))
            return LABEL_NORMAL;
    return LABEL_ATTACK;
}
