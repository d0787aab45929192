/* SPDX-License-Identifier: Apache-2.0 */
/* peers.h - how many connections each address has.  An IPv6 /64 is one peer: it is what one host is given.
 *
 * One thread at a time. */
#ifndef NET_PEERS_H
#define NET_PEERS_H

#include "codec/ip.h"

struct peer {
    uint64_t key[2];
    uint32_t count; /* 0: free */
};

/* All-zero is empty. */
struct peers {
    struct peer *slot; /* owned */
    size_t used, room; /* room: a power of two, or 0 */
    uint64_t seed;
};

void peers_done(struct peers *p);
/* One more; the count with it. */
uint32_t peers_add(struct peers *p, const struct ip *ip);
/* One less, of a peer that was added. */
void peers_remove(struct peers *p, const struct ip *ip);
uint32_t peers_count(const struct peers *p, const struct ip *ip);

#endif
