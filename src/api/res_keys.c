/* SPDX-License-Identifier: Apache-2.0 */
/* API keys: one's own, and for administrators those of the tenant. */
#include "api/api_int.h"
#include "codec/time.h"

static const char *const roles[] = {"read", "analyst", "admin", NULL};

static const struct schema_field new_key_fields[] = {
    {"name", SCHEMA_STRING, .required = true, .min = 1, .max = 60, .format = FORMAT_LINE,
     .doc = "what it is for"},
    {"role", SCHEMA_STRING, .values = roles,
     .doc = "no more than the maker's, which it is when absent"},
    {"scopes", SCHEMA_ARRAY, .item = SCHEMA_STRING, .max = 32,
     .doc = "permissions; absent: all of the role's", .example = "[\"events:write\"]"},
    {"expires_at", SCHEMA_STRING, .format = FORMAT_TIME, .nullable = true, .doc = "absent: never"},
    {"service", SCHEMA_BOOLEAN,
     .doc = "belongs to the tenant and outlives its maker; for administrators"},
};
const struct schema schema_new_key = SCHEMA_OF("NewKey", "A key to be made", new_key_fields);

#define KEY_FIELDS                                                                                 \
    {"id", SCHEMA_STRING, .required = true, .format = FORMAT_ID, .doc = "of the key"},             \
        {"name", SCHEMA_STRING, .required = true, .doc = "what it is for"},                        \
        {"owner", SCHEMA_STRING, .required = true, .doc = "id of the user whose it is"},           \
        {"role", SCHEMA_STRING, .required = true, .doc = "what it may at most"},                   \
        {"scopes", SCHEMA_ARRAY, .required = true, .item = SCHEMA_STRING,                          \
         .doc = "permissions it is held to; none: all of the role's"},                             \
        {"service", SCHEMA_BOOLEAN, .required = true, .doc = "belongs to the tenant"},             \
        {"created_at", SCHEMA_STRING, .required = true, .format = FORMAT_TIME, .doc = "made"},     \
        {"expires_at", SCHEMA_STRING, .format = FORMAT_TIME, .nullable = true,                     \
         .doc = "null: never"},                                                                    \
        {"used_at", SCHEMA_STRING, .format = FORMAT_TIME, .nullable = true,                        \
         .doc = "last used, to about a minute; null: never"},                                      \
    {                                                                                              \
        "revoked", SCHEMA_BOOLEAN, .required = true, .doc = "it is good no more"                   \
    }

static const struct schema_field key_fields[] = {KEY_FIELDS};
static const struct schema schema_key = SCHEMA_OF("Key", "An API key", key_fields);
static const struct schema_field made_key_fields[] = {
    KEY_FIELDS,
    {"secret", SCHEMA_STRING, .required = true, .secret = true,
     .doc = "the key's whole text; kept nowhere, so shown this once"},
};
const struct schema schema_made_key = SCHEMA_OF("MadeKey", "A key just made", made_key_fields);
static const struct schema_field keys_fields[] = {
    {"keys", SCHEMA_ARRAY, .required = true, .item = SCHEMA_OBJECT, .child = &schema_key,
     .doc = "the keys"},
};
const struct schema schema_keys = SCHEMA_OF("Keys", "API keys", keys_fields);

static void write_time(struct json_out *o, const char *name, int64_t ms)
{
    json_out_key(o, str_z(name));
    if (ms)
        json_out_time(o, ms);
    else
        json_out_null(o);
}

static void write_scopes(struct json_out *o, str scopes)
{
    json_out_key(o, STR("scopes"));
    json_out_array(o);
    while (scopes.n) {
        str one = str_cut(&scopes, ' ');
        if (one.n)
            json_out_str(o, one);
    }
    json_out_array_end(o);
}

static void write_key(struct json_out *o, const struct key_record *k, str secret)
{
    json_out_object(o);
    json_out_kv_str(o, "id", k->id);
    json_out_kv_str(o, "name", k->name);
    json_out_kv_str(o, "owner", k->owner);
    json_out_kv_str(o, "role", k->role);
    write_scopes(o, k->scopes);
    json_out_kv_bool(o, "service", k->service);
    json_out_kv_time(o, "created_at", k->created_ms);
    write_time(o, "expires_at", k->expires_ms);
    write_time(o, "used_at", k->used_ms);
    json_out_kv_bool(o, "revoked", k->revoked);
    if (secret.n)
        json_out_kv_str(o, "secret", secret);
    json_out_object_end(o);
}

static bool may_touch(const struct api_call *c, const struct key_record *k)
{
    return str_eq(k->tenant, str_z(c->who.tenant)) &&
           (principal_may(&c->who, PERMIT_USERS_ADMIN) ||
            (c->who.user[0] && str_eq(k->owner, str_z(c->who.user))));
}

void serve_key_list(struct api_call *c)
{
    struct key_record *k = NULL;
    size_t n = 0;
    struct error err;
    status st = store_key_list(c->api->options.store, c->arena, str_z(c->who.tenant), &k, &n, &err);
    if (!call_ok(c, st, &err))
        return;
    struct json_out o = call_json(c);
    json_out_object(&o);
    json_out_key(&o, STR("keys"));
    json_out_array(&o);
    for (size_t i = 0; i < n; i++)
        if (may_touch(c, &k[i]))
            write_key(&o, &k[i], STR(""));
    json_out_array_end(&o);
    json_out_object_end(&o);
    call_send(c, 200);
}

static status read_scopes(struct api_call *c, str *out, struct error *err)
{
    struct sbuf b = {.cap = 4096};
    size_t i = 0;
    for (struct json_each it = json_each(json_get(c->root, STR("scopes"))); json_each_next(&it);
         i++) {
        enum permission p;
        str name = json_str(it.value, STR(""));
        if (!permission_find(name, &p)) {
            sbuf_done(&b);
            return fail(err, ST_INVALID, "/scopes/%zu: there is no permission '" STR_FMT "'", i,
                        STR_ARG(str_head(name, 60)));
        }
        sbuf_addz(&b, b.n ? " " : "");
        sbuf_add(&b, name);
    }
    *out = arena_str(c->arena, sbuf_str(&b));
    sbuf_done(&b);
    return ST_OK;
}

void serve_key_add(struct api_call *c)
{
    struct error err;
    struct actor by = call_actor(c);
    struct key_record k = {0};
    str secret = {0};
    struct new_key in = {.name = json_str(json_get(c->root, STR("name")), STR("")),
                         .role = json_str(json_get(c->root, STR("role")), STR("")),
                         .service = json_bool(json_get(c->root, STR("service")), false)};
    (void)time_parse_iso(json_str(json_get(c->root, STR("expires_at")), STR("")), &in.expires_ms);
    status st = read_scopes(c, &in.scopes, &err);
    if (st == ST_OK && in.expires_ms && in.expires_ms <= c->now_ms)
        st = fail(&err, ST_INVALID, "/expires_at: expected a time to come");
    if (st == ST_OK)
        st = in_member(
            "/scopes", &err,
            identity_key_add(c->api->options.identity, c->arena, &by, &in, &k, &secret, &err));
    if (!call_ok(c, st, &err))
        return;
    struct json_out o = call_json(c);
    write_key(&o, &k, secret);
    call_send(c, 201);
}

void serve_key_revoke(struct api_call *c)
{
    struct key_record k = {0};
    struct error err;
    struct actor by = call_actor(c);
    str id;
    if (!call_id(c, &id))
        return;
    status st = store_key_get(c->api->options.store, c->arena, id, &k, &err);
    if (st == ST_OK && !may_touch(c, &k))
        st = fail(&err, ST_NOT_FOUND, "there is no key with this id");
    if (st == ST_OK)
        st = identity_key_revoke(c->api->options.identity, &by, id, &err);
    if (call_ok(c, st, &err))
        call_empty(c, 204);
}
