/* SPDX-License-Identifier: Apache-2.0 */
/* help.h - everything the tables can say about themselves. */
#ifndef CLI_HELP_H
#define CLI_HELP_H

#include "cli/args.h"

void help_overview(FILE *to);
void help_command(FILE *to, enum command c);

/* man.c: the manual page, roff with the man macros. */
void help_man(FILE *to);

/* completion.c.  ST_NOT_FOUND: not bash, zsh or fish. */
CHECKED status help_completion(FILE *to, const char *shell, struct error *err);

/* Whether the table's default of `o` is worth showing. */
static inline bool help_has_default(const struct option_info *o)
{
    return *o->otherwise != '\0';
}

#endif
