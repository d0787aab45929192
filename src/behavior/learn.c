/* SPDX-License-Identifier: Apache-2.0 */
/* Learning, and watching while it is learned: a chunk of events at a time, so that each lock is taken once a chunk.
 *
 * Watching must cost next to nothing, so what is surely usual is sorted out with a few comparisons while the event
 * is learned (suspect): its values are known, or new ones are nothing new.  Of what is left the entity as it
 * was before is copied, and judged after the lock is dropped as behavior_compare would judge it.
 *
 * Groups learn from each eighth event of their members, after the shards' locks are dropped. */
#include "base/hash.h"
#include "base/metric.h"
#include "behavior/behavior_int.h"

#include <math.h>

enum { CHUNK = 128, DAY_MS = 24 * HOUR_MS, GROUP_EACH = 8 };
enum { SUSPECTS_MAX = 16, SUSPECTS_OF_BATCH = 128 };
enum { WATCH_EVENTS = 200, QUIET_HOURS = 24, FOUND_A_DAY = 3, FOUND_PER = 50, RATE_FROM = 32 };
#define WATCH_DAYS   7.0
#define RARE_SHARE   0.005
#define RESTLESS     0.2 /* more of its values than that are new: one more says nothing */
#define STORY_ENOUGH 0.3 /* two of them must weigh as much */

struct use { /* of an event, for an entity */
    uint64_t hash;
    uint32_t trait, next; /* next of the same shard; 0: none */
    uint32_t event;       /* in the batch */
    str key;
    enum behavior_type type;
};
struct member { /* of a group, and what it did */
    uint32_t use;
    struct hour_over over;
    char name[GROUP_NAME_MAX];
    uint8_t n;
};
struct suspect {
    uint32_t use;
    struct entity *before; /* a copy, in the arena */
    uint32_t hour_count;   /* with this event */
};
struct chunk {
    struct traits *trait;
    struct use *use; /* [0] is nobody's */
    char (*key)[KEY_MAX_BYTES];
    struct member *member;
    size_t members, members_max;
    struct suspect suspect[SUSPECTS_MAX];
    size_t suspects;
    uint32_t uses, first[SHARDS], last[SHARDS];
};
struct watch { /* NULL: only learn */
    struct behavior_found *out;
    size_t n, max, suspects; /* judged so far, of this batch */
    int64_t now_ms;
    struct observed *observed; /* in the arena; of one after the other */
};
struct run {
    struct behavior *b;
    str tenant;
    struct batch *batch;
    struct watch *watch;
    struct chunk chunk;
};

static void skip(struct behavior *b, uint64_t n)
{
    atomic_fetch_add_explicit(&b->skipped, n, memory_order_relaxed);
}

static void hold_back(struct behavior *b)
{
    atomic_fetch_add_explicit(&b->quieted, 1, memory_order_relaxed);
    metric_inc(METRIC_BEHAVIOR_HELD_BACK);
}

/* ---- what may be strange ---- */

static bool rare(const struct entity *e, const struct trait *t, enum aspect a)
{
    const struct sketch *s = e->aspect[a];
    if (!t->text.n || !s || trait_is_self((enum behavior_type)e->type, a))
        return false;
    const struct sketch_slot *slot = sketch_find(s, t->hash);
    if (slot && (double)(slot->count - slot->error) > RARE_SHARE * (double)s->total)
        return false;
    return sketch_novelty(s) < RESTLESS;
}

/* The most that the judge could say, without asking. */
static bool suspect(const struct behavior *b, const struct entity *e, const struct traits *f)
{
    double left = 1, most[STORIES] = {0};
    double days = b->learning_days > 0 ? b->learning_days : WATCH_DAYS;
    if (e->events < WATCH_EVENTS || f->hour == INT64_MIN || f->hour < e->hour ||
        entity_days(e) < days)
        return false;
    for (unsigned a = 0; a < ASPECT_COUNT; a++)
        if (aspect_info[a].weight > most[aspect_info[a].story] && a != ASPECT_SEQUENCE &&
            rare(e, &f->at[a], a))
            most[aspect_info[a].story] = aspect_info[a].weight;
    uint32_t n = f->hour == e->hour ? e->hour_count + 1 : 1;
    if (n == 1 || most[STORY_WHERE] > 0) /* is it an hour in which nothing happens? */
        most[STORY_WHEN] = entity_usual(e, f->hour).active < 0.05 ? 0.5 : 0;
    if (n >= RATE_FROM && (n & (n - 1)) == 0) { /* powers of two */
        struct usual u = entity_usual(e, f->hour);
        most[STORY_MUCH] = log1p(n) > u.mean + 4 * fmax(u.deviation, 0.35) ? 0.9 : 0;
    }
    for (unsigned i = 0; i < STORY_NONE; i++)
        left *= 1 - most[i];
    return 1 - left >= b->watch_01 &&
           !(e->found_hour != INT64_MIN && f->hour - e->found_hour < QUIET_HOURS);
}

/* ---- a shard's part of a chunk ---- */

static void put_member(struct chunk *c, const struct entity *e, uint32_t use,
                       const struct hour_over *over)
{
    char name[GROUP_NAME_MAX];
    const struct traits *f = &c->trait[c->use[use].trait];
    if (c->members == c->members_max || (!over->is && e->events % GROUP_EACH))
        return;
    str group = entity_group(e, f->of[e->type], name);
    if (!group.n)
        return;
    struct member *m = &c->member[c->members++];
    *m = (struct member){.use = use, .over = *over, .n = (uint8_t)str_head(group, 95).n};
    memcpy(m->name, name, m->n);
}

static void put_suspect(struct run *r, const struct entity *e, uint32_t use)
{
    struct chunk *c = &r->chunk;
    const struct traits *f = &c->trait[c->use[use].trait];
    if (c->suspects == SUSPECTS_MAX || r->watch->suspects == SUSPECTS_OF_BATCH) {
        hold_back(r->b);
        return;
    }
    struct entity *before = entity_copy(e, &r->batch->arena);
    r->watch->suspects++;
    if (before)
        c->suspect[c->suspects++] =
            (struct suspect){use, before, f->hour == e->hour ? e->hour_count + 1 : 1};
}

static void learn_one_locked(struct run *r, struct shard *s, uint32_t use)
{
    struct chunk *c = &r->chunk;
    const struct use *u = &c->use[use];
    const struct traits *f = &c->trait[u->trait];
    struct hour_over over = {0};
    struct entity *e = shard_find_locked(s, u->hash, u->key);
    if (!e) {
        e = entity_new(u->key, u->hash, u->type);
        shard_put_locked(s, e);
    } else if (r->watch && suspect(r->b, e, f)) {
        put_suspect(r, e, use);
    }
    size_t before = e->bytes_held;
    s->late += !entity_learn(e, f, &over);
    s->bytes += e->bytes_held - before;
    s->learned++;
    put_member(c, e, use, &over);
    shard_touch_locked(s, e);
}

/* ---- after the shards ---- */

static void learn_groups(struct run *r)
{
    struct chunk *c = &r->chunk;
    struct shard *s = &r->b->shard[SHARDS];
    char room[KEY_MAX_BYTES];
    if (!c->members)
        return;
    lock_take(&s->lock);
    for (size_t i = 0; i < c->members; i++) {
        const struct member *m = &c->member[i];
        const struct use *u = &c->use[m->use];
        str key = behavior_key(r->tenant, KEY_GROUP, (str){m->name, m->n}, room);
        uint64_t hash = hash_bytes(key, r->b->seed);
        struct entity *g = shard_find_locked(s, hash, key);
        if (!g)
            shard_put_locked(s, g = entity_new(key, hash, KEY_GROUP));
        size_t before = g->bytes_held;
        group_learn(g, &c->trait[u->trait], u->type, u->hash, &m->over);
        s->bytes += g->bytes_held - before;
        shard_touch_locked(s, g);
    }
    lock_drop(&s->lock);
    c->members = 0;
}

/* At most so many a day; days go on and never back. */
static bool may_find(struct behavior *b, int64_t day)
{
    int64_t now = atomic_load(&b->found_day);
    uint64_t entities = 0;
    while (day > now)
        if (atomic_compare_exchange_weak(&b->found_day, &now, day)) {
            atomic_store(&b->found_today, 0);
            break;
        }
    for (size_t i = 0; i < SHARDS; i++) {
        lock_take(&b->shard[i].lock);
        entities += b->shard[i].count;
        lock_drop(&b->shard[i].lock);
    }
    if (atomic_fetch_add(&b->found_today, 1) < FOUND_A_DAY + entities / FOUND_PER)
        return true;
    atomic_fetch_sub(&b->found_today, 1);
    return false;
}

static void mark_found(struct behavior *b, const struct use *u, int64_t hour)
{
    struct shard *s = behavior_shard(b, u->type, u->hash);
    lock_take(&s->lock);
    struct entity *e = shard_find_locked(s, u->hash, u->key);
    if (e)
        e->found_hour = hour;
    lock_drop(&s->lock);
}

/* More strictly than who asks: a story counts once, and one is not enough. */
static bool is_worth_it(const struct behavior *b, const struct comparison *c)
{
    const struct behavior_verdict *v = c->out;
    double story[STORIES] = {0}, left = 1;
    size_t strong = 0;
    for (size_t i = 0; i < v->factor_count; i++) {
        double *of = &story[c->judged[i].story];
        *of = fmax(*of, c->judged[i].weight * v->factor[i].score_01);
    }
    for (unsigned i = 0; i < STORY_NONE; i++) {
        left *= 1 - story[i];
        strong += story[i] >= STORY_ENOUGH;
    }
    return 1 - left >= b->watch_01 && v->confidence_01 >= 0.8 && strong >= 2;
}

/* The event alone, in an hour that is as full as it is now. */
static const struct observed *observed_of(struct run *r, const struct suspect *s)
{
    struct watch *w = r->watch;
    if (!w->observed)
        w->observed = arena_new(&r->batch->arena, struct observed);
    if (!w->observed)
        return NULL;
    struct observed *o = w->observed;
    memset(o, 0, sizeof *o);
    o->last_kind = s->before->last_kind;
    observe_event(o, &r->chunk.trait[r->chunk.use[s->use].trait]);
    if (o->hours) {
        o->hour[0].count = s->hour_count;
        if (s->before->hour == o->hour[0].hour)
            o->hour[0].bytes += s->before->hour_bytes;
    }
    return o;
}

static void judge_suspect(struct run *r, const struct suspect *s)
{
    const struct use *u = &r->chunk.use[s->use];
    const struct traits *f = &r->chunk.trait[u->trait];
    struct behavior_verdict v = {0};
    struct arena *a = &r->batch->arena;
    str rest = str_from(u->key, 1);
    (void)str_cut(&rest, '\0');
    struct behavior_entity who = {u->type, rest};
    struct comparison c = {.e = s->before, .arena = a, .out = &v};
    c.learning_days = r->b->learning_days > 0 ? r->b->learning_days : WATCH_DAYS;
    c.o = observed_of(r, s);
    c.group = take_group(r->b, r->tenant, s->before, f->of[u->type], a);
    struct finding *found = arena_new(a, struct finding);
    if (!c.o || !found)
        return;
    v.compared = 1;
    judge(&c, &who);
    if (!is_worth_it(r->b, &c))
        return;
    const struct event *e = &r->batch->event[u->event];
    int64_t time_ms = e->time_ms != TIME_NONE ? e->time_ms : r->watch->now_ms;
    if (r->watch->n == r->watch->max || !may_find(r->b, f->hour / 24) ||
        !behavior_finding(&v, &who, time_ms, a, found)) {
        hold_back(r->b);
        return;
    }
    found->origin = e->origin;
    event_id(&r->batch->event[u->event], found->event_id);
    mark_found(r->b, u, f->hour);
    atomic_fetch_add_explicit(&r->b->found, 1, memory_order_relaxed);
    metric_inc(METRIC_BEHAVIOR_FINDINGS);
    r->watch->out[r->watch->n++] = (struct behavior_found){u->event, found};
}

/* The same entity twice in a chunk is said once. */
static void judge_suspects(struct run *r)
{
    struct chunk *c = &r->chunk;
    uint64_t said = 0;
    for (size_t i = 0; i < c->suspects; i++) {
        size_t n = r->watch->n;
        uint64_t hash = c->use[c->suspect[i].use].hash;
        if (hash == said)
            continue;
        judge_suspect(r, &c->suspect[i]);
        if (r->watch->n > n)
            said = hash;
    }
    c->suspects = 0;
}

/* ---- chunks ---- */

static void chunk_add(struct run *r, uint32_t trait, uint32_t event, enum behavior_type t, str name)
{
    struct chunk *c = &r->chunk;
    uint32_t i = ++c->uses;
    str key = behavior_key(r->tenant, t, name, c->key[i]);
    uint64_t hash = hash_bytes(key, r->b->seed);
    size_t shard = (size_t)(behavior_shard(r->b, t, hash) - r->b->shard);
    c->use[i] = (struct use){hash, trait, 0, event, key, t};
    if (c->last[shard])
        c->use[c->last[shard]].next = i;
    else
        c->first[shard] = i;
    c->last[shard] = i;
}

/* What the uses of a shard will touch, asked for all at once: one after the other each would be waited for, and there are
 * dozens a event.  Entities are as many as do not fit into any cache. */
static void fetch_locked(const struct run *r, const struct shard *s, uint32_t first)
{
    const struct chunk *c = &r->chunk;
    for (uint32_t u = first; u; u = c->use[u].next)
        __builtin_prefetch(&s->table[c->use[u].hash & (s->room - 1)]);
    for (uint32_t u = first; u; u = c->use[u].next) {
        const char *e = (const char *)s->table[c->use[u].hash & (s->room - 1)];
        for (size_t at = 0; e && at < sizeof(struct entity); at += 64)
            __builtin_prefetch(e + at, 1);
    }
    for (uint32_t u = first; u; u = c->use[u].next) {
        const struct entity *e = s->table[c->use[u].hash & (s->room - 1)];
        const struct traits *f = &c->trait[c->use[u].trait];
        while (e && e->hash != c->use[u].hash)
            e = e->next;
        for (unsigned a = 0; e && a < ASPECT_COUNT; a++)
            if (f->at[a].text.n || a == ASPECT_SEQUENCE) {
                __builtin_prefetch(e->aspect[a], 1);
                __builtin_prefetch((const char *)e->aspect[a] + 64, 1);
            }
        if (e)
            __builtin_prefetch(e->peers, 1);
    }
}

static void chunk_learn(struct run *r)
{
    struct chunk *c = &r->chunk;
    for (size_t i = 0; i < SHARDS; i++) {
        struct shard *s = &r->b->shard[i];
        if (!c->first[i])
            continue;
        lock_take(&s->lock);
        fetch_locked(r, s, c->first[i]);
        for (uint32_t u = c->first[i]; u; u = c->use[u].next)
            learn_one_locked(r, s, u);
        lock_drop(&s->lock);
    }
    learn_groups(r);
    judge_suspects(r);
    memset(c->first, 0, sizeof c->first);
    memset(c->last, 0, sizeof c->last);
    c->uses = 0;
}

static bool chunk_init(struct chunk *c, size_t events, struct arena *a)
{
    size_t n = events < CHUNK ? events : CHUNK, uses = n * BEHAVIOR_TYPE_COUNT + 1;
    *c = (struct chunk){.trait = arena_array(a, struct traits, n),
                        .use = arena_array(a, struct use, uses),
                        .key = arena_alloc(a, uses, KEY_MAX_BYTES, 1),
                        .member = arena_array(a, struct member, n),
                        .members_max = n};
    return c->trait && c->use && c->key && c->member;
}

static bool of_the_future(const struct event *e, int64_t now_ms)
{
    return now_ms && e->time_ms != TIME_NONE && e->time_ms > now_ms + DAY_MS;
}

/* `only` NULL: for all that an event names. */
static void learn(struct run *r, const struct behavior_entity *only, int64_t now_ms)
{
    struct batch *batch = r->batch;
    if (!batch->event_count)
        return;
    if (!chunk_init(&r->chunk, batch->event_count, &batch->arena)) {
        skip(r->b, batch->event_count);
        return;
    }
    for (size_t i = 0; i < batch->event_count; i++) {
        uint32_t at = (uint32_t)(i % CHUNK);
        struct traits *f = &r->chunk.trait[at];
        if (i && at == 0)
            chunk_learn(r);
        if (of_the_future(&batch->event[i], now_ms)) {
            skip(r->b, 1);
            continue;
        }
        traits_of(&batch->event[i], r->b->seed, f);
        if (f->hour == INT64_MIN && now_ms)
            f->hour = now_ms / HOUR_MS;
        for (unsigned t = 0; t < BEHAVIOR_TYPE_COUNT; t++) {
            if (!only && f->who[t].n)
                chunk_add(r, at, (uint32_t)i, t, f->who[t]);
            else if (only && only->type == t && (!f->who[t].n || str_ieq(f->who[t], only->value)))
                chunk_add(r, at, (uint32_t)i, t, only->value);
        }
    }
    chunk_learn(r);
}

void behavior_learn(struct behavior *b, str tenant, struct batch *batch, int64_t now_ms)
{
    struct run r = {.b = b, .tenant = tenant, .batch = batch};
    learn(&r, NULL, now_ms);
}

void behavior_learn_as(struct behavior *b, str tenant, const struct behavior_entity *who,
                       struct batch *batch, int64_t now_ms)
{
    struct run r = {.b = b, .tenant = tenant, .batch = batch};
    learn(&r, who, now_ms);
}

size_t behavior_watch(struct behavior *b, str tenant, struct batch *batch, int64_t now_ms,
                      struct behavior_found *out, size_t max)
{
    struct watch w = {.out = out, .max = max, .now_ms = now_ms};
    struct run r = {.b = b, .tenant = tenant, .batch = batch, .watch = &w};
    learn(&r, NULL, now_ms);
    return w.n;
}
