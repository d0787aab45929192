/* SPDX-License-Identifier: Apache-2.0 */
/* Users and tenants, as an administrator changes them.  Changes of users take turns, so that of two
 * administrators who demote each other one comes second and is refused; of two processes that share
 * a database, each has its own turns. */
#include "identity/identity_int.h"
#include "identity/session_int.h"

static status copy(struct arena *a, const struct user_record *u, struct user_record *out,
                   struct error *err)
{
    *out = *u;
    out->password_hash = (str){0}; /* nobody outside has a use for it */
    out->id = arena_str(a, u->id);
    out->tenant = arena_str(a, u->tenant);
    out->name = arena_str(a, u->name);
    out->role = arena_str(a, u->role);
    if (!out->id.p || !out->tenant.p || !out->name.p || !out->role.p)
        return fail(err, ST_LIMIT, "no room for the user");
    return ST_OK;
}

static status check_role(str role, struct error *err)
{
    enum role r;
    if (role_find(role, &r))
        return ST_OK;
    return fail(err, ST_INVALID, "a role is 'read', 'analyst' or 'admin', not '" STR_FMT "'",
                STR_ARG(str_head(role, 64)));
}

/* ---- add ---- */

/* Another tenant's first administrator is made by the installation's. */
static status check_tenant(struct identity *i, const struct actor *by, str tenant,
                           struct error *err)
{
    if (!str_eq(tenant, str_z(by->who->tenant))) {
        status st = act_permitted(by, PERMIT_INSTALLATION, err);
        if (st != ST_OK)
            return st;
    }
    status st = tenant_open(i, tenant, err);
    if (st != ST_UNAUTHORIZED)
        return st;
    return fail(err, ST_INVALID, "no tenant '" STR_FMT "', or it is disabled",
                STR_ARG(str_head(tenant, NAME_MAX_BYTES)));
}

static status check_new(struct identity *i, const struct actor *by, const struct new_user *in,
                        str tenant, struct error *err)
{
    status st = act_permitted(by, PERMIT_USERS_ADMIN, err);
    if (st == ST_OK)
        st = policy_name(in->name, err);
    if (st == ST_OK)
        st = policy_password(in->name, in->password, err);
    if (st == ST_OK)
        st = check_role(in->role, err);
    return st == ST_OK ? check_tenant(i, by, tenant, err) : st;
}

static status user_add(struct identity *i, struct arena *a, const struct actor *by,
                       const struct new_user *in, struct user_record *out, struct error *err)
{
    str tenant = in->tenant.n ? in->tenant : str_z(by->who->tenant);
    char hash[PASSWORD_HASH_MAX], id[UID_SIZE];
    status st = check_new(i, by, in, tenant, err);
    if (st == ST_OK)
        st = password_make(i, in->password, hash, err);
    if (st != ST_OK)
        return st;
    uid_new(by->now_ms, id);
    struct user_record u = {.id = str_z(id), .tenant = tenant, .name = in->name, .role = in->role};
    u.password_hash = str_z(hash);
    u.created_ms = u.changed_ms = by->now_ms;
    st = store_user_add(i->store, &u, err);
    if (st == ST_CONFLICT)
        return fail(err, ST_CONFLICT, "the name '" STR_FMT "' is taken", STR_ARG(in->name));
    return st == ST_OK ? copy(a, &u, out, err) : st;
}

status identity_user_add(struct identity *i, struct arena *a, const struct actor *by,
                         const struct new_user *in, struct user_record *out, struct error *err)
{
    struct error why = {0};
    struct act act = {.i = i, .by = by, .action = "user.add", .target = in->name};
    return act_done(&act, user_add(i, a, by, in, out, &why), &why, err);
}

/* ---- change, remove ---- */

static bool administers(const struct user_record *u)
{
    return !u->disabled && str_eq(u->role, str_z(role_name(ROLE_ADMIN)));
}

/* ST_CONFLICT: without `id` the tenant would have no administrator. */
static status another_admin(struct identity *i, str tenant, str id, struct error *err)
{
    struct arena a;
    arena_init(&a, ARENA_LARGE);
    struct user_record *u = NULL;
    size_t n = 0, others = 0;
    status st = store_user_list(i->store, &a, tenant, &u, &n, err);
    for (size_t k = 0; st == ST_OK && k < n; k++)
        others += administers(&u[k]) && !str_eq(u[k].id, id);
    arena_done(&a);
    if (st == ST_OK && others == 0)
        return fail(err, ST_CONFLICT, "the tenant's last administrator must stay one");
    return st;
}

static status find(struct identity *i, struct arena *a, const struct actor *by, str id,
                   struct user_record *out, struct error *err)
{
    status st = act_permitted(by, PERMIT_USERS_ADMIN, err);
    if (st == ST_OK)
        st = store_user_get(i->store, a, str_z(by->who->tenant), id, out, err);
    if (st == ST_NOT_FOUND)
        return fail(err, ST_NOT_FOUND, "no user '" STR_FMT "'", STR_ARG(str_head(id, 64)));
    return st;
}

/* What `in` asks for, put into `u`; *void_tokens: those given out are not to be good any more. */
static status apply(struct identity *i, const struct user_change *in, struct user_record *u,
                    char hash[static PASSWORD_HASH_MAX], bool *void_tokens, struct error *err)
{
    status st = in->role.p ? check_role(in->role, err) : ST_OK;
    if (st == ST_OK && in->password.p)
        st = policy_password(u->name, in->password, err);
    if (st == ST_OK && in->password.p)
        st = password_make(i, in->password, hash, err);
    if (st != ST_OK)
        return st;
    *void_tokens = in->password.p || (in->role.p && !str_eq(in->role, u->role)) ||
                   (in->disabled > 0 && !u->disabled);
    if (in->role.p)
        u->role = in->role;
    if (in->disabled >= 0)
        u->disabled = in->disabled > 0;
    if (in->password.p) { /* and whoever was locked out may try it */
        u->password_hash = str_z(hash);
        u->failed = u->locked_until_ms = 0;
    }
    return ST_OK;
}

static status change(struct identity *i, struct arena *a, const struct actor *by, str id,
                     const struct user_change *in, struct user_record *out, struct error *err)
{
    char hash[PASSWORD_HASH_MAX];
    struct user_record u = {0};
    bool void_tokens = false;
    status st = find(i, a, by, id, &u, err);
    bool administered = st == ST_OK && administers(&u);
    if (st == ST_OK)
        st = apply(i, in, &u, hash, &void_tokens, err);
    if (st == ST_OK && administered && !administers(&u))
        st = another_admin(i, u.tenant, u.id, err);
    if (st != ST_OK)
        return st;
    u.changed_ms = by->now_ms;
    if (void_tokens)
        u.valid_from_ms = by->now_ms;
    st = store_user_update(i->store, &u, err);
    if (st == ST_OK && void_tokens)
        st = sessions_end(i, &u, STR(""), by->now_ms, err);
    user_changed(i, u.id, by->now_ms);
    return st == ST_OK ? copy(a, &u, out, err) : st;
}

status identity_user_change(struct identity *i, struct arena *a, const struct actor *by, str id,
                            const struct user_change *in, struct user_record *out,
                            struct error *err)
{
    struct error why = {0};
    status st = turn_take(&i->changing, &why);
    if (st == ST_OK) {
        st = change(i, a, by, id, in, out, &why);
        turn_drop(&i->changing);
    }
    struct act act = {.i = i, .by = by, .action = "user.change", .target = id};
    return act_done(&act, st, &why, err);
}

static status user_remove(struct identity *i, const struct actor *by, str id, struct error *err)
{
    struct arena a;
    arena_init(&a, ARENA_SMALL);
    struct user_record u = {0};
    status st = find(i, &a, by, id, &u, err);
    if (st == ST_OK && administers(&u))
        st = another_admin(i, u.tenant, u.id, err);
    if (st == ST_OK)
        st = sessions_end(i, &u, STR(""), by->now_ms, err);
    if (st == ST_OK)
        st = store_user_remove(i->store, u.tenant, u.id, err);
    if (st == ST_OK)
        user_changed(i, u.id, by->now_ms);
    arena_done(&a);
    return st;
}

status identity_user_remove(struct identity *i, const struct actor *by, str id, struct error *err)
{
    struct error why = {0};
    status st = turn_take(&i->changing, &why);
    if (st == ST_OK) {
        st = user_remove(i, by, id, &why);
        turn_drop(&i->changing);
    }
    struct act act = {.i = i, .by = by, .action = "user.remove", .target = id};
    return act_done(&act, st, &why, err);
}

/* ---- tenants ---- */

static status tenant_add(struct identity *i, const struct actor *by, str id, str title,
                         struct error *err)
{
    status st = act_permitted(by, PERMIT_INSTALLATION, err);
    if (st == ST_OK)
        st = policy_tenant(id, err);
    if (st == ST_OK)
        st = policy_title(title, TITLE_MAX_BYTES, err);
    if (st != ST_OK)
        return st;
    struct tenant_record t = {.id = id, .title = title, .created_ms = by->now_ms};
    st = store_tenant_add(i->store, &t, err);
    return st == ST_CONFLICT ? fail(err, st, "there is a tenant '" STR_FMT "'", STR_ARG(id)) : st;
}

status identity_tenant_add(struct identity *i, const struct actor *by, str id, str title,
                           struct error *err)
{
    struct error why = {0};
    struct act act = {.i = i, .by = by, .action = "tenant.add", .target = id};
    return act_done(&act, tenant_add(i, by, id, title, &why), &why, err);
}

static status tenant_disable(struct identity *i, const struct actor *by, str id, bool disabled,
                             struct error *err)
{
    status st = act_permitted(by, PERMIT_INSTALLATION, err);
    if (st == ST_OK && disabled && str_eq(id, STR("default")))
        st = fail(err, ST_CONFLICT, "the tenant 'default' runs the installation");
    if (st == ST_OK)
        st = store_tenant_disable(i->store, id, disabled, err);
    if (st == ST_OK)
        everybody_changed(i);
    return st;
}

status identity_tenant_disable(struct identity *i, const struct actor *by, str id, bool disabled,
                               struct error *err)
{
    struct error why = {0};
    struct act act = {.i = i, .by = by, .target = id};
    act.action = disabled ? "tenant.disable" : "tenant.enable";
    return act_done(&act, tenant_disable(i, by, id, disabled, &why), &why, err);
}
