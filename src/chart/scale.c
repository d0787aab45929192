/* SPDX-License-Identifier: Apache-2.0 */
#include "chart/chart_int.h"
#include "codec/time.h"

#include <math.h>

/* ---- numbers ---- */

/* A whole number below 10^9 in groups of three digits. */
static void grouped(double value, char out[static TICK_TEXT])
{
    char digits[TICK_TEXT];
    int n = snprintf(digits, sizeof digits, "%.0f", fabs(value)), k = 0;
    if (value < 0)
        out[k++] = '-';
    for (int i = 0; i < n; i++) {
        if (i && (n - i) % 3 == 0)
            out[k++] = ',';
        out[k++] = digits[i];
    }
    out[k] = '\0';
}

void number_text(double value, char out[static TICK_TEXT])
{
    static const char *const unit[] = {" M", " G", " T"};
    double size = fabs(value);
    if (value == 0) { /* also -0 */
        (void)snprintf(out, TICK_TEXT, "0");
    } else if (size >= 1e6 && size < 1e15) {
        size_t u = size >= 1e12 ? 2 : size >= 1e9 ? 1 : 0;
        (void)snprintf(out, TICK_TEXT, "%.4g%s", value / pow(10, 6 + 3 * (double)u), unit[u]);
    } else if (size >= 1000 && size < 1e15) {
        grouped(round(value), out);
    } else if (size >= 1e-5) {
        (void)snprintf(out, TICK_TEXT, size < 1e-4 ? "%.0e" : "%.4g", value);
    } else {
        (void)snprintf(out, TICK_TEXT, "%.2g", value);
    }
}

/* ---- ticks ---- */

static void tick(struct scale *s, double value)
{
    double slack = (s->log ? 1e-9 * fabs(value) : 1e-9 * (s->max - s->min));
    if (s->ticks == TICKS_MAX || value < s->min - slack || value > s->max + slack)
        return;
    s->tick[s->ticks] = value;
    number_text(value, s->text[s->ticks++]);
}

/* The least of 1, 2 and 5 times a power of ten that gives not more than `room` steps. */
static double step_of(double span, size_t room)
{
    double rough = span / (double)room, unit = pow(10, floor(log10(rough)));
    double times = rough / unit;
    return unit * (times <= 1 ? 1 : times <= 2 ? 2 : times <= 5 ? 5 : 10);
}

static void linear_ticks(struct scale *s, size_t room)
{
    double step = step_of(s->max - s->min, room), first = ceil(s->min / step - 1e-9);
    for (int i = 0; i <= TICKS_MAX; i++) {
        double value = (first + i) * step;
        tick(s, fabs(value) < step * 1e-6 ? 0 : value);
    }
}

static void log_ticks(struct scale *s, size_t room)
{
    int low = (int)floor(log10(s->min) - 1e-9), high = (int)ceil(log10(s->max) + 1e-9);
    int every = (high - low + (int)room - 1) / (int)room;
    for (int e = low; e <= high; e += every > 1 ? every : 1)
        tick(s, pow(10, e));
    if (s->ticks >= 2)
        return;
    s->ticks = 0; /* less than two decades: in between, too */
    for (int e = low; e <= high; e++)
        for (int m = 0; m < 3; m++)
            tick(s, pow(10, e) * (m == 0 ? 1 : m == 1 ? 2 : 5));
}

static const int64_t SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE, DAY = 24 * HOUR;

static void time_text(int64_t ms, int64_t step, char out[static TICK_TEXT])
{
    static const char month[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    struct civil c = time_civil(ms);
    const char *name = month + 3 * (c.month - 1);
    if (step >= 28 * DAY)
        (void)snprintf(out, TICK_TEXT, "%.3s %d", name, c.year);
    else if (step >= DAY || (c.hour == 0 && c.minute == 0 && c.second == 0))
        (void)snprintf(out, TICK_TEXT, "%u %.3s", c.day, name);
    else if (step >= MINUTE)
        (void)snprintf(out, TICK_TEXT, "%02u:%02u", c.hour, c.minute);
    else
        (void)snprintf(out, TICK_TEXT, "%02u:%02u:%02u", c.hour, c.minute, c.second);
}

static void time_ticks(struct scale *s, size_t room)
{
    const int64_t step[] = {SECOND,     5 * SECOND,  15 * SECOND, 30 * SECOND, MINUTE,
                            5 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR,        3 * HOUR,
                            6 * HOUR,   12 * HOUR,   DAY,         2 * DAY,     7 * DAY,
                            28 * DAY,   91 * DAY,    365 * DAY};
    size_t i = 0;
    while (i + 1 < COUNT(step) && (s->max - s->min) / (double)step[i] > (double)room)
        i++;
    double every = (double)step[i];
    while ((s->max - s->min) / every > (double)room)
        every *= 2;
    for (double v = ceil(s->min / every) * every; v <= s->max && s->ticks < TICKS_MAX; v += every) {
        s->tick[s->ticks] = v;
        time_text((int64_t)v, (int64_t)every, s->text[s->ticks++]);
    }
}

/* Such that max is above min, both finite, and above 0 for a logarithm. */
static void mend(struct scale *s)
{
    static const double MOST = 1e300;
    s->min = isfinite(s->min) ? fmax(-MOST, fmin(MOST, s->min)) : 0;
    s->max = isfinite(s->max) ? fmax(-MOST, fmin(MOST, s->max)) : 1;
    if (s->log && !(s->max > 0))
        s->log = false;
    if (s->log && !(s->min > 0))
        s->min = s->max / 1e4;
    if (!(s->max - s->min > fmax(fabs(s->max), fabs(s->min)) * 1e-12)) {
        double half = s->min == 0 ? 0.5 : fabs(s->min) * 0.1;
        s->max = s->log ? s->max * 2 : s->max + half;
        s->min = s->log ? s->min / 2 : s->min - half;
    }
    if (s->time) { /* what a calendar knows */
        s->min = fmax(s->min, -6e13);
        s->max = fmin(fmax(s->max, s->min + 1000), 2.5e14);
    }
}

void scale_init(struct scale *s, size_t room)
{
    mend(s);
    s->ticks = 0;
    if (s->time)
        time_ticks(s, room);
    else if (s->log)
        log_ticks(s, room);
    else
        linear_ticks(s, room);
}

double scale_at(const struct scale *s, double value)
{
    if (isnan(value))
        return value;
    double min = s->min, max = s->max;
    if (s->log) {
        value = log(fmax(value, 1e-300));
        min = log(min);
        max = log(max);
    }
    double part = (value - min) / (max - min);
    return s->from + (s->to - s->from) * fmax(-4, fmin(5, part)); /* far outside is outside */
}
