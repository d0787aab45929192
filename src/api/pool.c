/* SPDX-License-Identifier: Apache-2.0 */
#include "api/api_int.h"

bool pool_add(struct api *a, struct api_call *c, bool going_on)
{
    lock_take(&a->pool_lock);
    bool room = going_on || (!a->stopped && a->waiting < a->options.pool_queue);
    if (room) {
        c->next = NULL;
        *a->last = c;
        a->last = &c->next;
        a->waiting++;
        condition_wake_all(&a->pool_changed);
    }
    lock_drop(&a->pool_lock);
    return room;
}

/* The next call; NULL: the pool is to stop, and nobody waits. */
static struct api_call *next_call(struct api *a)
{
    lock_take(&a->pool_lock);
    while (!a->first && !a->stopped)
        condition_wait(&a->pool_changed, &a->pool_lock);
    struct api_call *c = a->first;
    if (c) {
        a->first = c->next;
        a->waiting--;
        if (!a->first)
            a->last = &a->first;
    }
    lock_drop(&a->pool_lock);
    return c;
}

void api_pool_run(struct api *a)
{
    for (struct api_call *c; (c = next_call(a));)
        c->job(c);
}

void api_pool_stop(struct api *a)
{
    lock_take(&a->pool_lock);
    a->stopped = true;
    condition_wake_all(&a->pool_changed);
    lock_drop(&a->pool_lock);
}
