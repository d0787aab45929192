/* SPDX-License-Identifier: Apache-2.0 */
/* identity_int.h - for the files in identity/ only.
 *
 * The store is the truth.  What is held here is derived from it and bounded: principals that were
 * verified within the last minute (jcache.h), failed logins of those who have no row (throttle), uses of
 * keys not yet written (uses), and the ring of signing keys.  Whoever ends a session, a key or a user
 * writes that to the store first and makes the cache forget it after. */
#ifndef IDENTITY_IDENTITY_INT_H
#define IDENTITY_IDENTITY_INT_H

#include "crypto/crypto.h"
#include "identity/identity.h"
#include "identity/jcache.h"
#include "identity/jwt.h"
#include "os/lock.h"
#include "os/uid.h"

#include <stdatomic.h>

/* ---- policy.c: what names and passwords may be; ST_INVALID says what is wrong ---- */

enum {
    NAME_MAX_BYTES = 63,
    TITLE_MAX_BYTES = 120,
    PASSWORD_MIN_CHARACTERS = 10,
    PASSWORD_MAX_BYTES = 256
};
bool policy_name_valid(str name);
CHECKED status policy_name(str name, struct error *err);
CHECKED status policy_tenant(str id, struct error *err);
CHECKED status policy_title(str title, size_t most, struct error *err);
CHECKED status policy_password(str name, str password, struct error *err);

/* ---- turn.c: so many at once, so many waiting ---- */

struct turn {
    struct lock lock;
    struct condition changed;
    unsigned busy, waiting, most, most_waiting;
};
void turn_init(struct turn *t, unsigned most, unsigned most_waiting);
void turn_done(struct turn *t);
/* Waits.  ST_BUSY: so many wait already. */
CHECKED status turn_take(struct turn *t, struct error *err);
void turn_drop(struct turn *t);

/* ---- throttle.c: failures that lock, doubling ---- */

enum { THROTTLE_BUCKETS = 1024, THROTTLE_WAYS = 4 };
struct throttle_place {
    uint64_t key, failed;
    int64_t until_ms;
};
struct throttle {
    struct lock lock;
    uint32_t after, lock_s;
    int64_t forget_ms; /* quiet for so long: forgotten */
    struct throttle_place *place;
};
void throttle_init(struct throttle *t, uint32_t after, uint32_t lock_s, int64_t forget_ms);
void throttle_done(struct throttle *t);
/* How long `failed` failures lock: lock_s at `after`, twice that at the next, up to a day. */
int64_t throttle_lock_ms(uint64_t failed, uint32_t after, uint32_t lock_s);
int64_t throttle_wait_ms(struct throttle *t, uint64_t key, int64_t now_ms);
/* One more; how long that locks. */
int64_t throttle_failed(struct throttle *t, uint64_t key, int64_t now_ms);

/* ---- credential.c: the texts we hand out ---- */

enum { CREDENTIAL_HASH_SIZE = 2 * SHA256_SIZE + 1, CREDENTIAL_SIZE = 128 };
struct credential {
    char text[CREDENTIAL_SIZE];      /* NUL terminated; wiped by its maker */
    char hash[CREDENTIAL_HASH_SIZE]; /* what the store keeps */
};
/* "bg_ID_SECRET", 256 random bits. */
void credential_key(str id, struct credential *out);
/* "bgr_ID_SECRET": 256 random bits, and 128 that prove that it was us who made it. */
void credential_refresh(str mac_key, str id, struct credential *out);
bool credential_is_key(str text);
/* *id within `text`; false: not one of ours, whoever wrote it. */
bool credential_read_key(str text, str *id, char hash[static CREDENTIAL_HASH_SIZE]);
bool credential_read_refresh(str mac_key, str text, str *id,
                             char hash[static CREDENTIAL_HASH_SIZE]);

/* ---- use.c: when keys were last used ---- */

enum { USES_MAX = 4096, USES_SEEN = 4096, USES_NOTE_MS = 60 * 1000 };
struct uses {
    atomic_ullong seen[USES_SEEN]; /* hashes of a key and the minute it was noted in */
    struct lock lock;
    size_t n;
    struct {
        char id[UID_SIZE];
        int64_t used_ms;
    } at[USES_MAX];
};

/* ---- the whole ---- */

enum {
    LEEWAY_S = 10,
    CACHED_MS = 60 * 1000,
    ARENA_SMALL = 256 * 1024,
    ARENA_LARGE = 64 * 1024 * 1024
};

struct identity {
    struct store *store; /* borrowed */
    struct arena texts;
    str issuer, data_dir;
    enum token_mode mode;
    struct sbuf secret; /* of hs256 */
    uint32_t access_s, refresh_s, lock_after, lock_s;
    unsigned char installation[SEAL_KEY_SIZE]; /* seals the seeds */
    unsigned char refresh_mac[SHA256_SIZE];    /* derived from it */
    char nobody[PASSWORD_HASH_MAX];            /* what unknown users' passwords are compared with */

    struct lock keys_lock;
    struct token_keys *keys;     /* under keys_lock; the ring is immutable */
    atomic_llong keys_loaded_ms; /* the last time somebody looked whether there are others */

    struct turn hashing;  /* Argon2id: memory */
    struct turn changing; /* users: so that the last administrator stays */
    struct throttle addresses, names;
    struct token_cache *cache; /* entries: id is the user's, session the session's or key's */
    atomic_ullong generation;  /* grows when what somebody may has changed; see authenticate.c */
    struct uses *uses;
    atomic_llong refusal_ms; /* when the last refusal was logged */
    atomic_ullong refusals;  /* those since that were not */
};

/* install.c: the key of the installation, read or, when `sealed` is false, made. */
CHECKED status install_key(struct identity *i, bool sealed, struct error *err);

/* signer.c.  Sealed seeds are in the store; the ring is made of them. */
CHECKED status signers_sealed(struct identity *i, bool *out, struct error *err);
CHECKED status signers_start(struct identity *i, int64_t now_ms, struct error *err);
CHECKED status signers_load(struct identity *i, struct error *err);
CHECKED status signers_rotate(struct identity *i, int64_t now_ms, struct error *err);
CHECKED status signers_tick(struct identity *i, int64_t now_ms, struct error *err);
struct token_keys *signers_ref(struct identity *i);

/* use.c */
void use_note(struct identity *i, str id, int64_t now_ms);
void use_flush(struct identity *i);

/* principal.c: what they may, worked out once */
CHECKED status principal_scopes(str scopes, uint64_t *out, struct error *err);
uint64_t principal_permits(enum role role, str tenant);
void principal_text(char *out, size_t size, str s);
/* ST_UNAUTHORIZED, with the reason: they cannot be let in now. */
CHECKED status principal_of_session(struct identity *i, str user, str session, int64_t now_ms,
                                    struct principal *out, struct error *err);
CHECKED status principal_of_key(struct identity *i, str text, int64_t now_ms, struct principal *out,
                                struct error *err);
/* ST_UNAUTHORIZED: the tenant is disabled or gone. */
CHECKED status tenant_open(struct identity *i, str tenant, struct error *err);

/* password.c: Argon2id, a few at a time */
CHECKED status password_make(struct identity *i, str password, char out[static PASSWORD_HASH_MAX],
                             struct error *err);

/* session.c: ended in the store, then here.  sessions_end: all of a user's; `but` (may be empty) goes on. */
CHECKED status session_end(struct identity *i, str id, int64_t now_ms, struct error *err);
CHECKED status sessions_end(struct identity *i, const struct user_record *u, str but,
                            int64_t now_ms, struct error *err);

/* authenticate.c: what the cache holds of this user is to be verified anew */
void user_changed(struct identity *i, str user, int64_t now_ms);
/* What it holds of anybody: a tenant was closed. */
void everybody_changed(struct identity *i);
/* A session's or key's id that never comes back. */
void credential_void(struct identity *i, str id, int64_t now_ms);

/* act.c: what an administrator does, permitted and written down */
struct act {
    struct identity *i;
    const struct actor *by; /* NULL: the system itself */
    const char *action;
    str target;
    int64_t now_ms;
};
CHECKED status act_permitted(const struct actor *by, enum permission what, struct error *err);
/* Writes down how it went.  Gives `st` back, or why it could not be written. */
CHECKED status act_done(const struct act *a, status st, const struct error *why, struct error *err);
/* Of a login, which nobody has a principal for yet. */
struct login_act {
    str tenant, name, address;
    const char *action, *detail; /* detail: JSON or NULL */
    int64_t now_ms;
    bool ok;
};
CHECKED status act_login(struct identity *i, const struct login_act *l, struct error *err);

#endif
