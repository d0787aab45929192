/* SPDX-License-Identifier: Apache-2.0 */
/* evtx.h - binary Windows event logs, read with libevtx: each record as the XML of its event.
 *
 *     struct evtx *e;
 *     if (evtx_open(path, &e, err) != ST_OK) …
 *     while ((got = evtx_next(e, &xml, &number, err)) != EVTX_END)
 *         …
 *     evtx_close(e);
 *
 * Records of chunks that are damaged are reported one by one and passed over.  One thread at a
 * time per file. */
#ifndef PARSE_EVTX_H
#define PARSE_EVTX_H

#include "base/sbuf.h"
#include "base/status.h"

struct evtx; /* opaque */

/* ST_IO: cannot be read.  ST_INVALID: no event log.  *out is the caller's: evtx_close. */
CHECKED status evtx_open(const char *path, struct evtx **out, struct error *err);
/* The same for a log in memory, which must stay until evtx_close. */
CHECKED status evtx_open_bytes(str bytes, struct evtx **out, struct error *err);
void evtx_close(struct evtx *e); /* NULL is fine */

/* How many records there are, those that cannot be read included. */
size_t evtx_count(const struct evtx *e);

enum evtx_result {
    EVTX_END,
    EVTX_RECORD,
    EVTX_BAD /* this record cannot be read; err says why */
};

/* Append the XML of the next record and a line end to `out`; *number is its EventRecordID, or,
 * for one that cannot be read, its place in the file from 1. */
enum evtx_result evtx_next(struct evtx *e, struct sbuf *out, uint64_t *number, struct error *err);

#endif
