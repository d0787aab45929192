/* SPDX-License-Identifier: Apache-2.0 */
#include "rule/memo.h"

#include "base/hash.h"
#include "base/mem.h"

#include <sys/random.h>

enum { WAYS = 4, BUCKETS = 1 << 14, POOL_WORDS = 2 << 20, FIRST_WORD = 2 };

struct memo_bucket {
    uint32_t tag[WAYS];
    uint32_t at[WAYS]; /* word in the pool; 0: free */
};

void memo_init(struct memo *m)
{
    *m = (struct memo){.mask = BUCKETS - 1, .used = FIRST_WORD};
    m->bucket = mem_array(struct memo_bucket, BUCKETS);
    m->pool = mem_array(uint32_t, POOL_WORDS);
    /* Without a random seed a log could be written whose values crowd one bucket: slow, no more. */
    if (getrandom(&m->seed, sizeof m->seed, GRND_NONBLOCK) != sizeof m->seed)
        m->seed = (uint64_t)(uintptr_t)m->pool;
}

void memo_done(struct memo *m)
{
    mem_free(m->bucket);
    mem_free(m->pool);
    *m = (struct memo){0};
}

void memo_clear(struct memo *m)
{
    memset(m->bucket, 0, BUCKETS * sizeof *m->bucket);
    m->used = FIRST_WORD;
    m->full = false;
}

uint64_t memo_hash(const struct memo *m, const struct memo_key *k)
{
    uint64_t where =
        (uint64_t)k->route << 32 | (uint64_t)k->lane << 16 | (uint64_t)k->kind << 8 | k->flags;
    return hash_bytes(k->text, m->seed ^ (where * 0x9e3779b97f4a7c15u));
}

static bool is_for(const struct memo_entry *e, const struct memo_key *k)
{
    return e->text_bytes == k->text.n && e->lane == k->lane && e->route == k->route &&
           e->kind == k->kind && e->flags == k->flags &&
           (k->text.n == 0 || memcmp(e->at + e->predicates + e->rules, k->text.p, k->text.n) == 0);
}

static struct memo_entry *entry_at(const struct memo *m, uint32_t at)
{
    return (struct memo_entry *)(m->pool + at);
}

const struct memo_entry *memo_find(const struct memo *m, const struct memo_key *key, uint64_t hash)
{
    const struct memo_bucket *b = &m->bucket[hash & m->mask];
    uint32_t tag = (uint32_t)(hash >> 32);
    for (int i = 0; i < WAYS; i++)
        if (b->tag[i] == tag && b->at[i] && is_for(entry_at(m, b->at[i]), key))
            return entry_at(m, b->at[i]);
    return NULL;
}

struct memo_entry *memo_add(struct memo *m, const struct memo_key *key, uint64_t hash,
                            size_t predicates, size_t rules)
{
    size_t words =
        sizeof(struct memo_entry) / sizeof *m->pool + predicates + rules + (key->text.n + 3) / 4;
    if (words > POOL_WORDS - m->used) {
        m->full = true;
        return NULL;
    }
    struct memo_bucket *b = &m->bucket[hash & m->mask];
    unsigned way = (unsigned)(hash >> 30) % WAYS; /* thrown out when none is free */
    for (unsigned i = 0; i < WAYS; i++)
        if (!b->at[i])
            way = i;
    b->tag[way] = (uint32_t)(hash >> 32);
    b->at[way] = m->used;
    struct memo_entry *e = entry_at(m, m->used);
    m->used += (uint32_t)words;
    *e = (struct memo_entry){.route = key->route,
                             .lane = key->lane,
                             .kind = key->kind,
                             .flags = key->flags,
                             .text_bytes = (uint32_t)key->text.n,
                             .predicates = (uint32_t)predicates,
                             .rules = (uint32_t)rules};
    if (key->text.n)
        memcpy(e->at + predicates + rules, key->text.p, key->text.n);
    return e;
}
