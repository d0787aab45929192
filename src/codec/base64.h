/* SPDX-License-Identifier: Apache-2.0 */
/* base64.h - RFC 4648.  Pure functions: any thread. */
#ifndef CODEC_BASE64_H
#define CODEC_BASE64_H

#include "base/str.h"

/* Bytes base64_encode writes for n bytes, and at most base64_decode. */
static inline size_t base64_encoded_max(size_t n)
{
    return (n + 2) / 3 * 4;
}
static inline size_t base64_decoded_max(size_t n)
{
    return n / 4 * 3 + 3;
}

/* Standard alphabet with padding; url: `-_` without.  Returns the length. */
size_t base64_encode(str in, char *out);
size_t base64url_encode(str in, char *out);

/* Either alphabet, padding optional but right when there; anything else,
 * white space included, is refused.  `out` may be in.p.  Strict about unused
 * bits being zero.  On success *n bytes were written. */
bool base64_decode(str in, char *out, size_t *n);

/* Decode, and read the bytes as UTF-16LE when that is what they look like
 * (PowerShell's -EncodedCommand), else leave them.  Room: 2 * base64_decoded_max. */
bool base64_decode_utf16le(str in, char *out, size_t *n);

#endif
