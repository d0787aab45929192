/* SPDX-License-Identifier: Apache-2.0 */
/* Sources that run on their own: syslog on the first loop, followed files on a thread.  Both put
 * what they read into jobs of the engine. */
#include "app/service_int.h"

#include "os/log.h"

#include <stddef.h>

/* Positions of followed files are kept under their path with this before it. */
static const str follow_prefix = {"file:", sizeof "file:" - 1};

/* ---- the engine as a sink ---- */

enum { SOURCE_MAX = 8192 };

static struct engine_job *job_of(struct batch *b)
{
    return (struct engine_job *)(void *)((char *)b - offsetof(struct engine_job, batch));
}

static struct batch *take(void *arg)
{
    struct service *s = arg;
    struct engine_job *job = recorder_has_room(s->recorder) ? engine_take(s->engine) : NULL;
    return job ? &job->batch : NULL;
}

static str keep_source(struct engine_job *job, str source)
{
    struct sbuf b = {.cap = SOURCE_MAX};
    if (source.n == 0)
        return source;
    sbuf_add(&b, follow_prefix);
    sbuf_add(&b, source);
    str kept = engine_job_keep(job, sbuf_str(&b));
    sbuf_done(&b);
    return kept;
}

static void submit(void *arg, struct batch *b, const struct ingest_label *l)
{
    struct service *s = arg;
    struct engine_job *job = job_of(b);
    job->stream = l->stream;
    job->stream.header = engine_job_keep(job, l->stream.header);
    job->stream.channel = engine_job_keep(job, l->stream.channel);
    (void)snprintf(job->tenant, sizeof job->tenant, "%s", l->tenant);
    job->path = engine_job_keep(job, str_z(l->path)).p;
    job->events_metric = l->metric;
    job->position_source = keep_source(job, l->position_source);
    job->position = engine_job_keep(job, l->position);
    engine_submit(s->engine, job);
}

static void give_back(void *arg, struct batch *b)
{
    struct service *s = arg;
    engine_give_back(s->engine, job_of(b));
}

static struct ingest_sink sink_of(struct service *s)
{
    return (struct ingest_sink){.take = take, .submit = submit, .give_back = give_back, .arg = s};
}

/* ---- syslog ---- */

static status open_syslog(struct service *s, enum syslog_transport transport, const char *where,
                          struct error *err)
{
    char host[ADDRESS_MAX];
    uint16_t port;
    if (!*where)
        return ST_OK;
    status st = config_address(where, host, sizeof host, &port, err);
    if (st != ST_OK)
        return fail_prefix(err, st, "syslog");
    struct syslog_options o = {.transport = transport,
                               .host = host,
                               .port = port,
                               .tls = transport == SYSLOG_TLS ? s->tls : NULL,
                               .tenant = s->config->syslog_tenant};
    struct ingest_sink sink = sink_of(s);
    st = syslog_open(s->server[0].loop, &o, &sink, &s->syslog[transport], err);
    if (st == ST_OK)
        log_say(LOG_SYSTEM, LOG_INFO, "syslog is listened for", LOG_Z("address", where),
                LOG_INT("port", syslog_port(s->syslog[transport])));
    return st;
}

status sources_open(struct service *s, struct error *err)
{
    const struct config *c = s->config;
    status st = open_syslog(s, SYSLOG_UDP, c->syslog_udp, err);
    if (st == ST_OK)
        st = open_syslog(s, SYSLOG_TCP, c->syslog_tcp, err);
    if (st == ST_OK)
        st = open_syslog(s, SYSLOG_TLS, c->syslog_tls, err);
    return st;
}

/* ---- followed files ---- */

enum { POSITIONS_ARENA_MAX = 16 << 20 };

static void run_follow(void *arg)
{
    follow_run(arg);
}

static status open_follow(struct service *s, struct arena *a, struct error *err)
{
    const struct config_list *l = &s->config->follow;
    struct follow_input *input = arena_array(&s->arena, struct follow_input, l->n);
    struct position_record *kept = NULL;
    size_t n = 0;
    for (size_t i = 0; input && i < l->n; i++)
        input[i] = (struct follow_input){.pattern = l->at[i], .tenant = s->config->follow_tenant};
    status st = input ? store_position_list(s->store, a, follow_prefix, &kept, &n, err)
                      : fail(err, ST_LIMIT, "'follow.paths' is too long");
    struct follow_position *position = arena_array(a, struct follow_position, n + 1);
    if (st != ST_OK || !position)
        return st != ST_OK ? st : fail(err, ST_LIMIT, "too many followed files are remembered");
    for (size_t i = 0; i < n; i++)
        position[i] =
            (struct follow_position){str_from(kept[i].source, follow_prefix.n), kept[i].value};
    struct follow_options o = {.input = input,
                               .input_count = l->n,
                               .position = position,
                               .position_count = n,
                               .limits = s->limits};
    struct ingest_sink sink = sink_of(s);
    return follow_new(&o, &sink, &s->follow, err);
}

status sources_start(struct service *s, struct error *err)
{
    struct arena a;
    if (s->config->follow.n == 0)
        return ST_OK;
    arena_init(&a, POSITIONS_ARENA_MAX);
    status st = open_follow(s, &a, err);
    arena_done(&a);
    return st == ST_OK ? crew_start(&s->following, 1, "bguard-follow", run_follow, s->follow, err)
                       : st;
}

void sources_check(void *arg, struct api_health *out)
{
    struct service *s = arg;
    struct follow_state state = {0};
    if (s->follow)
        state = follow_state(s->follow);
    out->ok = state.unreadable == 0;
    int n = snprintf(out->detail, sizeof out->detail, "%zu file%s followed", state.files,
                     state.files == 1 ? "" : "s");
    if (!out->ok) {
        (void)snprintf(out->detail + n, sizeof out->detail - (size_t)n, ", %zu cannot be read",
                       state.unreadable);
        (void)snprintf(out->last_error, sizeof out->last_error, "%s", state.trouble);
    }
}

void sources_stop(struct service *s)
{
    if (s->follow)
        follow_stop(s->follow);
    crew_join(&s->following);
}

void sources_done(struct service *s)
{
    follow_free(s->follow);
    s->follow = NULL;
}

/* ---- room ---- */

static void room_on_loop(void *arg)
{
    struct service *s = arg;
    for (size_t i = 0; i <= SYSLOG_TLS; i++)
        if (s->syslog[i])
            syslog_room(s->syslog[i]);
}

void sources_room(struct service *s)
{
    if (s->follow)
        follow_room(s->follow);
    if (s->servers)
        loop_post(s->server[0].loop, room_on_loop, s);
}

void sources_set_tls(struct service *s, struct tls_context *tls)
{
    if (s->syslog[SYSLOG_TLS])
        syslog_set_tls(s->syslog[SYSLOG_TLS], tls);
}

/* ---- closing, on the loop ---- */

static void gone(void *arg)
{
    struct service *s = arg;
    if (--s->syslog_open == 0)
        s->syslog_closed(s);
}

void sources_close(struct service *s, void (*done)(struct service *s))
{
    s->syslog_closed = done;
    s->syslog_open = 1; /* this call's own */
    for (size_t i = 0; i <= SYSLOG_TLS; i++) {
        struct syslog *l = s->syslog[i];
        s->syslog[i] = NULL;
        if (!l)
            continue;
        s->syslog_open++;
        syslog_close(l, gone, s);
    }
    gone(s);
}
