/* SPDX-License-Identifier: Apache-2.0 */
/* The entities of all tenants, in shards.
 *
 * When a shard is full somebody has to go.  By least recent use alone one scan from many addresses would wash
 * away what is known of every user; so the lists are segmented (Karedla, Love, Wherry, "Caching strategies to
 * improve disk system performance", 1994): entities are on trial until they have had some events,
 * those on trial go first, and at most four fifths of a shard are kept ones. */
#include "base/hash.h"
#include "base/mem.h"
#include "behavior/behavior_int.h"

enum { ENTITIES_DEFAULT = 32768, KEPT_AFTER = 20, CHUNK = 128, DAY_MS = 24 * HOUR_MS };

struct behavior *behavior_new(const struct behavior_options *options)
{
    struct behavior *b = mem_new(struct behavior);
    size_t entities = options->entities ? options->entities : ENTITIES_DEFAULT;
    b->seed = options->seed ? options->seed : hash_seed();
    for (size_t i = 0; i < SHARDS; i++) {
        struct shard *s = &b->shard[i];
        lock_init(&s->lock, LOCK_BEHAVIOR);
        s->max = entities / SHARDS ? entities / SHARDS : 1;
        for (s->room = 16; s->room < s->max; s->room *= 2) {
        }
        s->table = mem_array(struct entity *, s->room);
    }
    return b;
}

static void shard_clear_locked(struct shard *s)
{
    for (size_t i = 0; i < s->room; i++)
        while (s->table[i]) {
            struct entity *e = s->table[i];
            s->table[i] = e->next;
            entity_free(e);
        }
    memset(s->list, 0, sizeof s->list);
    s->count = s->kept = s->bytes = 0;
}

void behavior_clear(struct behavior *b)
{
    for (size_t i = 0; i < SHARDS; i++) {
        lock_take(&b->shard[i].lock);
        shard_clear_locked(&b->shard[i]);
        lock_drop(&b->shard[i].lock);
    }
}

void behavior_free(struct behavior *b)
{
    if (!b)
        return;
    behavior_clear(b);
    for (size_t i = 0; i < SHARDS; i++) {
        mem_free(b->shard[i].table);
        lock_done(&b->shard[i].lock);
    }
    mem_free(b);
}

str behavior_key(str tenant, enum behavior_type t, str name, char out[static KEY_MAX_BYTES])
{
    tenant = str_head(tenant, TENANT_MAX_BYTES);
    size_t n = 0;
    out[n++] = (char)t;
    memcpy(out + n, tenant.p, tenant.n);
    n += tenant.n;
    out[n++] = '\0';
    if (name.n > NAME_MAX_BYTES) { /* told apart by their beginning, length and a hash */
        char end[40];
        int k = snprintf(end, sizeof end, "~%zu~%016llx", name.n,
                         (unsigned long long)hash_bytes(name, 0));
        memcpy(out + n + NAME_MAX_BYTES - k, end, (size_t)k);
        name.n = (size_t)(NAME_MAX_BYTES - k);
        for (size_t i = 0; i < name.n; i++)
            out[n + i] = ascii_lower(name.p[i]);
        return (str){out, n + NAME_MAX_BYTES};
    }
    for (size_t i = 0; i < name.n; i++)
        out[n + i] = ascii_lower(name.p[i]);
    return (str){out, n + name.n};
}

struct shard *behavior_shard(struct behavior *b, uint64_t hash)
{
    return &b->shard[hash >> 60];
}

/* ---- a shard ---- */

static void list_remove(struct list *l, struct entity *e)
{
    *(e->newer ? &e->newer->older : &l->newest) = e->older;
    *(e->older ? &e->older->newer : &l->oldest) = e->newer;
}

static void list_add(struct list *l, struct entity *e)
{
    e->newer = NULL;
    e->older = l->newest;
    *(l->newest ? &l->newest->newer : &l->oldest) = e;
    l->newest = e;
}

struct entity *shard_find_locked(struct shard *s, uint64_t hash, str key)
{
    struct entity *e = s->table[hash & (s->room - 1)];
    while (e && !(e->hash == hash && str_eq((str){e->key, e->key_n}, key)))
        e = e->next;
    return e;
}

static void shard_remove_locked(struct shard *s, struct entity *e)
{
    struct entity **at = &s->table[e->hash & (s->room - 1)];
    while (*at != e)
        at = &(*at)->next;
    *at = e->next;
    list_remove(&s->list[e->kept], e);
    s->count--;
    s->kept -= e->kept;
    s->bytes -= entity_bytes(e);
    entity_free(e);
}

void shard_put_locked(struct shard *s, struct entity *e)
{
    if (s->count >= s->max) {
        struct entity *oldest = s->list[false].oldest;
        shard_remove_locked(s, oldest ? oldest : s->list[true].oldest);
        s->evicted++;
    }
    struct entity **at = &s->table[e->hash & (s->room - 1)];
    e->next = *at;
    *at = e;
    list_add(&s->list[e->kept], e);
    s->count++;
    s->kept += e->kept;
    s->bytes += entity_bytes(e);
}

/* It was used: to the front, and to those that are kept when it has shown to be somebody. */
static void shard_touch_locked(struct shard *s, struct entity *e)
{
    list_remove(&s->list[e->kept], e);
    if (!e->kept && e->events >= KEPT_AFTER) {
        e->kept = true;
        s->kept++;
    }
    list_add(&s->list[e->kept], e);
    if (s->kept > s->max - s->max / 5) {
        struct entity *back = s->list[true].oldest;
        list_remove(&s->list[true], back);
        back->kept = false;
        s->kept--;
        list_add(&s->list[false], back);
    }
}

static void shard_learn_locked(struct shard *s, uint64_t hash, str key, const struct traits *f)
{
    struct entity *e = shard_find_locked(s, hash, key);
    if (!e) {
        e = entity_new(key, hash, (enum behavior_type)key.p[0]);
        shard_put_locked(s, e);
    }
    size_t before = entity_bytes(e);
    s->late += !entity_learn(e, f);
    s->bytes += entity_bytes(e) - before;
    s->learned++;
    shard_touch_locked(s, e);
}

/* ---- learning: a chunk of events at a time, so that each lock is taken once a chunk ---- */

struct use { /* of an event, for an entity */
    uint64_t hash;
    uint32_t feature, next; /* next of the same shard; 0: none */
    str key;
};
struct chunk {
    struct traits *feature;
    struct use *use; /* [0] is nobody's */
    char (*key)[KEY_MAX_BYTES];
    uint32_t uses, first[SHARDS], last[SHARDS];
};

static void chunk_add(struct behavior *b, struct chunk *c, uint32_t feature, str tenant,
                      enum behavior_type t, str name)
{
    uint32_t i = ++c->uses;
    str key = behavior_key(tenant, t, name, c->key[i]);
    uint64_t hash = hash_bytes(key, b->seed);
    size_t shard = (size_t)(behavior_shard(b, hash) - b->shard);
    c->use[i] = (struct use){hash, feature, 0, key};
    if (c->last[shard])
        c->use[c->last[shard]].next = i;
    else
        c->first[shard] = i;
    c->last[shard] = i;
}

static void chunk_learn(struct behavior *b, struct chunk *c)
{
    for (size_t i = 0; i < SHARDS; i++) {
        struct shard *s = &b->shard[i];
        if (!c->first[i])
            continue;
        lock_take(&s->lock);
        for (uint32_t u = c->first[i]; u; u = c->use[u].next)
            shard_learn_locked(s, c->use[u].hash, c->use[u].key, &c->feature[c->use[u].feature]);
        lock_drop(&s->lock);
    }
    memset(c->first, 0, sizeof c->first);
    memset(c->last, 0, sizeof c->last);
    c->uses = 0;
}

static bool chunk_init(struct chunk *c, size_t events, struct arena *a)
{
    size_t n = events < CHUNK ? events : CHUNK, uses = n * BEHAVIOR_TYPE_COUNT + 1;
    *c = (struct chunk){.feature = arena_array(a, struct traits, n),
                        .use = arena_array(a, struct use, uses),
                        .key = arena_alloc(a, uses, KEY_MAX_BYTES, 1)};
    return c->feature && c->use && c->key;
}

static bool of_the_future(const struct event *e, int64_t now_ms)
{
    return now_ms && e->time_ms != TIME_NONE && e->time_ms > now_ms + DAY_MS;
}

static void skip(struct behavior *b, uint64_t n)
{
    atomic_fetch_add_explicit(&b->skipped, n, memory_order_relaxed);
}

/* `only` NULL: for all that an event names. */
static void learn(struct behavior *b, str tenant, const struct behavior_entity *only,
                  struct batch *batch, int64_t now_ms)
{
    struct chunk c;
    if (!batch->event_count)
        return;
    if (!chunk_init(&c, batch->event_count, &batch->arena)) {
        skip(b, batch->event_count);
        return;
    }
    for (size_t i = 0; i < batch->event_count; i++) {
        uint32_t at = (uint32_t)(i % CHUNK);
        struct traits *f = &c.feature[at];
        if (i && at == 0)
            chunk_learn(b, &c);
        if (of_the_future(&batch->event[i], now_ms)) {
            skip(b, 1);
            continue;
        }
        traits_of(&batch->event[i], b->seed, f);
        if (f->hour == INT64_MIN && now_ms)
            f->hour = now_ms / HOUR_MS;
        for (unsigned t = 0; t < BEHAVIOR_TYPE_COUNT; t++) {
            if (!only && f->who[t].n)
                chunk_add(b, &c, at, tenant, t, f->who[t]);
            else if (only && only->type == t && (!f->who[t].n || str_ieq(f->who[t], only->value)))
                chunk_add(b, &c, at, tenant, t, only->value);
        }
    }
    chunk_learn(b, &c);
}

void behavior_learn(struct behavior *b, str tenant, struct batch *batch, int64_t now_ms)
{
    learn(b, tenant, NULL, batch, now_ms);
}

void behavior_learn_as(struct behavior *b, str tenant, const struct behavior_entity *who,
                       struct batch *batch, int64_t now_ms)
{
    learn(b, tenant, who, batch, now_ms);
}

/* ---- the rest ---- */

static size_t forget_tenant_locked(struct shard *s, str tenant)
{
    size_t n = 0;
    for (size_t i = 0; i < s->room; i++)
        for (struct entity *e = s->table[i], *next; e; e = next) {
            next = e->next;
            str rest = str_from((str){e->key, e->key_n}, 1);
            if (!str_eq(str_cut(&rest, '\0'), tenant))
                continue;
            shard_remove_locked(s, e);
            n++;
        }
    return n;
}

size_t behavior_forget(struct behavior *b, str tenant, const struct behavior_entity *who)
{
    char room[KEY_MAX_BYTES];
    str key = who ? behavior_key(tenant, who->type, who->value, room) : (str){0};
    uint64_t hash = hash_bytes(key, b->seed);
    size_t n = 0;
    for (size_t i = 0; i < SHARDS; i++) {
        struct shard *s = &b->shard[i];
        if (who && s != behavior_shard(b, hash))
            continue;
        lock_take(&s->lock);
        struct entity *e = who ? shard_find_locked(s, hash, key) : NULL;
        if (e)
            shard_remove_locked(s, e);
        n += who ? e != NULL : forget_tenant_locked(s, str_head(tenant, TENANT_MAX_BYTES));
        lock_drop(&s->lock);
    }
    return n;
}

struct behavior_stats behavior_stats(struct behavior *b)
{
    struct behavior_stats st = {.skipped = atomic_load_explicit(&b->skipped, memory_order_relaxed)};
    for (size_t i = 0; i < SHARDS; i++) {
        struct shard *s = &b->shard[i];
        lock_take(&s->lock);
        st.entities += s->count;
        st.entities_max += s->max;
        st.bytes += s->bytes + s->room * sizeof(struct entity *);
        st.learned += s->learned;
        st.evicted += s->evicted;
        st.late += s->late;
        lock_drop(&s->lock);
    }
    return st;
}
