/* SPDX-License-Identifier: Apache-2.0 */
/* notify.h - the service manager: sockets it opened for us, and telling it how we are.
 *
 * systemd's protocols, by libsystemd; without systemd every call does nothing. */
#ifndef OS_NOTIFY_H
#define OS_NOTIFY_H

/* The listening sockets that were passed, from *first on; the environment is cleared, so it works
 * once.  Returns how many. */
int notify_sockets(int *first);

void notify_ready(void);
void notify_reloading(void);
void notify_stopping(void);

#endif
