/* SPDX-License-Identifier: Apache-2.0 */
/* api.h - the service's HTTP API: one table of routes (route.def), one resource a file (res_NAME.c).
 *
 *   http (loop) ─▶ begin: route, limits, who, may they ─▶ body ─▶ schema ─▶ handler ─▶ answer
 *                                                      LOOP: here   POOL: api_pool_run's threads
 *
 * Every answer carries a request id; every failure is a problem document (RFC 9457).  What comes in
 * is judged too: an address that attacks the service is blocked for a time (guard.h).
 *
 * struct api is thread-safe; a struct api_loop belongs to its loop's thread. */
#ifndef API_API_H
#define API_API_H

#include "alert/recorder.h"
#include "api/rate.h"
#include "behavior/behavior.h"
#include "behavior/network.h"
#include "bus/bus.h"
#include "detect/engine.h"
#include "identity/identity.h"
#include "ml/shelf.h"
#include "net/http.h"
#include "scan/scan.h"
#include "store/store.h"

enum rate_class {
#define X(NAME, name, per_min, burst, doc) RATE_##NAME,
#include "api/rate.def"
    RATE_CLASS_COUNT
};
const char *rate_class_name(enum rate_class c);
extern const struct rate_limit api_rates_default[RATE_CLASS_COUNT];

/* What /health/detailed says of one part. */
struct api_health {
    bool ok;
    char detail[120];     /* in words; may be empty */
    char last_error[160]; /* empty: none */
};
struct api_component {
    const char *name;
    void (*check)(void *arg,
                  struct api_health *out); /* on a worker; may block for some milliseconds */
    void *arg;
};

struct api_options {
    /* Borrowed: outlive the api.  Engine and recorder may be NULL where nothing is detected (tests): their routes answer 503. */
    struct store *store;
    struct identity *identity;
    struct bus *bus;
    struct recorder *recorder;
    struct engine *engine;
    /* May be NULL as well: what they are for answers 503. */
    struct behavior *behavior;
    struct network *network;
    struct shelf *shelf; /* of models */
    struct jobs *jobs;   /* that train them; api/jobs.h */
    const char *version, *environment, *data_dir;
    const struct rate_limit *rates; /* RATE_CLASS_COUNT of them; NULL: no limits at all */
    size_t rate_buckets;            /* 0: 65,536 */
    const str *cors_origin;         /* "https://dash.example", or "*" */
    size_t cors_count;
    bool guard;              /* block addresses that attack the service itself */
    int64_t guard_block_ms;  /* the first time; 0: a minute */
    const str *guard_exempt; /* addresses and ranges never blocked nor limited by address */
    size_t guard_exempt_count;
    const str *proxy; /* whose X-Forwarded-For is believed: addresses and ranges */
    size_t proxy_count;
    struct parse_limits limits; /* of events in bodies; all zero: parse_limits_default */
    bool metrics_public;
    size_t pool_queue; /* requests waiting for a worker; past it 503; 0: 1,024 */
    size_t live_clients,
        live_clients_each; /* watching, in all and of one account or key; 0: 4,096 and 1,024 */
    const struct api_component *component; /* besides store, recorder, engine, identity and disk */
    size_t component_count;
    int64_t (*now_ms)(void); /* NULL: clock_wall_ms */
};

struct api; /* opaque */
/* ST_INVALID: an address, range or origin that is none. */
CHECKED status api_new(const struct api_options *options, struct api **out, struct error *err);
/* After its loops and its pool; NULL is fine. */
void api_free(struct api *a);

struct api_loop; /* opaque */
/* `lane` is borrowed and may be NULL (see options.engine). */
struct api_loop *api_loop_new(struct api *a, struct loop *loop, struct engine_lane *lane);
/* The loop stands still, and so do the threads that work for it; NULL is fine. */
void api_loop_free(struct api_loop *l);
/* For http_server_options. */
struct http_handler api_handler(struct api_loop *l);

/* The body of a worker's thread: returns after api_pool_stop, when no request waits. */
void api_pool_run(struct api *a);
void api_pool_stop(struct api *a);

/* Files are scanned with these from now on; takes its own reference.  NULL: no rules.  Any thread. */
void api_set_scan_rules(struct api *a, struct scan_rules *rules);
/* What was imported for `tenant`, into a set that is not frozen: for the snapshot that the pipeline of
 * tenant "default" gets at the next reload.  Expired ones are left out.  Blocks. */
CHECKED status api_imported_indicators(struct store *s, str tenant, struct intel_set *set,
                                       int64_t now_ms, struct error *err);

/* Says what /health/ready answers; false from the start, and again when the service is to stop. */
void api_set_ready(struct api *a, bool ready);
/* The sink's `room` (detect/engine.h) hands over to here: uploads that wait go on.  Any thread. */
void api_room(struct api *a);
/* Every ten seconds or so, on a thread that may block: usage to the store, and is the store there? */
void api_tick(struct api *a);

/* Appends the OpenAPI 3.1 document of all routes; needs no server. */
void api_write_openapi(struct sbuf *out, const char *version);

#endif
