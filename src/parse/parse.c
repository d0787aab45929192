/* SPDX-License-Identifier: Apache-2.0 */
#include "parse/parse_int.h"

#include "base/mem.h"
#include "parse/header.h"
#include "parse/json_int.h"

#include <assert.h>
#include <stdarg.h>

const struct parse_limits parse_limits_default = {
    .record_bytes = 1024 * 1024,
    .depth = 64,
    .fields = 4096,
};

static const struct {
    const struct parse_ops *ops;
    const char *name, *doc;
    enum parse_framing framing;
} formats[PARSE_FORMAT_COUNT] = {
#define X(NAME, name, framing, doc) [PARSE_##NAME] = {&parse_##NAME, name, doc, FRAME_##framing},
#include "parse/format.def"
};

struct parser {
    struct parse at;
    struct parse_limits limits;
    void *state[PARSE_FORMAT_COUNT]; /* owned */
};

const char *parse_format_name(enum parse_format f)
{
    return formats[f].name;
}

const char *parse_format_doc(enum parse_format f)
{
    return formats[f].doc;
}

enum parse_framing parse_framing_of(enum parse_format f)
{
    return formats[f].framing;
}

bool parse_format_find(str name, enum parse_format *out)
{
    for (size_t i = 0; i < PARSE_FORMAT_COUNT; i++)
        if (str_ieq(name, str_z(formats[i].name))) {
            *out = (enum parse_format)i;
            return true;
        }
    return false;
}

/* A whole first JSON value settles that the lines are JSON, so the line formats are not asked. */
enum parse_format parse_sniff_layout(str head, struct parse_layout *layout)
{
    enum { HEAD_MAX = 64 * 1024, SURE = 100 };
    head = str_head(head, HEAD_MAX);
    struct json_first first;
    json_sniff(head, &first);
    enum parse_format best = PARSE_text;
    int sure = 0;
    for (size_t i = 0; i < PARSE_FORMAT_COUNT; i++) {
        bool json = formats[i].framing == FRAME_JSON;
        if (json ? first.value.n == 0 : first.whole)
            continue;
        const struct parse_ops *ops = formats[i].ops;
        int now = ops->sniff ? ops->sniff(json ? first.value : head) : first.points[i];
        now = now < SURE ? now : SURE;
        if (now > sure) {
            sure = now;
            best = (enum parse_format)i;
        }
    }
    *layout = first.layout;
    return best;
}

enum parse_format parse_sniff(str head)
{
    struct parse_layout layout;
    return parse_sniff_layout(head, &layout);
}

str parse_header(enum parse_format format, str head)
{
    const struct parse_ops *ops = formats[format].ops;
    return ops->header ? ops->header(head) : (str){head.p, 0};
}

bool parse_header_follow(enum parse_format format, str before, str bytes, struct sbuf *out)
{
    return formats[format].ops->header && bytes.n && header_follow(before, bytes, out);
}

bool parse_joins(enum parse_format format, str line, str next)
{
    const struct parse_ops *ops = formats[format].ops;
    return ops->joins && ops->joins(line, next);
}

struct parser *parser_new(struct dict *dict, const struct parse_limits *limits)
{
    struct parser *p = mem_new(struct parser);
    p->limits = *limits;
    p->at.dict = dict;
    p->at.limits = &p->limits;
    p->at.json = json_table_new();
    return p;
}

void parser_free(struct parser *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < PARSE_FORMAT_COUNT; i++) {
        if (p->state[i] && formats[i].ops->state_done)
            formats[i].ops->state_done(p->state[i]);
        mem_free(p->state[i]);
    }
    json_table_free(p->at.json);
    mem_free(p);
}

static uint64_t count_lines(str s)
{
    uint64_t n = 0;
    const char *p = s.p, *end = s.p + s.n;
    while (p < end && (p = memchr(p, '\n', (size_t)(end - p)))) {
        n++;
        p++;
    }
    return n;
}

static void run_lines(struct parse *p, const struct parse_ops *ops)
{
    str rest = {p->batch->bytes, p->batch->n};
    for (; rest.n; p->line++) {
        str line = str_cut(&rest, '\n');
        if (line.n && line.p[line.n - 1] == '\r')
            line.n--;
        if (str_trim(line).n)
            parse_one(p, ops, line);
    }
}

/* Up to and with the end tag of the <Event> that `s` starts with; all of it when it has none. */
static str first_event(str s)
{
    static const char tag[] = "</Event>";
    const char *end = memmem(s.p, s.n, tag, sizeof tag - 1);
    return end ? str_head(s, (size_t)(end - s.p) + sizeof tag - 1) : s;
}

/* The next "<Event" that is not "<Events", or NULL. */
static const char *find_event(str s)
{
    const char *end = s.p + s.n;
    for (const char *at = s.p; (at = memmem(at, (size_t)(end - at), "<Event", 6)); at += 6)
        if (end - at > 6 && at[6] != 's' && at[6] != 'D')
            return at;
    return NULL;
}

static void run_xml(struct parse *p, const struct parse_ops *ops)
{
    str rest = {p->batch->bytes, p->batch->n};
    const char *at;
    while (rest.n && (at = find_event(rest))) {
        size_t before = (size_t)(at - rest.p);
        p->line += p->line ? count_lines(str_head(rest, before)) : 0;
        rest = str_from(rest, before);
        str record = first_event(rest);
        parse_one(p, ops, record);
        p->line += p->line ? count_lines(record) : 0;
        rest = str_from(rest, record.n);
    }
}

static void run_format(struct parse *p, enum parse_format f)
{
    const struct parse_ops *ops = formats[f].ops;
    if (ops->json)
        json_run(p, ops->json);
    else if (ops->run)
        ops->run(p);
    else if (formats[f].framing == FRAME_LINE)
        run_lines(p, ops);
    else
        run_xml(p, ops);
}

void parser_run(struct parser *parser, const struct parse_stream *stream, struct batch *b)
{
    struct parse *p = &parser->at;
    enum parse_format f = stream->format;
    const struct parse_ops *ops = formats[f].ops;
    if (ops->state_size && !parser->state[f])
        parser->state[f] = mem_zero(ops->state_size);
    p->state = parser->state[f];
    p->stream = stream;
    p->batch = b;
    p->event = NULL;
    p->line = b->first_line;
    run_format(p, f);
}

struct origin parse_origin(const struct parse *p)
{
    return (struct origin){.file = p->batch->file, .line = p->line};
}

void parse_keep(struct parse *p)
{
    assert(p->event);
    batch_commit(p->batch, p->event);
    p->event = NULL;
}

void parse_drop(struct parse *p)
{
    batch_reject(p->batch, p->event ? p->event->origin : parse_origin(p), "%s", p->why);
    p->event = NULL;
}

void parse_one(struct parse *p, const struct parse_ops *ops, str record)
{
    p->batch->read++;
    p->event = NULL;
    size_t most = p->limits->record_bytes;
    bool ok = record.n <= most ? ops->record(p, record)
                               : parse_refuse(p, "longer than %zu bytes: %zu", most, record.n);
    if (ok)
        parse_keep(p);
    else
        parse_drop(p);
}

struct event *parse_begin(struct parse *p, str raw)
{
    struct event *e = batch_begin(p->batch, raw, parse_origin(p));
    e->format = (uint8_t)p->stream->format;
    e->family = (uint8_t)p->stream->family;
    e->channel = p->stream->channel;
    p->event = e;
    return e;
}

void parse_add(struct parse *p, field_id id, str value)
{
    parse_add_kind(p, id, value, VALUE_STRING, 0);
}

void parse_add_kind(struct parse *p, field_id id, str value, enum value_kind kind, unsigned flags)
{
    struct field *f = value.n <= UINT32_MAX ? batch_field(p->batch, p->limits->fields) : NULL;
    if (!f) {
        p->batch->dropped++;
        return;
    }
    *f = (struct field){value.p, (uint32_t)value.n, id, (uint8_t)kind, (uint8_t)flags};
}

void parse_add_name(struct parse *p, enum family family, str name, str value)
{
    if (family != FAMILY_UNKNOWN) {
        parse_add(p, dict_resolve(p->dict, family, name), value);
        return;
    }
    field_id id[DICT_IDS_MAX];
    size_t n = dict_resolve_all(p->dict, name, id);
    for (size_t i = 0; i < n; i++)
        parse_add_kind(p, id[i], value, VALUE_STRING, i ? FIELD_COPY : 0);
}

str parse_copy(struct parse *p, str s)
{
    return arena_str(&p->batch->arena, s);
}

bool parse_refuse(struct parse *p, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(p->why, sizeof p->why, fmt, ap);
    va_end(ap);
    return false;
}
