/* SPDX-License-Identifier: Apache-2.0 */
/* ingest.h - files, folders and standard input to batches of whole records.
 *
 * Inputs are visited in the order given, folders in name order, so a run always
 * sees the same batches.  gzip, xz and zstd are decompressed as they are read,
 * .evtx is opened and its records handed on as XML.  A batch never ends inside
 * a record, nor inside a group of records that belong together. */
#ifndef INGEST_INGEST_H
#define INGEST_INGEST_H

#include "base/status.h"
#include "event/batch.h"
#include "parse/parse.h"

struct ingest_options {
    struct parse_limits limits;
    size_t batch_bytes; /* 0: 256 KiB */
    bool forced;        /* use `format` for every stream */
    enum parse_format format;
    enum family family; /* log source the user gave, or FAMILY_UNKNOWN */
    str channel;        /* likewise; borrowed */
    int64_t now_ms;
};

struct ingest_progress {
    uint64_t bytes_done, bytes_total; /* of the files as stored; total 0 when unknown (stdin) */
    size_t files_done, files_total;
    const char *current; /* path being read */
    uint64_t text_bytes; /* taken from them so far, decompressed; .evtx counts as stored */
};

struct ingest; /* opaque; one thread at a time */

/* `path`: files, folders (recursive), or "-".  ST_NOT_FOUND names a path that does not exist. */
CHECKED status ingest_open(const char *const *path, size_t count,
                           const struct ingest_options *options, struct ingest **out,
                           struct error *err);
void ingest_close(struct ingest *in); /* NULL is fine */

/* Fill `b` (cleared first) with the next whole records and say how to parse them.  *stream lives
 * until ingest_close.  False at the end of all input.  A file that cannot be read or is
 * corrupt is counted (ingest_problem) and skipped from there. */
bool ingest_next(struct ingest *in, struct batch *b, const struct parse_stream **stream);

/* Path of input `file` as the user would name it; lives until ingest_close. Thread-safe. */
const char *ingest_path(const struct ingest *in, uint32_t file);
struct ingest_progress ingest_progress(const struct ingest *in);

struct ingest_problem {
    const char *path;
    char reason[248];
};
size_t ingest_problem_count(const struct ingest *in);
const struct ingest_problem *ingest_problem(const struct ingest *in, size_t i);

#endif
