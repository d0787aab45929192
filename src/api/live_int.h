/* SPDX-License-Identifier: Apache-2.0 */
/* live_int.h - for live*.c and res_live.c only: a client and its loop. */
#ifndef API_LIVE_INT_H
#define API_LIVE_INT_H

#include "api/live.h"
#include "base/vec.h"
#include "net/ws.h"

enum {
    LIVE_CLIENTS = 4096,      /* in all; options.live_clients */
    LIVE_CLIENTS_EACH = 1024, /* of one user or key; options.live_clients_each */
    LIVE_QUEUE_BYTES = 1 << 20,
    LIVE_PENDING_MAX = 65536, /* messages on their way to one loop */
    LIVE_MESSAGE_MAX = 8 << 20,
    LIVE_PAGE = 200, /* alerts read from the store at once */
    LIVE_FILTER_MAX = 256,
    CLOSE_GOING_AWAY = 1001,
    CLOSE_TRY_LATER = 1013,
    CLOSE_UNAUTHORIZED = 4401
};

struct live_hub {
    struct api *api;
    struct lock lock; /* LOCK_LIVE */
    /* under lock: */
    VEC(struct live_share) share; /* those who have clients */
    size_t clients;
    _Atomic unsigned health; /* what was told last; see live_status.c */
};
struct live_share {
    char caller[64];
    size_t clients;
};

enum client_state {
    CLIENT_IDLE,   /* has not subscribed yet */
    CLIENT_LIVE,   /* served everything up to what the loop hands out next */
    CLIENT_BEHIND, /* reads the bus */
    CLIENT_ASKING  /* waits for the store's answer, or has some of it yet to be sent */
};

struct errand;
struct watcher {
    struct watcher *next, *prev;
    struct live *live;
    struct ws *ws;            /* one of these two */
    struct http_request *sse; /* our reference */
    struct principal who;
    str authorization; /* owned; wiped */
    enum client_state state;
    unsigned topics; /* 1 << enum bus_topic */
    int min_level;
    str entity, rule;             /* owned; empty: any */
    uint64_t last;                /* served up to this id */
    struct errand *store, *check; /* under way, or (store) not sent to the end */
    bool closing;
};

struct live {
    struct live_hub *hub;
    struct loop *loop;
    struct bus *bus;
    struct bus_subscriber *ear;
    struct lock lock; /* LOCK_LIVE */
    /* under lock: */
    struct pending {
        VEC(struct pending_message) m;
    } pending;
    bool posted, overrun;

    /* the loop's thread: */
    struct pending taken;
    struct watcher *first;
    struct loop_timer *second, *pump; /* pump: while somebody is behind */
    unsigned ticks;
    bool was_ready;
    struct sbuf text; /* scratch */
};
struct pending_message {
    struct bus_message *m;
};

/* A message as it goes out, made when the first client wants it. */
struct parcel {
    const struct bus_message *m;
    struct ws_frame *frame;
    struct sbuf sse;
};
void parcel_done(struct parcel *p);

/* ---- live_client.c ---- */

/* Within the limits?  Counted until client_free. */
bool live_admit(struct live_hub *h, const struct principal *who);
void live_release(struct live_hub *h, const struct principal *who);
struct watcher *watcher_new(struct live *l, const struct principal *who, str authorization);
/* Forget it; the socket is somebody else's to close. */
void watcher_free(struct watcher *c);
/* A copy, and its end: its bytes are wiped. */
str live_own(str s);
void live_disown(str *s);
bool watcher_wants(const struct watcher *c, const struct bus_message *m);
/* ST_LIMIT: its queue is full; ST_UNAVAILABLE: it is on its way out. */
CHECKED status watcher_send(struct watcher *c, struct parcel *p);
/* Tell it what no other hears; `json` is an object. */
void watcher_tell(struct watcher *c, str json);
void watcher_error(struct watcher *c, const char *code, const char *detail);
/* The end.  A WebSocket's client is freed when it is through, an event stream's now. */
void watcher_close(struct watcher *c, int code, const char *why);

struct subscription {
    unsigned topics;
    int min_level;
    str entity, rule;
    bool resumes;
    uint64_t resume;
};
bool watcher_permits(const struct watcher *c, enum bus_topic t);
void watcher_subscribe(struct watcher *c, const struct subscription *s);
/* A command of a WebSocket's. */
void watcher_command(struct watcher *c, str text);

/* {"type","topic","id","time","sent_us","data"} */
void live_write(struct sbuf *out, const struct bus_message *m);

/* ---- live.c ---- */

/* Send what is kept, as far as the client takes it now.  May free it. */
void live_pump(struct watcher *c);
void live_need_pump(struct live *l);

/* ---- live_errand.c: what blocks, on a worker ---- */

void errand_store(struct watcher *c, uint64_t upto);
void errand_check(struct watcher *c);
/* What the store is asked, or has answered, is not wanted any more. */
void errand_void(struct watcher *c);
/* Send what the store answered; false: the client takes no more now, or is gone. */
bool errand_send(struct watcher *c);
/* The client is gone. */
void errand_forget(struct errand *e);

/* ---- live_status.c ---- */

/* In bits. */
unsigned live_health(struct api *a);
/* Tell when it has changed.  Every loop, once a second. */
void live_watch_health(struct live_hub *h);

#endif
