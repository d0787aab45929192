/* SPDX-License-Identifier: Apache-2.0 */
/* identity.h - who is asking, and what they may.
 *
 * The tenant always comes from here, never from a request's body.  Thread-safe; what says "may block"
 * uses the store or Argon2id and belongs on a worker, not on a loop. */
#ifndef IDENTITY_IDENTITY_H
#define IDENTITY_IDENTITY_H

#include "base/arena.h"
#include "base/sbuf.h"
#include "base/status.h"
#include "store/account.h"

enum permission {
#define X(NAME, name, READ, ANALYST, ADMIN, doc) PERMIT_##NAME,
#include "identity/permission.def"
    PERMISSION_COUNT
};
enum role { ROLE_READ, ROLE_ANALYST, ROLE_ADMIN, ROLE_COUNT };
const char *permission_name(enum permission p);
bool permission_find(str name, enum permission *out);
const char *role_name(enum role r);
bool role_find(str name, enum role *out);
bool role_permits(enum role r, enum permission p);

enum principal_kind { PRINCIPAL_USER, PRINCIPAL_KEY, PRINCIPAL_SERVICE };

/* The authenticated caller, by value. */
struct principal {
    enum principal_kind kind;
    enum role role;
    uint64_t permits; /* 1 << enum permission */
    char tenant[64], user[64] /* id */, name[64], key[64] /* key's or session's id */;
    int64_t expires_ms; /* 0: never */
};
static inline bool principal_may(const struct principal *p, enum permission what)
{
    return (p->permits >> what & 1) != 0;
}

struct identity; /* opaque */
struct identity_options {
    struct store *store;          /* borrowed */
    const char *data_dir;         /* holds the installation's key, 0600, made at the first start */
    const char *issuer;           /* "bguard" */
    const char *algorithm;        /* "hybrid" (default), "ed25519", "ml-dsa-65", "hs256" */
    const char *jwt_secret;       /* for hs256: at least 32 bytes */
    uint32_t access_s, refresh_s; /* lifetimes; 900 and 30 days */
    uint32_t lock_after;          /* failed logins; 5 */
    uint32_t lock_s;              /* first lock; doubles up to a day; 60 */
};
/* May block.  On an empty store: tenant "default", keys, and the user `admin` with `first_password` or, when that is NULL,
 * a random one appended to `shown` (else empty). */
CHECKED status identity_new(const struct identity_options *options, const char *first_password,
                            struct identity **out, struct sbuf *shown, struct error *err);
void identity_free(struct identity *i); /* NULL is fine */

/* `authorization`: the header's value ("Bearer …"; an API key too, also from X-API-Key as "Bearer KEY").
 * ST_UNAUTHORIZED: missing or invalid, for a reason that is logged, not told.  Does not block once it was verified in the
 * last minute; else, with `may_block` false, ST_BUSY: ask again on a worker.  ST_UNAVAILABLE and the like: the store's. */
CHECKED status identity_authenticate(struct identity *i, str authorization, int64_t now_ms,
                                     bool may_block, struct principal *out, struct error *err);

/* ---- sessions; may block ---- */
struct tokens {
    str access, refresh; /* in the arena */
    uint32_t expires_in; /* s */
};
/* ST_UNAUTHORIZED (the same words for no such user, wrong password and disabled); ST_BUSY: locked, try again in *retry_s.
 * A user has 32 sessions; one more ends the oldest. */
CHECKED status identity_login(struct identity *i, struct arena *a, str name, str password,
                              str address, str agent, int64_t now_ms, struct tokens *out,
                              uint32_t *retry_s, struct error *err);
/* Rotates; a refresh token shown twice ends its session (RFC 9700 4.14.2). */
CHECKED status identity_refresh(struct identity *i, struct arena *a, str refresh, str address,
                                int64_t now_ms, struct tokens *out, struct error *err);
CHECKED status identity_logout(struct identity *i, const struct principal *who, struct error *err);

/* ---- what an administrator does; may block ----
 *
 * Each is in the audit log, done by `who` from `address`, refused attempts too.  ST_FORBIDDEN: it takes a permission they
 * do not have.  ST_NOT_FOUND: there is none in their tenant.  A failure that begins with "done, but" was not written
 * to the audit log.  What is handed out has no password_hash and no hash. */
struct actor {
    const struct principal *who;
    str address;
    int64_t now_ms;
};
struct new_user {
    str name, password, tenant, role; /* tenant empty: the actor's */
};
/* ST_INVALID: a name, password, role or tenant that will not do.  ST_CONFLICT: the name is taken. */
CHECKED status identity_user_add(struct identity *i, struct arena *a, const struct actor *by,
                                 const struct new_user *in, struct user_record *out,
                                 struct error *err);
struct user_change { /* p NULL, or -1: as it is */
    str password, role;
    int disabled;
};
/* Another password or role, and being disabled, end the user's sessions.  ST_CONFLICT: the tenant's last administrator. */
CHECKED status identity_user_change(struct identity *i, struct arena *a, const struct actor *by,
                                    str id, const struct user_change *in, struct user_record *out,
                                    struct error *err);
CHECKED status identity_user_remove(struct identity *i, const struct actor *by, str id,
                                    struct error *err);
/* One's own: the old one must be right (ST_FORBIDDEN; it counts as a failed login); ends the other sessions. */
CHECKED status identity_password(struct identity *i, const struct actor *by, str old_password,
                                 str new_password, struct error *err);
struct new_key {
    str name, role /* empty: the maker's */;
    str scopes; /* empty: all of the role's but users:admin and installation */
    int64_t expires_ms;
    bool service;
};
/* No more than its maker may.  A service token takes users:admin, and outlives its maker.  ST_CONFLICT: the user, or the
 * tenant's services, have 100 that work.
 * `secret`: the key's whole text, "bg_<id>_<secret>", shown this once. */
CHECKED status identity_key_add(struct identity *i, struct arena *a, const struct actor *by,
                                const struct new_key *in, struct key_record *out, str *secret,
                                struct error *err);
CHECKED status identity_key_revoke(struct identity *i, const struct actor *by, str id,
                                   struct error *err);
CHECKED status identity_tenant_add(struct identity *i, const struct actor *by, str id, str title,
                                   struct error *err);
/* Or enable it again.  Nobody of it may log in or call any more.  ST_CONFLICT: "default", which runs the installation. */
CHECKED status identity_tenant_disable(struct identity *i, const struct actor *by, str id,
                                       bool disabled, struct error *err);
CHECKED status identity_session_revoke(struct identity *i, const struct actor *by, str id,
                                       struct error *err);
/* New signing keys; the old ones verify until their tokens are over. */
CHECKED status identity_rotate(struct identity *i, const struct actor *by, struct error *err);

/* Append the public keys: a JWK set (RFC 7517). */
void identity_jwks(struct identity *i, struct sbuf *out);
/* Once a minute: last use of keys to the store, caches swept, keys rotated when due.  May block. */
void identity_tick(struct identity *i, int64_t now_ms);

#endif
