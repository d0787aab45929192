/* SPDX-License-Identifier: Apache-2.0 */
/* registry_int.h - for the registry's files only. */
#ifndef ML_REGISTRY_INT_H
#define ML_REGISTRY_INT_H

#include "ml/registry.h"

enum { VERSION_DIGITS = 12, VERSIONS_ROOM = REGISTRY_VERSIONS_MAX + 1 };

/* What a state.json says: versions, the latest first. */
struct slot_state {
    struct registry_version *version; /* (VERSIONS_ROOM), owned */
    size_t versions;
};
void slot_state_init(struct slot_state *s);
void slot_state_done(struct slot_state *s);

/* ST_NOT_FOUND: there is no such file.  ST_INVALID: it is damaged, and what to do. */
CHECKED status slot_state_read(struct slot_state *s, const char *path, struct error *err);
CHECKED status slot_state_write(const struct slot_state *s, const char *path, struct error *err);

/* By its first digits; "": the latest.  ST_NOT_FOUND names those that there are. */
CHECKED status slot_state_find(const struct slot_state *s, str name, str version,
                               struct registry_version **out, struct error *err);

bool is_slot_name(str name);

#endif
