/* SPDX-License-Identifier: Apache-2.0 */
/* foresight: what a service expects. */
#include "cli/cli_int.h"
#include "cli/model_int.h"
#include "cli/remote.h"

enum { PATH_MAX_BYTES = 256 };

static void put_path(const struct args *a, const char *of, char out[static PATH_MAX_BYTES])
{
    bool entities = strcmp(of, "entities") == 0;
    int n = snprintf(out, PATH_MAX_BYTES, "/api/foresight/%s?level=%s&days=%llu", of,
                     args_text(a, "min-level"),
                     (unsigned long long)args_number(a, entities ? "known-days" : "days"));
    unsigned long long most = args_number(a, "most"), ahead = args_number(a, "ahead");
    if (entities)
        (void)snprintf(out + n, PATH_MAX_BYTES - (size_t)n, "&limit=%llu", most);
    else if (ahead)
        (void)snprintf(out + n, PATH_MAX_BYTES - (size_t)n, "&period=%s&ahead=%llu",
                       args_text(a, "period"), ahead);
    else
        (void)snprintf(out + n, PATH_MAX_BYTES - (size_t)n, "&period=%s", args_text(a, "period"));
}

/* A bar a period: what is expected, and its interval behind it. */
static void print_periods(struct remote *r, json_node periods, bool days)
{
    static const char *const none = "";
    struct chart_bar *bar = arena_array(&r->arena, struct chart_bar, json_count(periods) + 1);
    struct chart c = {.kind = CHART_BARS, .bar = bar};
    for (struct json_each it = json_each(periods); bar && json_each_next(&it);) {
        str time = json_str(json_get(it.value, STR("time")), STR(""));
        str name = days ? str_head(time, 10) : str_head(str_from(time, 5), 11);
        double expected = json_real(json_get(it.value, STR("expected")), 0);
        str text = arena_fmt(&r->arena, "%.1f (%.0f to %.0f)", expected,
                             json_real(json_get(it.value, STR("low")), 0),
                             json_real(json_get(it.value, STR("high")), 0));
        str label = arena_str(&r->arena, name);
        if (c.bars == CHART_BARS_MAX) {
            print_bars(&c);
            c.bars = 0;
        }
        bar[c.bars++] = (struct chart_bar){label.p ? label.p : none, expected, text.p};
    }
    print_bars(&c);
}

static void print_alerts(struct remote *r)
{
    bool days = str_eq(json_str(json_get(r->root, STR("period")), STR("")), STR("day"));
    json_node test = json_get(r->root, STR("backtest"));
    if (json_int(json_get(r->root, STR("alerts")), 0) == 0) {
        printf("no alerts in the last %llu days: nothing to expect more from\n",
               (unsigned long long)args_number(r->args, "days"));
        return;
    }
    printf("new alerts expected by the %s, made from %lld%s\n\n", days ? "day" : "hour (UTC)",
           (long long)json_int(json_get(r->root, STR("alerts")), 0),
           json_bool(json_get(r->root, STR("truncated")), false) ? ", the latest of more" : "");
    print_periods(r, json_get(r->root, STR("forecast")), days);
    if (json_int(json_get(test, STR("points")), 0) == 0)
        puts("\ntoo little history to say how good this is");
    else
        printf("\ntested on the second half of the history: off by %.2g on average (repeating the "
               "last season: %.2g), %.0f %% inside the interval\n",
               json_real(json_get(test, STR("mean_absolute_error")), 0),
               json_real(json_get(test, STR("naive_error")), 0),
               100 * json_real(json_get(test, STR("coverage")), 0));
}

static void print_risk(struct remote *r, json_node one, struct chart_bar *bar)
{
    json_node day = json_get(one, STR("day")), week = json_get(one, STR("week"));
    str name = arena_fmt(&r->arena, STR_FMT " " STR_FMT,
                         STR_ARG(str_head(json_str(json_get(one, STR("type")), STR("")), 24)),
                         STR_ARG(str_head(json_str(json_get(one, STR("value")), STR("")), 24)));
    double risk = json_real(json_get(week, STR("risk")), 0);
    str text = arena_fmt(&r->arena, "%.0f %% (%.0f to %.0f), next day %.0f %%", 100 * risk,
                         100 * json_real(json_get(week, STR("low")), 0),
                         100 * json_real(json_get(week, STR("high")), 0),
                         100 * json_real(json_get(day, STR("risk")), 0));
    *bar = (struct chart_bar){name.p ? name.p : "", 100 * risk, text.p};
}

static void print_entities(struct remote *r)
{
    json_node entities = json_get(r->root, STR("entities"));
    struct chart_bar bar[CHART_BARS_MAX];
    struct chart c = {.kind = CHART_BARS, .bar = bar, .x_max = 100};
    if (json_int(json_get(r->root, STR("known")), 0) == 0) {
        printf("\nno entity had an alert in the last %llu days\n",
               (unsigned long long)args_number(r->args, "known-days"));
        return;
    }
    printf("\nrisk of an alert in the next week, of %lld entities that had one\n\n",
           (long long)json_int(json_get(r->root, STR("known")), 0));
    for (struct json_each it = json_each(entities); json_each_next(&it);)
        if (c.bars < CHART_BARS_MAX)
            print_risk(r, it.value, &bar[c.bars++]);
    if (c.bars)
        print_bars(&c);
    json_node test = json_get(json_get(r->root, STR("backtest")), STR("week"));
    if (json_int(json_get(test, STR("forecasts")), 0))
        printf("\ntested: Brier score %.3f, %.3f without looking at who it is\n",
               json_real(json_get(test, STR("brier")), 0),
               json_real(json_get(test, STR("base_brier")), 0));
}

static status show(struct remote *r, const char *of, void (*print)(struct remote *r),
                   struct error *err)
{
    char path[PATH_MAX_BYTES];
    put_path(r->args, of, path);
    status s = remote_ask(r, "GET", path, err);
    if (s == ST_OK && !remote_print_json(r))
        print(r);
    return s;
}

int cmd_foresight(const struct args *a)
{
    struct remote r = {0};
    struct error err;
    const char *of = args_text(a, "of");
    status s = remote_open(&r, a, &err);
    if (s == ST_OK && strcmp(of, "entities") != 0)
        s = show(&r, "alerts", print_alerts, &err);
    if (s == ST_OK && strcmp(of, "alerts") != 0)
        s = show(&r, "entities", print_entities, &err);
    remote_close(&r);
    return s == ST_OK ? 0 : cli_fail(&err);
}
