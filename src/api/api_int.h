/* SPDX-License-Identifier: Apache-2.0 */
/* api_int.h - for files in api/ only: what a resource is written with.
 *
 * A resource is one file, res_NAME.c:
 *   1. its schemas, `const struct schema schema_NAME = {…}` (schema.h), one for each query, body and answer;
 *   2. its handlers, `void serve_NAME(struct api_call *c)`;
 *   3. a line for each route in route.def, which names them: that is what declares them.
 * When a handler runs the caller is known and may do it (c->who; c->who.tenant is the tenant, no other is ever read), path
 * parameters are in c->param, query parameters and the JSON body have passed their schemas (call_query; c->root).
 * It answers exactly once: call_json … call_send; call_empty; call_fail; call_problem.  LOOP handlers must not block and may answer
 * later, from the loop: call_hold, then any of these.  POOL handlers answer before they return; they may not touch
 * c->request.  Long answers: call_stream.  STREAM handlers set c->piece and c->end and get the body in pieces.  One that speaks for itself
 * (WebSocket, event stream): call_take_over.  What a resource needs from app goes into struct api_options. */
#ifndef API_API_INT_H
#define API_API_INT_H

#include "api/api.h"
#include "api/guard.h"
#include "api/router.h"
#include "api/schema.h"
#include "codec/ip.h"
#include "codec/json_out.h"
#include "os/lock.h"
#include "os/log.h"
#include "os/uid.h"

#include <stdatomic.h>

enum access {
#define X(NAME, name, READ, ANALYST, ADMIN, doc) ACCESS_##NAME = PERMIT_##NAME,
#include "identity/permission.def"
    ACCESS_PUBLIC = 64,
    ACCESS_LOCAL
};
enum route_run { RUN_LOOP, RUN_POOL, RUN_STREAM };

struct api_call;
typedef void api_fn(struct api_call *c);

struct route {
    enum http_method method;
    const char *path;
    api_fn *handler;
    const char *name;
    enum access access;
    enum route_run run;
    const struct schema *query, *body, *answer; /* NULL: none */
    size_t body_max;
    int status; /* when all goes well */
    enum rate_class rate;
    const char *summary;
};
extern const struct route route_table[];
extern const size_t route_count;

/* Bodies and answers that are not looked at. */
extern const struct schema schema_any;  /* any JSON */
extern const struct schema schema_text; /* text/plain */

enum {
    CALL_LEFT = 499, /* a status nobody sees but our log: the client left */
    CALL_ID_MAX = 64,
    CALL_HEADERS_MAX = 12,
    CALL_ARENA_MAX = 64 * 1024 * 1024,
    CALL_OUT_MAX = 64 * 1024 * 1024
};

struct call_header {
    const char *name; /* static */
    str value;        /* in c->arena */
};

struct api_call {
    struct api *api;
    struct api_loop *lane;
    struct http_request *request;
    const struct route *route; /* NULL: nothing is there */
    struct principal who;
    bool known;  /* who is somebody */
    str address; /* of the client, past trusted proxies */
    bool local;  /* from this machine, by nobody's mediation */
    char id[CALL_ID_MAX + 1];
    str param[ROUTE_PARAMS_MAX]; /* decoded */
    str *query;                  /* one a field of route->query */
    str body;                    /* as it came */
    struct json_doc *doc;        /* owned; of the body */
    json_node root;
    struct arena *arena; /* for what a handler reads; dies with the call */
    struct sbuf *out;    /* where an answer is written */
    int64_t now_ms;      /* when it began */
    void *user;          /* the handler's */
    /* of STREAM handlers */
    void (*piece)(struct api_call *c, str bytes);
    void (*end)(struct api_call *c);
    /* Optional, on the loop.  The client left a call that is held or streams: answer, to nobody. */
    void (*gone)(struct api_call *c);
    /* Optional, on the loop: the call was answered and is no more after this. */
    void (*over)(struct api_call *c);

    /* ---- call.c's ---- */
    uint64_t started_ns;
    struct arena own;
    struct sbuf own_out;
    struct call_header header[CALL_HEADERS_MAX];
    size_t header_count;
    int status;       /* answered with; 0: not yet */
    const char *type; /* content type */
    bool (*more)(struct api_call *c);
    bool on_pool, held, must_know, last;
    uint64_t bytes_in, bytes_out;
    size_t pushed; /* of own_out */
    unsigned pauses;
    bool begun;            /* a long answer */
    bool early;            /* answered, though it goes on */
    struct api_call *next; /* in the pool's queue */
    void (*job)(struct api_call *c);
};

/* ---- answering ---- */

/* Begin a JSON answer on c->out, emptied. */
struct json_out call_json(struct api_call *c);
/* Send c->out as JSON. */
void call_send(struct api_call *c, int http);
void call_send_as(struct api_call *c, int http, const char *content_type);
void call_empty(struct api_call *c, int http);
/* Add a header to the answer; `value` is copied, `name` static. */
void call_set(struct api_call *c, const char *name, str value);
/* A problem document; `code` is for programs: "rate_limited". */
void call_problem(struct api_call *c, int http, const char *code, const char *detail);
/* That of a failed call: its http and words (of ST_IO and ST_UNAVAILABLE the words go to the log, not out). */
void call_fail(struct api_call *c, const struct error *err);
/* For POOL handlers: c->out is the first piece; `more` (on a worker) empties and fills c->out with the next one, false: that was the last.
 * Nothing is made while the client is slow. */
void call_stream(struct api_call *c, int http, const char *content_type,
                 bool (*more)(struct api_call *c));

/* For LOOP handlers: the answer comes later. */
void call_hold(struct api_call *c);
/* On the loop, of a held call: the client need not wait for what goes on, which ends with call_done. */
void call_problem_early(struct api_call *c, int http, const char *code, const char *detail);
void call_done(struct api_call *c);
/* For STREAM handlers: no piece until as many call_resume as call_pause. */
void call_pause(struct api_call *c);
void call_resume(struct api_call *c);
/* Has the client left? */
bool call_gone(const struct api_call *c);
/* Counted and logged as answered with `status`; from now on the request is the handler's, which must have taken its reference
 * or answered; c is gone. */
struct http_request *call_take_over(struct api_call *c, int http);
/* On the loop: have job(c) run on a worker, where it answers.  Without room for it 503 is answered. */
void call_to_pool(struct api_call *c, void (*job)(struct api_call *c));

/* ---- reading ---- */

str call_query(const struct api_call *c, const char *name); /* p NULL: not given */
int64_t call_query_int(const struct api_call *c, const char *name, int64_t otherwise);
/* Unix ms; `otherwise` when not given. */
int64_t call_query_time(const struct api_call *c, const char *name, int64_t otherwise);
struct actor call_actor(const struct api_call *c);
/* The id in the path; false: it is none, and 404 was answered. */
bool call_id(struct api_call *c, str *id);
/* `st` again; before the reason why identity finds it invalid, the member it can only be. */
status in_member(const char *place, struct error *err, status st);
/* For answers of list handlers: `st` is ST_OK, or the failure was answered. */
bool call_ok(struct api_call *c, status st, const struct error *err);
/* Who did it, as the audit log and alerts name them: the user's name, or "key:NAME". In c->arena. */
str call_actor_name(struct api_call *c);
/* One for the audit log, which must not fail the request: what cannot be written is logged.  May block. */
void call_audit(struct api_call *c, const char *action, str target, str detail, bool ok);

/* ---- the whole ---- */

enum { API_CLASSES = 6 }; /* of a status: by its first digit; 0: never answered */
struct route_count {
    _Atomic uint64_t answered[API_CLASSES];
    _Atomic uint64_t ns;
};

struct usage;  /* account.c */
struct upload; /* res_events.c */
struct threat; /* threat.c */

struct api {
    struct api_options options;
    struct router router;
    struct rate_limit rate[RATE_CLASS_COUNT];
    struct rate_table *rates;
    struct guard *guard;
    struct cidr *exempt, *proxy; /* owned */
    struct sbuf openapi;
    uint64_t started_ns;
    _Atomic bool ready, store_ok;
    struct route_count *count; /* owned; route_count + 1: the last for what is no route */
    struct live_hub *live;     /* owned; live.h */
    struct threat *threat;     /* owned; threat.h */

    struct lock pool_lock;
    struct condition pool_changed;
    /* under pool_lock: */
    struct api_call *first, **last;
    size_t waiting;
    bool stopped;

    struct lock usage_lock;
    /* under usage_lock: */
    struct usage *usage;    /* owned */
    struct api_loop *loops; /* all there are */
    struct upload *keyed;   /* uploads under way that have an idempotency key */
};

struct api_loop {
    struct api *api;
    struct loop *loop;
    struct engine_lane *lane;
    struct sbuf out;   /* of answers made on the loop */
    struct live *live; /* owned; NULL without a bus */
    struct api_loop *next;
    struct loop_timer *timer; /* owned */
    struct feed *feed;        /* owned; for what is judged at once */
    struct sbuf records;      /* out of their wrapping */
    struct upload *starved;   /* those that wait for a free job, first come first served */
    struct upload *uploads;   /* all that are open */
};

int64_t api_now_ms(const struct api *a);

/* ---- account.c: access log, counters, usage ---- */

struct usage *usage_new(void);
void usage_free(struct usage *u);
void account_call(struct api_call *c);
void account_flush(struct api *a);
void account_metrics(struct api *a, struct sbuf *out);
/* The server refused, or we did: is it an offence?  Blocks, logs and tells the bus when it is one too many. */
void account_offence(struct api *a, str address, enum guard_offence o);
bool account_exempt(const struct api *a, str address);
bool account_proxy(const struct api *a, str address); /* one whose X-Forwarded-For is believed */

/* ---- pool.c ---- */

/* False: full.  `going_on`: has been on the pool before, so there is room. */
bool pool_add(struct api *a, struct api_call *c, bool going_on);

/* ---- answer.c ---- */

/* Onto the loop's thread: send what was answered on a worker. */
void answer_from_pool(struct api_call *c);
/* An answer to a cross-origin question about a path (Fetch standard, 4.8) or to OPTIONS. */
void answer_options(struct api_call *c, const struct router_entry *entry);
void answer_allow(struct api_call *c, const struct router_entry *entry);

/* ---- res_events.c ---- */

/* On the loop: there may be room for uploads that wait. */
void uploads_go_on(struct api_loop *l);
/* The headers every answer has, for one who answers by itself. */
void answer_headers(struct api_call *c);
/* Do the settings let pages of `origin` call?  `*any`: of all. */
bool origin_allowed(const struct api *a, str origin, bool *any);

/* ---- call.c ---- */

/* What the caller shows, as a value of Authorization; empty: nothing. */
str call_authorization(struct api_call *c);

void call_begin(void *arg, struct http_request *r);
bool call_accept(void *arg, str address);
void call_refused(void *arg, str address, int http, const char *why, const char *id);

#define X(METHOD, path, handler, ACCESS, RUN, query, body, limit, http, answer, RATE, summary)     \
    api_fn serve_##handler;
#include "api/route.def"

#endif
