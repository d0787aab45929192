/* SPDX-License-Identifier: Apache-2.0 */
/* lock.h - locks with a name and a rank, and conditions to wait on.
 *
 * The rank is the lock's place in lock.def.  Taking one while holding another
 * of the same or a later place is our mistake and ends the program: two threads
 * that agree on the order cannot wait for each other.  The check is one word a
 * thread and always on. */
#ifndef OS_LOCK_H
#define OS_LOCK_H

#include "base/compiler.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

enum lock_id {
#define X(NAME, name, doc) LOCK_##NAME,
#include "os/lock.def"
    LOCK_COUNT
};

struct lock {
    pthread_mutex_t mutex;
    enum lock_id id;
};

void lock_init(struct lock *l, enum lock_id id);
void lock_done(struct lock *l);
void lock_take(struct lock *l);
void lock_drop(struct lock *l);
bool lock_held(const struct lock *l); /* by the calling thread */
const char *lock_name(enum lock_id id);

struct condition {
    pthread_cond_t cond;
};

void condition_init(struct condition *c);
void condition_done(struct condition *c);
/* Give up `l`, which the caller holds, until woken, then take it again.  May
 * wake for no reason: wait in a loop. */
void condition_wait(struct condition *c, struct lock *l);
/* The same until `until_ns` (clock_ns); false when that time has come. */
bool condition_wait_until(struct condition *c, struct lock *l, uint64_t until_ns);
void condition_wake_all(struct condition *c);
/* One of those who wait, when it does not matter which. */
void condition_wake_one(struct condition *c);

#endif
