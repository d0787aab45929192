/* SPDX-License-Identifier: Apache-2.0 */
/* What a live client needs done that may block: alerts read from the store, a token verified.  A worker of the
 * api's pool does it and posts back; the client may be gone by then.
 *
 * Of the store only what has a seq up to `upto` is used, the latest id the bus had delivered before the store was asked: all
 * below it is committed, while above it a later id can be there before an earlier one. */
#include "api/live_int.h"

#include "alert/alert.h"
#include "os/clock.h"

enum { PAGE_ARENA_MAX = 256 << 20 };

struct errand {
    struct api_call call; /* for the pool, which knows only these; `job` is all it looks at */
    struct live *live;
    struct watcher *client; /* the loop's; NULL: gone */
    struct api *api;
    bool done;
    bool stale; /* the client has changed its mind */
    status st;
    struct error err;

    /* the store's */
    str tenant, entity, rule; /* in arena */
    int min_level;
    uint64_t after, upto;
    struct arena arena;
    struct alert_record *alert;
    size_t count, sent;
    bool last; /* there are no more than these */

    /* the token's */
    str authorization; /* owned; wiped */
    struct principal who;
};

static struct errand *errand_of(struct api_call *c)
{
    return (struct errand *)(void *)c; /* its first member */
}

static void errand_free(struct errand *e)
{
    live_disown(&e->authorization);
    arena_done(&e->arena);
    mem_free(e);
}

void errand_forget(struct errand *e)
{
    e->client = NULL;
    if (e->done)
        errand_free(e);
}

static struct errand *errand_new(struct watcher *c, void (*job)(struct api_call *))
{
    struct errand *e = mem_new(struct errand);
    e->live = c->live;
    e->client = c;
    e->api = c->live->hub->api;
    e->call.job = job;
    arena_init(&e->arena, PAGE_ARENA_MAX);
    return e;
}

/* ---- alerts from the store ---- */

static void errand_over(struct watcher *c)
{
    errand_free(c->store);
    c->store = NULL;
}

/* One at a time: a client that changes its mind often must not fill the pool. */
void errand_void(struct watcher *c)
{
    if (c->store && c->store->done)
        errand_over(c);
    else if (c->store)
        c->store->stale = true;
}

static void store_answered(void *arg)
{
    struct errand *e = arg;
    struct watcher *c = e->client;
    e->done = true;
    if (!c) {
        errand_free(e);
        return;
    }
    if (e->stale)
        errand_over(c);
    live_pump(c);
}

static void ask_store(struct api_call *call)
{
    struct errand *e = errand_of(call);
    const struct alert_filter f = {.tenant = e->tenant,
                                   .entity = e->entity,
                                   .rule = e->rule,
                                   .min_level =
                                       e->min_level > 0 ? (enum level)e->min_level : (enum level)0,
                                   .after_seq = e->after,
                                   .limit = LIVE_PAGE};
    str next;
    e->st = store_alert_list(e->api->options.store, &e->arena, &f, &e->alert, &e->count, &next,
                             &e->err);
    if (e->st != ST_OK)
        e->count = 0;
    size_t n = 0;
    while (n < e->count && e->alert[n].seq <= e->upto)
        n++;
    e->last = n < LIVE_PAGE;
    e->count = n;
    loop_post(e->live->loop, store_answered, e);
}

void errand_store(struct watcher *c, uint64_t upto)
{
    if (c->store)
        return; /* of before; the pump asks again */
    struct errand *e = errand_new(c, ask_store);
    e->tenant = arena_str(&e->arena, str_z(c->who.tenant));
    e->entity = arena_str(&e->arena, c->entity);
    e->rule = arena_str(&e->arena, c->rule);
    e->min_level = c->min_level;
    e->after = c->last;
    e->upto = upto;
    if (!pool_add(e->api, &e->call, false)) {
        errand_free(e);
        return; /* busy: the client stays behind, the pump asks again */
    }
    c->store = e;
    c->state = CLIENT_ASKING;
}

static status send_alert(struct watcher *c, const struct alert_record *r)
{
    struct sbuf data;
    sbuf_init(&data, LIVE_MESSAGE_MAX / 2);
    struct json_out o = json_out_on(&data);
    alert_write_json(&o, r);
    bool is_new = r->count == 1 && r->status == ALERT_OPEN;
    struct bus_message m = {.id = r->seq,
                            .topic = TOPIC_ALERTS,
                            .time_ms = r->changed_ms,
                            .sent_us = clock_wall_us(),
                            .type = is_new ? "alert.new" : "alert.changed",
                            .tenant = r->tenant,
                            .data = sbuf_str(&data),
                            .level = (int)r->level};
    struct parcel p = {.m = &m};
    status st = watcher_send(c, &p);
    parcel_done(&p);
    sbuf_done(&data);
    return st;
}

bool errand_send(struct watcher *c)
{
    struct errand *e = c->store;
    if (!e->done || c->closing)
        return false;
    if (e->st != ST_OK) {
        log_say(LOG_API, LOG_WARN, "a live client cannot be brought up to date",
                LOG_Z("why", e->err.text));
        watcher_close(c, CLOSE_TRY_LATER, "what was missed cannot be read now");
        return false;
    }
    for (; e->sent < e->count; e->sent++) {
        if (send_alert(c, &e->alert[e->sent]) != ST_OK) {
            live_need_pump(c->live);
            return false;
        }
        c->last = e->alert[e->sent].seq;
    }
    if (e->last)
        c->last = e->upto;
    errand_over(c);
    c->state = CLIENT_BEHIND;
    return true;
}

/* ---- is the token still good? ---- */

static void judge(struct watcher *c, status st, const struct principal *who)
{
    if (st == ST_UNAUTHORIZED) {
        watcher_close(c, CLOSE_UNAUTHORIZED, "the token is not good any more");
        return;
    }
    if (st != ST_OK)
        return; /* that cannot be said now; it is asked again */
    c->who.permits = who->permits;
    for (unsigned t = 0; t < TOPIC_COUNT; t++)
        if (!watcher_permits(c, (enum bus_topic)t))
            c->topics &= ~(1u << t);
}

static void token_checked(void *arg)
{
    struct errand *e = arg;
    struct watcher *c = e->client;
    if (c) {
        c->check = NULL;
        judge(c, e->st, &e->who);
    }
    errand_free(e);
}

static void check_token(struct api_call *call)
{
    struct errand *e = errand_of(call);
    e->st = identity_authenticate(e->api->options.identity, e->authorization, api_now_ms(e->api),
                                  true, &e->who, &e->err);
    loop_post(e->live->loop, token_checked, e);
}

void errand_check(struct watcher *c)
{
    struct api *a = c->live->hub->api;
    struct principal who;
    if (c->check || !a->options.identity || c->authorization.n == 0)
        return;
    status st = identity_authenticate(a->options.identity, c->authorization, api_now_ms(a), false,
                                      &who, NULL);
    if (st != ST_BUSY) {
        judge(c, st, &who);
        return;
    }
    struct errand *e = errand_new(c, check_token);
    e->authorization = live_own(c->authorization);
    if (pool_add(a, &e->call, false))
        c->check = e;
    else
        errand_free(e); /* next time */
}
