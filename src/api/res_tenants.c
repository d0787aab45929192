/* SPDX-License-Identifier: Apache-2.0 */
/* What concerns the whole installation: its tenants and signing keys. */
#include "api/api_int.h"

static const struct schema_field new_tenant_fields[] = {
    {"id", SCHEMA_STRING, .required = true, .min = 1, .max = 63, .format = FORMAT_TENANT,
     .doc = "its short name"},
    {"title", SCHEMA_STRING, .min = 1, .max = 120, .format = FORMAT_LINE,
     .doc = "its name for people; its id when absent"},
};
const struct schema schema_new_tenant =
    SCHEMA_OF("NewTenant", "A tenant to be added", new_tenant_fields);

static const struct schema_field tenant_change_fields[] = {
    {"disabled", SCHEMA_BOOLEAN, .required = true, .doc = "nobody of it may log in or call"},
};
const struct schema schema_tenant_change =
    SCHEMA_OF("TenantChange", "What to change", tenant_change_fields);

static const struct schema_field tenant_fields[] = {
    {"id", SCHEMA_STRING, .required = true, .doc = "its short name"},
    {"title", SCHEMA_STRING, .required = true, .doc = "its name for people"},
    {"created_at", SCHEMA_STRING, .required = true, .format = FORMAT_TIME, .doc = "added"},
    {"disabled", SCHEMA_BOOLEAN, .required = true, .doc = "nobody of it may log in or call"},
};
const struct schema schema_tenant = SCHEMA_OF("Tenant", "A tenant", tenant_fields);
static const struct schema_field tenants_fields[] = {
    {"tenants", SCHEMA_ARRAY, .required = true, .item = SCHEMA_OBJECT, .child = &schema_tenant,
     .doc = "all of them"},
};
const struct schema schema_tenants =
    SCHEMA_OF("Tenants", "The tenants of the installation", tenants_fields);

static void write_tenant(struct json_out *o, const struct tenant_record *t)
{
    json_out_object(o);
    json_out_kv_str(o, "id", t->id);
    json_out_kv_str(o, "title", t->title);
    json_out_kv_time(o, "created_at", t->created_ms);
    json_out_kv_bool(o, "disabled", t->disabled);
    json_out_object_end(o);
}

static void send_tenant(struct api_call *c, int http, str id)
{
    struct tenant_record t = {0};
    struct error err;
    if (!call_ok(c, store_tenant_get(c->api->options.store, c->arena, id, &t, &err), &err))
        return;
    struct json_out o = call_json(c);
    write_tenant(&o, &t);
    call_send(c, http);
}

void serve_tenant_list(struct api_call *c)
{
    struct tenant_record *t = NULL;
    size_t n = 0;
    struct error err;
    if (!call_ok(c, store_tenant_list(c->api->options.store, c->arena, &t, &n, &err), &err))
        return;
    struct json_out o = call_json(c);
    json_out_object(&o);
    json_out_key(&o, STR("tenants"));
    json_out_array(&o);
    for (size_t i = 0; i < n; i++)
        write_tenant(&o, &t[i]);
    json_out_array_end(&o);
    json_out_object_end(&o);
    call_send(c, 200);
}

void serve_tenant_add(struct api_call *c)
{
    struct error err;
    struct actor by = call_actor(c);
    str id = json_str(json_get(c->root, STR("id")), STR(""));
    str title = json_str(json_get(c->root, STR("title")), id);
    if (call_ok(c, identity_tenant_add(c->api->options.identity, &by, id, title, &err), &err))
        send_tenant(c, 201, id);
}

void serve_tenant_change(struct api_call *c)
{
    struct error err;
    struct actor by = call_actor(c);
    bool disabled = json_bool(json_get(c->root, STR("disabled")), false);
    str id = c->param[0];
    if (call_ok(c, identity_tenant_disable(c->api->options.identity, &by, id, disabled, &err),
                &err))
        send_tenant(c, 200, id);
}

void serve_signer_rotate(struct api_call *c)
{
    struct error err;
    struct actor by = call_actor(c);
    if (call_ok(c, identity_rotate(c->api->options.identity, &by, &err), &err))
        call_empty(c, 204);
}
