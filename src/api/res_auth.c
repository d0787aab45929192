/* SPDX-License-Identifier: Apache-2.0 */
/* Logging in and out, and one's own account. */
#include "api/api_int.h"

enum { PASSWORD_MAX = 1024 };

static const struct schema_field login_fields[] = {
    {"username", SCHEMA_STRING, .required = true, .min = 1, .max = 128, .format = FORMAT_LINE,
     .doc = "the user's name", .example = "\"admin\""},
    {"password", SCHEMA_STRING, .required = true, .min = 1, .max = PASSWORD_MAX, .secret = true,
     .doc = "the user's password"},
};
const struct schema schema_login = SCHEMA_OF("Login", "Who logs in", login_fields);

static const struct schema_field refresh_fields[] = {
    {"refresh_token", SCHEMA_STRING, .required = true, .min = 1, .max = 4096, .secret = true,
     .format = FORMAT_LINE, .doc = "the last one given; good once"},
};
const struct schema schema_refresh = SCHEMA_OF("Refresh", "For a new access token", refresh_fields);

static const struct schema_field token_fields[] = {
    {"access_token", SCHEMA_STRING, .required = true, .secret = true,
     .doc = "for Authorization: Bearer"},
    {"refresh_token", SCHEMA_STRING, .required = true, .secret = true,
     .doc = "for /api/auth/refresh; good once"},
    {"token_type", SCHEMA_STRING, .required = true, .doc = "Bearer"},
    {"expires_in", SCHEMA_INTEGER, .required = true, .doc = "seconds the access token is good"},
};
const struct schema schema_tokens = SCHEMA_OF("Tokens", "What a login gives", token_fields);

static const struct schema_field password_fields[] = {
    {"old_password", SCHEMA_STRING, .required = true, .min = 1, .max = PASSWORD_MAX, .secret = true,
     .doc = "the one that is good now"},
    {"new_password", SCHEMA_STRING, .required = true, .min = 1, .max = PASSWORD_MAX, .secret = true,
     .doc = "the one to be"},
};
const struct schema schema_password =
    SCHEMA_OF("Password", "A change of password", password_fields);

static const struct schema_field me_fields[] = {
    {"kind", SCHEMA_STRING, .required = true, .doc = "user, key or service"},
    {"user", SCHEMA_STRING, .required = true, .doc = "id of the user; empty for a service"},
    {"name", SCHEMA_STRING, .required = true, .doc = "of the user or the key"},
    {"tenant", SCHEMA_STRING, .required = true, .doc = "whose records are seen"},
    {"role", SCHEMA_STRING, .required = true, .doc = "read, analyst or admin"},
    {"permissions", SCHEMA_ARRAY, .required = true, .item = SCHEMA_STRING, .doc = "what it may"},
    {"expires_at", SCHEMA_STRING, .format = FORMAT_TIME, .nullable = true,
     .doc = "of the token or the key"},
};
const struct schema schema_me = SCHEMA_OF("Me", "The caller", me_fields);

static const struct schema_field session_fields[] = {
    {"id", SCHEMA_STRING, .required = true, .format = FORMAT_ID, .doc = "of the session"},
    {"address", SCHEMA_STRING, .required = true, .doc = "where it began"},
    {"agent", SCHEMA_STRING, .required = true, .doc = "what it began with"},
    {"created_at", SCHEMA_STRING, .required = true, .format = FORMAT_TIME, .doc = "the login"},
    {"used_at", SCHEMA_STRING, .required = true, .format = FORMAT_TIME, .doc = "the last refresh"},
    {"expires_at", SCHEMA_STRING, .required = true, .format = FORMAT_TIME, .doc = "its end"},
    {"current", SCHEMA_BOOLEAN, .required = true, .doc = "it is the one that asks"},
};
static const struct schema schema_session = SCHEMA_OF("Session", "A login", session_fields);
static const struct schema_field sessions_fields[] = {
    {"sessions", SCHEMA_ARRAY, .required = true, .item = SCHEMA_OBJECT, .child = &schema_session,
     .doc = "those neither ended nor expired"},
};
const struct schema schema_sessions = SCHEMA_OF("Sessions", "One's sessions", sessions_fields);

static str text_of(const struct api_call *c, const char *name)
{
    return json_str(json_get(c->root, str_z(name)), (str){0});
}

static void send_tokens(struct api_call *c, const struct tokens *t)
{
    struct json_out o = call_json(c);
    json_out_object(&o);
    json_out_kv_str(&o, "access_token", t->access);
    json_out_kv_str(&o, "refresh_token", t->refresh);
    json_out_kv_str(&o, "token_type", STR("Bearer"));
    json_out_kv_u64(&o, "expires_in", t->expires_in);
    json_out_object_end(&o);
    call_send(c, 200);
}

void serve_auth_login(struct api_call *c)
{
    struct tokens t = {0};
    struct error err;
    uint32_t retry_s = 0;
    status st = identity_login(c->api->options.identity, c->arena, text_of(c, "username"),
                               text_of(c, "password"), c->address,
                               str_head(http_header(c->request, STR("user-agent")), 200), c->now_ms,
                               &t, &retry_s, &err);
    if (st == ST_BUSY) {
        str text = arena_fmt(c->arena, "%u", retry_s);
        call_set(c, "Retry-After", text);
    }
    if (call_ok(c, st, &err))
        send_tokens(c, &t);
}

void serve_auth_refresh(struct api_call *c)
{
    struct tokens t = {0};
    struct error err;
    status st = identity_refresh(c->api->options.identity, c->arena, text_of(c, "refresh_token"),
                                 c->address, c->now_ms, &t, &err);
    if (call_ok(c, st, &err))
        send_tokens(c, &t);
}

void serve_auth_logout(struct api_call *c)
{
    struct error err;
    if (call_ok(c, identity_logout(c->api->options.identity, &c->who, &err), &err))
        call_empty(c, 204);
}

void serve_auth_password(struct api_call *c)
{
    struct error err;
    struct actor by = call_actor(c);
    status st =
        in_member("/new_password", &err,
                  identity_password(c->api->options.identity, &by, text_of(c, "old_password"),
                                    text_of(c, "new_password"), &err));
    if (call_ok(c, st, &err))
        call_empty(c, 204);
}

void serve_auth_me(struct api_call *c)
{
    static const char *const kind[] = {"user", "key", "service"};
    struct json_out o = call_json(c);
    json_out_object(&o);
    json_out_kv_str(&o, "kind", str_z(kind[c->who.kind]));
    json_out_kv_str(&o, "user", str_z(c->who.user));
    json_out_kv_str(&o, "name", str_z(c->who.name));
    json_out_kv_str(&o, "tenant", str_z(c->who.tenant));
    json_out_kv_str(&o, "role", str_z(role_name(c->who.role)));
    json_out_key(&o, STR("permissions"));
    json_out_array(&o);
    for (enum permission p = 0; p < PERMISSION_COUNT; p++)
        if (principal_may(&c->who, p))
            json_out_str(&o, str_z(permission_name(p)));
    json_out_array_end(&o);
    if (c->who.expires_ms)
        json_out_kv_time(&o, "expires_at", c->who.expires_ms);
    json_out_object_end(&o);
    call_send(c, 200);
}

/* ---- sessions ---- */

static void write_session(struct json_out *o, const struct session_record *s, const char *current)
{
    json_out_object(o);
    json_out_kv_str(o, "id", s->id);
    json_out_kv_str(o, "address", s->address);
    json_out_kv_str(o, "agent", s->agent);
    json_out_kv_time(o, "created_at", s->created_ms);
    json_out_kv_time(o, "used_at", s->used_ms);
    json_out_kv_time(o, "expires_at", s->expires_ms);
    json_out_kv_bool(o, "current", str_eq(s->id, str_z(current)));
    json_out_object_end(o);
}

void serve_session_list(struct api_call *c)
{
    struct session_record *s = NULL;
    size_t n = 0;
    struct error err;
    if (c->who.user[0] == 0) {
        call_problem(c, 404, "not_found", "a service has no sessions");
        return;
    }
    status st = store_session_list(c->api->options.store, c->arena, str_z(c->who.tenant),
                                   str_z(c->who.user), &s, &n, &err);
    if (!call_ok(c, st, &err))
        return;
    struct json_out o = call_json(c);
    json_out_object(&o);
    json_out_key(&o, STR("sessions"));
    json_out_array(&o);
    for (size_t i = 0; i < n; i++)
        if (!s[i].revoked && s[i].expires_ms > c->now_ms)
            write_session(&o, &s[i], c->who.key);
    json_out_array_end(&o);
    json_out_object_end(&o);
    call_send(c, 200);
}

/* What others have is not there for who may not touch it. */
static bool may_touch(const struct api_call *c, str tenant, str user)
{
    return str_eq(tenant, str_z(c->who.tenant)) &&
           (principal_may(&c->who, PERMIT_USERS_ADMIN) ||
            (c->who.user[0] && str_eq(user, str_z(c->who.user))));
}

void serve_session_revoke(struct api_call *c)
{
    struct session_record s = {0};
    struct error err;
    struct actor by = call_actor(c);
    str id;
    if (!call_id(c, &id))
        return;
    status st = store_session_get(c->api->options.store, c->arena, id, &s, &err);
    if (st == ST_OK && !may_touch(c, s.tenant, s.user))
        st = fail(&err, ST_NOT_FOUND, "there is no session with this id");
    if (st == ST_OK)
        st = identity_session_revoke(c->api->options.identity, &by, id, &err);
    if (call_ok(c, st, &err))
        call_empty(c, 204);
}
