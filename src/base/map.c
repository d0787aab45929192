/* SPDX-License-Identifier: Apache-2.0 */
#include "base/map.h"

#include "base/hash.h"
#include "base/mem.h"

static struct map_slot *probe(const struct map *m, str key, uint64_t hash)
{
    size_t mask = m->room - 1;
    for (size_t i = hash & mask;; i = (i + 1) & mask) {
        struct map_slot *s = &m->slot[i];
        if (!s->key.p || (s->hash == hash && str_eq(s->key, key)))
            return s;
    }
}

void map_done(struct map *m)
{
    mem_free(m->slot);
    *m = (struct map){0};
}

uint32_t *map_find(const struct map *m, str key)
{
    if (m->room == 0)
        return NULL;
    struct map_slot *s = probe(m, key, hash_bytes(key, m->seed));
    return s->key.p ? &s->value : NULL;
}

static void grow(struct map *m)
{
    struct map old = *m;
    m->seed = hash_seed();
    m->room = old.room ? old.room * 2 : 64;
    m->slot = mem_array(struct map_slot, m->room);
    for (size_t i = 0; i < old.room; i++)
        if (old.slot[i].key.p)
            *probe(m, old.slot[i].key, old.slot[i].hash) = old.slot[i];
    mem_free(old.slot);
}

uint32_t *map_add(struct map *m, str key, uint32_t value, bool *added)
{
    if (m->count * 4 >= m->room * 3)
        grow(m);
    uint64_t hash = hash_bytes(key, m->seed);
    struct map_slot *s = probe(m, key, hash);
    bool fresh = !s->key.p;
    if (fresh) {
        *s = (struct map_slot){{key.p ? key.p : "", key.n}, hash, value};
        m->count++;
    }
    if (added)
        *added = fresh;
    return &s->value;
}
