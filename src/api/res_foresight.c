/* SPDX-License-Identifier: Apache-2.0 */
/* What is to come, by the alerts that are stored: how many, and whom they will concern. */
#include "api/api_int.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/vec.h"
#include "codec/json_doc.h"
#include "foresight/foresight.h"
#include "store/alert.h"

#include <math.h>

enum {
    PAGE = 1000,
    ALERTS_MAX = 50000, /* the latest; older ones are left out, and it is said */
    PAGE_ARENA_MAX = 32 << 20,
    ENTITIES_MAX = 10000,
    ENTITY_BYTES_MAX = 4096,
    DAY_HOURS = 24,
    WEEK_DAYS = 7
};
static const int64_t hour_ms = 3600000, day_ms = 86400000;

static const char *const levels[] = {"informational", "low", "medium", "high", "critical", NULL};
static const char *const periods[] = {"hour", "day", NULL};

/* ---- the alerts ---- */

struct reading {
    struct api_call *c;
    struct alert_filter filter;
    struct arena page;
    size_t n;
    bool truncated;
    void (*take)(void *arg, const struct alert_record *r);
    void *arg;
};

static status read_page(struct reading *r, char *cursor, size_t room, struct error *err)
{
    struct alert_record *record = NULL;
    size_t n = 0;
    str next = {0};
    arena_clear(&r->page);
    status st =
        store_alert_list(r->c->api->options.store, &r->page, &r->filter, &record, &n, &next, err);
    for (size_t i = 0; st == ST_OK && i < n; i++)
        r->take(r->arg, &record[i]);
    r->n += n;
    if (st == ST_OK && next.n >= room)
        return fail(err, ST_LIMIT, "the cursor is too long");
    if (st == ST_OK)
        (void)snprintf(cursor, room, STR_FMT, STR_ARG(next));
    return st;
}

static status read_alerts(struct reading *r, int64_t from_ms, struct error *err)
{
    char cursor[256] = "";
    status st;
    str level = call_query(r->c, "level");
    r->filter =
        (struct alert_filter){.tenant = str_z(r->c->who.tenant), .from_ms = from_ms, .limit = PAGE};
    if (level.n)
        (void)level_find(level, &r->filter.min_level); /* the schema has seen to it */
    arena_init(&r->page, PAGE_ARENA_MAX);
    do {
        r->filter.cursor = str_z(cursor);
        st = read_page(r, cursor, sizeof cursor, err);
        r->truncated = *cursor && r->n >= ALERTS_MAX;
    } while (st == ST_OK && *cursor && !r->truncated);
    arena_done(&r->page);
    return st;
}

/* ---- GET /api/foresight/alerts ---- */

static const struct schema_field foresight_query_fields[] = {
    {"level", SCHEMA_STRING, .values = levels, .doc = "alerts of this level or above"},
    {"period", SCHEMA_STRING, .values = periods, .doc = "what is counted by; hour"},
    {"days", SCHEMA_INTEGER, .min = 2, .max = 180, .doc = "to look back; 28"},
    {"ahead", SCHEMA_INTEGER, .min = 1, .max = 336, .doc = "periods to look ahead; 24, of days 7"},
};
const struct schema schema_foresight_query =
    SCHEMA_OF("ForesightQuery", "", foresight_query_fields);

static const struct schema_field foreseen_fields[] = {
    {"time", SCHEMA_STRING, .required = true, .format = FORMAT_TIME, .doc = "the period begins"},
    {"expected", SCHEMA_NUMBER, .required = true, .doc = "new alerts"},
    {"low", SCHEMA_NUMBER, .required = true, .doc = "nine times in ten it is at least"},
    {"high", SCHEMA_NUMBER, .required = true, .doc = "and at most"},
};
static const struct schema schema_foreseen =
    SCHEMA_OF("ForeseenPeriod", "What is expected", foreseen_fields);
static const struct schema_field foresight_alerts_fields[] = {
    {"period", SCHEMA_STRING, .required = true, .doc = "hour or day"},
    {"season", SCHEMA_INTEGER, .required = true, .doc = "periods after which it repeats; 0: not"},
    {"from", SCHEMA_STRING, .required = true, .format = FORMAT_TIME, .doc = "history begins"},
    {"alerts", SCHEMA_INTEGER, .required = true, .doc = "that it is made from"},
    {"truncated", SCHEMA_BOOLEAN, .required = true, .doc = "there were older ones, left out"},
    {"history", SCHEMA_ARRAY, .required = true, .item = SCHEMA_INTEGER,
     .doc = "new alerts of each period that is over"},
    {"forecast", SCHEMA_ARRAY, .required = true, .item = SCHEMA_OBJECT, .child = &schema_foreseen,
     .doc = "from the present period on"},
    {"backtest", SCHEMA_OBJECT, .required = true,
     .doc = "how good it would have been in the second half of the history: points, "
            "mean_absolute_error, "
            "coverage (part of points between low and high), naive_error (of repeating the last "
            "season), skill"},
};
const struct schema schema_foresight_alerts =
    SCHEMA_OF("ForesightAlerts", "How many alerts are to come", foresight_alerts_fields);

struct series {
    int64_t from_ms, period_ms, oldest_ms;
    size_t n;
    double *count; /* in the call's arena */
};

static void count_alert(void *arg, const struct alert_record *r)
{
    struct series *s = arg;
    if (r->first_ms < s->oldest_ms)
        s->oldest_ms = r->first_ms;
    if (r->first_ms < s->from_ms)
        return;
    size_t i = (size_t)((r->first_ms - s->from_ms) / s->period_ms);
    if (i < s->n)
        s->count[i]++;
}

/* Nothing is known of the time before the first alert. */
static void cut_start(struct series *s)
{
    if (s->oldest_ms <= s->from_ms || s->n == 0)
        return;
    int64_t periods_before = (s->oldest_ms - s->from_ms) / s->period_ms;
    size_t cut = periods_before < (int64_t)s->n ? (size_t)periods_before : s->n;
    s->from_ms += (int64_t)cut * s->period_ms;
    s->count += cut;
    s->n -= cut;
}

/* A day's or a week's season: whichever would have been better. */
static size_t best_season(const struct series *s, size_t ahead, struct backtest *best)
{
    static const size_t of_hours[] = {24, 168}, of_days[] = {7, 0};
    const size_t *season = s->period_ms == day_ms ? of_days : of_hours;
    struct backtest one;
    size_t ahead_of = ahead < s->n / 4 ? ahead : s->n / 4;
    forecast_backtest(s->count, s->n, season[0], ahead_of, best);
    forecast_backtest(s->count, s->n, season[1], ahead_of, &one);
    if (one.points == 0 || one.mae >= best->mae)
        return season[0];
    *best = one;
    return season[1];
}

static void write_backtest(struct json_out *o, const struct backtest *b)
{
    json_out_key(o, STR("backtest"));
    json_out_object(o);
    json_out_kv_u64(o, "points", b->points);
    json_out_kv_f64(o, "mean_absolute_error", b->mae);
    json_out_kv_f64(o, "coverage", b->coverage_01);
    json_out_kv_f64(o, "naive_error", b->naive_mae);
    json_out_kv_f64(o, "skill", b->naive_mae > 0 ? b->skill_01 : NAN); /* of nothing: null */
    json_out_object_end(o);
}

static void write_series(struct api_call *c, const struct series *s, const struct reading *r,
                         size_t ahead)
{
    struct json_out o = call_json(c);
    struct backtest b;
    struct forecast_point *p = mem_array(struct forecast_point, ahead);
    size_t season = best_season(s, ahead, &b);
    forecast(s->count, s->n, season, ahead, p);
    json_out_object(&o);
    json_out_kv_str(&o, "period", s->period_ms == day_ms ? STR("day") : STR("hour"));
    json_out_kv_u64(&o, "season", s->n >= 2 * season ? season : 0);
    json_out_kv_time(&o, "from", s->from_ms);
    json_out_kv_u64(&o, "alerts", r->n);
    json_out_kv_bool(&o, "truncated", r->truncated);
    json_out_key(&o, STR("history"));
    json_out_array(&o);
    for (size_t i = 0; s->count && i < s->n; i++)
        json_out_u64(&o, (uint64_t)s->count[i]);
    json_out_array_end(&o);
    json_out_key(&o, STR("forecast"));
    json_out_array(&o);
    for (size_t i = 0; i < ahead; i++) {
        json_out_object(&o);
        json_out_kv_time(&o, "time", s->from_ms + (int64_t)(s->n + i) * s->period_ms);
        json_out_kv_f64(&o, "expected", p[i].mean);
        json_out_kv_f64(&o, "low", p[i].low);
        json_out_kv_f64(&o, "high", p[i].high);
        json_out_object_end(&o);
    }
    json_out_array_end(&o);
    write_backtest(&o, &b);
    json_out_object_end(&o);
    mem_free(p);
    call_send(c, 200);
}

void serve_foresight_alerts(struct api_call *c)
{
    struct error err;
    bool days = str_eq(call_query(c, "period"), STR("day"));
    int64_t back = call_query_int(c, "days", 28);
    struct series s = {.period_ms = days ? day_ms : hour_ms, .oldest_ms = c->now_ms};
    int64_t end_ms = c->now_ms / s.period_ms * s.period_ms; /* the present one is not over */
    s.n = (size_t)(back * (days ? 1 : DAY_HOURS));
    s.from_ms = end_ms - (int64_t)s.n * s.period_ms;
    s.count = arena_array(c->arena, double, s.n);
    struct reading r = {.c = c, .take = count_alert, .arg = &s};
    status st = s.count ? read_alerts(&r, s.from_ms, &err)
                        : fail(&err, ST_LIMIT, "no memory left to count in");
    if (!call_ok(c, st, &err))
        return;
    cut_start(&s);
    write_series(c, &s, &r, (size_t)call_query_int(c, "ahead", days ? WEEK_DAYS : DAY_HOURS));
}

/* ---- GET /api/foresight/entities ---- */

static const struct schema_field risk_query_fields[] = {
    {"level", SCHEMA_STRING, .values = levels,
     .doc = "alerts that are foreseen: of this level or above"},
    {"days", SCHEMA_INTEGER, .min = 2, .max = 365, .doc = "to look back; 90"},
    {"limit", SCHEMA_INTEGER, .min = 1, .max = 1000, .doc = "of entities; 50"},
};
const struct schema schema_risk_query = SCHEMA_OF("RiskQuery", "", risk_query_fields);

static const struct schema_field risk_fields[] = {
    {"type", SCHEMA_STRING, .required = true, .doc = "user, host, source.ip …"},
    {"value", SCHEMA_STRING, .required = true, .doc = "who"},
    {"alerts", SCHEMA_INTEGER, .required = true, .doc = "so far"},
    {"last_seen", SCHEMA_STRING, .required = true, .format = FORMAT_TIME, .doc = "of the latest"},
    {"day", SCHEMA_OBJECT, .required = true,
     .doc = "risk of at least one in the next 24 hours: risk, low, high (90 %), expected"},
    {"week", SCHEMA_OBJECT, .required = true, .doc = "the same of the next seven days"},
    {"reason", SCHEMA_STRING, .required = true, .doc = "in words"},
};
static const struct schema schema_entity_risk =
    SCHEMA_OF("EntityRisk", "Will there be an alert?", risk_fields);
static const struct schema_field foresight_entities_fields[] = {
    {"entities", SCHEMA_ARRAY, .required = true, .item = SCHEMA_OBJECT,
     .child = &schema_entity_risk, .doc = "the riskiest of the week first"},
    {"known", SCHEMA_INTEGER, .required = true, .doc = "entities with an alert"},
    {"alerts", SCHEMA_INTEGER, .required = true, .doc = "that it is made from"},
    {"truncated", SCHEMA_BOOLEAN, .required = true, .doc = "there were older ones, left out"},
    {"model", SCHEMA_OBJECT, .required = true,
     .doc = "base: alerts a day of an entity; excited: alerts that a critical one leads to; days: "
            "after which, on average"},
    {"backtest", SCHEMA_OBJECT, .required = true,
     .doc = "of day and week: forecasts, happened, brier, base_brier, skill, calibration_error"},
};
const struct schema schema_foresight_entities =
    SCHEMA_OF("ForesightEntities", "Whom alerts will concern", foresight_entities_fields);

struct seen { /* an alert of an entity */
    uint32_t entity;
    struct risk_alert alert;
};
struct named {
    str type, value; /* in the call's arena */
    int64_t last_ms;
    size_t alerts;
    struct risk day, week;
    struct risk_history history;
};
struct gathering {
    struct api_call *c;
    struct map index; /* "type:value" → named */
    VEC(struct named) named;
    VEC(struct seen) seen;
    struct risk_alert *alert; /* owned */
    bool full;
};

/* The index of an entity; UINT32_MAX: no room. */
static uint32_t name_entity(struct gathering *g, str type, str value)
{
    struct arena *a = g->c->arena;
    bool added;
    str key = arena_fmt(a, STR_FMT ":" STR_FMT, STR_ARG(type), STR_ARG(value));
    uint32_t *known = key.p ? map_find(&g->index, key) : NULL;
    if (known)
        return *known;
    if (!key.p || g->named.n >= ENTITIES_MAX) {
        g->full = true;
        return UINT32_MAX;
    }
    uint32_t i = (uint32_t)g->named.n;
    *vec_push(&g->named) =
        (struct named){.type = str_head(key, type.n), .value = str_from(key, type.n + 1)};
    (void)map_add(&g->index, key, i, &added);
    return i;
}

static void gather_alert(void *arg, const struct alert_record *r)
{
    struct gathering *g = arg;
    struct json_doc *doc = NULL;
    if (json_doc_parse(r->entity, ENTITY_BYTES_MAX, &doc, NULL) != ST_OK)
        return; /* more than a person would call entities */
    json_node root = json_doc_root(doc);
    for (struct json_each it = json_each(root); json_each_next(&it);) {
        str value = json_str(it.value, STR(""));
        uint32_t i = value.n ? name_entity(g, it.key, value) : UINT32_MAX;
        if (i == UINT32_MAX)
            continue;
        struct named *n = &g->named.at[i];
        n->alerts++;
        n->last_ms = r->last_ms > n->last_ms ? r->last_ms : n->last_ms;
        *vec_push(&g->seen) = (struct seen){
            i, {.time_ms = r->first_ms, .weight = (double)level_score(r->level), .counts = true}};
    }
    json_doc_free(doc);
}

static int by_entity_and_time(const void *a, const void *b)
{
    const struct seen *x = a, *y = b;
    if (x->entity != y->entity)
        return x->entity < y->entity ? -1 : 1;
    return (x->alert.time_ms > y->alert.time_ms) - (x->alert.time_ms < y->alert.time_ms);
}

/* An entity is known since its first alert, which therefore does not count: it was bound to be there. */
static struct risk_history *histories_of(struct gathering *g)
{
    struct risk_history *h = mem_array(struct risk_history, g->named.n + 1);
    g->alert = mem_array(struct risk_alert, g->seen.n + 1);
    if (g->seen.n)
        qsort(g->seen.at, g->seen.n, sizeof *g->seen.at, by_entity_and_time);
    for (size_t i = 0; i < g->seen.n; i++) {
        struct risk_history *one = &h[g->seen.at[i].entity];
        g->alert[i] = g->seen.at[i].alert;
        if (one->n++ == 0) {
            one->alert = &g->alert[i];
            one->since_ms = g->alert[i].time_ms;
            g->alert[i].counts = false;
        }
    }
    for (size_t i = 0; i < g->named.n; i++)
        g->named.at[i].history = h[i];
    return h;
}

static int by_risk(const void *a, const void *b)
{
    const struct named *x = a, *y = b;
    return (x->week.risk_01 < y->week.risk_01) - (x->week.risk_01 > y->week.risk_01);
}

static void write_risk(struct json_out *o, const char *name, const struct risk *r)
{
    json_out_key(o, str_z(name));
    json_out_object(o);
    json_out_kv_f64(o, "risk", r->risk_01);
    json_out_kv_f64(o, "low", r->low);
    json_out_kv_f64(o, "high", r->high);
    json_out_kv_f64(o, "expected", r->expected);
    json_out_object_end(o);
}

static void write_named(struct api_call *c, struct json_out *o, const struct named *n)
{
    json_out_object(o);
    json_out_kv_str(o, "type", n->type);
    json_out_kv_str(o, "value", n->value);
    json_out_kv_u64(o, "alerts", n->alerts);
    json_out_kv_time(o, "last_seen", n->last_ms);
    write_risk(o, "day", &n->day);
    write_risk(o, "week", &n->week);
    str reason = arena_fmt(c->arena,
                           "%zu alert%s; %.0f %% of the risk of the week is what the last ones "
                           "may lead to, the rest what is usual for it",
                           n->alerts, n->alerts == 1 ? "" : "s", 100 * n->week.own_01);
    json_out_kv_str(o, "reason", reason);
    json_out_object_end(o);
}

static void write_risk_test(struct json_out *o, const char *name, const struct risk_backtest *b)
{
    json_out_key(o, str_z(name));
    json_out_object(o);
    json_out_kv_u64(o, "forecasts", b->forecasts);
    json_out_kv_u64(o, "happened", b->happened);
    json_out_kv_f64(o, "brier", b->brier);
    json_out_kv_f64(o, "base_brier", b->base_brier);
    json_out_kv_f64(o, "skill", b->happened ? b->skill_01 : NAN); /* of nothing: null */
    json_out_kv_f64(o, "calibration_error", b->calibration_error);
    json_out_object_end(o);
}

static void write_tests(struct json_out *o, const struct gathering *g, const struct risk_history *h)
{
    struct risk_backtest day, week;
    int64_t now_ms = g->c->now_ms;
    risk_backtest(h, g->named.n, now_ms, 1, &day);
    risk_backtest(h, g->named.n, now_ms, WEEK_DAYS, &week);
    json_out_key(o, STR("backtest"));
    json_out_object(o);
    write_risk_test(o, "day", &day);
    write_risk_test(o, "week", &week);
    json_out_object_end(o);
}

static void write_entities(struct gathering *g, const struct reading *r, size_t limit)
{
    struct api_call *c = g->c;
    struct risk_model m;
    struct risk_history *h = histories_of(g);
    struct json_out o = call_json(c);
    risk_fit(h, g->named.n, c->now_ms, &m);
    for (size_t i = 0; i < g->named.n; i++) {
        struct named *n = &g->named.at[i];
        n->day = risk_of(&m, &n->history, c->now_ms, 1);
        n->week = risk_of(&m, &n->history, c->now_ms, WEEK_DAYS);
    }
    if (g->named.n)
        qsort(g->named.at, g->named.n, sizeof *g->named.at, by_risk);
    json_out_object(&o);
    json_out_key(&o, STR("entities"));
    json_out_array(&o);
    for (size_t i = 0; i < g->named.n && i < limit; i++)
        write_named(c, &o, &g->named.at[i]);
    json_out_array_end(&o);
    json_out_kv_u64(&o, "known", g->named.n);
    json_out_kv_u64(&o, "alerts", r->n);
    json_out_kv_bool(&o, "truncated", r->truncated || g->full);
    json_out_key(&o, STR("model"));
    json_out_object(&o);
    json_out_kv_f64(&o, "base", m.base);
    json_out_kv_f64(&o, "excited", m.excited);
    json_out_kv_f64(&o, "days", m.days);
    json_out_object_end(&o);
    write_tests(&o, g, h);
    json_out_object_end(&o);
    mem_free(h);
    call_send(c, 200);
}

void serve_foresight_entities(struct api_call *c)
{
    struct error err;
    struct gathering g = {.c = c};
    struct reading r = {.c = c, .take = gather_alert, .arg = &g};
    status st = read_alerts(&r, c->now_ms - call_query_int(c, "days", 90) * day_ms, &err);
    if (call_ok(c, st, &err))
        write_entities(&g, &r, (size_t)call_query_int(c, "limit", 50));
    map_done(&g.index);
    vec_done(&g.named);
    vec_done(&g.seen);
    mem_free(g.alert);
}
