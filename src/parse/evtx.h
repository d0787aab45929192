/* SPDX-License-Identifier: Apache-2.0 */
/* evtx.h - binary Windows event logs: each record as the XML of its event.
 *
 *     struct evtx *e;
 *     if (evtx_open(path, &e, err) != ST_OK) …
 *     while ((got = evtx_next(e, &xml, &number, err)) != EVTX_END)
 *         …
 *     evtx_close(e);
 *
 * A file is a header and chunks of 64 KiB, read one at a time, that know nothing of each other.
 * What is damaged is reported and passed over: a record, the rest of a chunk, a chunk.  Records
 * that were deleted are not looked for.  One thread at a time per file. */
#ifndef PARSE_EVTX_H
#define PARSE_EVTX_H

#include "base/sbuf.h"
#include "base/status.h"

struct evtx; /* opaque */

/* ST_NOT_FOUND or ST_IO: cannot be read.  ST_INVALID: no event log.  *out is the caller's:
 * evtx_close. */
CHECKED status evtx_open(const char *path, struct evtx **out, struct error *err);
/* The same for a log in memory, which must stay until evtx_close. */
CHECKED status evtx_open_bytes(str bytes, struct evtx **out, struct error *err);
void evtx_close(struct evtx *e); /* NULL is fine */

enum evtx_result {
    EVTX_END,
    EVTX_RECORD,
    EVTX_BAD /* a record, or what may have been many; err says where and why */
};

/* Append the XML of the next record and a line end to `out`; *number is its record id, 0 when that
 * is not known.  Past out's cap a record is bad. */
enum evtx_result evtx_next(struct evtx *e, struct sbuf *out, uint64_t *number, struct error *err);

/* Bytes of the file gone through so far. */
uint64_t evtx_done(const struct evtx *e);

#endif
