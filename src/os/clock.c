/* SPDX-License-Identifier: Apache-2.0 */
#include "os/clock.h"

#include <assert.h>
#include <time.h>

static struct timespec now(clockid_t clock)
{
    struct timespec t;
    int failed = clock_gettime(clock, &t);
    assert(!failed);
    return t;
}

uint64_t clock_ns(void)
{
    struct timespec t = now(CLOCK_MONOTONIC);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

int64_t clock_wall_ms(void)
{
    struct timespec t = now(CLOCK_REALTIME);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t clock_wall_us(void)
{
    struct timespec t = now(CLOCK_REALTIME);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

double clock_since(uint64_t start_ns)
{
    return (double)(clock_ns() - start_ns) / 1e9;
}
