/* SPDX-License-Identifier: Apache-2.0 */
/* libyaml's events become a tree.  Children are gathered on one stack (per
 * kind) for the whole text and copied to the arena when their parent closes,
 * so a node costs no allocation of its own and ends up beside its siblings.
 * An anchor is known only after its node is complete, which is what keeps
 * cycles out. */
#include <yaml.h>

#include "codec/yaml.h"

#include "base/map.h"
#include "base/vec.h"

enum {
    BYTES_DEFAULT = 1 << 20,
    NODES_DEFAULT = 100000,
    NODES_MAX = INT32_MAX, /* two such sizes can be added in 32 bits */
    DEPTH_DEFAULT = 32,
    FEW_KEYS = 16, /* up to here comparing all pairs beats a dictionary */
};

struct build {
    yaml_parser_t parser;
    str text;
    struct yaml_limits limits;
    struct arena *arena; /* borrowed */
    struct error *err;   /* borrowed */
    VEC(struct yaml_node) items;
    VEC(struct yaml_pair) pairs;
    VEC(struct yaml_node) docs;
    VEC(struct yaml_node) anchors;
    struct yaml_node all;    /* its size: that of all documents so far */
    struct map anchor_index; /* name to place in anchors, of this document */
};

static status node(struct build *b, const yaml_event_t *e, size_t depth, struct yaml_node *out);

static status arena_full(struct build *b)
{
    return fail(b->err, ST_LIMIT, "needs more than %zu bytes of memory", b->arena->cap);
}

static uint32_t line_of(const yaml_event_t *e)
{
    return (uint32_t)e->start_mark.line + 1;
}

/* libyaml has no line for bytes that are not text. */
static size_t problem_line(const struct build *b)
{
    const yaml_parser_t *p = &b->parser;
    if (p->error != YAML_READER_ERROR)
        return p->problem_mark.line + 1;
    size_t line = 1;
    for (size_t i = 0; i < b->text.n && i < p->problem_offset; i++)
        line += b->text.p[i] == '\n';
    return line;
}

static status next(struct build *b, yaml_event_t *e)
{
    if (yaml_parser_parse(&b->parser, e))
        return ST_OK;
    const char *problem = b->parser.problem ? b->parser.problem : "cannot be read";
    return fail(b->err, ST_INVALID, "line %zu: %s", problem_line(b), problem);
}

/* Add the nodes of a child to its parent. */
static status grow(struct build *b, struct yaml_node *parent, uint32_t nodes)
{
    parent->size += nodes;
    if (parent->size <= b->limits.nodes)
        return ST_OK;
    return fail(b->err, ST_LIMIT, "line %u: more than %zu nodes", (unsigned)parent->line,
                b->limits.nodes);
}

static status scalar(struct build *b, const yaml_event_t *e, struct yaml_node *out)
{
    const char *text = (const char *)e->data.scalar.value;
    out->plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && !e->data.scalar.tag;
    out->text = arena_str(b->arena, (str){text, e->data.scalar.length});
    return out->text.p ? ST_OK : arena_full(b);
}

static status seq_items(struct build *b, size_t depth, struct yaml_node *out)
{
    for (;;) {
        yaml_event_t e;
        status st = next(b, &e);
        if (st != ST_OK)
            return st;
        bool end = e.type == YAML_SEQUENCE_END_EVENT;
        struct yaml_node item;
        if (!end)
            st = node(b, &e, depth + 1, &item);
        yaml_event_delete(&e);
        if (end || st != ST_OK)
            return st;
        st = grow(b, out, item.size);
        if (st != ST_OK)
            return st;
        *vec_push(&b->items) = item;
    }
}

static status seq(struct build *b, size_t depth, struct yaml_node *out)
{
    size_t base = b->items.n;
    status st = seq_items(b, depth, out);
    if (st != ST_OK)
        return st;
    size_t n = b->items.n - base;
    struct yaml_node *item = arena_array(b->arena, struct yaml_node, n);
    if (!item)
        return arena_full(b);
    if (n)
        memcpy(item, b->items.at + base, n * sizeof *item);
    b->items.n = base;
    out->item = item;
    out->count = (uint32_t)n;
    return ST_OK;
}

static const struct yaml_pair *find_among(const struct yaml_pair *pair, size_t n, str key)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(pair[i].key, key))
            return &pair[i];
    return NULL;
}

static status twice(struct build *b, const struct yaml_pair *pair)
{
    return fail(b->err, ST_INVALID, "line %u: the key '" STR_FMT "' appears twice",
                (unsigned)pair->line, STR_ARG(str_head(pair->key, 80)));
}

/* Of the pairs from `base` on, the map being built. */
static status check_unique(struct build *b, size_t base)
{
    size_t n = b->pairs.n - base;
    if (n == 0)
        return ST_OK;
    const struct yaml_pair *pair = b->pairs.at + base;
    struct map seen = {0};
    status st = ST_OK;
    for (size_t i = 1; n <= FEW_KEYS && i < n && st == ST_OK; i++)
        if (find_among(pair, i, pair[i].key))
            st = twice(b, &pair[i]);
    for (size_t i = 0; n > FEW_KEYS && i < n && st == ST_OK; i++) {
        bool added;
        map_add(&seen, pair[i].key, 0, &added);
        if (!added)
            st = twice(b, &pair[i]);
    }
    map_done(&seen);
    return st;
}

/* The pairs of one map named by `<<`, but for keys already `seen`.  Pairs
 * passed over count too, or a list of aliases would be work without limit. */
static status merge_map(struct build *b, const struct yaml_node *from, struct map *seen,
                        struct yaml_node *out)
{
    if (from->kind != YAML_MAP)
        return fail(b->err, ST_INVALID, "line %u: '<<' needs a map", (unsigned)from->line);
    for (uint32_t i = 0; i < from->count; i++) {
        const struct yaml_pair *pair = &from->pair[i];
        bool added;
        map_add(seen, pair->key, 0, &added);
        status st = grow(b, out, added ? pair->value.size + 1 : 1);
        if (st != ST_OK)
            return st;
        if (added)
            *vec_push(&b->pairs) = *pair;
    }
    return ST_OK;
}

static status merge(struct build *b, const struct yaml_node *from, struct map *seen,
                    struct yaml_node *out)
{
    if (from->kind != YAML_SEQ)
        return merge_map(b, from, seen, out);
    for (uint32_t i = 0; i < from->count; i++) {
        status st = merge_map(b, &from->item[i], seen, out);
        if (st != ST_OK)
            return st;
    }
    return ST_OK;
}

/* Take the `<<` pair out, and its map's pairs in: own keys win wherever they
 * stand.  Keys are unique, so there is at most one. */
static status resolve_merge(struct build *b, size_t base, struct yaml_node *out)
{
    size_t n = b->pairs.n - base;
    if (n == 0)
        return ST_OK;
    struct yaml_pair *pair = b->pairs.at + base;
    const struct yaml_pair *found = find_among(pair, n, STR("<<"));
    if (!found)
        return ST_OK;
    struct yaml_node from = found->value;
    size_t at = (size_t)(found - pair);
    memmove(pair + at, pair + at + 1, (n - at - 1) * sizeof *pair);
    b->pairs.n--;
    struct map seen = {0};
    for (size_t i = 0; i < n - 1; i++)
        map_add(&seen, pair[i].key, 0, &(bool){false});
    status st = merge(b, &from, &seen, out);
    map_done(&seen);
    return st;
}

static status map_pair(struct build *b, const yaml_event_t *key, size_t depth,
                       struct yaml_node *out)
{
    struct yaml_node name, value;
    if (key->type != YAML_SCALAR_EVENT && key->type != YAML_ALIAS_EVENT)
        return fail(b->err, ST_INVALID, "line %u: a key must be a scalar", (unsigned)line_of(key));
    status st = node(b, key, depth + 1, &name);
    if (st != ST_OK)
        return st;
    if (name.kind != YAML_SCALAR)
        return fail(b->err, ST_INVALID, "line %u: a key must be a scalar", (unsigned)line_of(key));
    yaml_event_t e;
    st = next(b, &e);
    if (st != ST_OK)
        return st;
    st = node(b, &e, depth + 1, &value);
    yaml_event_delete(&e);
    if (st != ST_OK)
        return st;
    *vec_push(&b->pairs) = (struct yaml_pair){name.text, line_of(key), value};
    return grow(b, out, value.size + 1);
}

static status map_pairs(struct build *b, size_t depth, struct yaml_node *out)
{
    for (;;) {
        yaml_event_t e;
        status st = next(b, &e);
        if (st != ST_OK)
            return st;
        bool end = e.type == YAML_MAPPING_END_EVENT;
        if (!end)
            st = map_pair(b, &e, depth, out);
        yaml_event_delete(&e);
        if (end || st != ST_OK)
            return st;
    }
}

static status map(struct build *b, size_t depth, struct yaml_node *out)
{
    size_t base = b->pairs.n;
    status st = map_pairs(b, depth, out);
    if (st == ST_OK)
        st = check_unique(b, base);
    if (st == ST_OK)
        st = resolve_merge(b, base, out);
    if (st != ST_OK)
        return st;
    size_t n = b->pairs.n - base;
    struct yaml_pair *pair = arena_array(b->arena, struct yaml_pair, n);
    if (!pair)
        return arena_full(b);
    if (n)
        memcpy(pair, b->pairs.at + base, n * sizeof *pair);
    b->pairs.n = base;
    out->pair = pair;
    out->count = (uint32_t)n;
    return ST_OK;
}

static status alias(struct build *b, const yaml_event_t *e, struct yaml_node *out)
{
    str name = str_z((const char *)e->data.alias.anchor);
    uint32_t *index = map_find(&b->anchor_index, name);
    if (!index)
        return fail(b->err, ST_INVALID, "line %u: unknown alias '" STR_FMT "'",
                    (unsigned)line_of(e), STR_ARG(str_head(name, 80)));
    *out = b->anchors.at[*index];
    return ST_OK;
}

/* The latest of a name counts. */
static status remember(struct build *b, const yaml_char_t *anchor, const struct yaml_node *n)
{
    if (!anchor)
        return ST_OK;
    str name = arena_str(b->arena, str_z((const char *)anchor));
    if (!name.p)
        return arena_full(b);
    bool added;
    *map_add(&b->anchor_index, name, 0, &added) = (uint32_t)b->anchors.n;
    *vec_push(&b->anchors) = *n;
    return ST_OK;
}

static status node(struct build *b, const yaml_event_t *e, size_t depth, struct yaml_node *out)
{
    const yaml_char_t *anchor = NULL;
    status st;
    *out = (struct yaml_node){.line = line_of(e), .size = 1};
    if (depth > b->limits.depth)
        return fail(b->err, ST_LIMIT, "line %u: nested deeper than %zu", (unsigned)out->line,
                    b->limits.depth);
    if (e->type == YAML_ALIAS_EVENT)
        return alias(b, e, out);
    if (e->type == YAML_SCALAR_EVENT) {
        anchor = e->data.scalar.anchor;
        st = scalar(b, e, out);
    } else if (e->type == YAML_SEQUENCE_START_EVENT) {
        anchor = e->data.sequence_start.anchor;
        out->kind = YAML_SEQ;
        st = seq(b, depth, out);
    } else {
        anchor = e->data.mapping_start.anchor;
        out->kind = YAML_MAP;
        st = map(b, depth, out);
    }
    return st == ST_OK ? remember(b, anchor, out) : st;
}

static status document(struct build *b, const yaml_event_t *e)
{
    struct yaml_node root;
    map_done(&b->anchor_index);
    b->anchors.n = 0;
    status st = node(b, e, 1, &root);
    if (st == ST_OK)
        st = grow(b, &b->all, root.size);
    if (st == ST_OK)
        *vec_push(&b->docs) = root;
    return st;
}

static status stream(struct build *b)
{
    for (;;) {
        yaml_event_t e;
        status st = next(b, &e);
        if (st != ST_OK)
            return st;
        yaml_event_type_t type = e.type;
        bool content = type == YAML_ALIAS_EVENT || type == YAML_SCALAR_EVENT ||
                       type == YAML_SEQUENCE_START_EVENT || type == YAML_MAPPING_START_EVENT;
        if (content)
            st = document(b, &e);
        yaml_event_delete(&e);
        if (type == YAML_STREAM_END_EVENT || st != ST_OK)
            return st;
    }
}

static status finish(struct build *b, struct yaml_docs *docs)
{
    struct yaml_node *doc = arena_array(b->arena, struct yaml_node, b->docs.n);
    if (!doc)
        return arena_full(b);
    if (b->docs.n)
        memcpy(doc, b->docs.at, b->docs.n * sizeof *doc);
    *docs = (struct yaml_docs){doc, b->docs.n};
    return ST_OK;
}

static struct yaml_limits or_default(const struct yaml_limits *given)
{
    struct yaml_limits l = given ? *given : (struct yaml_limits){0};
    l.bytes = l.bytes ? l.bytes : BYTES_DEFAULT;
    l.nodes = l.nodes ? l.nodes : NODES_DEFAULT;
    l.nodes = l.nodes < NODES_MAX ? l.nodes : NODES_MAX;
    l.depth = l.depth ? l.depth : DEPTH_DEFAULT;
    return l;
}

status yaml_parse(str text, const struct yaml_limits *limits, struct arena *arena,
                  struct yaml_docs *docs, struct error *err)
{
    struct build b = {
        .text = text, .limits = or_default(limits), .arena = arena, .err = err, .all.line = 1};
    if (text.n > b.limits.bytes)
        return fail(err, ST_LIMIT, "more than %zu bytes", b.limits.bytes);
    if (!yaml_parser_initialize(&b.parser))
        return fail(err, ST_LIMIT, "no memory for the parser");
    yaml_parser_set_input_string(&b.parser, (const unsigned char *)(text.n ? text.p : ""), text.n);
    status st = stream(&b);
    if (st == ST_OK)
        st = finish(&b, docs);
    yaml_parser_delete(&b.parser);
    vec_done(&b.items);
    vec_done(&b.pairs);
    vec_done(&b.docs);
    vec_done(&b.anchors);
    map_done(&b.anchor_index);
    return st;
}

const struct yaml_node *yaml_find(const struct yaml_node *map, str key)
{
    if (!map || map->kind != YAML_MAP)
        return NULL;
    const struct yaml_pair *pair = find_among(map->pair, map->count, key);
    return pair ? &pair->value : NULL;
}

str yaml_str(const struct yaml_node *n, str otherwise)
{
    return n && n->kind == YAML_SCALAR ? n->text : otherwise;
}

static bool is_plain(const struct yaml_node *n)
{
    return n && n->kind == YAML_SCALAR && n->plain;
}

static bool is_one_of(str text, const char *const *word)
{
    for (; *word; word++)
        if (str_eq(text, str_z(*word)))
            return true;
    return false;
}

bool yaml_is_null(const struct yaml_node *n)
{
    static const char *const word[] = {"", "~", "null", "Null", "NULL", NULL};
    return !n || (is_plain(n) && is_one_of(n->text, word));
}

bool yaml_to_bool(const struct yaml_node *n, bool *out)
{
    static const char *const yes[] = {"true", "True", "TRUE", NULL};
    static const char *const no[] = {"false", "False", "FALSE", NULL};
    if (!is_plain(n) || (!is_one_of(n->text, yes) && !is_one_of(n->text, no)))
        return false;
    *out = is_one_of(n->text, yes);
    return true;
}

static str without_plus(str s)
{
    bool plus = s.n > 1 && s.p[0] == '+' && s.p[1] >= '0' && s.p[1] <= '9';
    return plus ? str_from(s, 1) : s;
}

bool yaml_to_i64(const struct yaml_node *n, int64_t *out)
{
    return is_plain(n) && str_to_i64(without_plus(n->text), out);
}

bool yaml_to_f64(const struct yaml_node *n, double *out)
{
    /* strtod knows more (nan, infinity, hexadecimal) than the core schema. */
    return is_plain(n) && n->text.n && strchr("0123456789+-.", n->text.p[0]) &&
           !memchr(n->text.p, 'x', n->text.n) && !memchr(n->text.p, 'i', n->text.n) &&
           !memchr(n->text.p, 'n', n->text.n) && str_to_f64(n->text, out);
}
