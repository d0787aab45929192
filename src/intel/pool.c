/* SPDX-License-Identifier: Apache-2.0 */
/* What a set is built in: entries in blocks of 64 KiB, and the hash tables over them. */
#include "base/hash.h"
#include "base/mem.h"
#include "intel/intel_int.h"

enum {
    BLOCK_SIZE = 1 << INTEL_BLOCK_BITS,
    BLOCKS_MAX = 1 << (32 - INTEL_BLOCK_BITS),
    POOL_START = 8, /* so that no entry is at 0 */
    TABLE_START = 64,
};

bool intel_budget_take(struct intel_budget *b, size_t n)
{
    if (n > b->max - b->used)
        return false;
    b->used += n;
    return true;
}

void intel_pool_done(struct intel_pool *p)
{
    for (size_t i = 0; i < p->count; i++)
        mem_free(p->block[i]);
    mem_free(p->block);
    *p = (struct intel_pool){0};
}

size_t intel_pool_bytes(const struct intel_pool *p)
{
    return p->count * (BLOCK_SIZE + sizeof *p->block);
}

static bool pool_grow(struct intel_pool *p, struct intel_budget *budget)
{
    if (p->count == BLOCKS_MAX || !intel_budget_take(budget, BLOCK_SIZE + sizeof *p->block))
        return false;
    if (p->count == p->room)
        p->block = vec_grown(p->block, &p->room, sizeof *p->block);
    p->block[p->count++] = mem_zero(BLOCK_SIZE); /* an entry of no bytes ends it */
    p->used = p->count == 1 ? POOL_START : 0;
    return true;
}

intel_ref intel_pool_add(struct intel_pool *p, const struct intel_entry *e, const char *bytes,
                         struct intel_budget *budget)
{
    size_t size = intel_entry_size(e->n);
    if ((p->count == 0 || size > BLOCK_SIZE - p->used) && !pool_grow(p, budget))
        return 0;
    char *to = p->block[p->count - 1] + p->used;
    memcpy(to, e, sizeof *e);
    memcpy(to + sizeof *e, bytes, e->n);
    intel_ref ref = (intel_ref)((p->count - 1) << INTEL_BLOCK_BITS | p->used);
    p->used += size;
    return ref;
}

const struct intel_entry *intel_pool_next(const struct intel_pool *p, intel_ref *at)
{
    size_t block = *at >> INTEL_BLOCK_BITS, used = *at & (BLOCK_SIZE - 1);
    if (p->count == 0)
        return NULL;
    used = *at ? used + intel_entry_size(intel_pool_at(p, *at)->n) : POOL_START;
    for (;; block++, used = 0) {
        if (block == p->count)
            return NULL;
        *at = (intel_ref)(block << INTEL_BLOCK_BITS | used);
        if (used + sizeof(struct intel_entry) <= BLOCK_SIZE && intel_pool_at(p, *at)->n)
            return intel_pool_at(p, *at);
    }
}

uint64_t intel_hash(enum intel_kind kind, str identity, uint64_t seed)
{
    return hash_bytes(identity, seed + kind);
}

uint64_t intel_entry_hash(const struct intel_entry *e, uint64_t seed)
{
    enum intel_kind kind = intel_entry_kind(e);
    return intel_hash(kind, intel_key_identity(kind, intel_entry_bytes(e)), seed);
}

static void place(uint64_t *slot, size_t mask, uint64_t hash, intel_ref ref)
{
    size_t i = (size_t)hash & mask;
    while (slot[i])
        i = (i + 1) & mask;
    slot[i] = (hash & 0xffffffff00000000u) | ref;
}

/* The low bits of the hashes are not kept, so growing hashes the entries again. */
bool intel_table_reserve(struct intel_table *t, const struct intel_pool *p, uint64_t seed,
                         struct intel_budget *budget)
{
    if ((t->count + 1) * 4 <= t->room * 3)
        return true;
    size_t room = t->room ? t->room * 2 : TABLE_START;
    if (!intel_budget_take(budget, (room - t->room) * sizeof *t->slot))
        return false;
    uint64_t *slot = mem_array(uint64_t, room);
    for (size_t i = 0; i < t->room; i++) {
        intel_ref ref = (intel_ref)t->slot[i];
        if (ref)
            place(slot, room - 1, intel_entry_hash(intel_pool_at(p, ref), seed), ref);
    }
    mem_free(t->slot);
    t->slot = slot;
    t->room = room;
    return true;
}

void intel_table_add(struct intel_table *t, uint64_t hash, intel_ref ref)
{
    place(t->slot, t->room - 1, hash, ref);
    t->count++;
}

intel_ref intel_table_find(const struct intel_table *t, const struct intel_pool *p, uint64_t hash,
                           enum intel_kind kind, str identity)
{
    if (t->room == 0)
        return 0;
    size_t mask = t->room - 1;
    for (size_t i = (size_t)hash & mask; t->slot[i]; i = (i + 1) & mask) {
        if ((t->slot[i] ^ hash) >> 32)
            continue;
        intel_ref ref = (intel_ref)t->slot[i];
        const struct intel_entry *e = intel_pool_at(p, ref);
        if (intel_entry_kind(e) == kind &&
            str_eq(intel_key_identity(kind, intel_entry_bytes(e)), identity))
            return ref;
    }
    return 0;
}
