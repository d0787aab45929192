/* SPDX-License-Identifier: Apache-2.0 */
/* The rate of an entity at time t:
 *
 *     base_e + excited · sum over its alerts of weight · exp(-(t - t_i)/days) / days
 *
 * That none comes until t + h has exactly the probability exp(-integral), as the rate stays that as long as none
 * comes (only alerts that do not count themselves might raise it meanwhile; they are left out).
 *
 * Learned by expectation and maximisation (Veen and Schoenberg, "Estimation of space-time branching process models in
 * seismology using an EM-type algorithm", JASA 2008): each alert that counts is in parts of the base and of
 * those before it; the parts say what the numbers should be.  How long alerts add is the best of some times by likelihood.  An
 * entity's base has a gamma prior around that of all, worth `prior` alerts (empirical Bayes): who had none so far is not
 * safe, who had one is not lost. */
#include "base/mem.h"
#include "foresight/foresight.h"

#include <math.h>
#include <stdlib.h>

enum { ROUNDS = 30, ORIGINS = 8 };
#define DAY_MS 86400000.0
#define PRIOR  0.5

/* What is left of an entity's alerts at `day`, each weight·exp(-age/days); goes on from one alert to the next. */
struct memory {
    double left;
    int64_t at_ms;
};

static double days_between(int64_t from_ms, int64_t to_ms)
{
    return to_ms > from_ms ? (double)(to_ms - from_ms) / DAY_MS : 0;
}

static double recall(struct memory *m, int64_t now_ms, double days)
{
    if (m->left > 0)
        m->left *= exp(-days_between(m->at_ms, now_ms) / days);
    m->at_ms = now_ms;
    return m->left;
}

/* Base of one entity, from the part of its alerts that is its own. */
static double base_of(const struct risk_model *m, double own, double known_days)
{
    double all = fmax(m->base, 1e-9);
    return (m->prior + own) / (m->prior / all + known_days);
}

/* What does not depend on the numbers that are learned but `days`: found once for all rounds. */
struct trace {
    double *
        left; /* owned, of each alert of each entity: what its entity's alerts before it add, by weight */
    double *
        leading; /* owned, of each entity: that its alerts could have led to until now, in weights */
};

static void trace_one(const struct risk_history *h, int64_t now_ms, double days, double *left,
                      double *leading)
{
    struct memory memory = {.at_ms = h->since_ms};
    *leading = 0;
    for (size_t i = 0; i < h->n && h->alert[i].time_ms <= now_ms; i++) {
        const struct risk_alert *a = &h->alert[i];
        left[i] = recall(&memory, a->time_ms, days);
        memory.left += a->weight;
        *leading += a->weight * -expm1(-days_between(a->time_ms, now_ms) / days);
    }
}

static void trace_init(struct trace *t, const struct risk_history *entity, size_t n)
{
    size_t alerts = 0;
    for (size_t i = 0; i < n; i++)
        alerts += entity[i].n;
    t->left = mem_array(double, alerts + 1);
    t->leading = mem_array(double, n + 1);
}

static void trace_done(struct trace *t)
{
    mem_free(t->left);
    mem_free(t->leading);
}

static void trace_all(struct trace *t, const struct risk_history *entity, size_t n, int64_t now_ms,
                      double days)
{
    double *left = t->left;
    for (size_t i = 0; i < n; left += entity[i++].n)
        trace_one(&entity[i], now_ms, days, left, &t->leading[i]);
}

struct parts {             /* of an entity's alerts, as the model sees them */
    double own;            /* that are its base's */
    double led;            /* that others led to */
    double log_likelihood; /* of the alerts; that none came between is not in it */
    size_t counted;
};

static struct parts parts_of(const struct risk_model *m, const struct risk_history *h,
                             int64_t now_ms, double base, const double *left)
{
    struct parts p = {0};
    double each = m->excited / m->days, product = 1;
    for (size_t i = 0; i < h->n && h->alert[i].time_ms <= now_ms; i++) {
        if (!h->alert[i].counts)
            continue;
        double rate = base + each * left[i];
        p.own += base / rate;
        p.counted++;
        product *= rate; /* a logarithm for many is as good as one for each */
        if (product > 1e-200 && product < 1e200)
            continue;
        p.log_likelihood += log(product);
        product = 1;
    }
    p.led = (double)p.counted - p.own;
    p.log_likelihood += log(product);
    return p;
}

/* One round; returns the likelihood before it. */
static double improve(struct risk_model *m, const struct risk_history *entity, size_t n,
                      int64_t now_ms, const struct trace *t, double *base)
{
    double own = 0, led = 0, leading = 0, known = 0, likelihood = 0;
    const double *left = t->left;
    for (size_t i = 0; i < n; left += entity[i++].n) {
        double days = days_between(entity[i].since_ms, now_ms);
        struct parts p = parts_of(m, &entity[i], now_ms, base[i], left);
        own += p.own;
        led += p.led;
        leading += t->leading[i];
        known += days;
        likelihood += p.log_likelihood - base[i] * days - m->excited * t->leading[i];
        base[i] = base_of(m, p.own, days);
    }
    m->base = own / fmax(known, 1e-9);
    m->excited = leading > 0 ? fmin(led / leading, 5) : 0;
    return likelihood;
}

/* How alike the bases are: the prior under which the entities' own alerts are most likely, negative binomial as they are then. */
static double prior_of(const struct risk_model *m, const struct risk_history *entity, size_t n,
                       int64_t now_ms, const struct trace *t, const double *base)
{
    static const double some[] = {0.1, 0.25, 0.5, 1, 2, 4, 8, 16, 32};
    double likelihood[COUNT(some)] = {0};
    size_t best = 0;
    int sign;
    const double *left = t->left;
    for (size_t i = 0; i < n; left += entity[i++].n) {
        double own = parts_of(m, &entity[i], now_ms, base[i], left).own;
        double mean = m->base * days_between(entity[i].since_ms, now_ms) + 1e-12;
        for (size_t k = 0; k < COUNT(some); k++)
            likelihood[k] += lgamma_r(some[k] + own, &sign) - lgamma_r(some[k], &sign) -
                             some[k] * log1p(mean / some[k]) + own * log(mean / (some[k] + mean));
    }
    for (size_t k = 1; k < COUNT(some); k++)
        best = likelihood[k] > likelihood[best] ? k : best;
    return some[best];
}

void risk_fit(const struct risk_history *entity, size_t n, int64_t now_ms, struct risk_model *out)
{
    static const double length[] = {0.05, 0.25, 1, 3, 7, 20};
    double *base = mem_array(double, n + 1), known = 0, best = -INFINITY;
    struct trace t;
    size_t counted = 0;
    *out = (struct risk_model){0};
    trace_init(&t, entity, n);
    for (size_t i = 0; i < n; i++) {
        known += days_between(entity[i].since_ms, now_ms);
        for (size_t k = 0; k < entity[i].n && entity[i].alert[k].time_ms <= now_ms; k++)
            counted += entity[i].alert[k].counts;
    }
    for (size_t k = 0; counted && known > 0 && k < COUNT(length); k++) {
        struct risk_model m = {(double)counted / known / 2, 0.3, length[k], PRIOR};
        double likelihood = -INFINITY;
        trace_all(&t, entity, n, now_ms, m.days);
        for (size_t i = 0; i < n; i++)
            base[i] = m.base;
        for (int round = 0; round < ROUNDS; round++) {
            likelihood = improve(&m, entity, n, now_ms, &t, base);
            if (round % 5 == 4)
                m.prior = prior_of(&m, entity, n, now_ms, &t, base);
        }
        if (likelihood > best) {
            best = likelihood;
            *out = m;
        }
    }
    mem_free(base);
    trace_done(&t);
}

/* ---- what it says ---- */

/* The x below which a part `z` (normal deviate) of a gamma distribution of that shape and mean 1 lies (Wilson and Hilferty, 1931). */
static double gamma_quantile(double shape, double z)
{
    double k = 1 / (9 * shape), x = 1 - k + z * sqrt(k);
    return x > 0 ? x * x * x : 0;
}

struct risk risk_of(const struct risk_model *m, const struct risk_history *h, int64_t now_ms,
                    double days)
{
    struct risk r = {0};
    struct memory memory = {.at_ms = h->since_ms};
    if (m->base <= 0 && m->excited <= 0)
        return r;
    double known = days_between(h->since_ms, now_ms), base = m->base;
    struct parts p = {0};
    struct trace t;
    trace_init(&t, h, 1);
    trace_all(&t, h, 1, now_ms, m->days);
    for (int round = 0; round < 10; round++) { /* the base and the parts go by each other */
        p = parts_of(m, h, now_ms, base, t.left);
        base = base_of(m, p.own, known);
    }
    trace_done(&t);
    for (size_t i = 0; i < h->n && h->alert[i].time_ms <= now_ms; i++) {
        (void)recall(&memory, h->alert[i].time_ms, m->days);
        memory.left += h->alert[i].weight;
    }
    double more = m->excited * recall(&memory, now_ms, m->days) * -expm1(-days / m->days);
    r.expected = base * days + more;
    r.own_01 = r.expected > 0 ? more / r.expected : 0;
    r.risk_01 = -expm1(-r.expected);
    double shape = m->prior + (double)p.counted;
    r.low = -expm1(-r.expected * gamma_quantile(shape, -1.645));
    r.high = -expm1(-r.expected * fmax(gamma_quantile(shape, 1.645), 1));
    return r;
}

/* ---- back-test ---- */

struct said {
    double risk;
    bool happened;
};

static bool happens(const struct risk_history *h, int64_t from_ms, double days)
{
    for (size_t i = 0; i < h->n; i++)
        if (h->alert[i].counts && h->alert[i].time_ms > from_ms &&
            h->alert[i].time_ms <= from_ms + (int64_t)(days * DAY_MS))
            return true;
    return false;
}

/* How often it was so in periods of that length before `now_ms`, of all entities. */
static double before(const struct risk_history *entity, size_t n, int64_t now_ms, double days)
{
    double periods = 1, happened = 0.5;
    int64_t step = (int64_t)(days * DAY_MS);
    for (size_t i = 0; i < n; i++)
        for (int64_t t = now_ms - step; t >= entity[i].since_ms; t -= step) {
            periods++;
            happened += happens(&entity[i], t, days);
        }
    return happened / periods;
}

static int by_risk(const void *a, const void *b)
{
    const struct said *x = a, *y = b;
    return (x->risk > y->risk) - (x->risk < y->risk);
}

static void fill_bins(struct said *said, size_t n, struct risk_backtest *out)
{
    qsort(said, n, sizeof *said, by_risk);
    for (size_t b = 0; b < RISK_BINS; b++) {
        size_t from = b * n / RISK_BINS, to = (b + 1) * n / RISK_BINS;
        struct risk_bin *bin = &out->bin[b];
        bin->n = to - from;
        for (size_t i = from; i < to; i++) {
            bin->risk_01 += said[i].risk / (double)bin->n;
            bin->happened_01 += said[i].happened / (double)bin->n;
        }
        out->calibration_error +=
            fabs(bin->risk_01 - bin->happened_01) * (double)bin->n / (double)n;
    }
}

void risk_backtest(const struct risk_history *entity, size_t n, int64_t now_ms, double days,
                   struct risk_backtest *out)
{
    int64_t first = now_ms, length = (int64_t)(days * DAY_MS);
    struct said *said = mem_array(struct said, n * ORIGINS + 1);
    *out = (struct risk_backtest){0};
    for (size_t i = 0; i < n; i++)
        first = entity[i].since_ms < first ? entity[i].since_ms : first;
    int64_t middle = first + (now_ms - first) / 2, last = now_ms - length;
    for (int k = 0; k < ORIGINS && last >= middle; k++) {
        struct risk_model m;
        int64_t at = middle + (last - middle) / (ORIGINS - 1) * k;
        double base = before(entity, n, at, days);
        risk_fit(entity, n, at, &m);
        for (size_t i = 0; i < n; i++) {
            if (entity[i].since_ms > at)
                continue;
            bool is = happens(&entity[i], at, days);
            double risk = risk_of(&m, &entity[i], at, days).risk_01;
            out->brier += (risk - is) * (risk - is);
            out->base_brier += (base - is) * (base - is);
            out->happened += is;
            said[out->forecasts++] = (struct said){risk, is};
        }
    }
    if (out->forecasts) {
        out->brier /= (double)out->forecasts;
        out->base_brier /= (double)out->forecasts;
        out->skill_01 = out->base_brier > 0 ? 1 - out->brier / out->base_brier : 0;
        fill_bins(said, out->forecasts, out);
    }
    mem_free(said);
}
