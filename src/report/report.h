/* SPDX-License-Identifier: Apache-2.0 */
/* report.h - findings for people and programs.
 *
 *     struct report *r = report_new("table", &style, false);
 *     report_finding(r, f, path);    every finding, in order
 *     report_reject(r, reject, path) records that could not be parsed
 *     report_end(r, &run);           the sums; nothing is written later
 *     report_free(r);
 *
 * To add a kind: report_NAME.c, a line in report.def, a test.
 * One thread at a time.  Memory is bounded whatever the number of findings. */
#ifndef REPORT_REPORT_H
#define REPORT_REPORT_H

#include "detect/detect.h"
#include "report/text.h"

struct report; /* opaque */

/* `kind` is a name of report.def. */
struct report *report_new(const char *kind, const struct style *style);
void report_free(struct report *r); /* NULL is fine */

void report_finding(struct report *r, const struct finding *f, const char *path);
void report_reject(struct report *r, const struct reject *reject, const char *path);
/* An input that could not be read, or not to its end. */
void report_unread(struct report *r, const char *path, const char *why);

/* What the report says about the run as a whole. */
struct report_run {
    const struct detect_stats *stats;
    size_t inputs;              /* files read */
    size_t rules;               /* loaded; 0 with indicators only */
    size_t rules_failed;        /* given, but did not load */
    const char *waiting_option; /* bounds how long correlations wait for late matches */
    const char *program;        /* as it was called */
    const char *rules_path;     /* as the user gave it, for the commands it suggests; may be NULL */
    int64_t now_ms;
    bool stopped; /* before the end of the input */
};
/* Write what is held back: somebody is waiting. */
void report_flush(struct report *r);
void report_end(struct report *r, const struct report_run *run);

/* Is `kind` a name of report.def? */
bool report_exists(const char *kind);

/* One finding as a JSON object on a line of its own. */
void finding_json(struct sbuf *to, const struct finding *f, const char *path);

#endif
