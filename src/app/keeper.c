/* SPDX-License-Identifier: Apache-2.0 */
/* One thread for what is to be done every now and then, and for reloading: both may take a while. */
#include "app/service_int.h"

#include "base/mem.h"
#include "os/clock.h"
#include "os/log.h"
#include "os/notify.h"

enum {
    SECOND_NS = 1000 * 1000 * 1000,
    API_EVERY_S = 10,
    MODELS_EVERY_S = 10,
    VERDICTS_EVERY_S = 60,
    IDENTITY_EVERY_S = 60,
    RECENT_EVERY_S = 60,
    MEMORY_EVERY_S = 600,
    RETENTION_EVERY_S = 3600,
    EXPIRE_ROUNDS_MAX = 1000 /* calls of the store in one go */
};

static const int64_t day_ms = 24 * 3600 * 1000;

/* ---- reloading ---- */

static void load_again(struct service *s)
{
    struct snapshot_ref *snapshot = NULL;
    struct load_summary summary;
    struct error err;
    struct loader from = {s->config, s->store, s->cache, s->dict};
    if (loader_run(&from, &snapshot, &summary, &err) != ST_OK) {
        log_say(LOG_DATA, LOG_ERROR, "rules and indicators stay as they were",
                LOG_Z("reason", err.text));
        return;
    }
    engine_adopt(s->engine, snapshot);
    snapshot_ref_drop(snapshot);
    mem_return_free();
    log_say(LOG_DATA, LOG_INFO, "rules and indicators loaded", LOG_INT("rules", summary.rules),
            LOG_INT("left_out", summary.rule_problems), LOG_INT("indicators", summary.indicators),
            LOG_INT("ms", summary.seconds * 1000));
}

struct new_certificate {
    struct server *server;
    struct tls_context *tls; /* a reference */
};

static void take_certificate(void *arg)
{
    struct new_certificate *n = arg;
    if (n->server->http)
        http_server_set_tls(n->server->http, n->tls);
    if (n->server == n->server->service->server)
        sources_set_tls(n->server->service, n->tls);
    tls_context_unref(n->tls);
    mem_free(n);
}

static void load_certificate(struct service *s)
{
    struct tls_options o = {.certificate = s->certificate,
                            .key = s->key,
                            .client_ca =
                                *s->config->tls_client_ca ? s->config->tls_client_ca : NULL};
    struct tls_context *tls = NULL;
    struct error err;
    if (tls_context_new(&o, &tls, &err) != ST_OK) {
        log_say(LOG_SYSTEM, LOG_ERROR, "the certificate stays as it was",
                LOG_Z("reason", err.text));
        return;
    }
    for (unsigned i = 0; i < s->servers; i++) {
        struct new_certificate *n = mem_new(struct new_certificate);
        *n = (struct new_certificate){&s->server[i], tls_context_ref(tls)};
        loop_post(s->server[i].loop, take_certificate, n);
    }
    tls_context_unref(tls);
    log_say(LOG_SYSTEM, LOG_INFO, "certificate loaded", LOG_Z("file", s->certificate));
}

static void reload(struct service *s)
{
    struct error err;
    notify_reloading();
    if (log_reopen(&err) != ST_OK)
        log_say(LOG_SYSTEM, LOG_ERROR, "the log stays where it was", LOG_Z("reason", err.text));
    if (s->tls)
        load_certificate(s);
    load_again(s);
    s->models_told = false;
    models_adopt(s);
    if (memory_load_scan(s, &err) != ST_OK)
        log_say(LOG_DATA, LOG_ERROR, "YARA rules stay as they were", LOG_Z("reason", err.text));
    notify_ready();
}

/* ---- every now and then ---- */

static bool is_stopping(struct keeper *k)
{
    lock_take(&k->lock);
    bool stop = k->stop;
    lock_drop(&k->lock);
    return stop;
}

/* Else each record that ever fed a correlation would stay, and be read at every start. */
static void forget_recent(struct service *s, int64_t now_ms)
{
    struct error err;
    bool more = true;
    for (int i = 0; i < EXPIRE_ROUNDS_MAX && more && !is_stopping(&s->keeper); i++)
        if (store_recent_expire(s->store, now_ms - RECENT_MS, RECENT_MAX, &more, &err) != ST_OK) {
            log_say(LOG_SYSTEM, LOG_WARN, "records for correlations stay for now",
                    LOG_Z("reason", err.text));
            return;
        }
}

static void expire(struct service *s, int64_t now_ms)
{
    const struct config *c = s->config;
    struct store_retention r = {.now_ms = now_ms,
                                .closed_alerts_ms = c->keep_closed * day_ms,
                                .open_alerts_ms = c->keep_open * day_ms,
                                .audit_ms = c->keep_audit * day_ms,
                                .usage_ms = c->keep_usage * day_ms,
                                .positions_ms = day_ms};
    struct error err;
    uint64_t all = 0, removed = 0;
    bool more = true;
    for (int i = 0; i < EXPIRE_ROUNDS_MAX && more && !is_stopping(&s->keeper); i++, all += removed)
        if (store_expire(s->store, &r, &removed, &more, &err) != ST_OK) {
            log_say(LOG_SYSTEM, LOG_WARN, "old records stay for now", LOG_Z("reason", err.text));
            return;
        }
    if (all)
        log_say(LOG_SYSTEM, LOG_INFO, "old records removed", LOG_INT("rows", all));
}

static void tick(struct service *s, uint64_t second)
{
    int64_t now_ms = clock_wall_ms();
    engine_tick(s->engine, now_ms);
    if (second % API_EVERY_S == 0)
        api_tick(s->api);
    if (second % MODELS_EVERY_S == 0)
        models_tick(s, second % VERDICTS_EVERY_S == 0);
    if (second % IDENTITY_EVERY_S == 0)
        identity_tick(s->identity, now_ms);
    if (second % RECENT_EVERY_S == 0)
        forget_recent(s, now_ms);
    if (second % MEMORY_EVERY_S == 0)
        memory_keep(s);
    if (second % RETENTION_EVERY_S == 0)
        expire(s, now_ms);
}

static void keep(void *arg)
{
    struct service *s = arg;
    struct keeper *k = &s->keeper;
    lock_take(&k->lock);
    for (uint64_t second = 1; !k->stop; second++) {
        uint64_t until_ns = clock_ns() + SECOND_NS;
        while (!k->stop && !k->reload && condition_wait_until(&k->changed, &k->lock, until_ns))
            ;
        bool wanted = k->reload && !k->stop, stop = k->stop;
        k->reload = false;
        lock_drop(&k->lock);
        if (wanted)
            reload(s);
        if (!stop)
            tick(s, second);
        lock_take(&k->lock);
    }
    lock_drop(&k->lock);
}

status keeper_start(struct service *s, struct error *err)
{
    struct keeper *k = &s->keeper;
    status st = thread_start(&k->thread, "bguard-keeper", keep, s, err);
    k->started = st == ST_OK;
    return st;
}

static void ask(struct keeper *k, bool *what)
{
    lock_take(&k->lock);
    *what = true;
    condition_wake_all(&k->changed);
    lock_drop(&k->lock);
}

void keeper_reload(struct service *s)
{
    ask(&s->keeper, &s->keeper.reload);
}

void keeper_stop(struct service *s)
{
    if (!s->keeper.started)
        return;
    ask(&s->keeper, &s->keeper.stop);
    thread_join(&s->keeper.thread);
    s->keeper.started = false;
}
