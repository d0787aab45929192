/* SPDX-License-Identifier: Apache-2.0 */
/* loop.h - one event loop on one thread.
 *
 * Everything that belongs to a loop is touched on its thread only; loop_post is the one door for
 * others. */
#ifndef NET_LOOP_H
#define NET_LOOP_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

struct loop; /* opaque */

/* From now on the process ignores SIGPIPE: a peer that is gone would end it. */
CHECKED status loop_new(struct loop **out, struct error *err);
void loop_free(struct loop *l); /* not running; NULL is fine */

/* Run on the calling thread until loop_stop. */
void loop_run(struct loop *l);
/* Thread-safe. */
void loop_stop(struct loop *l);

/* Have `run(arg)` called on the loop's thread, in order.  Thread-safe, does not block; bounded only by who calls. */
void loop_post(struct loop *l, void (*run)(void *arg), void *arg);
/* Do what was posted and not done yet, and what that posts: for what is about to be freed.  Not running. */
void loop_settle(struct loop *l);
bool loop_is_current(const struct loop *l);

/* Milliseconds, monotonic, as of the start of this turn. */
uint64_t loop_now_ms(const struct loop *l);

/* Repeating timer; freed with loop_timer_free on the loop's thread. */
struct loop_timer;
struct loop_timer *loop_timer_new(struct loop *l, uint64_t every_ms, void (*run)(void *arg),
                                  void *arg);
void loop_timer_free(struct loop_timer *t); /* NULL is fine */

/* SIGHUP, SIGTERM, SIGINT … as calls on this loop. */
CHECKED status loop_on_signal(struct loop *l, int signal, void (*run)(void *arg, int signal),
                              void *arg, struct error *err);

#endif
