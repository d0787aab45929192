/* SPDX-License-Identifier: Apache-2.0 */
/* text.h - text for a terminal.
 *
 * Logs are written by attackers too.  Whatever comes from outside goes through
 * print_text, so that no byte of it moves the cursor, changes a colour, or
 * makes the line read differently from what it says. */
#ifndef REPORT_TEXT_H
#define REPORT_TEXT_H

#include "event/finding.h"

#include <stdio.h>

struct style {
    FILE *to;       /* borrowed */
    bool colour;    /* escape sequences are welcome */
    unsigned width; /* columns of the terminal; 0: lines may be of any length */
};

/* `s` with control characters, bytes that are not UTF-8 and characters that turn or hide text as
 * \xNN, cut to `max` columns with an ellipsis (0: whole).  Returns the columns used. */
size_t print_text(FILE *to, str s, size_t max);

/* Characters that show as nothing or as a line break, move the cursor, or turn what follows. */
bool text_misleads(uint32_t c);

/* As print_text, then spaces up to `columns`; 0: neither cut nor filled. */
void print_column(FILE *to, str s, size_t columns);

/* "2024-05-17 08:31:02", or as many spaces for TIME_NONE. */
enum { TIME_COLUMNS = 19, LEVEL_COLUMNS = 8 };
void print_time(FILE *to, int64_t ms);

/* "critical", …, "info", in its colour, filled to LEVEL_COLUMNS. */
void print_level(const struct style *s, enum level l);

/* What follows is dim, bold, or plain again; nothing without colour. */
void print_dim(const struct style *s);
void print_bold(const struct style *s);
void print_plain(const struct style *s);

/* "1 event", "12,345 events". */
void print_count(FILE *to, uint64_t n, const char *one, const char *many);

/* 12,345 */
enum { GROUPED_SIZE = 28 };
void format_grouped(uint64_t n, char out[static GROUPED_SIZE]);

#endif
