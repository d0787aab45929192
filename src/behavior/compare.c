/* SPDX-License-Identifier: Apache-2.0 */
/* How far events are from what an entity used to do.
 *
 * Each aspect is judged by its strangest value, in bits: -log2 of how likely it was, less what a value of
 * this aspect is worth on average (its entropy), so that who comes from a new address every day is not
 * strange for doing so.  Two bits too many are nothing, seven are all there is to say.
 * Rates are judged by the z-score of ln(1 + events) against that hour of the week, with a deviation of at least
 * 0.35 (events go up by 40 % for no reason); failures by that of a binomial count.  From z = 3 on it counts.
 *
 * The whole is 1 - product of (1 - weight * score): factors add up, none counts more than its weight.
 * Without 50 events over a day there is not enough history, and nothing is strange. */
#include "base/hash.h"
#include "behavior/behavior_int.h"

#include <math.h>

enum {
    VALUES_MAX = 64, /* distinct ones of an aspect that are judged; more are not */
    HOURS_MAX = 256,
    EVENTS_ENOUGH = 50,
    ASPECT_ENOUGH = 20,
    RATE_COUNT_MIN = 5,
    HOUR_DAYS_MIN = 7,
    DAY_HOURS = 24
};
#define RATE_DEVIATION_MIN 0.35
#define RATE_WEIGHT        0.8
#define HOUR_WEIGHT        0.5
#define ACTIVE_MIN         0.05

struct value {
    uint32_t hash, count;
    str text;
};
struct observed {
    struct value value[ASPECT_COUNT][VALUES_MAX];
    size_t values[ASPECT_COUNT];
    struct {
        int64_t hour;
        uint32_t count;
    } hour[HOURS_MAX];
    size_t hours, events, outcomes, failures;
};
struct comparison {
    const struct entity *e;
    const struct observed *o;
    struct arena *arena;
    struct behavior_verdict *out;
    double weight[BEHAVIOR_FACTORS_MAX]; /* of out->factor */
};

static double clamp01(double x)
{
    return x < 0 ? 0 : x > 1 ? 1 : x;
}

/* ---- what is there ---- */

static struct entity *copy_entity(const struct entity *e, struct arena *a)
{
    struct entity *c = arena_alloc(a, 1, sizeof *e + e->key_n, alignof(struct entity));
    if (!c)
        return NULL;
    memcpy(c, e, sizeof *e);
    if (e->week) {
        c->week = arena_new(a, struct week);
        if (!c->week)
            return NULL;
        *c->week = *e->week;
    }
    for (size_t i = 0; i < ASPECT_COUNT; i++) {
        if (!e->aspect[i])
            continue;
        c->aspect[i] = arena_new(a, struct sketch);
        if (!c->aspect[i])
            return NULL;
        *c->aspect[i] = *e->aspect[i];
    }
    return c;
}

/* A copy of what is known, so that no lock is held while words are made of it.  *found false: nothing. */
static struct entity *take_copy(struct behavior *b, str key, struct arena *a, bool *found)
{
    uint64_t hash = hash_bytes(key, b->seed);
    struct shard *s = behavior_shard(b, hash);
    lock_take(&s->lock);
    const struct entity *e = shard_find_locked(s, hash, key);
    struct entity *copy = e ? copy_entity(e, a) : NULL;
    lock_drop(&s->lock);
    *found = e != NULL;
    return copy;
}

static void see_hour(struct observed *o, int64_t hour)
{
    size_t i = o->hours;
    while (i > 0 && o->hour[i - 1].hour != hour)
        i--;
    if (i == 0) {
        if (o->hours == HOURS_MAX)
            return;
        o->hour[o->hours++].hour = hour;
        i = o->hours;
    }
    o->hour[i - 1].count++;
}

static void see_value(struct observed *o, unsigned aspect, const struct trait *f)
{
    struct value *v = o->value[aspect];
    size_t *n = &o->values[aspect];
    for (size_t i = 0; i < *n; i++)
        if (v[i].hash == f->hash) {
            v[i].count++;
            return;
        }
    if (*n < VALUES_MAX)
        v[(*n)++] = (struct value){f->hash, 1, f->text};
}

static void see(struct observed *o, const struct traits *f)
{
    o->events++;
    if (f->hour != INT64_MIN)
        see_hour(o, f->hour);
    o->outcomes += f->at[ASPECT_OUTCOME].text.n > 0;
    o->failures += f->failed;
    for (unsigned i = 0; i < ASPECT_COUNT; i++)
        if (f->at[i].text.n)
            see_value(o, i, &f->at[i]);
}

/* ---- factors ---- */

static struct behavior_factor *add_factor(struct comparison *c, const char *name, double weight,
                                          double score)
{
    size_t i = c->out->factor_count;
    if (i == BEHAVIOR_FACTORS_MAX)
        return NULL;
    c->out->factor_count++;
    c->weight[i] = weight;
    c->out->factor[i] = (struct behavior_factor){.name = name, .score_01 = clamp01(score)};
    return &c->out->factor[i];
}

/* Faded events of a sketch, as of the entity's present hour. */
static double amount(const struct entity *e, const struct sketch *s)
{
    return (double)s->total / (double)e->weight;
}

static double likelihood(const struct sketch *s, double n, uint32_t hash)
{
    double share = sketch_share(s, hash);
    return ((share > 0 ? share : sketch_novelty(s)) * n + 0.5) / (n + 1);
}

/* The three that occur most. */
static str usual_values(const struct sketch *s, struct arena *a)
{
    bool taken[SKETCH_SLOTS] = {false};
    str text = STR("");
    if (!s)
        return text;
    for (int k = 0; k < 3; k++) {
        int best = -1;
        for (int i = 0; i < SKETCH_SLOTS; i++)
            if (s->hash[i] && !taken[i] && (best < 0 || s->count[i] > s->count[best]))
                best = i;
        if (best < 0)
            break;
        taken[best] = true;
        text = arena_fmt(a, STR_FMT "%s%s (%.0f %%)", STR_ARG(text), k ? ", " : "", s->text[best],
                         100 * (double)s->count[best] / fmax((double)s->total, 1e-30));
    }
    return text;
}

static void judge_aspect(struct comparison *c, unsigned a)
{
    const struct sketch *s = c->e->aspect[a];
    const struct value *strangest = NULL;
    double n = s ? amount(c->e, s) : 0, least = 2;
    if (n < ASPECT_ENOUGH || a == ASPECT_OUTCOME || trait_is_self(c->e->type, a))
        return;
    for (size_t i = 0; i < c->o->values[a]; i++) {
        double p = likelihood(s, n, c->o->value[a][i].hash);
        if (p < least) {
            least = p;
            strangest = &c->o->value[a][i];
        }
    }
    if (!strangest)
        return;
    const struct aspect_info *info = &aspect_info[a];
    double share = sketch_share(s, strangest->hash);
    struct behavior_factor *f =
        add_factor(c, info->name, info->weight, (-log2(least) - sketch_entropy(s) - 2) / 5);
    str shown = str_head(strangest->text, 200);
    f->observed = arena_fmt(c->arena, STR_FMT " (%u of %zu events)", STR_ARG(shown),
                            strangest->count, c->o->events);
    f->expected = usual_values(s, c->arena);
    if (f->score_01 <= 0)
        f->reason =
            arena_fmt(c->arena, "%s '" STR_FMT "' is nothing unusual", info->words, STR_ARG(shown));
    else if (share > 0)
        f->reason = arena_fmt(c->arena, "%s '" STR_FMT "' is rare: %.2g %% of about %.0f events",
                              info->words, STR_ARG(shown), 100 * share, n);
    else
        f->reason = arena_fmt(c->arena, "%s '" STR_FMT "' is new in about %.0f events", info->words,
                              STR_ARG(shown), n);
}

static void judge_failures(struct comparison *c)
{
    const struct sketch *s = c->e->aspect[ASPECT_OUTCOME];
    double n = s ? amount(c->e, s) : 0, seen = (double)c->o->outcomes,
           failed = (double)c->o->failures;
    if (!s || n < ASPECT_ENOUGH || c->o->outcomes == 0)
        return;
    double share = 0;
    for (unsigned i = 0; i < SKETCH_SLOTS; i++)
        if (strcmp(s->text[i], "failure") == 0)
            share = (double)s->count[i] / (double)s->total;
    double p = (share * n + 0.5) / (n + 1);
    double z = (failed - seen * p - 0.5) / sqrt(seen * p * (1 - p) + 0.25);
    struct behavior_factor *f =
        add_factor(c, "failures", aspect_info[ASPECT_OUTCOME].weight, (z - 3) / 5);
    f->observed = arena_fmt(c->arena, "%.0f of %.0f events failed", failed, seen);
    f->expected = arena_fmt(c->arena, "%.2g %%", 100 * p);
    f->reason = arena_fmt(c->arena, "%.0f %% of the events failed; %.2g %% are usual",
                          100 * failed / seen, 100 * p);
}

static void judge_rate(struct comparison *c)
{
    double worst = -1, score = 0;
    struct usual usual = {0};
    uint32_t count = 0;
    for (size_t i = 0; i < c->o->hours; i++) {
        struct usual u = entity_usual(c->e, c->o->hour[i].hour);
        double z =
            (log1p((double)c->o->hour[i].count) - u.mean) / fmax(u.deviation, RATE_DEVIATION_MIN);
        if (u.hours < 3 || z <= worst)
            continue;
        worst = z;
        usual = u;
        count = c->o->hour[i].count;
        score = count < RATE_COUNT_MIN ? 0 : (z - 3) / 4;
    }
    if (usual.hours < 3)
        return;
    struct behavior_factor *f = add_factor(c, "rate", RATE_WEIGHT, score);
    f->observed = arena_fmt(c->arena, "%u events in an hour", count);
    f->expected = arena_fmt(c->arena, "about %.0f, up to %.0f", expm1(usual.mean),
                            expm1(usual.mean + 3 * fmax(usual.deviation, RATE_DEVIATION_MIN)));
    f->reason = arena_fmt(c->arena, "%u events in an hour of which about %.3g are usual (z %.1f)",
                          count, expm1(usual.mean), worst);
}

static void judge_hour(struct comparison *c)
{
    double least = 2, days = c->out->known_days;
    int64_t hour = 0;
    for (size_t i = 0; i < c->o->hours; i++) {
        struct usual u = entity_usual(c->e, c->o->hour[i].hour);
        if (u.hours > 0 && u.active < least) {
            least = u.active;
            hour = c->o->hour[i].hour;
        }
    }
    if (least > 1 || days < HOUR_DAYS_MIN)
        return;
    struct behavior_factor *f =
        add_factor(c, "hour", HOUR_WEIGHT, (1 - least / ACTIVE_MIN) * fmin(1, days / 21));
    int at = (int)(hour_of_week(hour) % DAY_HOURS);
    f->observed = arena_fmt(c->arena, "active at %02d:00 UTC", at);
    f->expected = arena_fmt(c->arena, "active in %.0f %% of such hours", 100 * least);
    f->reason = arena_fmt(
        c->arena, "activity around %02d:00 UTC, where %.2g %% of the hours of %.0f days had any",
        at, 100 * least, days);
}

/* ---- the whole ---- */

static void sort_factors(struct comparison *c)
{
    for (size_t i = 1; i < c->out->factor_count; i++)
        for (size_t k = i; k > 0; k--) {
            struct behavior_factor *f = c->out->factor;
            if (c->weight[k] * f[k].score_01 <= c->weight[k - 1] * f[k - 1].score_01)
                break;
            struct behavior_factor swap = f[k];
            double weight = c->weight[k];
            f[k] = f[k - 1];
            f[k - 1] = swap;
            c->weight[k] = c->weight[k - 1];
            c->weight[k - 1] = weight;
        }
}

static void add_up(struct comparison *c, const struct behavior_entity *who)
{
    struct behavior_verdict *v = c->out;
    double left = 1;
    for (size_t i = 0; i < v->factor_count; i++)
        left *= 1 - c->weight[i] * v->factor[i].score_01;
    v->deviation_01 = 1 - left;
    sort_factors(c);
    str name = str_head(who->value, NAME_MAX_BYTES);
    const char *type = behavior_type_name(who->type);
    if (v->deviation_01 < 0.3)
        v->summary = arena_fmt(c->arena, "%s " STR_FMT " is as usual", type, STR_ARG(name));
    else if (v->factor_count > 1 && v->factor[1].score_01 > 0)
        v->summary =
            arena_fmt(c->arena, "%s " STR_FMT ": " STR_FMT "; " STR_FMT, type, STR_ARG(name),
                      STR_ARG(v->factor[0].reason), STR_ARG(v->factor[1].reason));
    else
        v->summary = arena_fmt(c->arena, "%s " STR_FMT ": " STR_FMT, type, STR_ARG(name),
                               STR_ARG(v->factor[0].reason));
}

static void judge(struct comparison *c, const struct behavior_entity *who)
{
    struct behavior_verdict *v = c->out;
    if (c->e) {
        v->known_events = c->e->events;
        if (c->e->hour != INT64_MIN)
            v->known_days = (double)(c->e->hour - c->e->first_hour + 1) / DAY_HOURS;
    }
    v->confidence_01 = (1 - exp(-(double)v->known_events / 100)) * (1 - exp(-v->known_days / 4));
    v->enough = v->known_events >= EVENTS_ENOUGH && v->known_days >= 1;
    if (!v->enough) {
        v->summary =
            arena_fmt(c->arena,
                      "not enough history of %s " STR_FMT ": %llu events in %.1f days; at least "
                      "%d events over a day are needed",
                      behavior_type_name(who->type), STR_ARG(str_head(who->value, NAME_MAX_BYTES)),
                      (unsigned long long)v->known_events, v->known_days, EVENTS_ENOUGH);
        return;
    }
    for (unsigned a = 0; a < ASPECT_COUNT; a++)
        judge_aspect(c, a);
    judge_failures(c);
    judge_rate(c);
    judge_hour(c);
    add_up(c, who);
}

static bool texts_fit(const struct behavior_verdict *v)
{
    bool ok = v->summary.p != NULL;
    for (size_t i = 0; i < v->factor_count; i++)
        ok = ok && v->factor[i].observed.p && v->factor[i].expected.p && v->factor[i].reason.p;
    return ok;
}

status behavior_compare(struct behavior *b, str tenant, const struct behavior_entity *who,
                        struct batch *batch, struct arena *arena, struct behavior_verdict *out,
                        struct error *err)
{
    char room[KEY_MAX_BYTES];
    bool found;
    struct behavior_verdict v = {0};
    struct traits f;
    struct observed *o = arena_new(arena, struct observed);
    struct comparison c = {.o = o, .arena = arena, .out = &v};
    c.e = take_copy(b, behavior_key(tenant, who->type, who->value, room), arena, &found);
    if (!o || (found && !c.e))
        return fail(err, ST_LIMIT, "no memory left to compare");
    for (size_t i = 0; i < batch->event_count; i++) {
        traits_of(&batch->event[i], b->seed, &f);
        if (!f.who[who->type].n || str_ieq(f.who[who->type], who->value))
            see(o, &f);
    }
    v.compared = o->events;
    judge(&c, who);
    if (!texts_fit(&v))
        return fail(err, ST_LIMIT, "no memory left to compare");
    *out = v;
    return ST_OK;
}

bool behavior_finding(const struct behavior_verdict *v, const struct behavior_entity *who,
                      int64_t now_ms, struct arena *arena, struct finding *out)
{
    if (v->deviation_01 < 0.7 || v->confidence_01 < 0.5)
        return false;
    struct pair *entity = arena_new(arena, struct pair);
    struct pair *evidence = arena_array(arena, struct pair, v->factor_count);
    size_t n = 0;
    if (!entity || !evidence)
        return false;
    *entity = (struct pair){str_z(behavior_type_name(who->type)), arena_str(arena, who->value)};
    for (size_t i = 0; i < v->factor_count; i++)
        if (v->factor[i].score_01 > 0)
            evidence[n++] = (struct pair){str_z(v->factor[i].name), v->factor[i].observed};
    *out = (struct finding){.kind = FINDING_BEHAVIOR,
                            .level = v->deviation_01 >= 0.9 ? LEVEL_HIGH : LEVEL_MEDIUM,
                            .score_01 = (float)(v->deviation_01 * v->confidence_01),
                            .time_ms = now_ms,
                            .id = STR("behavior"),
                            .title = STR("Unusual behavior of an entity"),
                            .entity = entity,
                            .entity_count = 1,
                            .evidence = evidence,
                            .evidence_count = (uint32_t)n,
                            .reason = v->summary};
    return true;
}
