/* SPDX-License-Identifier: Apache-2.0 */
/* Does a host call somebody at regular times?
 *
 * After the idea of RITA's beacon score (Active Countermeasures, rita v4: "ts" and "ds" scores): intervals between
 * calls and bytes sent are regular when they are symmetric (Bowley's skewness of the quartiles) and close
 * to their median (median absolute deviation).  The score is the mean of four parts:
 *
 *     1 - |skew of intervals|      1 - MAD of intervals / (0.25 * median)
 *     1 - |skew of bytes|          1 - MAD of bytes / max(32, 0.25 * median)
 *
 * Attempts less than ten seconds after the one before are part of it (a call is tried again; a page is many
 * connections).  Twelve intervals are needed, half of them within a fifth of the median; calls to the internet only, and not those
 * of NTP (123) or DNS (53), which are regular by nature.  A score of 0.80 counts. */
#include "behavior/network_int.h"

#include <math.h>
#include <stdlib.h>

enum {
    CALL_MS = 10 * 1000,
    INTERVALS_MIN = 12,
    PORT_NTP = 123,
    PORT_DNS = 53,
    GAP_MS = 24 * 3600 * 1000
};
#define SCORE_MIN 0.80

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double quantile(const double *v, size_t n, double q)
{
    double at = q * (double)(n - 1);
    size_t i = (size_t)at;
    return i + 1 < n ? v[i] + (at - (double)i) * (v[i + 1] - v[i]) : v[n - 1];
}

void median_of(double *v, size_t n, double *median, double *mad)
{
    qsort(v, n, sizeof *v, by_value);
    *median = quantile(v, n, 0.5);
    for (size_t i = 0; i < n; i++)
        v[i] = fabs(v[i] - *median);
    qsort(v, n, sizeof *v, by_value);
    *mad = quantile(v, n, 0.5);
}

/* 0..1 for the two halves of one kind of number. */
static double regular(const float *from, size_t n, double slack, double *median, double *mad)
{
    double v[BEATS] = {0};
    for (size_t i = 0; i < n; i++)
        v[i] = (double)from[i];
    qsort(v, n, sizeof *v, by_value);
    double q1 = quantile(v, n, 0.25), q2 = quantile(v, n, 0.5), q3 = quantile(v, n, 0.75);
    double skew = q3 > q1 && q2 > q1 && q2 < q3 ? (q3 + q1 - 2 * q2) / (q3 - q1) : 0;
    median_of(v, n, median, mad);
    double near = 1 - *mad / fmax(slack, 0.25 * *median);
    return (1 - fabs(skew) + fmax(near, 0)) / 2;
}

static double near_median(const float *v, size_t n, double median)
{
    size_t near = 0;
    for (size_t i = 0; i < n; i++)
        near += fabs((double)v[i] - median) <= 0.2 * median;
    return (double)near / (double)n;
}

static bool is_candidate(const struct flow *f)
{
    bool by_nature = f->port == PORT_NTP || f->port == PORT_DNS;
    return !by_nature && f->port && !ip_is_special(&f->target);
}

static void judge(struct beat *b, const struct watch *w)
{
    double interval, jitter, size, spread;
    size_t n = b->count < BEATS ? b->count : BEATS;
    if (n < INTERVALS_MIN)
        return;
    double score = (regular(b->interval_s, n, 0.5, &interval, &jitter) +
                    regular(b->size, n, 32, &size, &spread)) /
                   2;
    if (score < SCORE_MIN || near_median(b->interval_s, n, interval) < 0.5)
        return;
    w->report(
        w->arg,
        &(struct detection){.kind = NETWORK_BEACON,
                            .source = w->flow->source,
                            .target = w->flow->target,
                            .port = w->flow->port,
                            .first_ms = b->first_ms,
                            .score_01 = score},
        "%u calls to port %u every %.1f s (deviation %.1f s), of about %.0f bytes (deviation %.0f)",
        b->count + 1, w->flow->port, interval, jitter, size, spread);
}

void beat_see(struct beat *b, const struct watch *w)
{
    int64_t now = w->time_ms;
    if (!is_candidate(w->flow))
        return;
    if (b->last_ms && now >= b->last_ms && now - b->last_seen_ms < CALL_MS) {
        b->last_seen_ms = now > b->last_seen_ms ? now : b->last_seen_ms;
        judge(b, w);
        return;
    }
    if (!b->last_ms || now < b->last_ms || now - b->last_ms > GAP_MS) {
        b->first_ms = b->last_ms = b->last_seen_ms = now;
        b->count = 0;
        return;
    }
    b->interval_s[b->count % BEATS] = (float)(now - b->last_ms) / 1000;
    b->size[b->count % BEATS] = (float)w->flow->bytes_out;
    b->count++;
    b->last_ms = b->last_seen_ms = now;
    judge(b, w);
}
