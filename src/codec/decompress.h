/* SPDX-License-Identifier: Apache-2.0 */
/* decompress.h - gzip, xz and zstd, told by their first bytes, as a stream.
 *
 * Input is fed as it comes, output taken in blocks; memory is bounded by the
 * window limit whatever the input claims.  Members, streams or frames one
 * after the other are one text, as the command line tools have it.
 * One thread at a time per stream. */
#ifndef CODEC_DECOMPRESS_H
#define CODEC_DECOMPRESS_H

#include "base/sbuf.h"
#include "base/status.h"

enum decompress_kind {
    DECOMPRESS_NONE,
    DECOMPRESS_GZIP,
    DECOMPRESS_XZ,
    DECOMPRESS_ZSTD,
    DECOMPRESS_ZLIB
};

enum {
    DECOMPRESS_MAGIC_SIZE = 6,                 /* bytes that tell the kind */
    DECOMPRESS_WINDOW_MAX = 128 * 1024 * 1024, /* most memory xz and zstd may ask for */
};

struct decompress; /* opaque */

/* By the first bytes of the input (up to DECOMPRESS_MAGIC_SIZE are looked at); never DECOMPRESS_ZLIB, HTTP's
 * "deflate", which has no such mark. */
enum decompress_kind decompress_kind_of(str head);
const char *decompress_kind_name(enum decompress_kind kind);

/* A stream of that kind; DECOMPRESS_NONE copies.  Free with decompress_close. */
struct decompress *decompress_open(enum decompress_kind kind);
/* The same, where xz and zstd may ask for `window_max` bytes (a power of two) only. */
struct decompress *decompress_open_within(enum decompress_kind kind, size_t window_max);
void decompress_close(struct decompress *d); /* NULL is fine */

/* Turn input into output: takes from the front of *in (which shrinks) and
 * writes up to `room` (> 0) bytes to `out`, *n of them.  `last`: nothing
 * follows *in.  Call again with the rest of *in while it is not empty or the
 * output was filled (*n == room).
 * With `last`, an empty *in and *n < room the text is complete.
 * ST_INVALID: corrupt, or with `last` cut short.  ST_LIMIT: needs more memory
 * than it may.  A failure too writes *in and *n: what came out
 * before it is good.  After it only decompress_close. */
CHECKED status decompress_run(struct decompress *d, str *in, bool last, char *out, size_t room,
                              size_t *n, struct error *err);

/* The whole of `in`, its kind told by its first bytes, appended to `out`.
 * ST_LIMIT also when it does not fit into out's cap. */
CHECKED status decompress_all(str in, struct sbuf *out, struct error *err);

#endif
