/* SPDX-License-Identifier: Apache-2.0 */
/* flate.h - one message as raw deflate (RFC 1951), as WebSocket wants it (RFC 7692, section 7.2):
 * each by itself, ended by a sync flush whose last four bytes 00 00 FF FF are left out.
 * Pure functions: any thread. */
#ifndef CODEC_FLATE_H
#define CODEC_FLATE_H

#include "base/sbuf.h"
#include "base/status.h"

/* Append `in` compressed to `out`, which is full afterwards when it did not fit. */
void flate_message(str in, struct sbuf *out);

/* Append what `in` (not more than 4 GiB) holds to `out`.  ST_LIMIT: more than fits into out's cap; no more
 * than that is ever written.  ST_INVALID: corrupt or cut short. */
CHECKED status unflate_message(str in, struct sbuf *out, struct error *err);

#endif
