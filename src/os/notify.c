/* SPDX-License-Identifier: Apache-2.0 */
#include "os/notify.h"

#include "os/clock.h"

#include <systemd/sd-daemon.h>

int notify_sockets(int *first)
{
    int n = sd_listen_fds(1);
    *first = SD_LISTEN_FDS_START;
    return n > 0 ? n : 0;
}

/* Nobody to tell is fine. */

void notify_ready(void)
{
    (void)sd_notify(0, "READY=1");
}

void notify_reloading(void)
{
    (void)sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%llu",
                     (unsigned long long)(clock_ns() / 1000));
}

void notify_stopping(void)
{
    (void)sd_notify(0, "STOPPING=1");
}
