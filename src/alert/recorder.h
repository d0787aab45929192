/* SPDX-License-Identifier: Apache-2.0 */
/* recorder.h - findings to alerts: the one writer between the pipeline and the store.
 *
 * Results are queued by any thread and committed in groups by one, with the position of
 * the source they came from; what was committed is published on the bus, then each result's `done` is
 * told.  While the store does not answer, results stay queued (recorder_has_room says no) and the commit is tried again. */
#ifndef ALERT_RECORDER_H
#define ALERT_RECORDER_H

#include "bus/bus.h"
#include "event/finding.h"
#include "store/alert.h"

typedef void recorded_fn(void *arg, status s, const struct commit_result *alert, size_t count);

/* What a source hangs on its job (engine_job's token) so that it is told; lives until it was.  Who delivers the job calls
 * `seen` first, which may still say how far the source was read (the job's position); then queues the result with
 * `done`, and calls that itself where the recorder was stopped. */
struct engine_result;
struct recorded_token {
    recorded_fn *done;
    void *arg;
    void (*seen)(void *arg, const struct engine_result *r); /* optional */
};

struct recorder; /* opaque */
struct recorder_options {
    size_t max_bytes;  /* of results waiting; 0: 64 MiB */
    int64_t group_ms;  /* repeats of an alert join it for so long; 0: 24 h */
    uint32_t retry_ms; /* between tries while the store fails; 0: 250 */
};

struct recorded { /* a finding with the event behind it; borrowed for the call */
    const struct finding *finding;
    str raw, format;  /* the event's record; may be empty */
    const char *path; /* where it came from */
};

struct recording { /* the result of one batch, of one tenant; borrowed for the call */
    str tenant;
    const struct recorded *item;
    size_t count;
    const struct position_record *position; /* NULL: none */
    const struct recent_record *recent;     /* records that fed correlations */
    size_t recent_count;
    /* Called once, on the recorder's thread: ST_OK when it is committed; ST_UNAVAILABLE when the recorder was stopped before
     * (a part of it may then be committed).  `alert` are the alerts made of the items, in order; the id is empty of one
     * that the store refused for its own fault, which is dropped, counted and logged.  Optional. */
    recorded_fn *done;
    void *arg;
};

struct recorder *recorder_new(struct store *store, struct bus *bus,
                              const struct recorder_options *options);
/* Not running; what still waits is told ST_UNAVAILABLE.  NULL is fine. */
void recorder_free(struct recorder *r);

/* Copied and queued; texts are cut to sane lengths.  Sources ask recorder_has_room before they read more; what was under way by then is
 * taken past max_bytes.  There is an end to that, RECORDER_HARD_FACTOR times max_bytes, but for what has a position: a later one of its
 * source would be committed past what was refused, and of these no more can come than the engine has jobs.
 * ST_LIMIT: past it.  ST_UNAVAILABLE: the recorder was stopped.  After either nothing was taken and `done` will not be called.
 * Nothing to commit (no findings, position or recent records) is done at once, on the calling thread. */
enum { RECORDER_HARD_FACTOR = 4 };
CHECKED status recorder_add(struct recorder *r, const struct recording *in);
/* Commit until recorder_stop; then what is queued, as long as each try succeeds. */
void recorder_run(struct recorder *r);
void recorder_stop(struct recorder *r);
/* Is there room? Asked by sources before they read more. */
bool recorder_has_room(const struct recorder *r);
/* Since when commits fail (Unix ms; 0: they do not), and why. */
int64_t recorder_failing_since(struct recorder *r, struct error *why);

#endif
