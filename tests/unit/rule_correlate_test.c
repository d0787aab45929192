/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/correlate_bed.h"

#define COUNT_BY_USER                                                                              \
    CORRELATION("  type: event_count\n  rules: [fail]\n  group-by: [user]\n  timespan: 1m\n"       \
                "  condition: {gte: 3}\n")

static void counts_events_of_each_group_alone(void **state)
{
    struct result r = RUN(COUNT_BY_USER, {0, "fail", "a"}, {1, "fail", "b"}, {2, "fail", "a"},
                          {3, "ok", "a"}, {4, "fail", "b"}, {5, "fail", "a"});
    assert_int_equal(r.n, 1);
    assert_string_equal(r.entity[0], "a");
    assert_string_equal(r.value[0], "3");
    assert_string_equal(r.id[0], "test-id");
    assert_int_equal(r.time_ms[0], 5000);
}

static void fires_once_while_it_stays_true_and_again_after_a_lull(void **state)
{
    struct result r =
        RUN(COUNT_BY_USER, {0, "fail", "a"}, {1, "fail", "a"}, {2, "fail", "a"}, {3, "fail", "a"},
            {4, "fail", "a"}, {500, "fail", "a"}, {501, "fail", "a"}, {502, "fail", "a"});
    assert_int_equal(r.n, 2);
    assert_int_equal(r.time_ms[1], 502000);
}

static void a_window_holds_its_timespan_and_no_more(void **state)
{
    assert_int_equal(RUN(COUNT_BY_USER, {0, "fail", "a"}, {30, "fail", "a"}, {60, "fail", "a"}).n,
                     1);
    assert_int_equal(RUN(COUNT_BY_USER, {0, "fail", "a"}, {30, "fail", "a"}, {61, "fail", "a"}).n,
                     0);
}

static void events_out_of_order_count_by_their_time(void **state)
{
    struct result r = RUN(COUNT_BY_USER, {500, "fail", "a"}, {20, "fail", "a"}, {900, "fail", "a"},
                          {0, "fail", "a"}, {10, "fail", "a"});
    assert_int_equal(r.n, 1);
    assert_int_equal(r.time_ms[0], 20000);
}

static void events_without_the_group_field_are_not_correlated(void **state)
{
    assert_int_equal(RUN(COUNT_BY_USER, {0, "fail"}, {1, "fail"}, {2, "fail"}).n, 0);
}

static void counts_distinct_values(void **state)
{
    const char *yaml = CORRELATION("  type: value_count\n  rules: fail\n  group-by: host\n"
                                   "  timespan: 10m\n  condition: {field: user, gte: 3}\n");
    assert_int_equal(
        RUN(yaml, {0, "fail", "a", "h"}, {1, "fail", "b", "h"}, {2, "fail", "a", "h"}).n, 0);
    assert_int_equal(RUN(yaml, {0, "fail", "a", "h"}, {1, "fail", "b", "h"}, {2, "fail", "a", "h"},
                         {3, "fail", "c", "h"}, {4, "fail", "d", "h"})
                         .n,
                     1);
}

static void an_upper_bound_waits_for_the_window_to_close(void **state)
{
    const char *yaml = CORRELATION("  type: event_count\n  rules: [fail]\n  group-by: [user]\n"
                                   "  timespan: 1m\n  condition: {gt: 1, lte: 3}\n");
    struct result r = RUN(yaml, {0, "fail", "a"}, {1, "fail", "a"}, {0, "fail", "b"},
                          {1, "fail", "b"}, {2, "fail", "b"}, {3, "fail", "b"}, {0, "fail", "c"});
    assert_int_equal(r.n, 1);
    assert_string_equal(r.entity[0], "a");
    assert_int_equal(r.time_ms[0], 60000);
}

static void temporal_wants_every_rule_in_any_order(void **state)
{
    const char *yaml = CORRELATION("  type: temporal\n  rules: [fail, ok, third]\n"
                                   "  group-by: [user]\n  timespan: 1m\n");
    assert_int_equal(RUN(yaml, {0, "third", "a"}, {5, "fail", "a"}, {9, "ok", "a"}).n, 1);
    assert_int_equal(RUN(yaml, {0, "third", "a"}, {5, "fail", "b"}, {9, "ok", "a"}).n, 0);
    assert_int_equal(RUN(yaml, {0, "third", "a"}, {50, "fail", "a"}, {99, "ok", "a"}).n, 0);
}

static void temporal_ordered_wants_them_in_order(void **state)
{
    const char *yaml = CORRELATION("  type: temporal_ordered\n  rules: [fail, ok]\n"
                                   "  group-by: [user]\n  timespan: 1m\n");
    assert_int_equal(RUN(yaml, {0, "ok", "a"}, {5, "fail", "a"}).n, 0);
    assert_int_equal(RUN(yaml, {0, "fail", "a"}, {5, "ok", "a"}, {6, "ok", "a"}).n, 1);
    assert_int_equal(
        RUN(yaml, {0, "fail", "a"}, {5, "ok", "a"}, {9, "fail", "a"}, {9, "ok", "a"}).n, 2);
}

static void extended_conditions_combine_rules(void **state)
{
    const char *either = CORRELATION("  type: temporal\n  rules: [fail, ok, third]\n"
                                     "  group-by: [user]\n  timespan: 1m\n"
                                     "  condition: fail and (ok or third)\n");
    assert_int_equal(RUN(either, {0, "fail", "a"}, {1, "third", "a"}).n, 1);
    assert_int_equal(RUN(either, {0, "ok", "a"}, {1, "third", "a"}).n, 0);
    const char *without = CORRELATION("  type: temporal\n  rules: [fail, ok]\n"
                                      "  group-by: [user]\n  timespan: 1m\n"
                                      "  condition: fail and not ok\n");
    assert_int_equal(RUN(without, {0, "fail", "a"}, {5, "ok", "a"}).n, 0);
    assert_int_equal(RUN(without, {0, "fail", "a"}, {65, "ok", "a"}).n, 1);
}

static void sums_and_averages_numbers(void **state)
{
    static const struct {
        const char *type, *condition;
        uint32_t findings;
        const char *value;
    } cases[] = {
        {"value_sum", "{field: number, gt: 59}", 1, "60"},
        {"value_sum", "{field: number, gt: 60}", 0, ""},
        {"value_avg", "{field: number, gte: 20}", 1, "20"},
        {"value_avg", "{field: number, gt: 20}", 0, ""},
        {"value_median", "{field: number, eq: 10}", 1, "10"},
        {"value_percentile", "{field: number, percentile: 100, gte: 45}", 1, "45"},
        {"value_percentile", "{field: number, percentile: 50, lt: 10}", 0, ""},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char yaml[2048];
        snprintf(yaml, sizeof yaml,
                 CORRELATION("  type: %s\n  rules: [fail]\n  group-by: [user]\n  timespan: 1h\n"
                             "  condition: %s\n"),
                 cases[i].type, cases[i].condition);
        struct result r = RUN(yaml, {0, "fail", "a", NULL, "10"}, {1, "fail", "a", NULL, "45"},
                              {2, "fail", "a", NULL, "none"}, {2, "fail", "a", NULL, "nan"},
                              {2, "fail", "a", NULL, "-inf"}, {2, "fail", "a", NULL, "0x10"},
                              {3, "fail", "a", NULL, "5"});
        assert_int_equal(r.n, cases[i].findings);
        if (r.n)
            assert_string_equal(r.value[0], cases[i].value);
    }
}

static void aliases_name_different_fields_of_different_rules(void **state)
{
    const char *yaml =
        CORRELATION("  type: temporal\n  rules: [fail, ok]\n  group-by: [who]\n  timespan: 1m\n"
                    "  aliases:\n    who: {fail: user, ok: host}\n");
    assert_int_equal(RUN(yaml, {0, "fail", "x", "y"}, {1, "ok", "y", "x"}).n, 1);
    assert_int_equal(RUN(yaml, {0, "fail", "x", "y"}, {1, "ok", "x", "y"}).n, 0);
}

static void a_correlation_can_listen_to_a_correlation(void **state)
{
    const char *yaml = RULES
        "title: Many\nname: many\ncorrelation:\n  type: event_count\n  rules: [fail]\n"
        "  group-by: [host]\n  timespan: 1m\n  condition: {gte: 2}\n---\n"
        "title: Then in\nid: chain\ncorrelation:\n  type: temporal_ordered\n  rules: [many, ok]\n"
        "  group-by: [user]\n  timespan: 5m\n";
    struct result r = RUN(yaml, {0, "fail", "a", "h"}, {1, "fail", "a", "h"}, {9, "ok", "a", "z"});
    assert_int_equal(r.n, 1);
    assert_string_equal(r.id[0], "chain");
    assert_string_equal(r.entity[0], "a");
}

static void rules_that_feed_report_only_when_told_to(void **state)
{
    struct bed b;
    bed_open(&b, COUNT_BY_USER, NULL);
    assert_false(rule_reports(b.set, rule_set_find(b.set, STR("fail"))));
    assert_true(rule_reports(b.set, rule_set_find(b.set, STR("ok"))));
    bed_close(&b);
    bed_open(&b, COUNT_BY_USER "  generate: true\n", NULL);
    assert_true(rule_reports(b.set, rule_set_find(b.set, STR("fail"))));
    bed_close(&b);
}

static void bad_correlations_are_reported_with_their_reason(void **state)
{
    static const struct {
        const char *yaml, *why;
    } cases[] = {
        {CORRELATION("  type: magic\n  rules: [fail]\n  timespan: 1m\n"), "magic"},
        {CORRELATION("  type: event_count\n  rules: [fail]\n  condition: {gte: 1}\n"), "timespan"},
        {CORRELATION(
             "  type: event_count\n  rules: [fail]\n  timespan: 5x\n  condition: {gte: 1}\n"),
         "5x"},
        {CORRELATION("  type: event_count\n  rules: [fail]\n  timespan: 5m\n"), "condition"},
        {CORRELATION(
             "  type: event_count\n  rules: [nobody]\n  timespan: 5m\n  condition: {gte: 1}\n"),
         "nobody"},
        {CORRELATION(
             "  type: value_count\n  rules: [fail]\n  timespan: 5m\n  condition: {gte: 1}\n"),
         "field"},
        {CORRELATION(
             "  type: temporal\n  rules: [fail]\n  timespan: 5m\n  condition: fail and bad\n"),
         "bad"},
        {CORRELATION(
             "  type: event_count\n  rules: [test-id]\n  timespan: 5m\n  condition: {gte: 1}\n"),
         "itself"},
        {CORRELATION("  type: event_count\n  rules: [ok, fail, ok]\n  timespan: 5m\n  condition: "
                     "{gte: 1}\n"),
         "'ok'"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct dict *dict = dict_new();
        struct rule_set *set;
        struct error err = {0};
        assert_int_equal(rule_set_parse(STR("test"), str_z(cases[i].yaml), dict, NULL, &set, &err),
                         ST_OK);
        assert_int_equal(rule_set_problem_count(set), 1);
        assert_int_equal(rule_set_loaded(set), 3); /* the detections */
        if (!strstr(rule_set_problem(set, 0)->reason, cases[i].why))
            fail_msg("'%s' does not say '%s'", rule_set_problem(set, 0)->reason, cases[i].why);
        rule_set_free(set);
        dict_free(dict);
    }
}

static const char *problem_of(const struct rule_set *set, uint32_t line)
{
    for (size_t i = 0; i < rule_set_problem_count(set); i++)
        if (rule_set_problem(set, i)->line == line)
            return rule_set_problem(set, i)->reason;
    return "";
}

#define LISTENER(name, rules)                                                                      \
    "title: " name "\nname: " name "\ncorrelation: {type: event_count, rules: [" rules             \
    "], timespan: 5m, condition: {gte: 1}}\n"

static void every_correlation_that_cannot_fire_is_reported(void **state)
{
    struct dict *dict = dict_new();
    struct rule_set *set;
    struct error err = {0};
    str yaml = STR(LISTENER("round", "about") "---\n" LISTENER("about", "round") "---\n" LISTENER(
        "above", "about") "---\n" LISTENER("lost", "nobody") "---\n" LISTENER("higher", "lost"));
    assert_int_equal(rule_set_parse(STR("test"), yaml, dict, NULL, &set, &err), ST_OK);
    assert_int_equal(rule_set_loaded(set), 0);
    assert_int_equal(rule_set_problem_count(set), 5);
    assert_non_null(strstr(problem_of(set, 1), "itself"));
    assert_non_null(strstr(problem_of(set, 5), "'round'"));
    assert_non_null(strstr(problem_of(set, 9), "'about'"));
    assert_non_null(strstr(problem_of(set, 13), "'nobody'"));
    assert_non_null(strstr(problem_of(set, 17), "'lost'"));
    rule_set_free(set);
    dict_free(dict);
}

/* ---- limits ---- */

/* `width` correlations a level, each listening to all of the level below; how many load. */
static size_t loaded_of_tower(unsigned levels, unsigned width, bool upside_down)
{
    struct sbuf yaml;
    struct dict *dict = dict_new();
    struct rule_set *set;
    struct error err = {0};
    sbuf_init(&yaml, 1 << 20);
    for (unsigned i = 0; i <= levels; i++)
        for (unsigned k = 0; k < width; k++) {
            unsigned level = upside_down ? levels - i : i;
            sbuf_addf(&yaml, "title: t\nname: r%u_%u\n", level, k);
            if (level == 0)
                sbuf_addz(&yaml, "logsource: {product: app}\n"
                                 "detection: {s: {what: x}, condition: s}\n---\n");
            if (level == 0)
                continue;
            sbuf_addz(&yaml, "correlation: {type: event_count, timespan: 1m, "
                             "condition: {gte: 1}, rules: [");
            for (unsigned j = 0; j < width; j++)
                sbuf_addf(&yaml, "r%u_%u,", level - 1, j);
            sbuf_addz(&yaml, "]}\n---\n");
        }
    assert_int_equal(rule_set_parse(STR("test"), sbuf_str(&yaml), dict, NULL, &set, &err), ST_OK);
    size_t loaded = rule_set_loaded(set);
    rule_set_free(set);
    dict_free(dict);
    sbuf_done(&yaml);
    return loaded;
}

static void a_hit_climbs_no_endless_tower(void **state)
{
    for (int upside_down = 0; upside_down <= 1; upside_down++) {
        assert_int_equal(loaded_of_tower(31, 1, upside_down), 32);
        assert_int_equal(loaded_of_tower(500, 1, upside_down), 33);
        assert_int_equal(loaded_of_tower(12, 2, upside_down), 26);
        assert_int_equal(loaded_of_tower(30, 2, upside_down), 26);
    }
}

static void a_million_groups_stay_inside_the_limit(void **state)
{
    struct bed b;
    struct result r = {0};
    bed_open(&b, COUNT_BY_USER, &(struct correlator_limits){.max_bytes = 4 << 20});
    char user[16];
    for (int i = 0; i < 100000; i++) {
        snprintf(user, sizeof user, "u%d", i);
        happen(&b, &(struct happening){i / 100000, "fail", user, NULL, NULL}, &r);
        assert_true(correlator_stats(b.correlator).bytes <= (4 << 20) + (64 << 10));
    }
    correlator_finish(b.correlator, &b.arena, keep, &r);
    struct correlator_stats s = correlator_stats(b.correlator);
    assert_true(s.evicted > 50000);
    assert_int_equal(s.late, 0);
    bed_close(&b);
}

static void a_late_event_is_counted_and_not_used(void **state)
{
    struct bed b;
    struct result r = {0};
    bed_open(&b, COUNT_BY_USER, &(struct correlator_limits){.lateness_ms = 10000});
    happen(&b, &(struct happening){100, "fail", "a", NULL, NULL}, &r);
    happen(&b, &(struct happening){101, "fail", "a", NULL, NULL}, &r);
    happen(&b, &(struct happening){95, "fail", "a", NULL, NULL}, &r); /* within the lateness */
    happen(&b, &(struct happening){300, "ok", "a", NULL, NULL}, &r);
    happen(&b, &(struct happening){400, "fail", "a", NULL, NULL}, &r);
    assert_int_equal(r.n, 1);
    assert_int_equal(r.time_ms[0], 101000);
    happen(&b, &(struct happening){50, "fail", "a", NULL, NULL}, &r);
    assert_int_equal(correlator_stats(b.correlator).late, 1);
    bed_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_events_of_each_group_alone),
        cmocka_unit_test(fires_once_while_it_stays_true_and_again_after_a_lull),
        cmocka_unit_test(a_window_holds_its_timespan_and_no_more),
        cmocka_unit_test(events_out_of_order_count_by_their_time),
        cmocka_unit_test(events_without_the_group_field_are_not_correlated),
        cmocka_unit_test(counts_distinct_values),
        cmocka_unit_test(an_upper_bound_waits_for_the_window_to_close),
        cmocka_unit_test(temporal_wants_every_rule_in_any_order),
        cmocka_unit_test(temporal_ordered_wants_them_in_order),
        cmocka_unit_test(extended_conditions_combine_rules),
        cmocka_unit_test(sums_and_averages_numbers),
        cmocka_unit_test(aliases_name_different_fields_of_different_rules),
        cmocka_unit_test(a_correlation_can_listen_to_a_correlation),
        cmocka_unit_test(rules_that_feed_report_only_when_told_to),
        cmocka_unit_test(bad_correlations_are_reported_with_their_reason),
        cmocka_unit_test(every_correlation_that_cannot_fire_is_reported),
        cmocka_unit_test(a_hit_climbs_no_endless_tower),
        cmocka_unit_test(a_million_groups_stay_inside_the_limit),
        cmocka_unit_test(a_late_event_is_counted_and_not_used),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
