/* SPDX-License-Identifier: Apache-2.0 */
/* clock.h - the time, for those who measure or start a run.  Thread-safe. */
#ifndef OS_CLOCK_H
#define OS_CLOCK_H

#include <stdint.h>

uint64_t clock_ns(void);     /* monotonic, from some start */
int64_t clock_wall_ms(void); /* Unix time */
int64_t clock_wall_us(void);
double clock_since(uint64_t start_ns); /* seconds since clock_ns() was start_ns */

#endif
