/* SPDX-License-Identifier: Apache-2.0 */
/* What is kept of one entity.
 *
 * How busy it is: events are counted by the hour; an hour that is over goes into its hour of the week as
 * ln(1 + events), as mean and variance that move with the weeks (the exponentially weighted form of
 * Welford's method: Finch, "Incremental calculation of weighted mean and variance", 2009; the newest week
 * counts 1/n, at least a tenth).  The logarithm tames bursts: counts of events are as good as
 * log-normal.  Hours without events are observations too, at most those of one week at a time.  Bytes of an hour go
 * into quantiles, the number of its peers into mean and variance (amount.h).
 *
 * What it does: a sketch of each aspect's values (sketch.h), made when the first one comes.  Of an entity with
 * more than 256 events in an hour each eighth is looked at, and counts eight times: the pipeline's busiest
 * hosts would cost the most and teach the least.
 *
 * Most entities are seen a few times and never again: hours and sequences are kept of those with 20 events.
 *
 * A group is an entity too: it learns some events of all its members, and their hours. */
#include "base/hash.h"
#include "base/mem.h"
#include "behavior/behavior_int.h"

#include <math.h>

enum { STEPS = 2048, WEEKS_ENOUGH = 3, RESCALE_HALF_LIVES = 40, BUSY = 256, SAMPLED = 8 };
enum { SOMEBODY_AFTER = 20 /* events */ };
#define WEEK_ALPHA_MIN 0.1

struct entity *entity_new(str key, uint64_t hash, unsigned type)
{
    struct entity *e = mem_zero(size_add(sizeof *e, key.n));
    e->hash = hash;
    e->type = (uint8_t)type;
    e->hour = e->first_hour = e->found_hour = INT64_MIN;
    e->weight = 1;
    e->key_n = (uint16_t)key.n;
    memcpy(e->key, key.p, key.n);
    e->bytes_held = entity_bytes(e);
    return e;
}

void entity_free(struct entity *e)
{
    if (!e)
        return;
    mem_free(e->week);
    mem_free(e->bytes);
    mem_free(e->peers);
    for (size_t i = 0; i < ASPECT_COUNT; i++)
        mem_free(e->aspect[i]);
    mem_free(e);
}

/* A copy of `p` that may be NULL; *ok turns false when there is no room. */
static void *copied(struct arena *a, const void *p, size_t n, bool *ok)
{
    void *c = p ? arena_alloc(a, n, 1, alignof(max_align_t)) : NULL;
    if (c)
        memcpy(c, p, n);
    *ok &= !p || c;
    return c;
}

struct entity *entity_copy(const struct entity *e, struct arena *a)
{
    bool ok = true;
    struct entity *c = copied(a, e, sizeof *e + e->key_n, &ok);
    if (!c)
        return NULL;
    c->week = copied(a, e->week, sizeof *e->week, &ok);
    c->bytes = copied(a, e->bytes, amounts_bytes(e->bytes), &ok);
    c->peers = copied(a, e->peers, sizeof *e->peers, &ok);
    for (size_t i = 0; i < ASPECT_COUNT; i++)
        c->aspect[i] = copied(a, e->aspect[i], sketch_bytes(e->aspect[i]), &ok);
    return ok ? c : NULL;
}

size_t entity_bytes(const struct entity *e)
{
    size_t n = sizeof *e + e->key_n + (e->week ? sizeof *e->week : 0) + amounts_bytes(e->bytes) +
               (e->peers ? sizeof *e->peers : 0);
    for (size_t i = 0; i < ASPECT_COUNT; i++)
        n += sketch_bytes(e->aspect[i]);
    return n;
}

double entity_days(const struct entity *e)
{
    return e->hour == INT64_MIN ? 0 : (double)(e->hour - e->first_hour + 1) / 24;
}

/* ---- how busy ---- */

static void observe(struct week *w, unsigned at, uint32_t count)
{
    if (w->n[at] < UINT8_MAX && count == 0 && w->mean[at] == 0) { /* as most hours are */
        w->n[at]++;
        return;
    }
    double x = log1p((double)count), mean = (double)w->mean[at] / STEPS,
           var = (double)w->var[at] / STEPS;
    double alpha = fmax(1.0 / (w->n[at] + 1.0), WEEK_ALPHA_MIN), delta = x - mean;
    mean += alpha * delta;
    var = (1 - alpha) * (var + alpha * delta * delta);
    w->mean[at] = (uint16_t)fmin(round(mean * STEPS), UINT16_MAX);
    w->var[at] = (uint16_t)fmin(round(var * STEPS), UINT16_MAX);
    if (w->n[at] < UINT8_MAX)
        w->n[at]++;
}

static void rescale(struct entity *e, int64_t landmark)
{
    float by = (float)exp2(-(double)(landmark - e->landmark) / HALF_LIFE_HOURS);
    for (size_t i = 0; i < ASPECT_COUNT; i++)
        if (e->aspect[i])
            sketch_scale(e->aspect[i], by);
    if (e->bytes)
        amounts_scale(e->bytes, by);
    e->total *= by;
    e->landmark = landmark;
}

static float weight_of(const struct entity *e, int64_t hour)
{
    double lives = (double)(hour - e->landmark) / HALF_LIFE_HOURS;
    return (float)exp2(fmax(lives, -RESCALE_HALF_LIVES));
}

static void make_week(struct entity *e)
{
    if (e->week)
        return;
    e->week = mem_new(struct week);
    e->bytes_held += sizeof *e->week;
}

static void make_peers(struct entity *e)
{
    if (e->peers)
        return;
    e->peers = mem_new(struct spread);
    e->bytes_held += sizeof *e->peers;
}

/* Bytes and peers of the hour that was counted. */
static void close_amounts(struct entity *e)
{
    if (e->hour_bytes > 0)
        e->bytes_held += amounts_add(&e->bytes, e->hour_bytes, e->weight);
    if (e->peers)
        spread_turn(e->peers);
    e->hour_bytes = 0;
}

static void observe_hours(struct entity *e, int64_t hour)
{
    unsigned at = hour_of_week(e->hour);
    int64_t idle = hour - e->hour - 1;
    make_week(e);
    observe(e->week, at, e->hour_count);
    for (int64_t i = 1; i <= idle && i <= WEEK_HOURS; i++) {
        at = at + 1 < WEEK_HOURS ? at + 1 : 0;
        observe(e->week, at, 0);
    }
}

/* The hour that was counted is over, and so are those up to `hour`. */
static void turn_to(struct entity *e, int64_t hour, struct hour_over *over)
{
    if (e->hour == INT64_MIN) {
        e->first_hour = e->landmark = hour;
    } else {
        *over = (struct hour_over){e->hour, e->hour_count, true};
        close_amounts(e);
        if (e->events >= SOMEBODY_AFTER)
            observe_hours(e, hour);
        if (hour - e->landmark > (int64_t)RESCALE_HALF_LIVES * HALF_LIFE_HOURS)
            rescale(e, hour);
    }
    e->hour = hour;
    e->hour_count = 0;
    e->weight = weight_of(e, hour);
}

static void pool(const struct week *w, unsigned at, double *n, double *sum, double *squares)
{
    double weeks = w->n[at], mean = (double)w->mean[at] / STEPS;
    *n += weeks;
    *sum += weeks * mean;
    *squares += weeks * ((double)w->var[at] / STEPS + mean * mean);
}

/* The part of the hours at this time of the day, and one before and after, that had events. */
static double active_part(const struct week *w, unsigned at)
{
    double n = 0, active = 0;
    for (unsigned day = 0; day < 7; day++)
        for (unsigned beside = 0; beside < 3; beside++) {
            unsigned i = (day * 24 + at + WEEK_HOURS + beside - 1) % WEEK_HOURS;
            n += w->n[i];
            /* Of n weeks k with at least one event: the mean is at least k/n * ln 2. */
            active += w->n[i] * fmin((double)w->mean[i] / STEPS / 0.6931, 1);
        }
    return n > 0 ? active / n : 0;
}

struct usual entity_usual(const struct entity *e, int64_t hour)
{
    double n = 0, sum = 0, squares = 0;
    unsigned at = hour_of_week(hour);
    if (!e->week)
        return (struct usual){0};
    pool(e->week, at, &n, &sum, &squares);
    if (n < WEEKS_ENOUGH)
        for (unsigned day = 1; day < 7; day++)
            pool(e->week, (at + day * 24) % WEEK_HOURS, &n, &sum, &squares);
    if (n <= 0)
        return (struct usual){0};
    double mean = sum / n;
    return (struct usual){mean, sqrt(fmax(squares / n - mean * mean, 0)), n,
                          active_part(e->week, at % 24)};
}

/* ---- what it does ---- */

uint32_t entity_sequence(const struct entity *e, uint32_t kind)
{
    return e->last_kind && kind ? (uint32_t)hash_mix(e->last_kind, kind) | 1 : 0;
}

static void learn_sequence(struct entity *e, const struct traits *f, float weight, unsigned day)
{
    const struct trait *kind = &f->at[ASPECT_KIND];
    uint32_t hash = entity_sequence(e, kind->hash);
    char text[2 * SKETCH_TEXT];
    int n = 0;
    if (hash && !sketch_find(e->aspect[ASPECT_SEQUENCE], hash)) { /* words are made once */
        const struct sketch_slot *last = sketch_find(e->aspect[ASPECT_KIND], e->last_kind);
        n = snprintf(text, sizeof text, "%.9s, then " STR_FMT, last ? last->text : "?",
                     STR_ARG(str_head(kind->text, 24)));
    }
    if (hash)
        e->bytes_held +=
            sketch_add(&e->aspect[ASPECT_SEQUENCE], hash, (str){text, (size_t)n}, weight, day);
}

static void learn_values(struct entity *e, const struct traits *f, unsigned type, float weight)
{
    unsigned day = f->hour != INT64_MIN ? day_of_hour(f->hour) : 0;
    for (unsigned i = 0; i < ASPECT_COUNT; i++)
        if (f->at[i].text.n && !trait_is_self((enum behavior_type)type, i))
            e->bytes_held += sketch_add(&e->aspect[i], f->at[i].hash, f->at[i].text, weight, day);
}

static void learn_amounts(struct entity *e, const struct traits *f)
{
    uint32_t peer =
        f->at[ASPECT_TARGET].text.n ? f->at[ASPECT_TARGET].hash : f->at[ASPECT_HOST].hash;
    e->hour_bytes += f->bytes;
    if (!peer || (e->type == BEHAVIOR_HOST && !f->at[ASPECT_TARGET].text.n))
        return;
    make_peers(e);
    (void)spread_add(e->peers, peer);
}

bool entity_learn(struct entity *e, const struct traits *f, struct hour_over *over)
{
    bool late = false;
    float weight = e->weight;
    if (f->hour != INT64_MIN) {
        if (e->hour == INT64_MIN || f->hour > e->hour)
            turn_to(e, f->hour, over);
        late = f->hour < e->hour;
        e->hour_count += !late && e->hour_count < UINT32_MAX;
        weight = late ? weight_of(e, f->hour) : e->weight;
    }
    e->events++;
    e->total += weight;
    if (!late)
        learn_amounts(e, f);
    if (!late && e->hour_count > BUSY) {
        if (e->hour_count % SAMPLED) {
            e->last_kind = f->at[ASPECT_KIND].hash;
            return true;
        }
        weight *= SAMPLED;
    }
    if (!late && e->events >= SOMEBODY_AFTER)
        learn_sequence(e, f, weight, f->hour != INT64_MIN ? day_of_hour(f->hour) : 0);
    learn_values(e, f, e->type, weight);
    e->last_kind = f->at[ASPECT_KIND].hash;
    return !late;
}

/* ---- groups ---- */

void group_learn(struct entity *g, const struct traits *f, unsigned type, uint64_t member,
                 const struct hour_over *over)
{
    make_peers(g);
    (void)spread_add(g->peers, (uint32_t)member);
    if (f->hour != INT64_MIN && (g->hour == INT64_MIN || f->hour > g->hour)) {
        if (g->hour == INT64_MIN)
            g->first_hour = g->landmark = f->hour;
        if (f->hour - g->landmark > (int64_t)RESCALE_HALF_LIVES * HALF_LIFE_HOURS)
            rescale(g, f->hour);
        g->hour = f->hour;
        g->weight = weight_of(g, g->hour);
    }
    g->events++;
    g->total += g->weight;
    learn_values(g, f, type, g->weight);
    if (over->is) {
        make_week(g);
        observe(g->week, hour_of_week(over->hour), over->count);
    }
}

/* What it belongs to is the better answer; who says nothing of that is with those that mostly do the same. */
str entity_group(const struct entity *e, str of, char out[static GROUP_NAME_MAX])
{
    static const char *const many[BEHAVIOR_TYPE_COUNT] = {"users", "hosts", "addresses",
                                                          "services"};
    const struct sketch_slot *top = sketch_top(e->aspect[ASPECT_KIND]);
    int n;
    if (e->type >= BEHAVIOR_TYPE_COUNT || e->events < SOMEBODY_AFTER || (!top && !of.n))
        return (str){0};
    if (of.n)
        n = snprintf(out, GROUP_NAME_MAX, "%s of " STR_FMT, many[e->type],
                     STR_ARG(str_head(of, 64)));
    else
        n = snprintf(out, GROUP_NAME_MAX, "%s that mostly do '%s'", many[e->type], top->text);
    return (str){out, (size_t)n};
}
