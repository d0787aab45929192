/* SPDX-License-Identifier: Apache-2.0 */
/* event_json.h - for files in cli/ only: a normalised event as one JSON object.
 *
 * Dotted ECS names as keys, a list where a field has several values.  Besides
 * the event's own fields: `@timestamp`, `event.module` and `event.dataset` (its
 * family and channel, unless the record says), `log.file.path` and
 * `log.file.line`, and our stable id: as `event.id`, or where the source has
 * an id of its own there as `event.hash`. */
#ifndef CLI_EVENT_JSON_H
#define CLI_EVENT_JSON_H

#include "base/sbuf.h"
#include "base/vec.h"
#include "event/dict.h"

/* Scratch; all-zero is valid. */
struct event_json {
    uint32_t *first;    /* owned; field id → its first place in the event, plus one; else 0 */
    VEC(uint32_t) next; /* place → the next one with its id, plus one */
    VEC(uint32_t) last;
};
void event_json_done(struct event_json *j);

/* Appends the object and a line end. */
void event_json_print(struct event_json *j, const struct dict *dict, struct event *e,
                      const char *path, struct sbuf *out);

#endif
