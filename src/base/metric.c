/* SPDX-License-Identifier: Apache-2.0 */
#include "base/metric.h"

#include <assert.h>
#include <stdatomic.h>
#include <string.h>

enum kind { COUNTER, GAUGE, SECONDS };

static const struct {
    enum kind kind;
    const char *name, *labels, *doc;
} table[] = {
#define X(NAME, KIND, name, labels, doc) {KIND, name, labels, doc},
#include "base/metric.def"
};

/* Upper bounds of the buckets in seconds; what is above the last is in +Inf alone. */
static const double bound[] = {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
                               0.05,   0.1,     0.25,   0.5,   1,      2.5,   5,    10};
enum { BOUNDS = COUNT(bound) };

struct histogram {
    _Atomic uint64_t bucket[BOUNDS + 1]; /* not cumulative */
    _Atomic uint64_t sum_ns;
};

static _Atomic int64_t value[METRIC_COUNT]; /* of a histogram: how many observations */
static struct histogram histogram[METRIC_COUNT];

void metric_add(enum metric_id m, uint64_t n)
{
    atomic_fetch_add_explicit(&value[m], (int64_t)n, memory_order_relaxed);
}

void metric_set(enum metric_id m, int64_t v)
{
    assert(table[m].kind == GAUGE);
    atomic_store_explicit(&value[m], v, memory_order_relaxed);
}

void metric_move(enum metric_id m, int64_t by)
{
    assert(table[m].kind == GAUGE);
    atomic_fetch_add_explicit(&value[m], by, memory_order_relaxed);
}

void metric_observe(enum metric_id m, double seconds)
{
    assert(table[m].kind == SECONDS);
    size_t i = 0;
    while (i < BOUNDS && seconds > bound[i])
        i++;
    uint64_t ns = seconds > 0 ? (uint64_t)(seconds * 1e9) : 0;
    atomic_fetch_add_explicit(&histogram[m].bucket[i], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&histogram[m].sum_ns, ns, memory_order_relaxed);
    metric_add(m, 1);
}

int64_t metric_value(enum metric_id m)
{
    return atomic_load_explicit(&value[m], memory_order_relaxed);
}

static void write_head(struct sbuf *out, size_t m)
{
    static const char *const type[] = {"counter", "gauge", "histogram"};
    if (m && strcmp(table[m].name, table[m - 1].name) == 0)
        return;
    sbuf_addf(out, "# HELP %s %s\n# TYPE %s %s\n", table[m].name, table[m].doc, table[m].name,
              type[table[m].kind]);
}

static void write_histogram(struct sbuf *out, size_t m)
{
    const char *name = table[m].name;
    uint64_t seen = 0;
    for (size_t i = 0; i <= BOUNDS; i++) {
        seen += atomic_load_explicit(&histogram[m].bucket[i], memory_order_relaxed);
        if (i < BOUNDS)
            sbuf_addf(out, "%s_bucket{le=\"%g\"} %llu\n", name, bound[i], (unsigned long long)seen);
    }
    sbuf_addf(out, "%s_bucket{le=\"+Inf\"} %llu\n%s_sum %.9g\n%s_count %llu\n", name,
              (unsigned long long)seen, name,
              (double)atomic_load_explicit(&histogram[m].sum_ns, memory_order_relaxed) / 1e9, name,
              (unsigned long long)seen);
}

void metric_write(struct sbuf *out)
{
    for (size_t m = 0; m < METRIC_COUNT; m++) {
        write_head(out, m);
        if (table[m].kind == SECONDS)
            write_histogram(out, m);
        else if (*table[m].labels)
            sbuf_addf(out, "%s{%s} %lld\n", table[m].name, table[m].labels,
                      (long long)metric_value((enum metric_id)m));
        else
            sbuf_addf(out, "%s %lld\n", table[m].name, (long long)metric_value((enum metric_id)m));
    }
}
