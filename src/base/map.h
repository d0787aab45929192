/* SPDX-License-Identifier: Apache-2.0 */
/* map.h - string to 32-bit number, for dictionaries built by loaders.
 *
 * Open addressing, never shrinks, keys are borrowed (keep them in an arena
 * that outlives the map).  One thread at a time; read-only use is safe from
 * many. */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include "base/str.h"

struct map_slot {
    str key;
    uint64_t hash;
    uint32_t value;
};

struct map {
    struct map_slot *slot; /* owned */
    size_t count, room;    /* room: a power of two, or 0 */
    uint64_t seed;         /* the process's: keys often come from outside */
};

void map_done(struct map *m); /* all-zero is a valid empty map */

/* Where `key` is kept, or NULL.  Valid until the next add. */
uint32_t *map_find(const struct map *m, str key);

/* The value place of `key`, added with `value` when new (*added says so). */
uint32_t *map_add(struct map *m, str key, uint32_t value, bool *added);

#endif
