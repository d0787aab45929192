/* SPDX-License-Identifier: Apache-2.0 */
/* From what the store says to what somebody may: asked when a credential is not in the cache. */
#include "identity/identity_int.h"

void principal_text(char *out, size_t size, str s)
{
    size_t n = s.n < size ? s.n : size - 1;
    if (n)
        memcpy(out, s.p, n);
    out[n] = 0;
}

uint64_t principal_permits(enum role role, str tenant)
{
    uint64_t permits = 0;
    for (unsigned p = 0; p < PERMISSION_COUNT; p++) {
        if (role_permits(role, (enum permission)p))
            permits |= (uint64_t)1 << p;
    }
    if (!str_eq(tenant, STR("default")))
        permits &= ~((uint64_t)1 << PERMIT_INSTALLATION | (uint64_t)1 << PERMIT_MODELS_WRITE);
    return permits;
}

/* A key that names no scopes has all of its role but what would let it make others like itself. */
static const uint64_t only_by_name = (uint64_t)1 << PERMIT_USERS_ADMIN | (uint64_t)1
                                                                             << PERMIT_INSTALLATION;

status principal_scopes(str scopes, uint64_t *out, struct error *err)
{
    uint64_t permits = 0;
    str rest = str_trim(scopes);
    if (rest.n == 0)
        permits = ~only_by_name;
    while (rest.n) {
        str name = str_cut(&rest, ' ');
        enum permission p;
        if (name.n == 0)
            continue;
        if (!permission_find(name, &p))
            return fail(err, ST_INVALID, "no permission is called '" STR_FMT "'",
                        STR_ARG(str_head(name, 64)));
        permits |= (uint64_t)1 << p;
    }
    *out = permits;
    return ST_OK;
}

/* What is not in the store cannot be let in; a store that does not answer is another matter. */
static status absent(status st, const char *what, struct error *err)
{
    return st == ST_NOT_FOUND ? fail(err, ST_UNAUTHORIZED, "no such %s", what) : st;
}

status tenant_open(struct identity *i, str tenant, struct error *err)
{
    struct arena a;
    arena_init(&a, ARENA_SMALL);
    struct tenant_record t = {0};
    status st = absent(store_tenant_get(i->store, &a, tenant, &t, err), "tenant", err);
    if (st == ST_OK && t.disabled)
        st = fail(err, ST_UNAUTHORIZED, "the tenant is disabled");
    arena_done(&a);
    return st;
}

/* The user behind a credential, if they are still let in. */
static status owner(struct identity *i, struct arena *a, str tenant, str id,
                    struct user_record *out, enum role *role, struct error *err)
{
    status st = absent(store_user_get(i->store, a, tenant, id, out, err), "user", err);
    if (st != ST_OK)
        return st;
    if (out->disabled)
        return fail(err, ST_UNAUTHORIZED, "the user is disabled");
    if (!role_find(out->role, role))
        return fail(err, ST_UNAUTHORIZED, "the user's role is unknown");
    return ST_OK;
}

static status of_session(struct identity *i, struct arena *a, str user, str session, int64_t now_ms,
                         struct principal *out, struct error *err)
{
    struct session_record s = {0};
    status st = absent(store_session_get(i->store, a, session, &s, err), "session", err);
    if (st != ST_OK)
        return st;
    if (s.revoked || s.expires_ms <= now_ms || !str_eq(s.user, user))
        return fail(err, ST_UNAUTHORIZED, "the session is over");
    struct user_record u = {0};
    enum role role = ROLE_READ;
    st = owner(i, a, s.tenant, user, &u, &role, err);
    if (st != ST_OK)
        return st;
    if (s.created_ms < u.valid_from_ms)
        return fail(err, ST_UNAUTHORIZED, "the user was changed since");
    *out = (struct principal){.kind = PRINCIPAL_USER, .role = role};
    out->permits = principal_permits(role, u.tenant);
    principal_text(out->tenant, sizeof out->tenant, u.tenant);
    principal_text(out->user, sizeof out->user, u.id);
    principal_text(out->name, sizeof out->name, u.name);
    principal_text(out->key, sizeof out->key, s.id);
    out->expires_ms = s.expires_ms;
    return tenant_open(i, u.tenant, err);
}

status principal_of_session(struct identity *i, str user, str session, int64_t now_ms,
                            struct principal *out, struct error *err)
{
    struct arena a;
    arena_init(&a, ARENA_SMALL);
    status st = of_session(i, &a, user, session, now_ms, out, err);
    arena_done(&a);
    return st;
}

static status check_key(const struct key_record *k, str hash, int64_t now_ms, struct error *err)
{
    if (!crypto_equal(k->hash, hash))
        return fail(err, ST_UNAUTHORIZED, "wrong secret of the key");
    if (k->revoked)
        return fail(err, ST_UNAUTHORIZED, "the key is revoked");
    if (k->expires_ms && k->expires_ms <= now_ms)
        return fail(err, ST_UNAUTHORIZED, "the key has expired");
    return ST_OK;
}

static status of_key(struct identity *i, struct arena *a, const struct key_record *k,
                     struct principal *out, struct error *err)
{
    enum role role = ROLE_READ;
    if (!role_find(k->role, &role))
        return fail(err, ST_UNAUTHORIZED, "the key's role is unknown");
    *out = (struct principal){.kind = k->service ? PRINCIPAL_SERVICE : PRINCIPAL_KEY};
    if (!k->service) { /* no more than its owner may by now */
        struct user_record u = {0};
        enum role owners = ROLE_READ;
        status st = owner(i, a, k->tenant, k->owner, &u, &owners, err);
        if (st != ST_OK)
            return st;
        role = role < owners ? role : owners;
        principal_text(out->user, sizeof out->user, u.id);
    }
    uint64_t scopes = 0;
    if (principal_scopes(k->scopes, &scopes, NULL) != ST_OK)
        return fail(err, ST_UNAUTHORIZED, "a scope of the key is unknown");
    out->role = role;
    out->permits = principal_permits(role, k->tenant) & scopes;
    out->expires_ms = k->expires_ms;
    principal_text(out->tenant, sizeof out->tenant, k->tenant);
    principal_text(out->name, sizeof out->name, k->name);
    principal_text(out->key, sizeof out->key, k->id);
    return tenant_open(i, k->tenant, err);
}

status principal_of_key(struct identity *i, str text, int64_t now_ms, struct principal *out,
                        struct error *err)
{
    str id;
    char hash[CREDENTIAL_HASH_SIZE];
    if (!credential_read_key(text, &id, hash))
        return fail(err, ST_UNAUTHORIZED, "not a key's form");
    struct arena a;
    arena_init(&a, ARENA_SMALL);
    struct key_record k = {0};
    status st = absent(store_key_get(i->store, &a, id, &k, err), "key", err);
    if (st == ST_OK)
        st = check_key(&k, str_z(hash), now_ms, err);
    if (st == ST_OK)
        st = of_key(i, &a, &k, out, err);
    arena_done(&a);
    return st;
}
