/* SPDX-License-Identifier: Apache-2.0 */
#include "api/rate.h"

#include "base/hash.h"
#include "base/mem.h"
#include "os/lock.h"

enum { SHARDS = 64, WAYS = 8 };

/* A token in the unit of struct bucket: what one token a minute brings in a nanosecond. */
#define TOKEN ((uint64_t)60 * 1000000000)

struct bucket {
    uint64_t key;     /* 0: free */
    uint64_t used_ns; /* when it was last looked at */
    uint64_t tokens;  /* in parts of TOKEN */
};

struct shard {
    struct lock lock;
    struct bucket *bucket; /* owned; sets * WAYS */
};

struct rate_table {
    struct shard shard[SHARDS];
    size_t sets; /* a shard's; a power of two */
};

struct rate_table *rate_table_new(size_t buckets)
{
    struct rate_table *t = mem_new(struct rate_table);
    t->sets = 1;
    while (t->sets * WAYS * SHARDS < buckets)
        t->sets *= 2;
    for (size_t i = 0; i < SHARDS; i++) {
        lock_init(&t->shard[i].lock, LOCK_API_RATE);
        t->shard[i].bucket = mem_array(struct bucket, t->sets * WAYS);
    }
    return t;
}

void rate_table_free(struct rate_table *t)
{
    if (!t)
        return;
    for (size_t i = 0; i < SHARDS; i++) {
        lock_done(&t->shard[i].lock);
        mem_free(t->shard[i].bucket);
    }
    mem_free(t);
}

static struct bucket *find_locked(struct bucket *set, uint64_t key, uint64_t full, uint64_t now_ns)
{
    struct bucket *oldest = set;
    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].key == key)
            return &set[i];
        if (set[i].used_ns < oldest->used_ns)
            oldest = &set[i];
    }
    *oldest = (struct bucket){.key = key, .used_ns = now_ns, .tokens = full};
    return oldest;
}

static void refill(struct bucket *b, const struct rate_limit *limit, uint64_t full, uint64_t now_ns)
{
    uint64_t waited = now_ns > b->used_ns ? now_ns - b->used_ns : 0;
    uint64_t missing = full > b->tokens ? full - b->tokens : 0;
    /* waited * per_min cannot overflow when it is not clearly enough already. */
    b->tokens = waited >= missing / limit->per_min + 1 ? full : b->tokens + waited * limit->per_min;
    b->used_ns = now_ns > b->used_ns ? now_ns : b->used_ns;
}

static uint32_t seconds_for(uint64_t tokens, uint32_t per_min)
{
    uint64_t each = (uint64_t)per_min * 1000000000;
    return (uint32_t)((tokens + each - 1) / each);
}

struct rate_answer rate_take(struct rate_table *t, const struct rate_limit *limit, unsigned class,
                             str caller, uint64_t now_ns)
{
    if (limit->per_min == 0)
        return (struct rate_answer){.allowed = true, .left = UINT32_MAX};
    uint64_t h = hash_mix(hash_bytes(caller, hash_seed()), class + 1);
    uint64_t full = (uint64_t)(limit->burst ? limit->burst : 1) * TOKEN;
    struct shard *s = &t->shard[h >> 58];
    lock_take(&s->lock);
    struct bucket *b = find_locked(&s->bucket[(h & (t->sets - 1)) * WAYS], h ? h : 1, full, now_ns);
    refill(b, limit, full, now_ns);
    struct rate_answer a = {.allowed = b->tokens >= TOKEN};
    if (a.allowed)
        b->tokens -= TOKEN;
    a.left = (uint32_t)(b->tokens / TOKEN);
    a.reset_s = seconds_for(a.allowed ? full - b->tokens : TOKEN - b->tokens, limit->per_min);
    lock_drop(&s->lock);
    return a;
}
