/* SPDX-License-Identifier: Apache-2.0 */
#include "rule/group.h"

#include "base/hash.h"

enum { HEAP_OVERHEAD = 16 }; /* what malloc keeps beside each piece */

void groups_init(struct groups *g, uint32_t correlations)
{
    *g = (struct groups){.lists = correlations, .seed = hash_seed()};
    g->list = mem_array(struct group_list, correlations);
    g->room = 1024;
    g->bucket = mem_array(struct group *, g->room);
    g->bytes = g->room * sizeof(struct group *);
}

static void group_free(struct group *one)
{
    window_done(&one->window);
    mem_free(one->last);
    mem_free(one);
}

void groups_done(struct groups *g)
{
    for (uint32_t i = 0; i < g->lists; i++)
        for (struct group *one = g->list[i].oldest, *next; one; one = next) {
            next = one->newer;
            group_free(one);
        }
    mem_free(g->bucket);
    mem_free(g->list);
    *g = (struct groups){0};
}

/* ---- the list ---- */

static void list_add(struct group_list *l, struct group *one)
{
    one->older = l->newest;
    one->newer = NULL;
    if (l->newest)
        l->newest->newer = one;
    else
        l->oldest = one;
    l->newest = one;
}

static void list_remove(struct group_list *l, struct group *one)
{
    if (one->older)
        one->older->newer = one->newer;
    else
        l->oldest = one->newer;
    if (one->newer)
        one->newer->older = one->older;
    else
        l->newest = one->older;
}

void groups_touch(struct groups *g, struct group *one)
{
    list_remove(&g->list[one->owner], one);
    list_add(&g->list[one->owner], one);
}

/* ---- the table ---- */

static void grow(struct groups *g)
{
    size_t room = g->room * 2;
    struct group **bucket = mem_array(struct group *, room);
    for (size_t i = 0; i < g->room; i++)
        for (struct group *one = g->bucket[i], *next; one; one = next) {
            next = one->chain;
            one->chain = bucket[one->hash & (room - 1)];
            bucket[one->hash & (room - 1)] = one;
        }
    mem_free(g->bucket);
    g->bytes += (room - g->room) * sizeof(struct group *);
    g->bucket = bucket;
    g->room = room;
}

static struct group *make(struct groups *g, uint32_t owner, str key, uint64_t hash)
{
    if (g->count >= g->room)
        grow(g);
    struct group *one = mem_zero(sizeof *one + key.n);
    one->hash = hash;
    one->owner = owner;
    one->key_n = (uint32_t)key.n;
    memcpy(one->key, key.p, key.n);
    one->chain = g->bucket[hash & (g->room - 1)];
    g->bucket[hash & (g->room - 1)] = one;
    list_add(&g->list[owner], one);
    g->count++;
    groups_weigh(g, one);
    return one;
}

struct group *groups_find(struct groups *g, uint32_t owner, str key, bool make_it)
{
    uint64_t hash = hash_bytes(key, g->seed + owner);
    for (struct group *one = g->bucket[hash & (g->room - 1)]; one; one = one->chain)
        if (one->hash == hash && one->owner == owner && str_eq((str){one->key, one->key_n}, key))
            return one;
    return make_it ? make(g, owner, key, hash) : NULL;
}

void groups_remove(struct groups *g, struct group *one)
{
    struct group **at = &g->bucket[one->hash & (g->room - 1)];
    while (*at != one)
        at = &(*at)->chain;
    *at = one->chain;
    list_remove(&g->list[one->owner], one);
    g->bytes -= one->bytes;
    g->count--;
    group_free(one);
}

void groups_weigh(struct groups *g, struct group *one)
{
    size_t bytes = sizeof *one + one->key_n + HEAP_OVERHEAD;
    if (one->window.room)
        bytes += one->window.room * sizeof *one->window.entry + HEAP_OVERHEAD;
    if (one->last)
        bytes += one->last_bytes + HEAP_OVERHEAD;
    g->bytes += bytes - one->bytes;
    one->bytes = bytes;
}

struct group *groups_stalest(const struct groups *g)
{
    struct group *stalest = NULL;
    for (uint32_t i = 0; i < g->lists; i++) {
        struct group *one = g->list[i].oldest;
        if (one && (!stalest || one->window.last_ms < stalest->window.last_ms))
            stalest = one;
    }
    return stalest;
}
