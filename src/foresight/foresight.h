/* SPDX-License-Identifier: Apache-2.0 */
/* foresight.h - what is to come, from what was: forecasts of counts, risk of entities, each with an interval and a
 * back-test.  Pure functions of series. */
#ifndef FORESIGHT_FORESIGHT_H
#define FORESIGHT_FORESIGHT_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- counts ---- */

struct forecast_point {
    double mean, low,
        high; /* 90 % interval, >= 0; mean: of ln(1 + y), back again: as likely too high as too low */
};
/* y (n): counts of equal periods, the oldest first; `season` periods to a cycle (24 for hours of a day; 168: of a week; 0: none).  Holt-Winters with
 * damped trend on ln(1 + y), parameters by least squared error (Gardner and McKenzie 1985; Hyndman et al. 2002); fewer than two seasons:
 * without season; fewer than 8 periods: the mean.  What is no number counts as 0.  out (ahead). */
void forecast(const double *y, size_t n, size_t season, size_t ahead, struct forecast_point *out);

struct backtest {
    size_t points;
    double mae, mape,
        coverage_01; /* part of points inside the 90 % interval; mape: of points over 0, as a part of 1 */
    double naive_mae, skill_01; /* of repeating the last season; 1 - mae / naive_mae */
};
/* Rolling origin: from half of the series on, at most 24 times, forecast `ahead` and compare. */
void forecast_backtest(const double *y, size_t n, size_t season, size_t ahead,
                       struct backtest *out);

/* ---- entities ----
 *
 * Alerts come in clusters: who had one will soon have more.  So the rate of an entity is its own base and what each of its
 * alerts adds, which decays: a self-exciting process (Hawkes, "Spectra of some self-exciting and mutually exciting point
 * processes", Biometrika 1971).  How much and how long they add is learned from all entities together, the base of
 * each is drawn to that of all.  The method is in risk.c. */

struct risk_alert {
    int64_t time_ms;
    double weight; /* how much it adds, by its severity: 0 … 1 */
    bool counts;   /* it is of those that are foreseen: severe enough */
};
struct risk_history { /* of an entity */
    const struct risk_alert
        *alert; /* (n), the oldest first; those after the time asked about are not looked at */
    size_t n;
    int64_t since_ms; /* known from then on */
};
struct risk_model { /* by value; {0}: nothing is known, nothing is foreseen */
    double base;    /* alerts a day of an entity, without those that others led to */
    double excited; /* that one of weight 1 leads to */
    double days;    /* of which they come after, on average */
    double prior;   /* alerts that all entities' base counts for, beside an entity's own */
};
/* From all entities up to `now_ms`. */
void risk_fit(const struct risk_history *entity, size_t n, int64_t now_ms, struct risk_model *out);

struct risk {
    double expected;           /* alerts in the period */
    double risk_01, low, high; /* of at least one that counts; 90 % interval */
    double own_01; /* part of it that the entity's last alerts add; the rest is its base */
};
/* From `now_ms` on for `days` (1: the next day; 7: week). */
struct risk risk_of(const struct risk_model *m, const struct risk_history *h, int64_t now_ms,
                    double days);

enum { RISK_BINS = 10 };
struct risk_backtest {
    size_t forecasts, happened;
    double brier, base_brier,
        skill_01; /* mean squared error; of always saying how often it was before; 1 - brier / base_brier */
    double calibration_error; /* mean distance of risk from what happened, over the bins */
    struct risk_bin {         /* of forecasts, the least first, as many in each */
        double risk_01, happened_01;
        size_t n;
    } bin[RISK_BINS];
};
/* At 8 times in the second half of what is known, each with a model of what was known then: was it so in the `days` after?  Only
 * entities that are known then. */
void risk_backtest(const struct risk_history *entity, size_t n, int64_t now_ms, double days,
                   struct risk_backtest *out);

#endif
