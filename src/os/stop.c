/* SPDX-License-Identifier: Apache-2.0 */
#include "os/stop.h"

#include <assert.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>

static atomic_bool requested;
static_assert(ATOMIC_BOOL_LOCK_FREE == 2, "a signal handler may set it");

static void on_signal(int number)
{
    (void)number;
    atomic_store(&requested, true);
}

void stop_on_signals(void)
{
    /* SA_RESETHAND: somebody who asks twice does not want to wait.  No SA_RESTART: a wait for
     * input is to end. */
    struct sigaction act = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
    sigemptyset(&act.sa_mask);
    int failed = sigaction(SIGINT, &act, NULL) | sigaction(SIGTERM, &act, NULL);
    assert(!failed);
}

bool stop_requested(void)
{
    return atomic_load_explicit(&requested, memory_order_relaxed);
}

void stop_request(void)
{
    atomic_store(&requested, true);
}

void stop_clear(void)
{
    atomic_store(&requested, false);
}
