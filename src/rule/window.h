/* SPDX-License-Identifier: Apache-2.0 */
/* window.h - for files in rule/ only: what one group of one correlation remembers, and when that
 * is enough.
 *
 * Two ways of judging.  A condition that more events can only make truer (at least so many)
 * *slides*: it is judged at each event over the timespan before it, and fires once when it
 * becomes true.  Any other (at most, exactly, an average, "and not") is judged when its window
 * *closes*: a window opens with a group's first event and lasts the timespan.
 *
 * Entries are in time order, because the correlator feeds samples in time order. */
#ifndef RULE_WINDOW_H
#define RULE_WINDOW_H

#include "rule/rule_int.h"

enum { WINDOW_ENTRIES_MAX = 1 << 20 };

struct entry {
    int64_t time_ms;
    union {
        uint64_t value; /* hash of a counted value; position of a rule */
        double number;
    };
};

struct window {
    int64_t start_ms, last_ms;
    uint64_t count; /* events since start */
    bool fired;
    uint32_t n, room;
    struct entry *entry; /* owned */
};

/* A correlation as the window functions need it; immutable. */
struct window_rule {
    const struct image *image;
    const struct correlation_row *row;
    bool closes;
    uint32_t keep; /* sliding counts: entries worth keeping */
};

struct window_rule window_rule_of(const struct image *im, const struct correlation_row *row);

/* One event of rule `position` (in row->rule) at `time_ms`; `value` and `number` where the type
 * counts them.  Returns how many entries were thrown out because there were too many. */
uint32_t rule_window_add(const struct window_rule *r, struct window *w, int64_t time_ms,
                         uint32_t position, uint64_t value, double number);

/* The figure the condition is about (a count, a sum…), as of now. */
double window_figure(const struct window_rule *r, struct window *w);

/* Does the condition hold? */
bool window_met(const struct window_rule *r, struct window *w);

/* Start over after a sequence has been reported, so that it is reported once. */
void window_reported(const struct window_rule *r, struct window *w);

void window_done(struct window *w);

#endif
