/* SPDX-License-Identifier: Apache-2.0 */
/* child.h - another program, run for its result: its output goes to files.
 *
 * It has no open file of ours, no signal blocked, a process group of its own and a lower priority.  One thread at a time. */
#ifndef OS_CHILD_H
#define OS_CHILD_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

struct child {
    int pid; /* 0: none */
};
struct child_options {
    const char *const *argv; /* [0] is the program's path; ends with NULL */
    const char *out,
        *err; /* files that standard output and error are appended to, made 0600; NULL: nowhere */
    uint64_t memory_bytes; /* most of its address space; 0: as ours */
};
/* ST_NOT_FOUND, ST_IO: it cannot be started. */
CHECKED status child_start(const struct child_options *o, struct child *out, struct error *err);
/* True once it has ended: *code is its exit code, or -1 when a signal ended it.  Then there is no child any more. */
bool child_ended(struct child *c, int *code);
/* Ask it, and those it started, to end; `now`: do not ask. */
void child_stop(struct child *c, bool now);
/* Wait for its end. */
void child_join(struct child *c);

#endif
