/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/window.h"

#include "base/hash.h"
#include "base/mem.h"
#include "event/event.h"

#include <assert.h>
#include <math.h>

enum {
    WAYS = 8, /* keys that share a place, of which the one idle longest goes */
    SLOTS = 4,
    SECONDS_SLOT_MS = 500,
    MINUTE_SLOT_MS = 15000,
    BACK_MAX_MS = 60 * 60 * 1000,
    GAP_MAX_MS = 24 * 60 * 60 * 1000,
    SKETCH_WORDS = 4, /* of 64 bits */
    SKETCH_BITS = SKETCH_WORDS * 64,
    LONG_RING = 256,
    SHORT_RING = 100,
    LANES = 4
};

/* Four connections at once, on any machine. */
typedef uint32_t lanes __attribute__((vector_size(16)));

/* ---- tables of keys ---- */

/* Keys by their place, WAYS of them in a row; what belongs to them is in an array of its own, at the same index. */
struct table {
    uint64_t *key;  /* 0: none */
    uint32_t *used; /* tick of the last use */
    size_t sets;    /* a power of two */
    uint64_t evicted;
};

/* Index of the key; *fresh: it is new there, and `*old` says when what was there before was used last (ticks ago). */
static size_t table_at(struct table *t, uint64_t key, uint32_t tick, bool *fresh)
{
    size_t first = (size_t)(key & (t->sets - 1)) * WAYS, oldest = first;
    for (size_t i = first; i < first + WAYS; i++) {
        if (t->key[i] == key) {
            t->used[i] = tick;
            *fresh = false;
            return i;
        }
        if (t->key[i] == 0 ? t->key[oldest] != 0
                           : t->key[oldest] != 0 && tick - t->used[i] > tick - t->used[oldest])
            oldest = i;
    }
    t->key[oldest] = key;
    t->used[oldest] = tick;
    *fresh = true;
    return oldest;
}

/* ---- what is kept ---- */

struct brief { /* of a target, a service, or both: two seconds */
    struct {
        uint32_t id, n, unanswered, refused;
    } slot[SLOTS];
};

struct host { /* a source, a target or a pair: a minute */
    int64_t last_ms;
    struct {
        uint32_t id, n, failed, gaps;
        float bytes, gap, gap2;
    } slot[SLOTS];
    uint64_t port[SLOTS][SKETCH_WORDS], peer[SLOTS][SKETCH_WORDS];
};

struct ring { /* the last connections of a tenant; 0: none */
    union {
        uint32_t one[LONG_RING];
        lanes many[LONG_RING / LANES];
    } target, source, service, source_port, unanswered, refused;
    union {
        uint32_t one[SHORT_RING];
        lanes many[SHORT_RING / LANES];
    } last_target, last_source, last_service, last_port, last_source_port;
    uint64_t tenant;
    int64_t clock_ms;
    uint32_t used, at, last_at;
    bool taken;
};

struct window {
    struct table hosts, services;
    struct host *host;
    struct brief *brief;
    struct ring *ring;
    size_t rings, latest; /* latest: of the flow before */
    uint32_t tick;
    float estimate[SKETCH_BITS + 1]; /* of how many are different, by bits that are set */
    struct window_stats stats;
};

/* ---- life ---- */

static size_t rounded(size_t n, size_t usual)
{
    size_t room = WAYS;
    while (room < (n ? n : usual))
        room *= 2;
    return room;
}

static size_t part(size_t *bytes, size_t n, size_t size)
{
    size_t at = *bytes;
    *bytes = size_add(at, (size_mul(n, size) + 63) / 64 * 64);
    return at;
}

/* Linear counting (Whang, Vander-Zanden, Taylor, "A linear-time probabilistic counting algorithm", 1990), to whole numbers, so
 * that it is the same on every machine. */
static void set_estimates(struct window *w)
{
    for (size_t i = 0; i <= SKETCH_BITS; i++) {
        double clear = i < SKETCH_BITS ? (double)(SKETCH_BITS - i) : 0.5;
        w->estimate[i] = (float)llround(SKETCH_BITS * log(SKETCH_BITS / clear));
    }
}

struct window *window_new(const struct window_options *o)
{
    static const struct window_options usual = {0};
    o = o ? o : &usual;
    size_t hosts = rounded(o->hosts, 1 << 16), services = rounded(o->services, 1 << 16);
    size_t rings = o->tenants ? o->tenants : 64, bytes = 0;
    size_t self = part(&bytes, 1, sizeof(struct window));
    size_t host = part(&bytes, hosts, sizeof(struct host));
    size_t brief = part(&bytes, services, sizeof(struct brief));
    size_t ring = part(&bytes, rings, sizeof(struct ring));
    size_t host_key = part(&bytes, hosts, sizeof(uint64_t));
    size_t host_used = part(&bytes, hosts, sizeof(uint32_t));
    size_t brief_key = part(&bytes, services, sizeof(uint64_t));
    size_t brief_used = part(&bytes, services, sizeof(uint32_t));
    char *p = mem_aligned(64, bytes);
    memset(p, 0, bytes);
    struct window *w = (void *)(p + self);
    w->host = (void *)(p + host);
    w->brief = (void *)(p + brief);
    w->ring = (void *)(p + ring);
    w->rings = rings;
    w->hosts = (struct table){(void *)(p + host_key), (void *)(p + host_used), hosts / WAYS, 0};
    w->services =
        (struct table){(void *)(p + brief_key), (void *)(p + brief_used), services / WAYS, 0};
    w->stats.bytes = bytes;
    set_estimates(w);
    return w;
}

void window_free(struct window *w)
{
    mem_free(w);
}

struct window_stats window_stats(const struct window *w)
{
    struct window_stats s = w->stats;
    s.evicted_hosts = w->hosts.evicted;
    s.evicted_services = w->services.evicted;
    return s;
}

/* ---- keys ---- */

struct keys { /* of one flow */
    uint64_t source, target, pair, target_2s, service_2s, both_2s;
    uint64_t port, peer_of_source, peer_of_target; /* for sketches */
    uint32_t source32, target32, service32, protocol32, port32, source_port32;
};

static uint64_t ip_hash(const struct ip *ip)
{
    const char *p = (const char *)ip->byte;
    return hash_mix(hash_load64(p), hash_load64(p + 8));
}

static uint64_t never_0(uint64_t key)
{
    return key ? key : 1;
}

static uint32_t short_key(uint64_t h)
{
    return (uint32_t)(h >> 32) | 1;
}

static struct keys keys_of(uint64_t tenant, const struct flow *f)
{
    uint64_t source = ip_hash(&f->source), target = ip_hash(&f->target);
    uint64_t service = hash_mix((uint64_t)f->port << 8 | f->transport, 0x5e);
    uint32_t code = f->said & 1U << FLOW_SERVICE ? (uint32_t)f->number[FLOW_SERVICE] + 1 : 0;
    uint64_t t = hash_mix(tenant, 0x7e);
    return (struct keys){
        .source = never_0(hash_mix(source ^ t, 1)),
        .target = never_0(hash_mix(target ^ t, 2)),
        .pair = never_0(hash_mix(hash_mix(source ^ t, 3), target)),
        .target_2s = never_0(hash_mix(target ^ t, 4)),
        .service_2s = never_0(hash_mix(service ^ t, 5)),
        .both_2s = never_0(hash_mix(hash_mix(target ^ t, 6), service)),
        .port = hash_mix(f->port, 7),
        .peer_of_source = target,
        .peer_of_target = source,
        .source32 = short_key(source),
        .target32 = short_key(target),
        .service32 = short_key(service),
        .protocol32 = short_key(hash_mix(code, 8)),
        .port32 = f->port + 1U,
        .source_port32 = f->source_port + 1U,
    };
}

/* ---- two seconds ---- */

struct counts {
    uint32_t n, unanswered, refused;
};

static struct counts count_2s(struct window *w, uint64_t key, int64_t clock_ms,
                              const struct flow *f)
{
    bool fresh;
    size_t at = table_at(&w->services, key, w->tick, &fresh);
    struct brief *b = &w->brief[at];
    uint32_t now = (uint32_t)(clock_ms / SECONDS_SLOT_MS), i = now % SLOTS;
    if (fresh) {
        for (size_t k = 0; k < SLOTS; k++)
            if (b->slot[k].n && now - b->slot[k].id < SLOTS) {
                w->services.evicted++;
                break;
            }
        *b = (struct brief){0};
    }
    if (b->slot[i].id != now) {
        b->slot[i].id = now;
        b->slot[i].n = b->slot[i].unanswered = b->slot[i].refused = 0;
    }
    b->slot[i].n++;
    b->slot[i].unanswered += f->error == FLOW_SYN_ERROR;
    b->slot[i].refused += f->error == FLOW_REJECTED;
    struct counts c = {0};
    for (size_t k = 0; k < SLOTS; k++) {
        if (now - b->slot[k].id >= SLOTS)
            continue;
        c.n += b->slot[k].n;
        c.unanswered += b->slot[k].unanswered;
        c.refused += b->slot[k].refused;
    }
    return c;
}

static float rate(uint32_t part, uint32_t of)
{
    return of ? (float)part / (float)of : 0;
}

static float *place(struct aggregates *a, enum feature f)
{
    return &a->x[f - FEATURE_TARGET_2S];
}

static void add_2s(struct window *w, const struct keys *k, int64_t clock_ms, const struct flow *f,
                   struct aggregates *out)
{
    struct counts target = count_2s(w, k->target_2s, clock_ms, f);
    struct counts service = count_2s(w, k->service_2s, clock_ms, f);
    struct counts both = count_2s(w, k->both_2s, clock_ms, f);
    *place(out, FEATURE_TARGET_2S) = (float)target.n;
    *place(out, FEATURE_SERVICE_2S) = (float)service.n;
    *place(out, FEATURE_TARGET_2S_SERROR) = rate(target.unanswered, target.n);
    *place(out, FEATURE_SERVICE_2S_SERROR) = rate(service.unanswered, service.n);
    *place(out, FEATURE_TARGET_2S_RERROR) = rate(target.refused, target.n);
    *place(out, FEATURE_SERVICE_2S_RERROR) = rate(service.refused, service.n);
    /* Where one of the keys had to go, it may know less than the others. */
    uint32_t same = both.n < target.n ? both.n : target.n;
    uint32_t here = both.n < service.n ? both.n : service.n;
    *place(out, FEATURE_TARGET_2S_SAME) = rate(same, target.n);
    *place(out, FEATURE_TARGET_2S_DIFF) = rate(target.n - same, target.n);
    *place(out, FEATURE_SERVICE_2S_HOSTS) = rate(service.n - here, service.n);
}

/* ---- the last connections ---- */

static uint32_t sum(lanes masks) /* of as many 0 - 1 */
{
    return masks[0] + masks[1] + masks[2] + masks[3];
}

static lanes all_of(uint32_t v)
{
    return (lanes){v, v, v, v};
}

static void count_long(const struct ring *r, const struct keys *k, struct aggregates *out)
{
    lanes target = all_of(k->target32), service = all_of(k->service32);
    lanes source = all_of(k->source32), port = all_of(k->source_port32);
    lanes n = {0}, same = {0}, ports = {0}, others = {0};
    lanes unanswered = {0}, refused = {0}, same_unanswered = {0}, same_refused = {0};
    for (size_t i = 0; i < LONG_RING / LANES; i++) {
        lanes t = (lanes)(r->target.many[i] == target);
        lanes s = t & (lanes)(r->service.many[i] == service);
        n -= t;
        same -= s;
        ports -= s & (lanes)(r->source_port.many[i] == port);
        others -= s & (lanes)(r->source.many[i] != source);
        unanswered += t & r->unanswered.many[i];
        refused += t & r->refused.many[i];
        same_unanswered += s & r->unanswered.many[i];
        same_refused += s & r->refused.many[i];
    }
    uint32_t all = sum(n), mine = sum(same);
    *place(out, FEATURE_LAST_TARGET_KDD) = (float)(all < 255 ? all : 255); /* KDD's end there */
    *place(out, FEATURE_LAST_SERVICE_KDD) = (float)(mine < 255 ? mine : 255);
    *place(out, FEATURE_LAST_SAME) = rate(mine, all);
    *place(out, FEATURE_LAST_DIFF) = rate(all - mine, all);
    *place(out, FEATURE_LAST_SAME_SOURCE_PORT) = rate(sum(ports), mine);
    *place(out, FEATURE_LAST_SERVICE_HOSTS) = rate(sum(others), mine);
    *place(out, FEATURE_LAST_SERROR) = rate(sum(unanswered), all);
    *place(out, FEATURE_LAST_SERVICE_SERROR) = rate(sum(same_unanswered), mine);
    *place(out, FEATURE_LAST_RERROR) = rate(sum(refused), all);
    *place(out, FEATURE_LAST_SERVICE_RERROR) = rate(sum(same_refused), mine);
}

static void count_short(const struct ring *r, const struct keys *k, struct aggregates *out)
{
    lanes target = all_of(k->target32), source = all_of(k->source32);
    lanes service = all_of(k->protocol32), port = all_of(k->port32);
    lanes source_port = all_of(k->source_port32);
    lanes n[7] = {{0}};
    for (size_t i = 0; i < SHORT_RING / LANES; i++) {
        lanes t = (lanes)(r->last_target.many[i] == target);
        lanes s = (lanes)(r->last_source.many[i] == source);
        lanes v = (lanes)(r->last_service.many[i] == service);
        n[0] -= v & s;
        n[1] -= v & t;
        n[2] -= t;
        n[3] -= s;
        n[4] -= s & (lanes)(r->last_port.many[i] == port);
        n[5] -= t & (lanes)(r->last_source_port.many[i] == source_port);
        n[6] -= s & t;
    }
    for (size_t i = 0; i < COUNT(n); i++)
        place(out, FEATURE_LAST_SERVICE_SOURCE)[i] = (float)sum(n[i]);
}

static void add_last(struct ring *r, const struct keys *k, const struct flow *f,
                     struct aggregates *out)
{
    uint32_t i = r->at, j = r->last_at;
    r->target.one[i] = r->last_target.one[j] = k->target32;
    r->source.one[i] = r->last_source.one[j] = k->source32;
    r->service.one[i] = k->service32;
    r->source_port.one[i] = r->last_source_port.one[j] = k->source_port32;
    r->unanswered.one[i] = f->error == FLOW_SYN_ERROR;
    r->refused.one[i] = f->error == FLOW_REJECTED;
    r->last_service.one[j] = k->protocol32;
    r->last_port.one[j] = k->port32;
    r->at = (i + 1) % LONG_RING;
    r->last_at = (j + 1) % SHORT_RING;
    count_long(r, k, out);
    count_short(r, k, out);
}

/* ---- the last minute ---- */

static void mark(uint64_t *sketch, uint64_t hash)
{
    sketch[hash >> 6 & (SKETCH_WORDS - 1)] |= UINT64_C(1) << (hash & 63);
}

static float different(const struct window *w, const struct host *h, uint32_t now,
                       const uint64_t *sketch)
{
    int set = 0;
    for (size_t i = 0; i < SKETCH_WORDS; i++) {
        uint64_t bits = 0;
        for (size_t k = 0; k < SLOTS; k++)
            bits |= now - h->slot[k].id < SLOTS ? sketch[k * SKETCH_WORDS + i] : 0;
        set += __builtin_popcountll(bits);
    }
    return w->estimate[set];
}

static struct host *host_at(struct window *w, uint64_t key, uint32_t now)
{
    bool fresh;
    size_t at = table_at(&w->hosts, key, w->tick, &fresh);
    struct host *h = &w->host[at];
    if (fresh) {
        for (size_t k = 0; k < SLOTS; k++)
            if (h->slot[k].n && now - h->slot[k].id < SLOTS) {
                w->hosts.evicted++;
                break;
            }
        memset(h, 0, sizeof *h);
        h->last_ms = TIME_NONE;
    }
    size_t i = now % SLOTS;
    if (h->slot[i].id != now || h->slot[i].n == 0) {
        memset(&h->slot[i], 0, sizeof h->slot[i]);
        memset(h->port[i], 0, sizeof h->port[i]);
        memset(h->peer[i], 0, sizeof h->peer[i]);
        h->slot[i].id = now;
    }
    return h;
}

static void host_add(struct host *h, size_t i, int64_t clock_ms, const struct flow *f,
                     const uint64_t port_and_peer[2])
{
    int64_t gap_ms = clock_ms - h->last_ms;
    h->slot[i].n++;
    h->slot[i].failed += f->end == FLOW_FAILED;
    h->slot[i].bytes += (float)f->bytes_out;
    if (h->last_ms != TIME_NONE && gap_ms >= 0 && gap_ms <= GAP_MAX_MS) {
        float gap = (float)gap_ms / 1000;
        h->slot[i].gaps++;
        h->slot[i].gap += gap;
        h->slot[i].gap2 += gap * gap;
    }
    h->last_ms = clock_ms;
    mark(h->port[i], port_and_peer[0]);
    mark(h->peer[i], port_and_peer[1]);
}

struct minute {
    float n, ports, peers, failed, bytes, gap, gap_dev;
};

static struct minute add_60s(struct window *w, uint64_t key, int64_t clock_ms, const struct flow *f,
                             const uint64_t port_and_peer[2])
{
    uint32_t now = (uint32_t)(clock_ms / MINUTE_SLOT_MS);
    struct host *h = host_at(w, key, now);
    host_add(h, now % SLOTS, clock_ms, f, port_and_peer);
    uint32_t n = 0, failed = 0, gaps = 0;
    float bytes = 0, gap = 0, gap2 = 0;
    for (size_t k = 0; k < SLOTS; k++) {
        if (now - h->slot[k].id >= SLOTS)
            continue;
        n += h->slot[k].n;
        failed += h->slot[k].failed;
        gaps += h->slot[k].gaps;
        bytes += h->slot[k].bytes;
        gap += h->slot[k].gap;
        gap2 += h->slot[k].gap2;
    }
    float mean = gaps ? gap / (float)gaps : NAN;
    float variance = gaps > 1 ? gap2 / (float)gaps - mean * mean : NAN;
    return (struct minute){.n = (float)n,
                           .ports = different(w, h, now, h->port[0]),
                           .peers = different(w, h, now, h->peer[0]),
                           .failed = rate(failed, n),
                           .bytes = bytes,
                           .gap = mean,
                           .gap_dev = variance < 0 ? 0 : sqrtf(variance)};
}

static void add_minutes(struct window *w, const struct keys *k, int64_t clock_ms,
                        const struct flow *f, struct aggregates *out)
{
    const uint64_t of_source[] = {k->port, k->peer_of_source};
    const uint64_t of_target[] = {k->port, k->peer_of_target};
    struct minute m = add_60s(w, k->source, clock_ms, f, of_source);
    memcpy(place(out, FEATURE_SOURCE_60S), &m, sizeof m);
    m = add_60s(w, k->target, clock_ms, f, of_target);
    memcpy(place(out, FEATURE_TARGET_60S), &m, sizeof m);
    m = add_60s(w, k->pair, clock_ms, f, of_source);
    *place(out, FEATURE_PAIR_60S) = m.n;
    *place(out, FEATURE_PAIR_60S_PORTS) = m.ports;
    *place(out, FEATURE_PAIR_60S_FAILED) = m.failed;
    *place(out, FEATURE_PAIR_60S_BYTES) = m.bytes;
    *place(out, FEATURE_PAIR_60S_GAP) = m.gap;
    *place(out, FEATURE_PAIR_60S_GAP_DEV) = m.gap_dev;
}

/* ---- all of it ---- */

static struct ring *ring_of(struct window *w, uint64_t tenant)
{
    struct ring *r = &w->ring[w->latest];
    if (r->taken && r->tenant == tenant)
        return r;
    size_t oldest = 0;
    for (size_t i = 0; i < w->rings; i++) {
        r = &w->ring[i];
        if (r->taken && r->tenant == tenant) {
            w->latest = i;
            return r;
        }
        const struct ring *o = &w->ring[oldest];
        if (o->taken && (!r->taken || w->tick - r->used > w->tick - o->used))
            oldest = i;
    }
    r = &w->ring[oldest];
    w->stats.evicted_tenants += r->taken;
    memset(r, 0, sizeof *r);
    r->taken = true;
    r->tenant = tenant;
    r->clock_ms = TIME_NONE;
    w->latest = oldest;
    return r;
}

static int64_t clock_of(struct ring *r, const struct flow *f)
{
    int64_t ms =
        f->time_ms == TIME_NONE ? (r->clock_ms == TIME_NONE ? 0 : r->clock_ms) : f->time_ms;
    if (ms < 0)
        ms = 0;
    if (r->clock_ms == TIME_NONE || ms > r->clock_ms || ms < r->clock_ms - BACK_MAX_MS)
        r->clock_ms = ms;
    return r->clock_ms;
}

void window_add(struct window *w, uint64_t tenant, const struct flow *f, struct aggregates *out)
{
    _Static_assert(sizeof(struct minute) ==
                       sizeof(float) * (FEATURE_SOURCE_60S_GAP_DEV - FEATURE_SOURCE_60S + 1),
                   "as in feature.def");
    struct keys k = keys_of(tenant, f);
    struct ring *r = ring_of(w, tenant);
    int64_t clock_ms = clock_of(r, f);
    r->used = ++w->tick;
    w->stats.flows++;
    add_2s(w, &k, clock_ms, f, out);
    add_last(r, &k, f, out);
    add_minutes(w, &k, clock_ms, f, out);
}
