/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes and their keys live in one arena; past its cap, or past NODES_MAX, a node is made in the
 * batch's arena for the one value it is needed for.  The seed keeps input from being written to
 * collide. */
#include "parse/json_int.h"

#include "base/hash.h"
#include "base/mem.h"

#include <assert.h>
#include <sys/random.h>

enum { NODES_MAX = 65536, NODE_BYTES_MAX = 32 << 20, NAME_MAX_BYTES = 512 };

struct json_table {
    struct arena arena;
    struct json_node **slot; /* owned; open addressing, at most half full */
    size_t count, room;      /* room: a power of two */
    uint64_t seed;
    struct json_node *root[PARSE_FORMAT_COUNT][FAMILY_COUNT]; /* NULL until needed */
    uint8_t family[PARSE_FORMAT_COUNT];
    struct json_node nowhere; /* stands in when even the batch's arena is full */
    struct json_level level[JSON_DEPTH_MAX + 1];
};

struct json_table *json_table_new(void)
{
    struct json_table *t = mem_new(struct json_table);
    arena_init(&t->arena, NODE_BYTES_MAX);
    t->room = 1024;
    t->slot = mem_array(struct json_node *, t->room);
    if (getrandom(&t->seed, sizeof t->seed, GRND_NONBLOCK) != (ssize_t)sizeof t->seed)
        t->seed = (uint64_t)(uintptr_t)t; /* early in boot; the address is hard to guess too */
    t->nowhere = (struct json_node){.next = &t->nowhere, .flags = JSON_SKIP};
    return t;
}

void json_table_free(struct json_table *t)
{
    arena_done(&t->arena);
    mem_free(t->slot);
    mem_free(t);
}

struct json_level *json_levels(struct json_table *t)
{
    return t->level;
}

uint8_t *json_last_family(struct json_walk *w)
{
    return &w->table->family[w->p->stream->format];
}

struct json_node *json_root(struct json_walk *w, enum family family)
{
    struct json_table *t = w->table;
    struct json_node **root = &t->root[w->p->stream->format][family];
    if (!*root) {
        *root = arena_new(&t->arena, struct json_node);
        if (!*root)
            return &t->nowhere;
        (*root)->next = &t->nowhere;
    }
    return *root;
}

/* What is known of a key's place while its parts are gone through. */
struct place {
    str name, prefix;
    uint8_t scope, slot, flags;
    bool same; /* another way to write the parent's value */
    const struct json_row *row;
};

static str join(struct arena *a, str prefix, char with, str name)
{
    if (prefix.n == 0)
        return arena_str(a, name);
    size_t n = prefix.n + 1 + name.n;
    char *p = arena_bytes(a, n);
    if (!p)
        return (str){NULL, 0};
    memcpy(p, prefix.p, prefix.n);
    p[prefix.n] = with;
    memcpy(p + prefix.n + 1, name.p, name.n);
    return (str){p, n};
}

static const struct json_row *find_row(const struct json_format *f, uint8_t scope, str name)
{
    const struct json_row *every = NULL;
    for (size_t i = 0; i < f->rows; i++) {
        const struct json_row *row = &f->row[i];
        if (row->scope != scope)
            continue;
        if (row->flags & JSON_EVERY)
            every = row;
        else if (str_eq(name, str_z(row->name)))
            return row;
    }
    return every;
}

static bool one_of(str s, const char *const *list)
{
    for (; *list; list++)
        if (str_eq(s, str_z(*list)))
            return true;
    return false;
}

/* Names that XML leaves behind: true when `key` is such a one and *at is what becomes of it. */
static bool xml_part(struct place *at, str *key)
{
    static const char *const attributes[] = {"#attributes", "@attributes", "$attributes",
                                             "_attributes", "$",           NULL};
    static const char *const text[] = {"#text", "$text", "_text", "__text", NULL};
    if (one_of(*key, attributes)) {
        at->prefix = at->name;
        at->row = NULL;
        at->flags = at->slot = 0;
        return true;
    }
    if (at->name.n && one_of(*key, text)) {
        at->flags &= (uint8_t)~JSON_PAIR;
        at->same = true;
        return true;
    }
    if (str_eq(*key, STR("xmlns")) || str_starts(*key, STR("xmlns:"))) {
        at->flags = JSON_SKIP;
        return true;
    }
    if (key->n > 1 && key->p[0] == '@' && at->name.n)
        *key = str_from(*key, 1);
    return false;
}

/* One step inwards.  False past the arena's cap. */
static bool step(struct arena *a, const struct json_format *f, struct place *at, str key)
{
    if (f->flags & JSON_XML && xml_part(at, &key))
        return true;
    bool attributes = f->flags & JSON_XML && str_ends(key, STR("_attributes"));
    if (attributes)
        key.n -= 11;
    char with = f->joined && at->scope == f->joined ? '_' : '.';
    str name = join(a, at->prefix, with, key);
    if (!name.p)
        return false;
    const struct json_row *row = attributes ? NULL : find_row(f, at->scope, name);
    at->name = at->prefix = name;
    at->row = row;
    at->slot = row ? row->slot : 0;
    at->flags = row ? row->flags : 0;
    if (at->flags & JSON_STRIP) {
        at->prefix = (str){"", 0};
        at->scope = row->into;
    }
    return true;
}

/* A key with dots is a path, except in front and at the end. */
static bool steps(struct arena *a, const struct json_format *f, struct place *at, str key)
{
    for (size_t dot; (dot = str_find(str_from(key, 1), '.') + 1) + 1 < key.n;) {
        if (!step(a, f, at, str_head(key, dot)))
            return false;
        key = str_from(key, dot + 1);
    }
    return step(a, f, at, key);
}

static void add_id(struct json_node *n, field_id id)
{
    for (unsigned i = 0; i < n->ids; i++)
        if (n->id[i] == id)
            return;
    if (n->ids < DICT_IDS_MAX)
        n->id[n->ids++] = id;
}

/* "a.bC" as "A.BC" (all) or "A.bC". */
static str pascal(str name, bool all, char *out)
{
    bool first = true;
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        out[i] = first && c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
        first = all && c == '.';
    }
    return (str){out, name.n};
}

static void resolve(struct json_walk *w, struct json_node *n, const struct json_row *row)
{
    struct dict *d = w->p->dict;
    str name = row && row->as ? str_z(row->as) : n->name;
    if (w->family == FAMILY_UNKNOWN)
        n->ids = (uint8_t)dict_resolve_all(d, name, n->id);
    else
        add_id(n, dict_resolve(d, w->family, name));
    if (row && row->also)
        add_id(n, dict_resolve(d, w->family, str_z(row->also)));
    char text[NAME_MAX_BYTES];
    if (w->format->flags & JSON_PASCAL && name.n <= sizeof text) {
        add_id(n, dict_resolve(d, w->family, pascal(name, true, text)));
        add_id(n, dict_resolve(d, w->family, pascal(name, false, text)));
    }
}

/* Fill `n`, whose texts go to `a`.  False past its cap. */
static bool describe(struct json_walk *w, struct arena *a, struct json_node *n,
                     const struct json_node *parent, str key)
{
    n->parent = parent;
    n->next = &w->table->nowhere;
    if (parent->flags & JSON_OVER || parent->name.n + key.n > NAME_MAX_BYTES) {
        n->flags = JSON_OVER;
        n->ids = 1;
        n->id[0] = FIELD_OVERFLOW;
        n->prefix = n->name = (str){"", 0};
        return true;
    }
    str quoted = arena_fmt(a, "\"" STR_FMT "\":", STR_ARG(key));
    char text[NAME_MAX_BYTES];
    str plain = {text, json_unescape(key, text)};
    struct place at = {.name = parent->name,
                       .prefix = parent->prefix,
                       .scope = parent->scope,
                       .slot = parent->slot,
                       .flags = parent->flags};
    if (!quoted.p || !steps(a, w->format, &at, plain))
        return false;
    n->quoted = quoted.p;
    n->quoted_size = (uint32_t)quoted.n;
    n->escaped = str_find(key, '\\') < key.n;
    n->name = at.name;
    n->prefix = at.prefix;
    n->scope = at.scope;
    n->slot = at.slot;
    n->mark = at.row ? at.row->mark : 0;
    n->flags = at.flags & (uint8_t)~JSON_EVERY;
    if (at.same && parent->ids) {
        n->ids = parent->ids;
        memcpy(n->id, parent->id, sizeof n->id);
    } else if (!(n->flags & (JSON_SKIP | JSON_NAME)))
        resolve(w, n, at.row);
    return true;
}

/* Where `key` is or would go. */
static struct json_node **find(struct json_table *t, const struct json_node *parent, str key,
                               uint32_t hash)
{
    size_t at = hash & (t->room - 1);
    for (struct json_node *n; (n = t->slot[at]); at = (at + 1) & (t->room - 1))
        if (n->hash == hash && n->parent == parent && n->quoted_size == key.n + 3 &&
            memcmp(n->quoted + 1, key.p, key.n) == 0)
            break;
    return &t->slot[at];
}

static void grow(struct json_table *t)
{
    struct json_node **old = t->slot;
    size_t old_room = t->room;
    t->room *= 2;
    t->slot = mem_array(struct json_node *, t->room);
    for (size_t i = 0; i < old_room; i++) {
        if (!old[i])
            continue;
        size_t at = old[i]->hash & (t->room - 1);
        while (t->slot[at])
            at = (at + 1) & (t->room - 1);
        t->slot[at] = old[i];
    }
    mem_free(old);
}

static struct json_node *loose(struct json_walk *w, const struct json_node *parent, str key)
{
    struct arena *a = &w->p->batch->arena;
    struct json_node *n = arena_new(a, struct json_node);
    if (n && describe(w, a, n, parent, key)) {
        n->flags |= JSON_LOOSE;
        return n;
    }
    w->p->batch->dropped++;
    return &w->table->nowhere;
}

struct json_node *json_child(struct json_walk *w, const struct json_node *parent, str key)
{
    struct json_table *t = w->table;
    if (UNLIKELY(parent->flags & (JSON_LOOSE | JSON_OVER)))
        return loose(w, parent, key);
    uint32_t hash = (uint32_t)hash_bytes(key, t->seed ^ (uintptr_t)parent);
    struct json_node **place = find(t, parent, key, hash);
    if (LIKELY(*place != NULL))
        return *place;
    if (t->count >= NODES_MAX || key.n > NAME_MAX_BYTES)
        return loose(w, parent, key);
    struct json_node *n = arena_new(&t->arena, struct json_node);
    if (!n || !describe(w, &t->arena, n, parent, key) || n->flags & JSON_OVER)
        return loose(w, parent, key);
    n->hash = hash;
    *place = n;
    if (++t->count * 2 > t->room)
        grow(t);
    return n;
}
