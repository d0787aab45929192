/* SPDX-License-Identifier: Apache-2.0 */
/* html.h - for files in report/ only: text into a page.
 *
 * Titles, reasons and evidence are attackers' text.  html_text is the only way
 * any of it gets in: it cannot end an element or an attribute, and characters
 * that hide or turn text are shown as what they are. */
#ifndef REPORT_HTML_H
#define REPORT_HTML_H

#include "report/report_int.h"

/* `s` escaped, at most `max` bytes of it (0: all) and an ellipsis. */
void html_text(struct sbuf *to, str s, size_t max);

/* `markup` is ours: %s in it is replaced by escaped text, nothing else is special. */
void html_put(struct sbuf *to, const char *markup, str text);

void html_time(struct sbuf *to, int64_t ms); /* nothing for TIME_NONE */
void html_level(struct sbuf *to, enum level l);
void html_number(struct sbuf *to, uint64_t n);
void html_tactics(struct sbuf *to, uint64_t bits); /* their names */

/* Stacked bars, and techniques in columns by tactic; nothing when there is nothing. */
void html_timeline(struct sbuf *to, const struct tally_timeline *t);
void html_heat_map(struct sbuf *to, const struct tally_technique *t, size_t n);

/* The style sheet, light and dark. */
extern const char html_style[];

#endif
