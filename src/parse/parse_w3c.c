/* SPDX-License-Identifier: Apache-2.0 */
/* W3C extended log format (W3C working draft WD-logfile-960323): IIS, CloudFront and others.
 *
 *     #Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) …
 *     2020-09-22 03:45:14 10.0.0.1 GET /index.asp id=1 80 - 10.0.0.2 Mozilla/5.0+(compatible) …
 *
 * #Fields may change within a stream; IIS writes it at every start. */
#include "base/hash.h"
#include "codec/time.h"
#include "parse/line.h"
#include "parse/request.h"

enum { COLUMNS_MAX = 128, NAME_MAX_BYTES = 48, STAMP_MAX = 40 };

enum role { PLAIN, DATE, TIME, STEM, QUERY, AGENT, NUMBER };

struct w3c_state {
    struct {
        field_id id;
        enum role role;
    } column[COLUMNS_MAX];
    size_t count;
    uint64_t header; /* hash of the stream header it was read from; 0: none */
};

/* "cs(User-Agent)" to "cs-user-agent", as Sigma writes it. */
static str plain_name(str name, char out[static NAME_MAX_BYTES])
{
    size_t n = 0;
    for (size_t i = 0; i < name.n && n < NAME_MAX_BYTES; i++)
        if (name.p[i] != ')')
            out[n++] = name.p[i] == '(' ? '-' : ascii_lower(name.p[i]);
    return (str){out, n};
}

static const struct {
    const char *name;
    enum role role;
    field_id id; /* where WEB's aliases have none; 0 otherwise */
} roles[] = {
    {"date", DATE, 0},
    {"time", TIME, 0},
    {"cs-uri-stem", STEM, 0},
    {"cs-uri-query", QUERY, 0},
    {"cs-user-agent", AGENT, 0},
    {"sc-status", NUMBER, 0},
    {"sc-bytes", NUMBER, 0},
    {"cs-bytes", NUMBER, 0},
    {"time-taken", NUMBER, 0},
    {"s-ip", PLAIN, FIELD_DESTINATION_IP},
    {"s-port", NUMBER, FIELD_DESTINATION_PORT},
    {"c-port", NUMBER, FIELD_SOURCE_PORT},
    {"s-computername", PLAIN, FIELD_HOST_NAME},
};

static void read_fields(struct parse *p, struct w3c_state *w, str names)
{
    w->count = 0;
    while (names.n && w->count < COLUMNS_MAX) {
        char buffer[NAME_MAX_BYTES];
        size_t end = 0;
        while (end < names.n && names.p[end] != ' ' && names.p[end] != '\t')
            end++;
        str name = plain_name(str_head(names, end), buffer);
        names = str_from(names, end + 1);
        if (name.n == 0)
            continue;
        enum role role = PLAIN;
        field_id id = 0;
        for (size_t i = 0; i < COUNT(roles); i++)
            if (str_eq(name, str_z(roles[i].name))) {
                role = roles[i].role;
                id = roles[i].id;
            }
        w->column[w->count].role = role;
        w->column[w->count++].id = id ? id : dict_resolve(p->dict, FAMILY_WEB, name);
    }
}

static bool take_fields(str line, str *names)
{
    if (!str_starts(line, STR("#Fields:")))
        return false;
    *names = str_trim(str_from(line, 8));
    return true;
}

static void read_header(struct parse *p, struct w3c_state *w)
{
    str rest = p->stream->header, line, names;
    uint64_t hash = hash_bytes(rest, 1) | 1;
    if (w->header == hash)
        return;
    w->count = 0;
    while (line_next(&rest, &line))
        if (take_fields(line, &names))
            read_fields(p, w, names);
    w->header = hash;
}

/* A cell ends at the separator; one in quotes may have it inside. */
static str cut_cell(str *s, char separator)
{
    if (s->n && s->p[0] == '"') {
        str cell = str_from(*s, 1);
        cell = str_head(cell, str_find(cell, '"'));
        str rest = str_from(*s, cell.n + 2);
        if (rest.n == 0 || rest.p[0] == separator) {
            (void)str_cut(&rest, separator);
            *s = rest;
            return cell;
        }
    }
    return str_cut(s, separator);
}

/* IIS writes '+' for spaces. */
static str with_spaces(struct parse *p, str s)
{
    if (s.n == 0 || !memchr(s.p, '+', s.n) || memchr(s.p, ' ', s.n))
        return s;
    char *out = arena_bytes(&p->batch->arena, s.n);
    for (size_t i = 0; out && i < s.n; i++)
        out[i] = s.p[i] == '+' ? ' ' : s.p[i];
    return out ? (str){out, s.n} : s;
}

static bool is_nothing(str s)
{
    return s.n == 0 || str_eq(s, STR("-"));
}

/* What a row's cells come to together. */
struct row {
    str date, time, stem, query;
};

static void take_cell(struct parse *p, struct row *row, field_id id, enum role role, str cell)
{
    if (role == DATE)
        row->date = cell;
    else if (role == TIME)
        row->time = cell;
    else if (is_nothing(cell))
        return;
    else if (role == STEM)
        row->stem = cell;
    else if (role == QUERY)
        row->query = cell;
    else if (role == NUMBER)
        line_add_number(p, id, cell);
    else
        parse_add(p, id, role == AGENT ? with_spaces(p, cell) : cell);
}

static void finish_row(struct parse *p, const struct row *row)
{
    char stamp[STAMP_MAX];
    if (row->date.n == 10 && row->time.n >= 8 && row->time.n < sizeof stamp - 11) {
        memcpy(stamp, row->date.p, 10);
        stamp[10] = 'T';
        memcpy(stamp + 11, row->time.p, row->time.n);
        (void)time_parse_iso((str){stamp, 11 + row->time.n}, &p->event->time_ms); /* else none */
    }
    str target = row->stem;
    if (row->query.n)
        target = arena_fmt(&p->batch->arena, STR_FMT "?" STR_FMT, STR_ARG(row->stem),
                           STR_ARG(row->query));
    if (target.n)
        request_add_target(p, target);
}

static bool w3c_record(struct parse *p, str line)
{
    struct w3c_state *w = p->state;
    if (w->count == 0)
        return parse_refuse(p, "no #Fields line before this");
    char separator = memchr(line.p, '\t', line.n) ? '\t' : ' ';
    parse_begin(p, line);
    line_source(p, FAMILY_WEB, STR("iis"));
    struct row row = {0};
    size_t i = 0;
    for (str rest = str_trim(line); rest.p; i++) {
        str cell = cut_cell(&rest, separator);
        if (i < w->count)
            take_cell(p, &row, w->column[i].id, w->column[i].role, cell);
    }
    if (i != w->count)
        return parse_refuse(p, "%zu columns, but #Fields has %zu", i, w->count);
    finish_row(p, &row);
    return true;
}

static void w3c_run(struct parse *p)
{
    static const struct parse_ops row = {.record = w3c_record};
    struct w3c_state *w = p->state;
    read_header(p, w);
    str rest = {p->batch->bytes, p->batch->n}, line, names;
    for (; line_next(&rest, &line); p->line++)
        if (take_fields(line, &names)) {
            w->header = 0; /* no longer what the stream's header says */
            read_fields(p, w, names);
        } else if (str_trim(line).n && line.p[0] != '#') {
            parse_one(p, &row, line);
        }
}

static str w3c_header(str head)
{
    str rest = head, line;
    size_t n = 0;
    while (line_next(&rest, &line)) {
        if (str_trim(line).n && line.p[0] != '#')
            break;
        n = rest.p ? (size_t)(rest.p - head.p) : head.n;
    }
    return str_head(head, n);
}

static int w3c_sniff(str head)
{
    str line, names;
    for (int i = 0; i < 12 && line_next(&head, &line); i++) {
        if (take_fields(line, &names))
            return 100;
        if (str_trim(line).n && line.p[0] != '#')
            return 0;
    }
    return 0;
}

const struct parse_ops parse_w3c = {
    .name = "w3c",
    .sniff = w3c_sniff,
    .run = w3c_run,
    .header = w3c_header,
    .state_size = sizeof(struct w3c_state),
};
