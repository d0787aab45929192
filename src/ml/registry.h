/* SPDX-License-Identifier: Apache-2.0 */
/* registry.h - a folder of models and which of them are in use.
 *
 *   models/NAME/VERSION.bgm     the files, never changed
 *   models/NAME/state.json      versions with who promoted what when; `live`, `shadow`, `before`
 *
 * A slot NAME has one live version, at most one in shadow (it scores, nobody is told), and the one that was
 * live before.  Changes are one rename: a crash leaves the old state or the new one.  Several processes may
 * use a folder: changes take a lock file.  One thread at a time per `struct registry`. */
#ifndef ML_REGISTRY_H
#define ML_REGISTRY_H

#include "ml/model.h"

struct registry; /* opaque */
CHECKED status registry_open(const char *folder, struct registry **out,
                             struct error *err); /* made if it is not there */
void registry_close(struct registry *r);

struct registry_version {
    char version[13];
    char by[64];
    int64_t added_ms, promoted_ms; /* TIME_NONE: never */
    bool live, shadow, before;
};
struct registry_slot {
    char name[64];
    const struct registry_version *version; /* the latest first */
    size_t versions;
};
/* Borrowed until the next call that changes or reloads. */
size_t registry_slots(const struct registry *r);
const struct registry_slot *registry_slot(const struct registry *r, size_t i);
const struct registry_slot *registry_find(const struct registry *r, str name);
CHECKED status registry_reload(struct registry *r, struct error *err); /* what others changed */

/* Copy a model in.  `name` NULL: its card's.  ST_INVALID: the name is none (a-z, 0-9, - and _, 63 at most). */
CHECKED status registry_add(struct registry *r, const struct model *m, const char *name,
                            const char *by, int64_t now_ms, struct error *err);
/* Live from now on; `shadow`: only in shadow.  version "" : the latest.  ST_NOT_FOUND. */
CHECKED status registry_promote(struct registry *r, str name, str version, bool shadow,
                                const char *by, int64_t now_ms, struct error *err);
/* The version that was live before is live again.  ST_CONFLICT: there was none. */
CHECKED status registry_rollback(struct registry *r, str name, const char *by, int64_t now_ms,
                                 struct error *err);
/* ST_CONFLICT: it is live. */
CHECKED status registry_remove(struct registry *r, str name, str version, struct error *err);
/* Path of a version's file; "": of the live one.  ST_NOT_FOUND. */
CHECKED status registry_path(const struct registry *r, str name, str version, struct sbuf *out,
                             struct error *err);

#endif
