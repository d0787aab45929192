/* SPDX-License-Identifier: Apache-2.0 */
#include "api/api.h"

#include "api/api_int.h"
#include "api/live.h"
#include "api/threat.h"
#include "ingest/feed.h"
#include "os/clock.h"

enum {
    POOL_QUEUE = 1024,
    RATE_BUCKETS = 65536,
    GUARD_ADDRESSES = 16384,
    GO_ON_MS = 100,
    RECORDS_BYTES_MAX = 4 << 20
};

int64_t api_now_ms(const struct api *a)
{
    return a->options.now_ms ? a->options.now_ms() : clock_wall_ms();
}

static status parse_ranges(const str *text, size_t n, struct cidr **out, struct error *err)
{
    *out = mem_array(struct cidr, n);
    for (size_t i = 0; i < n; i++)
        if (!cidr_parse(text[i], &(*out)[i]))
            return fail(err, ST_INVALID, "'" STR_FMT "' is no address and no range",
                        STR_ARG(str_head(text[i], 60)));
    return ST_OK;
}

static status check_origins(const struct api_options *o, struct error *err)
{
    for (size_t i = 0; i < o->cors_count; i++) {
        str s = o->cors_origin[i];
        bool good = str_eq(s, STR("*")) ||
                    ((str_starts(s, STR("https://")) || str_starts(s, STR("http://"))) &&
                     str_find(str_from(s, 8), '/') == str_from(s, 8).n);
        if (!good)
            return fail(err, ST_INVALID, "'" STR_FMT "' is no web origin",
                        STR_ARG(str_head(s, 60)));
    }
    return ST_OK;
}

static void add_routes(struct api *a)
{
    for (size_t i = 0; i < route_count; i++)
        router_add(&a->router, route_table[i].method, route_table[i].path, (uint16_t)i);
}

static struct api *api_made(const struct api_options *options)
{
    struct api *a = mem_new(struct api);
    a->options = *options;
    if (a->options.limits.record_bytes == 0)
        a->options.limits = parse_limits_default;
    if (a->options.pool_queue == 0)
        a->options.pool_queue = POOL_QUEUE;
    if (options->rates)
        memcpy(a->rate, options->rates, sizeof a->rate);
    a->rates = rate_table_new(options->rate_buckets ? options->rate_buckets : RATE_BUCKETS);
    a->guard = guard_new(GUARD_ADDRESSES, options->guard_block_ms);
    a->count = mem_array(struct route_count, route_count + 1);
    a->usage = usage_new();
    a->started_ns = clock_ns();
    a->last = &a->first;
    a->store_ok = true;
    lock_init(&a->pool_lock, LOCK_API_POOL);
    condition_init(&a->pool_changed);
    lock_init(&a->usage_lock, LOCK_API_USAGE);
    a->live = live_hub_new(a);
    a->threat = threat_new();
    add_routes(a);
    sbuf_init(&a->openapi, 16 * 1024 * 1024);
    api_write_openapi(&a->openapi, options->version);
    return a;
}

status api_new(const struct api_options *options, struct api **out, struct error *err)
{
    struct api *a = api_made(options);
    status st = parse_ranges(options->guard_exempt, options->guard_exempt_count, &a->exempt, err);
    if (st == ST_OK)
        st = parse_ranges(options->proxy, options->proxy_count, &a->proxy, err);
    if (st == ST_OK)
        st = check_origins(options, err);
    if (st == ST_OK)
        *out = a;
    else
        api_free(a);
    return st;
}

void api_free(struct api *a)
{
    if (!a)
        return;
    router_done(&a->router);
    rate_table_free(a->rates);
    guard_free(a->guard);
    mem_free(a->exempt);
    mem_free(a->proxy);
    mem_free(a->count);
    usage_free(a->usage);
    live_hub_free(a->live);
    threat_free(a->threat);
    sbuf_done(&a->openapi);
    condition_done(&a->pool_changed);
    lock_done(&a->pool_lock);
    lock_done(&a->usage_lock);
    mem_free(a);
}

static void go_on(void *arg)
{
    uploads_go_on(arg);
}

struct api_loop *api_loop_new(struct api *a, struct loop *loop, struct engine_lane *lane)
{
    struct api_loop *l = mem_new(struct api_loop);
    *l = (struct api_loop){.api = a, .loop = loop, .lane = lane};
    sbuf_init(&l->out, CALL_OUT_MAX);
    sbuf_init(&l->records, RECORDS_BYTES_MAX);
    l->feed = feed_new();
    /* The recorder does not say when it has room again. */
    l->timer = loop_timer_new(loop, GO_ON_MS, go_on, l);
    if (a->options.bus)
        l->live = live_new(a->live, loop);
    lock_take(&a->usage_lock);
    l->next = a->loops;
    a->loops = l;
    lock_drop(&a->usage_lock);
    return l;
}

void api_loop_free(struct api_loop *l)
{
    if (!l)
        return;
    loop_settle(l->loop); /* what workers answered when it had stopped */
    lock_take(&l->api->usage_lock);
    struct api_loop **at = &l->api->loops;
    while (*at != l)
        at = &(*at)->next;
    *at = l->next;
    lock_drop(&l->api->usage_lock);
    live_free(l->live);
    sbuf_done(&l->out);
    sbuf_done(&l->records);
    feed_free(l->feed);
    loop_timer_free(l->timer);
    mem_free(l);
}

struct http_handler api_handler(struct api_loop *l)
{
    return (struct http_handler){
        .begin = call_begin, .accept = call_accept, .refused = call_refused, .arg = l};
}

void api_set_ready(struct api *a, bool ready)
{
    atomic_store(&a->ready, ready);
}

void api_tick(struct api *a)
{
    struct error err;
    bool ok = store_ping(a->options.store, &err) == ST_OK;
    if (!ok && atomic_load(&a->store_ok))
        log_say(LOG_API, LOG_ERROR, "the store does not answer", LOG_Z("why", err.text));
    atomic_store(&a->store_ok, ok);
    account_flush(a);
    if (a->options.bus)
        live_tell_status(a->live);
}

void api_room(struct api *a)
{
    lock_take(&a->usage_lock);
    for (struct api_loop *l = a->loops; l; l = l->next)
        loop_post(l->loop, go_on, l);
    lock_drop(&a->usage_lock);
}
