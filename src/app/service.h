/* SPDX-License-Identifier: Apache-2.0 */
/* service.h - the whole service: built, run, stopped.
 *
 * Threads, all started here: one a network loop (the first is the caller's), the engine's workers, the API's pool, the
 * recorder, the follower of files, the keeper (what is to be done every now and then, and reloading). */
#ifndef APP_SERVICE_H
#define APP_SERVICE_H

#include "app/config.h"

/* Run until SIGTERM or SIGINT.  `talk`: tell a person on standard error where it listens and, once, the first password. */
CHECKED status service_run(const struct config *c, bool talk, struct error *err);

#endif
