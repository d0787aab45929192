/* SPDX-License-Identifier: Apache-2.0 */
/* What is written down about a call once it is over: the access log, counters by route, who used how much, and whether it was an
 * offence. */
#include "api/api_int.h"
#include "os/clock.h"
#include "store/ledger.h"

enum { USES_MAX = 65536, SLOW_MS = 500, PATH_LOGGED = 200, DAY_MS = 86400000 };

/* ---- usage ---- */

struct use {
    uint64_t requests, errors, bytes_in, bytes_out;
    char tenant[64], key[72];
    size_t route;
};

struct usage {
    struct map index; /* text of use → place in `use` */
    struct arena text;
    VEC(struct use) use;
    uint64_t lost; /* requests nobody counted: USES_MAX callers and routes between two flushes */
};

struct usage *usage_new(void)
{
    struct usage *u = mem_new(struct usage);
    arena_init(&u->text, (size_t)USES_MAX * 256);
    return u;
}

void usage_free(struct usage *u)
{
    if (!u)
        return;
    map_done(&u->index);
    arena_done(&u->text);
    vec_done(&u->use);
    mem_free(u);
}

static struct use *use_of_locked(struct usage *u, const struct api_call *c, size_t route)
{
    /* One of these for every request: put together by hand. */
    char text[sizeof c->who.tenant + sizeof c->who.user + sizeof route + 1];
    bool user = c->who.kind == PRINCIPAL_USER;
    str tenant = str_z(c->who.tenant), who = str_z(user ? c->who.user : c->who.key);
    memcpy(text, &route, sizeof route);
    memcpy(text + sizeof route, tenant.p, tenant.n + 1);
    memcpy(text + sizeof route + tenant.n + 1, who.p, who.n);
    str key = {text, sizeof route + tenant.n + 1 + who.n};
    const uint32_t *at = map_find(&u->index, key);
    if (at)
        return &u->use.at[*at];
    str copy = u->use.n < USES_MAX ? arena_str(&u->text, key) : (str){0};
    if (!copy.p)
        return NULL;
    bool added;
    map_add(&u->index, copy, (uint32_t)u->use.n, &added);
    struct use *use = vec_push(&u->use);
    *use = (struct use){.route = route};
    (void)snprintf(use->tenant, sizeof use->tenant, "%s", c->who.tenant);
    (void)snprintf(use->key, sizeof use->key, "%s%s", user ? "user:" : "",
                   user ? c->who.user : c->who.key);
    return use;
}

static void count_use(struct api_call *c)
{
    struct api *a = c->api;
    if (!c->known || !c->route)
        return;
    lock_take(&a->usage_lock);
    struct use *u = use_of_locked(a->usage, c, (size_t)(c->route - route_table));
    if (u) {
        u->requests++;
        u->errors += c->status >= 400;
        u->bytes_in += c->bytes_in;
        u->bytes_out += c->bytes_out;
    } else {
        a->usage->lost++;
    }
    lock_drop(&a->usage_lock);
}

static void store_uses(struct api *a, const struct usage *u)
{
    struct usage_record *r = mem_array(struct usage_record, u->use.n);
    for (size_t i = 0; i < u->use.n; i++) {
        const struct use *x = &u->use.at[i];
        r[i] = (struct usage_record){.day = api_now_ms(a) / DAY_MS,
                                     .tenant = str_z(x->tenant),
                                     .key = str_z(x->key),
                                     .route = str_z(route_table[x->route].name),
                                     .requests = x->requests,
                                     .errors = x->errors,
                                     .bytes_in = x->bytes_in,
                                     .bytes_out = x->bytes_out};
    }
    struct error err;
    if (store_usage_add(a->options.store, r, u->use.n, &err) != ST_OK)
        log_say(LOG_API, LOG_ERROR, "usage could not be stored and is lost",
                LOG_INT("callers", u->use.n), LOG_Z("why", err.text));
    mem_free(r);
}

void account_flush(struct api *a)
{
    struct usage *fresh = usage_new();
    lock_take(&a->usage_lock);
    struct usage *u = a->usage;
    a->usage = fresh;
    lock_drop(&a->usage_lock);
    if (u->lost)
        log_say(LOG_API, LOG_WARN, "usage of too many callers at once: some was not counted",
                LOG_INT("requests", u->lost));
    if (u->use.n)
        store_uses(a, u);
    usage_free(u);
}

/* ---- offences ---- */

static bool within(const struct cidr *range, size_t n, str address)
{
    struct ip ip;
    if (n == 0 || !ip_parse(address, &ip))
        return false;
    for (size_t i = 0; i < n; i++)
        if (cidr_contains(&range[i], &ip))
            return true;
    return false;
}

bool account_exempt(const struct api *a, str address)
{
    return within(a->exempt, a->options.guard_exempt_count, address);
}

bool account_proxy(const struct api *a, str address)
{
    return within(a->proxy, a->options.proxy_count, address);
}

static void tell_block(struct api *a, str address, enum guard_offence o, int64_t now_ms,
                       int64_t until_ms)
{
    log_say(LOG_SECURITY, LOG_WARN, "address blocked", LOG_STR("address", address),
            LOG_Z("last_offence", guard_offence_name(o)),
            LOG_INT("seconds", (until_ms - now_ms) / 1000));
    if (!a->options.bus)
        return;
    struct sbuf b = {.cap = 1024};
    struct json_out j = json_out_on(&b);
    json_out_object(&j);
    json_out_kv_str(&j, "action", STR("block"));
    json_out_kv_str(&j, "address", address);
    json_out_kv_str(&j, "origin", STR("guard"));
    json_out_kv_str(&j, "last_offence", str_z(guard_offence_name(o)));
    json_out_kv_time(&j, "until", until_ms);
    json_out_object_end(&j);
    struct bus_message m = {.topic = TOPIC_DECISIONS,
                            .time_ms = now_ms,
                            .type = "decision.block",
                            .tenant = STR("default"), /* who runs the installation */
                            .data = sbuf_str(&b),
                            .level = LEVEL_MEDIUM};
    bus_publish(a->options.bus, &m);
    sbuf_done(&b);
}

void account_offence(struct api *a, str address, enum guard_offence o)
{
    int64_t now_ms = api_now_ms(a), until_ms;
    /* What comes through a proxy that does not say for whom is everybody's. */
    if (!a->options.guard || account_exempt(a, address) || account_proxy(a, address))
        return;
    if (guard_offend(a->guard, address, o, now_ms, &until_ms))
        tell_block(a, address, o, now_ms, until_ms);
}

/* Only of those whom we do not know: who is known is limited and in the audit log. */
static void judge(struct api_call *c)
{
    bool login = c->route && c->route->rate == RATE_LOGIN;
    bool hasty = c->status == 429 && login;
    if (c->known || c->status < 400 || (c->status > 405 && !hasty))
        return;
    bool tried = http_header(c->request, STR("authorization")).n > 0 ||
                 http_header(c->request, STR("x-api-key")).n > 0;
    enum guard_offence o;
    switch (c->status) {
    case 401:
        o = login ? OFFENCE_CREDENTIALS : tried ? OFFENCE_TOKEN : OFFENCE_FORBIDDEN;
        break;
    case 403:
        return; /* blocked already */
    case 404:
        o = OFFENCE_NOT_FOUND;
        break;
    case 429:
        o = OFFENCE_HASTY;
        break;
    default:
        o = OFFENCE_BAD_REQUEST;
        break;
    }
    if (c->status != 401 && guard_suspicious(http_path(c->request), http_query(c->request)))
        o = OFFENCE_PROBE;
    account_offence(c->api, c->address, o);
}

/* ---- log and counters ---- */

/* Probes and events go well all day, by the thousand a second: they are counted (metrics, usage of the key).  A line
 * each would cost more than to judge an event, and bury what is done by people, what failed and what was slow. */
static bool is_routine(const struct api_call *c, uint64_t ms)
{
    return c->route && (c->route->rate == RATE_NONE || c->route->rate == RATE_DETECT) &&
           c->status < 400 && ms < SLOW_MS;
}

static void log_access(const struct api_call *c, uint64_t ns)
{
    enum log_level level = is_routine(c, ns / 1000000) ? LOG_DEBUG : LOG_INFO;
    log_say(LOG_API, level, "request", LOG_Z("id", c->id),
            LOG_Z("method", http_method_name(http_method(c->request))),
            LOG_STR("path", str_head(http_path(c->request), PATH_LOGGED)),
            LOG_INT("status", c->status), LOG_INT("us", ns / 1000),
            LOG_INT("bytes_in", c->bytes_in), LOG_INT("bytes_out", c->bytes_out),
            LOG_STR("address", c->address), LOG_Z("tenant", c->who.tenant),
            LOG_Z("user", c->who.name), LOG_Z("key", c->who.key));
}

void account_call(struct api_call *c)
{
    uint64_t ns = clock_ns() - c->started_ns;
    struct route_count *n =
        &c->api->count[c->route ? (size_t)(c->route - route_table) : route_count];
    int class = c->status / 100;
    atomic_fetch_add_explicit(&n->answered[class < API_CLASSES ? class : 0], 1,
                              memory_order_relaxed);
    atomic_fetch_add_explicit(&n->ns, ns, memory_order_relaxed);
    count_use(c);
    judge(c);
    log_access(c, ns);
}

static void write_requests(struct api *a, size_t i, struct sbuf *out)
{
    const struct route *r = i < route_count ? &route_table[i] : NULL;
    for (int class = 0; class < API_CLASSES; class ++) {
        uint64_t n = atomic_load_explicit(&a->count[i].answered[class], memory_order_relaxed);
        if (n)
            sbuf_addf(
                out, "bguard_api_requests_total{method=\"%s\",route=\"%s\",status=\"%dxx\"} %llu\n",
                r ? http_method_name(r->method) : "", r ? r->path : "", class,
                (unsigned long long)n);
    }
}

void account_metrics(struct api *a, struct sbuf *out)
{
    sbuf_addz(out, "# HELP bguard_api_requests_total requests answered, by route\n"
                   "# TYPE bguard_api_requests_total counter\n");
    for (size_t i = 0; i <= route_count; i++)
        write_requests(a, i, out);
    sbuf_addz(out, "# HELP bguard_api_seconds_total time spent on them\n"
                   "# TYPE bguard_api_seconds_total counter\n");
    for (size_t i = 0; i < route_count; i++) {
        uint64_t ns = atomic_load_explicit(&a->count[i].ns, memory_order_relaxed);
        if (ns)
            sbuf_addf(out, "bguard_api_seconds_total{method=\"%s\",route=\"%s\"} %.6f\n",
                      http_method_name(route_table[i].method), route_table[i].path,
                      (double)ns / 1e9);
    }
}

/* ---- audit ---- */

str call_actor_name(struct api_call *c)
{
    return arena_fmt(c->arena, "%s%s", c->who.kind == PRINCIPAL_USER ? "" : "key:", c->who.name);
}

void call_audit(struct api_call *c, const char *action, str target, str detail, bool ok)
{
    struct audit_record r = {.time_ms = c->now_ms,
                             .tenant = str_z(c->who.tenant),
                             .actor = call_actor_name(c),
                             .action = str_z(action),
                             .target = target,
                             .detail = detail,
                             .address = c->address,
                             .ok = ok};
    struct error err;
    if (store_audit_add(c->api->options.store, &r, &err) != ST_OK)
        log_say(LOG_SECURITY, LOG_ERROR, "not in the audit log", LOG_Z("action", action),
                LOG_STR("actor", r.actor), LOG_STR("target", target), LOG_Z("why", err.text));
}
