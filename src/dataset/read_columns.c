/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of flows as CSV whose columns are known by name: UNSW-NB15, NSL-KDD, CICFlowMeter. */
#include "codec/time.h"
#include "dataset/dataset_int.h"

#include <math.h>
#include <stdio.h>

enum role { IGNORE, FEATURE, LABEL, KIND, SOURCE, TARGET, SECONDS, DAY_TIME };

static const struct {
    enum feature_set set;
    const char *name;
    enum role role;
} roles[] = {
    {FEATURE_SET_UNSW_NB15, "label", LABEL},
    {FEATURE_SET_UNSW_NB15, "attack_cat", KIND},
    {FEATURE_SET_UNSW_NB15, "srcip", SOURCE},
    {FEATURE_SET_UNSW_NB15, "dstip", TARGET},
    {FEATURE_SET_UNSW_NB15, "stime", SECONDS},
    {FEATURE_SET_UNSW_NB15, "ltime", IGNORE},
    {FEATURE_SET_UNSW_NB15, "id", IGNORE},
    {FEATURE_SET_UNSW_NB15, "sport", IGNORE},
    {FEATURE_SET_NSL_KDD, "class", KIND},
    {FEATURE_SET_NSL_KDD, "label", KIND},
    {FEATURE_SET_NSL_KDD, "difficulty", IGNORE},
    {FEATURE_SET_CICFLOW, "label", KIND},
    {FEATURE_SET_CICFLOW, "source ip", SOURCE},
    {FEATURE_SET_CICFLOW, "src ip", SOURCE},
    {FEATURE_SET_CICFLOW, "destination ip", TARGET},
    {FEATURE_SET_CICFLOW, "dst ip", TARGET},
    {FEATURE_SET_CICFLOW, "timestamp", DAY_TIME},
    {FEATURE_SET_CICFLOW, "flow id", IGNORE},
    {FEATURE_SET_CICFLOW, "source port", IGNORE},
    {FEATURE_SET_CICFLOW, "src port", IGNORE},
    {FEATURE_SET_CICFLOW, "fwd header length.1", IGNORE},
};

struct plan { /* what the cells of a file are */
    enum feature_set set;
    size_t cells;
    struct {
        enum role role;
        enum feature feature;
        float scale;
    } cell[DATASET_COLUMNS_MAX];
    struct words words[FEATURE_COUNT]; /* of the categories */
    uint16_t column[FEATURE_COUNT];    /* features that are columns of the set, in its order */
    size_t columns;
};

static struct plan *plan_new(enum feature_set set)
{
    struct plan *p = mem_new(struct plan);
    p->set = set;
    for (size_t i = 0; i < FEATURE_COUNT; i++)
        p->words[i].feature = (enum feature)i;
    return p;
}

static void plan_free(struct plan *p)
{
    for (size_t i = 0; i < FEATURE_COUNT; i++)
        map_done(&p->words[i].code);
    mem_free(p);
}

static enum role role_of(enum feature_set set, str name, bool *known)
{
    for (size_t i = 0; i < COUNT(roles); i++) {
        *known = roles[i].set == set && str_ieq(str_trim(name), str_z(roles[i].name));
        if (*known)
            return roles[i].role;
    }
    return IGNORE;
}

static bool planned(const struct plan *p, enum feature f)
{
    for (size_t i = 0; i < p->cells; i++)
        if (p->cell[i].role == FEATURE && p->cell[i].feature == f)
            return true;
    return false;
}

/* How the next cell of each line is read. */
static bool plan_cell(struct plan *p, str name)
{
    bool known = true;
    const struct feature_column *c = feature_column_find(p->set, name);
    enum role role = c ? FEATURE : role_of(p->set, name, &known);
    if (c && planned(p, c->feature))
        role = IGNORE; /* CICFlowMeter writes "Fwd Header Length" twice */
    p->cell[p->cells].role = role;
    if (c) {
        p->cell[p->cells].feature = c->feature;
        p->cell[p->cells].scale = (float)c->scale;
    }
    p->cells++;
    return known;
}

static status plan_header(struct reading *r, struct plan *p, const struct csv_row *header)
{
    size_t n;
    const struct feature_column *first = feature_columns(p->set, &n);
    size_t found = 0;
    for (size_t i = 0; i < header->count; i++) {
        if (!plan_cell(p, header->cell[i]))
            dataset_note(r->d, "column '" STR_FMT "' is not one of the format's: left out",
                         STR_ARG(str_head(str_trim(header->cell[i]), 40)));
        found += p->cell[i].role == FEATURE;
    }
    if (found < 10)
        return fail(r->err, ST_INVALID, "'%s', line %u: no header with columns such as '%s'",
                    r->path, (unsigned)header->line, first->name);
    return ST_OK;
}

/* The features there can be: those of the cells, and those that follow from them. */
static void live(const struct plan *p, bool out[static FEATURE_COUNT])
{
    float x[FEATURE_COUNT];
    for (size_t i = 0; i < FEATURE_COUNT; i++)
        x[i] = NAN;
    for (size_t i = 0; i < p->cells; i++)
        if (p->cell[i].role == FEATURE)
            x[p->cell[i].feature] =
                p->cell[i].feature == FEATURE_STATE ? category_code(STR("SF")) : 1;
    feature_derive(x);
    for (size_t i = 0; i < FEATURE_COUNT; i++)
        out[i] = !isnan(x[i]);
}

/* The columns of the set: those of its first file. */
static void plan_columns(struct reading *r, struct plan *p)
{
    struct dataset *d = r->d;
    bool there[FEATURE_COUNT];
    live(p, there);
    if (d->columns == 0) {
        size_t n = 0;
        for (size_t i = 0; i < FEATURE_COUNT; i++)
            n += there[i];
        struct dataset_column *c = columns_new(d, n);
        for (size_t i = 0; i < FEATURE_COUNT; i++)
            if (there[i])
                *c++ = column_of_feature((enum feature)i);
    }
    for (size_t i = 0; i < d->columns; i++) {
        enum feature f = d->column[i].feature;
        p->column[p->columns++] = (uint16_t)f;
        if (!there[f])
            dataset_note(d, "not every file has '%s'", feature_info[f].name);
        there[f] = false;
    }
    for (size_t i = 0; i < FEATURE_COUNT; i++)
        if (there[i])
            dataset_note(d, "'%s' is not in the first file: left out", feature_info[i].name);
}

/* "5/7/2017 3:30", day first, as CIC-IDS2017 has it, with seconds and AM or PM in others.  Without those an hour before
 * eight is of the afternoon: the captures lasted from nine to five, and their clock had twelve hours. */
static int64_t day_time(str s)
{
    int64_t ms;
    char iso[40];
    unsigned part[6] = {0};
    size_t parts = 0;
    if (str_find(s, '/') == s.n)
        return str_find(s, ':') < s.n && time_parse_any(s, &ms) ? ms : TIME_NONE;
    bool pm = str_iends(s, STR("pm")), am = str_iends(s, STR("am"));
    for (size_t i = 0; i < s.n && parts < COUNT(part); parts++) {
        for (; i < s.n && s.p[i] >= '0' && s.p[i] <= '9' && part[parts] < 10000; i++)
            part[parts] = part[parts] * 10 + (unsigned)(s.p[i] - '0');
        while (i < s.n && (s.p[i] < '0' || s.p[i] > '9'))
            i++;
    }
    if (pm || am)
        part[3] = part[3] % 12 + (pm ? 12 : 0);
    else if (part[3] < 8)
        part[3] += 12;
    snprintf(iso, sizeof iso, "%04u-%02u-%02uT%02u:%02u:%02uZ", part[2], part[1], part[0], part[3],
             part[4], part[5]);
    return parts >= 5 && time_parse_iso(str_z(iso), &ms) ? ms : TIME_NONE;
}

struct line { /* being read */
    float x[FEATURE_COUNT];
    struct row_truth truth;
    str source, target;
    bool labelled;
};

static bool take_feature(struct reading *r, struct plan *p, struct line *l, size_t i, str cell)
{
    enum feature f = p->cell[i].feature;
    if (feature_info[f].kind == FEATURE_CATEGORY) {
        l->x[f] = words_code(r->d, &p->words[f], cell);
        return true;
    }
    if (!cell_number(cell, &l->x[f]))
        return false;
    l->x[f] *= p->cell[i].scale;
    /* -1 is "not seen"; lengths that overflowed are not known either. */
    if (feature_info[f].kind == FEATURE_AMOUNT && l->x[f] < 0)
        l->x[f] = NAN;
    return true;
}

static void take_kind(struct line *l, str cell)
{
    cell = str_trim(cell);
    if (str_ends(cell, STR("."))) /* KDD Cup 1999 */
        cell.n--;
    enum dataset_label label = cell_label(cell);
    l->truth.klass = label == LABEL_ATTACK ? cell : (str){0};
    if (!l->labelled)
        l->truth.label = (uint8_t)label;
}

static void take_label(struct line *l, str cell)
{
    l->truth.label = (uint8_t)cell_label(cell);
    l->labelled = true;
    if (l->truth.label != LABEL_ATTACK)
        l->truth.klass = (str){0};
}

/* False: a cell is not what it must be. */
static bool take_cell(struct reading *r, struct plan *p, struct line *l, size_t i, str cell)
{
    switch (p->cell[i].role) {
    case FEATURE:
        return take_feature(r, p, l, i, cell);
    case LABEL:
        take_label(l, cell);
        return true;
    case KIND:
        take_kind(l, cell);
        return true;
    case SOURCE:
        l->source = str_trim(cell);
        return true;
    case TARGET:
        l->target = str_trim(cell);
        return true;
    case SECONDS:
        if (!time_parse_epoch(str_trim(cell), &l->truth.time_ms))
            l->truth.time_ms = TIME_NONE;
        return true;
    case DAY_TIME:
        l->truth.time_ms = day_time(str_trim(cell));
        return true;
    case IGNORE:
        break;
    }
    return true;
}

static status take_line(struct reading *r, struct plan *p, const struct csv_row *row)
{
    char why[120], pair[DATASET_GROUP_MAX];
    struct line l = {.truth = {.label = LABEL_NONE, .time_ms = TIME_NONE}};
    float x[FEATURE_COUNT];
    for (size_t i = 0; i < FEATURE_COUNT; i++)
        l.x[i] = NAN;
    if (row->count != p->cells) {
        snprintf(why, sizeof why, "%zu cells, not %zu", row->count, p->cells);
        row_reject(r, row->line, why);
        return ST_OK;
    }
    for (size_t i = 0; i < row->count; i++) {
        if (take_cell(r, p, &l, i, row->cell[i]))
            continue;
        snprintf(why, sizeof why, "'%.*s' is no number (%s)", (int)str_head(row->cell[i], 40).n,
                 row->cell[i].p, feature_info[p->cell[i].feature].name);
        row_reject(r, row->line, why);
        return ST_OK;
    }
    if (l.source.n && l.target.n) {
        int n = snprintf(pair, sizeof pair, STR_FMT " " STR_FMT, STR_ARG(str_head(l.source, 200)),
                         STR_ARG(str_head(l.target, 200)));
        l.truth.group = (str){pair, (size_t)n};
    }
    feature_derive(l.x);
    for (size_t i = 0; i < p->columns; i++)
        x[i] = l.x[p->column[i]];
    return row_add(r, x, &l.truth);
}

static status take_lines(struct reading *r, struct plan *p, struct csv *c)
{
    struct csv_row row;
    struct error why;
    for (;;) {
        const char *begin = c->p;
        status st = csv_next(c, &row, &why);
        if (st == ST_NOT_FOUND)
            return ST_OK;
        if (st == ST_OK && c->p - begin > DATASET_LINE_MAX) {
            row_reject(r, row.line, "the line is too long");
            continue;
        }
        if (st != ST_OK) {
            row_reject(r, c->line - 1, why.text);
            continue;
        }
        st = take_line(r, p, &row);
        if (st != ST_OK)
            return st;
        row_progress(r, (size_t)(c->p - r->text.p));
    }
}

static status read_known(struct reading *r, enum feature_set set)
{
    struct arena arena;
    struct csv c;
    struct csv_row header;
    arena_init(&arena, size_add(r->text.n, 1 << 20));
    csv_init(&c, r->text, ',', DATASET_COLUMNS_MAX, &arena);
    struct plan *p = plan_new(set);
    status st = csv_next(&c, &header, r->err);
    if (st == ST_OK)
        st = plan_header(r, p, &header);
    else
        st = fail(r->err, ST_INVALID, "'%s': no header line", r->path);
    if (st == ST_OK) {
        plan_columns(r, p);
        st = take_lines(r, p, &c);
    }
    plan_free(p);
    arena_done(&arena);
    return st;
}

status read_unsw_nb15(struct reading *r)
{
    return read_known(r, FEATURE_SET_UNSW_NB15);
}

status read_cicflow(struct reading *r)
{
    return read_known(r, FEATURE_SET_CICFLOW);
}

/* Without a header: 41 columns, the attack, and mostly a difficulty. */
static status plan_kdd(struct reading *r, struct plan *p, size_t cells)
{
    size_t n;
    const struct feature_column *all = feature_columns(FEATURE_SET_NSL_KDD, &n);
    if (cells < n || cells > n + 2)
        return fail(r->err, ST_INVALID, "'%s', line 1: %zu cells, not %zu to %zu", r->path, cells,
                    n, n + 2);
    for (size_t i = 0; i < n; i++)
        (void)plan_cell(p, str_z(all[i].name));
    if (cells > n)
        (void)plan_cell(p, STR("class"));
    if (cells > n + 1)
        (void)plan_cell(p, STR("difficulty"));
    return ST_OK;
}

status read_nsl_kdd(struct reading *r)
{
    struct arena arena;
    struct csv c;
    struct csv_row first;
    float is;
    arena_init(&arena, size_add(r->text.n, 1 << 20));
    csv_init(&c, r->text, ',', DATASET_COLUMNS_MAX, &arena);
    struct plan *p = plan_new(FEATURE_SET_NSL_KDD);
    status st = csv_next(&c, &first, r->err) == ST_OK
                    ? ST_OK
                    : fail(r->err, ST_INVALID, "'%s': no line", r->path);
    if (st == ST_OK && !cell_number(first.cell[0], &is)) {
        st = plan_header(r, p, &first);
    } else if (st == ST_OK) {
        st = plan_kdd(r, p, first.count);
        c.p = r->text.p; /* it is a row itself */
        c.line = 1;
    }
    if (st == ST_OK) {
        plan_columns(r, p);
        st = take_lines(r, p, &c);
    }
    plan_free(p);
    arena_done(&arena);
    return st;
}
