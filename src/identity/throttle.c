/* SPDX-License-Identifier: Apache-2.0 */
/* Failed logins by something that has no row in the store: an address, or a name nobody has.
 *
 * A table of fixed size, four places a bucket.  When all four are taken, the one whose lock is over
 * first makes room: somebody who fills the table from many addresses gains tries only from addresses
 * that cost as much as those. */
#include "base/mem.h"
#include "identity/identity_int.h"

enum { DAY_MS = 24 * 3600 * 1000 };

int64_t throttle_lock_ms(uint64_t failed, uint32_t after, uint32_t lock_s)
{
    if (after == 0 || failed < after)
        return 0;
    uint64_t doublings = failed - after;
    uint64_t ms = (uint64_t)lock_s * 1000;
    for (uint64_t i = 0; i < doublings && ms < DAY_MS; i++)
        ms *= 2;
    return ms < DAY_MS ? (int64_t)ms : DAY_MS;
}

void throttle_init(struct throttle *t, uint32_t after, uint32_t lock_s, int64_t forget_ms)
{
    *t = (struct throttle){.after = after, .lock_s = lock_s, .forget_ms = forget_ms};
    lock_init(&t->lock, LOCK_IDENTITY_FAILED);
    t->place = mem_array(struct throttle_place, THROTTLE_BUCKETS * THROTTLE_WAYS);
}

void throttle_done(struct throttle *t)
{
    lock_done(&t->lock);
    mem_free(t->place);
}

/* Its place, or the one to be taken for it. */
static struct throttle_place *place_locked(struct throttle *t, uint64_t key, int64_t now_ms)
{
    struct throttle_place *way = &t->place[key % THROTTLE_BUCKETS * THROTTLE_WAYS], *worst = way;
    for (unsigned i = 0; i < THROTTLE_WAYS; i++) {
        if (way[i].failed && way[i].until_ms + t->forget_ms < now_ms)
            way[i] = (struct throttle_place){0};
        if (way[i].failed && way[i].key == key)
            return &way[i];
        if (way[i].until_ms < worst->until_ms)
            worst = &way[i];
    }
    return worst;
}

int64_t throttle_wait_ms(struct throttle *t, uint64_t key, int64_t now_ms)
{
    lock_take(&t->lock);
    const struct throttle_place *p = place_locked(t, key, now_ms);
    int64_t wait = p->failed && p->key == key ? p->until_ms - now_ms : 0;
    lock_drop(&t->lock);
    return wait > 0 ? wait : 0;
}

int64_t throttle_failed(struct throttle *t, uint64_t key, int64_t now_ms)
{
    lock_take(&t->lock);
    struct throttle_place *p = place_locked(t, key, now_ms);
    if (!p->failed || p->key != key)
        *p = (struct throttle_place){.key = key};
    p->failed++;
    int64_t lock_ms = throttle_lock_ms(p->failed, t->after, t->lock_s);
    p->until_ms = now_ms + lock_ms;
    lock_drop(&t->lock);
    return lock_ms;
}
