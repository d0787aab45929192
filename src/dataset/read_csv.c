/* SPDX-License-Identifier: Apache-2.0 */
/* Any CSV with a header, and keystroke timings, which are one.  The text is gone through twice: what a column holds is known
 * when all of it was seen. */
#include "codec/ip.h"
#include "codec/time.h"
#include "dataset/dataset_int.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>

enum role { LEFT_OUT, NUMBER, WORDS, LABEL, KIND, SOURCE, TARGET, SESSION, TIME };

struct column { /* of the file */
    str name;
    enum role role;
    uint32_t to; /* NUMBER, WORDS: which of the set's; UINT32_MAX: none */
    uint64_t numbers, words, addresses, times;
    float least, most;
    bool binary, strays_told;
    struct words codes;
};

struct table {
    char separator;
    bool people; /* keystroke: classes are persons, and there are no labels */
    bool labelled;
    size_t cells;
    struct column *column; /* owned */
    float *x;              /* owned */
};

/* ---- what columns are, by their names ---- */

static bool among(str name, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (str_ieq(name, str_z(list[i])))
            return true;
    return false;
}

/* They number rows. */
static bool is_row_number(str name)
{
    static const char *const all[] = {"",      "id",      "index",   "uid", "row",
                                      "rowid", "row_id",  "no",      "no.", "unnamed: 0",
                                      "line",  "flow id", "flow_id", "uuid"};
    return among(name, all, COUNT(all));
}

/* They say what is to be found out. */
static bool is_answer(str name)
{
    static const char *const all[] = {
        "label",          "labels",         "class",        "attack",          "attack_cat",
        "attack_type",    "attack_name",    "attack type",  "subclass",        "sub_label",
        "detailed-label", "detailed_label", "difficulty",   "is_attack",       "traffic_type",
        "anomaly",        "class1",         "class2",       "class3",          "attack_label",
        "label_name",     "malicious",      "is_malicious", "traffic_category"};
    return among(name, all, COUNT(all));
}

/* Words, or yes and no, that say it where a label stands beside them: in ToN-IoT, Bot-IoT and their like. */
static bool answers_too(const struct column *c)
{
    static const char *const all[] = {"target", "type", "category", "subcategory"};
    return (c->words || c->binary) && among(c->name, all, COUNT(all));
}

static bool is_time(str name)
{
    static const char *const all[] = {"time",     "timestamp",  "ts",         "date",
                                      "datetime", "stime",      "ltime",      "start_time",
                                      "end_time", "@timestamp", "first_seen", "last_seen"};
    return among(name, all, COUNT(all));
}

static bool is_person(str name)
{
    static const char *const all[] = {"subject", "user",        "user_id",
                                      "userid",  "participant", "person"};
    return among(name, all, COUNT(all));
}

static bool is_session(str name)
{
    static const char *const all[] = {"sessionindex", "session", "session_id", "session_index"};
    return among(name, all, COUNT(all));
}

static bool is_repetition(str name)
{
    static const char *const all[] = {"rep", "repetition", "trial", "attempt", "sample"};
    return among(name, all, COUNT(all));
}

static size_t find(const struct table *t, str name)
{
    for (size_t i = 0; i < t->cells; i++)
        if (str_ieq(t->column[i].name, name))
            return i;
    return t->cells;
}

static status set_label(struct reading *r, struct table *t)
{
    static const char *const usual[] = {"label",     "class",     "attack", "attack_label",
                                        "is_attack", "malicious", "target", "y"};
    const char *said = r->o->label_column;
    size_t at = said ? find(t, str_z(said)) : t->cells;
    if (said && at == t->cells)
        return fail(r->err, ST_INVALID, "'%s': no column '%s'", r->path, said);
    for (size_t i = 0; i < COUNT(usual) && at == t->cells; i++)
        at = find(t, str_z(usual[i]));
    t->labelled = at < t->cells;
    if (t->labelled)
        t->column[at].role = LABEL;
    return ST_OK;
}

static status set_person(struct reading *r, struct table *t)
{
    bool found = false;
    for (size_t i = 0; i < t->cells; i++) {
        struct column *c = &t->column[i];
        bool said = r->o->label_column && str_ieq(c->name, str_z(r->o->label_column));
        if (!found && (said || (!r->o->label_column && is_person(c->name)))) {
            c->role = KIND;
            found = true;
        } else if (is_session(c->name)) {
            c->role = SESSION;
        } else if (is_repetition(c->name)) {
            c->role = LEFT_OUT;
        }
    }
    return found ? ST_OK
                 : fail(r->err, ST_INVALID, "'%s': no column '%s'", r->path,
                        r->o->label_column ? r->o->label_column : "Subject");
}

/* ---- what columns are, by what is in them ---- */

static void look_at(struct column *c, str cell)
{
    float v;
    struct ip ip;
    int64_t ms;
    if (cell_number(cell, &v)) {
        if (isnan(v))
            return;
        c->least = c->numbers == 0 || v < c->least ? v : c->least;
        c->most = c->numbers == 0 || v > c->most ? v : c->most;
        c->binary = (c->numbers == 0 || c->binary) && (!(v < 0 || v > 0) || !(v < 1 || v > 1));
        c->numbers++;
        return;
    }
    c->words++;
    cell = str_trim(cell);
    c->addresses += ip_parse(cell, &ip);
    c->times += time_parse_any(cell, &ms);
}

static bool nearly_all(uint64_t part, uint64_t all)
{
    return all > 0 && part * 20 >= all * 19;
}

static void leave_out(struct reading *r, struct column *c, const char *why)
{
    c->role = LEFT_OUT;
    dataset_note(r->d, "'" STR_FMT "' left out: %s", STR_ARG(str_head(c->name, 40)), why);
}

static void settle(struct reading *r, struct table *t, struct column *c)
{
    static const double epoch_least = 1e8; /* seconds: 1973 */
    uint64_t all = c->numbers + c->words;
    if (c->role != NUMBER)
        return;
    if (is_row_number(c->name) && (c->words == 0 || nearly_all(c->words, all))) {
        leave_out(r, c, "it numbers the rows");
    } else if (is_answer(c->name) || (t->labelled && answers_too(c))) {
        bool kind = !t->people && c->words;
        leave_out(r, c, kind ? "it is the kind of attack" : "it gives the answer away");
        c->role = kind ? KIND : LEFT_OUT;
    } else if (nearly_all(c->addresses, all)) {
        bool first = true;
        for (size_t i = 0; i < t->cells; i++)
            first &= t->column[i].role != SOURCE;
        c->role = first ? SOURCE : TARGET;
        dataset_note(r->d, "'" STR_FMT "' left out: addresses", STR_ARG(str_head(c->name, 40)));
    } else if (nearly_all(c->times, all) || (is_time(c->name) && nearly_all(c->numbers, all) &&
                                             (double)c->least >= epoch_least)) {
        c->role = TIME;
    } else if (!nearly_all(c->numbers, all) && c->words) {
        c->role = WORDS;
    }
}

/* ---- rows ---- */

static status next_row(struct reading *r, struct csv *c, const struct table *t, bool tell,
                       struct csv_row *row)
{
    char why[80];
    for (;;) {
        struct error bad;
        const char *begin = c->p;
        status st = csv_next(c, row, &bad);
        if (st == ST_NOT_FOUND)
            return st;
        if (st == ST_OK && row->count == t->cells && c->p - begin <= DATASET_LINE_MAX)
            return ST_OK;
        if (!tell)
            continue;
        snprintf(why, sizeof why, "%zu cells, not %zu", row->count, t->cells);
        row_reject(r, st == ST_OK ? row->line : c->line - 1,
                   st != ST_OK                       ? bad.text
                   : c->p - begin > DATASET_LINE_MAX ? "the line is too long"
                                                     : why);
    }
}

static char separator_of(str text)
{
    static const char all[] = {',', ';', '\t', '|'};
    str line = str_head(text, str_find(text, '\n'));
    size_t best = 0, most = 0;
    for (size_t i = 0; i < sizeof all; i++) {
        size_t n = 0;
        for (size_t j = 0; j < line.n; j++)
            n += line.p[j] == all[i];
        if (n > most) {
            most = n;
            best = i;
        }
    }
    return all[best];
}

/* Another format, or a separator that is none of ours, would make columns of nonsense. */
static status check_header(const struct reading *r, const struct csv_row *row)
{
    str first = str_trim(row->cell[0]);
    status st = text_not_zeek(r);
    if (st == ST_OK && str_starts(first, STR("#")))
        st = fail(r->err, ST_INVALID, "'%s': the header line is a comment, '" STR_FMT "'", r->path,
                  STR_ARG(str_head(first, 40)));
    if (st == ST_OK && str_starts(str_trim(r->text), STR("{")))
        st =
            fail(r->err, ST_INVALID,
                 "'%s' holds JSON, no CSV: --format eve, or zeek, reads what those write", r->path);
    if (st == ST_OK && row->count == 1)
        st = fail(r->err, ST_INVALID,
                  "'%s': the header line is one column, '" STR_FMT
                  "'; a CSV's are separated by , ; | or tabs",
                  r->path, STR_ARG(str_head(first, 40)));
    return st;
}

static status read_header(struct reading *r, struct table *t, struct csv *c, struct arena *arena)
{
    struct csv_row row;
    status st = csv_next(c, &row, r->err);
    if (st != ST_OK)
        return fail(r->err, st == ST_LIMIT ? ST_LIMIT : ST_INVALID,
                    st == ST_LIMIT ? "'%s': more than 4,096 columns" : "'%s': no header line",
                    r->path);
    st = check_header(r, &row);
    if (st != ST_OK)
        return st;
    if (!t->column)
        t->column = mem_array(struct column, row.count);
    t->cells = row.count;
    for (size_t i = 0; i < row.count; i++) {
        t->column[i].name = arena_str(arena, str_head(str_trim(row.cell[i]), DATASET_NAME_MAX));
        t->column[i].role = NUMBER;
        t->column[i].codes.feature = FEATURE_COUNT;
    }
    st = t->people ? set_person(r, t) : set_label(r, t);
    return st;
}

static status survey(struct reading *r, struct table *t, struct arena *arena)
{
    struct csv c;
    struct csv_row row;
    csv_init(&c, r->text, t->separator, DATASET_COLUMNS_MAX, arena);
    status st = read_header(r, t, &c, arena);
    if (st != ST_OK)
        return st;
    assert(t->column);
    while (next_row(r, &c, t, false, &row) == ST_OK)
        for (size_t i = 0; i < row.count; i++)
            if (t->column[i].role == NUMBER)
                look_at(&t->column[i], row.cell[i]);
    for (size_t i = 0; i < t->cells; i++)
        settle(r, t, &t->column[i]);
    return ST_OK;
}

/* ---- columns of the set ---- */

static enum feature_kind kind_of(const struct column *c)
{
    static const float many = 1000;
    if (c->role == WORDS)
        return FEATURE_CATEGORY;
    if (c->numbers && c->binary)
        return FEATURE_FLAG;
    return c->numbers && c->least >= 0 && c->most > many ? FEATURE_AMOUNT : FEATURE_NUMBER;
}

static void set_column(struct dataset *d, size_t n, str name, const struct column *c)
{
    enum feature f = feature_find(c->name);
    struct dataset_column *to = &d->column[n];
    *to = (struct dataset_column){.name = name, .feature = f, .kind = kind_of(c), .unit = ""};
    bool words = c->role == WORDS;
    if (f == FEATURE_COUNT || words != (feature_info[f].kind == FEATURE_CATEGORY)) {
        to->feature = FEATURE_COUNT;
        return;
    }
    to->kind = feature_info[f].kind;
    to->missing = feature_info[f].missing;
    to->unit = feature_info[f].unit;
}

static status first_columns(struct reading *r, struct table *t)
{
    size_t n = 0;
    for (size_t i = 0; i < t->cells; i++)
        n += t->column[i].role == NUMBER || t->column[i].role == WORDS;
    if (n == 0)
        return fail(r->err, ST_INVALID, "'%s': no column to learn from", r->path);
    (void)columns_new(r->d, n);
    struct map taken = {0};
    n = 0;
    for (size_t i = 0; i < t->cells; i++) {
        struct column *c = &t->column[i];
        if (c->role != NUMBER && c->role != WORDS)
            continue;
        set_column(r->d, n, column_name(&r->d->arena, &taken, c->name), c);
        c->codes.feature = r->d->column[n].feature;
        c->to = (uint32_t)n++;
    }
    map_done(&taken);
    return ST_OK;
}

/* The columns are those of the first file. */
static status match_columns(struct reading *r, struct table *t, struct arena *arena)
{
    struct dataset *d = r->d;
    struct map taken = {0};
    size_t found = 0;
    for (size_t i = 0; i < t->cells; i++) {
        struct column *c = &t->column[i];
        if (c->role != NUMBER && c->role != WORDS)
            continue;
        size_t at = dataset_column_find(d, column_name(arena, &taken, c->name));
        c->to = UINT32_MAX;
        if (at == d->columns) {
            leave_out(r, c, "it is not in the first file");
            continue;
        }
        c->to = (uint32_t)at;
        c->role = d->column[at].kind == FEATURE_CATEGORY ? WORDS : NUMBER;
        c->codes.feature = d->column[at].feature;
        found++;
    }
    map_done(&taken);
    if (found == 0)
        return fail(r->err, ST_INVALID, "'%s': no column of the files before", r->path);
    if (found < d->columns)
        dataset_note(d, "not every file has all columns");
    return ST_OK;
}

/* ---- reading ---- */

struct row {
    struct row_truth truth;
    str source, target, session;
};

static void take_number(struct reading *r, struct column *c, str cell, float *x)
{
    if (cell_number(cell, x))
        return;
    *x = NAN;
    if (!c->strays_told)
        dataset_note(r->d, "words in '" STR_FMT "' are missing values",
                     STR_ARG(str_head(c->name, 40)));
    c->strays_told = true;
}

static void take_cell(struct reading *r, struct table *t, struct column *c, str cell,
                      struct row *row)
{
    switch (c->role) {
    case NUMBER:
        take_number(r, c, cell, &t->x[c->to]);
        break;
    case WORDS:
        t->x[c->to] = words_code(r->d, &c->codes, cell);
        break;
    case LABEL:
        row->truth.label = (uint8_t)cell_label(cell);
        if (row->truth.label == LABEL_ATTACK && row->truth.klass.n == 0)
            row->truth.klass = str_trim(cell);
        break;
    case KIND:
        row->truth.klass = str_trim(cell);
        break;
    case SOURCE:
        row->source = str_trim(cell);
        break;
    case TARGET:
        row->target = str_trim(cell);
        break;
    case SESSION:
        row->session = str_trim(cell);
        break;
    case TIME:
        if (!time_parse_any(str_trim(cell), &row->truth.time_ms))
            row->truth.time_ms = TIME_NONE;
        break;
    case LEFT_OUT:
        break;
    }
}

/* "1" and "0" are no names of classes. */
static void name_class(struct row *row, bool people)
{
    float v;
    if (people)
        row->truth.label = LABEL_NONE;
    else if (row->truth.label != LABEL_ATTACK ||
             (row->truth.klass.n && cell_number(row->truth.klass, &v) && !(v < 1 || v > 1)))
        row->truth.klass = (str){0};
}

static str group_of(const struct row *row, char out[static DATASET_GROUP_MAX])
{
    int n = 0;
    if (row->session.n)
        n = snprintf(out, DATASET_GROUP_MAX, STR_FMT "/" STR_FMT,
                     STR_ARG(str_head(row->truth.klass, 200)),
                     STR_ARG(str_head(row->session, 200)));
    else if (row->source.n && row->target.n)
        n = snprintf(out, DATASET_GROUP_MAX, STR_FMT " " STR_FMT,
                     STR_ARG(str_head(row->source, 200)), STR_ARG(str_head(row->target, 200)));
    return (str){out, (size_t)n};
}

static status read_rows(struct reading *r, struct table *t, struct arena *arena)
{
    struct csv c;
    struct csv_row cells;
    status st = ST_OK;
    char group[DATASET_GROUP_MAX];
    csv_init(&c, r->text, t->separator, DATASET_COLUMNS_MAX, arena);
    if (csv_next(&c, &cells, NULL) != ST_OK)
        return ST_OK;
    while (st == ST_OK && next_row(r, &c, t, true, &cells) == ST_OK) {
        struct row row = {.truth = {.label = LABEL_NONE, .time_ms = TIME_NONE}};
        for (size_t i = 0; i < r->d->columns; i++)
            t->x[i] = NAN;
        for (size_t i = 0; i < t->cells; i++)
            take_cell(r, t, &t->column[i], cells.cell[i], &row);
        name_class(&row, t->people);
        row.truth.group = group_of(&row, group);
        st = row_add(r, t->x, &row.truth);
        row_progress(r, (size_t)(c.p - r->text.p));
    }
    return st;
}

static status read_table(struct reading *r, bool people)
{
    struct arena arena;
    struct table t = {.people = people, .separator = separator_of(r->text)};
    arena_init(&arena, size_add(size_mul(r->text.n, 2), 4 << 20));
    status st = survey(r, &t, &arena);
    if (st == ST_OK)
        st = r->d->columns ? match_columns(r, &t, &arena) : first_columns(r, &t);
    if (st == ST_OK) {
        t.x = mem_array(float, r->d->columns);
        st = read_rows(r, &t, &arena);
    }
    for (size_t i = 0; i < t.cells; i++)
        map_done(&t.column[i].codes.code);
    mem_free(t.column);
    mem_free(t.x);
    arena_done(&arena);
    return st;
}

status read_csv(struct reading *r)
{
    return read_table(r, false);
}

status read_keystroke(struct reading *r)
{
    return read_table(r, true);
}
