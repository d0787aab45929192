/* SPDX-License-Identifier: Apache-2.0 */
/* What is foreseen from alerts that were taken in. */
#include "os/clock.h"
#include "tests/unit/api_bed.h"

#include <math.h>

static struct bed bed;
static const char *admin;

enum { HOUR = 3600 * 1000, DAYS = 20 };

static int set_up(void **state)
{
    if (folder_make(state) != 0)
        return -1;
    bed_open(&bed, &(struct api_options){.guard = false});
    admin = bed_login(&bed, "admin", BED_PASSWORD);
    bed_as(&bed, admin);
    return 0;
}

static int tear_down(void **state)
{
    bed_close(&bed);
    return folder_remove(state);
}

static void add_event(struct sbuf *b, int64_t ms, const char *who)
{
    sbuf_addf(b,
              "{\"@timestamp\":%lld,\"what\":\"hit\",\"who\":\"%s\",\"user\":{\"name\":\"%s\"}}\n",
              (long long)ms, who, who);
}

static void take(struct sbuf *b)
{
    bed_expect(&bed, 200, "POST", "/api/events", b->p);
    sbuf_clear(b);
}

static double real(const char *object, const char *member)
{
    return json_real(json_get(bed_member(&bed, object), str_z(member)), NAN);
}

static void answers_without_any_alert(void **state)
{
    bed_expect(&bed, 200, "GET", "/api/foresight/alerts", NULL);
    assert_int_equal(json_int(bed_member(&bed, "alerts"), -1), 0);
    assert_int_equal(json_count(bed_member(&bed, "forecast")), 24);
    bed_expect(&bed, 200, "GET", "/api/foresight/entities", NULL);
    assert_int_equal(json_int(bed_member(&bed, "known"), -1), 0);
    assert_int_equal(json_count(bed_member(&bed, "entities")), 0);
}

/* Each day at one hour five alerts of new users, and now and then one of eve. */
static void sees_the_days_wave_and_who_is_often_there(void **state)
{
    struct sbuf b;
    char name[40];
    sbuf_init(&b, 1 << 20);
    int64_t now = clock_wall_ms() / HOUR * HOUR;
    for (int day = DAYS; day > 0; day--) {
        for (int i = 0; i < 5; i++) {
            snprintf(name, sizeof name, "user%d-%d", day, i);
            add_event(&b, now - (int64_t)day * 24 * HOUR + i * 1000, name);
        }
        if (day % 3 == 1)
            add_event(&b, now - (int64_t)day * 24 * HOUR + 5 * HOUR, "eve");
    }
    take(&b);
    bed_expect(&bed, 200, "GET", "/api/foresight/alerts?level=low&days=28", NULL);
    assert_true(json_int(bed_member(&bed, "alerts"), 0) >= 5 * DAYS);
    assert_int_equal(json_int(bed_member(&bed, "season"), 0), 24);
    double at_hour = 0, later = 0;
    struct json_each it = json_each(bed_member(&bed, "forecast"));
    for (int i = 0; json_each_next(&it); i++)
        *(i == 0 ? &at_hour : &later) += json_real(json_get(it.value, STR("expected")), NAN);
    assert_true(at_hour > 3 && at_hour < 7 && later < at_hour);
    assert_true(real("backtest", "points") > 0);

    bed_expect(&bed, 200, "GET", "/api/foresight/entities?limit=3", NULL);
    assert_true(json_int(bed_member(&bed, "known"), 0) >= 5 * DAYS);
    assert_int_equal(json_count(bed_member(&bed, "entities")), 3);
    it = json_each(bed_member(&bed, "entities"));
    assert_true(json_each_next(&it));
    assert_true(str_eq(json_str(json_get(it.value, STR("value")), STR("")), STR("eve")));
    json_node week = json_get(it.value, STR("week")), day = json_get(it.value, STR("day"));
    double risk = json_real(json_get(week, STR("risk")), NAN);
    assert_true(risk > 0.2 && risk <= 1);
    assert_true(json_real(json_get(day, STR("risk")), NAN) < risk);
    assert_true(json_real(json_get(week, STR("low")), NAN) < risk);
    sbuf_done(&b);
}

static void counts_by_the_day(void **state)
{
    bed_expect(&bed, 200, "GET", "/api/foresight/alerts?period=day&ahead=3", NULL);
    assert_int_equal(json_count(bed_member(&bed, "forecast")), 3);
    assert_true(str_eq(json_str(bed_member(&bed, "period"), STR("")), STR("day")));
    assert_true(json_count(bed_member(&bed, "history")) >= DAYS - 1);
    bed_expect(&bed, 200, "GET", "/api/foresight/alerts?level=critical", NULL);
    assert_int_equal(json_int(bed_member(&bed, "alerts"), -1), 0);
}

static void refuses_what_it_does_not_know(void **state)
{
    bed_expect(&bed, 400, "GET", "/api/foresight/alerts?period=minute", NULL);
    bed_expect(&bed, 400, "GET", "/api/foresight/alerts?ahead=1000", NULL);
    bed_expect(&bed, 400, "GET", "/api/foresight/entities?days=1", NULL);
    bed_as(&bed, NULL);
    bed_expect(&bed, 401, "GET", "/api/foresight/alerts", NULL);
    bed_expect(&bed, 401, "GET", "/api/foresight/entities", NULL);
    bed_as(&bed, admin);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_without_any_alert),
        cmocka_unit_test(sees_the_days_wave_and_who_is_often_there),
        cmocka_unit_test(counts_by_the_day),
        cmocka_unit_test(refuses_what_it_does_not_know),
    };
    return cmocka_run_group_tests_name("api_foresight", tests, set_up, tear_down);
}
