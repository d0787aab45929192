/* SPDX-License-Identifier: Apache-2.0 */
/* finding.h - for files in api/ only: findings as the API shows them.
 *
 * An event's verdict is that of its worst finding: malicious from level high, suspicious from low, else benign. */
#ifndef API_FINDING_H
#define API_FINDING_H

#include "api/schema.h"
#include "event/batch.h"
#include "event/finding.h"

extern const struct schema schema_finding;
extern const char *const verdict_names[]; /* benign, suspicious, malicious, NULL */

const char *verdict_of(enum level worst, bool any);
void finding_write_json(struct json_out *o, const struct finding *f);

/* The member "errors": the first records of a batch that could not be read, each with its line and the reason. */
extern const struct schema schema_reject;
void reject_write_json(struct json_out *o, const struct batch *b);
void reject_write_one(struct json_out *o, uint64_t line, str reason);

#endif
