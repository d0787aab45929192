/* SPDX-License-Identifier: Apache-2.0 */
/* One record: tokens in, fields out.  `walk` and what it inlines is the hottest code of the
 * parsers; the rest runs once a record or less. */
#include "parse/json_walk.h"

#include "codec/time.h"
#include "parse/parse_web.h"

/* Containers further in are not filed as text: each level would be searched once more. */
enum { WHOLE_DEPTH_MAX = 4 };

/* Keys are short: whole words, the last one overlapping, beat a call. */
static inline bool same_bytes(const char *a, const char *b, size_t n)
{
    if (n < 8)
        return memcmp(a, b, n) == 0;
    uint64_t x, y;
    for (size_t i = 0; i + 8 < n; i += 8) {
        memcpy(&x, a + i, 8);
        memcpy(&y, b + i, 8);
        if (x != y)
            return false;
    }
    memcpy(&x, a + n - 8, 8);
    memcpy(&y, b + n - 8, 8);
    return x == y;
}

/* The key that followed last time, when it stands there again. */
static inline bool guess(struct json_walk *w, struct json_scan *s, const struct json_node *parent)
{
    struct json_node *n = w->last->next;
    const char *p = n->parent == parent ? json_key_place(s) : NULL;
    size_t size = n->quoted_size;
    if (!p || (size_t)(s->end - p) < size || !same_bytes(p, n->quoted, size))
        return false;
    json_key_taken(s, p + size);
    w->escapes += n->escaped;
    w->last = n;
    return true;
}

static inline struct json_node *find_child(struct json_walk *w, const struct json_node *parent,
                                           str key)
{
    struct json_node *n = json_child(w, parent, key);
    if (LIKELY(!(n->flags & JSON_LOOSE))) {
        w->last->next = n;
        w->last = n;
    }
    return n;
}

static inline void note_mark(struct json_walk *w, const struct json_node *n)
{
    if (n->mark && n->mark < w->mark)
        w->mark = n->mark;
}

static void keep(struct json_walk *w, const struct json_node *n, const struct field *f)
{
    note_mark(w, n);
    if (n->flags & JSON_NAME)
        w->pair = (struct json_value){f->p, f->n, f->kind, f->flags};
    if (n->slot == JSON_SLOT_NONE || json_has(w, n->slot) || f->kind == VALUE_NULL)
        return;
    w->filled |= (uint32_t)1 << n->slot;
    w->slot[n->slot] = (struct json_value){f->p, f->n, f->kind, f->flags};
}

/* Members are stored one by one: a struct put together elsewhere and copied waits for its parts. */
static inline struct field *add(struct batch *b, field_id id, str v, unsigned kind, unsigned flags)
{
    struct field *f = batch_field(b, SIZE_MAX); /* bounded by walk->values */
    f->p = v.p;
    f->n = (uint32_t)v.n;
    f->id = id;
    f->kind = (uint8_t)kind;
    f->flags = (uint8_t)flags;
    return f;
}

static inline void put(struct json_walk *w, const struct json_node *n, str v, enum value_kind kind,
                       unsigned flags)
{
    struct batch *b = w->p->batch;
    w->values++;
    if (LIKELY(n->ids))
        (void)add(b, n->id[0], v, kind, flags);
    for (unsigned i = 1; i < n->ids; i++)
        (void)add(b, n->id[i], v, kind, flags | FIELD_COPY);
    if (UNLIKELY(n->slot | n->mark | (n->flags & JSON_NAME)))
        keep(w, n, &(struct field){v.p, (uint32_t)v.n, 0, (uint8_t)kind, (uint8_t)flags});
}

/* File the values read since the pair began under the name it gave. */
static void name_pair(struct json_walk *w, const struct json_level *level)
{
    str name = {w->pair.p, w->pair.n};
    if (!name.p || !level->node->parent)
        return;
    const struct json_node *n = json_child(w, level->node->parent, name);
    struct batch *b = w->p->batch;
    for (size_t i = level->first_field; i < b->field_count && n->ids; i++) {
        struct field *f = &b->field[i];
        if (f->flags & FIELD_COPY)
            continue;
        f->id = n->id[0];
        keep(w, n, f);
    }
    w->pair.p = NULL;
}

/* Numbers read since the array began become one text. */
static void join_bytes(struct json_walk *w, const struct json_level *level)
{
    struct batch *b = w->p->batch;
    size_t n = b->field_count - level->first_field;
    char *text = n ? arena_bytes(&b->arena, n) : NULL;
    if (!text)
        return;
    for (size_t i = 0; i < n; i++) {
        const struct field *f = &b->field[level->first_field + i];
        int64_t byte = 0;
        if (!json_to_i64((str){f->p, f->n}, &byte) || byte < 0 || byte > 255)
            return;
        text[i] = (char)byte;
    }
    struct field *f = &b->field[level->first_field];
    *f = (struct field){text, (uint32_t)n, level->node->id[0], VALUE_STRING, 0};
    b->field_count = level->first_field + 1;
    if (level->node->slot)
        w->filled &= ~((uint32_t)1 << level->node->slot); /* it held the first number */
    keep(w, level->node, f);
}

static void close_level(struct json_walk *w, const struct json_level *level, const char *end)
{
    const struct json_node *n = level->node;
    if (n->flags & JSON_PAIR && *level->start == '{')
        name_pair(w, level);
    if (n->flags & JSON_BYTES && *level->start == '[' && !level->compound)
        join_bytes(w, level);
    struct batch *b = w->p->batch;
    bool plain = *level->start == '[' && !level->compound && b->field_count > level->first_field;
    bool deep = level - json_levels(w->table) > WHOLE_DEPTH_MAX;
    if (plain || deep || n->flags & JSON_STRIP || !(w->format->flags & JSON_WHOLE))
        return;
    str text = {level->start, (size_t)(end - level->start)};
    w->values += n->ids > 0;
    unsigned flags = FIELD_COPY | (level->escapes != w->escapes ? FIELD_ESCAPED : 0);
    for (unsigned i = 0; i < n->ids; i++)
        (void)add(b, n->id[i], text, VALUE_STRING, flags);
}

static void open_level(struct json_walk *w, struct json_level *level, const struct json_node *n,
                       const char *start)
{
    *level = (struct json_level){
        .node = n, .start = start, .escapes = w->escapes, .first_field = w->p->batch->field_count};
    note_mark(w, n);
    if (n->flags & JSON_PAIR)
        w->pair.p = NULL;
}

/* Past the opening bracket of the record's object.  False: p->why is set. */
static bool members(struct json_walk *w, struct json_scan *s, struct json_level *level)
{
    const struct json_node *at = level->node;
    size_t most = w->p->limits->fields;
    struct json_text t = {0};
    while (w->values <= most) {
        if (guess(w, s, level->node))
            at = w->last;
        enum json_token token = json_next(s, &t);
        switch (token) {
        case JSON_KEY:
            w->escapes += t.escaped;
            at = find_child(w, level->node, t.raw);
            break;
        case JSON_STRING:
            w->escapes += t.escaped;
            put(w, at, t.raw, VALUE_STRING, t.escaped ? FIELD_ESCAPED : 0);
            break;
        case JSON_NUMBER:
            put(w, at, t.raw, VALUE_NUMBER, 0);
            break;
        case JSON_TRUE:
            put(w, at, (str){s->p - 4, 4}, VALUE_BOOL, 0);
            break;
        case JSON_FALSE:
            put(w, at, (str){s->p - 5, 5}, VALUE_BOOL, 0);
            break;
        case JSON_NULL:
            put(w, at, (str){s->p - 4, 0}, VALUE_NULL, 0);
            break;
        case JSON_OBJECT:
        case JSON_ARRAY:
            if (at->flags & JSON_SKIP) {
                if (json_skip(s, NULL) == JSON_ERROR)
                    return false;
                break;
            }
            level->compound = true;
            open_level(w, ++level, at, s->p - 1);
            break;
        case JSON_OBJECT_END:
        case JSON_ARRAY_END:
            if (s->depth == 0)
                return true;
            close_level(w, level--, s->p);
            at = level->node;
            break;
        case JSON_END:
        case JSON_ERROR:
            return false;
        }
    }
    return parse_refuse(w->p, "more than %zu fields", most);
}

static status walk(struct json_walk *w, str text, size_t *used)
{
    struct json_scan s = json_scan_of(text);
    size_t depth = w->p->limits->depth;
    s.depth_max = (uint32_t)(depth < JSON_DEPTH_MAX ? depth : JSON_DEPTH_MAX);
    struct json_level *level = json_levels(w->table);
    struct json_text t;
    struct json_node *root = json_root(w, w->family);
    w->last = root;
    w->values = w->filled = w->escapes = 0;
    w->pair.p = NULL;
    w->mark = JSON_NO_MARK;
    open_level(w, level, root, text.p);
    enum json_token token = json_next(&s, &t);
    bool ok = token == JSON_OBJECT && members(w, &s, level);
    while (!ok && s.depth && w->values > w->p->limits->fields && json_next(&s, &t) > JSON_ERROR)
        ; /* a good record with too many fields is passed over whole */
    *used = (size_t)(s.p - text.p);
    if (ok)
        return ST_OK;
    struct error err = {0};
    if (w->values > w->p->limits->fields)
        return json_scan_complete(&s) ? ST_LIMIT : ST_INVALID;
    if (json_scan_complete(&s) || (token > JSON_ERROR && token != JSON_OBJECT))
        (void)parse_refuse(w->p, "not a JSON object");
    else if (json_scan_fail(&s, &err) == ST_LIMIT)
        (void)parse_refuse(w->p, "nesting deeper than %zu", depth);
    else
        (void)parse_refuse(w->p, "%s", err.text);
    return ST_INVALID;
}

/* Seconds may be written with more digits than a clock has, or with an exponent. */
static bool time_of_number(str text, int64_t *ms)
{
    double v;
    if (time_parse_epoch(text, ms))
        return true;
    if (!str_to_f64(text, &v) || !(v > -1e18 && v < 1e18))
        return false;
    bool seconds = v > -1e11 && v < 1e11;
    *ms = seconds ? (int64_t)(v * 1000) : time_from_epoch((int64_t)v);
    return true;
}

static void set_time(struct json_walk *w, struct event *e)
{
    for (unsigned slot = JSON_TIME; slot <= JSON_TIME_4; slot++) {
        if (!json_has(w, slot))
            continue;
        str text = json_slot(w, slot);
        bool number = w->slot[slot].kind == VALUE_NUMBER;
        if (number ? time_of_number(text, &e->time_ms)
                   : time_parse_iso(text, &e->time_ms) || time_parse_any(text, &e->time_ms))
            return;
    }
}

/* Rules for web servers say cs-uri-query and mostly mean the whole target, so that is filed as the
 * query too. */
static void add_url(struct parse *p, str url)
{
    parse_add_url(p, url, 0);
    parse_add_kind(p, FIELD_URL_QUERY, url, VALUE_STRING, FIELD_COPY);
}

static bool finish(struct json_walk *w)
{
    struct event *e = w->p->event;
    e->family = (uint8_t)w->family;
    set_time(w, e);
    e->code = json_slot(w, JSON_CODE);
    if (e->channel.n == 0)
        e->channel = json_slot(w, JSON_CHANNEL);
    if (json_has(w, JSON_URL))
        add_url(w->p, json_slot(w, JSON_URL));
    if (json_has(w, JSON_HASHES))
        parse_add_hashes(w->p, json_slot(w, JSON_HASHES));
    if (w->format->finish && !w->format->finish(w))
        return false;
    if (w->format->channel)
        json_channel(w, str_z(w->format->channel));
    return true;
}

/* The family of the last record is tried first: a stream rarely changes it. */
status json_record(struct json_walk *w, str text, size_t *used)
{
    struct parse *p = w->p;
    bool fixed = p->stream->family != FAMILY_UNKNOWN;
    uint8_t *last = json_last_family(w);
    w->family = fixed                  ? p->stream->family
                : w->format->family_of ? (enum family) * last
                                       : w->format->family;
    struct event *e = parse_begin(p, text);
    status st = walk(w, text, used);
    if (st == ST_OK && !fixed && w->format->family_of) {
        enum family family = w->format->family_of(w);
        *last = (uint8_t)family;
        if (family != w->family) {
            w->family = family;
            e = parse_begin(p, text);
            st = walk(w, text, used);
        }
    }
    e->raw.n = *used;
    return st != ST_OK ? st : finish(w) ? ST_OK : ST_LIMIT;
}

str json_decode(struct parse *p, str raw, unsigned flags)
{
    char *out = flags & FIELD_ESCAPED ? arena_bytes(&p->batch->arena, raw.n) : NULL;
    return out ? (str){out, json_unescape(raw, out)} : raw;
}

str json_slot(struct json_walk *w, unsigned slot)
{
    if (!json_has(w, slot))
        return (str){"", 0};
    struct json_value *v = &w->slot[slot];
    str text = json_decode(w->p, (str){v->p, v->n}, v->flags);
    *v = (struct json_value){text.p, (uint32_t)text.n, v->kind, 0};
    return text;
}

void json_channel(struct json_walk *w, str channel)
{
    if (w->p->event->channel.n == 0)
        w->p->event->channel = channel;
}

void json_code(struct json_walk *w, str code)
{
    if (code.n == 0 || w->p->event->code.n)
        return;
    w->p->event->code = code;
    parse_add_kind(w->p, FIELD_EVENT_CODE, code, VALUE_STRING, FIELD_DERIVED);
}
