/* SPDX-License-Identifier: Apache-2.0 */
#include "app/service_int.h"

#include "base/mem.h"
#include "base/version.h"
#include "crypto/crypto.h"
#include "os/clock.h"
#include "os/log.h"

#include <stdlib.h>

enum {
    ARENA_MAX = 16 << 20,
    SHOWN_MAX = 256,
    /* For live clients that come back; who was away for longer gets the latest state of each alert. */
    MESSAGES_KEPT = 16384,
    MESSAGES_KEPT_BYTES = 8 << 20
};

/* ---- threads ---- */

status crew_start(struct crew *c, unsigned n, const char *name, void (*run)(void *arg), void *arg,
                  struct error *err)
{
    c->at = mem_array(struct thread, n);
    status st = ST_OK;
    while (c->n < n && (st = thread_start(&c->at[c->n], name, run, arg, err)) == ST_OK)
        c->n++;
    return st;
}

void crew_join(struct crew *c)
{
    while (c->n)
        thread_join(&c->at[--c->n]);
    mem_free(c->at);
    c->at = NULL;
}

static void run_worker(void *arg)
{
    engine_work(arg);
}

static void run_pool(void *arg)
{
    api_pool_run(arg);
}

static void run_recorder(void *arg)
{
    recorder_run(arg);
}

static unsigned worker_count(const struct config *c)
{
    return c->workers ? (unsigned)c->workers : thread_processors();
}

static status start_threads(struct service *s, struct error *err)
{
    status st = crew_start(&s->recording, 1, "bguard-recorder", run_recorder, s->recorder, err);
    if (st == ST_OK)
        st = crew_start(&s->workers, worker_count(s->config), "bguard-worker", run_worker,
                        s->engine, err);
    if (st == ST_OK)
        st = crew_start(&s->pool, (unsigned)s->config->pool, "bguard-pool", run_pool, s->api, err);
    if (st == ST_OK)
        st = keeper_start(s, err);
    return st == ST_OK ? sources_start(s, err) : st;
}

/* What was taken in is judged and committed before anything goes away. */
static void stop_threads(struct service *s)
{
    sources_stop(s);
    keeper_stop(s);
    if (s->api)
        api_pool_stop(s->api);
    crew_join(&s->pool);
    if (s->engine)
        engine_stop(s->engine);
    crew_join(&s->workers);
    if (s->recorder)
        recorder_stop(s->recorder);
    crew_join(&s->recording);
}

/* ---- parts, each built on those before ---- */

static status open_log(const struct config *c, struct error *err)
{
    enum log_level level;
    if (!log_level_find(str_z(c->log_level), &level))
        return fail(err, ST_INVALID, "'log.level' is '%.20s'; it may be debug, info, warn, error",
                    c->log_level);
    return log_open(&(struct log_options){.path = *c->log_file ? c->log_file : NULL,
                                          .level = level,
                                          .rotate_bytes = (uint64_t)c->log_rotate << 20,
                                          .keep = (unsigned)c->log_keep},
                    err);
}

static status open_store(struct service *s, struct error *err)
{
    const struct config *c = s->config;
    str url = str_z(c->database);
    if (url.n == 0)
        url = arena_fmt(&s->arena, "sqlite:%s/bguard.db", s->data.path);
    return store_open(&(struct store_options){.url = url,
                                              .patience_ms = (uint32_t)c->store_patience,
                                              .relaxed = c->store_relaxed},
                      &s->store, err);
}

static status open_identity(struct service *s, struct error *err)
{
    const struct config *c = s->config;
    sbuf_init(&s->first_password, SHOWN_MAX);
    struct identity_options o = {.store = s->store,
                                 .data_dir = s->data.path,
                                 .issuer = c->auth_issuer,
                                 .algorithm = c->auth_algorithm,
                                 .jwt_secret = *c->auth_secret ? c->auth_secret : NULL,
                                 .access_s = (uint32_t)c->auth_access,
                                 .refresh_s = (uint32_t)c->auth_refresh,
                                 .lock_after = (uint32_t)c->auth_lock_after,
                                 .lock_s = (uint32_t)c->auth_lock};
    return identity_new(&o, getenv("BGUARD_ADMIN_PASSWORD"), &s->identity, &s->first_password, err);
}

static status open_records(struct service *s, struct error *err)
{
    uint64_t seq = 0;
    status st = store_seq(s->store, &seq, err);
    if (st != ST_OK)
        return st;
    /* Ids of messages that are not stored must not come again after a restart. */
    uint64_t now_us = (uint64_t)clock_wall_us();
    s->bus = bus_new(&(struct bus_options){.first_id = now_us > seq ? now_us : seq + 1,
                                           .kept = MESSAGES_KEPT,
                                           .kept_bytes = MESSAGES_KEPT_BYTES});
    s->recorder =
        recorder_new(s->store, s->bus,
                     &(struct recorder_options){.group_ms = s->config->group_hours * 3600 * 1000});
    return ST_OK;
}

static void on_room(void *arg)
{
    struct service *s = arg;
    if (s->api)
        api_room(s->api);
    sources_room(s);
}

static status open_engine(struct service *s, struct error *err)
{
    const struct config *c = s->config;
    struct snapshot_ref *snapshot = NULL;
    s->cache = data_path(&s->data, &s->arena, "cache");
    s->dict = dict_new();
    struct loader from = {c, s->store, s->cache, s->dict};
    status st = loader_run(&from, &snapshot, &s->loaded, err);
    if (st != ST_OK)
        return st;
    mem_return_free();
    s->limits = parse_limits_default;
    s->limits.record_bytes = (size_t)c->record_kib << 10;
    struct engine_options o = {
        .jobs = 2 * worker_count(c) + 2,
        .limits = s->limits,
        .correlation = {.max_bytes = (size_t)c->correlation << 20,
                        .lateness_ms = c->lateness * 1000},
    };
    (void)level_find(str_z(c->min_level), &o.min_level); /* config_load has checked */
    double watch_01 = 1;
    (void)config_watch(c, &watch_01); /* config_load has checked */
    s->pipeline = (struct pipeline){.recorder = s->recorder,
                                    .behavior = s->behavior,
                                    .watch = watch_01 < 1,
                                    .room = on_room,
                                    .arg = s};
    struct engine_sink sink = pipeline_sink(&s->pipeline);
    s->engine = engine_new(&o, &sink, snapshot);
    snapshot_ref_drop(snapshot);
    size_t replayed = 0;
    int64_t now_ms = clock_wall_ms();
    st = pipeline_replay(s->store, s->engine, now_ms - RECENT_MS, &replayed, err);
    if (st != ST_OK)
        return st;
    if (replayed)
        log_say(LOG_SYSTEM, LOG_INFO, "correlations remember", LOG_INT("records", replayed));
    engine_tick(s->engine, now_ms); /* from here on time goes by, before anything comes in */
    return ST_OK;
}

static str *texts(struct arena *a, const struct config_list *l)
{
    str *out = arena_array(a, str, l->n + 1);
    for (size_t i = 0; out && i < l->n; i++)
        out[i] = str_z(l->at[i]);
    return out;
}

static status open_api(struct service *s, struct error *err)
{
    const struct config *c = s->config;
    struct api_options o = {.store = s->store,
                            .identity = s->identity,
                            .bus = s->bus,
                            .recorder = s->recorder,
                            .engine = s->engine,
                            .behavior = s->behavior,
                            .network = s->network,
                            .shelf = s->shelf,
                            .jobs = s->jobs,
                            .version = BGUARD_VERSION,
                            .environment = c->environment,
                            .data_dir = s->data.path,
                            .rates = c->rate ? api_rates_default : NULL,
                            .cors_origin = texts(&s->arena, &c->cors_origins),
                            .cors_count = c->cors_origins.n,
                            .guard = c->guard,
                            .guard_block_ms = c->guard_block * 1000,
                            .guard_exempt = texts(&s->arena, &c->guard_exempt),
                            .guard_exempt_count = c->guard_exempt.n,
                            .proxy = texts(&s->arena, &c->proxies),
                            .proxy_count = c->proxies.n,
                            .limits = s->limits,
                            .component = s->health,
                            .component_count = c->follow.n ? 3 : 2,
                            .metrics_public = c->metrics_public};
    s->health[0] = (struct api_component){"models", models_check, s};
    s->health[1] = (struct api_component){"behavior", memory_check, s};
    s->health[2] = (struct api_component){"sources", sources_check, s};
    return api_new(&o, &s->api, err);
}

static status open_tls(struct service *s, struct error *err)
{
    return service_load_tls(s, &s->tls, err);
}

/* What may be set wrongly comes before the first user is made. */
static status build(struct service *s, struct error *err)
{
    static status (*const part[])(struct service *, struct error *) = {
        open_store,    open_records, memory_open,      open_engine,  models_open,  open_tls,
        open_identity, open_api,     memory_load_scan, servers_open, sources_open,
    };
    status st = crypto_check(err);
    if (st == ST_OK)
        st = data_open(&s->data, s->config->data, getenv, &s->arena, err);
    if (st == ST_OK)
        st = open_log(s->config, err);
    for (size_t i = 0; i < COUNT(part) && st == ST_OK; i++)
        st = part[i](s, err);
    return st;
}

/* Also after a start that failed: the user was made, and nobody else knows. */
static void greet_first(struct service *s)
{
    greet_password(s, sbuf_str(&s->first_password));
    if (s->first_password.p)
        crypto_wipe(s->first_password.p, s->first_password.n);
    sbuf_done(&s->first_password);
}

static void take_apart(struct service *s)
{
    sources_done(s);
    servers_free(s);
    api_free(s->api);
    engine_free(s->engine);
    models_free(s);
    memory_free(s);
    recorder_free(s->recorder);
    bus_free(s->bus);
    identity_free(s->identity);
    store_close(s->store);
    dict_free(s->dict);
    tls_context_unref(s->tls);
    condition_done(&s->keeper.changed);
    lock_done(&s->keeper.lock);
    log_close();
    data_close(&s->data);
    arena_done(&s->arena);
}

status service_run(const struct config *c, bool talk, struct error *err)
{
    mem_return_large();
    struct service *s = mem_new(struct service);
    s->config = c;
    s->data.lock = -1;
    arena_init(&s->arena, ARENA_MAX);
    lock_init(&s->keeper.lock, LOCK_KEEPER);
    condition_init(&s->keeper.changed);
    status st = build(s, err);
    greet_first(s);
    if (st == ST_OK)
        st = start_threads(s, err);
    if (st == ST_OK && talk)
        greet_listening(s);
    if (st == ST_OK) {
        log_say(LOG_SYSTEM, LOG_INFO, "started", LOG_Z("version", BGUARD_VERSION),
                LOG_INT("port", servers_port(s)), LOG_INT("rules", s->loaded.rules),
                LOG_INT("indicators", s->loaded.indicators));
        st = servers_run(s, err);
    }
    stop_threads(s);
    take_apart(s);
    mem_free(s);
    return st;
}
