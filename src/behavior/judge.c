/* SPDX-License-Identifier: Apache-2.0 */
/* How far events are from what an entity used to do.
 *
 * Each aspect is judged by its strangest value, in bits: -log2 of how likely it was, less what a value of
 * this aspect is worth on average (its entropy), so that who comes from a new address every day is not
 * strange for doing so.  Two bits too many are nothing, seven are all there is to say.  What the entity's group does
 * counts as five events of its own: much while it is new, next to nothing later.
 * Rates are judged by the z-score of ln(1 + events) against that hour of the week, with a deviation of at least
 * 0.35 (events go up by 40 % for no reason), and peers likewise; failures by that of a binomial count.  From z = 3 on it
 * counts.  Bytes of an hour are judged by how often they are the 95th percentile of hours with any: twice is nothing, ten times
 * all there is to say.
 *
 * The whole is 1 - product of (1 - weight * score): factors add up, none counts more than its weight.
 * Without 50 events over the learning period there is not enough history, and nothing is strange. */
#include "behavior/behavior_int.h"

#include <math.h>

enum {
    EVENTS_ENOUGH = 50,
    ASPECT_ENOUGH = 20,
    RATE_COUNT_MIN = 5,
    HOUR_DAYS_MIN = 7,
    DAY_HOURS = 24,
    HOURS_ENOUGH = 12, /* with bytes, or peers */
    PEERS_MIN = 5,
    GROUP_EVENTS = 5, /* that its habits count for */
    MEMBERS_ENOUGH = 5,
    AWAY_DAYS = 30 /* for so long a value was not seen: say so */
};
#define RATE_DEVIATION_MIN 0.35
#define RATE_WEIGHT        0.8
#define VOLUME_WEIGHT      0.8
#define PEERS_WEIGHT       0.7
#define GROUP_WEIGHT       0.3
#define HOUR_WEIGHT        0.5
#define ACTIVE_MIN         0.05
#define VOLUME_MIN         1e6 /* bytes an hour that are worth a word */

static double clamp01(double x)
{
    return x < 0 ? 0 : x > 1 ? 1 : x;
}

static struct behavior_factor *add_factor(struct comparison *c, const char *name, struct judged how,
                                          double score)
{
    static struct behavior_factor nowhere; /* there are fewer factors than places */
    size_t i = c->out->factor_count;
    if (i == BEHAVIOR_FACTORS_MAX)
        return &nowhere;
    c->out->factor_count++;
    c->judged[i] = how;
    c->out->factor[i] = (struct behavior_factor){.name = name, .score_01 = clamp01(score)};
    return &c->out->factor[i];
}

/* ---- values ---- */

/* Faded events of a sketch, as of the entity's present hour; of none, none. */
static double amount(const struct entity *e, const struct sketch *s)
{
    return s ? (double)s->total / (double)e->weight : 0;
}

/* How likely among the group's; 0: there is none, or it is too small to say. */
static double in_group(const struct comparison *c, unsigned a, uint32_t hash)
{
    const struct entity *g = c->group;
    const struct sketch *s = g ? g->aspect[a] : NULL;
    if (!s || !g->peers || spread_estimate(g->peers) < MEMBERS_ENOUGH)
        return 0;
    return sketch_share(s, hash);
}

static double likelihood(const struct comparison *c, unsigned a, double n, uint32_t hash)
{
    const struct sketch *s = c->e->aspect[a];
    double share = sketch_share(s, hash), own = share > 0 ? share : sketch_novelty(s);
    double group = in_group(c, a, hash) * GROUP_EVENTS;
    return fmin((own * n + 0.5 + group) / (n + 1 + (group > 0 ? GROUP_EVENTS : 0)), 1);
}

/* The three that occur most. */
static str usual_values(const struct sketch *s, struct arena *a)
{
    bool taken[SKETCH_SLOTS] = {false};
    str text = STR("");
    for (int k = 0; s && k < 3; k++) {
        int best = -1;
        for (int i = 0; i < s->used; i++)
            if (!taken[i] && (best < 0 || s->slot[i].count > s->slot[best].count))
                best = i;
        if (best < 0)
            break;
        taken[best] = true;
        text =
            arena_fmt(a, STR_FMT "%s%s (%.0f %%)", STR_ARG(text), k ? ", " : "", s->slot[best].text,
                      100 * (double)s->slot[best].count / fmax((double)s->total, 1e-30));
    }
    return text;
}

static str value_reason(const struct comparison *c, unsigned a, const struct value *v, str shown,
                        double score)
{
    const struct sketch *s = c->e->aspect[a];
    const struct aspect_info *info = &aspect_info[a];
    const struct sketch_slot *slot = sketch_find(s, v->hash);
    double share = sketch_share(s, v->hash), group = in_group(c, a, v->hash);
    double away =
        slot && slot->day && c->o->hours ? (double)day_of_hour(c->o->hour[0].hour) - slot->day : 0;
    str end = group >= 0.01 ? arena_fmt(c->arena, "; %.2g %% of what its group does", 100 * group)
                            : STR("");
    if (score <= 0)
        return arena_fmt(c->arena, "%s '" STR_FMT "' is nothing unusual", info->name,
                         STR_ARG(shown));
    if (slot && away >= AWAY_DAYS)
        return arena_fmt(c->arena, "first %s '" STR_FMT "' in %.0f days", info->words,
                         STR_ARG(shown), away);
    if (share > 0)
        return arena_fmt(c->arena, "%s '" STR_FMT "' is rare: %.2g %% of about %.0f events",
                         info->name, STR_ARG(shown), 100 * share, amount(c->e, s));
    if (s && s->full)
        return arena_fmt(c->arena, "%s '" STR_FMT "' is not among those that are usual" STR_FMT,
                         info->name, STR_ARG(shown), STR_ARG(end));
    return arena_fmt(c->arena, "first %s '" STR_FMT "' in %.0f days and %llu events" STR_FMT,
                     info->words, STR_ARG(shown), fmax(c->out->known_days, 1),
                     (unsigned long long)c->e->events, STR_ARG(end));
}

static const struct value *strangest_of(const struct comparison *c, unsigned a, double n,
                                        double *least)
{
    const struct value *strangest = NULL;
    *least = 2;
    for (size_t i = 0; i < c->o->values[a]; i++) {
        double p = likelihood(c, a, n, c->o->value[a][i].hash);
        if (p < *least) {
            *least = p;
            strangest = &c->o->value[a][i];
        }
    }
    return strangest;
}

static void judge_aspect(struct comparison *c, unsigned a)
{
    const struct sketch *s = c->e->aspect[a];
    double n = amount(c->e, s), least;
    if (n < ASPECT_ENOUGH || a == ASPECT_OUTCOME ||
        trait_is_self((enum behavior_type)c->e->type, a))
        return;
    const struct value *v = strangest_of(c, a, n, &least);
    if (!v)
        return;
    double score = (-log2(least) - sketch_entropy(s) - 2) / 5;
    struct behavior_factor *f =
        add_factor(c, aspect_info[a].name,
                   (struct judged){aspect_info[a].weight, aspect_info[a].story}, score);
    str shown = str_head(v->text, 200);
    f->observed =
        arena_fmt(c->arena, STR_FMT " (%u of %zu events)", STR_ARG(shown), v->count, c->o->events);
    f->expected = usual_values(s, c->arena);
    f->reason = value_reason(c, a, v, shown, score);
}

static void judge_failures(struct comparison *c)
{
    const struct sketch *s = c->e->aspect[ASPECT_OUTCOME];
    double n = amount(c->e, s), seen = (double)c->o->outcomes, failed = (double)c->o->failures;
    if (!s || n < ASPECT_ENOUGH || c->o->outcomes == 0)
        return;
    double share = 0;
    for (unsigned i = 0; i < s->used; i++)
        if (strcmp(s->slot[i].text, "failure") == 0)
            share = (double)s->slot[i].count / (double)s->total;
    double p = (share * n + 0.5) / (n + 1);
    double z = (failed - seen * p - 0.5) / sqrt(seen * p * (1 - p) + 0.25);
    struct behavior_factor *f =
        add_factor(c, "failures", (struct judged){aspect_info[ASPECT_OUTCOME].weight, STORY_FAILS},
                   (z - 3) / 5);
    f->observed = arena_fmt(c->arena, "%.0f of %.0f events failed", failed, seen);
    f->expected = arena_fmt(c->arena, "%.2g %%", 100 * p);
    f->reason = arena_fmt(c->arena, "%.0f %% of the events failed; %.2g %% are usual",
                          100 * failed / seen, 100 * p);
}

/* ---- how much ---- */

/* The entity's own; the group's while it is new. */
static struct usual usual_of(const struct comparison *c, int64_t hour)
{
    struct usual own = entity_usual(c->e, hour);
    if (own.hours >= 3 || !c->group || !c->group->week)
        return own;
    struct usual group = entity_usual(c->group, hour);
    group.active = own.hours > 0 ? own.active : group.active;
    return group;
}

static void judge_rate(struct comparison *c)
{
    double worst = -1, score = 0;
    struct usual usual = {0};
    uint32_t count = 0;
    for (size_t i = 0; i < c->o->hours; i++) {
        struct usual u = usual_of(c, c->o->hour[i].hour);
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
    struct behavior_factor *f =
        add_factor(c, "rate", (struct judged){RATE_WEIGHT, STORY_MUCH}, score);
    double mean = expm1(usual.mean);
    f->observed = arena_fmt(c->arena, "%u events in an hour", count);
    f->expected = arena_fmt(c->arena, "about %.0f, up to %.0f", mean,
                            expm1(usual.mean + 3 * fmax(usual.deviation, RATE_DEVIATION_MIN)));
    f->reason = arena_fmt(c->arena,
                          "%.3g × the usual rate: %u events in an hour, about %.3g are "
                          "usual (z %.1f)",
                          count / fmax(mean, 0.1), count, mean, worst);
}

static str bytes_text(struct arena *a, double n)
{
    static const char *const unit[] = {"bytes", "kB", "MB", "GB", "TB", "PB"};
    size_t i = 0;
    for (; n >= 1000 && i + 1 < COUNT(unit); i++)
        n /= 1000;
    return arena_fmt(a, "%.3g %s", n, unit[i]);
}

static void judge_volume(struct comparison *c)
{
    const struct amounts *known = c->e->bytes;
    double most = 0;
    for (size_t i = 0; i < c->o->hours; i++)
        most = fmax(most, c->o->hour[i].bytes);
    if (!known || known->seen < HOURS_ENOUGH || most <= 0)
        return;
    double median = amounts_quantile(known, 0.5), high = amounts_quantile(known, 0.95);
    double score = most < VOLUME_MIN ? 0 : log(most / fmax(high, 1) / 2) / log(5);
    struct behavior_factor *f =
        add_factor(c, "volume", (struct judged){VOLUME_WEIGHT, STORY_MUCH}, score);
    str now = bytes_text(c->arena, most), usual = bytes_text(c->arena, median);
    f->observed = arena_fmt(c->arena, STR_FMT " in an hour", STR_ARG(now));
    f->expected = arena_fmt(c->arena, "about " STR_FMT ", in one hour of twenty over " STR_FMT,
                            STR_ARG(usual), STR_ARG(bytes_text(c->arena, high)));
    f->reason = arena_fmt(
        c->arena, "%.3g × usual volume: " STR_FMT " in an hour, about " STR_FMT " are usual",
        most / fmax(median, 1), STR_ARG(now), STR_ARG(usual));
}

static void judge_peers(struct comparison *c)
{
    const struct spread *known = c->e->peers;
    double most = 0;
    for (size_t i = 0; i < c->o->hours; i++)
        most = fmax(most, spread_estimate(&c->o->hour[i].peers));
    if (!known || known->hours < HOURS_ENOUGH || most < 1)
        return;
    double deviation = fmax(sqrt((double)known->var), RATE_DEVIATION_MIN);
    double z = (log1p(most) - (double)known->mean) / deviation;
    double mean = expm1((double)known->mean);
    struct behavior_factor *f = add_factor(c, "peers", (struct judged){PEERS_WEIGHT, STORY_PEER},
                                           most < PEERS_MIN ? 0 : (z - 3) / 4);
    f->observed = arena_fmt(c->arena, "about %.0f different peers in an hour", most);
    f->expected = arena_fmt(c->arena, "about %.0f, up to %.0f", mean,
                            expm1((double)known->mean + 3 * deviation));
    f->reason = arena_fmt(c->arena, "about %.0f different peers in an hour; about %.3g are usual",
                          most, mean);
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
    struct behavior_factor *f = add_factor(c, "hour", (struct judged){HOUR_WEIGHT, STORY_WHEN},
                                           (1 - least / ACTIVE_MIN) * fmin(1, days / 21));
    int at = (int)(hour_of_week(hour) % DAY_HOURS);
    f->observed = arena_fmt(c->arena, "active at %02d:00 UTC", at);
    f->expected = arena_fmt(c->arena, "active in %.0f %% of such hours", 100 * least);
    if (least <= 0)
        f->reason = arena_fmt(c->arena, "never at this hour, %02d:00 UTC, in %.0f days", at, days);
    else
        f->reason = arena_fmt(
            c->arena,
            "activity around %02d:00 UTC, where %.2g %% of the hours of %.0f days had any", at,
            100 * least, days);
}

/* ---- beside its group ---- */

/* What none of the others does, although it may be usual for this one: by its strangest value. */
static void judge_group(struct comparison *c)
{
    const struct entity *g = c->group;
    double worst = -1;
    const struct value *strangest = NULL;
    unsigned aspect = 0;
    if (!g || !g->peers)
        return;
    double members = spread_estimate(g->peers);
    if (members < MEMBERS_ENOUGH)
        return;
    for (unsigned a = 0; a < ASPECT_COUNT; a++) {
        const struct sketch *s = g->aspect[a];
        if (!s || amount(g, s) < ASPECT_ENOUGH || trait_is_self((enum behavior_type)c->e->type, a))
            continue;
        for (size_t i = 0; i < c->o->values[a]; i++) {
            double share = sketch_share(s, c->o->value[a][i].hash);
            double p =
                ((share > 0 ? share : sketch_novelty(s)) * amount(g, s) + 0.5) / (amount(g, s) + 1);
            double bits = aspect_info[a].weight * (-log2(p) - sketch_entropy(s) - 2);
            if (bits > worst) {
                worst = bits;
                strangest = &c->o->value[a][i];
                aspect = a;
            }
        }
    }
    if (!strangest)
        return;
    str shown = str_head(strangest->text, 200), rest = {g->key, g->key_n};
    rest = str_from(rest, 1);
    (void)str_cut(&rest, '\0');
    c->out->group = arena_str(c->arena, rest);
    struct behavior_factor *f =
        add_factor(c, "group", (struct judged){GROUP_WEIGHT, STORY_NONE}, worst / 5);
    f->observed = arena_fmt(c->arena, "%s '" STR_FMT "'", aspect_info[aspect].name, STR_ARG(shown));
    f->expected = usual_values(g->aspect[aspect], c->arena);
    f->reason =
        arena_fmt(c->arena, "about %.0f " STR_FMT " %s %s '" STR_FMT "'", members, STR_ARG(rest),
                  worst > 0 ? "hardly know" : "know", aspect_info[aspect].name, STR_ARG(shown));
}

/* ---- the whole ---- */

static double says(const struct comparison *c, size_t i)
{
    return c->judged[i].weight * c->out->factor[i].score_01;
}

static void sort_factors(struct comparison *c)
{
    struct behavior_factor *f = c->out->factor;
    for (size_t i = 1; i < c->out->factor_count; i++)
        for (size_t k = i; k > 0 && says(c, k) > says(c, k - 1); k--) {
            struct behavior_factor swap = f[k];
            struct judged how = c->judged[k];
            f[k] = f[k - 1];
            f[k - 1] = swap;
            c->judged[k] = c->judged[k - 1];
            c->judged[k - 1] = how;
        }
}

static void add_up(struct comparison *c, const struct behavior_entity *who)
{
    struct behavior_verdict *v = c->out;
    double left = 1;
    for (size_t i = 0; i < v->factor_count; i++)
        left *= 1 - says(c, i);
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

static bool is_known(struct comparison *c, const struct behavior_entity *who)
{
    struct behavior_verdict *v = c->out;
    if (c->e) {
        v->known_events = c->e->events;
        v->known_days = entity_days(c->e);
    }
    v->confidence_01 = (1 - exp(-(double)v->known_events / 100)) * (1 - exp(-v->known_days / 4));
    v->enough = v->known_events >= EVENTS_ENOUGH && v->known_days >= c->learning_days;
    if (!v->enough)
        v->summary =
            arena_fmt(c->arena,
                      "not enough history of %s " STR_FMT ": %llu events in %.1f days; at least "
                      "%d events over %.3g %s are needed",
                      behavior_type_name(who->type), STR_ARG(str_head(who->value, NAME_MAX_BYTES)),
                      (unsigned long long)v->known_events, v->known_days, EVENTS_ENOUGH,
                      c->learning_days, c->learning_days <= 1 ? "day" : "days");
    return v->enough;
}

void judge(struct comparison *c, const struct behavior_entity *who)
{
    if (!is_known(c, who))
        return;
    for (unsigned a = 0; a < ASPECT_COUNT; a++)
        judge_aspect(c, a);
    judge_failures(c);
    judge_rate(c);
    judge_volume(c);
    judge_peers(c);
    judge_hour(c);
    judge_group(c);
    add_up(c, who);
}
