/* SPDX-License-Identifier: Apache-2.0 */
/* Zeek's tab separated logs.  Lines that start with # say how to read those that follow:
 *
 *     #separator \x09
 *     #set_separator	,
 *     #empty_field	(empty)
 *     #unset_field	-
 *     #path	conn
 *     #fields	ts	uid	id.orig_h	…
 *     #types	time	string	addr	…
 *
 * A batch starts with what the head of the stream said, and lines in it may change that for what
 * follows in it.  Some labelled data sets put their labels behind the last column with three
 * spaces between them, in #fields as in the rows; the last column is cut there when its header is. */
#include "base/hash.h"
#include "codec/hex.h"
#include "codec/time.h"
#include "parse/line.h"

enum { COLUMNS_MAX = 512, MARK_MAX = 16, PATH_MAX_BYTES = 64, TYPE_MAX = 24 };

struct column {
    field_id id;
    uint8_t kind; /* enum value_kind */
    bool many;    /* a set or vector */
    bool time;    /* the event's */
};

struct zeek_state {
    struct column column[COLUMNS_MAX];
    size_t count;
    size_t tail; /* columns from here on are separated by spaces; count when none are */
    char separator, set_separator;
    char empty[MARK_MAX], unset[MARK_MAX], path[PATH_MAX_BYTES];
    size_t empty_n, unset_n, path_n;
    uint64_t header; /* hash of the stream header it was read from; 0: none */
};

/* ---- header ---- */

static size_t keep(char *to, size_t room, str s)
{
    s = str_head(s, room);
    if (s.n)
        memcpy(to, s.p, s.n);
    return s.n;
}

/* Cut the next cell off *s: at the separator, or in the tail at two spaces or more. */
static str cut_cell(const struct zeek_state *z, str *s, bool tail)
{
    if (!tail)
        return str_cut(s, z->separator);
    const char *at = s->n ? memmem(s->p, s->n, "  ", 2) : NULL;
    if (!at)
        return str_cut(s, '\n'); /* all of it */
    str cell = str_head(*s, (size_t)(at - s->p));
    *s = str_from(*s, cell.n);
    while (s->n && s->p[0] == ' ')
        *s = str_from(*s, 1);
    return cell;
}

static void add_column(struct parse *p, struct zeek_state *z, str name)
{
    if (z->count == COLUMNS_MAX)
        return;
    z->column[z->count++] = (struct column){
        .id = dict_resolve(p->dict, FAMILY_ZEEK, name),
        .kind = VALUE_STRING,
        .time = str_eq(name, STR("ts")),
    };
}

static void read_fields(struct parse *p, struct zeek_state *z, str names)
{
    z->count = 0;
    while (names.n && z->count < COLUMNS_MAX) {
        str name = str_cut(&names, z->separator);
        bool last = names.p == NULL;
        if (last && str_contains(name, STR("  "))) {
            z->tail = z->count;
            while (name.n && z->count < COLUMNS_MAX)
                add_column(p, z, cut_cell(z, &name, true));
            return;
        }
        add_column(p, z, name);
    }
    z->tail = z->count;
}

static uint8_t kind_of(str type)
{
    static const char *const numbers[] = {"count", "int", "double", "port", "interval", "time"};
    for (size_t i = 0; i < COUNT(numbers); i++)
        if (str_eq(type, str_z(numbers[i])))
            return VALUE_NUMBER;
    return str_eq(type, STR("bool")) ? VALUE_BOOL : VALUE_STRING;
}

static void read_types(struct zeek_state *z, str types)
{
    for (size_t i = 0; i < z->count && types.n; i++) {
        str type = cut_cell(z, &types, i >= z->tail);
        size_t open = str_find(type, '[');
        z->column[i].many = open < type.n;
        if (z->column[i].many)
            type = str_from(str_head(type, type.n - 1), open + 1);
        z->column[i].kind = kind_of(type);
    }
}

/* "\x09" or the character itself. */
static char separator_of(str s)
{
    if (s.n == 4 && s.p[0] == '\\' && s.p[1] == 'x' && hex_digit(s.p[2]) >= 0 &&
        hex_digit(s.p[3]) >= 0)
        return (char)(hex_digit(s.p[2]) * 16 + hex_digit(s.p[3]));
    return s.n ? s.p[0] : '\t';
}

static void read_header_line(struct parse *p, struct zeek_state *z, str line)
{
    if (str_starts(line, STR("#separator "))) {
        z->separator = separator_of(str_from(line, 11));
        return;
    }
    str value = line, key = str_cut(&value, z->separator);
    if (str_eq(key, STR("#set_separator")))
        z->set_separator = value.n ? value.p[0] : ',';
    else if (str_eq(key, STR("#empty_field")))
        z->empty_n = keep(z->empty, sizeof z->empty, value);
    else if (str_eq(key, STR("#unset_field")))
        z->unset_n = keep(z->unset, sizeof z->unset, value);
    else if (str_eq(key, STR("#path")))
        z->path_n = keep(z->path, sizeof z->path, value);
    else if (str_eq(key, STR("#fields")))
        read_fields(p, z, value);
    else if (str_eq(key, STR("#types")))
        read_types(z, value);
}

static void forget(struct zeek_state *z)
{
    z->count = z->tail = z->path_n = 0;
    z->separator = '\t';
    z->set_separator = ',';
    z->empty_n = keep(z->empty, sizeof z->empty, STR("(empty)"));
    z->unset_n = keep(z->unset, sizeof z->unset, STR("-"));
    z->header = 0;
}

/* The line without spaces before it, when it is one of the header. */
static bool is_header_line(str line, str *out)
{
    *out = str_trim(line);
    if (out->n == 0 || out->p[0] != '#')
        return false;
    *out = str_from(line, (size_t)(out->p - line.p)); /* a trailing tab is an empty value */
    return true;
}

/* Make the state what the stream's header says, unless it is that already. */
static void read_header(struct parse *p, struct zeek_state *z)
{
    str rest = p->stream->header, line;
    uint64_t hash = hash_bytes(rest, 1) | 1;
    if (z->header == hash)
        return;
    forget(z);
    str head;
    while (line_next(&rest, &line))
        if (is_header_line(line, &head))
            read_header_line(p, z, head);
    z->header = hash;
}

/* ---- rows ---- */

static bool is_mark(str s, const char *mark, size_t n)
{
    return s.n == n && (n == 0 || memcmp(s.p, mark, n) == 0);
}

static void add_value(struct parse *p, const struct zeek_state *z, const struct column *c, str cell)
{
    if (is_mark(cell, z->unset, z->unset_n))
        return;
    if (is_mark(cell, z->empty, z->empty_n))
        cell.n = 0;
    if (c->kind == VALUE_BOOL && cell.n == 1)
        cell = cell.p[0] == 'T' ? STR("true") : STR("false");
    else
        cell = line_unescape(p, cell);
    parse_add_kind(p, c->id, cell, c->kind, 0);
}

static void add_cell(struct parse *p, const struct zeek_state *z, const struct column *c, str cell)
{
    if (c->time)
        (void)time_parse_epoch(cell, &p->event->time_ms); /* unset or another form: no time */
    if (!c->many || is_mark(cell, z->unset, z->unset_n) || is_mark(cell, z->empty, z->empty_n)) {
        if (!c->many || !is_mark(cell, z->empty, z->empty_n))
            add_value(p, z, c, cell);
        return;
    }
    while (cell.p)
        add_value(p, z, c, str_cut(&cell, z->set_separator));
}

static bool zeek_record(struct parse *p, str line)
{
    struct zeek_state *z = p->state;
    if (z->count == 0)
        return parse_refuse(p, "no #fields line before this");
    parse_begin(p, line);
    str path = parse_copy(p, (str){z->path, z->path_n});
    line_source(p, FAMILY_ZEEK, path.p ? path : STR(""));
    size_t i = 0;
    for (str rest = line; rest.p && i < z->count; i++) {
        str cell = cut_cell(z, &rest, i >= z->tail);
        add_cell(p, z, &z->column[i], cell);
        if (i + 1 == z->count && rest.p)
            return parse_refuse(p, "more than the %zu columns of #fields", z->count);
    }
    if (i < z->count)
        return parse_refuse(p, "%zu columns, but #fields has %zu", i, z->count);
    return true;
}

static void zeek_run(struct parse *p)
{
    static const struct parse_ops row = {.record = zeek_record};
    struct zeek_state *z = p->state;
    read_header(p, z);
    str rest = {p->batch->bytes, p->batch->n}, line, head;
    for (; line_next(&rest, &line); p->line++)
        if (is_header_line(line, &head)) {
            z->header = 0; /* no longer what the stream's header says */
            read_header_line(p, z, head);
        } else if (str_trim(line).n) {
            parse_one(p, &row, line);
        }
}

/* ---- */

static str zeek_header(str head)
{
    str rest = head, line, bare;
    size_t n = 0;
    while (line_next(&rest, &line)) {
        if (str_trim(line).n && !is_header_line(line, &bare))
            break;
        n = rest.p ? (size_t)(rest.p - head.p) : head.n;
    }
    return str_head(head, n);
}

static int zeek_sniff(str head)
{
    str line, bare;
    for (int i = 0; i < 12 && line_next(&head, &line); i++) {
        bool in_header = is_header_line(line, &bare);
        if (in_header &&
            (str_starts(bare, STR("#separator ")) || str_starts(bare, STR("#fields\t"))))
            return 100;
        if (str_trim(line).n && !in_header)
            return 0;
    }
    return 0;
}

const struct parse_ops parse_zeektsv = {
    .name = "zeek",
    .sniff = zeek_sniff,
    .run = zeek_run,
    .header = zeek_header,
    .state_size = sizeof(struct zeek_state),
};
