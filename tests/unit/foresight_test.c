/* SPDX-License-Identifier: Apache-2.0 */
/* Series and alerts that are made with known numbers: are they found again, and do forecasts keep what they say? */
#include "base/mem.h"
#include "base/random.h"
#include "foresight/foresight.h"
#include "tests/test.h"

#include <math.h>

enum { HOURS = 24 * 28, ENTITIES = 400, ALERTS_MAX = 2000 };
static const int64_t start = 1735516800000, day = 86400000;

static double poisson(struct random *r, double mean)
{
    if (mean > 50)
        return fmax(0, round(mean + sqrt(mean) * random_normal(r)));
    double left = exp(-mean), p = 1;
    int k = -1;
    do {
        k++;
        p *= random_01(r);
    } while (p > left);
    return k;
}

/* A day's wave, noise of 20 %, and a trend that ends. */
static void make(struct random *r, double *y, size_t n, double size)
{
    for (size_t i = 0; i < n; i++) {
        double wave = 1 + 0.8 * sin(6.283185307 * (double)i / 24);
        y[i] = poisson(r, size * wave * exp(0.2 * random_normal(r)) * (1 + (double)i / HOURS / 2));
    }
}

static void finds_the_wave_again(void **state)
{
    struct random r;
    double y[HOURS + 24];
    struct forecast_point p[24];
    double error = 0, sum = 0;
    random_init(&r, 1, 0);
    make(&r, y, HOURS + 24, 100);
    forecast(y, HOURS, 24, 24, p);
    for (size_t h = 0; h < 24; h++) {
        double is = 100 * (1 + 0.8 * sin(6.283185307 * (double)h / 24)) * 1.5;
        error += fabs(p[h].mean - is);
        sum += is;
        assert_true(p[h].low <= p[h].mean && p[h].mean <= p[h].high && p[h].low >= 0);
    }
    assert_true(error / sum < 0.1);
}

static void is_right_nine_times_in_ten(void **state)
{
    static const double size[] = {3, 30, 300};
    for (size_t k = 0; k < COUNT(size); k++) {
        double coverage = 0, skill = 0, points = 0;
        for (unsigned seed = 0; seed < 8; seed++) {
            struct random r;
            double y[HOURS];
            struct backtest b;
            random_init(&r, seed, k);
            make(&r, y, HOURS, size[k]);
            forecast_backtest(y, HOURS, 24, 24, &b);
            coverage += b.coverage_01 / 8;
            skill += b.skill_01 / 8;
            points += (double)b.points;
        }
        print_message("counts about %.0f: %.1f %% inside the interval, skill %.2f, %.0f points\n",
                      size[k], 100 * coverage, skill, points);
        assert_true(coverage > 0.86 && coverage < 0.95);
        assert_true(skill > 0.15);
    }
}

static void follows_a_level_that_changed(void **state)
{
    double y[400];
    struct forecast_point p[4];
    struct random r;
    random_init(&r, 5, 0);
    for (size_t i = 0; i < 400; i++)
        y[i] = poisson(&r, i < 200 ? 10 : 80);
    forecast(y, 400, 0, 4, p);
    assert_true(p[0].mean > 70 && p[0].mean < 90 && p[3].mean > 65 && p[3].mean < 95);
    assert_true(p[0].high < 130 && p[0].low > 45);
}

static void says_little_of_little(void **state)
{
    double none[1] = {0}, few[5] = {2, 4, 3, 5, 2}, odd[12] = {1, NAN, -5, INFINITY, 3};
    double zero[50] = {0};
    struct forecast_point p[30];
    struct backtest b;
    forecast(none, 0, 24, 3, p);
    assert_true(p[2].mean == 0 && isfinite(p[2].high));
    forecast(few, 5, 24, 3, p);
    assert_true(p[0].mean > 2 && p[0].mean < 4 && p[0].low < 2 && p[0].high > 5);
    forecast(odd, 12, 24, 30, p);
    for (size_t i = 0; i < 30; i++)
        assert_true(isfinite(p[i].mean) && isfinite(p[i].high) && p[i].low >= 0);
    forecast(zero, 50, 24, 2, p);
    assert_true(p[1].mean == 0 && p[1].high == 0);
    forecast_backtest(few, 5, 24, 24, &b);
    assert_int_equal(b.points, 0);
    forecast_backtest(zero, 50, 7, 7, &b);
    assert_true(b.points > 0 && b.mae == 0 && b.skill_01 == 0);
}

/* ---- entities ---- */

struct made {
    struct risk_history history[ENTITIES];
    struct risk_alert *alert;
};

static int by_time(const void *a, const void *b)
{
    const struct risk_alert *x = a, *y = b;
    return (x->time_ms > y->time_ms) - (x->time_ms < y->time_ms);
}

/* Branching: each entity's own alerts, and what each of them leads to.  Base rates differ tenfold. */
static void make_alerts(struct made *m, double base, double excited, double days, int64_t length)
{
    m->alert = mem_array(struct risk_alert, ENTITIES * ALERTS_MAX);
    for (size_t e = 0; e < ENTITIES; e++) {
        struct random r;
        struct risk_alert *a = m->alert + e * ALERTS_MAX;
        random_init(&r, 77, e);
        double rate = base * exp(0.8 * random_normal(&r));
        size_t n = (size_t)poisson(&r, rate * (double)length);
        for (size_t i = 0; i < n; i++)
            a[i].time_ms = start + (int64_t)(random_01(&r) * (double)(length * day));
        for (size_t i = 0; i < n && n < ALERTS_MAX - 20; i++) {
            a[i].weight = 1;
            a[i].counts = true;
            for (int k = (int)poisson(&r, excited); k > 0; k--) {
                int64_t t = a[i].time_ms - (int64_t)(days * log(1 - random_01(&r)) * (double)day);
                if (t < start + length * day)
                    a[n++].time_ms = t;
            }
        }
        qsort(a, n, sizeof *a, by_time);
        m->history[e] = (struct risk_history){a, n, start};
    }
}

static void finds_the_numbers_that_alerts_were_made_with(void **state)
{
    struct made *m = mem_new(struct made);
    struct risk_model model;
    make_alerts(m, 0.02, 0.5, 1, 120);
    risk_fit(m->history, ENTITIES, start + 120 * day, &model);
    print_message("base %.4f (made with about %.4f), excited %.2f (0.5), days %.2f (1)\n",
                  model.base, 0.02 * exp(0.32), model.excited, model.days);
    assert_true(model.base > 0.02 && model.base < 0.036);
    assert_true(model.excited > 0.4 && model.excited < 0.6);
    assert_true(model.days == 1);
    mem_free(m->alert);
    mem_free(m);
}

static void foresees_better_than_the_base_rate(void **state)
{
    static const double days[] = {1, 7};
    struct made *m = mem_new(struct made);
    make_alerts(m, 0.02, 0.6, 2, 120);
    for (size_t k = 0; k < COUNT(days); k++) {
        struct risk_backtest b;
        risk_backtest(m->history, ENTITIES, start + 120 * day, days[k], &b);
        print_message("%.0f days: brier %.4f, of the base rate %.4f, skill %.3f, calibration %.3f, "
                      "%zu of %zu\n",
                      days[k], b.brier, b.base_brier, b.skill_01, b.calibration_error, b.happened,
                      b.forecasts);
        assert_int_equal(b.forecasts, 8 * ENTITIES);
        assert_true(b.skill_01 > 0.05);
        assert_true(b.calibration_error < 0.045); /* chance alone makes 0.02 */
        assert_true(b.bin[RISK_BINS - 1].happened_01 > 2 * b.bin[0].happened_01);
    }
    mem_free(m->alert);
    mem_free(m);
}

static void risk_rises_with_an_alert_and_fades(void **state)
{
    struct risk_model m = {.base = 0.01, .excited = 0.5, .days = 2, .prior = 0.5};
    struct risk_alert a = {start + 30 * day, 1, true};
    struct risk_history none = {NULL, 0, start}, one = {&a, 1, start};
    struct risk calm = risk_of(&m, &none, start + 30 * day, 1);
    struct risk hot = risk_of(&m, &one, start + 30 * day + 1000, 1);
    struct risk later = risk_of(&m, &one, start + 60 * day, 1);
    struct risk week = risk_of(&m, &one, start + 30 * day + 1000, 7);
    assert_true(calm.risk_01 > 0 && hot.risk_01 > 10 * calm.risk_01);
    assert_true(later.risk_01 < hot.risk_01 / 4 && week.risk_01 > hot.risk_01);
    assert_true(hot.own_01 > 0.8 && calm.own_01 == 0);
    assert_true(hot.low < hot.risk_01 && hot.risk_01 < hot.high && hot.high <= 1);
    a.time_ms = start + 90 * day; /* has not been yet */
    assert_true(risk_of(&m, &one, start + 30 * day, 1).risk_01 == calm.risk_01);
    struct risk_model empty = {0};
    assert_true(risk_of(&empty, &one, start, 7).risk_01 == 0);
    risk_fit(&none, 1, start + day, &empty);
    assert_true(empty.base == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_wave_again),
        cmocka_unit_test(is_right_nine_times_in_ten),
        cmocka_unit_test(follows_a_level_that_changed),
        cmocka_unit_test(says_little_of_little),
        cmocka_unit_test(finds_the_numbers_that_alerts_were_made_with),
        cmocka_unit_test(foresees_better_than_the_base_rate),
        cmocka_unit_test(risk_rises_with_an_alert_and_fades),
    };
    return cmocka_run_group_tests_name("foresight", tests, NULL, NULL);
}
