/* SPDX-License-Identifier: Apache-2.0 */
/* Keywords: words without a field, in any value of the event.
 *
 * Looking at every value would cost more than all other fields together, so
 * the record is scanned once as it stands, for fragments that JSON writes in
 * one way only.  What that cannot see is looked at besides: values whose plain
 * characters are written as \u00xx, and values that are not in the record
 * (derived ones; all of a binary record).  A keyword whose fragment was found
 * may be there; whether it is, is asked when a rule needs to know. */
#include "base/mem.h"
#include "codec/json_scan.h"
#include "rule/match.h"

#include <assert.h>

/* ---- the keywords of several sources as one ---- */

static void add_entries(struct numbers *unfiltered, const struct keywords *k,
                        struct literal_entry *entry, size_t *n)
{
    for (uint32_t i = 0; i < k->literal.count; i++)
        for (uint32_t t = k->literal.first[i]; t < k->literal.first[i + 1]; t++)
            entry[(*n)++] = (struct literal_entry){k->literal.text[i], k->literal.target[t]};
    for (uint32_t i = 0; i < k->unfiltered_count; i++)
        *vec_push(unfiltered) = k->unfiltered[i];
}

static size_t entries_of(const struct keywords *k)
{
    return k->literal.count ? k->literal.first[k->literal.count] : 0;
}

static bool has(const uint64_t *bits, uint32_t i)
{
    return bits[i >> 6] >> (i & 63) & 1;
}

static void merge(struct rule_matcher *m, struct merged_keywords *out)
{
    const struct program *p = m->program;
    struct numbers unfiltered = {0};
    size_t n = 0, room = 0;
    for (uint32_t i = 0; i < p->keywords_count; i++)
        room += has(out->sources, i) ? entries_of(&p->keywords[i]) : 0;
    struct literal_entry *entry = mem_array(struct literal_entry, room);
    for (uint32_t i = 0; i < p->keywords_count; i++)
        if (has(out->sources, i))
            add_entries(&unfiltered, &p->keywords[i], entry, &n);
    struct literal_map *map = &out->keywords.literal;
    status s = literal_map_build(map, entry, n, true, &(struct db_cache){{0}}, &m->arena, NULL);
    if (s == ST_OK && map->db)
        s = literal_scratch_fit(&m->scan.scratch, map->db);
    assert(s == ST_OK); /* out of memory: one by one they were compiled before */
    out->keywords.unfiltered = arena_array(&m->arena, uint32_t, unfiltered.n);
    out->keywords.unfiltered_count = (uint32_t)unfiltered.n;
    if (unfiltered.n)
        memcpy(out->keywords.unfiltered, unfiltered.at, unfiltered.n * sizeof *unfiltered.at);
    mem_free(entry);
    vec_done(&unfiltered);
}

const struct keywords *keywords_of(struct rule_matcher *m, const struct route *route)
{
    const struct program *p = m->program;
    size_t words = p->keywords_count / 64 + 1;
    uint64_t *sources = arena_array(&m->arena, uint64_t, words);
    uint32_t count = 0, one = 0;
    for (uint32_t i = 0; i < p->keywords_count; i++)
        if (route_has(route, p->keywords[i].source)) {
            sources[i >> 6] |= 1ull << (i & 63);
            one = i;
            count++;
        }
    if (count < 2)
        return count ? &p->keywords[one] : NULL;
    for (struct merged_keywords *k = m->merged; k; k = k->next)
        if (memcmp(k->sources, sources, words * sizeof *sources) == 0)
            return &k->keywords;
    struct merged_keywords *merged = arena_new(&m->arena, struct merged_keywords);
    merged->sources = sources;
    merge(m, merged);
    merged->next = m->merged;
    m->merged = merged;
    return &merged->keywords;
}

void keywords_done(struct rule_matcher *m)
{
    for (struct merged_keywords *k = m->merged; k; k = k->next)
        literal_db_free(k->keywords.literal.db);
}

/* ---- scanning ---- */

struct keyword_scan {
    struct rule_matcher *m;
    const struct literal_map *literal;
    str text;
    bool escaped; /* plain characters are written as \u00xx */
};

/* Not itself escaped: an even number of backslashes before it, and a small u. */
static bool is_escape(str text, size_t end)
{
    size_t at = end - KEYWORD_ESCAPE.n, n = 0;
    while (n < at && text.p[at - n - 1] == '\\')
        n++;
    return n % 2 == 0 && text.p[at + 1] == 'u';
}

static void add_candidate(struct rule_matcher *m, uint32_t predicate)
{
    if (m->mark[predicate] == match_mark(m, MARK_MAYBE))
        return;
    m->mark[predicate] = match_mark(m, MARK_MAYBE);
    *vec_push(&m->candidate) = predicate;
}

static int on_keyword(unsigned literal, unsigned long long begin, unsigned long long end,
                      unsigned flags, void *arg)
{
    struct keyword_scan *k = arg;
    (void)begin;
    (void)flags;
    for (uint32_t i = k->literal->first[literal]; i < k->literal->first[literal + 1]; i++) {
        uint32_t target = k->literal->target[i];
        if (target == KEYWORD_ESCAPE_TARGET)
            k->escaped |= is_escape(k->text, end);
        else
            add_candidate(k->m, target >> 1);
    }
    return 0;
}

static bool scan(struct rule_matcher *m, const struct keywords *k, str text)
{
    struct keyword_scan s = {.m = m, .literal = &k->literal, .text = text};
    if (k->literal.db)
        literal_scan(k->literal.db, &m->scan.scratch, text, on_keyword, &s);
    return s.escaped;
}

static bool is_inside(const struct field *f, str raw)
{
    return (uintptr_t)f->p - (uintptr_t)raw.p < raw.n;
}

/* Values that the record's bytes do not show, one after the other. */
static str hidden_values(struct rule_matcher *m, const struct event *e, bool escaped)
{
    sbuf_clear(&m->text);
    for (uint32_t i = 0; i < e->field_count; i++) {
        const struct field *f = &e->field[i];
        bool hidden = !is_inside(f, e->raw) || (escaped && (f->flags & FIELD_ESCAPED));
        if (!hidden || f->kind < VALUE_NUMBER || (f->flags & FIELD_COPY) || f->n == 0)
            continue;
        char *out = sbuf_space(&m->text, f->n + 1u);
        if (!out)
            break;
        size_t n = f->n;
        if (f->flags & FIELD_ESCAPED)
            n = json_unescape((str){f->p, f->n}, out);
        else
            memcpy(out, f->p, n);
        out[n] = '\n'; /* in no fragment */
        sbuf_grew(&m->text, n + 1);
    }
    return sbuf_str(&m->text);
}

bool keywords_find(struct rule_matcher *m, const struct keywords *k)
{
    m->candidate.n = 0;
    bool escaped = scan(m, k, m->event->raw);
    str hidden = hidden_values(m, m->event, escaped);
    if (hidden.n)
        (void)scan(m, k, hidden);
    for (uint32_t i = 0; i < k->unfiltered_count; i++)
        add_candidate(m, k->unfiltered[i]);
    return m->candidate.n > 0;
}
