/* SPDX-License-Identifier: Apache-2.0 */
/* records.h - for files in api/ only: the events a body of /api/threat/detect-realtime asks about, as one run of records.
 *
 * {"event": E}, {"events": [E, …]}: E is an object (a record of JSON) or a string (a record of anything, such as a line of
 * syslog).  Any other body is records as they are; so is an object with a member "event" and others behind it, as
 * the Elastic Common Schema has. */
#ifndef API_RECORDS_H
#define API_RECORDS_H

#include "base/sbuf.h"
#include "base/status.h"

enum { RECORDS_MAX = 1000 };

/* *wrapped: `body` was of that form, and `out` has its records, a line end behind each; they are `*count`.  Else
 * nothing was done.  ST_INVALID: of that form, but wrong ("/events/3: expected an object or a string"); ST_LIMIT: more than
 * RECORDS_MAX. */
CHECKED status records_unwrap(str body, struct sbuf *out, bool *wrapped, size_t *count,
                              struct error *err);

#endif
