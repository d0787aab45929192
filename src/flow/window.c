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
    HOST_BITS = 128, /* of a sketch of a slot */
    PAIR_BITS = 64,
    LONG_RING = 256,
    SHORT_RING = 100,
    LANES = 4,
    LINE = 64 /* bytes of a processor's cache line */
};

/* Four connections at once, on any machine. */
typedef uint32_t lanes __attribute__((vector_size(16)));

/* ---- tables of keys ---- */

/* A place is one cache line.  What belongs to a key is in an array of its own, at the same index.  The part of a key that its place
 * does not say is 32 bits: of a million lookups, one in five hundred is mistaken for another. */
struct place {
    uint32_t tag[WAYS];  /* 0: none */
    uint32_t used[WAYS]; /* tick of the last use */
};
struct table {
    struct place *place;
    size_t mask; /* places - 1, a power of two less one */
    char *item;
    size_t size; /* of an item: whole cache lines */
    uint64_t evicted;
};

static uint32_t tag_of(uint64_t key)
{
    return (uint32_t)(key >> 32) | 1;
}

static void table_prefetch(const struct table *t, uint64_t key)
{
    __builtin_prefetch(&t->place[key & t->mask], 1);
}

struct found {
    void *item;
    bool fresh; /* the key is new; the item is still that of the key that had to go */
};

static struct found table_at(struct table *t, uint64_t key, uint32_t tick)
{
    size_t at = (size_t)key & t->mask, oldest = 0;
    struct place *p = &t->place[at];
    uint32_t tag = tag_of(key), most = 0;
    size_t i = 0;
    while (i < WAYS && p->tag[i] != tag)
        i++;
    bool fresh = i == WAYS;
    for (size_t k = 0; k < WAYS && fresh; k++) {
        uint32_t idle = p->tag[k] ? tick - p->used[k] : UINT32_MAX;
        oldest = idle > most ? k : oldest;
        most = idle > most ? idle : most;
    }
    i = fresh ? oldest : i;
    p->tag[i] = tag;
    p->used[i] = tick;
    char *item = t->item + (at * WAYS + i) * t->size;
    for (size_t k = 0; k < t->size; k += LINE)
        __builtin_prefetch(item + k, 1);
    return (struct found){item, fresh};
}

/* ---- what is kept ---- */

struct brief {   /* of a target, a service, or both: two seconds */
    uint32_t id; /* of the newest slot */
    struct {
        uint32_t n, unanswered, refused;
    } slot[SLOTS];
};

struct minute { /* of a source, a target or a pair */
    int64_t last_ms;
    uint32_t id;    /* of the newest slot */
    uint32_t first; /* bit of the slot of the first flow, which came after none; 0: gone */
    struct {
        uint32_t n, failed;
        float bytes, gap, gap2;
    } slot[SLOTS];
};
struct host {
    struct minute minute;
    uint64_t port[SLOTS][HOST_BITS / 64], peer[SLOTS][HOST_BITS / 64];
};
struct pair {
    struct minute minute;
    uint64_t port[SLOTS];
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
    void *block; /* owned: where all of this is */
    struct table hosts, pairs, services;
    struct ring *ring;
    size_t rings, latest; /* latest: of the flow before */
    uint32_t tick;
    uint64_t seed;
    float host_estimate[HOST_BITS + 1], pair_estimate[PAIR_BITS + 1]; /* of how many, by bits */
    struct window_stats stats;
};

/* ---- life ---- */

/* Linear counting (Whang, Vander-Zanden, Taylor, "A linear-time probabilistic counting algorithm", 1990), to whole numbers, so
 * that it is the same on every machine. */
static void set_estimates(float *estimate, size_t bits)
{
    for (size_t i = 0; i <= bits; i++) {
        double clear = i < bits ? (double)(bits - i) : 0.5;
        estimate[i] = (float)llround((double)bits * log((double)bits / clear));
    }
}

static char *part(char *p, size_t *bytes, size_t n, size_t size)
{
    size_t at = *bytes;
    *bytes = size_add(at, (size_mul(n, size) + LINE - 1) / LINE * LINE);
    return p ? p + at : NULL;
}

static void set_table(struct table *t, char *p, size_t *bytes, size_t items, size_t size)
{
    size_t places = 1;
    while (places * WAYS < items)
        places *= 2;
    t->size = (size + LINE - 1) / LINE * LINE;
    t->mask = places - 1;
    t->place = (void *)part(p, bytes, places, sizeof(struct place));
    t->item = part(p, bytes, places * WAYS, t->size);
}

/* Where everything is in the block at `p`; NULL: only how large it is. */
static size_t lay_out(struct window *w, char *p, const struct window_options *o)
{
    enum { USUAL = 1 << 16, TENANTS = 64 };
    size_t bytes = 0;
    (void)part(p, &bytes, 1, sizeof *w);
    set_table(&w->hosts, p, &bytes, o->hosts ? o->hosts : USUAL, sizeof(struct host));
    set_table(&w->pairs, p, &bytes, o->pairs ? o->pairs : USUAL, sizeof(struct pair));
    set_table(&w->services, p, &bytes, o->services ? o->services : USUAL, sizeof(struct brief));
    w->rings = o->tenants ? o->tenants : TENANTS;
    w->ring = (void *)part(p, &bytes, w->rings, sizeof(struct ring));
    return bytes;
}

struct window *window_new(const struct window_options *o)
{
    static const struct window_options usual = {0};
    struct window sizes = {0};
    size_t bytes = lay_out(&sizes, NULL, o ? o : &usual);
    char *block = mem_zero(size_add(bytes, LINE)); /* pages come as they are used */
    char *p = block + (LINE - (uintptr_t)block % LINE) % LINE;
    struct window *w = (void *)p;
    w->block = block;
    w->stats.bytes = lay_out(w, p, o ? o : &usual);
    w->seed = o ? o->seed : 0;
    set_estimates(w->host_estimate, HOST_BITS);
    set_estimates(w->pair_estimate, PAIR_BITS);
    return w;
}

void window_free(struct window *w)
{
    if (w)
        mem_free(w->block);
}

struct window_stats window_stats(const struct window *w)
{
    struct window_stats s = w->stats;
    s.evicted_hosts = w->hosts.evicted;
    s.evicted_pairs = w->pairs.evicted;
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

static uint32_t short_key(uint64_t h)
{
    return (uint32_t)(h >> 32) | 1;
}

static struct keys keys_of(uint64_t seed, uint64_t tenant, const struct flow *f)
{
    uint64_t source = ip_hash(&f->source), target = ip_hash(&f->target);
    uint64_t service = hash_mix((uint64_t)f->port << 8 | f->transport, 0x5e);
    uint32_t code = f->said & 1U << FLOW_SERVICE ? (uint32_t)f->number[FLOW_SERVICE] + 1 : 0;
    uint64_t t = hash_mix(tenant ^ seed, 0x7e);
    return (struct keys){
        .source = hash_mix(source ^ t, 1),
        .target = hash_mix(target ^ t, 2),
        .pair = hash_mix(hash_mix(source ^ t, 3), target),
        .target_2s = hash_mix(target ^ t, 4),
        .service_2s = hash_mix(service ^ t, 5),
        .both_2s = hash_mix(hash_mix(target ^ t, 6), service),
        /* Mixed once more: numbers that follow one another must not fall together. */
        .port = hash_mix(hash_mix(f->port, 7), 9),
        .peer_of_source = hash_mix(target, 10),
        .peer_of_target = hash_mix(source, 10),
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

/* Slots between the newest and now are empty; how many of the old ones have passed. */
static uint32_t passed(uint32_t now, uint32_t *id)
{
    uint32_t n = now - *id;
    *id = now;
    return n < SLOTS ? n : SLOTS;
}

static struct brief *brief_at(struct window *w, struct found at, int64_t clock_ms)
{
    struct brief *b = at.item;
    uint32_t now = (uint32_t)(clock_ms / SECONDS_SLOT_MS);
    w->services.evicted += at.fresh && b->slot[b->id % SLOTS].n && now - b->id < SLOTS;
    if (at.fresh)
        *b = (struct brief){.id = now};
    for (uint32_t n = passed(now, &b->id); n > 0; n--)
        memset(&b->slot[(now - n + 1) % SLOTS], 0, sizeof b->slot[0]);
    return b;
}

static struct counts brief_add(struct brief *b, const struct flow *f)
{
    struct counts c = {0};
    size_t i = b->id % SLOTS;
    b->slot[i].n++;
    b->slot[i].unanswered += f->error == FLOW_SYN_ERROR;
    b->slot[i].refused += f->error == FLOW_REJECTED;
    for (size_t k = 0; k < SLOTS; k++) {
        c.n += b->slot[k].n;
        c.unanswered += b->slot[k].unanswered;
        c.refused += b->slot[k].refused;
    }
    return c;
}

static float rate(uint32_t part_of, uint32_t of)
{
    return of ? (float)part_of / (float)of : 0;
}

static float *value(struct aggregates *a, enum feature f)
{
    return &a->x[f - FEATURE_TARGET_2S];
}

static void add_2s(struct brief *const b[static 3], const struct flow *f, struct aggregates *out)
{
    struct counts target = brief_add(b[0], f), service = brief_add(b[1], f);
    struct counts both = brief_add(b[2], f);
    *value(out, FEATURE_TARGET_2S) = (float)target.n;
    *value(out, FEATURE_SERVICE_2S) = (float)service.n;
    *value(out, FEATURE_TARGET_2S_SERROR) = rate(target.unanswered, target.n);
    *value(out, FEATURE_SERVICE_2S_SERROR) = rate(service.unanswered, service.n);
    *value(out, FEATURE_TARGET_2S_RERROR) = rate(target.refused, target.n);
    *value(out, FEATURE_SERVICE_2S_RERROR) = rate(service.refused, service.n);
    /* Where one of the keys had to go, it may know less than the others. */
    uint32_t same = both.n < target.n ? both.n : target.n;
    uint32_t here = both.n < service.n ? both.n : service.n;
    *value(out, FEATURE_TARGET_2S_SAME) = rate(same, target.n);
    *value(out, FEATURE_TARGET_2S_DIFF) = rate(target.n - same, target.n);
    *value(out, FEATURE_SERVICE_2S_HOSTS) = rate(service.n - here, service.n);
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
    *value(out, FEATURE_LAST_TARGET_KDD) = (float)(all < 255 ? all : 255); /* KDD's end there */
    *value(out, FEATURE_LAST_SERVICE_KDD) = (float)(mine < 255 ? mine : 255);
    *value(out, FEATURE_LAST_SAME) = rate(mine, all);
    *value(out, FEATURE_LAST_DIFF) = rate(all - mine, all);
    *value(out, FEATURE_LAST_SAME_SOURCE_PORT) = rate(sum(ports), mine);
    *value(out, FEATURE_LAST_SERVICE_HOSTS) = rate(sum(others), mine);
    *value(out, FEATURE_LAST_SERROR) = rate(sum(unanswered), all);
    *value(out, FEATURE_LAST_SERVICE_SERROR) = rate(sum(same_unanswered), mine);
    *value(out, FEATURE_LAST_RERROR) = rate(sum(refused), all);
    *value(out, FEATURE_LAST_SERVICE_RERROR) = rate(sum(same_refused), mine);
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
        value(out, FEATURE_LAST_SERVICE_SOURCE)[i] = (float)sum(n[i]);
}

static void add_last(struct ring *r, const struct keys *k, const struct flow *f)
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
}

/* ---- the last minute ---- */

static bool in_use(const struct minute *m, uint32_t now)
{
    return m->slot[m->id % SLOTS].n && now - m->id < SLOTS;
}

/* The slots that passed, which the caller empties in its sketches too: bit for bit. */
static unsigned minute_turn(struct minute *m, uint32_t now)
{
    unsigned emptied = 0;
    for (uint32_t n = passed(now, &m->id); n > 0; n--) {
        uint32_t i = (now - n + 1) & (SLOTS - 1U);
        memset(&m->slot[i], 0, sizeof m->slot[i]);
        emptied |= 1U << i;
    }
    m->first &= ~emptied;
    return emptied;
}

static struct host *host_at(struct window *w, struct found at, uint32_t now)
{
    struct host *h = at.item;
    if (at.fresh) {
        w->hosts.evicted += in_use(&h->minute, now);
        *h = (struct host){.minute = {.last_ms = TIME_NONE, .id = now}};
    }
    unsigned emptied = minute_turn(&h->minute, now);
    for (size_t i = 0; i < SLOTS && emptied; i++)
        if (emptied >> i & 1) {
            memset(h->port[i], 0, sizeof h->port[i]);
            memset(h->peer[i], 0, sizeof h->peer[i]);
        }
    return h;
}

static struct pair *pair_at(struct window *w, struct found at, uint32_t now)
{
    struct pair *p = at.item;
    if (at.fresh) {
        w->pairs.evicted += in_use(&p->minute, now);
        *p = (struct pair){.minute = {.last_ms = TIME_NONE, .id = now}};
    }
    unsigned emptied = minute_turn(&p->minute, now);
    for (size_t i = 0; i < SLOTS; i++)
        p->port[i] = emptied >> i & 1 ? 0 : p->port[i];
    return p;
}

static void minute_add(struct minute *m, int64_t clock_ms, const struct flow *f)
{
    size_t i = m->id % SLOTS;
    m->slot[i].n++;
    m->slot[i].failed += f->end == FLOW_FAILED;
    m->slot[i].bytes += (float)f->bytes_out;
    if (m->last_ms == TIME_NONE) {
        m->first = 1U << i;
    } else {
        int64_t gap_ms = clock_ms - m->last_ms;
        gap_ms = gap_ms < 0 ? 0 : gap_ms > GAP_MAX_MS ? GAP_MAX_MS : gap_ms;
        float gap = (float)gap_ms / 1000;
        m->slot[i].gap += gap;
        m->slot[i].gap2 += gap * gap;
    }
    m->last_ms = clock_ms;
}

struct sums {
    float n, failed, bytes, gap, gap_dev;
};

static struct sums minute_sums(const struct minute *m)
{
    uint32_t n = 0, failed = 0;
    float bytes = 0, gap = 0, gap2 = 0;
    for (size_t k = 0; k < SLOTS; k++) {
        n += m->slot[k].n;
        failed += m->slot[k].failed;
        bytes += m->slot[k].bytes;
        gap += m->slot[k].gap;
        gap2 += m->slot[k].gap2;
    }
    uint32_t gaps = n - (m->first != 0);
    float mean = gaps ? gap / (float)gaps : NAN;
    float variance = gaps > 1 ? gap2 / (float)gaps - mean * mean : NAN;
    return (struct sums){(float)n, rate(failed, n), bytes, mean,
                         variance < 0 ? 0 : sqrtf(variance)};
}

/* Mark the newest slot; how many different ones all slots have seen. */
static float host_mark(const struct window *w, uint64_t *sketch, size_t newest, uint64_t hash)
{
    enum { WORDS = HOST_BITS / 64 };
    int set = 0;
    sketch[newest * WORDS + (hash >> 6) % WORDS] |= UINT64_C(1) << (hash & 63);
    for (size_t i = 0; i < WORDS; i++) {
        uint64_t bits = 0;
        for (size_t k = 0; k < SLOTS; k++)
            bits |= sketch[k * WORDS + i];
        set += __builtin_popcountll(bits);
    }
    return w->host_estimate[set];
}

static float pair_mark(const struct window *w, struct pair *p, uint64_t hash)
{
    p->port[p->minute.id % SLOTS] |= UINT64_C(1) << (hash & 63);
    uint64_t bits = 0;
    for (size_t k = 0; k < SLOTS; k++)
        bits |= p->port[k];
    return w->pair_estimate[__builtin_popcountll(bits)];
}

static void host_add(const struct window *w, struct host *h, int64_t clock_ms, const struct flow *f,
                     const uint64_t port_and_peer[static 2], float *to)
{
    minute_add(&h->minute, clock_ms, f);
    struct sums s = minute_sums(&h->minute);
    size_t newest = h->minute.id % SLOTS;
    to[0] = s.n;
    to[1] = host_mark(w, h->port[0], newest, port_and_peer[0]);
    to[2] = host_mark(w, h->peer[0], newest, port_and_peer[1]);
    to[3] = s.failed;
    to[4] = s.bytes;
    to[5] = s.gap;
    to[6] = s.gap_dev;
}

static void pair_add(const struct window *w, struct pair *p, int64_t clock_ms, const struct flow *f,
                     uint64_t port, float *to)
{
    minute_add(&p->minute, clock_ms, f);
    struct sums s = minute_sums(&p->minute);
    to[0] = s.n;
    to[1] = pair_mark(w, p, port);
    to[2] = s.failed;
    to[3] = s.bytes;
    to[4] = s.gap;
    to[5] = s.gap_dev;
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

static void prefetch(const struct window *w, const struct keys *k)
{
    table_prefetch(&w->hosts, k->source);
    table_prefetch(&w->hosts, k->target);
    table_prefetch(&w->pairs, k->pair);
    table_prefetch(&w->services, k->target_2s);
    table_prefetch(&w->services, k->service_2s);
    table_prefetch(&w->services, k->both_2s);
}

/* Source and target of a connection to oneself are one host under two keys; pairs have a direction.  The lookups stand apart from
 * what is done with what they find, so that the processor can fetch all of it at once. */
void window_add(struct window *w, uint64_t tenant, const struct flow *f, struct aggregates *out)
{
    _Static_assert(FEATURE_SOURCE_60S_GAP_DEV - FEATURE_SOURCE_60S == 6 &&
                       FEATURE_TARGET_60S_GAP_DEV - FEATURE_TARGET_60S == 6 &&
                       FEATURE_PAIR_60S_GAP_DEV - FEATURE_PAIR_60S == 5,
                   "in this order in feature.def");
    struct keys k = keys_of(w->seed, tenant, f);
    struct ring *r = ring_of(w, tenant);
    int64_t clock_ms = clock_of(r, f);
    uint32_t now = (uint32_t)(clock_ms / MINUTE_SLOT_MS);
    const uint64_t of_source[] = {k.port, k.peer_of_source},
                   of_target[] = {k.port, k.peer_of_target};
    prefetch(w, &k);
    r->used = ++w->tick;
    w->stats.flows++;
    add_last(r, &k, f);
    count_short(r, &k, out);
    struct found source = table_at(&w->hosts, k.source, w->tick);
    struct found target = table_at(&w->hosts, k.target, w->tick);
    struct found pair = table_at(&w->pairs, k.pair, w->tick);
    struct found brief[] = {table_at(&w->services, k.target_2s, w->tick),
                            table_at(&w->services, k.service_2s, w->tick),
                            table_at(&w->services, k.both_2s, w->tick)};
    count_long(r, &k, out);
    struct brief *const briefs[] = {brief_at(w, brief[0], clock_ms),
                                    brief_at(w, brief[1], clock_ms),
                                    brief_at(w, brief[2], clock_ms)};
    add_2s(briefs, f, out);
    host_add(w, host_at(w, source, now), clock_ms, f, of_source, value(out, FEATURE_SOURCE_60S));
    host_add(w, host_at(w, target, now), clock_ms, f, of_target, value(out, FEATURE_TARGET_60S));
    pair_add(w, pair_at(w, pair, now), clock_ms, f, k.port, value(out, FEATURE_PAIR_60S));
}
