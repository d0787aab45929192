/* SPDX-License-Identifier: Apache-2.0 */
/* thread.h - threads.  They are few, long-lived and always joined. */
#ifndef OS_THREAD_H
#define OS_THREAD_H

#include "base/status.h"

#include <pthread.h>

struct thread {
    pthread_t id;
};

/* Run `run(arg)` on a thread of its own, called `name` (15 bytes are kept) where
 * the system shows threads.  Signals stay with the thread that starts others.
 * ST_LIMIT: the system has no room for one more. */
CHECKED status thread_start(struct thread *t, const char *name, void (*run)(void *arg), void *arg,
                            struct error *err);
void thread_join(struct thread *t);

/* Processors this process may run on, at least 1. */
unsigned thread_processors(void);

#endif
