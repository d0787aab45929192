/* SPDX-License-Identifier: Apache-2.0 */
#include "identity/jcache.h"

#include "base/hash.h"
#include "base/mem.h"
#include "base/metric.h"
#include "crypto/crypto.h"
#include "os/lock.h"

enum { SHARDS = 32, WAYS = 8, SETS_MIN = 2, ENTRIES_MAX = 1 << 24 };

struct entry {
    unsigned char print[FINGERPRINT_SIZE];
    struct principal who;
};

/* What a look-up walks over, and a revocation, apart from the rest so that it is few cache lines.  Ids are
 * kept as 64 seeded bits; two that agree by chance would have one revoked with the other. */
struct set {
    uint32_t tag[WAYS];
    int64_t expires_ms[WAYS];         /* 0: free */
    uint64_t id[WAYS], session[WAYS]; /* 0: none */
};

struct revoked {
    uint64_t id;
    int64_t until_ms;
};

struct shard {
    struct lock lock; /* LOCK_IDENTITY_CACHE; all below is under it */
    struct set *set;
    struct entry *entry; /* WAYS for each set */
    size_t revoked_n;
    struct revoked
        *revoked; /* TOKEN_REVOKED_MAX, unordered: asked only when a signature was checked */
    int64_t void_until_ms; /* tokens issued until then are no good */
};

struct token_cache {
    uint64_t seed;
    struct fingerprinter *fingerprints; /* owned */
    size_t sets;                        /* in each shard; a power of two */
    struct shard shard[SHARDS];
};

struct token_cache *token_cache_new(size_t entries)
{
    struct token_cache *c = mem_new(struct token_cache);
    size_t want = entries < ENTRIES_MAX ? entries : ENTRIES_MAX;
    c->sets = SETS_MIN;
    while (c->sets * WAYS * SHARDS < want)
        c->sets *= 2;
    crypto_random(&c->seed, sizeof c->seed);
    c->fingerprints = fingerprinter_new();
    for (size_t i = 0; i < SHARDS; i++) {
        struct shard *s = &c->shard[i];
        lock_init(&s->lock, LOCK_IDENTITY_CACHE);
        s->set = mem_array(struct set, c->sets);
        s->entry = mem_array(struct entry, c->sets * WAYS);
        s->revoked = mem_array(struct revoked, TOKEN_REVOKED_MAX);
    }
    return c;
}

void token_cache_free(struct token_cache *c)
{
    for (size_t i = 0; c && i < SHARDS; i++) {
        lock_done(&c->shard[i].lock);
        mem_free(c->shard[i].set);
        mem_free(c->shard[i].entry);
        mem_free(c->shard[i].revoked);
    }
    if (c)
        fingerprinter_free(c->fingerprints);
    mem_free(c);
}

/* Where a token's place would be. */
struct place {
    unsigned char print[FINGERPRINT_SIZE];
    struct shard *shard;
    size_t set;
    uint32_t tag;
};

static void place_of(struct token_cache *c, str token, struct place *p)
{
    fingerprint_of(c->fingerprints, token, p->print);
    uint64_t h = hash_mix(hash_load64((const char *)p->print), c->seed);
    p->shard = &c->shard[h % SHARDS];
    p->set = h / SHARDS & (c->sets - 1);
    p->tag = (uint32_t)(h >> 32);
}

static uint64_t hash_of(const struct token_cache *c, str id)
{
    uint64_t h = hash_bytes(id, c->seed);
    return id.n == 0 ? 0 : h ? h : 1;
}

/* The index of the token's entry, or WAYS; expired ones count as long as nobody took their place. */
static size_t way_of_locked(const struct place *p)
{
    const struct set *set = &p->shard->set[p->set];
    const struct entry *e = &p->shard->entry[p->set * WAYS];
    for (size_t i = 0; i < WAYS; i++)
        if (set->tag[i] == p->tag && set->expires_ms[i] &&
            crypto_equal((str){(const char *)e[i].print, FINGERPRINT_SIZE},
                         (str){(const char *)p->print, FINGERPRINT_SIZE}))
            return i;
    return WAYS;
}

bool token_cache_find(struct token_cache *c, str token, int64_t now_ms, struct principal *who)
{
    struct place p;
    bool found = false;
    place_of(c, token, &p);
    lock_take(&p.shard->lock);
    size_t i = way_of_locked(&p);
    if (i < WAYS && now_ms < p.shard->set[p.set].expires_ms[i]) {
        *who = p.shard->entry[p.set * WAYS + i].who;
        found = true;
    }
    lock_drop(&p.shard->lock);
    if (found)
        metric_inc(METRIC_TOKENS_CACHED);
    return found;
}

static bool revoked_locked(const struct shard *s, uint64_t id, int64_t now_ms)
{
    for (size_t i = 0; id && i < s->revoked_n; i++)
        if (s->revoked[i].id == id && now_ms < s->revoked[i].until_ms)
            return true;
    return false;
}

/* Its own place, or the one that expires first. */
static size_t way_for_locked(const struct place *p)
{
    const struct set *set = &p->shard->set[p->set];
    size_t best = way_of_locked(p);
    if (best < WAYS)
        return best;
    best = 0;
    for (size_t i = 1; i < WAYS; i++)
        if (set->expires_ms[i] < set->expires_ms[best])
            best = i;
    return best;
}

bool token_cache_add(struct token_cache *c, const struct token_cache_entry *e, int64_t now_ms)
{
    struct place p;
    uint64_t id = hash_of(c, e->id), session = hash_of(c, e->session);
    place_of(c, e->token, &p);
    struct shard *s = p.shard;
    lock_take(&s->lock);
    bool good = e->issued_ms > s->void_until_ms && !revoked_locked(s, id, now_ms) &&
                !revoked_locked(s, session, now_ms);
    if (good && e->expires_ms > now_ms) {
        size_t i = way_for_locked(&p);
        struct set *set = &s->set[p.set];
        struct entry *to = &s->entry[p.set * WAYS + i];
        memcpy(to->print, p.print, FINGERPRINT_SIZE);
        to->who = *e->who;
        set->tag[i] = p.tag;
        set->expires_ms[i] = e->expires_ms;
        set->id[i] = id;
        set->session[i] = session;
    }
    lock_drop(&s->lock);
    if (!good)
        metric_inc(METRIC_TOKENS_REFUSED);
    return good;
}

/* All of them, or those of one id. */
static void drop_locked(const struct token_cache *c, struct shard *s, bool all, uint64_t id)
{
    for (struct set *set = s->set; set < s->set + c->sets; set++)
        for (size_t i = 0; i < WAYS; i++)
            if (all || set->id[i] == id || set->session[i] == id)
                set->expires_ms[i] = 0;
}

static void drop_expired_locked(struct shard *s, int64_t now_ms)
{
    size_t kept = 0;
    for (size_t i = 0; i < s->revoked_n; i++)
        if (s->revoked[i].until_ms > now_ms)
            s->revoked[kept++] = s->revoked[i];
    s->revoked_n = kept;
}

static void note_locked(const struct token_cache *c, struct shard *s, const struct revoked *r,
                        int64_t now_ms)
{
    if (s->revoked_n == TOKEN_REVOKED_MAX)
        drop_expired_locked(s, now_ms);
    if (s->revoked_n < TOKEN_REVOKED_MAX) {
        s->revoked[s->revoked_n++] = *r;
        return;
    }
    s->revoked_n = 0;
    s->void_until_ms = now_ms;
    drop_locked(c, s, true, 0);
}

void token_cache_forget(struct token_cache *c, str id, int64_t now_ms, int64_t until_ms)
{
    struct revoked r = {hash_of(c, id), until_ms};
    for (size_t i = 0; r.id && i < SHARDS; i++) {
        struct shard *s = &c->shard[i];
        lock_take(&s->lock);
        if (!revoked_locked(s, r.id, until_ms - 1))
            note_locked(c, s, &r, now_ms);
        drop_locked(c, s, false, r.id);
        lock_drop(&s->lock);
    }
}

void token_cache_clear(struct token_cache *c)
{
    for (size_t i = 0; i < SHARDS; i++) {
        lock_take(&c->shard[i].lock);
        drop_locked(c, &c->shard[i], true, 0);
        lock_drop(&c->shard[i].lock);
    }
}
