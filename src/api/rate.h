/* SPDX-License-Identifier: Apache-2.0 */
/* rate.h - token buckets for very many callers in little memory.
 *
 * A bucket holds up to `burst` tokens and is refilled at `per_min` a minute.  Buckets stand in a table of a fixed size, in
 * sets of eight found by a seeded hash of the caller; in a full set the bucket that was used longest ago makes room.
 * Who lost a bucket begins with a full one, so the table forgets, and never refuses for want of room: an
 * attacker with more addresses than the table has buckets gains what the number of addresses gains anyway.
 * Thread-safe; one lock a shard, held for some nanoseconds. */
#ifndef API_RATE_H
#define API_RATE_H

#include "base/str.h"

struct rate_limit {
    uint32_t per_min; /* 0: no limit */
    uint32_t burst;   /* at least 1 */
};

struct rate_answer {
    bool allowed;
    uint32_t left;    /* tokens left now */
    uint32_t reset_s; /* until the bucket is full (allowed) or has a token (not), rounded up */
};

struct rate_table; /* opaque */
/* Room for at least `buckets`, 24 bytes each. */
struct rate_table *rate_table_new(size_t buckets);
void rate_table_free(struct rate_table *t); /* NULL is fine */

/* Take one token from the bucket of (`class`, `caller`).  `now_ns` is monotonic. */
struct rate_answer rate_take(struct rate_table *t, const struct rate_limit *limit, unsigned class,
                             str caller, uint64_t now_ns);

#endif
