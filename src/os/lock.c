/* SPDX-License-Identifier: Apache-2.0 */
#include "os/lock.h"

#include <assert.h>
#include <errno.h>
#include <stdint.h>

static _Thread_local uint64_t held; /* bit i: this thread holds the lock of rank i */

static_assert(LOCK_COUNT <= 64, "the locks held fit one word");

static const char *const names[] = {
#define X(NAME, name, doc) name,
#include "os/lock.def"
};

const char *lock_name(enum lock_id id)
{
    return names[id];
}

void lock_init(struct lock *l, enum lock_id id)
{
    l->id = id;
    int failed = pthread_mutex_init(&l->mutex, NULL);
    assert(!failed);
}

void lock_done(struct lock *l)
{
    int failed = pthread_mutex_destroy(&l->mutex);
    assert(!failed);
}

void lock_take(struct lock *l)
{
    assert(held >> l->id == 0); /* else: out of the order of lock.def */
    int failed = pthread_mutex_lock(&l->mutex);
    assert(!failed);
    held |= (uint64_t)1 << l->id;
}

void lock_drop(struct lock *l)
{
    assert(lock_held(l));
    held &= ~((uint64_t)1 << l->id);
    int failed = pthread_mutex_unlock(&l->mutex);
    assert(!failed);
}

bool lock_held(const struct lock *l)
{
    return held >> l->id & 1;
}

void condition_init(struct condition *c)
{
    pthread_condattr_t how;
    int failed = pthread_condattr_init(&how);
    failed |= pthread_condattr_setclock(&how, CLOCK_MONOTONIC); /* as clock_ns */
    failed |= pthread_cond_init(&c->cond, &how);
    failed |= pthread_condattr_destroy(&how);
    assert(!failed);
}

void condition_done(struct condition *c)
{
    int failed = pthread_cond_destroy(&c->cond);
    assert(!failed);
}

void condition_wait(struct condition *c, struct lock *l)
{
    assert(lock_held(l));
    int failed = pthread_cond_wait(&c->cond, &l->mutex);
    assert(!failed);
}

bool condition_wait_until(struct condition *c, struct lock *l, uint64_t until_ns)
{
    assert(lock_held(l));
    struct timespec until = {.tv_sec = (time_t)(until_ns / 1000000000u),
                             .tv_nsec = (long)(until_ns % 1000000000u)};
    int got = pthread_cond_timedwait(&c->cond, &l->mutex, &until);
    assert(got == 0 || got == ETIMEDOUT);
    return got == 0;
}

void condition_wake_all(struct condition *c)
{
    int failed = pthread_cond_broadcast(&c->cond);
    assert(!failed);
}

void condition_wake_one(struct condition *c)
{
    int failed = pthread_cond_signal(&c->cond);
    assert(!failed);
}
