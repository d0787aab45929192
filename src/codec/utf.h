/* SPDX-License-Identifier: Apache-2.0 */
/* utf.h - UTF-8 and UTF-16.  Pure functions: any thread. */
#ifndef CODEC_UTF_H
#define CODEC_UTF_H

#include "base/str.h"

enum { UTF_REPLACEMENT = 0xfffd };

/* Valid UTF-8 throughout (no surrogates, no overlong forms, up to U+10FFFF)? */
bool utf8_valid(str s);

/* The code point at the start of `s` (not empty) and its length in *n; for
 * bytes that are not UTF-8 UTF_REPLACEMENT and the 1 to 3 bytes to pass over
 * (the maximal subpart, as the Unicode standard recommends), with *ok false.
 * ok may be NULL. */
uint32_t utf8_next(str s, size_t *n, bool *ok);

/* Write code point `c` (a surrogate or too large: U+FFFD); returns 1..4. */
size_t utf8_put(uint32_t c, char out[static 4]);

/* UTF-8 to UTF-16 without a byte order mark.  Writes at most 2 * in.n bytes
 * and returns how many.  Bad bytes become U+FFFD, one to each maximal subpart. */
size_t utf8_to_utf16le(str in, char *out);
size_t utf8_to_utf16be(str in, char *out);

/* UTF-16 to UTF-8.  Writes at most in.n / 2 * 3 bytes and returns how many.
 * Lone surrogates become U+FFFD; an odd last byte is dropped. */
size_t utf16le_to_utf8(str in, char *out);
size_t utf16be_to_utf8(str in, char *out);

#endif
