/* SPDX-License-Identifier: Apache-2.0 */
/* crowd.h - how many connections there are, in all and of each address, over several listeners.
 *
 * The kernel spreads connections over the loops that share an address; a limit each of them kept alone would
 * be as many limits.  One lock, held for the look at a table when a connection comes or goes.  Thread-safe. */
#ifndef NET_CROWD_H
#define NET_CROWD_H

#include "codec/ip.h"

#include <stddef.h>

struct crowd; /* opaque */
struct crowd *crowd_new(uint32_t connections, uint32_t connections_address);
void crowd_free(struct crowd *c); /* NULL is fine; everybody has left */

/* One more from `ip`, an IPv6 /64 being one.  NULL when it may stay; else why not, and it was not counted. */
const char *crowd_enter(struct crowd *c, const struct ip *ip);
/* Of one that might stay. */
void crowd_leave(struct crowd *c, const struct ip *ip);

#endif
