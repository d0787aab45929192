/* SPDX-License-Identifier: Apache-2.0 */
/* jobs.h - models trained while the service runs: each by a `bguard model train` of its own, so that neither a fault nor
 * its hunger for memory is the service's.
 *
 *   jobs/ID/job.json   what it is and how it went, replaced whole at each change
 *   jobs/ID/rows       data that came with the request
 *   jobs/ID/progress   lines of JSON, by the child; the last one counts
 *   jobs/ID/model.bgm  what it made: put on the shelf, then removed with the rest
 *
 * At most `running` at a time; the last `kept` are remembered.  A job that ran when the service ended is
 * "interrupted".  Thread-safe: one lock. */
#ifndef API_JOBS_H
#define API_JOBS_H

#include "ml/shelf.h"
#include "os/uid.h"

enum job_state { JOB_RUNNING, JOB_DONE, JOB_FAILED, JOB_CANCELLED, JOB_INTERRUPTED, JOB_STATES };
const char *job_state_name(enum job_state s);

struct job_record {
    char id[UID_SIZE];
    char kind[24], name[64], data[256], format[24], by[72];
    char version[16]; /* of what it made; empty: nothing yet */
    char why[200];    /* of a failure */
    enum job_state state;
    int64_t started_ms, ended_ms; /* ended: 0 while it runs */
    char progress[512];           /* the last line, JSON; empty: none yet */
};

struct json_out;
/* Members of an object: id, kind, name, data, format, by, state. */
void job_write_terms(struct json_out *o, const struct job_record *r);

struct jobs; /* opaque */
struct jobs_options {
    const char *folder;    /* made if it is not there */
    const char *program;   /* NULL: this one */
    struct shelf *shelf;   /* borrowed */
    unsigned running;      /* 0: 1 */
    size_t kept;           /* 0: 50 */
    uint64_t memory_bytes; /* of each; 0: any */
    int64_t (*now_ms)(void);
};
CHECKED status jobs_open(const struct jobs_options *o, struct jobs **out, struct error *err);
/* Those that run are ended.  NULL is fine. */
void jobs_close(struct jobs *j);

struct job_request {
    str kind, name, format; /* format empty: csv */
    str data;               /* path; empty: `rows` alone */
    str label;              /* what people are told of the data; empty: rows of the request */
    str rows;               /* bytes of a file */
    str base;               /* path of more data of the same format, or empty */
    str option;             /* "name=value,…" of the kind, or empty */
    str note;               /* for the card */
    unsigned
        weight; /* not 0: `rows` are verdicts, each so many times; `data` and `base` are beside them, or nothing */
    bool shadow; /* what comes out scores in shadow at once */
    str by;
    int64_t seed;
    double fpr; /* 0: not said */
};
/* ST_BUSY: as many run as may; ST_IO, ST_NOT_FOUND: it cannot be started. */
CHECKED status jobs_start(struct jobs *j, const struct job_request *r, struct job_record *out,
                          struct error *err);
/* The latest first, in `arena`. */
CHECKED status jobs_list(struct jobs *j, struct arena *arena, struct job_record **out, size_t *n,
                         struct error *err);
CHECKED status jobs_get(struct jobs *j, str id, struct job_record *out, struct error *err);
/* ST_CONFLICT: it runs no more. */
CHECKED status jobs_cancel(struct jobs *j, str id, struct job_record *out, struct error *err);
/* See which have ended.  Every second or so; the others do it too. */
void jobs_tick(struct jobs *j);

#endif
