/* SPDX-License-Identifier: Apache-2.0 */
/* The sources and pairs of all tenants, and one request's flows.
 *
 * Flows are seen in the order of their time.  What is reported again and again while it goes on is one detection of
 * the request; at the end its flows are marked, those before it was noticed too. */
#include "behavior/network_int.h"

#include "base/hash.h"
#include "os/lock.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>

enum { SOURCES_DEFAULT = 8192, PAIRS_DEFAULT = 32768, PEERS_MAX = 4096, REASON_BYTES = 240 };

struct network {
    struct lock lock;
    uint64_t seed;
    /* under lock: */
    struct lru talkers, beats;
    uint64_t flows;
};

static const struct {
    const char *name;
    enum level level;
    const str technique;
    const char *title;
} kinds[NETWORK_KIND_COUNT] = {
#define X(NAME, name, LEVEL, technique, title)                                                     \
    [NETWORK_##NAME] = {name, LEVEL_##LEVEL, {technique, sizeof technique - 1}, title},
#include "behavior/detection.def"
};

const char *network_kind_name(enum network_kind k)
{
    return kinds[k].name;
}

/* ---- counters ---- */

bool counter_add(struct counter *c, uint64_t hash)
{
    uint64_t bit = hash_mix(hash, 0x5bd1e995) % (COUNTER_WORDS * 64);
    uint64_t *word = &c->bit[bit / 64], mask = UINT64_C(1) << bit % 64;
    bool fresh = !(*word & mask);
    *word |= mask;
    return fresh;
}

double counter_estimate(const struct counter *c)
{
    double set = 0, all = COUNTER_WORDS * 64;
    for (size_t i = 0; i < COUNTER_WORDS; i++)
        set += __builtin_popcountll(c->bit[i]);
    return -all * log((all - (set < all ? set : all - 0.5)) / all);
}

/* ---- life ---- */

struct network *network_new(const struct network_options *options)
{
    struct network *n = mem_new(struct network);
    lock_init(&n->lock, LOCK_BEHAVIOR);
    n->seed = options->seed ? options->seed : hash_seed();
    lru_init(&n->talkers, options->sources ? options->sources : SOURCES_DEFAULT);
    lru_init(&n->beats, options->pairs ? options->pairs : PAIRS_DEFAULT);
    return n;
}

void network_free(struct network *n)
{
    if (!n)
        return;
    lru_done(&n->talkers);
    lru_done(&n->beats);
    lock_done(&n->lock);
    mem_free(n);
}

struct network_stats network_stats(struct network *n)
{
    lock_take(&n->lock);
    struct network_stats st = {.sources = n->talkers.count,
                               .pairs = n->beats.count,
                               .evicted_sources = n->talkers.evicted,
                               .evicted_pairs = n->beats.evicted,
                               .flows = n->flows};
    lock_drop(&n->lock);
    return st;
}

uint64_t network_hash(const struct network *n, uint64_t tenant, const struct ip *ip, uint64_t more)
{
    uint64_t h = hash_bytes((str){(const char *)ip->byte, sizeof ip->byte}, n->seed ^ tenant);
    return more ? hash_mix(h, more ^ n->seed) : h;
}

size_t network_peers(struct network *n, uint64_t tenant, int64_t hour, double *median, double *mad)
{
    size_t count = 0;
    double *v = mem_array(double, PEERS_MAX);
    for (struct lru_node *i = n->talkers.newest; i && count < PEERS_MAX; i = i->older) {
        const struct talker *t = (const struct talker *)i;
        if (t->tenant == tenant && t->hour == hour)
            v[count++] = log1p(t->out);
    }
    if (count)
        median_of(v, count, median, mad);
    mem_free(v);
    return count;
}

/* ---- one request ---- */

struct request {
    const struct flow *flow;
    const uint32_t *order;
    size_t flows;
    struct arena *arena;
    int64_t now_ms, time_ms; /* time_ms: of the flow that is seen */
    struct detection *found;
    char **text; /* room for the reason of each */
    size_t count;
    uint64_t more;
    bool full;
};

static int64_t time_of(const struct flow *f, int64_t now_ms)
{
    /* Far from any time that a flow can have, differences could not be taken. */
    bool sane = f->time_ms > -((int64_t)1 << 52) && f->time_ms < (int64_t)1 << 52;
    return sane ? f->time_ms : now_ms;
}

static bool same(const struct detection *a, const struct detection *b)
{
    return a->kind == b->kind && a->port == b->port && ip_eq(&a->source, &b->source) &&
           ip_eq(&a->target, &b->target);
}

static void report(void *arg, const struct detection *d, const char *fmt, ...) PRINTF(3, 4);
static void report(void *arg, const struct detection *d, const char *fmt, ...)
{
    struct request *r = arg;
    struct detection *at = r->found;
    while (at < r->found + r->count && !same(at, d))
        at++;
    bool fresh = at == r->found + r->count;
    if (fresh && r->count == NETWORK_DETECTIONS_MAX) {
        r->more++;
        return;
    }
    if (fresh) {
        *at = *d;
        r->text[r->count] = arena_bytes(r->arena, REASON_BYTES);
        r->full |= r->text[r->count] == NULL;
        r->count++;
    }
    at->first_ms = d->first_ms < at->first_ms ? d->first_ms : at->first_ms;
    at->last_ms = r->time_ms;
    char *text = r->text[at - r->found];
    if (!text || (!fresh && d->score_01 < at->score_01))
        return;
    at->score_01 = d->score_01;
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, REASON_BYTES, fmt, ap);
    va_end(ap);
    at->reason = (str){text, n < REASON_BYTES ? (size_t)n : REASON_BYTES - 1};
}

static int by_time(const void *a, const void *b, void *arg)
{
    const struct request *r = arg;
    uint32_t i = *(const uint32_t *)a, k = *(const uint32_t *)b;
    int64_t x = time_of(&r->flow[i], r->now_ms), y = time_of(&r->flow[k], r->now_ms);
    return x != y ? (x > y) - (x < y) : (i > k) - (i < k);
}

static void see_all_locked(struct network *n, uint64_t tenant, struct request *r)
{
    struct watch w = {.network = n, .tenant = tenant, .arg = r, .report = report};
    for (size_t i = 0; i < r->flows; i++) {
        const struct flow *f = w.flow = &r->flow[r->order[i]];
        r->time_ms = w.time_ms = time_of(f, r->now_ms);
        uint64_t source = network_hash(n, tenant, &f->source, 0);
        uint64_t pair =
            network_hash(n, source, &f->target, (uint64_t)f->transport << 16 | f->port | 1u << 31);
        struct talker *t = lru_take(&n->talkers, source, sizeof *t);
        talker_see(t, &w);
        struct beat *b = lru_take(&n->beats, pair, sizeof *b);
        beat_see(b, &w);
        talker_weigh(t, &w);
    }
    n->flows += r->flows;
}

static bool belongs(const struct flow *f, int64_t time_ms, const struct detection *d)
{
    if (!ip_eq(&f->source, &d->source) || time_ms < d->first_ms || time_ms > d->last_ms)
        return false;
    switch (d->kind) {
    case NETWORK_SCAN_HOSTS:
        return f->port == d->port;
    case NETWORK_SCAN_PORTS:
        return ip_eq(&f->target, &d->target);
    case NETWORK_FLOOD:
        return ip_eq(&f->target, &d->target) && f->port == d->port && f->end != FLOW_ANSWERED;
    case NETWORK_BEACON:
        return ip_eq(&f->target, &d->target) && f->port == d->port;
    case NETWORK_EXFILTRATION:
        return !ip_is_special(&f->target);
    case NETWORK_LATERAL:
        return ip_is_special(&f->target) && f->end == FLOW_ANSWERED;
    case NETWORK_KIND_COUNT:
        break;
    }
    return false;
}

static int by_score(const void *a, const void *b)
{
    const struct detection *x = a, *y = b;
    return (x->score_01 < y->score_01) - (x->score_01 > y->score_01);
}

static void mark(struct request *r, uint32_t *of_flow)
{
    for (size_t i = 0; i < r->flows; i++) {
        int64_t at = time_of(&r->flow[i], r->now_ms);
        for (size_t k = 0; k < r->count; k++) {
            if (!belongs(&r->flow[i], at, &r->found[k]))
                continue;
            r->found[k].flows++;
            of_flow[i] = of_flow[i] ? of_flow[i] : (uint32_t)k + 1;
        }
    }
}

status network_judge(struct network *n, str tenant, const struct flow *flow, size_t flows,
                     int64_t now_ms, struct arena *arena, struct network_verdict *out,
                     struct error *err)
{
    uint32_t *order = arena_array(arena, uint32_t, flows),
             *of_flow = arena_array(arena, uint32_t, flows);
    struct request r = {
        .flow = flow, .order = order, .flows = flows, .arena = arena, .now_ms = now_ms};
    r.found = arena_array(arena, struct detection, NETWORK_DETECTIONS_MAX);
    r.text = arena_array(arena, char *, NETWORK_DETECTIONS_MAX);
    if (!order || !of_flow || !r.found || !r.text)
        return fail(err, ST_LIMIT, "no memory left to judge %zu flows", flows);
    for (size_t i = 0; i < flows; i++)
        order[i] = (uint32_t)i;
    qsort_r(order, flows, sizeof *order, by_time, &r);
    lock_take(&n->lock);
    see_all_locked(n, hash_bytes(tenant, n->seed) | 1, &r);
    lock_drop(&n->lock);
    if (r.full)
        return fail(err, ST_LIMIT, "no memory left to judge %zu flows", flows);
    qsort(r.found, r.count, sizeof *r.found, by_score);
    mark(&r, of_flow);
    *out = (struct network_verdict){r.found, r.count, of_flow, r.more};
    return ST_OK;
}

static str ip_text(const struct ip *ip, struct arena *arena)
{
    char text[IP_TEXT_MAX];
    size_t n = ip_format(ip, text);
    return arena_str(arena, (str){text, n});
}

struct finding *network_finding(const struct detection *d, struct arena *arena)
{
    struct finding *f = arena_new(arena, struct finding);
    struct pair *entity = arena_array(arena, struct pair, 2);
    if (!f || !entity)
        return NULL;
    bool target =
        d->kind == NETWORK_SCAN_PORTS || d->kind == NETWORK_FLOOD || d->kind == NETWORK_BEACON;
    entity[0] = (struct pair){STR("source.ip"), ip_text(&d->source, arena)};
    entity[1] = target ? (struct pair){STR("destination.ip"), ip_text(&d->target, arena)}
                       : (struct pair){0};
    if (!entity[0].value.p || (target && !entity[1].value.p))
        return NULL;
    *f = (struct finding){.kind = FINDING_NETWORK,
                          .level = kinds[d->kind].level,
                          .score_01 = (float)d->score_01,
                          .time_ms = d->last_ms,
                          .id = str_z(kinds[d->kind].name),
                          .title = str_z(kinds[d->kind].title),
                          .technique = &kinds[d->kind].technique,
                          .technique_count = 1,
                          .entity = entity,
                          .entity_count = target ? 2 : 1,
                          .reason = d->reason};
    return f;
}
