/* SPDX-License-Identifier: Apache-2.0 */
/* alert.h - alerts as they are kept, and how far each source was read.
 *
 * The pipeline commits findings and positions in one transaction, so after a crash each event that was
 * acknowledged has led to its alert exactly once.  See store.h for statuses and threads. */
#ifndef STORE_ALERT_H
#define STORE_ALERT_H

#include "event/finding.h"
#include "os/uid.h"
#include "store/store.h"

enum alert_status {
#define X(NAME, name, doc) ALERT_##NAME,
#include "store/alert_status.def"
    ALERT_STATUS_COUNT
};
const char *alert_status_name(enum alert_status s);
bool alert_status_find(str name, enum alert_status *out);

struct alert_record {
    str id; /* ULID */
    str tenant;
    str group; /* what makes findings repeats of each other; see alert/alert.h */
    enum finding_kind kind;
    enum level level;
    float score_01;
    str rule, title; /* the same in all findings of a group */
    str reason;      /* of the latest finding; of a model: of that with the highest score */
    str entity;      /* JSON object */
    str technique;   /* JSON array of ids */
    str evidence;    /* JSON object: of the first finding; of a model: as the reason */
    str source;      /* where the first event came from */
    int64_t first_ms, last_ms; /* time of the first and the latest event */
    int64_t created_ms, changed_ms;
    uint64_t count;
    enum alert_status status;
    str owner, note;    /* who acknowledged or closed it, and why */
    int64_t decided_ms; /* when; 0: nobody did */
    uint64_t seq;       /* grows with every change of any alert; what live clients resume from */
};

/* An event behind an alert; the first ALERT_EVENTS_MAX of each are kept. */
enum { ALERT_EVENTS_MAX = 20 };
struct alert_event {
    str id; /* event id */
    int64_t time_ms;
    str raw, format;
};

/* How far a source was read: `value` is the source's own words.  A source that begins with POSITION_ONCE is
 * an idempotency key: it is forgotten after store_retention's positions_ms, a file's position never. */
#define POSITION_ONCE "once:"
struct position_record {
    str source, value;
    int64_t changed_ms;
};

/* A record that correlations may still need after a restart. */
struct recent_record {
    str tenant, format, raw;
    int64_t time_ms; /* when it was taken in */
};

struct store_commit {
    int64_t now_ms;
    int64_t group_ms; /* a finding joins an open alert last seen at most so long ago */
    const struct alert_record
        *alert; /* one a finding: id, created_ms, changed_ms, seq, status: left empty */
    const struct alert_event *event; /* one a finding; raw may be empty */
    size_t alert_count;
    const struct position_record *position;
    size_t position_count;
    const struct recent_record *recent;
    size_t recent_count;
    uint64_t first_seq; /* finding i makes change first_seq + i */
    /* For who tries again; optional, points to 0 at first.  Set when the connection was lost while the database was at
     * it, so that nobody knows what came of it: the next try of the same finds that out before it does anything. */
    uint64_t *doubt;
};
struct commit_result { /* one a finding */
    char id[UID_SIZE];
    bool is_new;
    uint64_t count;
    int64_t first_ms, last_ms;
    enum level level; /* the highest yet */
    enum alert_status status;
};
/* All of it or nothing.  `out` has alert_count places; what a failure with *doubt wrote there is wanted by the next try. */
CHECKED status store_commit(struct store *s, const struct store_commit *c,
                            struct commit_result *out, struct error *err);
/* The highest seq given out yet. */
CHECKED status store_seq(struct store *s, uint64_t *out, struct error *err);

/* ST_NOT_FOUND: never read. */
CHECKED status store_position(struct store *s, struct arena *a, str source,
                              struct position_record *out, struct error *err);
/* Those of sources that begin with `prefix`, which ends in a colon. */
CHECKED status store_position_list(struct store *s, struct arena *a, str prefix,
                                   struct position_record **out, size_t *n, struct error *err);
/* In the order they were taken in, at most `most` after the one that *after says (0: from the first); *after follows.
 * ST_LIMIT: they are more than the arena holds; ask for fewer. */
CHECKED status store_recent_list(struct store *s, struct arena *a, int64_t since_ms,
                                 uint64_t *after, size_t most, struct recent_record **out,
                                 size_t *n, struct error *err);
/* Forget those taken in before `before_ms`, and all but the latest `most`; a bounded number a call.
 * *more: call again. */
CHECKED status store_recent_expire(struct store *s, int64_t before_ms, uint64_t most, bool *more,
                                   struct error *err);

struct alert_filter {
    str tenant;             /* required; empty: every tenant's (exports of the installation) */
    int64_t from_ms, to_ms; /* last_ms within [from, to); 0: open */
    str entity;             /* a value among its entities' */
    str rule;               /* id or title of a detector */
    str text;               /* in title or reason */
    enum level min_level;
    unsigned status_mask; /* 1 << enum alert_status; 0: any */
    uint64_t after_seq;   /* changed since; with it the order is by seq, upwards */
    str cursor;           /* of the page before; empty: the first */
    size_t limit;         /* 1..1,000 */
};
/* Latest first.  *next: cursor of the next page, empty at the end.  ST_INVALID: no such cursor. */
CHECKED status store_alert_list(struct store *s, struct arena *a, const struct alert_filter *f,
                                struct alert_record **out, size_t *n, str *next, struct error *err);
CHECKED status store_alert_get(struct store *s, struct arena *a, str tenant, str id,
                               struct alert_record *out, struct error *err);
/* The events kept of an alert, in the order they came; none when the tenant has no such alert. */
CHECKED status store_alert_events(struct store *s, struct arena *a, str tenant, str id,
                                  struct alert_event **out, size_t *n, struct error *err);
/* A person's decision.  ST_CONFLICT: closed already (by whom: text). A closed alert takes no more repeats. */
CHECKED status store_alert_decide(struct store *s, struct arena *a,
                                  const struct alert_record *decided, struct alert_record *out,
                                  struct error *err);
struct alert_counts {
    uint64_t by_status[ALERT_STATUS_COUNT], open_by_level[LEVEL_COUNT];
};
CHECKED status store_alert_counts(struct store *s, str tenant, struct alert_counts *out,
                                  struct error *err);

#endif
