/* SPDX-License-Identifier: Apache-2.0 */
/* compress.h - gzip (RFC 1952) of a whole text.
 *
 * One thread at a time per `struct compress`; it is worth keeping, as its tables are some 256 KiB. */
#ifndef CODEC_COMPRESS_H
#define CODEC_COMPRESS_H

#include "base/sbuf.h"

#include <stdbool.h>

struct compress; /* opaque */

struct compress *compress_new(int level); /* 1 fast … 9 small */
void compress_free(struct compress *c);   /* NULL is fine */

/* Append `in` as one gzip member to `out`; false when it does not fit into out's cap, which then is as it was. */
bool compress_gzip(struct compress *c, str in, struct sbuf *out);

#endif
