/* SPDX-License-Identifier: Apache-2.0 */
#include "report/tally.h"

#include "base/hash.h"
#include "base/map.h"
#include "base/vec.h"
#include "event/attack.h"
#include "report/timeline.h"

enum { TEXT_BYTES_MAX = 64 << 20, PAIRS_MAX = 1 << 20, REASON_MAX = 600, LABEL_MAX = 300 };

/* A set of 64-bit keys: which rule was seen with which entity. */
struct pairs {
    uint64_t *slot; /* owned; 0: free */
    size_t count, room;
};

struct tally {
    struct arena text;
    struct map rule_at, entity_at, technique_at; /* keys live in `text` */
    VEC(struct tally_rule) rule;
    VEC(struct tally_entity) entity;
    VEC(struct tally_technique) technique;
    struct pairs pairs;
    uint64_t total, level[LEVEL_COUNT], others;
    struct tally_timeline timeline;
    struct sbuf scratch;
    void *sorted[3]; /* owned: one for each list */
};

struct tally *tally_new(void)
{
    struct tally *t = mem_new(struct tally);
    arena_init(&t->text, TEXT_BYTES_MAX);
    sbuf_init(&t->scratch, 64 << 10);
    return t;
}

void tally_free(struct tally *t)
{
    if (!t)
        return;
    map_done(&t->rule_at);
    map_done(&t->entity_at);
    map_done(&t->technique_at);
    vec_done(&t->rule);
    vec_done(&t->entity);
    vec_done(&t->technique);
    mem_free(t->pairs.slot);
    sbuf_done(&t->scratch);
    arena_done(&t->text);
    for (size_t i = 0; i < COUNT(t->sorted); i++)
        mem_free(t->sorted[i]);
    mem_free(t);
}

/* ---- pairs ---- */

static bool pairs_put(struct pairs *p, uint64_t key)
{
    size_t i = key & (p->room - 1);
    while (p->slot[i] && p->slot[i] != key)
        i = (i + 1) & (p->room - 1);
    bool is_new = !p->slot[i];
    p->slot[i] = key;
    p->count += is_new;
    return is_new;
}

static void pairs_grow(struct pairs *p)
{
    struct pairs larger = {.room = p->room ? p->room * 2 : 1024};
    larger.slot = mem_array(uint64_t, larger.room);
    for (size_t i = 0; i < p->room; i++)
        if (p->slot[i])
            pairs_put(&larger, p->slot[i]);
    mem_free(p->slot);
    *p = larger;
}

/* True when `kind`, `a` and `b` are seen together for the first time; false for good once full. */
static bool first_time(struct tally *t, uint64_t kind, uint64_t a, uint64_t b)
{
    if (t->pairs.count >= PAIRS_MAX)
        return false;
    if (t->pairs.count * 2 >= t->pairs.room)
        pairs_grow(&t->pairs);
    uint64_t key = hash_mix(hash_mix(a, b), kind);
    return pairs_put(&t->pairs, key ? key : 1);
}

/* ---- rows ---- */

static str keep(struct tally *t, str s, size_t max)
{
    str copy = arena_str(&t->text, str_head(s, max));
    return copy.p ? copy : (str){"", 0};
}

/* The row of `key` in a list, UINT32_MAX past a limit.  *added: it has yet to be made. */
static uint32_t row_of(struct tally *t, struct map *at, str key, size_t count, size_t max,
                       bool *added)
{
    *added = false;
    const uint32_t *found = map_find(at, key);
    if (found)
        return *found;
    str copy = count < max ? arena_str(&t->text, key) : (str){0};
    if (!copy.p)
        return UINT32_MAX;
    return *map_add(at, copy, (uint32_t)count, added);
}

static void stretch(int64_t *first, int64_t *last, int64_t ms)
{
    if (ms == TIME_NONE)
        return;
    *first = *first == TIME_NONE || ms < *first ? ms : *first;
    *last = *last == TIME_NONE || ms > *last ? ms : *last;
}

static uint32_t add_rule(struct tally *t, const struct finding *f, const char *path)
{
    bool added;
    uint32_t row = row_of(t, &t->rule_at, f->id, t->rule.n, TALLY_RULES_MAX, &added);
    if (row == UINT32_MAX)
        return row;
    sbuf_clear(&t->scratch);
    entity_label(f, &t->scratch);
    str label = sbuf_str(&t->scratch);
    if (added)
        *vec_push(&t->rule) = (struct tally_rule){
            .id = keep(t, f->id, SIZE_MAX),
            .title = keep(t, f->title, LABEL_MAX),
            .level = f->level,
            .kind = f->kind,
            .first_ms = TIME_NONE,
            .last_ms = TIME_NONE,
            .example_reason = keep(t, f->reason, REASON_MAX),
            .example_label = keep(t, label, LABEL_MAX),
            .example_path = keep(t, str_z(path), SIZE_MAX),
            .example_line = f->origin.line ? f->origin.line : f->origin.record,
        };
    struct tally_rule *r = &t->rule.at[row];
    r->count++;
    r->level = f->level > r->level ? f->level : r->level;
    stretch(&r->first_ms, &r->last_ms, f->time_ms);
    r->entities += first_time(t, 0, row, hash_bytes(label, 0));
    return row;
}

static void add_techniques(struct tally *t, const struct finding *f, uint32_t rule)
{
    for (uint32_t i = 0; i < f->technique_count; i++) {
        bool added;
        uint32_t row = row_of(t, &t->technique_at, f->technique[i], t->technique.n,
                              TALLY_TECHNIQUES_MAX, &added);
        if (row == UINT32_MAX)
            continue;
        if (added)
            *vec_push(&t->technique) =
                (struct tally_technique){.id = keep(t, f->technique[i], SIZE_MAX)};
        struct tally_technique *r = &t->technique.at[row];
        r->count++;
        r->worst = f->level > r->worst ? f->level : r->worst;
        r->rules += first_time(t, 1, row, rule);
    }
}

static uint64_t tactics_of(const struct finding *f)
{
    uint64_t bits = 0;
    for (uint32_t i = 0; i < f->technique_count; i++) {
        const struct technique *known = technique_find(f->technique[i]);
        bits |= known ? known->tactics : 0;
    }
    return bits;
}

/* Programs run everywhere; they say what happened and not to whom. */
static bool is_whom(str key)
{
    return !str_eq(key, STR("process"));
}

static bool add_entity(struct tally *t, const struct finding *f, const struct pair *e,
                       uint32_t rule)
{
    bool added;
    sbuf_clear(&t->scratch);
    sbuf_add(&t->scratch, e->name);
    sbuf_addc(&t->scratch, '\0');
    sbuf_add(&t->scratch, e->value);
    uint32_t row =
        row_of(t, &t->entity_at, sbuf_str(&t->scratch), t->entity.n, TALLY_ENTITIES_MAX, &added);
    if (row == UINT32_MAX)
        return false;
    if (added)
        *vec_push(&t->entity) = (struct tally_entity){.key = keep(t, e->name, LABEL_MAX),
                                                      .value = keep(t, e->value, LABEL_MAX),
                                                      .first_ms = TIME_NONE,
                                                      .last_ms = TIME_NONE};
    struct tally_entity *r = &t->entity.at[row];
    if (f->technique_count && (r->technique.n == 0 || f->level > r->worst))
        r->technique = keep(t, f->technique[0], SIZE_MAX);
    r->count++;
    r->worst = f->level > r->worst ? f->level : r->worst;
    r->tactics |= tactics_of(f);
    stretch(&r->first_ms, &r->last_ms, f->time_ms);
    if (first_time(t, 2, row, rule)) {
        r->rules++;
        r->weight += f->score_01 * f->score_01;
    }
    return true;
}

void tally_add(struct tally *t, const struct finding *f, const char *path)
{
    t->total++;
    t->level[f->level]++;
    if (f->time_ms != TIME_NONE)
        timeline_add(&t->timeline, f->time_ms, f->level);
    uint32_t rule = add_rule(t, f, path);
    bool whole = rule != UINT32_MAX;
    add_techniques(t, f, rule);
    for (uint32_t i = 0; i < f->entity_count; i++)
        if (is_whom(f->entity[i].name))
            whole = add_entity(t, f, &f->entity[i], rule) && whole;
    t->others += !whole;
}

uint64_t tally_total(const struct tally *t)
{
    return t->total;
}

uint64_t tally_level(const struct tally *t, enum level l)
{
    return t->level[l];
}

uint64_t tally_others(const struct tally *t)
{
    return t->others;
}

const struct tally_timeline *tally_timeline(const struct tally *t)
{
    return &t->timeline;
}

/* ---- in order ---- */

#define BY(a, b)                                                                                   \
    if ((a) != (b))                                                                                \
    return (a) > (b) ? -1 : 1

static int compare_rules(const void *x, const void *y)
{
    const struct tally_rule *a = x, *b = y;
    BY(a->level, b->level);
    BY(a->count, b->count);
    return str_cmp(a->id, b->id);
}

static int compare_entities(const void *x, const void *y)
{
    const struct tally_entity *a = x, *b = y;
    BY(a->weight, b->weight);
    BY(a->count, b->count);
    int by_key = str_cmp(a->key, b->key);
    return by_key ? by_key : str_cmp(a->value, b->value);
}

static int compare_techniques(const void *x, const void *y)
{
    const struct tally_technique *a = x, *b = y;
    BY(a->worst, b->worst);
    BY(a->count, b->count);
    return str_cmp(a->id, b->id);
}

static const void *sorted(struct tally *t, size_t list, const void *rows, size_t n, size_t size,
                          int (*compare)(const void *, const void *))
{
    mem_free(t->sorted[list]);
    t->sorted[list] = mem_zero(size_mul(n, size));
    if (n) {
        memcpy(t->sorted[list], rows, n * size);
        qsort(t->sorted[list], n, size, compare);
    }
    return t->sorted[list];
}

const struct tally_rule *tally_rules(struct tally *t, size_t *n)
{
    *n = t->rule.n;
    return sorted(t, 0, t->rule.at, t->rule.n, sizeof *t->rule.at, compare_rules);
}

const struct tally_entity *tally_entities(struct tally *t, size_t *n)
{
    *n = t->entity.n;
    return sorted(t, 1, t->entity.at, t->entity.n, sizeof *t->entity.at, compare_entities);
}

const struct tally_technique *tally_techniques(struct tally *t, size_t *n)
{
    *n = t->technique.n;
    return sorted(t, 2, t->technique.at, t->technique.n, sizeof *t->technique.at,
                  compare_techniques);
}
