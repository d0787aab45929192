/* SPDX-License-Identifier: Apache-2.0 */
/* API keys and service tokens: made and revoked.  A key may never do more than whoever made it. */
#include "identity/identity_int.h"

enum { SCOPES_MAX = 512, KEYS_MAX = 100 };

/* Keys do not multiply, unless they were given the users to administer. */
static status check_maker(const struct actor *by, const struct new_key *in, struct error *err)
{
    bool admin = principal_may(by->who, PERMIT_USERS_ADMIN);
    if ((in->service || by->who->kind != PRINCIPAL_USER) && !admin)
        return act_permitted(by, PERMIT_USERS_ADMIN, err);
    if (by->who->kind != PRINCIPAL_USER && !in->service)
        return fail(err, ST_FORBIDDEN, "a key can make service tokens only");
    return admin ? ST_OK : act_permitted(by, PERMIT_SELF, err);
}

static status check_reach(const struct actor *by, enum role role, str scopes, struct error *err)
{
    uint64_t named = 0;
    status st = principal_scopes(scopes, &named, err);
    if (st != ST_OK)
        return st;
    if (role > by->who->role)
        return fail(err, ST_FORBIDDEN, "the role '%s' is above one's own", role_name(role));
    uint64_t of_role = principal_permits(role, str_z(by->who->tenant));
    for (unsigned p = 0; p < PERMISSION_COUNT; p++) {
        uint64_t bit = (uint64_t)1 << p;
        if (scopes.n && (named & bit) && !(of_role & bit))
            return fail(err, ST_INVALID, "the role '%s' does not have '%s'", role_name(role),
                        permission_name((enum permission)p));
        if ((named & of_role & bit) && !(by->who->permits & bit))
            return fail(err, ST_FORBIDDEN, "one does not have '%s' oneself",
                        permission_name((enum permission)p));
    }
    return ST_OK;
}

static status check_key(const struct actor *by, const struct new_key *in, enum role *role,
                        struct error *err)
{
    *role = by->who->role;
    status st = check_maker(by, in, err);
    if (st == ST_OK)
        st = policy_title(in->name, NAME_MAX_BYTES, err);
    if (st != ST_OK)
        return st;
    if (in->role.n && !role_find(in->role, role))
        return fail(err, ST_INVALID, "a role is 'read', 'analyst' or 'admin', not '" STR_FMT "'",
                    STR_ARG(str_head(in->role, 64)));
    if (in->scopes.n > SCOPES_MAX)
        return fail(err, ST_INVALID, "the scopes have more than %d bytes", SCOPES_MAX);
    if (in->expires_ms && in->expires_ms <= by->now_ms)
        return fail(err, ST_INVALID, "the key would have expired already");
    return check_reach(by, *role, str_trim(in->scopes), err);
}

/* So many of one's own that still work, and so many service tokens of a tenant. */
static status check_count(struct identity *i, const struct actor *by, bool service,
                          struct error *err)
{
    struct arena a;
    arena_init(&a, ARENA_LARGE);
    struct key_record *k = NULL;
    size_t n = 0, alike = 0;
    status st = store_key_list(i->store, &a, str_z(by->who->tenant), &k, &n, err);
    for (size_t j = 0; st == ST_OK && j < n; j++) {
        bool works = !k[j].revoked && (!k[j].expires_ms || k[j].expires_ms > by->now_ms);
        bool counts =
            service ? k[j].service : !k[j].service && str_eq(k[j].owner, str_z(by->who->user));
        alike += works && counts;
    }
    arena_done(&a);
    if (st == ST_OK && alike >= KEYS_MAX)
        return fail(err, ST_CONFLICT, "there are %zu keys already; revoke some first", alike);
    return st;
}

static status give(struct arena *a, const struct key_record *k, const struct credential *c,
                   struct key_record *out, str *secret, struct error *err)
{
    *out = *k;
    out->hash = (str){0}; /* nobody outside has a use for it */
    out->id = arena_str(a, k->id);
    out->tenant = arena_str(a, k->tenant);
    out->name = arena_str(a, k->name);
    out->owner = arena_str(a, k->owner);
    out->scopes = arena_str(a, k->scopes);
    *secret = arena_str(a, str_z(c->text));
    if (!out->id.p || !out->tenant.p || !out->name.p || !out->owner.p || !out->scopes.p ||
        !secret->p)
        return fail(err, ST_LIMIT, "no room for the key");
    return ST_OK;
}

static status key_add(struct identity *i, struct arena *a, const struct actor *by,
                      const struct new_key *in, struct key_record *out, str *secret,
                      struct error *err)
{
    enum role role;
    status st = check_key(by, in, &role, err);
    if (st == ST_OK)
        st = check_count(i, by, in->service, err);
    if (st != ST_OK)
        return st;
    char id[UID_SIZE];
    uid_new(by->now_ms, id);
    struct credential c = {0};
    credential_key(str_z(id), &c);
    struct key_record k = {.id = str_z(id), .name = in->name, .service = in->service};
    k.tenant = str_z(by->who->tenant);
    k.owner = str_z(by->who->user);
    k.hash = str_z(c.hash);
    k.role = str_z(role_name(role));
    k.scopes = str_trim(in->scopes);
    k.created_ms = by->now_ms;
    k.expires_ms = in->expires_ms;
    st = give(a, &k, &c, out, secret, err); /* first: a key nobody was given must not exist */
    if (st == ST_OK)
        st = store_key_add(i->store, &k, err);
    crypto_wipe(&c, sizeof c);
    return st;
}

status identity_key_add(struct identity *i, struct arena *a, const struct actor *by,
                        const struct new_key *in, struct key_record *out, str *secret,
                        struct error *err)
{
    struct error why = {0};
    struct act act = {.i = i, .by = by, .action = in->service ? "service.add" : "key.add"};
    act.target = in->name;
    return act_done(&act, key_add(i, a, by, in, out, secret, &why), &why, err);
}

static status key_revoke(struct identity *i, const struct actor *by, str id, struct error *err)
{
    struct arena a;
    arena_init(&a, ARENA_SMALL);
    struct key_record k = {0};
    str tenant = str_z(by->who->tenant);
    status st = store_key_get(i->store, &a, id, &k, err);
    bool there = st == ST_OK && str_eq(k.tenant, tenant);
    bool own = there && !k.service && *by->who->user && str_eq(k.owner, str_z(by->who->user));
    if (st == ST_OK || st == ST_NOT_FOUND)
        st = act_permitted(by, own ? PERMIT_SELF : PERMIT_USERS_ADMIN, err);
    if (st == ST_OK && !there)
        st = fail(err, ST_NOT_FOUND, "no key '" STR_FMT "'", STR_ARG(str_head(id, 64)));
    if (st == ST_OK)
        st = store_key_revoke(i->store, tenant, id, err);
    if (st == ST_OK)
        credential_void(i, id, by->now_ms);
    arena_done(&a);
    return st;
}

status identity_key_revoke(struct identity *i, const struct actor *by, str id, struct error *err)
{
    struct error why = {0};
    struct act act = {.i = i, .by = by, .action = "key.revoke", .target = id};
    return act_done(&act, key_revoke(i, by, id, &why), &why, err);
}
