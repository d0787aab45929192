/* SPDX-License-Identifier: Apache-2.0 */
/* alert_int.h - for files in alert/ only: a recording as it waits in the recorder. */
#ifndef ALERT_ALERT_INT_H
#define ALERT_ALERT_INT_H

#include "alert/alert.h"
#include "alert/recorder.h"

/* Longest texts of an alert; what is longer is cut and ends in "…". */
enum {
    RULE_BYTES_MAX = 256,
    TITLE_BYTES_MAX = 512,
    REASON_BYTES_MAX = 2048,
    SOURCE_BYTES_MAX = 1024,
    ENTITY_BYTES_MAX = 1024,   /* a value */
    EVIDENCE_BYTES_MAX = 4096, /* a value */
    RAW_BYTES_MAX = 64 << 10,
    PAIRS_MAX = 64,      /* entities, and evidence, of one alert */
    TECHNIQUES_MAX = 64, /* of one alert */
    PAIRS_BYTES_MAX = 256 << 10
};

/* A recording, copied: one piece of memory. */
struct entry {
    struct entry *next;
    struct alert_record *alert; /* `count` of each */
    struct alert_event *event;
    str *values; /* entities, for filters */
    size_t count;
    struct position_record position;
    size_t position_count; /* 0 or 1 */
    struct recent_record *recent;
    size_t recent_count;
    recorded_fn *done; /* may be NULL */
    void *arg;
    size_t bytes; /* of all of it */
};
struct entry *entry_new(const struct recording *in, int64_t now_ms);
void entry_free(struct entry *e);

#endif
