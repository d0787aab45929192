/* SPDX-License-Identifier: Apache-2.0 */
/* follow.h - files that grow, as `tail -F` has it.
 *
 * Paths and globs are watched (inotify, and by looking once a second); what is added is handed to
 * the sink, whole records, as soon as the file pauses.  A file that was renamed is read to its end,
 * and followed until nobody has written to it for a while; then, or at once, what stands under its
 * name is read.  A file that was cut, or cut and written anew (known by its first 1,024 bytes), is
 * read from its beginning.  Compressed files are left alone: they were followed before.
 *
 * Each batch says how far its source was read (label->position): a text for the caller to keep
 * with what the batch led to, and to give back at the next start.  Then nothing is lost and
 * nothing comes twice, also when the file was renamed meanwhile, as long as it is in the same
 * folder.  Files that were made and renamed while nobody looked are not known.
 *
 * follow_run, on a thread of its own, does it all; only follow_stop, follow_room and follow_state may
 * be called from other threads.  A file that cannot be opened is looked at again with every look; the
 * log has it once, as it has a pattern that matches nothing at the start. */
#ifndef INGEST_FOLLOW_H
#define INGEST_FOLLOW_H

#include "base/status.h"
#include "ingest/sink.h"

struct follow_input {
    const char *pattern; /* a path, or a glob (glob(7)) */
    const char *tenant;
    bool
        from_end; /* of files there at a start without their position: only what is added from now */
    bool forced;  /* use `format` */
    enum parse_format format;
    enum family family;
    const char *channel; /* NULL: none */
};

struct follow_position { /* as a label had it */
    str source, text;
};

struct follow_options {
    const struct follow_input
        *input; /* strings and array: borrowed as long as the follower lives */
    size_t input_count;
    const struct follow_position *position; /* borrowed for follow_new */
    size_t position_count;
    struct parse_limits limits;
    size_t files;      /* open at once; what is more waits; 0: 1,024 */
    uint32_t poll_ms;  /* how often to look for files; 0: 1,000 */
    uint32_t quiet_ms; /* a renamed file is closed after so long without a byte; 0: 10,000 */
};

/* What there was when files were looked for the last time. */
struct follow_state {
    size_t files;      /* that are read */
    size_t unreadable; /* there, and cannot be opened, or a folder that cannot be looked into */
    char trouble[160]; /* of the first: "'PATH': why" */
};

struct follow; /* opaque */

/* `sink` is copied; its functions are called on the thread of follow_run.
 * ST_LIMIT, ST_IO: the system gives no descriptors. */
CHECKED status follow_new(const struct follow_options *options, const struct ingest_sink *sink,
                          struct follow **out, struct error *err);
void follow_free(struct follow *f); /* not running; NULL is fine */

/* Follow until follow_stop. */
void follow_run(struct follow *f);
void follow_stop(struct follow *f);                 /* thread-safe */
void follow_room(struct follow *f);                 /* thread-safe: the sink has room again */
struct follow_state follow_state(struct follow *f); /* thread-safe */

#endif
