/* SPDX-License-Identifier: Apache-2.0 */
/* cli.h - the commands of bguard. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "base/sbuf.h"
#include "base/status.h"

struct args;

/* Commands that are more than the command line: they come from above it.  Each returns the exit
 * code, as any command does. */
struct cli_service {
    int (*serve)(const struct args *a);
    int (*config)(const struct args *a);
    int (*openapi)(const struct args *a);
};

/* Run what argv asks for; returns the process's exit code (status.def; 1: --fail-on was met). */
int cli_main(int argc, char **argv, const struct cli_service *service);

/* ---- for those commands ---- */

/* "bguard: text" on stderr; returns the exit code of err->code. */
int cli_fail(const struct error *err);
/* The same for a note: what went wrong without ending the work. */
void cli_note(const char *fmt, ...) PRINTF(1, 2);
/* One JSON document on standard output, complete with its line end; clears `text`. */
void cli_print_json(struct sbuf *text);

#endif
