/* SPDX-License-Identifier: Apache-2.0 */
/* CSV feeds.  The columns are told by a header: the first row, or the last comment
 * before it (abuse.ch).  Without one every cell is tried. */
#include "base/mem.h"
#include "base/sbuf.h"
#include "codec/csv.h"
#include "codec/time.h"
#include "intel/feed_int.h"

enum {
    COLUMNS_MAX = 64,
    SNIFFED_LINES = 200, /* of the head */
    ROW_ARENA = 512 * 1024,
};

enum role {
    ROLE_NONE,
    ROLE_VALUE,
    ROLE_TYPE,
    ROLE_CONFIDENCE,
    ROLE_COUNT,
    ROLE_SOURCE,
    ROLE_EXPIRES,
    ROLE_DESCRIPTION,
    ROLE_TAGS
};

static const struct {
    const char *name;
    enum role role;
} columns[] = {
#define X(name, role) {name, ROLE_##role},
#include "intel/column.def"
};

struct header {
    enum role role[COLUMNS_MAX];
    size_t count; /* columns */
    size_t known;
    bool values; /* one of them is VALUE */
};

struct intel_csv {
    struct intel_feed *feed;
    char separator;
    struct header header; /* count 0: every cell is tried */
    bool skip_first;      /* the first line that is no comment is the header */
    struct sbuf pending;  /* a row whose quotes are still open */
    struct arena arena;   /* one row */
};

static enum role role_of(str cell)
{
    char buf[INTEL_NAME_MAX];
    str name = intel_plain_name(cell, buf);
    for (size_t i = 0; i < COUNT(columns); i++)
        if (str_eq(name, str_z(columns[i].name)))
            return columns[i].role;
    return ROLE_NONE;
}

/* `"a", "b"`, as abuse.ch writes it, is `"a","b"`. */
static str close_up(struct arena *arena, str line, char separator)
{
    if (!str_starts(line, STR("\"")))
        return line;
    str copy = arena_str(arena, line);
    char *to = arena_bytes(arena, line.n);
    size_t n = 0;
    if (!copy.p || !to)
        return line;
    for (size_t i = 0; i < copy.n; i++) {
        bool gap = copy.p[i] == ' ' && n >= 2 && to[n - 1] == separator && to[n - 2] == '"' &&
                   i + 1 < copy.n && copy.p[i + 1] == '"';
        if (!gap)
            to[n++] = copy.p[i];
    }
    return (str){to, n};
}

/* The cells of one row, in `arena`; statuses of csv_next. */
static status split(str text, char separator, struct arena *arena, struct csv_row *row,
                    struct error *err)
{
    struct csv c;
    csv_init(&c, close_up(arena, text, separator), separator, COLUMNS_MAX, arena);
    return csv_next(&c, row, err);
}

static size_t cells_of(str line, char separator, struct arena *arena)
{
    struct csv_row row;
    return split(line, separator, arena, &row, NULL) == ST_OK ? row.count : 0;
}

static struct header header_of(str line, char separator, struct arena *arena)
{
    struct header h = {.count = 0};
    struct csv_row row;
    if (split(line, separator, arena, &row, NULL) != ST_OK)
        return h;
    h.count = row.count;
    for (size_t i = 0; i < row.count; i++) {
        h.role[i] = role_of(row.cell[i]);
        h.known += h.role[i] != ROLE_NONE;
        h.values |= h.role[i] == ROLE_VALUE;
    }
    return h;
}

static str uncommented(str line)
{
    line = str_trim(line);
    while (line.n && (line.p[0] == '#' || line.p[0] == ';' || line.p[0] == '/' || line.p[0] == ' '))
        line = str_from(line, 1);
    return line;
}

/* ---- is it CSV, and which ---- */

/* The lines a decision is made on. */
struct sample {
    str comment; /* the last one before the data */
    str first, second;
    size_t rows;
};

static struct sample sample_of(str head)
{
    struct sample s = {.rows = 0};
    for (size_t i = 0; i < SNIFFED_LINES && head.p && s.rows < 2; i++) {
        str line = str_trim(str_cut(&head, '\n'));
        if (line.n == 0 || line.n > INTEL_LINE_MAX)
            continue;
        if (!intel_is_comment(line)) {
            *(s.rows++ ? &s.second : &s.first) = line;
        } else if (s.rows == 0 && uncommented(line).n) {
            s.comment = uncommented(line);
        }
    }
    return s;
}

/* Without a header, only what cannot be one value: two rows (or the only one) of as many cells. */
static bool is_bare_csv(const struct sample *s, char separator, struct arena *arena)
{
    struct intel_key key;
    size_t cells = cells_of(s->first, separator, arena);
    if (cells < 2 || (separator == '\t' && cells < 3) ||
        intel_key_parse(s->first, INTEL_KIND_COUNT, &key))
        return false;
    return s->rows < 2 || cells_of(s->second, separator, arena) == cells;
}

static bool settle(struct intel_csv *c, const struct sample *s, char separator)
{
    struct header h = header_of(s->first, separator, &c->arena);
    c->separator = separator;
    c->header = h;
    c->skip_first = true;
    if (h.values && (h.count > 1 || s->rows > 1))
        return true;
    c->skip_first = false;
    c->header = header_of(s->comment, separator, &c->arena);
    size_t cells = cells_of(s->first, separator, &c->arena);
    if (c->header.values && cells > 1 && c->header.count == cells)
        return true;
    c->header = (struct header){.count = 0};
    return is_bare_csv(s, separator, &c->arena);
}

struct intel_csv *intel_csv_new(struct intel_feed *f, str head)
{
    static const char separators[] = {',', ';', '\t'};
    struct sample s = sample_of(head);
    if (s.rows == 0)
        return NULL;
    struct intel_csv *c = mem_new(struct intel_csv);
    c->feed = f;
    arena_init(&c->arena, ROW_ARENA);
    sbuf_init(&c->pending, INTEL_LINE_MAX);
    for (size_t i = 0; i < COUNT(separators); i++)
        if (settle(c, &s, separators[i]))
            return c;
    intel_csv_free(c);
    return NULL;
}

void intel_csv_free(struct intel_csv *c)
{
    if (!c)
        return;
    sbuf_done(&c->pending);
    arena_done(&c->arena);
    mem_free(c);
}

/* ---- rows ---- */

/* What a row says of all its values. */
struct claim {
    struct indicator item;
    struct intel_technique_list techniques;
    bool other_type; /* its values are something else */
};

static void read_cell(struct intel_csv *c, struct claim *claim, enum role role, str cell)
{
    uint64_t count;
    switch (role) {
    case ROLE_TYPE:
        claim->other_type = cell.n && !intel_type_parts(cell);
        return;
    case ROLE_CONFIDENCE:
        if (cell.n && !intel_confidence(cell, &claim->item.confidence_01))
            intel_problem_add(c->feed, false, "confidence '" STR_FMT "' is none", STR_ARG(cell));
        return;
    case ROLE_COUNT:
        if (str_to_u64(cell, &count) && count)
            claim->item.confidence_01 = intel_confidence_of_count(count);
        return;
    case ROLE_SOURCE:
        claim->item.source = cell.n ? cell : claim->item.source;
        return;
    case ROLE_EXPIRES:
        if (cell.n && !time_parse_any(cell, &claim->item.expires_ms))
            intel_problem_add(c->feed, false, "expiry '" STR_FMT "' is no time", STR_ARG(cell));
        return;
    case ROLE_DESCRIPTION:
        claim->item.description = claim->item.description.n ? claim->item.description : cell;
        return;
    case ROLE_TAGS:
        intel_techniques_find(cell, &c->arena, &claim->techniques);
        return;
    default:
        return;
    }
}

static enum role role_at(const struct intel_csv *c, size_t column)
{
    if (c->header.count == 0)
        return ROLE_VALUE;
    return column < c->header.count ? c->header.role[column] : ROLE_NONE;
}

static status add_values(struct intel_csv *c, const struct csv_row *row, struct claim *claim,
                         struct error *err)
{
    size_t values = 0;
    for (size_t i = 0; i < row->count; i++) {
        str cell = intel_unquote(row->cell[i]);
        struct intel_key key;
        if (role_at(c, i) != ROLE_VALUE || cell.n == 0)
            continue;
        if (c->header.count == 0 && !intel_key_parse(cell, INTEL_KIND_COUNT, &key))
            continue; /* any cell may be something else */
        values++;
        claim->item.value = cell;
        status st = intel_feed_add(c->feed, &claim->item, 0, err);
        if (st != ST_OK)
            return st;
    }
    if (values == 0)
        intel_problem_add(c->feed, true, "no indicator in the row");
    return ST_OK;
}

static status take_row(struct intel_csv *c, const struct csv_row *row, struct error *err)
{
    struct claim claim = {.item = intel_feed_item(c->feed, STR(""))};
    for (size_t i = 0; c->header.count && i < row->count; i++)
        read_cell(c, &claim, role_at(c, i), intel_unquote(row->cell[i]));
    claim.item.technique = claim.techniques.at;
    claim.item.technique_count = claim.techniques.count;
    if (claim.other_type) {
        intel_problem_add(c->feed, true, "a type of indicator that is not known");
        return ST_OK;
    }
    return add_values(c, row, &claim, err);
}

/* Does a quoted cell go on after the end of `s`? */
static bool quotes_open(str s, char separator)
{
    bool quoted = false, begin = true;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == '"' && (quoted || begin))
            quoted = !quoted; /* twice for "" */
        begin = !quoted && (c == separator || (begin && c == ' ') || (c == '"' && !begin));
    }
    return quoted;
}

static status take_text(struct intel_csv *c, str text, struct error *err)
{
    struct error why;
    struct csv_row row;
    arena_clear(&c->arena);
    status st = split(text, c->separator, &c->arena, &row, &why);
    if (st == ST_OK)
        return take_row(c, &row, err);
    if (st != ST_NOT_FOUND)
        intel_problem_add(c->feed, true, "%s", why.text);
    return ST_OK;
}

status intel_csv_line(struct intel_csv *c, str line, struct error *err)
{
    if (c->pending.n == 0 && intel_is_comment(line))
        return ST_OK;
    if (c->skip_first) {
        c->skip_first = false;
        return ST_OK;
    }
    if (c->pending.n == 0 && !quotes_open(line, c->separator))
        return take_text(c, line, err);
    sbuf_add(&c->pending, line);
    sbuf_addc(&c->pending, '\n');
    if (!c->pending.full && quotes_open(sbuf_str(&c->pending), c->separator))
        return ST_OK;
    status st = ST_OK;
    if (c->pending.full)
        intel_problem_add(c->feed, true, "a quote is left open");
    else
        st = take_text(c, sbuf_str(&c->pending), err);
    sbuf_clear(&c->pending);
    return st;
}

void intel_csv_end(struct intel_csv *c)
{
    if (c->pending.n)
        intel_problem_add(c->feed, true, "a quote is left open");
    sbuf_clear(&c->pending);
}
