/* SPDX-License-Identifier: Apache-2.0 */
/* watch.h - how one version of a model does in service: its time, its scores, how far what it sees now is from what it
 * was trained with, and what people made of its alarms.
 *
 * Distances are over the last WATCH_WINDOW to twice as many rows, so that last year does not hide this week.
 *
 * Thread-safe: a lock, taken once a batch.  Reference-counted. */
#ifndef ML_WATCH_H
#define ML_WATCH_H

#include "base/sbuf.h"
#include "ml/model.h"

enum {
    WATCH_COLUMNS = 8,     /* that count most in the model's decisions */
    WATCH_TIMES = 14,      /* bounds of the histogram of times */
    WATCH_SCORES = 20,     /* bins of scores, 0 to 1 */
    WATCH_WINDOW = 50000,  /* rows */
    WATCH_ROWS_MIN = 2000, /* before distances say anything */
    WATCH_VERDICTS_MIN = 30
};
extern const double watch_time_bound[WATCH_TIMES]; /* seconds a row, upper ends */

struct watch_limits {
    uint64_t budget_ns;      /* a row; 0: any.  A batch may take 2 ms whatever its size */
    double drift_psi;        /* of scores and of a column: over it the model drifts; 0: 0.25 */
    double precision_margin; /* below the card's precision: accuracy sinks; 0: 0.1 */
};
struct watch; /* opaque */
/* What is needed of `m` is copied. */
struct watch *watch_new(const char *name, const struct model *m, const struct watch_limits *limits);
struct watch *watch_ref(struct watch *w);
void watch_unref(struct watch *w); /* NULL is fine */

/* May it score a batch of `rows` now?  False: it was too slow three times in a row and rests, 10 s at first, at most
 * 5 minutes; the rows are counted as skipped. */
bool watch_allows(struct watch *w, uint64_t rows, uint64_t now_ns);

struct watch_batch {
    const struct model_answer *answer; /* (n) */
    size_t n;
    const float *x; /* (n, stride) by enum feature; NULL: its columns are not known */
    size_t stride;
    uint64_t ns, now_ns; /* that it took; clock_ns() after it */
};
void watch_scored(struct watch *w, const struct watch_batch *b);
/* Alerts closed as what they were, of the last ones: replaces what was said before. */
void watch_judged(struct watch *w, uint64_t true_positive, uint64_t false_positive);

struct watch_state {
    char name[64], version[16];
    uint64_t rows, batches, alarms; /* alarms: rows at or above the threshold */
    uint64_t incomplete;            /* rows for which a member of the ensemble did not answer */
    uint64_t slow, skipped;         /* batches past the budget; rows not scored because of that */
    bool rests;
    double seconds; /* of all rows */
    uint64_t
        time_rows[WATCH_TIMES + 1]; /* rows by time, not cumulative; the last: above all bounds */
    uint64_t score_rows[WATCH_SCORES];
    struct drift score;
    struct {
        char name[64];
        struct drift drift;
    } column[WATCH_COLUMNS];
    size_t columns;
    uint64_t true_positive, false_positive;
    double precision, card_precision; /* NaN: not known */
    bool drifts, sinks;               /* as the limits say */
};
void watch_state(struct watch *w, struct watch_state *out);

/* In the Prometheus text format, each name once; `s` (n). */
void watch_write_metrics(const struct watch_state *s, size_t n, struct sbuf *out);

#endif
