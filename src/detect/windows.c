/* SPDX-License-Identifier: Apache-2.0 */
/* One window for all (it keeps tenants apart by itself) and one lock: what is done under it is a few table look-ups a
 * flow.
 *
 * Turns: batches are numbered in their order, each is worked on by one thread, and who has a lower number never waits
 * for who has a higher one, so somebody can always go on.  A batch that has nothing for the windows says so at
 * once (a mark in a ring), and is stepped over when its turn comes. */
#include "detect/windows.h"

#include "base/hash.h"
#include "base/mem.h"
#include "os/lock.h"

#include <assert.h>

struct flow_windows {
    struct lock lock;
    struct condition turned;
    /* under the lock: */
    struct window *window; /* owned; NULL before the first flow */
    uint64_t turn;         /* the number whose turn it is */
    bool *passed;          /* owned: number % jobs → it is stepped over */
    size_t jobs, hosts;
};

struct flow_windows *flow_windows_new(size_t jobs, size_t hosts)
{
    struct flow_windows *w = mem_new(struct flow_windows);
    lock_init(&w->lock, LOCK_FLOW_WINDOWS);
    condition_init(&w->turned);
    w->jobs = jobs + 1;
    w->hosts = hosts;
    w->passed = mem_array(bool, w->jobs);
    return w;
}

void flow_windows_free(struct flow_windows *w)
{
    if (!w)
        return;
    window_free(w->window);
    mem_free(w->passed);
    condition_done(&w->turned);
    lock_done(&w->lock);
    mem_free(w);
}

/* ---- turns ---- */

static void await_turn_locked(struct flow_windows *w, uint64_t turn)
{
    while (turn != FLOW_NO_TURN && w->turn != turn - 1)
        condition_wait(&w->turned, &w->lock);
}

/* Whoever follows may go on, and is woken by whoever gets him there. */
static void mark_locked(struct flow_windows *w, uint64_t turn)
{
    if (turn == FLOW_NO_TURN)
        return;
    uint64_t before = w->turn;
    assert(turn - 1 >= w->turn && turn - 1 - w->turn < w->jobs);
    w->passed[(turn - 1) % w->jobs] = true;
    for (; w->passed[w->turn % w->jobs]; w->turn++)
        w->passed[w->turn % w->jobs] = false;
    if (w->turn != before)
        condition_wake_all(&w->turned);
}

void flow_windows_pass(struct flow_windows *w, uint64_t turn)
{
    lock_take(&w->lock);
    mark_locked(w, turn);
    lock_drop(&w->lock);
}

/* ---- flows ---- */

void windows_take(struct flow_windows *w, const char *tenant, uint64_t turn,
                  const struct flow *flow, size_t n, struct aggregates *out)
{
    uint64_t number = hash_bytes(str_z(tenant), 0);
    lock_take(&w->lock);
    await_turn_locked(w, turn);
    if (!w->window)
        w->window = window_new(
            &(struct window_options){.hosts = w->hosts, .services = w->hosts, .seed = hash_seed()});
    for (size_t i = 0; i < n; i++)
        window_add(w->window, number, &flow[i], &out[i]);
    mark_locked(w, turn);
    lock_drop(&w->lock);
}
