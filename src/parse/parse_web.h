/* SPDX-License-Identifier: Apache-2.0 */
/* parse_web.h - for files in parse/ only: what several formats derive from a value. */
#ifndef PARSE_PARSE_WEB_H
#define PARSE_PARSE_WEB_H

#include "parse/parse_int.h"

/* A request target or whole URL: adds url.path, url.query and url.extension, and url.domain when
 * there is a host in it and the event has none yet, all FIELD_DERIVED slices of `url`.  Does not
 * add url.original itself.  `flags`: FIELD_ESCAPED when `url` is still JSON-escaped. */
void parse_add_url(struct parse *p, str url, unsigned flags);

/* "SHA1=..,MD5=..,SHA256=..", or one bare digest told by its length: adds file.hash.*, derived. */
void parse_add_hashes(struct parse *p, str hashes);

#endif
