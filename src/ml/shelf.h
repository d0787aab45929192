/* SPDX-License-Identifier: Apache-2.0 */
/* shelf.h - the models of a service: those of its registry, those that came with the program, and how each does.
 *
 *   registry (data folder)  ┐                  ┌▶ set of models in use ─▶ workers, frozen
 *   shipped folder, *.bgm   ┴▶ loaded models ──┴▶ one by name and version ─▶ the API
 *
 * What is shipped is live under the name of its file unless the registry has a live version of that name.
 *
 * Thread-safe: one lock; reading a model's file happens under it, scoring does not. */
#ifndef ML_SHELF_H
#define ML_SHELF_H

#include "ml/registry.h"
#include "ml/watch.h"

#include <stdatomic.h>

/* A model that was read, immutable but for its watch; reference-counted. */
struct loaded_model {
    atomic_uint references;
    struct model *model; /* owned */
    struct model_binding
        *flows; /* owned; columns are taken from a row by enum feature.  NULL: not for flows */
    struct watch *watch; /* owned reference */
    char name[64], version[16];
};
struct loaded_model *loaded_ref(struct loaded_model *l);
void loaded_unref(struct loaded_model *l); /* NULL is fine */
/* Does it score connections in the stream?  A table of which half of the columns are features of flows does. */
bool model_scores_flows(const struct model *m);
/* Takes `m`. */
struct loaded_model *loaded_new(const char *name, struct model *m,
                                const struct watch_limits *limits);

/* What is in use; frozen, reference-counted. */
struct model_use {
    struct loaded_model *model; /* owned reference */
    bool shadow;                /* scores, but nobody is told */
};
enum {
    SHELF_USE_MAX = 64
}; /* live and in shadow; those past it are left out and told as a problem */
struct model_set {
    atomic_uint references;
    struct model_use *at; /* owned */
    size_t n;
};
/* Takes `at`, of mem_array, and its references. */
struct model_set *model_set_new(struct model_use *at, size_t n);
struct model_set *model_set_ref(struct model_set *s);
void model_set_unref(struct model_set *s); /* NULL is fine */

/* The folder that came with the program: `models` beside it, one or two folders further up, or in the system's share.
 * False: there is none. */
bool shelf_shipped(struct sbuf *out);

struct shelf; /* opaque */
struct shelf_options {
    const char *folder;      /* of the registry; made if it is not there; NULL: there is none */
    const char *shipped;     /* NULL or not there: none */
    struct model_host *host; /* borrowed; NULL: remote members are missing */
    struct watch_limits limits;
};
CHECKED status shelf_open(const struct shelf_options *o, struct shelf **out, struct error *err);
void shelf_close(struct shelf *s); /* NULL is fine */

/* What others changed is seen; models that are loaded already are not read again.  One that cannot be read is left
 * out and told to `problem` (may be NULL).  *out is a reference for the caller, never NULL. */
CHECKED status shelf_use(struct shelf *s,
                         void (*problem)(void *arg, const char *name, const char *why), void *arg,
                         struct model_set **out, struct error *err);

/* By name and version, "" the live one.  A reference for the caller.  ST_NOT_FOUND, ST_INVALID. */
CHECKED status shelf_get(struct shelf *s, str name, str version, struct loaded_model **out,
                         struct error *err);

/* For people: one a version. */
struct shelf_entry {
    char name[64], version[16], by[64];
    int64_t added_ms, promoted_ms; /* TIME_NONE: never */
    bool live, shadow, before, shipped;
};
/* In `arena`, by name, an older version after a newer one.  ST_LIMIT: the arena's. */
CHECKED status shelf_list(struct shelf *s, struct arena *arena, struct shelf_entry **out, size_t *n,
                          struct error *err);

/* registry.h's, with its statuses; ST_UNAVAILABLE without a registry.  What is to be live or in shadow must be one that can be
 * read: else as model_load fails. */
CHECKED status shelf_add(struct shelf *s, str bytes, const char *name, const char *by,
                         int64_t now_ms, struct shelf_entry *out, struct error *err);
CHECKED status shelf_promote(struct shelf *s, str name, str version, bool shadow, const char *by,
                             int64_t now_ms, struct error *err);
CHECKED status shelf_rollback(struct shelf *s, str name, const char *by, int64_t now_ms,
                              struct error *err);
CHECKED status shelf_remove(struct shelf *s, str name, str version, struct error *err);

#endif
