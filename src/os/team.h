/* SPDX-License-Identifier: Apache-2.0 */
/* team.h - threads that share out one piece of work: training, and scoring of whole files.
 *
 * Work is cut into tasks by what it is, never by how many threads there are, and results are put together in
 * the order of the tasks: so they are the same on any number of cores. */
#ifndef OS_TEAM_H
#define OS_TEAM_H

#include "base/status.h"

#include <stddef.h>

struct team; /* opaque; one caller at a time */

/* `threads` of them, the caller's included; 0: one for each processor.  Fewer where the system has no
 * more to give. */
struct team *team_new(unsigned threads);
void team_free(struct team *t); /* NULL is fine */
unsigned team_threads(const struct team *t);

/* run(arg, task, worker) for each task 0 … tasks-1, any order, `worker` in 0 … threads-1 and never the same twice
 * at once; returns when all are done.  A NULL team: on the caller's thread, in order. */
void team_run(struct team *t, size_t tasks, void (*run)(void *arg, size_t task, unsigned worker),
              void *arg);

#endif
