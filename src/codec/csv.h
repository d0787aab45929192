/* SPDX-License-Identifier: Apache-2.0 */
/* csv.h - rows of separated values (RFC 4180) from a borrowed buffer.
 *
 *     struct csv c;
 *     csv_init(&c, text, ',', 256, &arena);
 *     while ((st = csv_next(&c, &row, err)) == ST_OK) ...
 *     if (st != ST_NOT_FOUND) return st;
 *
 * Lines end in LF or CRLF; empty lines are passed over.  A quoted cell may
 * hold separators, line ends and "" for a quote.  One thread at a time. */
#ifndef CODEC_CSV_H
#define CODEC_CSV_H

#include "base/arena.h"
#include "base/status.h"

struct csv_row {
    const str *cell; /* valid until the next csv_next */
    size_t count;
    uint32_t line; /* 1-based, where the row begins */
};

struct csv {
    const char *p, *end; /* borrowed */
    char separator;
    uint32_t line;
    size_t columns_max;
    str *cell;           /* lives in arena */
    struct arena *arena; /* borrowed */
};

/* `separator`: usually ',' ';' or '\t'.  The cells of a row point into `text`;
 * only those with "" in them are copied into `arena`, which also holds the row
 * itself and must last as long as the csv. */
void csv_init(struct csv *c, str text, char separator, size_t columns_max, struct arena *arena);

/* The next row.  ST_NOT_FOUND: no more (err untouched).  ST_INVALID: a quote
 * left open or followed by junk ("line N: ...").  ST_LIMIT: too many columns,
 * or the arena is full.  After a failure the next call goes on with the line
 * after the offending one. */
CHECKED status csv_next(struct csv *c, struct csv_row *row, struct error *err);

/* The index of the column called `name` (ASCII case ignored), or -1. */
int csv_column(const struct csv_row *header, str name);

#endif
