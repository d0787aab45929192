/* SPDX-License-Identifier: Apache-2.0 */
#include "behavior/lru.h"

void lru_init(struct lru *l, size_t max)
{
    *l = (struct lru){.max = max ? max : 1, .room = 16};
    while (l->room < l->max)
        l->room *= 2;
    l->table = mem_array(struct lru_node *, l->room);
}

void lru_done(struct lru *l)
{
    while (l->newest) {
        struct lru_node *n = l->newest;
        l->newest = n->older;
        mem_free(n);
    }
    mem_free(l->table);
    *l = (struct lru){0};
}

static void unlink_node(struct lru *l, struct lru_node *n)
{
    *(n->newer ? &n->newer->older : &l->newest) = n->older;
    *(n->older ? &n->older->newer : &l->oldest) = n->newer;
}

static void link_node(struct lru *l, struct lru_node *n)
{
    n->newer = NULL;
    n->older = l->newest;
    *(l->newest ? &l->newest->newer : &l->oldest) = n;
    l->newest = n;
}

static void evict(struct lru *l)
{
    struct lru_node *n = l->oldest, **at = &l->table[n->hash & (l->room - 1)];
    while (*at != n)
        at = &(*at)->next;
    *at = n->next;
    unlink_node(l, n);
    mem_free(n);
    l->count--;
    l->evicted++;
}

void *lru_find(struct lru *l, uint64_t hash)
{
    struct lru_node *n = l->table[hash & (l->room - 1)];
    while (n && n->hash != hash)
        n = n->next;
    return n;
}

void *lru_take(struct lru *l, uint64_t hash, size_t size)
{
    struct lru_node *n = lru_find(l, hash);
    if (n) {
        unlink_node(l, n);
        link_node(l, n);
        return n;
    }
    if (l->count == l->max)
        evict(l);
    n = mem_zero(size);
    n->hash = hash;
    n->next = l->table[hash & (l->room - 1)];
    l->table[hash & (l->room - 1)] = n;
    link_node(l, n);
    l->count++;
    return n;
}
