/* SPDX-License-Identifier: Apache-2.0 */
/* Open addressing with linear probing; removal moves later entries back, so there are no tombstones. */
#include "net/peers.h"

#include "base/hash.h"
#include "base/mem.h"

#include <assert.h>

static struct peer key_of(const struct ip *ip)
{
    struct peer p = {.count = 1};
    memcpy(p.key, ip->byte, sizeof p.key);
    if (ip->v6)
        p.key[1] = 0;
    return p;
}

static size_t home(const struct peers *p, const struct peer *key)
{
    return hash_mix(key->key[0] ^ p->seed, key->key[1]) & (p->room - 1);
}

/* Where `key` is, or would go. */
static size_t place(const struct peers *p, const struct peer *key)
{
    size_t i = home(p, key);
    while (p->slot[i].count && memcmp(p->slot[i].key, key->key, sizeof key->key) != 0)
        i = (i + 1) & (p->room - 1);
    return i;
}

static void grow(struct peers *p)
{
    struct peers bigger = {
        .room = p->room ? p->room * 2 : 64, .used = p->used, .seed = hash_seed()};
    bigger.slot = mem_array(struct peer, bigger.room);
    for (size_t i = 0; i < p->room; i++)
        if (p->slot[i].count)
            bigger.slot[place(&bigger, &p->slot[i])] = p->slot[i];
    mem_free(p->slot);
    *p = bigger;
}

void peers_done(struct peers *p)
{
    mem_free(p->slot);
    *p = (struct peers){0};
}

uint32_t peers_add(struct peers *p, const struct ip *ip)
{
    if (p->used * 2 >= p->room)
        grow(p);
    struct peer key = key_of(ip);
    struct peer *at = &p->slot[place(p, &key)];
    if (at->count)
        return ++at->count;
    *at = key;
    p->used++;
    return 1;
}

void peers_remove(struct peers *p, const struct ip *ip)
{
    struct peer key = key_of(ip);
    size_t mask = p->room - 1, hole = place(p, &key);
    assert(p->slot[hole].count);
    if (--p->slot[hole].count)
        return;
    p->used--;
    for (size_t i = (hole + 1) & mask; p->slot[i].count; i = (i + 1) & mask) {
        size_t want = home(p, &p->slot[i]);
        if (((i - want) & mask) < ((i - hole) & mask))
            continue; /* it would come before its home */
        p->slot[hole] = p->slot[i];
        p->slot[i].count = 0;
        hole = i;
    }
}

uint32_t peers_count(const struct peers *p, const struct ip *ip)
{
    struct peer key = key_of(ip);
    return p->room ? p->slot[place(p, &key)].count : 0;
}
