/* SPDX-License-Identifier: Apache-2.0 */
/* The network loops: each with its server, its lane of the engine and its part of the API. */
#include "app/service_int.h"

#include "os/file.h"
#include "os/log.h"
#include "os/notify.h"
#include "os/process.h"

#include <signal.h>

enum { LOOPS_WANTED_MAX = 4, FILES_KEPT = 512 };

/* ---- certificates ---- */

status service_load_tls(struct service *s, struct tls_context **out, struct error *err)
{
    const struct config *c = s->config;
    struct file_info info;
    s->certificate = c->tls_certificate;
    s->key = c->tls_key;
    if (!*c->tls_certificate && !c->tls_self_signed)
        return ST_OK;
    if (!*c->tls_certificate) {
        s->certificate = data_path(&s->data, &s->arena, "tls-certificate.pem");
        s->key = data_path(&s->data, &s->arena, "tls-key.pem");
        status st = file_stat(s->certificate, &info, NULL) == ST_OK
                        ? ST_OK
                        : tls_self_signed(s->certificate, s->key, c->host, err);
        if (st != ST_OK)
            return st;
    }
    struct tls_options o = {.certificate = s->certificate,
                            .key = s->key,
                            .client_ca = *c->tls_client_ca ? c->tls_client_ca : NULL};
    return tls_context_new(&o, out, err);
}

/* ---- opening ---- */

static struct http_limits limits_of(const struct config *c)
{
    struct http_limits l = http_limits_default;
    l.head_ms = (uint32_t)c->head_seconds * 1000;
    l.body_ms = (uint32_t)c->body_seconds * 1000;
    l.idle_ms = (uint32_t)c->idle_seconds * 1000;
    return l;
}

/* The second and later ones listen where the first does, whichever port that was. */
static status open_server(struct service *s, struct server *v, struct error *err)
{
    bool first = v == s->server;
    v->service = s;
    status st = loop_new(&v->loop, err);
    if (st != ST_OK)
        return st;
    v->lane = engine_lane_new(s->engine);
    v->api = api_loop_new(s->api, v->loop, v->lane);
    struct http_server_options o = {
        .host = s->config->host,
        .port = first ? (uint16_t)s->config->port : servers_port(s),
        .shared = !first,
        .fd = first ? s->inherited : -1,
        .tls = s->tls,
        .crowd = s->crowd,
        .limits = limits_of(s->config),
        .handler = api_handler(v->api),
    };
    return http_server_open(v->loop, &o, &v->http, err);
}

/* A socket from the service manager is one socket: it has one loop. */
static unsigned loop_count(const struct service *s)
{
    unsigned processors = thread_processors();
    if (s->inherited >= 0)
        return 1;
    if (s->config->loops)
        return (unsigned)s->config->loops;
    return processors < LOOPS_WANTED_MAX ? processors : LOOPS_WANTED_MAX;
}

/* The limits on connections are the process's, whichever loops they come to; and no more than there are
 * descriptors for, so that the store, the rules and the log find theirs. */
static struct crowd *crowd_of(const struct config *c)
{
    uint64_t files = process_raise_files(), most = (uint64_t)c->connections;
    uint64_t kept = files / 2 < FILES_KEPT ? files / 2 : FILES_KEPT;
    if (files && files - kept < most) {
        most = files - kept;
        log_say(LOG_SYSTEM, LOG_WARN, "fewer connections than limits.connections: descriptors",
                LOG_INT("wanted", c->connections), LOG_INT("connections", most),
                LOG_INT("descriptors", files));
    }
    return crowd_new((uint32_t)most, (uint32_t)c->connections_address);
}

status servers_open(struct service *s, struct error *err)
{
    s->crowd = crowd_of(s->config);
    int first = -1;
    s->inherited = notify_sockets(&first) > 0 ? first : -1;
    unsigned n = loop_count(s);
    for (s->servers = 0; s->servers < n;) {
        status st = open_server(s, &s->server[s->servers++], err);
        if (st != ST_OK)
            return st;
    }
    return ST_OK;
}

uint16_t servers_port(const struct service *s)
{
    return http_server_port(s->server[0].http);
}

/* ---- running ---- */

static void closed(void *arg)
{
    struct server *v = arg;
    v->http = NULL;
    loop_stop(v->loop);
}

static void close_server(void *arg)
{
    struct server *v = arg;
    if (v->http)
        http_server_close(v->http, (uint32_t)v->service->config->grace * 1000, closed, v);
}

static void close_servers(struct service *s)
{
    for (unsigned i = 0; i < s->servers; i++)
        if (s->server[i].loop)
            loop_post(s->server[i].loop, close_server, &s->server[i]);
}

/* On the first loop.  Once: who asks twice is patient already. */
static void stop_all(void *arg)
{
    struct service *s = arg;
    if (s->stopping)
        return;
    s->stopping = true;
    api_set_ready(s->api, false);
    sources_close(s, close_servers);
}

static void on_signal(void *arg, int number)
{
    struct service *s = arg;
    if (number == SIGHUP) {
        keeper_reload(s);
        return;
    }
    log_say(LOG_SYSTEM, LOG_INFO, "stopping", LOG_INT("signal", number));
    notify_stopping();
    stop_all(s);
}

static const int watched[] = {SIGTERM, SIGINT, SIGHUP};

static status watch_signals(struct service *s, struct error *err)
{
    status st = ST_OK;
    for (size_t i = 0; i < COUNT(watched) && st == ST_OK; i++)
        st = loop_on_signal(s->server[0].loop, watched[i], on_signal, s, err);
    return st;
}

/* When the loop that watches them goes they would end the process again, in the middle of its last words. */
static void hold_signals(void)
{
    sigset_t set;
    (void)sigemptyset(&set); /* none of these three can fail */
    for (size_t i = 0; i < COUNT(watched); i++)
        (void)sigaddset(&set, watched[i]);
    (void)pthread_sigmask(SIG_BLOCK, &set, NULL);
}

static void run_loop(void *arg)
{
    const struct server *v = arg;
    loop_run(v->loop);
}

status servers_run(struct service *s, struct error *err)
{
    status st = watch_signals(s, err);
    for (unsigned i = 1; i < s->servers && st == ST_OK; i++) {
        struct server *v = &s->server[i];
        st = thread_start(&v->thread, "bguard-loop", run_loop, v, err);
        v->started = st == ST_OK;
    }
    if (st == ST_OK) {
        api_set_ready(s->api, true);
        notify_ready();
    } else {
        loop_post(s->server[0].loop, stop_all, s);
    }
    loop_run(s->server[0].loop);
    hold_signals();
    for (unsigned i = 1; i < s->servers; i++)
        if (s->server[i].started)
            thread_join(&s->server[i].thread);
    return st;
}

static void end_loop(void *arg)
{
    loop_stop(arg);
}

/* What was posted to a loop after it stood still has its say while there is somebody to say it to; and a loop that never
 * ran, since the start failed half-way, closes what was opened on it. */
static void run_out(struct server *v)
{
    if (!v->http)
        loop_post(v->loop, end_loop, v->loop);
    loop_run(v->loop);
}

void servers_free(struct service *s)
{
    if (s->servers && s->server[0].http)
        stop_all(s);
    for (unsigned i = 0; i < s->servers; i++)
        if (s->server[i].loop)
            run_out(&s->server[i]);
    for (unsigned i = 0; i < s->servers; i++) {
        api_loop_free(s->server[i].api);
        engine_lane_free(s->server[i].lane);
        loop_free(s->server[i].loop);
    }
    s->servers = 0;
    crowd_free(s->crowd);
}
