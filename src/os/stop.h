/* SPDX-License-Identifier: Apache-2.0 */
/* stop.h - SIGINT and SIGTERM as a request to finish cleanly.
 *
 * The one thing a process has one of.  Thread-safe, and safe in a signal handler. */
#ifndef OS_STOP_H
#define OS_STOP_H

#include <stdbool.h>

/* From now on the first SIGINT or SIGTERM is a request, the second ends the process. */
void stop_on_signals(void);

bool stop_requested(void);
void stop_request(void); /* as if a signal had come */
void stop_clear(void);   /* for tests */

#endif
