/* SPDX-License-Identifier: Apache-2.0 */
/* http_int.h - parsing a head and chunks, for http_*.c only. */
#ifndef NET_HTTP_INT_H
#define NET_HTTP_INT_H

#include "net/http_reader.h"

/* Fill r->head from r->bytes, whose lines were checked one by one; false: *no. */
bool http_head_parse(struct http_reader *r, struct http_refusal *no);
/* One line without its CR LF; `first` is the request line. */
bool http_line_check(str line, bool first, struct http_refusal *no);
bool http_is_token(str s);

void http_chunks_init(struct http_chunks *c);
enum http_step http_chunks_next(struct http_chunks *c, str *in, str *piece,
                                struct http_refusal *no);

static inline bool http_refuse(struct http_refusal *no, int code, const char *why)
{
    *no = (struct http_refusal){code, why};
    return false;
}

#endif
