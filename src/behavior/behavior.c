/* SPDX-License-Identifier: Apache-2.0 */
/* The entities of all tenants, in shards.
 *
 * When a shard is full somebody has to go.  By least recent use alone one scan from many addresses would wash
 * away what is known of every user; so the lists are segmented (Karedla, Love, Wherry, "Caching strategies to
 * improve disk system performance", 1994): entities are on trial until they have had some events,
 * those on trial go first, and at most four fifths of a shard are kept ones. */
#include "base/hash.h"
#include "base/mem.h"
#include "base/metric.h"
#include "behavior/behavior_int.h"

enum { ENTITIES_DEFAULT = 32768, GROUPS_DEFAULT = 1024, KEPT_AFTER = 20 };

static void shard_init(struct shard *s, size_t max)
{
    lock_init(&s->lock, LOCK_BEHAVIOR);
    s->max = max ? max : 1;
    for (s->room = 16; s->room < s->max; s->room *= 2) {
    }
    s->table = mem_array(struct entity *, s->room);
}

struct behavior *behavior_new(const struct behavior_options *options)
{
    struct behavior *b = mem_new(struct behavior);
    size_t entities = options->entities ? options->entities : ENTITIES_DEFAULT;
    b->seed = options->seed ? options->seed : hash_seed();
    b->learning_days = options->learning_days;
    b->watch_01 = options->watch_01 > 0 ? options->watch_01 : 0.95;
    for (size_t i = 0; i < SHARDS; i++)
        shard_init(&b->shard[i], entities / SHARDS);
    shard_init(&b->shard[SHARDS], options->groups ? options->groups : GROUPS_DEFAULT);
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
    for (size_t i = 0; i <= SHARDS; i++) {
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
    for (size_t i = 0; i <= SHARDS; i++) {
        rest_close(b->shard[i].rest);
        mem_free(b->shard[i].table);
        lock_done(&b->shard[i].lock);
    }
    mem_free(b);
}

str behavior_key(str tenant, unsigned type, str name, char out[static KEY_MAX_BYTES])
{
    tenant = str_head(tenant, TENANT_MAX_BYTES);
    size_t n = 0;
    out[n++] = (char)type;
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

struct shard *behavior_shard(struct behavior *b, unsigned type, uint64_t hash)
{
    return &b->shard[type == KEY_GROUP ? SHARDS : hash >> 60];
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
    if (!e && s->rest && (e = rest_take(s->rest, hash, key)))
        shard_put_locked(s, e);
    return e;
}

static void shard_take_out_locked(struct shard *s, struct entity *e)
{
    struct entity **at = &s->table[e->hash & (s->room - 1)];
    while (*at != e)
        at = &(*at)->next;
    *at = e->next;
    list_remove(&s->list[e->kept], e);
    s->count--;
    s->kept -= e->kept;
    s->bytes -= e->bytes_held;
}

static void shard_remove_locked(struct shard *s, struct entity *e)
{
    shard_take_out_locked(s, e);
    entity_free(e);
}

static void forgotten(struct shard *s)
{
    s->evicted++;
    metric_inc(METRIC_BEHAVIOR_FORGOTTEN_ROOM);
}

/* Somebody goes: into the file, if there is one and it is worth a line there. */
static void shard_make_room_locked(struct shard *s)
{
    struct entity *e = s->list[false].oldest;
    if (!e)
        e = s->list[true].oldest;
    shard_take_out_locked(s, e);
    if (s->rest)
        rest_put(s->rest, e);
    else
        forgotten(s);
    entity_free(e);
}

void shard_put_locked(struct shard *s, struct entity *e)
{
    if (s->count >= s->max)
        shard_make_room_locked(s);
    struct entity **at = &s->table[e->hash & (s->room - 1)];
    e->next = *at;
    *at = e;
    list_add(&s->list[e->kept], e);
    s->count++;
    s->kept += e->kept;
    s->bytes += e->bytes_held;
}

/* It was used: to the front, and to those that are kept when it has shown to be somebody. */
void shard_touch_locked(struct shard *s, struct entity *e)
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
            str key = {e->key, e->key_n};
            if (s->rest)
                (void)rest_forget(s->rest, e->hash, &key, tenant);
            shard_remove_locked(s, e);
            n++;
        }
    return n + (s->rest ? rest_forget(s->rest, 0, NULL, tenant) : 0);
}

static size_t forget_one_locked(struct shard *s, uint64_t hash, str key)
{
    size_t n = s->rest ? rest_forget(s->rest, hash, &key, (str){0}) : 0;
    struct entity *e = shard_find_locked(s, hash, key);
    if (e)
        shard_remove_locked(s, e);
    return n + (e != NULL);
}

size_t behavior_forget(struct behavior *b, str tenant, const struct behavior_entity *who)
{
    char room[KEY_MAX_BYTES];
    str key = who ? behavior_key(tenant, who->type, who->value, room) : (str){0};
    uint64_t hash = hash_bytes(key, b->seed);
    size_t n = 0;
    for (size_t i = 0; i <= SHARDS; i++) {
        struct shard *s = &b->shard[i];
        if (who && s != behavior_shard(b, who->type, hash))
            continue;
        lock_take(&s->lock);
        size_t forgot = 0;
        if (who)
            forgot = forget_one_locked(s, hash, key);
        else
            forgot = forget_tenant_locked(s, str_head(tenant, TENANT_MAX_BYTES));
        n += i < SHARDS ? forgot : 0;
        lock_drop(&s->lock);
    }
    return n;
}

static void add_rest(struct behavior_stats *st, const struct rest *r)
{
    struct rest_stats one = rest_stats(r);
    st->resting += one.entities;
    st->spilled += one.put;
    st->loaded += one.taken;
    st->rest_bytes += one.bytes;
    st->rest_failures += one.failures;
    st->evicted += one.forgotten + one.failures;
}

struct behavior_stats behavior_stats(struct behavior *b)
{
    struct behavior_stats st = {.skipped = atomic_load_explicit(&b->skipped, memory_order_relaxed),
                                .found = atomic_load_explicit(&b->found, memory_order_relaxed),
                                .quieted = atomic_load_explicit(&b->quieted, memory_order_relaxed)};
    for (size_t i = 0; i <= SHARDS; i++) {
        struct shard *s = &b->shard[i];
        lock_take(&s->lock);
        st.bytes += s->bytes + s->room * sizeof(struct entity *);
        if (i == SHARDS) {
            st.groups = s->count;
        } else {
            st.entities += s->count;
            st.entities_max += s->max;
            st.learned += s->learned;
            st.evicted += s->evicted;
            st.late += s->late;
        }
        if (s->rest)
            add_rest(&st, s->rest);
        lock_drop(&s->lock);
    }
    return st;
}

/* ---- files of those that rest ---- */

enum { PATH_BYTES = 4096 };
static const uint64_t rest_bytes_default = 4ull << 30;

status behavior_rest(struct behavior *b, const char *path, uint64_t max_bytes, struct error *err)
{
    char name[PATH_BYTES];
    status st = ST_OK;
    uint64_t each = (max_bytes ? max_bytes : rest_bytes_default) / SHARDS;
    for (unsigned i = 0; i < SHARDS && st == ST_OK; i++) {
        struct shard *s = &b->shard[i];
        struct rest *rest = NULL;
        if ((size_t)snprintf(name, sizeof name, "%s.%u", path, i) >= sizeof name)
            return fail(err, ST_INVALID, "the path '%.80s…' is too long", path);
        st = rest_open(name, b->seed, each, &rest, err);
        if (st != ST_OK)
            break;
        lock_take(&s->lock);
        rest_close(s->rest);
        s->rest = rest;
        for (size_t k = 0; k < s->room; k++) /* what is in memory is newer */
            for (const struct entity *e = s->table[k]; e; e = e->next)
                rest_drop(rest, e->hash);
        lock_drop(&s->lock);
    }
    return st;
}
