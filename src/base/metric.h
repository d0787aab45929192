/* SPDX-License-Identifier: Apache-2.0 */
/* metric.h - what the process counts about itself.
 *
 * One table, metric.def, for the whole process: counting is an atomic add from any thread, reading
 * is for /metrics and tests.  What is counted per route or per tenant lives with its owner.
 * Thread-safe. */
#ifndef BASE_METRIC_H
#define BASE_METRIC_H

#include "base/sbuf.h"

#include <stdint.h>

enum metric_id {
#define X(NAME, KIND, name, labels, doc) METRIC_##NAME,
#include "base/metric.def"
    METRIC_COUNT
};

void metric_add(enum metric_id m, uint64_t n);
#define metric_inc(m) metric_add((m), 1)
/* Gauges only. */
void metric_set(enum metric_id m, int64_t value);
void metric_move(enum metric_id m, int64_t by);
/* SECONDS only. */
void metric_observe(enum metric_id m, double seconds);

/* Counter's or gauge's value; observations of a histogram. */
int64_t metric_value(enum metric_id m);

/* All of them, in the Prometheus text exposition format 0.0.4. */
void metric_write(struct sbuf *out);

#endif
