/* SPDX-License-Identifier: Apache-2.0 */
#include "report/timeline.h"

enum { SPAN_FIRST_MS = 1000 };

/* Clocks that are decades off would leave everything else in one span. */
static const int64_t year_1980_ms = 315532800000, year_2100_ms = 4102444800000;

static int64_t floor_to(int64_t ms, int64_t span)
{
    int64_t rest = ms % span;
    return ms - (rest < 0 ? rest + span : rest);
}

/* Double the spans: two become one.  Starts stay multiples of the span, so where a count lands
 * does not depend on when the doubling happened. */
static void widen(struct tally_timeline *t)
{
    int64_t start = floor_to(t->start_ms, t->span_ms * 2);
    size_t shift = start != t->start_ms;
    for (size_t l = 0; l < LEVEL_COUNT; l++) {
        uint32_t merged[TALLY_SPANS] = {0};
        for (size_t i = 0; i < t->used; i++)
            merged[(i + shift) / 2] += t->count[l][i];
        memcpy(t->count[l], merged, sizeof merged);
    }
    t->used = (t->used + shift + 1) / 2;
    t->start_ms = start;
    t->span_ms *= 2;
}

/* Begin earlier, at `start`; what is used still fits. */
static void move_start(struct tally_timeline *t, int64_t start)
{
    size_t by = (size_t)((t->start_ms - start) / t->span_ms);
    for (size_t l = 0; l < LEVEL_COUNT; l++) {
        memmove(t->count[l] + by, t->count[l], t->used * sizeof *t->count[l]);
        memset(t->count[l], 0, by * sizeof *t->count[l]);
    }
    t->used += by;
    t->start_ms = start;
}

void timeline_add(struct tally_timeline *t, int64_t ms, enum level l)
{
    if (ms < year_1980_ms || ms >= year_2100_ms)
        return;
    if (t->span_ms == 0) {
        t->span_ms = SPAN_FIRST_MS;
        t->start_ms = floor_to(ms, t->span_ms);
    }
    for (;;) {
        int64_t at = floor_to(ms, t->span_ms);
        int64_t end = t->start_ms + (int64_t)t->used * t->span_ms;
        int64_t from = at < t->start_ms ? at : t->start_ms;
        int64_t to = at >= end ? at + t->span_ms : end;
        if ((to - from) / t->span_ms > TALLY_SPANS) {
            widen(t);
            continue;
        }
        if (at < t->start_ms)
            move_start(t, at);
        size_t i = (size_t)((at - t->start_ms) / t->span_ms);
        t->used = i < t->used ? t->used : i + 1;
        t->count[l][i]++;
        return;
    }
}
