/* SPDX-License-Identifier: Apache-2.0 */
#include "api/live_int.h"

#include "os/clock.h"

enum { PUMP_MS = 10, HEARTBEAT_TICKS = 15, BITE = 64 };

/* ---- from the bus to the loop ---- */

void parcel_done(struct parcel *p)
{
    ws_frame_unref(p->frame);
    sbuf_done(&p->sse);
}

static void hand_out(struct live *l, struct bus_message *m)
{
    struct parcel p = {.m = m};
    uint64_t delivered = 0;
    for (struct watcher *c = l->first, *next; c; c = next) {
        next = c->next;
        if (c->state != CLIENT_LIVE || m->id <= c->last)
            continue;
        c->last = m->id;
        if (!watcher_wants(c, m))
            continue;
        if (watcher_send(c, &p) == ST_LIMIT) {
            metric_inc(METRIC_LIVE_DROPPED_SLOW);
            watcher_close(c, CLOSE_TRY_LATER, "too slow");
        } else {
            delivered++;
        }
    }
    metric_add(METRIC_LIVE_DELIVERED, delivered);
    parcel_done(&p);
}

/* More was published than may wait for this loop: everybody reads the bus instead. */
static void all_fall_behind(struct live *l)
{
    for (struct watcher *c = l->first; c; c = c->next)
        if (c->state == CLIENT_LIVE)
            c->state = CLIENT_BEHIND;
    live_need_pump(l);
}

static void drain(void *arg)
{
    struct live *l = arg;
    lock_take(&l->lock);
    struct pending taken = l->pending;
    l->pending = l->taken; /* empty, with its memory */
    bool overrun = l->overrun;
    l->posted = l->overrun = false;
    lock_drop(&l->lock);
    if (overrun)
        all_fall_behind(l);
    for (size_t i = 0; i < taken.m.n; i++) {
        hand_out(l, taken.m.at[i].m);
        bus_message_unref(taken.m.at[i].m);
    }
    taken.m.n = 0;
    l->taken = taken;
}

/* On the publisher's thread, with the bus locked. */
static void hear(void *arg, struct bus_message *m)
{
    struct live *l = arg;
    lock_take(&l->lock);
    if (l->pending.m.n < LIVE_PENDING_MAX)
        vec_push(&l->pending.m)->m = bus_message_ref(m);
    else
        l->overrun = true;
    bool post = !l->posted;
    l->posted = true;
    lock_drop(&l->lock);
    if (post)
        loop_post(l->loop, drain, l);
}

/* ---- those who are behind ---- */

static bool takes_more(const struct watcher *c)
{
    return !c->closing && (!c->ws || ws_queued_bytes(c->ws) < LIVE_QUEUE_BYTES / 2);
}

/* Send one bite; false: no more of it now. */
static bool send_bite(struct watcher *c, struct bus_message *const *m, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct parcel p = {.m = m[i]};
        status st = watcher_wants(c, m[i]) ? watcher_send(c, &p) : ST_OK;
        parcel_done(&p);
        if (st != ST_OK)
            return false;
        c->last = m[i]->id;
    }
    return takes_more(c);
}

static bool pump_bite(struct watcher *c)
{
    struct bus_message *m[BITE];
    bool complete;
    uint64_t last;
    size_t n = bus_read(c->live->bus, c->last, m, BITE, &complete, &last);
    bool more = true;
    if (!complete && c->last < last && (c->topics & 1u << TOPIC_ALERTS)) {
        errand_store(c, last); /* the bus has forgotten some */
        more = false;
    } else if (n == 0) {
        c->last = last;
        c->state = CLIENT_LIVE;
    } else {
        more = send_bite(c, m, n);
    }
    for (size_t i = 0; i < n; i++)
        bus_message_unref(m[i]);
    return more;
}

void live_pump(struct watcher *c)
{
    if (c->state == CLIENT_ASKING && !errand_send(c))
        return;
    bool more = takes_more(c);
    while (more && c->state == CLIENT_BEHIND)
        more = pump_bite(c);
    if (c->state == CLIENT_BEHIND)
        live_need_pump(c->live);
}

static void pump_all(void *arg)
{
    struct live *l = arg;
    bool some = false;
    for (struct watcher *c = l->first, *next; c; c = next) {
        next = c->next;
        bool waits = c->state == CLIENT_BEHIND || c->state == CLIENT_ASKING;
        some |= waits;
        if (waits)
            live_pump(c);
    }
    if (!some) {
        loop_timer_free(l->pump);
        l->pump = NULL;
    }
}

void live_need_pump(struct live *l)
{
    if (!l->pump)
        l->pump = loop_timer_new(l->loop, PUMP_MS, pump_all, l);
}

/* ---- once a second ---- */

static void look_at(struct watcher *c, unsigned ticks)
{
    int64_t now = api_now_ms(c->live->hub->api);
    if (c->closing)
        return;
    if (c->who.expires_ms && c->who.expires_ms <= now) {
        watcher_close(c, CLOSE_UNAUTHORIZED, "the token has expired");
        return;
    }
    if (c->sse && ticks % HEARTBEAT_TICKS == 0 &&
        http_write(c->sse, STR(":\n\n")) == ST_UNAVAILABLE)
        return;      /* full would do no harm: then it has other things to read */
    errand_check(c); /* of a token that is cached: some hundred nanoseconds */
}

static void every_second(void *arg)
{
    struct live *l = arg;
    l->ticks++;
    live_watch_health(l->hub);
    bool ready = atomic_load(&l->hub->api->ready), leaving = l->was_ready && !ready;
    l->was_ready = ready;
    for (struct watcher *c = l->first, *next; c; c = next) {
        next = c->next;
        if (leaving)
            watcher_close(c, CLOSE_GOING_AWAY, "the service stops");
        else
            look_at(c, l->ticks);
    }
}

/* ---- the whole ---- */

struct live_hub *live_hub_new(struct api *a)
{
    struct live_hub *h = mem_new(struct live_hub);
    h->api = a;
    lock_init(&h->lock, LOCK_LIVE);
    atomic_init(&h->health, live_health(a));
    return h;
}

void live_hub_free(struct live_hub *h)
{
    if (!h)
        return;
    vec_done(&h->share);
    lock_done(&h->lock);
    mem_free(h);
}

struct live *live_new(struct live_hub *h, struct loop *loop)
{
    struct live *l = mem_new(struct live);
    l->hub = h;
    l->loop = loop;
    l->bus = h->api->options.bus;
    lock_init(&l->lock, LOCK_LIVE);
    sbuf_init(&l->text, LIVE_MESSAGE_MAX);
    l->second = loop_timer_new(loop, 1000, every_second, l);
    l->ear = bus_subscribe(l->bus, hear, l);
    return l;
}

static void pending_done(struct pending *p)
{
    for (size_t i = 0; i < p->m.n; i++)
        bus_message_unref(p->m.at[i].m);
    vec_done(&p->m);
}

void live_free(struct live *l)
{
    if (!l)
        return;
    bus_unsubscribe(l->bus, l->ear);
    while (l->first)
        watcher_free(l->first);
    loop_timer_free(l->second);
    loop_timer_free(l->pump);
    pending_done(&l->pending);
    pending_done(&l->taken);
    sbuf_done(&l->text);
    lock_done(&l->lock);
    mem_free(l);
}
