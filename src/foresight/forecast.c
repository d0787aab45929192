/* SPDX-License-Identifier: Apache-2.0 */
/* Holt-Winters with additive season and damped trend, in its error-correction form (ETS(A,Ad,A) of Hyndman, Koehler, Ord,
 * Snyder, "Forecasting with Exponential Smoothing", 2008):
 *
 *     e = y - (level + phi·trend + season)
 *     level  += phi·trend + alpha·e       trend = phi·trend + beta·e       season += gamma·e
 *
 * on z = ln(1 + y), where counts are as good as normal and a day that is twice the usual is as far as one of half.  The variance
 * h periods ahead is sigma²·(1 + sum of c_j², j < h), c_j = alpha + beta·(phi + … + phi^j) + gamma where j is a whole number
 * of seasons (their table 6.2).  Quantiles are those of the errors that were made where there are forty, as counts have longer
 * tails than the normal distribution. */
#include "base/mem.h"
#include "foresight/foresight.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SEASON_MAX = 10000, FEW = 8, ERRORS_ENOUGH = 40, ORIGINS_MAX = 24 };
#define NORMAL_95 1.6448536269514722

struct smoothing {
    double alpha, beta, gamma, phi;
};
struct fit {
    const double *z;
    size_t n, season; /* 0: none */
    struct smoothing by;
    double *state; /* owned: (season) */
    double *error; /* owned: (n) */
    double level, trend, sse;
    double sigma, low, high; /* of errors; quantiles by sigma */
};

/* ---- one pass ---- */

static void begin(struct fit *f)
{
    size_t m = f->season ? f->season : 1, cycles = f->n / m;
    memset(f->state, 0, m * sizeof *f->state);
    f->level = f->trend = 0;
    if (cycles > 4 && f->season)
        cycles = 4; /* the first ones: later ones may be different */
    size_t used = f->season ? cycles * m : (f->n < FEW ? f->n : FEW);
    for (size_t i = 0; i < used; i++)
        f->level += f->z[i] / (double)used;
    for (size_t i = 0; f->season && i < used; i++)
        f->state[i % m] += (f->z[i] - f->level) / (double)cycles;
}

static double run(struct fit *f)
{
    const struct smoothing *by = &f->by;
    double none = 0;
    f->sse = 0;
    begin(f);
    for (size_t i = 0; i < f->n; i++) {
        double *season = f->season ? &f->state[i % f->season] : &none;
        double slope = by->phi * f->trend;
        double e = f->z[i] - (f->level + slope + *season);
        f->level += slope + by->alpha * e;
        f->trend = slope + by->beta * e;
        *season += by->gamma * e;
        none = 0;
        f->error[i] = e;
        f->sse += e * e;
    }
    return f->sse;
}

/* ---- parameters ---- */

static double *parameter(struct smoothing *s, int i)
{
    double *const at[] = {&s->alpha, &s->beta, &s->gamma, &s->phi};
    return at[i];
}

/* Inside the region where old errors fade, and what can be told apart. */
static bool allowed(const struct smoothing *s, bool season)
{
    return s->alpha >= 0.005 && s->alpha <= 0.99 && s->beta >= 0 && s->beta <= s->alpha &&
           s->gamma >= 0 && s->gamma <= 1 - s->alpha && (season || s->gamma == 0) &&
           s->phi >= 0.8 && s->phi <= 0.98;
}

static void try(struct fit *f, const struct smoothing *s, struct smoothing *best, double *least)
{
    if (!allowed(s, f->season > 0))
        return;
    f->by = *s;
    double sse = run(f);
    if (sse < *least) {
        *least = sse;
        *best = *s;
    }
}

/* A grid, then steps along each parameter that become smaller. */
static void choose(struct fit *f)
{
    static const double alpha[] = {0.02, 0.1, 0.3, 0.6}, beta[] = {0, 0.02, 0.1},
                        gamma[] = {0, 0.05, 0.2};
    struct smoothing best = {0.1, 0, 0, 0.9};
    double least = INFINITY;
    for (size_t a = 0; a < COUNT(alpha); a++)
        for (size_t b = 0; b < COUNT(beta); b++)
            for (size_t g = 0; g < COUNT(gamma); g++)
                try(f, &(struct smoothing){alpha[a], beta[b], gamma[g], 0.9}, &best, &least);
    double step = 1;
    for (int half = 0; half < 4; half++) {
        step /= 2;
        for (int i = 0; i < 4; i++)
            for (int sign = -1; sign <= 1; sign += 2) {
                struct smoothing s = best;
                double *p = parameter(&s, i);
                *p = i == 3 ? *p + sign * 0.1 * step : *p * exp(sign * step);
                try(f, &s, &best, &least);
            }
    }
    f->by = best;
    (void)run(f);
}

static int by_value(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* Errors of the first cycle are left out: they know what they are asked. */
static void spread(struct fit *f)
{
    size_t from = f->season && f->n >= 2 * f->season ? f->season : 0, n = f->n - from;
    double *e = f->error + from, sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += e[i] * e[i];
    double free = (double)n - 4 - (f->season ? (double)f->season / 4 : 0);
    f->sigma = sqrt(sum / fmax(free, (double)n / 2));
    f->low = f->high = NORMAL_95 * (n < ERRORS_ENOUGH ? 1 + 2.0 / (double)n : 1);
    if (n < ERRORS_ENOUGH || f->sigma <= 0)
        return;
    qsort(e, n, sizeof *e, by_value);
    double rms = sqrt(sum / (double)n);
    f->low = fmax(-e[(size_t)(0.05 * (double)(n - 1))] / rms, 0.5);
    f->high = fmax(e[(size_t)ceil(0.95 * (double)(n - 1))] / rms, 0.5);
}

/* ---- ahead ---- */

static struct forecast_point point_of(double mean, double below, double above)
{
    struct forecast_point p = {expm1(fmax(mean, 0)), expm1(fmax(mean - below, 0)),
                               expm1(fmax(mean + above, 0))};
    return p;
}

static void look(const struct fit *f, size_t ahead, struct forecast_point *out)
{
    double slope = 0, power = 1, variance = 1;
    for (size_t h = 1; h <= ahead; h++) {
        power *= f->by.phi;
        slope += power;
        double season = f->season ? f->state[(f->n + h - 1) % f->season] : 0;
        double sd = f->sigma * sqrt(variance);
        out[h - 1] = point_of(f->level + slope * f->trend + season, f->low * sd, f->high * sd);
        bool whole = f->season && h % f->season == 0;
        double c = f->by.alpha + f->by.beta * slope + (whole ? f->by.gamma : 0);
        variance += c * c;
    }
}

static void flat(const double *z, size_t n, size_t ahead, struct forecast_point *out)
{
    double mean = 0, var = 0;
    for (size_t i = 0; i < n; i++)
        mean += z[i] / (double)n;
    for (size_t i = 0; i < n; i++)
        var += (z[i] - mean) * (z[i] - mean) / fmax((double)n - 1, 1);
    double half = n < 2 ? 1 : 2.5 * sqrt(var * (1 + 1 / (double)n)); /* Student's t of few */
    for (size_t h = 0; h < ahead; h++)
        out[h] = point_of(mean, half, half);
}

void forecast(const double *y, size_t n, size_t season, size_t ahead, struct forecast_point *out)
{
    double *z = mem_array(double, n + 1);
    for (size_t i = 0; i < n; i++)
        z[i] = isfinite(y[i]) && y[i] > 0 ? log1p(y[i]) : 0;
    if (season < 2 || season > SEASON_MAX || n < 2 * season)
        season = 0;
    if (n < FEW) {
        flat(z, n, ahead, out);
        mem_free(z);
        return;
    }
    struct fit f = {.z = z, .n = n, .season = season};
    f.state = mem_array(double, season + 1);
    f.error = mem_array(double, n);
    choose(&f);
    spread(&f);
    look(&f, ahead, out);
    mem_free(f.state);
    mem_free(f.error);
    mem_free(z);
}

/* ---- back-test ---- */

struct sums {
    double error, part, naive;
    size_t points, parts, inside;
};

static void compare(const double *y, size_t at, size_t season, size_t ahead,
                    const struct forecast_point *p, struct sums *s)
{
    size_t cycle = season && at >= season ? season : 1;
    for (size_t h = 0; h < ahead; h++) {
        double is = y[at + h], error = fabs(is - p[h].mean);
        s->error += error;
        s->naive += fabs(is - y[at - cycle + h % cycle]);
        s->inside += is >= p[h].low && is <= p[h].high;
        s->points++;
        if (is > 0) {
            s->part += error / is;
            s->parts++;
        }
    }
}

void forecast_backtest(const double *y, size_t n, size_t season, size_t ahead, struct backtest *out)
{
    struct sums s = {0};
    *out = (struct backtest){0};
    if (ahead == 0 || n < 2 || n / 2 < 1 || n - n / 2 < ahead)
        return;
    struct forecast_point *p = mem_array(struct forecast_point, ahead);
    size_t room = n - n / 2 - ahead, step = room / ORIGINS_MAX + 1;
    for (size_t at = n / 2; at + ahead <= n; at += step) {
        forecast(y, at, season, ahead, p);
        compare(y, at, season, ahead, p, &s);
    }
    mem_free(p);
    double points = (double)s.points;
    *out = (struct backtest){.points = s.points,
                             .mae = s.error / points,
                             .mape = s.parts ? s.part / (double)s.parts : 0,
                             .coverage_01 = (double)s.inside / points,
                             .naive_mae = s.naive / points};
    out->skill_01 = out->naive_mae > 0 ? 1 - out->mae / out->naive_mae : 0;
}
