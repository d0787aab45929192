/* SPDX-License-Identifier: Apache-2.0 */
/* terminal.h - what is at the other end of standard output. */
#ifndef OS_TERMINAL_H
#define OS_TERMINAL_H

#include <stdbool.h>

bool terminal_is(int fd);

/* Columns: the terminal's own, else $COLUMNS, else 80; 20 to 1000. */
unsigned terminal_width(int fd);

#endif
