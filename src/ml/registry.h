/* SPDX-License-Identifier: Apache-2.0 */
/* registry.h - a folder of models and which of them are in use.
 *
 *   models/.lock                taken by whoever changes something
 *   models/NAME/VERSION.bgm     the files, never changed
 *   models/NAME/state.json      versions with who promoted what when; `live`, `shadow`, `before`
 *
 * A slot NAME has one live version, at most one in shadow (it scores, nobody is told), and the one that was
 * live before.  Changes are one rename, after the lock was taken and the state read anew: a crash leaves the old state or
 * the new one, and several processes may use a folder.  A file that no state names (its adding was cut short) is
 * not there.  One thread at a time per `struct registry`.
 *
 * Limits: 1,024 slots; 1,000 versions each, past which ST_LIMIT asks to remove some. */
#ifndef ML_REGISTRY_H
#define ML_REGISTRY_H

#include "ml/model.h"

struct registry; /* opaque */
/* Made at the first change if it is not there.  ST_IO: it cannot be read. */
CHECKED status registry_open(const char *folder, struct registry **out, struct error *err);
void registry_close(struct registry *r); /* NULL is fine */

enum { REGISTRY_SLOTS_MAX = 1024, REGISTRY_VERSIONS_MAX = 1000 };
struct registry_version {
    char version[13];
    char by[64];                   /* who promoted it, or else added it */
    int64_t added_ms, promoted_ms; /* TIME_NONE: never */
    bool live, shadow, before;
};
struct registry_slot {
    char name[64];
    const struct registry_version *version; /* the latest first */
    size_t versions;
    char problem
        [160]; /* why its state cannot be read; then it has no versions, and changes are refused.  Else "" */
};
/* By name.  Borrowed until the next call that changes or reloads. */
size_t registry_slots(const struct registry *r);
const struct registry_slot *registry_slot(const struct registry *r, size_t i);
const struct registry_slot *registry_find(const struct registry *r, str name); /* NULL: none */
CHECKED status registry_reload(struct registry *r, struct error *err); /* what others changed */

/* What a model is called that is added without a name: as on its card, made fit; "" when nothing of that can be. */
void registry_name(const struct model *m, char out[static 64]);
/* Copy a model in; one that is there already is left as it is.  `name` NULL: its card's, made fit.  ST_INVALID: the name is
 * none (a-z, 0-9, - and _, 63 at most). */
CHECKED status registry_add(struct registry *r, const struct model *m, const char *name,
                            const char *by, int64_t now_ms, struct error *err);
/* Live from now on; `shadow`: only in shadow.  version "" : the latest; else its first digits will do when they are one's
 * alone.  ST_NOT_FOUND, ST_CONFLICT: shadow of what is live. */
CHECKED status registry_promote(struct registry *r, str name, str version, bool shadow,
                                const char *by, int64_t now_ms, struct error *err);
/* The version that was live before is live again; there is none before it then.  ST_CONFLICT: there was none. */
CHECKED status registry_rollback(struct registry *r, str name, const char *by, int64_t now_ms,
                                 struct error *err);
/* The file and all that is known of it.  ST_CONFLICT: it is live. */
CHECKED status registry_remove(struct registry *r, str name, str version, struct error *err);
/* Path of a version's file; "": of the live one.  ST_NOT_FOUND. */
CHECKED status registry_path(const struct registry *r, str name, str version, struct sbuf *out,
                             struct error *err);

#endif
