/* SPDX-License-Identifier: Apache-2.0 */
/* The users of a tenant, for its administrators. */
#include "api/api_int.h"

enum { PASSWORD_MAX = 1024 };

static const char *const roles[] = {"read", "analyst", "admin", NULL};

static const struct schema_field new_user_fields[] = {
    {"name", SCHEMA_STRING, .required = true, .min = 1, .max = 63, .format = FORMAT_NAME,
     .doc = "to log in with; no other user of the installation has it"},
    {"password", SCHEMA_STRING, .required = true, .min = 1, .max = PASSWORD_MAX, .secret = true,
     .doc = "to log in with"},
    {"role", SCHEMA_STRING, .required = true, .values = roles, .doc = "what they may"},
    {"tenant", SCHEMA_STRING, .format = FORMAT_TENANT,
     .doc = "another tenant than one's own: for administrators of the installation"},
};
const struct schema schema_new_user = SCHEMA_OF("NewUser", "A user to be added", new_user_fields);

static const struct schema_field user_change_fields[] = {
    {"password", SCHEMA_STRING, .min = 1, .max = PASSWORD_MAX, .secret = true,
     .doc = "a new one; ends the user's sessions"},
    {"role", SCHEMA_STRING, .values = roles, .doc = "what they may from now on"},
    {"disabled", SCHEMA_BOOLEAN, .doc = "may not log in; ends the user's sessions"},
};
const struct schema schema_user_change =
    SCHEMA_OF("UserChange", "What to change", user_change_fields);

static const struct schema_field user_fields[] = {
    {"id", SCHEMA_STRING, .required = true, .format = FORMAT_ID, .doc = "of the user"},
    {"name", SCHEMA_STRING, .required = true, .doc = "to log in with"},
    {"tenant", SCHEMA_STRING, .required = true, .doc = "where they belong"},
    {"role", SCHEMA_STRING, .required = true, .doc = "what they may"},
    {"created_at", SCHEMA_STRING, .required = true, .format = FORMAT_TIME, .doc = "added"},
    {"changed_at", SCHEMA_STRING, .required = true, .format = FORMAT_TIME, .doc = "last changed"},
    {"last_login_at", SCHEMA_STRING, .format = FORMAT_TIME, .nullable = true, .doc = "null: never"},
    {"locked_until", SCHEMA_STRING, .format = FORMAT_TIME, .nullable = true,
     .doc = "after failed logins; null: not"},
    {"disabled", SCHEMA_BOOLEAN, .required = true, .doc = "may not log in"},
};
const struct schema schema_user = SCHEMA_OF("User", "A user", user_fields);
static const struct schema_field users_fields[] = {
    {"users", SCHEMA_ARRAY, .required = true, .item = SCHEMA_OBJECT, .child = &schema_user,
     .doc = "the users"},
};
const struct schema schema_users = SCHEMA_OF("Users", "The users of a tenant", users_fields);

static void write_time(struct json_out *o, const char *name, int64_t ms)
{
    json_out_key(o, str_z(name));
    if (ms)
        json_out_time(o, ms);
    else
        json_out_null(o);
}

static void write_user(struct json_out *o, const struct user_record *u, int64_t now_ms)
{
    json_out_object(o);
    json_out_kv_str(o, "id", u->id);
    json_out_kv_str(o, "name", u->name);
    json_out_kv_str(o, "tenant", u->tenant);
    json_out_kv_str(o, "role", u->role);
    json_out_kv_time(o, "created_at", u->created_ms);
    json_out_kv_time(o, "changed_at", u->changed_ms);
    write_time(o, "last_login_at", u->last_login_ms);
    write_time(o, "locked_until", u->locked_until_ms > now_ms ? u->locked_until_ms : 0);
    json_out_kv_bool(o, "disabled", u->disabled);
    json_out_object_end(o);
}

static void send_user(struct api_call *c, int http, const struct user_record *u)
{
    struct json_out o = call_json(c);
    write_user(&o, u, c->now_ms);
    call_send(c, http);
}

void serve_user_list(struct api_call *c)
{
    struct user_record *u = NULL;
    size_t n = 0;
    struct error err;
    status st =
        store_user_list(c->api->options.store, c->arena, str_z(c->who.tenant), &u, &n, &err);
    if (!call_ok(c, st, &err))
        return;
    struct json_out o = call_json(c);
    json_out_object(&o);
    json_out_key(&o, STR("users"));
    json_out_array(&o);
    for (size_t i = 0; i < n; i++)
        write_user(&o, &u[i], c->now_ms);
    json_out_array_end(&o);
    json_out_object_end(&o);
    call_send(c, 200);
}

void serve_user_get(struct api_call *c)
{
    struct user_record u = {0};
    struct error err;
    str id;
    if (!call_id(c, &id))
        return;
    status st = store_user_get(c->api->options.store, c->arena, str_z(c->who.tenant), id, &u, &err);
    if (call_ok(c, st, &err))
        send_user(c, 200, &u);
}

/* Another tenant than one's own.  Who may not ask is refused, and written down, by identity. */
static status check_tenant(struct api_call *c, str tenant, struct error *err)
{
    struct tenant_record t = {0};
    if (!principal_may(&c->who, PERMIT_INSTALLATION) || strcmp(c->who.tenant, "default") != 0)
        return ST_OK;
    status st = store_tenant_get(c->api->options.store, c->arena, tenant, &t, err);
    if (st == ST_NOT_FOUND || (st == ST_OK && t.disabled))
        return fail(err, ST_INVALID, "/tenant: there is no such tenant, or it is disabled");
    return st;
}

void serve_user_add(struct api_call *c)
{
    struct user_record u = {0};
    struct error err;
    struct actor by = call_actor(c);
    struct new_user in = {.name = json_str(json_get(c->root, STR("name")), STR("")),
                          .password = json_str(json_get(c->root, STR("password")), STR("")),
                          .tenant = json_str(json_get(c->root, STR("tenant")), STR("")),
                          .role = json_str(json_get(c->root, STR("role")), STR(""))};
    status st = ST_OK;
    if (in.tenant.n && !str_eq(in.tenant, str_z(c->who.tenant)))
        st = check_tenant(c, in.tenant, &err);
    if (st == ST_OK)
        st = in_member("/password", &err,
                       identity_user_add(c->api->options.identity, c->arena, &by, &in, &u, &err));
    if (call_ok(c, st, &err))
        send_user(c, 201, &u);
}

void serve_user_change(struct api_call *c)
{
    struct user_record u = {0};
    struct error err;
    struct actor by = call_actor(c);
    json_node disabled = json_get(c->root, STR("disabled"));
    struct user_change in = {.password = json_str(json_get(c->root, STR("password")), (str){0}),
                             .role = json_str(json_get(c->root, STR("role")), (str){0}),
                             .disabled = disabled.p ? json_bool(disabled, false) : -1};
    str id;
    if (!call_id(c, &id))
        return;
    status st =
        in_member("/password", &err,
                  identity_user_change(c->api->options.identity, c->arena, &by, id, &in, &u, &err));
    if (call_ok(c, st, &err))
        send_user(c, 200, &u);
}

void serve_user_remove(struct api_call *c)
{
    struct error err;
    struct actor by = call_actor(c);
    str id;
    if (call_id(c, &id) &&
        call_ok(c, identity_user_remove(c->api->options.identity, &by, id, &err), &err))
        call_empty(c, 204);
}
