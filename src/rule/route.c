/* SPDX-License-Identifier: Apache-2.0 */
/* Every channel and code that the table, or a log source without a row, can tell apart is a
 * numbered word; all others are one word.  So an event comes down to three small numbers, and
 * the sources for those are worked out once.  In front of that stands a small cache keyed by
 * the event's own bytes, which spares folding their case.
 */
#include "rule/route.h"

#include "base/arena.h"
#include "base/hash.h"
#include "base/map.h"
#include "rule/rule_int.h"

#include <assert.h>

enum part { PRODUCT, CATEGORY, SERVICE, PARTS };
enum {
    WORD_NONE,  /* the event does not say */
    WORD_OTHER, /* something that nothing here names */
    WORD_FIRST,
    WORD_BYTES_MAX = 200,
    SOURCE_BYTES_MAX = 64 << 20,
    CACHE_SLOTS = 1024, /* a power of two */
    CACHE_KEY_MAX = 88
};

static const struct row {
    const char *part[PARTS];
    enum family family;
    const char *channel, *code;
} rows[] = {
#define X(product, category, service, FAMILY, channel, code)                                       \
    {{product, category, service}, FAMILY_##FAMILY, channel, code},
#include "rule/logsource.def"
};
enum { ROWS = COUNT(rows) };
_Static_assert(FAMILY_COUNT <= 32, "families are bits of 32");

struct words { /* alternatives, as numbers; none: any */
    const uint32_t *at;
    uint32_t count;
};

struct source {
    str part[PARTS];
    uint16_t *row[PARTS]; /* rows that answer for the part */
    uint32_t row_count[PARTS];
    uint32_t name[PARTS]; /* of a part without rows: its word */
    uint32_t families;
};

struct sources {
    struct arena arena;
    struct map channel, code; /* lower-case word → number */
    struct words row_channel[ROWS], row_code[ROWS];
    struct source *source; /* in arena, as the rest */
    uint32_t count;
    uint32_t *of_rule;
    uint32_t rule_count;
};

/* ---- log source → rows ---- */

static bool row_agrees(const struct row *row, const str part[PARTS])
{
    for (int i = 0; i < PARTS; i++)
        if (row->part[i][0] && part[i].n && !str_ieq(str_z(row->part[i]), part[i]))
            return false;
    return true;
}

/* Does this row answer for part `i`?  One that answers for a whole product says nothing of
 * its categories and services. */
static bool row_answers(const struct row *row, const str part[PARTS], int i)
{
    if (!part[i].n || !row->part[i][0] || !row_agrees(row, part))
        return false;
    return i != PRODUCT || (!row->part[CATEGORY][0] && !row->part[SERVICE][0]);
}

static bool first_row(const str part[PARTS], enum family *out)
{
    for (int i = 0; i < PARTS; i++)
        for (size_t r = 0; r < ROWS; r++)
            if (row_answers(&rows[r], part, i)) {
                *out = rows[r].family;
                return true;
            }
    return false;
}

enum family rule_family(const struct rule_set *set, const struct rule_row *row)
{
    const str part[PARTS] = {image_str(&set->image, row->product),
                             image_str(&set->image, row->category),
                             image_str(&set->image, row->service)};
    enum family f = FAMILY_UNKNOWN;
    if (first_row(part, &f))
        return f;
    for (int i = 0; i < PARTS && f == FAMILY_UNKNOWN; i++)
        f = family_find(part[i]);
    return f;
}

/* ---- words ---- */

static str lower(str s, char out[static WORD_BYTES_MAX])
{
    for (size_t i = 0; i < s.n; i++)
        out[i] = ascii_lower(s.p[i]);
    return (str){out, s.n};
}

static uint32_t word_add(struct sources *s, struct map *m, str text)
{
    char buf[WORD_BYTES_MAX];
    if (text.n > sizeof buf)
        return WORD_OTHER; /* no channel is that long */
    str low = lower(text, buf);
    uint32_t *have = map_find(m, low);
    if (have)
        return *have;
    str copy = arena_str(&s->arena, low);
    assert(copy.p);
    return *map_add(m, copy, (uint32_t)m->count + WORD_FIRST, NULL);
}

static uint32_t word_find(const struct map *m, str text)
{
    char buf[WORD_BYTES_MAX];
    if (text.n == 0)
        return WORD_NONE;
    const uint32_t *have = text.n > sizeof buf ? NULL : map_find(m, lower(text, buf));
    return have ? *have : WORD_OTHER;
}

static struct words words_of(struct sources *s, struct map *m, const char *list)
{
    str rest = str_z(list);
    if (!rest.n)
        return (struct words){0};
    uint32_t n = 1;
    for (size_t i = 0; i < rest.n; i++)
        n += rest.p[i] == '|';
    uint32_t *at = arena_array(&s->arena, uint32_t, n);
    assert(at);
    for (uint32_t i = 0; i < n; i++)
        at[i] = word_add(s, m, str_cut(&rest, '|'));
    return (struct words){at, n};
}

static bool words_have(struct words w, uint32_t word)
{
    if (w.count == 0 || word == WORD_NONE)
        return true;
    for (uint32_t i = 0; i < w.count; i++)
        if (w.at[i] == word)
            return true;
    return false;
}

/* ---- building ---- */

static void find_rows(struct sources *s, struct source *source, int part)
{
    uint16_t *at = arena_array(&s->arena, uint16_t, ROWS);
    assert(at);
    uint32_t n = 0;
    for (size_t r = 0; r < ROWS; r++)
        if (row_answers(&rows[r], source->part, part))
            at[n++] = (uint16_t)r;
    source->row[part] = at;
    source->row_count[part] = n;
    if (n == 0 && source->part[part].n)
        source->name[part] = word_add(s, &s->channel, source->part[part]);
}

/* Families in which some event may satisfy every part. */
static uint32_t families_of(const struct source *source)
{
    uint32_t all = (uint32_t)((1ull << FAMILY_COUNT) - 1), families = all;
    bool known = false;
    for (int i = 0; i < PARTS; i++) {
        uint32_t some = 0;
        for (uint32_t r = 0; r < source->row_count[i]; r++)
            some |= 1u << rows[source->row[i][r]].family;
        if (some) {
            families &= some;
            known = true;
        }
    }
    return (known ? families : all) | 1u << FAMILY_UNKNOWN;
}

static uint32_t source_add(struct sources *s, struct map *by_name, const str part[PARTS])
{
    str key = arena_fmt(&s->arena, STR_FMT "\n" STR_FMT "\n" STR_FMT, STR_ARG(part[0]),
                        STR_ARG(part[1]), STR_ARG(part[2]));
    if (!key.p)
        return SOURCE_NONE;
    bool added;
    uint32_t *at = map_add(by_name, key, s->count, &added);
    if (!added)
        return *at;
    struct source *source = &s->source[s->count];
    for (int i = 0; i < PARTS; i++) {
        source->part[i] = arena_str(&s->arena, part[i]);
        assert(source->part[i].p);
    }
    for (int i = 0; i < PARTS; i++)
        find_rows(s, source, i);
    source->families = families_of(source);
    return s->count++;
}

struct sources *sources_new(const struct image *im)
{
    struct sources *s = mem_new(struct sources);
    struct map by_name = {0};
    arena_init(&s->arena, size_add(SOURCE_BYTES_MAX, size_mul(im->rule.n, 4096)));
    for (size_t r = 0; r < ROWS; r++) {
        s->row_channel[r] = words_of(s, &s->channel, rows[r].channel);
        s->row_code[r] = words_of(s, &s->code, rows[r].code);
    }
    s->rule_count = (uint32_t)im->rule.n;
    s->of_rule = mem_array(uint32_t, im->rule.n + 1);
    s->source = mem_array(struct source, im->rule.n + 1);
    for (uint32_t i = 0; i < s->rule_count; i++) {
        const struct rule_row *row = &im->rule.at[i];
        const str part[PARTS] = {str_head(image_str(im, row->product), WORD_BYTES_MAX),
                                 str_head(image_str(im, row->category), WORD_BYTES_MAX),
                                 str_head(image_str(im, row->service), WORD_BYTES_MAX)};
        s->of_rule[i] = row->flags & RULE_CORRELATION ? SOURCE_NONE : source_add(s, &by_name, part);
    }
    map_done(&by_name);
    return s;
}

void sources_free(struct sources *s)
{
    if (!s)
        return;
    map_done(&s->channel);
    map_done(&s->code);
    arena_done(&s->arena);
    mem_free(s->source);
    mem_free(s->of_rule);
    mem_free(s);
}

uint32_t sources_count(const struct sources *s)
{
    return s->count;
}

uint32_t source_of(const struct sources *s, uint32_t rule)
{
    assert(rule < s->rule_count);
    return s->of_rule[rule];
}

bool source_is_known(const struct sources *s, uint32_t source)
{
    for (int i = 0; i < PARTS; i++)
        if (s->source[source].row_count[i])
            return true;
    return false;
}

uint32_t source_families(const struct sources *s, uint32_t source)
{
    assert(source < s->count);
    return s->source[source].families;
}

/* ---- event → sources ---- */

struct key { /* what the table sees of an event */
    uint32_t family, channel, code;
};

static bool row_matches(const struct sources *s, size_t r, const struct key *k)
{
    return rows[r].family == k->family && words_have(s->row_channel[r], k->channel) &&
           words_have(s->row_code[r], k->code);
}

static bool source_applies(const struct source *source, const bool matches[ROWS],
                           const struct key *k)
{
    uint32_t known = 0, unknown = 0, named = 0;
    for (int i = 0; i < PARTS; i++) {
        if (!source->part[i].n)
            continue;
        if (source->row_count[i] == 0) {
            unknown++;
            named += source->name[i] == k->channel ||
                     str_ieq(source->part[i], str_z(family_name((enum family)k->family)));
            continue;
        }
        bool any = false;
        for (uint32_t r = 0; r < source->row_count[i] && !any; r++)
            any = matches[source->row[i][r]];
        if (!any)
            return false;
        known++;
    }
    return !unknown || named || (known && k->channel == WORD_NONE);
}

struct cached {
    const struct route *route; /* NULL: empty slot */
    uint32_t channel_n, code_n;
    uint8_t family;
    char key[CACHE_KEY_MAX];
};

struct memo {
    uint64_t key; /* 0: empty */
    const struct route *route;
};

struct known {
    const struct route *route;
};

struct router {
    const struct sources *sources;
    struct arena arena;
    struct cached *cache; /* CACHE_SLOTS */
    struct memo *memo;    /* owned; bounded by the words there are */
    size_t memo_count, memo_room;
    struct map route_of;     /* bits → index in route */
    VEC(struct known) route; /* in arena */
    uint64_t *bits;          /* scratch, one set */
    bool matches[ROWS];      /* scratch */
};

struct router *router_new(const struct sources *s)
{
    struct router *r = mem_new(struct router);
    r->sources = s;
    arena_init(&r->arena, SIZE_MAX);
    r->cache = mem_array(struct cached, CACHE_SLOTS);
    r->bits = mem_array(uint64_t, s->count / 64 + 1);
    return r;
}

void router_free(struct router *r)
{
    if (!r)
        return;
    map_done(&r->route_of);
    vec_done(&r->route);
    arena_done(&r->arena);
    mem_free(r->memo);
    mem_free(r->cache);
    mem_free(r->bits);
    mem_free(r);
}

static const struct route *route_intern(struct router *r, size_t words, uint32_t count)
{
    str bits = {(const char *)r->bits, words * sizeof *r->bits};
    const uint32_t *have = map_find(&r->route_of, bits);
    if (have)
        return r->route.at[*have].route;
    struct route *route = arena_new(&r->arena, struct route);
    uint64_t *copy = arena_array(&r->arena, uint64_t, words + 1);
    uint32_t *source = arena_array(&r->arena, uint32_t, count + 1);
    assert(route && copy && source);
    memcpy(copy, r->bits, bits.n);
    for (uint32_t i = 0, n = 0; i < r->sources->count; i++)
        if (r->bits[i >> 6] >> (i & 63) & 1)
            source[n++] = i;
    *route = (struct route){(uint32_t)r->route.n, count, source, copy};
    map_add(&r->route_of, (str){(const char *)copy, bits.n}, route->index, NULL);
    *vec_push(&r->route) = (struct known){route};
    return route;
}

static const struct route *route_work_out(struct router *r, const struct key *k)
{
    const struct sources *s = r->sources;
    size_t words = (s->count + 63) / 64;
    uint32_t count = 0;
    for (size_t i = 0; i < ROWS; i++)
        r->matches[i] = row_matches(s, i, k);
    memset(r->bits, 0, words * sizeof *r->bits);
    for (uint32_t i = 0; i < s->count; i++)
        if (k->family == FAMILY_UNKNOWN || source_applies(&s->source[i], r->matches, k)) {
            r->bits[i >> 6] |= 1ull << (i & 63);
            count++;
        }
    return route_intern(r, words, count);
}

static struct memo *memo_slot(struct memo *memo, size_t room, uint64_t key)
{
    size_t i = hash_mix(key, 1) & (room - 1);
    while (memo[i].key && memo[i].key != key)
        i = (i + 1) & (room - 1);
    return &memo[i];
}

static void memo_grow(struct router *r)
{
    size_t room = r->memo_room ? r->memo_room * 2 : 256;
    struct memo *bigger = mem_array(struct memo, room);
    for (size_t i = 0; i < r->memo_room; i++)
        if (r->memo[i].key)
            *memo_slot(bigger, room, r->memo[i].key) = r->memo[i];
    mem_free(r->memo);
    r->memo = bigger;
    r->memo_room = room;
}

static const struct route *route_of_key(struct router *r, const struct key *k)
{
    if (r->memo_count * 2 >= r->memo_room)
        memo_grow(r);
    uint64_t packed = 1ull << 63 | (uint64_t)k->family << 48 | (uint64_t)k->channel << 24 | k->code;
    struct memo *m = memo_slot(r->memo, r->memo_room, packed);
    if (!m->key) {
        *m = (struct memo){packed, route_work_out(r, k)};
        r->memo_count++;
    }
    return m->route;
}

static bool cached_is(const struct cached *c, const struct event *e)
{
    return c->route && c->family == e->family && c->channel_n == e->channel.n &&
           c->code_n == e->code.n &&
           (!e->channel.n || memcmp(c->key, e->channel.p, e->channel.n) == 0) &&
           (!e->code.n || memcmp(c->key + e->channel.n, e->code.p, e->code.n) == 0);
}

const struct route *route_event(struct router *r, const struct event *e)
{
    uint64_t h = hash_bytes(e->code, hash_bytes(e->channel, e->family));
    struct cached *c = &r->cache[h & (CACHE_SLOTS - 1)];
    if (LIKELY(cached_is(c, e)))
        return c->route;
    struct key k = {e->family, word_find(&r->sources->channel, e->channel),
                    word_find(&r->sources->code, e->code)};
    const struct route *route = route_of_key(r, &k);
    if (e->channel.n <= CACHE_KEY_MAX && e->code.n <= CACHE_KEY_MAX - e->channel.n) {
        *c = (struct cached){route, (uint32_t)e->channel.n, (uint32_t)e->code.n, e->family, {0}};
        if (e->channel.n)
            memcpy(c->key, e->channel.p, e->channel.n);
        if (e->code.n)
            memcpy(c->key + e->channel.n, e->code.p, e->code.n);
    }
    return route;
}
