/* SPDX-License-Identifier: Apache-2.0 */
/* hist.h - a histogram of durations: every power of two is cut into 128 equal parts (the idea of
 * HdrHistogram), so that any quantile is right to 0.8 % from a nanosecond up. */
#ifndef TESTS_LOAD_HIST_H
#define TESTS_LOAD_HIST_H

#include <stddef.h>
#include <stdint.h>

enum { HIST_PARTS = 128, HIST_SLOTS = 58 * HIST_PARTS };

struct hist {
    uint64_t slot[HIST_SLOTS];
    uint64_t count, max;
    double sum;
};

void hist_add(struct hist *h, uint64_t ns);
/* The least value that `part_01` of all are not above; never above the largest.  0: empty. */
uint64_t hist_quantile(const struct hist *h, double part_01);

#endif
