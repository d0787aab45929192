/* SPDX-License-Identifier: Apache-2.0 */
/* report_int.h - for files in report/ only. */
#ifndef REPORT_REPORT_INT_H
#define REPORT_REPORT_INT_H

#include "report/report.h"
#include "report/tally.h"

/* The first few of something that may be many. */
enum { NOTES_KEPT = 8 };
struct notes {
    struct {
        char where[232], why[248];
    } at[NOTES_KEPT];
    size_t kept;
    uint64_t count;
};

struct report_ops {
    const char *name;
    bool wants_tally;
    size_t state_size; /* 0: none */
    /* All optional. */
    void (*begin)(struct report *r);
    void (*finding)(struct report *r, const struct finding *f, const char *path);
    void (*flush)(struct report *r); /* write what is held back */
    void (*end)(struct report *r, const struct report_run *run);
    void (*done)(struct report *r); /* also when end was never called */
};

#define X(name, doc) extern const struct report_ops report_##name;
#include "report/report.def"

struct report {
    const struct report_ops *ops;
    struct style style;
    struct tally *tally; /* owned; NULL when the kind does without */
    void *state;         /* owned; the kind's own, zeroed */
    struct notes rejects, unread;
};

/* ---- summary.c: parts of what people read ---- */

/* "31 findings: 2 critical, 5 high … in 12,345 events, 0.4 s" */
void print_totals(struct report *r, const struct report_run *run);
/* The three entities with the most trouble. */
void print_worst(struct report *r);
/* Inputs that could not be read, records that were refused, what correlations forgot. */
void print_trouble(struct report *r, const struct report_run *run);
/* Commands worth typing now. */
void print_next(struct report *r, const struct report_run *run, bool from_table);

/* Name of a technique with its parent's, "OS Credential Dumping: LSASS Memory"; empty when the
 * table has none. */
void technique_name(str id, struct sbuf *out);

#endif
