/* SPDX-License-Identifier: Apache-2.0 */
/* json_walk.h - for json_run.c: one JSON record to an event. */
#ifndef PARSE_JSON_WALK_H
#define PARSE_JSON_WALK_H

#include "parse/json_int.h"

/* Read the record that `text` starts with, a JSON object; what follows it is not looked at.
 * ST_OK: its event is begun and complete.  Else p->why says what is wrong: ST_LIMIT when the
 * object is good JSON but refused, ST_INVALID when it is not.  *used: how far was read; all of
 * the object but for ST_INVALID.  Needs w->p, format and table. */
status json_record(struct json_walk *w, str text, size_t *used);

#endif
