/* SPDX-License-Identifier: Apache-2.0 */
/* guard.h - the service watches those who come to it.
 *
 * What an attacker does costs points by address: paths that are not there, methods that are
 * not allowed, malformed requests, credentials that are wrong or tried too fast, and requests refused that have the shape of
 * an injection or a probe.  Points fade with time; at GUARD_LIMIT the address is blocked, for a minute (settable) the first time and twice as long each
 * time after, up to a day.  A day after the last block all is forgotten.
 *
 * IPv6 is counted by /64 network.  The table has a fixed size; where a set is full whoever has the fewest
 * points and is not blocked makes room.  Thread-safe; while nobody is blocked guard_blocked costs one load. */
#ifndef API_GUARD_H
#define API_GUARD_H

#include "base/str.h"

enum guard_offence {
#define X(NAME, name, points) OFFENCE_##NAME,
#include "api/offence.def"
    OFFENCE_COUNT
};
const char *guard_offence_name(enum guard_offence o);

enum {
    GUARD_LIMIT = 120,      /* points */
    GUARD_FADE_MS = 2000,   /* a point fades in so long */
    GUARD_BLOCK_MS = 60000, /* the first block, unless told otherwise */
    GUARD_BLOCK_MAX_MS = 86400000
};

enum { ADDRESS_KEY_MAX = 48 };
/* What an address is counted as: itself, or the /64 of an IPv6 address.  Text that is no address stays as it is. */
str address_key(str address, char out[static ADDRESS_KEY_MAX]);

struct guard; /* opaque */
/* `block_ms`: the first block; 0: GUARD_BLOCK_MS. */
struct guard *guard_new(size_t addresses, int64_t block_ms);
void guard_free(struct guard *g); /* NULL is fine */

/* Count an offence.  True when it led to a block: *until_ms is its end. */
bool guard_offend(struct guard *g, str address, enum guard_offence o, int64_t now_ms,
                  int64_t *until_ms);
/* Is the address blocked?  *until_ms may be NULL. */
bool guard_blocked(struct guard *g, str address, int64_t now_ms, int64_t *until_ms);

/* Does this path with its query look like a probe or an injection?  For requests that were refused: words of
 * an analyst's search are none. */
bool guard_suspicious(str path, str query);

#endif
