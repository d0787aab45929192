/* SPDX-License-Identifier: Apache-2.0 */
/* foresight.h - what is to come, from what was: forecasts of counts, risk of entities, each with an interval and a
 * back-test.  Pure functions of series. */
#ifndef FORESIGHT_FORESIGHT_H
#define FORESIGHT_FORESIGHT_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

struct forecast_point {
    double mean, low, high; /* 90 % interval, >= 0 */
};
/* y (n): counts of equal periods, the oldest first; `season` periods to a cycle (24 for hours of a day; 168: of a week; 0: none).  Holt-Winters with
 * damped trend on ln(1 + y), parameters by least squared error (Gardner and McKenzie 1985; Hyndman et al. 2002); fewer than two seasons:
 * without season; fewer than 8 periods: the mean.  out (ahead). */
void forecast(const double *y, size_t n, size_t season, size_t ahead, struct forecast_point *out);

struct backtest {
    size_t points;
    double mae, mape, coverage_01; /* part of points inside the 90 % interval */
    double naive_mae, skill_01;    /* of repeating the last season; 1 - mae / naive_mae */
};
/* Rolling origin: from half of the series on, forecast `ahead` and compare. */
void forecast_backtest(const double *y, size_t n, size_t season, size_t ahead,
                       struct backtest *out);

#endif
