/* SPDX-License-Identifier: Apache-2.0 */
/* threat.h - for files in api/ only: what the threat routes share.
 *
 * Malware rules in force, and the indicators that tenants imported: of each tenant a frozen set, made from the
 * store when it is first asked for after a change.  Thread-safe. */
#ifndef API_THREAT_H
#define API_THREAT_H

#include "api/api_int.h"

enum { THREAT_TENANTS_MAX = 16, THREAT_INDICATORS_MAX = 200000 };

struct threat *threat_new(void);
void threat_free(struct threat *t); /* NULL is fine */

struct scan_rules *threat_rules(struct api *a); /* a reference for the caller; NULL: none */

/* The imported indicators of a tenant; ref counted. */
struct imported {
    _Atomic unsigned references;
    struct intel_set *set; /* owned, frozen */
    char tenant[ENGINE_TENANT_MAX];
    uint64_t generation;
};
/* May block.  *out is a reference for the caller: imported_drop. */
CHECKED status threat_imported(struct api *a, str tenant, struct imported **out, struct error *err);
void imported_drop(struct imported *i); /* NULL is fine */
/* The tenant's indicators in the store are others now. */
void threat_changed(struct api *a);

/* ---- events of a body, for handlers on workers ---- */

struct events {
    struct dict *dict; /* of `snapshot` */
    struct snapshot_ref *snapshot;
    struct parser *parser;
    struct feed *feed;
    struct batch batch;
};
void events_done(struct events *e); /* safe when zeroed */
/* Records of any format, found by looking: all of `text` becomes one batch.  ST_UNAVAILABLE: there is no engine. */
CHECKED status events_read(struct events *e, struct api_call *c, str text, struct error *err);
/* The elements of a JSON array, a record each: objects as they are, strings as lines. */
void events_unwrap(json_node array, struct sbuf *out);

/* 503: a part of the service is not there. */
void threat_absent(struct api_call *c, const char *what);

#endif
