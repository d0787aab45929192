/* SPDX-License-Identifier: Apache-2.0 */
#include "net/crowd.h"

#include "base/mem.h"
#include "net/peers.h"
#include "os/lock.h"

#include <assert.h>

struct crowd {
    struct lock lock;
    /* under the lock: */
    struct peers peers;
    uint32_t count;
    uint32_t connections, connections_address; /* at most; do not change */
};

struct crowd *crowd_new(uint32_t connections, uint32_t connections_address)
{
    struct crowd *c = mem_new(struct crowd);
    lock_init(&c->lock, LOCK_CROWD);
    c->connections = connections;
    c->connections_address = connections_address;
    return c;
}

void crowd_free(struct crowd *c)
{
    if (!c)
        return;
    assert(c->count == 0);
    peers_done(&c->peers);
    lock_done(&c->lock);
    mem_free(c);
}

const char *crowd_enter(struct crowd *c, const struct ip *ip)
{
    const char *why = NULL;
    lock_take(&c->lock);
    if (c->count >= c->connections) {
        why = "too many connections";
    } else if (peers_count(&c->peers, ip) >= c->connections_address) {
        why = "too many connections from one address";
    } else {
        c->count++;
        peers_add(&c->peers, ip);
    }
    lock_drop(&c->lock);
    return why;
}

void crowd_leave(struct crowd *c, const struct ip *ip)
{
    lock_take(&c->lock);
    assert(c->count);
    c->count--;
    peers_remove(&c->peers, ip);
    lock_drop(&c->lock);
}
