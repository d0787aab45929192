/* SPDX-License-Identifier: Apache-2.0 */
#include "rule/build.h"
#include "rule/fragment.h"

#include <assert.h>

/* ---- lanes ---- */

struct lane_member {
    field_id field;
    uint32_t predicate;
};

static int by_field(const void *x, const void *y)
{
    const struct lane_member *a = x, *b = y;
    if (a->field != b->field)
        return a->field < b->field ? -1 : 1;
    return (a->predicate > b->predicate) - (a->predicate < b->predicate);
}

static status build_lane(struct build *b, const struct lane_member *m, uint32_t n)
{
    struct program *p = b->program;
    uint32_t *predicate = mem_array(uint32_t, n);
    for (uint32_t i = 0; i < n; i++)
        predicate[i] = m[i].predicate;
    p->lane_of[m[0].field] = (uint16_t)p->lane_count;
    status s = lane_build(&p->lane[p->lane_count++], p, predicate, n, &b->cache, b->err);
    mem_free(predicate);
    return s;
}

status build_lanes(struct build *b)
{
    struct program *p = b->program;
    struct lane_member *m = mem_array(struct lane_member, p->predicate_count);
    uint32_t n = 0, fields = 1;
    for (uint32_t i = 0; i < p->predicate_count; i++)
        if (p->predicate[i].eager && !p->predicate[i].keyword)
            m[n++] = (struct lane_member){p->predicate[i].fields.field, i};
    if (n)
        qsort(m, n, sizeof *m, by_field);
    for (uint32_t i = 1; i < n; i++)
        fields += m[i].field != m[i - 1].field;
    p->lane_fields = n ? m[n - 1].field + 1u : 0;
    p->lane_of = arena_array(&p->arena, uint16_t, p->lane_fields);
    p->lane = arena_array(&p->arena, struct lane, fields + 1);
    assert(p->lane_of && p->lane);
    p->lane_count = 1;
    status s = ST_OK;
    for (uint32_t i = 0, j; i < n && s == ST_OK; i = j) {
        for (j = i; j < n && m[j].field == m[i].field; j++)
            ;
        s = build_lane(b, m + i, j - i);
    }
    mem_free(m);
    return s;
}

/* ---- keywords ---- */

static void keyword_fragments(struct build *b, uint32_t predicate, struct fragments *f)
{
    const struct predicate *q = &b->program->predicate[predicate];
    const struct test_row *row = &b->image->test.at[q->test];
    str value = image_str(b->image, row->value);
    *f = (struct fragments){.count = 0};
    if (q->op == TEST_GLOB)
        fragments_of_glob(value, true, &b->program->arena, f);
    else if (q->op == TEST_REGEX)
        fragments_of_regex(value, !(row->flags & TEST_CASED), true, &b->program->arena, f);
    else if (q->op <= TEST_ENDS)
        fragments_of_literal(value, true, &b->program->arena, f);
}

struct keyword_lists {
    struct {
        struct literal_entry *at;
        size_t n, room;
    } literal;
    struct {
        uint32_t *at;
        size_t n, room;
    } unfiltered;
};

static void add_keyword(struct build *b, struct keyword_lists *k, uint32_t predicate)
{
    struct fragments f;
    keyword_fragments(b, predicate, &f);
    for (uint32_t i = 0; i < f.count; i++)
        *vec_push(&k->literal) =
            (struct literal_entry){fragment_sharpened(f.at[i]), predicate << 1 | 1};
    if (f.count == 0)
        *vec_push(&k->unfiltered) = predicate;
}

/* `pair` holds (keyword predicate, source), sorted by source; these are of one source. */
static status build_source_keywords(struct build *b, const struct wake_pair *pair, size_t n)
{
    struct program *p = b->program;
    struct keywords *k = &p->keywords[p->keywords_count++];
    struct keyword_lists lists = {0};
    k->source = pair[0].rule;
    for (size_t i = 0; i < n; i++)
        if (i == 0 || pair[i].predicate != pair[i - 1].predicate)
            add_keyword(b, &lists, pair[i].predicate);
    /* How JSON may write a character that it need not escape; see find_keywords. */
    if (lists.literal.n)
        *vec_push(&lists.literal) = (struct literal_entry){KEYWORD_ESCAPE, KEYWORD_ESCAPE_TARGET};
    k->unfiltered = program_keep(p, lists.unfiltered.at, lists.unfiltered.n, sizeof(uint32_t));
    k->unfiltered_count = (uint32_t)lists.unfiltered.n;
    status s = literal_map_build(&k->literal, lists.literal.at, lists.literal.n, true, &b->cache,
                                 &p->arena, b->err);
    vec_done(&lists.literal);
    vec_done(&lists.unfiltered);
    return s;
}

static int by_source(const void *x, const void *y)
{
    const struct wake_pair *a = x, *b = y;
    if (a->rule != b->rule)
        return a->rule < b->rule ? -1 : 1;
    return (a->predicate > b->predicate) - (a->predicate < b->predicate);
}

status build_keywords(struct build *b)
{
    struct program *p = b->program;
    struct wake_pair *pair = mem_array(struct wake_pair, b->order.n);
    size_t n = 0, next = 0;
    for (uint32_t r = 0; r < b->image->rule.n; r++)
        for (uint32_t i = 0; i < p->code[r].count; i++) {
            const struct step *s = &p->step[p->code[r].first + i];
            if (s->kind == STEP_KEYWORD)
                pair[n++] = (struct wake_pair){s->arg, p->source[r]};
        }
    if (n)
        qsort(pair, n, sizeof *pair, by_source);
    p->keywords = arena_array(&p->arena, struct keywords, sources_count(p->sources));
    assert(p->keywords);
    status s = ST_OK;
    for (size_t i = 0; i < n && s == ST_OK; i = next) {
        for (next = i; next < n && pair[next].rule == pair[i].rule; next++)
            ;
        s = build_source_keywords(b, pair + i, next - i);
    }
    mem_free(pair);
    return s;
}

/* ---- the cache of databases: (key, size, bytes padded to 8) one after the other ---- */

static size_t padded(size_t n)
{
    return (n + 7) & ~(size_t)7;
}

str db_cache_find(const struct db_cache *cache, uint64_t key)
{
    str s = cache->bytes;
    while (s.n >= 16) {
        uint64_t head[2];
        memcpy(head, s.p, sizeof head);
        s = str_from(s, sizeof head);
        if (head[1] > s.n)
            break;
        if (head[0] == key)
            return str_head(s, head[1]);
        s = str_from(s, padded(head[1]));
    }
    return (str){NULL, 0};
}

static void write_database(const struct literal_map *map, struct sbuf *out)
{
    if (!map->db)
        return;
    struct sbuf one;
    sbuf_init(&one, SIZE_MAX / 2);
    literal_db_write(map->db, &one);
    uint64_t head[2] = {map->key, one.n};
    static const char zero[8];
    sbuf_add(out, (str){(const char *)head, sizeof head});
    sbuf_add(out, sbuf_str(&one));
    sbuf_add(out, (str){zero, padded(one.n) - one.n});
    sbuf_done(&one);
}

void program_databases(const struct program *p, struct sbuf *out)
{
    for (uint32_t i = 1; i < p->lane_count; i++)
        write_database(&p->lane[i].literal, out);
    for (uint32_t i = 0; i < p->keywords_count; i++)
        write_database(&p->keywords[i].literal, out);
}
