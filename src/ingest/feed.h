/* SPDX-License-Identifier: Apache-2.0 */
/* feed.h - a stream of bytes, in pieces of any size, to batches of whole records.
 *
 *     feed_begin(f, &options);
 *     while (there is more) {
 *         taken = feed_push(f, piece);          as much as is wanted; the rest later
 *         while (feed_next(f, FEED_MORE, batch, &stream))
 *             hand on;
 *     }
 *     while (feed_next(f, FEED_END, batch, &stream))
 *         hand on;
 *     if (feed_failed(f, &err)) …
 *
 * The format is found by looking at the first bytes, gzip, xz and zstd are decompressed, UTF-16 with a
 * mark is turned, an .evtx log is taken apart once it is all there.  The pieces do not matter: the
 * same bytes give the same records.  A record that is too long is left out and counted as rejected
 * in the batch.  Bytes are copied once, and buffers are exchanged with the batch, so a feed that is
 * used again allocates nothing.
 *
 * One thread at a time. */
#ifndef INGEST_FEED_H
#define INGEST_FEED_H

#include "base/status.h"
#include "event/batch.h"
#include "parse/parse.h"

struct feed; /* opaque */

struct feed_options {
    struct parse_limits limits;
    size_t batch_bytes; /* 0: 256 KiB */
    bool plain;         /* known to be neither compressed nor UTF-16: not looked for */
    bool forced;        /* use `format` */
    enum parse_format format;
    enum family family; /* log source the user gave, or FAMILY_UNKNOWN */
    str channel;        /* likewise; borrowed until the next feed_begin */
    int64_t now_ms;
};

struct feed *feed_new(void);
void feed_free(struct feed *f); /* NULL is fine */

/* A new stream; what was left of the one before is forgotten, memory is kept. */
void feed_begin(struct feed *f, const struct feed_options *options);

/* The stream goes on where one that began with `head` was left, at line `line`: its format and
 * header are known from there.  Right after feed_begin; for bytes that are neither compressed nor
 * UTF-16. */
void feed_resume(struct feed *f, str head, uint64_t line);

/* Take bytes from the front of `bytes`; how many.  All of them, unless a batch is ready. */
size_t feed_push(struct feed *f, str bytes);

enum feed_more {
    FEED_MORE, /* is coming: wait for a whole batch */
    FEED_IDLE, /* may be long in coming: give what is whole */
    FEED_END   /* nothing is coming: all that is left is whole */
};

/* Fill `b` (cleared first) with whole records and say how to parse them; b->read and b->rejected
 * count those left out.  *stream, and what it points to, lives until the next call with `f`.
 * False: there is nothing (yet). */
bool feed_next(struct feed *f, enum feed_more more, struct batch *b, struct parse_stream *stream);

/* Why the stream is not read any further: ST_INVALID (corrupt), ST_UNSUPPORTED (an archive, a
 * packet capture, …), ST_LIMIT.  ST_OK: it is. */
status feed_failed(const struct feed *f, struct error *err);

/* Before the end: could feed_next hand out anything as it is?  False is certain, true is not.  For who has to
 * find a batch first. */
bool feed_may_have(const struct feed *f);

/* Bytes pushed that were not handed out yet; when they are as they were pushed (no compression,
 * no UTF-16). */
size_t feed_held(const struct feed *f);
bool feed_is_plain(const struct feed *f);
uint64_t feed_line(const struct feed *f);       /* of the first byte held, from 1 */
uint64_t feed_text_bytes(const struct feed *f); /* pushed, decompressed */

#endif
