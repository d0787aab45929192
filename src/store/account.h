/* SPDX-License-Identifier: Apache-2.0 */
/* account.h - tenants, users, sessions, API keys and signing keys, as they are kept.
 *
 * Rules (who may, what a good password is) are in identity/.  See store.h for statuses and threads. */
#ifndef STORE_ACCOUNT_H
#define STORE_ACCOUNT_H

#include "store/store.h"

struct tenant_record {
    str id; /* lower-case letters, digits and '-', 1..63 */
    str title;
    int64_t created_ms;
    bool disabled;
};
CHECKED status store_tenant_add(struct store *s, const struct tenant_record *t, struct error *err);
CHECKED status store_tenant_get(struct store *s, struct arena *a, str id, struct tenant_record *out,
                                struct error *err);
CHECKED status store_tenant_list(struct store *s, struct arena *a, struct tenant_record **out,
                                 size_t *n, struct error *err);
CHECKED status store_tenant_disable(struct store *s, str id, bool disabled, struct error *err);

struct user_record {
    str id;            /* ULID */
    str tenant, name;  /* the name is unique in the whole store */
    str role;          /* role.def */
    str password_hash; /* empty: cannot log in with a password */
    int64_t created_ms, changed_ms, last_login_ms;
    int64_t failed;          /* logins that failed since the last that did not */
    int64_t locked_until_ms; /* 0: not */
    bool disabled;
    int64_t valid_from_ms; /* tokens issued before are void */
};
CHECKED status store_user_add(struct store *s, const struct user_record *u, struct error *err);
CHECKED status store_user_by_name(struct store *s, struct arena *a, str name,
                                  struct user_record *out, struct error *err);
/* Within a tenant; an empty tenant means any. */
CHECKED status store_user_get(struct store *s, struct arena *a, str tenant, str id,
                              struct user_record *out, struct error *err);
CHECKED status store_user_list(struct store *s, struct arena *a, str tenant,
                               struct user_record **out, size_t *n, struct error *err);
/* Everything but id, tenant, name and created_ms. */
CHECKED status store_user_update(struct store *s, const struct user_record *u, struct error *err);
/* How a login went, without touching the rest: adds one to `failed` and sets locked_until_ms, or clears both and sets
 * last_login_ms.  *failed (may be NULL): how many there are now. */
CHECKED status store_user_login(struct store *s, str id, bool ok, int64_t now_ms,
                                int64_t locked_until_ms, int64_t *failed, struct error *err);
CHECKED status store_user_remove(struct store *s, str tenant, str id, struct error *err);
CHECKED status store_user_count(struct store *s, uint64_t *out, struct error *err);

struct session_record {
    str id; /* ULID */
    str tenant, user;
    str refresh_hash; /* hex SHA-256 of the refresh token now good */
    str spent_hash;   /* of the one before it: who shows that one stole it */
    str address, agent;
    int64_t created_ms, used_ms, expires_ms;
    bool revoked;
};
CHECKED status store_session_add(struct store *s, const struct session_record *r,
                                 struct error *err);
CHECKED status store_session_get(struct store *s, struct arena *a, str id,
                                 struct session_record *out, struct error *err);
CHECKED status store_session_list(struct store *s, struct arena *a, str tenant, str user,
                                  struct session_record **out, size_t *n, struct error *err);
/* The refresh token `old_hash` becomes `new_hash`.  ST_CONFLICT: it is not (or no longer) the one that is good. */
CHECKED status store_session_rotate(struct store *s, str id, str old_hash, str new_hash,
                                    int64_t now_ms, struct error *err);
CHECKED status store_session_revoke(struct store *s, str id, struct error *err);
/* All of a user's; *n (may be NULL): how many. */
CHECKED status store_session_revoke_all(struct store *s, str user, uint64_t *n, struct error *err);
/* Ids of sessions revoked but not yet expired: what a restart must know. */
CHECKED status store_session_revoked(struct store *s, struct arena *a, int64_t now_ms, str **out,
                                     size_t *n, struct error *err);

struct key_record {
    str id;                  /* ULID; part of the key's text */
    str tenant, name, owner; /* owner: the user's id */
    str hash;                /* hex SHA-256 of the secret */
    str role;                /* no more than the owner's */
    str scopes;              /* permissions, separated by spaces; empty: all of the role's */
    bool service;            /* a service token: belongs to the tenant, outlives its maker */
    int64_t created_ms, expires_ms /* 0: never */, used_ms;
    bool revoked;
};
CHECKED status store_key_add(struct store *s, const struct key_record *k, struct error *err);
CHECKED status store_key_get(struct store *s, struct arena *a, str id, struct key_record *out,
                             struct error *err);
CHECKED status store_key_list(struct store *s, struct arena *a, str tenant, struct key_record **out,
                              size_t *n, struct error *err);
CHECKED status store_key_revoke(struct store *s, str tenant, str id, struct error *err);
struct key_use {
    str id;
    int64_t used_ms;
};
CHECKED status store_key_used(struct store *s, const struct key_use *use, size_t n,
                              struct error *err);

/* Keys that sign tokens. */
struct signer_record {
    str kid, kind; /* "ed25519", "ml-dsa-65" */
    str sealed;    /* seed, sealed under the installation's key */
    int64_t created_ms, retired_ms /* 0: signs */, expires_ms /* 0: verifies for ever */;
};
CHECKED status store_signer_add(struct store *s, const struct signer_record *r, struct error *err);
CHECKED status store_signer_list(struct store *s, struct arena *a, struct signer_record **out,
                                 size_t *n, struct error *err);
CHECKED status store_signer_retire(struct store *s, str kid, int64_t retired_ms, int64_t expires_ms,
                                   struct error *err);
CHECKED status store_signer_remove(struct store *s, str kid, struct error *err);

#endif
