/* SPDX-License-Identifier: Apache-2.0 */
/* What is kept of one entity.
 *
 * How busy it is: events are counted by the hour; an hour that is over goes into its hour of the week as
 * ln(1 + events), as mean and variance that move with the weeks (the exponentially weighted form of
 * Welford's method: Finch, "Incremental calculation of weighted mean and variance", 2009; the newest week
 * counts 1/n, at least a tenth).  The logarithm tames bursts: counts of events are as good as
 * log-normal.  Hours without events are observations too, at most those of one week at a time.
 *
 * What it does: a sketch of each aspect's values (sketch.h), made when the first one comes.  Of an entity with
 * more than 256 events in an hour each eighth is looked at, and counts eight times: the pipeline's busiest
 * hosts would cost the most and teach the least. */
#include "base/mem.h"
#include "behavior/behavior_int.h"

#include <math.h>

enum { STEPS = 2048, WEEKS_ENOUGH = 3, RESCALE_HALF_LIVES = 40, BUSY = 256, SAMPLED = 8 };
#define WEEK_ALPHA_MIN 0.1

struct entity *entity_new(str key, uint64_t hash, enum behavior_type t)
{
    struct entity *e = mem_zero(size_add(sizeof *e, key.n));
    e->hash = hash;
    e->type = (uint8_t)t;
    e->hour = e->first_hour = INT64_MIN;
    e->weight = 1;
    e->key_n = (uint16_t)key.n;
    memcpy(e->key, key.p, key.n);
    return e;
}

void entity_free(struct entity *e)
{
    if (!e)
        return;
    mem_free(e->week);
    for (size_t i = 0; i < ASPECT_COUNT; i++)
        mem_free(e->aspect[i]);
    mem_free(e);
}

size_t entity_bytes(const struct entity *e)
{
    size_t n = sizeof *e + e->key_n + (e->week ? sizeof *e->week : 0);
    for (size_t i = 0; i < ASPECT_COUNT; i++)
        n += e->aspect[i] ? sizeof *e->aspect[i] : 0;
    return n;
}

/* ---- how busy ---- */

static void observe(struct week *w, unsigned at, uint32_t count)
{
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
    e->total *= by;
    e->landmark = landmark;
}

static float weight_of(const struct entity *e, int64_t hour)
{
    double lives = (double)(hour - e->landmark) / HALF_LIFE_HOURS;
    return (float)exp2(fmax(lives, -RESCALE_HALF_LIVES));
}

/* The hour that was counted is over, and so are those up to `hour`. */
static void turn_to(struct entity *e, int64_t hour)
{
    if (e->hour == INT64_MIN) {
        e->first_hour = e->landmark = hour;
    } else {
        if (!e->week)
            e->week = mem_new(struct week);
        observe(e->week, hour_of_week(e->hour), e->hour_count);
        int64_t idle = hour - e->hour - 1;
        for (int64_t i = 1; i <= idle && i <= WEEK_HOURS; i++)
            observe(e->week, hour_of_week(e->hour + i), 0);
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

bool entity_learn(struct entity *e, const struct traits *f)
{
    bool late = false;
    float weight = e->weight;
    if (f->hour != INT64_MIN) {
        if (e->hour == INT64_MIN || f->hour > e->hour)
            turn_to(e, f->hour);
        late = f->hour < e->hour;
        e->hour_count += !late && e->hour_count < UINT32_MAX;
        weight = late ? weight_of(e, f->hour) : e->weight;
    }
    e->events++;
    e->total += weight;
    if (!late && e->hour_count > BUSY) {
        if (e->hour_count % SAMPLED)
            return true;
        weight *= SAMPLED;
    }
    for (unsigned i = 0; i < ASPECT_COUNT; i++) {
        if (!f->at[i].text.n || trait_is_self((enum behavior_type)e->type, i))
            continue;
        if (!e->aspect[i])
            e->aspect[i] = mem_new(struct sketch);
        sketch_add(e->aspect[i], f->at[i].hash, f->at[i].text, weight);
    }
    return !late;
}
