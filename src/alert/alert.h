/* SPDX-License-Identifier: Apache-2.0 */
/* alert.h - what an alert is to people: how findings are grouped, how it is shown, how it is decided.
 *
 * Thread-safe; may block (store). */
#ifndef ALERT_ALERT_H
#define ALERT_ALERT_H

#include "base/sbuf.h"
#include "bus/bus.h"
#include "codec/json_out.h"
#include "store/alert.h"

/* What makes findings repeats of each other: the detector's id and the main entities (user, host, source address; when
 * there is none of these, all there are), hashed.  ASCII case is ignored in them. */
enum { ALERT_GROUP_SIZE = 33 };
void alert_group(const struct finding *f, char out[static ALERT_GROUP_SIZE]);

/* The alert as the API and the bus show it: one JSON object. */
void alert_write_json(struct json_out *o, const struct alert_record *r);
/* What a repeat says about the alert it joined: the same without what only the whole alert knows (evidence, source,
 * created_at, owner, note, decided_at). */
void alert_write_repeat(struct json_out *o, const struct alert_record *r);
/* Append the values of an alert's entities (struct alert_record's JSON), a NUL after each: what bus.h's filters want. */
void alert_entity_values(struct sbuf *out, str entity);
/* A line of CSV (RFC 4180) and its heading; cells that a spreadsheet would run are defused. */
void alert_write_csv_head(struct sbuf *out);
void alert_write_csv(struct sbuf *out, const struct alert_record *r);

struct alert_decision {
    str tenant, id, who, note;
    enum alert_status status; /* any but ALERT_OPEN; ALERT_OPEN opens it again */
    int64_t now_ms;
};
/* Store it and publish "alert.changed".  ST_NOT_FOUND, ST_CONFLICT, ST_UNAVAILABLE. */
CHECKED status alert_decide(struct store *s, struct bus *b, struct arena *a,
                            const struct alert_decision *d, struct alert_record *out,
                            struct error *err);

#endif
