/* SPDX-License-Identifier: Apache-2.0 */
/* cli.h - the commands of bguard. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

/* Run what argv asks for; returns the process's exit code (status.def; 1: --fail-on was met). */
int cli_main(int argc, char **argv);

#endif
