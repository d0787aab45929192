/* SPDX-License-Identifier: Apache-2.0 */
#include "ingest/ingest_int.h"

#include <inttypes.h>
#include <stdarg.h>

void problem_add(struct problems *p, const char *path, const char *fmt, ...)
{
    p->count++;
    if (p->kept.n == PROBLEMS_MAX) {
        struct ingest_problem *last = &p->kept.at[PROBLEMS_MAX - 1];
        last->path = path;
        snprintf(last->reason, sizeof last->reason, "and %" PRIu64 " problems more",
                 p->count - PROBLEMS_MAX);
        return;
    }
    struct ingest_problem *fresh = vec_push(&p->kept);
    fresh->path = path;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(fresh->reason, sizeof fresh->reason, fmt, ap);
    va_end(ap);
}
