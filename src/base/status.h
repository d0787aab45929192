/* SPDX-License-Identifier: Apache-2.0 */
/* status.h - why a call failed.
 *
 * One small enum crosses every layer.  A function that can fail for a reason a
 * person would want to read also takes a trailing `struct error *`, which it
 * fills on failure and leaves alone on success.  NULL means "code is enough".
 */
#ifndef BASE_STATUS_H
#define BASE_STATUS_H

#include "base/compiler.h"

typedef enum {
#define X(name, text, http, exit) name,
#include "base/status.def"
} status;

struct error {
    status code;
    char text[248]; /* NUL terminated, cut if too long */
};

const char *status_text(status s);
int status_http(status s);
int status_exit(status s); /* process exit code */

/* Record a failure and hand the code back, so a caller can write
 *     return fail(err, ST_INVALID, "line %d: missing colon", line);
 * err may be NULL. */
status fail(struct error *err, status code, const char *fmt, ...) PRINTF(3, 4);

/* Put "what: " in front of the text already in err; hands back err's code
 * (`code` when err is NULL).  For the one prefix a caller may add. */
status fail_prefix(struct error *err, status code, const char *fmt, ...) PRINTF(3, 4);

#endif
