/* SPDX-License-Identifier: Apache-2.0 */
/* The OpenAPI 3.1 document, from route.def and the schemas.
 * Source: spec.openapis.org/oas/v3.1.1; RFC 9457 for problems. */
#include "api/api_int.h"

static const char *const problem_schema =
    "{\"type\":\"object\",\"description\":\"What went wrong (RFC 9457)\",\"properties\":{"
    "\"type\":{\"type\":\"string\"},\"title\":{\"type\":\"string\"},"
    "\"status\":{\"type\":\"integer\"},\"detail\":{\"type\":\"string\"},"
    "\"code\":{\"type\":\"string\",\"description\":\"the reason, for programs\"},"
    "\"request_id\":{\"type\":\"string\"}},"
    "\"required\":[\"type\",\"title\",\"status\",\"code\",\"request_id\"]}";

static const char *const security_schemes =
    "{\"bearer\":{\"type\":\"http\",\"scheme\":\"bearer\","
    "\"description\":\"an access token of /api/auth/login, or an API key\"},"
    "\"key\":{\"type\":\"apiKey\",\"in\":\"header\",\"name\":\"X-API-Key\"}}";

static const struct {
    int status;
    const char *name, *when;
} failure[] = {
    {400, "BadRequest", "Malformed: the detail names the place"},
    {401, "NotAuthenticated", "No credentials, or none that are good"},
    {403, "NotAllowed", "The caller may not do this, or the address is blocked for a time"},
    {404, "NotFound", "There is no such thing"},
    {409, "Conflict", "It is there already, or in another state"},
    {413, "TooLarge", "The body is longer than this route takes, or holds more"},
    {415, "WrongMedia",
     "The body is of a media type or a content coding that this route does not take"},
    {422, "KeyReused", "The Idempotency-Key was given with another body before"},
    {426, "UpgradeRequired", "This is a WebSocket"},
    {429, "TooMany", "Too many requests: Retry-After says when to come again"},
    {500, "Failed", "Our fault; the request id finds it in the log"},
    {503, "Unavailable", "A part of the service does not answer; try again"}};

static void key(struct json_out *o, const char *name)
{
    json_out_key(o, str_z(name));
}

static void write_ref(struct json_out *o, const char *kind, const char *name)
{
    char text[120];
    int n = snprintf(text, sizeof text, "#/components/%s/%.80s", kind, name);
    json_out_object(o);
    json_out_kv_str(o, "$ref", (str){text, (size_t)n});
    json_out_object_end(o);
}

static void write_content(struct json_out *o, const struct schema *s)
{
    key(o, "content");
    json_out_object(o);
    key(o, s->media ? s->media : "application/json");
    json_out_object(o);
    if (s->name) {
        key(o, "schema");
        write_ref(o, "schemas", s->name);
    }
    json_out_object_end(o);
    json_out_object_end(o);
}

static void write_path_parameters(struct json_out *o, const char *path)
{
    for (const char *p = path; (p = strchr(p, '{')); p++) {
        json_out_object(o);
        json_out_kv_str(o, "name", (str){p + 1, (size_t)(strchr(p, '}') - p - 1)});
        json_out_kv_str(o, "in", STR("path"));
        json_out_kv_bool(o, "required", true);
        json_out_key(o, STR("schema"));
        json_out_raw(o, STR("{\"type\":\"string\",\"minLength\":1,\"maxLength\":256}"));
        json_out_object_end(o);
    }
}

static void write_parameters(struct json_out *o, const struct route *r)
{
    if (!r->query && !strchr(r->path, '{'))
        return;
    key(o, "parameters");
    json_out_array(o);
    write_path_parameters(o, r->path);
    for (size_t i = 0; r->query && i < r->query->count; i++) {
        const struct schema_field *f = &r->query->field[i];
        json_out_object(o);
        json_out_kv_str(o, "name", str_z(f->name));
        json_out_kv_str(o, "in", STR("query"));
        if (f->required)
            json_out_kv_bool(o, "required", true);
        json_out_kv_str(o, "description", str_z(f->doc));
        key(o, "schema");
        schema_field_write(f, o);
        json_out_object_end(o);
    }
    json_out_array_end(o);
}

/* What handlers fail with that no rule tells. */
static const struct {
    api_fn *handler;
    int status;
} particular[] = {{serve_auth_login, 401},
                  {serve_auth_refresh, 401},
                  {serve_auth_logout, 400},
                  {serve_session_list, 404},
                  {serve_intel_remove, 404},
                  {serve_key_add, 409},
                  {serve_user_add, 409},
                  {serve_user_change, 409},
                  {serve_user_remove, 409},
                  {serve_tenant_add, 409},
                  {serve_tenant_change, 409},
                  {serve_signer_rotate, 409},
                  {serve_alert_acknowledge, 409},
                  {serve_alert_close, 409},
                  {serve_events, 409},
                  {serve_events, 422},
                  {serve_backup_add, 409},
                  {serve_model_promote, 409},
                  {serve_model_rollback, 409},
                  {serve_model_remove, 409},
                  {serve_model_retrain, 409},
                  {serve_job_cancel, 409},
                  {serve_live_socket, 400},
                  {serve_live_socket, 426}};

static bool is_particular(const struct route *r, int http)
{
    for (size_t i = 0; i < COUNT(particular); i++)
        if (particular[i].handler == r->handler && particular[i].status == http)
            return true;
    return false;
}

static bool can_fail_with(const struct route *r, int http)
{
    switch (http) {
    case 400:
        return r->query || r->body || is_particular(r, http);
    case 401:
        return r->access != ACCESS_PUBLIC || is_particular(r, http);
    case 403:
        return true; /* an address is blocked everywhere */
    case 404:
        return strchr(r->path, '{') || is_particular(r, http);
    case 413:
        return r->body && r->run != RUN_STREAM;
    case 415:
        return r->body != NULL;
    case 429:
        return r->rate != RATE_NONE;
    case 500:
    case 503: /* who asks may have to be looked up, too */
        return r->run != RUN_LOOP || r->access != ACCESS_PUBLIC;
    default:
        return is_particular(r, http);
    }
}

/* A load balancer wants to be told by the status, and people why. */
static void write_not_ready(struct json_out *o, const struct route *r)
{
    key(o, "503");
    json_out_object(o);
    json_out_kv_str(o, "description", STR("Not now"));
    write_content(o, r->answer);
    json_out_object_end(o);
}

/* All that fits the filters, in one go: `format` and Accept ask for it. */
static void write_exports(struct json_out *o)
{
    key(o, "content");
    json_out_raw(o,
                 STR("{\"application/json\":{\"schema\":{\"oneOf\":["
                     "{\"$ref\":\"#/components/schemas/AlertPage\"},"
                     "{\"type\":\"array\",\"items\":{\"$ref\":\"#/components/schemas/Alert\"}}]}},"
                     "\"text/csv\":{}}"));
}

static void write_answers(struct json_out *o, const struct route *r)
{
    char text[8];
    key(o, "responses");
    json_out_object(o);
    (void)snprintf(text, sizeof text, "%d", r->status);
    key(o, text);
    json_out_object(o);
    json_out_kv_str(o, "description", r->answer ? STR("Done") : STR("Done; no content"));
    if (r->handler == serve_alert_list)
        write_exports(o);
    else if (r->answer)
        write_content(o, r->answer);
    json_out_object_end(o);
    if (r->handler == serve_health_ready || r->handler == serve_oip_ready)
        write_not_ready(o, r);
    for (size_t i = 0; i < COUNT(failure); i++) {
        if (!can_fail_with(r, failure[i].status))
            continue;
        (void)snprintf(text, sizeof text, "%d", failure[i].status);
        key(o, text);
        write_ref(o, "responses", failure[i].name);
    }
    json_out_object_end(o);
}

static void write_security(struct json_out *o, const struct route *r)
{
    key(o, "security");
    json_out_raw(o, r->access == ACCESS_PUBLIC  ? STR("[]")
                    : r->access == ACCESS_LOCAL ? STR("[{},{\"bearer\":[]},{\"key\":[]}]")
                                                : STR("[{\"bearer\":[]},{\"key\":[]}]"));
    if (r->access < ACCESS_PUBLIC)
        json_out_kv_str(o, "x-permission", str_z(permission_name((enum permission)r->access)));
    json_out_kv_str(o, "x-rate-class", str_z(rate_class_name(r->rate)));
}

static void write_route(struct json_out *o, const struct route *r)
{
    char method[16] = "";
    const char *name = http_method_name(r->method);
    for (size_t i = 0; name[i] && i + 1 < sizeof method; i++)
        method[i] = ascii_lower(name[i]);
    key(o, method);
    json_out_object(o);
    json_out_kv_str(o, "operationId", str_z(r->name));
    json_out_kv_str(o, "summary", str_z(r->summary));
    write_security(o, r);
    write_parameters(o, r);
    if (r->body) {
        key(o, "requestBody");
        json_out_object(o);
        json_out_kv_bool(o, "required", !(r->method == HTTP_POST && schema_optional(r->body)));
        write_content(o, r->body);
        json_out_object_end(o);
    }
    write_answers(o, r);
    json_out_object_end(o);
}

static bool first_of_path(size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (strcmp(route_table[k].path, route_table[i].path) == 0)
            return false;
    return true;
}

static void write_paths(struct json_out *o)
{
    key(o, "paths");
    json_out_object(o);
    for (size_t i = 0; i < route_count; i++) {
        if (!first_of_path(i))
            continue;
        key(o, route_table[i].path);
        json_out_object(o);
        for (size_t k = i; k < route_count; k++)
            if (strcmp(route_table[k].path, route_table[i].path) == 0)
                write_route(o, &route_table[k]);
        json_out_object_end(o);
    }
    json_out_object_end(o);
}

/* ---- components: each schema once, with those it refers to ---- */

struct seen {
    VEC(struct { const struct schema *it; }) all;
};

static void collect(struct seen *seen, const struct schema *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < seen->all.n; i++)
        if (seen->all.at[i].it == s)
            return;
    vec_push(&seen->all)->it = s;
    for (size_t i = 0; i < s->count; i++)
        collect(seen, s->field[i].child);
}

static void write_schemas(struct json_out *o)
{
    struct seen seen = {0};
    for (size_t i = 0; i < route_count; i++) {
        collect(&seen, route_table[i].body);
        collect(&seen, route_table[i].answer);
    }
    key(o, "schemas");
    json_out_object(o);
    for (size_t i = 0; i < seen.all.n; i++) {
        if (!seen.all.at[i].it->name)
            continue;
        key(o, seen.all.at[i].it->name);
        schema_write(seen.all.at[i].it, o);
    }
    key(o, "Problem");
    json_out_raw(o, str_z(problem_schema));
    json_out_object_end(o);
    vec_done(&seen.all);
}

static void write_failures(struct json_out *o)
{
    key(o, "responses");
    json_out_object(o);
    for (size_t i = 0; i < COUNT(failure); i++) {
        key(o, failure[i].name);
        json_out_object(o);
        json_out_kv_str(o, "description", str_z(failure[i].when));
        key(o, "content");
        json_out_raw(o, STR("{\"application/problem+json\":{\"schema\":"
                            "{\"$ref\":\"#/components/schemas/Problem\"}}}"));
        json_out_object_end(o);
    }
    json_out_object_end(o);
}

void api_write_openapi(struct sbuf *out, const char *version)
{
    struct json_out o = json_out_on(out);
    json_out_object(&o);
    json_out_kv_str(&o, "openapi", STR("3.1.0"));
    key(&o, "info");
    json_out_object(&o);
    json_out_kv_str(&o, "title", STR("BehaviorGuard"));
    json_out_kv_str(&o, "version", str_z(version));
    key(&o, "license");
    json_out_raw(&o, STR("{\"name\":\"Apache-2.0\",\"identifier\":\"Apache-2.0\"}"));
    json_out_object_end(&o);
    write_paths(&o);
    key(&o, "components");
    json_out_object(&o);
    write_schemas(&o);
    write_failures(&o);
    key(&o, "securitySchemes");
    json_out_raw(&o, str_z(security_schemes));
    json_out_object_end(&o);
    json_out_object_end(&o);
}
