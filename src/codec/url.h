/* SPDX-License-Identifier: Apache-2.0 */
/* url.h - percent encoding (RFC 3986).  Pure functions: any thread. */
#ifndef CODEC_URL_H
#define CODEC_URL_H

#include "base/sbuf.h"
#include "base/str.h"

/* Replace %hh by the byte; with `plus` also '+' by a space (query strings).
 * What is no escape stays.  Writes at most in.n bytes to `out`, which may be
 * in.p, and returns how many. */
size_t url_decode(str in, bool plus, char *out);

/* Escape all but letters, digits and -._~ */
void url_encode(struct sbuf *to, str in);

#endif
