/* SPDX-License-Identifier: Apache-2.0 */
/* request.h - for files in parse/ only: HTTP request lines. */
#ifndef PARSE_REQUEST_H
#define PARSE_REQUEST_H

#include "parse/parse_int.h"

/* Add url.original and what it consists of (parse_web.h).  Empty and "-" add nothing.
 *
 * Sigma rules of web servers mostly say cs-uri-query and mean the whole target, path included, so
 * the whole is also added as a second value of url.query, marked FIELD_COPY. */
void request_add_target(struct parse *p, str target);

/* Add method, target and version of "GET /index.html HTTP/1.1".  What is not of that form
 * becomes url.original as it is. */
void request_add(struct parse *p, str request);

#endif
