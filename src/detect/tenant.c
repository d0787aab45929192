/* SPDX-License-Identifier: Apache-2.0 */
/* One correlator a tenant, so that none ever shares a window, within one limit for all: a tenant
 * whose share is overdrawn when there is no more gives back, and the others lose nothing.  Rule
 * numbers in samples are those of one snapshot, so a correlator starts anew with another one. */
#include "base/hash.h"
#include "base/mem.h"
#include "base/metric.h"
#include "detect/detect_int.h"

enum { DEFAULT_BYTES = 64 * 1024 * 1024, DEFAULT_LATENESS_MS = 60 * 1000, DEFAULT_TENANTS = 1024 };

void tenants_init(struct tenants *t, const struct correlator_limits *limits, size_t most)
{
    *t = (struct tenants){.limits = *limits, .most = most ? most : DEFAULT_TENANTS};
    t->wall_ms = TIME_NONE;
    if (t->limits.max_bytes == 0)
        t->limits.max_bytes = DEFAULT_BYTES;
    if (t->limits.lateness_ms <= 0)
        t->limits.lateness_ms = DEFAULT_LATENESS_MS;
    for (t->buckets = 16; t->buckets < t->most; t->buckets *= 2)
        ;
    t->bucket = mem_array(struct tenant *, t->buckets);
}

static void tenant_free(struct tenant *one)
{
    correlator_free(one->correlator);
    snapshot_ref_drop(one->snapshot);
    mem_free(one);
}

void tenants_done(struct tenants *t)
{
    for (struct tenant *one = t->oldest, *next; one; one = next) {
        next = one->newer;
        tenant_free(one);
    }
    mem_free(t->bucket);
}

/* ---- the table ---- */

static struct tenant **bucket_of(const struct tenants *t, str name)
{
    return &t->bucket[hash_bytes(name, hash_seed()) & (t->buckets - 1)];
}

static void list_add(struct tenants *t, struct tenant *one)
{
    one->older = t->newest;
    one->newer = NULL;
    *(t->newest ? &t->newest->newer : &t->oldest) = one;
    t->newest = one;
}

static void list_remove(struct tenants *t, struct tenant *one)
{
    *(one->older ? &one->older->newer : &t->oldest) = one->newer;
    *(one->newer ? &one->newer->older : &t->newest) = one->older;
}

/* ---- what a correlator holds and has done ---- */

/* Count what is new; returns the findings lost. */
static uint64_t count(struct tenants *t, struct tenant *one)
{
    struct correlator_stats now = correlator_stats(one->correlator), *seen = &one->seen;
    uint64_t lost = now.lost - seen->lost;
    metric_add(METRIC_CORRELATION_EVICTED, now.evicted - seen->evicted);
    metric_add(METRIC_CORRELATION_LATE, now.late - seen->late);
    t->bytes += now.bytes - seen->bytes;
    *seen = now;
    return lost;
}

/* The last words of a correlator, then its end. */
static void stop_correlator(struct tenants *t, struct tenant *one)
{
    t->begin(t->arg, one);
    correlator_settle(one->correlator, t->arena, t->emit, t->arg);
    uint64_t lost = count(t, one);
    t->end(t->arg, lost);
    metric_add(METRIC_CORRELATION_EVICTED, one->seen.groups);
    t->bytes -= one->seen.bytes;
    correlator_free(one->correlator);
    snapshot_ref_drop(one->snapshot);
    one->correlator = NULL;
    one->snapshot = NULL;
}

static void start_correlator(struct tenants *t, struct tenant *one, struct snapshot_ref *s)
{
    one->snapshot = snapshot_ref_take(s);
    one->correlator = correlator_new(s->rules, &t->limits);
    one->seen = (struct correlator_stats){0};
    (void)count(t, one);
}

static void forget(struct tenants *t, struct tenant *one)
{
    struct tenant **at = bucket_of(t, str_z(one->name));
    while (*at != one)
        at = &(*at)->chain;
    *at = one->chain;
    list_remove(t, one);
    t->count--;
    stop_correlator(t, one);
    tenant_free(one);
}

static struct tenant *find(struct tenants *t, const char *name)
{
    struct tenant *one = *bucket_of(t, str_z(name));
    while (one && strcmp(one->name, name) != 0)
        one = one->chain;
    return one;
}

static struct tenant *add(struct tenants *t, const char *name)
{
    if (t->count == t->most)
        forget(t, t->oldest);
    struct tenant *one = mem_new(struct tenant);
    memcpy(one->name, name, strlen(name)); /* the job's was no longer */
    struct tenant **bucket = bucket_of(t, str_z(name));
    one->chain = *bucket;
    *bucket = one;
    list_add(t, one);
    t->count++;
    return one;
}

/* The tenant whose correlator goes by the rules of `s`. */
static struct tenant *get(struct tenants *t, const char *name, struct snapshot_ref *s)
{
    struct tenant *one = find(t, name);
    if (!one)
        one = add(t, name);
    if (one->snapshot && one->snapshot != s)
        stop_correlator(t, one);
    if (!one->snapshot)
        start_correlator(t, one, s);
    list_remove(t, one);
    list_add(t, one);
    return one;
}

/* Whoever holds more than his share gives it back; not while he alone is there, for a correlator
 * keeps the limit by itself. */
static void keep_limit(struct tenants *t)
{
    if (t->bytes <= t->limits.max_bytes || t->count < 2)
        return;
    size_t share = t->limits.max_bytes / t->count;
    for (struct tenant *one = t->oldest; one; one = one->newer) {
        if (!one->correlator || one->seen.bytes <= share)
            continue;
        t->begin(t->arg, one);
        correlator_trim(one->correlator, share, t->arena, t->emit, t->arg);
        uint64_t lost = count(t, one);
        t->end(t->arg, lost);
    }
}

/* ---- use ---- */

static void tick_at(struct tenants *t, struct tenant *one, int64_t wall_ms)
{
    t->begin(t->arg, one);
    correlator_tick(one->correlator, wall_ms, t->arena, t->emit, t->arg);
    uint64_t lost = count(t, one);
    t->end(t->arg, lost);
}

static void tick(struct tenants *t, struct tenant *one)
{
    if (t->wall_ms != TIME_NONE)
        tick_at(t, one, t->wall_ms);
}

uint64_t tenants_feed(struct tenants *t, struct job *job, struct arena *arena, correlation_fn *emit,
                      void *arg)
{
    struct snapshot_ref *s = job->matched_with;
    job->late = 0;
    if (job->sampled.n == 0)
        return 0;
    if (job->adoption < t->number) { /* its rules were replaced while it was under way */
        job->late = job->sampled.n;
        metric_add(METRIC_CORRELATION_LATE, job->late);
        return 0;
    }
    t->number = job->adoption;
    struct tenant *one = get(t, job->of.tenant, s);
    tick(t, one);
    uint64_t late =
        one->seen.late; /* whatever waits is in time: what is late now came with this job */
    struct item_place place = {0};
    const struct item *item;
    while ((item = job_item(job, &place, UINT32_MAX)))
        if (item->sample)
            correlator_feed(one->correlator, item->sample, arena, emit, arg);
    uint64_t lost = count(t, one);
    job->late = one->seen.late - late;
    keep_limit(t);
    return lost;
}

void tenants_tick(struct tenants *t, int64_t wall_ms, const struct snapshot_ref *current,
                  uint64_t number)
{
    if (wall_ms > t->wall_ms)
        t->wall_ms = wall_ms;
    if (number > t->number)
        t->number = number;
    for (struct tenant *one = t->oldest; one; one = one->newer) {
        if (one->snapshot && one->snapshot != current && number == t->number)
            stop_correlator(t, one);
        if (one->correlator)
            tick(t, one);
    }
}

void tenants_tick_one(struct tenants *t, const char *name, int64_t wall_ms)
{
    struct tenant *one = find(t, name);
    if (one && one->correlator)
        tick_at(t, one, wall_ms);
}
