/* SPDX-License-Identifier: Apache-2.0 */
/* terminal.h - what is at the other end of standard output. */
#ifndef OS_TERMINAL_H
#define OS_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>

bool terminal_is(int fd);

/* Columns: the terminal's own, else $COLUMNS, else 80; 20 to 1000. */
unsigned terminal_width(int fd);

/* Ask for a line on the controlling terminal without showing what is typed; where standard input is no
 * terminal, its first line; *n without the line end.  False: there is none, or it is longer than `room`. */
bool terminal_secret(const char *prompt, char *out, size_t room, size_t *n);

#endif
