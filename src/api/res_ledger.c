/* SPDX-License-Identifier: Apache-2.0 */
/* Who did what, and who used how much. */
#include "api/api_int.h"
#include "codec/time.h"
#include "store/ledger.h"

enum { PAGE_MAX = 1000, PAGE = 100, DAY_MS = 86400000, USAGE_DAYS = 30 };

static const struct schema_field audit_query_fields[] = {
    {"before", SCHEMA_INTEGER, .min = 1, .max = 9007199254740991.0,
     .doc = "entries with a smaller number: `next` of the page before"},
    {"limit", SCHEMA_INTEGER, .min = 1, .max = PAGE_MAX, .doc = "entries on a page; 100"},
};
const struct schema schema_audit_query = SCHEMA_OF("AuditQuery", "", audit_query_fields);

static const struct schema_field audit_fields[] = {
    {"number", SCHEMA_INTEGER, .required = true, .doc = "grows by one with every entry"},
    {"time", SCHEMA_STRING, .required = true, .format = FORMAT_TIME, .doc = "when"},
    {"actor", SCHEMA_STRING, .required = true, .doc = "the user's name, key:NAME or system"},
    {"action", SCHEMA_STRING, .required = true, .doc = "what, such as user.add"},
    {"target", SCHEMA_STRING, .required = true, .doc = "to what"},
    {"detail", SCHEMA_ANY, .nullable = true, .doc = "more about it"},
    {"address", SCHEMA_STRING, .required = true, .doc = "from where"},
    {"ok", SCHEMA_BOOLEAN, .required = true, .doc = "false: it was refused"},
};
static const struct schema schema_audit = SCHEMA_OF("AuditEntry", "Who did what", audit_fields);
static const struct schema_field audit_page_fields[] = {
    {"entries", SCHEMA_ARRAY, .required = true, .item = SCHEMA_OBJECT, .child = &schema_audit,
     .doc = "latest first"},
    {"next", SCHEMA_INTEGER, .required = true, .nullable = true,
     .doc = "for `before`; null: no more"},
};
const struct schema schema_audit_page =
    SCHEMA_OF("AuditPage", "A page of the audit log", audit_page_fields);

static const struct schema_field usage_query_fields[] = {
    {"from", SCHEMA_STRING, .format = FORMAT_TIME, .doc = "first day; thirty days ago"},
    {"to", SCHEMA_STRING, .format = FORMAT_TIME, .doc = "last day; today"},
};
const struct schema schema_usage_query = SCHEMA_OF("UsageQuery", "", usage_query_fields);

static const struct schema_field usage_fields[] = {
    {"day", SCHEMA_STRING, .required = true, .doc = "in UTC, such as 2026-01-31"},
    {"key", SCHEMA_STRING, .required = true, .doc = "an API key's id, or user:ID"},
    {"route", SCHEMA_STRING, .required = true, .doc = "operationId"},
    {"requests", SCHEMA_INTEGER, .required = true, .doc = "how many"},
    {"errors", SCHEMA_INTEGER, .required = true, .doc = "of them answered with 4xx or 5xx"},
    {"bytes_in", SCHEMA_INTEGER, .required = true, .doc = "of bodies"},
    {"bytes_out", SCHEMA_INTEGER, .required = true, .doc = "of answers"},
};
static const struct schema schema_usage =
    SCHEMA_OF("Usage", "What one caller used on a day", usage_fields);
static const struct schema_field usage_page_fields[] = {
    {"usage", SCHEMA_ARRAY, .required = true, .item = SCHEMA_OBJECT, .child = &schema_usage,
     .doc = "by day, key and route; late by some seconds"},
};
const struct schema schema_usage_page =
    SCHEMA_OF("UsagePage", "Usage of the tenant", usage_page_fields);

static void write_entry(struct json_out *o, const struct audit_record *r)
{
    json_out_object(o);
    json_out_kv_u64(o, "number", r->number);
    json_out_kv_time(o, "time", r->time_ms);
    json_out_kv_str(o, "actor", r->actor);
    json_out_kv_str(o, "action", r->action);
    json_out_kv_str(o, "target", r->target);
    json_out_key(o, STR("detail"));
    if (r->detail.n)
        json_out_raw(o, r->detail);
    else
        json_out_null(o);
    json_out_kv_str(o, "address", r->address);
    json_out_kv_bool(o, "ok", r->ok);
    json_out_object_end(o);
}

void serve_audit_list(struct api_call *c)
{
    struct audit_record *r = NULL;
    size_t n = 0, limit = (size_t)call_query_int(c, "limit", PAGE);
    struct error err;
    status st = store_audit_list(c->api->options.store, c->arena, str_z(c->who.tenant),
                                 (uint64_t)call_query_int(c, "before", 0), limit, &r, &n, &err);
    if (!call_ok(c, st, &err))
        return;
    struct json_out o = call_json(c);
    json_out_object(&o);
    json_out_key(&o, STR("entries"));
    json_out_array(&o);
    for (size_t i = 0; i < n; i++)
        write_entry(&o, &r[i]);
    json_out_array_end(&o);
    json_out_key(&o, STR("next"));
    if (n == limit)
        json_out_u64(&o, r[n - 1].number);
    else
        json_out_null(&o);
    json_out_object_end(&o);
    call_send(c, 200);
}

static void write_use(struct json_out *o, const struct usage_record *u)
{
    char day[32];
    (void)time_format_rfc3339(u->day * DAY_MS, day);
    json_out_object(o);
    json_out_kv_str(o, "day", (str){day, 10});
    json_out_kv_str(o, "key", u->key);
    json_out_kv_str(o, "route", u->route);
    json_out_kv_u64(o, "requests", u->requests);
    json_out_kv_u64(o, "errors", u->errors);
    json_out_kv_u64(o, "bytes_in", u->bytes_in);
    json_out_kv_u64(o, "bytes_out", u->bytes_out);
    json_out_object_end(o);
}

void serve_usage_list(struct api_call *c)
{
    struct usage_record *u = NULL;
    size_t n = 0;
    struct error err;
    int64_t to = call_query_time(c, "to", c->now_ms) / DAY_MS;
    int64_t from = call_query_time(c, "from", (to - USAGE_DAYS) * DAY_MS) / DAY_MS;
    status st = store_usage_list(c->api->options.store, c->arena, str_z(c->who.tenant), from,
                                 to + 1, &u, &n, &err);
    if (!call_ok(c, st, &err))
        return;
    struct json_out o = call_json(c);
    json_out_object(&o);
    json_out_key(&o, STR("usage"));
    json_out_array(&o);
    for (size_t i = 0; i < n; i++)
        if (u[i].day <= to)
            write_use(&o, &u[i]);
    json_out_array_end(&o);
    json_out_object_end(&o);
    call_send(c, 200);
}
