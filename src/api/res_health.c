/* SPDX-License-Identifier: Apache-2.0 */
/* Is the service up, can it work, what does it count, what can be asked of it. */
#include "api/models.h"
#include "os/clock.h"

#include <sys/statvfs.h>

static const struct schema_field health_fields[] = {
    {"status", SCHEMA_STRING, .required = true, .doc = "ok, starting or degraded"},
    {"version", SCHEMA_STRING, .required = true, .doc = "of the program"},
    {"environment", SCHEMA_STRING, .required = true, .doc = "what this installation is for"},
    {"uptime_seconds", SCHEMA_INTEGER, .required = true, .doc = "since the start"},
};
const struct schema schema_health = SCHEMA_OF("Health", "Is it up?", health_fields);

static const struct schema_field component_fields[] = {
    {"name", SCHEMA_STRING, .required = true, .doc = "of the part"},
    {"status", SCHEMA_STRING, .required = true, .doc = "ok or failed"},
    {"latency_ms", SCHEMA_NUMBER, .required = true, .doc = "how long the check took"},
    {"detail", SCHEMA_STRING, .doc = "in words"},
    {"last_error", SCHEMA_STRING, .doc = "what is wrong"},
};
static const struct schema schema_component =
    SCHEMA_OF("Component", "A part of the service", component_fields);
static const struct schema_field detail_fields[] = {
    {"status", SCHEMA_STRING, .required = true, .doc = "ok, starting or degraded"},
    {"version", SCHEMA_STRING, .required = true, .doc = "of the program"},
    {"environment", SCHEMA_STRING, .required = true, .doc = "what this installation is for"},
    {"uptime_seconds", SCHEMA_INTEGER, .required = true, .doc = "since the start"},
    {"components", SCHEMA_ARRAY, .required = true, .item = SCHEMA_OBJECT,
     .child = &schema_component, .doc = "every part"},
};
const struct schema schema_health_detail =
    SCHEMA_OF("HealthDetail", "The health of every part", detail_fields);

static void write_health(struct json_out *o, const struct api *a, const char *state)
{
    json_out_kv_str(o, "status", str_z(state));
    json_out_kv_str(o, "version", str_z(a->options.version));
    json_out_kv_str(o, "environment", str_z(a->options.environment));
    json_out_kv_u64(o, "uptime_seconds", (clock_ns() - a->started_ns) / 1000000000);
}

static void answer_health(struct api_call *c, int http, const char *state)
{
    struct json_out o = call_json(c);
    json_out_object(&o);
    write_health(&o, c->api, state);
    json_out_object_end(&o);
    call_send(c, http);
}

static const char *state_of(struct api *a)
{
    if (!atomic_load_explicit(&a->ready, memory_order_relaxed))
        return "starting";
    bool writes = !a->options.recorder || recorder_failing_since(a->options.recorder, NULL) == 0;
    return writes && atomic_load_explicit(&a->store_ok, memory_order_relaxed) ? "ok" : "degraded";
}

/* For people and load balancers that know one address: always 200 while it answers at all. */
void serve_health(struct api_call *c)
{
    answer_health(c, 200, state_of(c->api));
}

void serve_health_live(struct api_call *c)
{
    answer_health(c, 200, "ok");
}

void serve_health_ready(struct api_call *c)
{
    const char *state = state_of(c->api);
    answer_health(c, strcmp(state, "ok") == 0 ? 200 : 503, state);
}

/* ---- in detail ---- */

static void check_store(void *arg, struct api_health *out)
{
    struct api *a = arg;
    struct error err;
    out->ok = store_ping(a->options.store, &err) == ST_OK &&
              (!a->options.recorder || recorder_failing_since(a->options.recorder, &err) == 0);
    (void)snprintf(out->detail, sizeof out->detail, "%s, schema %d, %llu bytes",
                   store_kind(a->options.store), store_schema_version(a->options.store),
                   (unsigned long long)store_size_bytes(a->options.store));
    if (!out->ok)
        (void)snprintf(out->last_error, sizeof out->last_error, "%.150s", err.text);
}

static void check_recorder(void *arg, struct api_health *out)
{
    struct api *a = arg;
    struct error err = {.text = ""};
    out->ok = recorder_failing_since(a->options.recorder, &err) == 0 &&
              recorder_has_room(a->options.recorder);
    (void)snprintf(out->detail, sizeof out->detail,
                   "%lld results wait, %lld commits, %lld tried again",
                   (long long)metric_value(METRIC_RECORDER_QUEUED),
                   (long long)metric_value(METRIC_RECORDER_COMMITS),
                   (long long)metric_value(METRIC_RECORDER_RETRIES));
    if (!out->ok)
        (void)snprintf(out->last_error, sizeof out->last_error, "%.150s", err.text);
}

static void check_engine(void *arg, struct api_health *out)
{
    struct api *a = arg;
    struct snapshot_ref *ref = engine_snapshot(a->options.engine);
    const struct snapshot *s = snapshot_of(ref);
    out->ok = true;
    (void)snprintf(out->detail, sizeof out->detail, "%zu rules, %lld batches wait",
                   s->rules ? rule_set_loaded(s->rules) : 0,
                   (long long)metric_value(METRIC_PIPELINE_QUEUED));
    snapshot_ref_drop(ref);
}

static void check_disk(void *arg, struct api_health *out)
{
    struct api *a = arg;
    struct statvfs v;
    if (statvfs(a->options.data_dir, &v) != 0) {
        (void)snprintf(out->last_error, sizeof out->last_error, "the data folder cannot be read");
        return;
    }
    uint64_t free_mib = (uint64_t)v.f_bavail * v.f_frsize >> 20;
    out->ok = free_mib >= 64;
    (void)snprintf(out->detail, sizeof out->detail, "%llu MiB free", (unsigned long long)free_mib);
    if (!out->ok)
        (void)snprintf(out->last_error, sizeof out->last_error, "the disk is nearly full");
}

/* Signs and keeps nothing that can be asked cheaply but its public keys. */
static void check_identity(void *arg, struct api_health *out)
{
    struct api *a = arg;
    struct sbuf b = {.cap = 1 << 20};
    identity_jwks(a->options.identity, &b);
    out->ok = b.n > 0;
    sbuf_done(&b);
}

static bool write_component(struct json_out *o, const struct api_component *p)
{
    struct api_health h = {.ok = false};
    uint64_t start = clock_ns();
    p->check(p->arg, &h);
    json_out_object(o);
    json_out_kv_str(o, "name", str_z(p->name));
    json_out_kv_str(o, "status", h.ok ? STR("ok") : STR("failed"));
    json_out_kv_f64(o, "latency_ms", clock_since(start) * 1000);
    if (h.detail[0])
        json_out_kv_str(o, "detail", str_z(h.detail));
    if (h.last_error[0])
        json_out_kv_str(o, "last_error", str_z(h.last_error));
    json_out_object_end(o);
    return h.ok;
}

void serve_health_detailed(struct api_call *c)
{
    struct api *a = c->api;
    const struct api_component own[] = {
        {"store", check_store, a},
        {"recorder", a->options.recorder ? check_recorder : NULL, a},
        {"engine", a->options.engine ? check_engine : NULL, a},
        {"identity", check_identity, a},
        {"disk", a->options.data_dir ? check_disk : NULL, a},
    };
    struct json_out o = call_json(c);
    bool ok = true;
    json_out_object(&o);
    json_out_key(&o, STR("components"));
    json_out_array(&o);
    for (size_t i = 0; i < COUNT(own); i++)
        if (own[i].check)
            ok = write_component(&o, &own[i]) && ok;
    for (size_t i = 0; i < a->options.component_count; i++)
        ok = write_component(&o, &a->options.component[i]) && ok;
    json_out_array_end(&o);
    const char *state = state_of(a);
    write_health(&o, a, strcmp(state, "ok") == 0 && !ok ? "degraded" : state);
    json_out_object_end(&o);
    call_send(c, 200);
}

/* ---- what is counted, what can be asked ---- */

void serve_metrics(struct api_call *c)
{
    sbuf_clear(c->out);
    metric_write(c->out);
    account_metrics(c->api, c->out);
    models_metrics(c->api, c->out);
    call_send_as(c, 200, "text/plain; version=0.0.4; charset=utf-8");
}

void serve_openapi(struct api_call *c)
{
    sbuf_clear(c->out);
    sbuf_add(c->out, sbuf_str(&c->api->openapi));
    call_send(c, 200);
}

void serve_jwks(struct api_call *c)
{
    sbuf_clear(c->out);
    identity_jwks(c->api->options.identity, c->out);
    call_send_as(c, 200, "application/jwk-set+json");
}
