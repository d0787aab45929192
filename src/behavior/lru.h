/* SPDX-License-Identifier: Apache-2.0 */
/* lru.h - for files in behavior/ only: things found by a 64-bit hash, as many as there may be; the one idle longest
 * makes room.  The hash is seeded, so that two things with the same one are an accident that does not
 * happen on purpose.  One thread at a time. */
#ifndef BEHAVIOR_LRU_H
#define BEHAVIOR_LRU_H

#include "base/mem.h"

#include <stdbool.h>
#include <stdint.h>

struct lru_node { /* first in what is kept */
    struct lru_node *next, *newer, *older;
    uint64_t hash;
};
struct lru {
    struct lru_node **table; /* owned, with all in it */
    size_t room, count, max;
    struct lru_node *newest, *oldest;
    uint64_t evicted;
};

void lru_init(struct lru *l, size_t max);
void lru_done(struct lru *l);
/* What has `hash`, now the newest; made of `size` zero bytes when there is none. */
void *lru_take(struct lru *l, uint64_t hash, size_t size);
void *lru_find(struct lru *l, uint64_t hash); /* or NULL; stays where it is */

#endif
