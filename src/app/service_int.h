/* SPDX-License-Identifier: Apache-2.0 */
/* service_int.h - for files in app/ only.
 *
 *   service: builds what there is from the settings, in order, and takes it apart in the other
 *   server:  the network loops
 *   memory:  what is normal, and rules for files: loaded, kept
 *   models:  which are in use, and how they do
 *   keeper:  what is to be done every now and then, and reloading
 *   sources: syslog and followed files
 *   greet:   what a person is told at the start */
#ifndef APP_SERVICE_INT_H
#define APP_SERVICE_INT_H

#include "api/api.h"
#include "api/jobs.h"
#include "app/data.h"
#include "app/loader.h"
#include "app/pipeline.h"
#include "app/service.h"
#include "ingest/follow.h"
#include "ingest/syslog.h"
#include "os/lock.h"
#include "os/thread.h"

enum {
    LOOPS_MAX = 64,
    /* Records that correlations get back after a restart: no correlation of ours looks further back; and what a
     * start may take. */
    RECENT_MS = 24 * 3600 * 1000,
    RECENT_MAX = 250 * 1000
};

/* A network loop with what lives on it. */
struct server {
    struct service *service;
    struct loop *loop;
    struct engine_lane *lane;
    struct api_loop *api;
    struct http_server *http;
    struct thread thread;
    bool started;
};

struct keeper {
    struct lock lock;
    struct condition changed;
    /* under the lock: */
    bool stop, reload;
    struct thread thread;
    bool started;
};

/* What was said of a version of a model already. */
enum { MODELS_TOLD = 64 };
struct model_told {
    char name[64], version[16];
    bool sinks, drifts, rests;
};

struct crew {          /* threads that do the same */
    struct thread *at; /* owned */
    unsigned n;
};

struct service {
    const struct config *config;
    struct arena arena; /* of paths and the like */
    struct data_folder data;
    struct dict *dict;
    struct store *store;
    struct identity *identity;
    struct sbuf first_password; /* of the user just made, until somebody was told; else empty */
    struct bus *bus;
    struct recorder *recorder;
    struct pipeline pipeline;
    struct behavior *behavior;
    struct network *network;
    struct model_host *model_host;
    struct shelf *shelf;
    struct jobs *jobs;        /* that train */
    struct model_set *models; /* in use; of the keeper, and before it starts */
    struct model_told told[MODELS_TOLD];
    bool models_told; /* of those that cannot be read */
    struct engine *engine;
    struct api *api;
    struct tls_context *tls; /* NULL: plain */
    const char *certificate, *key, *cache;
    struct crowd *crowd; /* connections of all servers */
    struct server server[LOOPS_MAX];
    unsigned servers;
    struct syslog *syslog[SYSLOG_TLS + 1]; /* NULL: not listened for */
    unsigned syslog_open;                  /* still to be closed */
    void (*syslog_closed)(struct service *s);
    struct follow *follow;          /* NULL: no file is followed */
    struct api_component health[3]; /* models, behavior, sources */
    struct parse_limits limits;
    struct crew workers, pool, recording, following;
    struct keeper keeper;
    struct load_summary loaded;
    char rest_problem[sizeof((struct error *)0)
                          ->text]; /* why habits do not rest in files; empty: they do */
    uint64_t kept;                 /* events learned when the baselines were last saved */
    bool stopping;                 /* of the first loop */
    int inherited;                 /* a listening socket of the service manager; -1 */
};

/* ---- service.c ---- */

/* Start `n` threads of it; those started are in `c`, also after a failure. */
CHECKED status crew_start(struct crew *c, unsigned n, const char *name, void (*run)(void *arg),
                          void *arg, struct error *err);
void crew_join(struct crew *c);

/* ---- server.c ---- */

CHECKED status servers_open(struct service *s, struct error *err);
/* Run all loops, the first on the calling thread, until every one has closed its server. */
CHECKED status servers_run(struct service *s, struct error *err);
/* All other threads stand still.  Closes what was never run. */
void servers_free(struct service *s);
uint16_t servers_port(const struct service *s);

/* The certificate named in the settings, or made; s->tls stays NULL without one. */
CHECKED status service_load_tls(struct service *s, struct tls_context **out, struct error *err);

/* ---- memory.c ---- */

CHECKED status memory_open(struct service *s, struct error *err);
/* How what is normal is kept, for /health/detailed.  `arg`: the service.  Any thread. */
void memory_check(void *arg, struct api_health *out);
/* What was learned, to its file.  Of the keeper, and at the end. */
void memory_keep(struct service *s);
/* The YARA rules of the settings, for the API.  ST_NOT_FOUND, ST_INVALID: those that were there stay. */
CHECKED status memory_load_scan(struct service *s, struct error *err);
void memory_free(struct service *s);

/* ---- models.c ---- */

/* There is an engine. */
CHECKED status models_open(struct service *s, struct error *err);
/* What the registry says is in use. */
void models_adopt(struct service *s);
/* The same, and tell what is wrong with them; `verdicts`: count what people made of their alarms, too. */
void models_tick(struct service *s, bool verdicts);
void models_check(void *arg, struct api_health *out);
/* The engine is gone. */
void models_free(struct service *s);

/* ---- sources.c ---- */

/* On the first loop, which does not run yet. */
CHECKED status sources_open(struct service *s, struct error *err);
/* Followed files: the thread that reads them, from here to there. */
CHECKED status sources_start(struct service *s, struct error *err);
void sources_stop(struct service *s);
/* How followed files are, for /health/detailed.  `arg`: the service.  Any thread. */
void sources_check(void *arg, struct api_health *out);
/* The engine stands still: it tells of room until then. */
void sources_done(struct service *s);
/* A job became free.  Any thread. */
void sources_room(struct service *s);
/* On the first loop. */
void sources_set_tls(struct service *s, struct tls_context *tls);
/* On the first loop; `done` when all are closed, maybe at once. */
void sources_close(struct service *s, void (*done)(struct service *s));

/* ---- keeper.c ---- */

CHECKED status keeper_start(struct service *s, struct error *err);
void keeper_reload(struct service *s);
void keeper_stop(struct service *s);

/* ---- greet.c ---- */

/* `password`: of the user admin that was just made; empty: there was one.  To a terminal, or to
 * a file for its owner only. */
void greet_password(const struct service *s, str password);
void greet_listening(const struct service *s);

#endif
