/* SPDX-License-Identifier: Apache-2.0 */
/* What the pipeline reports, and in which order. */
#include "base/sbuf.h"
#include "detect/detect.h"
#include "tests/folder.h"
#include "tests/test.h"

#include <inttypes.h>

static const char rules[] =
    /* ids are not in the order of the documents */
    "title: Names an evil tool\n"
    "id: 99999999-0000-4000-8000-000000000009\n"
    "logsource: {category: test}\n"
    "detection:\n  s:\n    tool|contains: evil\n  condition: s\n"
    "level: high\n"
    "---\n"
    "title: Names any tool\n"
    "id: 11111111-0000-4000-8000-000000000001\n"
    "logsource: {category: test}\n"
    "detection:\n  s:\n    tool: '*'\n  condition: s\n"
    "level: low\n"
    "---\n"
    "title: Failed\n"
    "id: 55555555-0000-4000-8000-000000000005\n"
    "name: failed\n"
    "logsource: {category: test}\n"
    "detection:\n  s:\n    outcome: failed\n  condition: s\n"
    "level: medium\n"
    "---\n"
    "title: Failed three times\n"
    "id: 22222222-0000-4000-8000-000000000002\n"
    "correlation:\n"
    "  type: event_count\n"
    "  rules: [failed]\n"
    "  group-by: [who]\n"
    "  timespan: 1h\n"
    "  condition: {gte: 3}\n"
    "level: high\n";

struct log {
    struct sbuf text;
};

static void log_finding(void *arg, const struct finding *f, const char *path)
{
    struct log *log = arg;
    sbuf_addf(&log->text, "%s %" PRIu64 " %s %.8s", strrchr(path, '/') + 1, f->origin.line,
              finding_kind_name(f->kind), f->id.p);
    for (uint32_t i = 0; i < f->evidence_count; i++)
        sbuf_addf(&log->text, " " STR_FMT "=" STR_FMT, STR_ARG(f->evidence[i].name),
                  STR_ARG(f->evidence[i].value));
    sbuf_addc(&log->text, '\n');
}

static struct detect_stats run(const char *path, unsigned threads, enum level min_level,
                               struct log *log)
{
    struct ingest_options options = {.limits = parse_limits_default, .batch_bytes = 2000};
    struct ingest *in;
    assert_int_equal(ingest_open(&path, 1, &options, &in, NULL), ST_OK);
    struct dict *dict = dict_new();
    struct rule_options rule_options = {0};
    struct rule_set *set;
    struct error err;
    if (rule_set_parse(STR("test.yml"), str_z(rules), dict, &rule_options, &set, &err) != ST_OK)
        fail_msg("%s", err.text);
    for (size_t i = 0; i < rule_set_problem_count(set); i++)
        fail_msg("%s", rule_set_problem(set, i)->reason);
    struct intel_options intel_options = {0};
    struct intel_set *intel = intel_set_new(&intel_options);
    struct indicator item = {
        .kind = INTEL_KIND_COUNT, .value = STR("198.51.100.7"), .source = STR("unit")};
    assert_int_equal(intel_set_add(intel, &item, false, NULL), ST_OK);
    intel_set_freeze(intel);

    struct snapshot snapshot = {.dict = dict, .rules = set, .intel = intel};
    struct detect_options how = {
        .threads = threads, .min_level = min_level, .limits = parse_limits_default};
    struct detect_sink sink = {.finding = log_finding, .arg = log};
    struct detect_stats stats;
    sbuf_init(&log->text, SIZE_MAX);
    assert_int_equal(detect_run(&snapshot, &how, in, &sink, &stats, NULL), ST_OK);
    ingest_close(in);
    intel_set_free(intel);
    rule_set_free(set);
    dict_free(dict);
    return stats;
}

static void orders_what_one_event_led_to(void **state)
{
    folder_write("one", STR("{\"time\":\"2024-05-01T10:00:00Z\",\"tool\":\"evil.exe\","
                            "\"source\":{\"ip\":\"198.51.100.7\"}}\n"
                            "{\"time\":\"2024-05-01T10:00:01Z\",\"tool\":\"good\"}\n"));
    struct log log;
    struct detect_stats stats = run(folder_path("one"), 1, LEVEL_INFORMATIONAL, &log);
    char kinds[256] = "";
    size_t n = 0;
    str rest = sbuf_str(&log.text);
    while (rest.n) {
        str line = str_cut(&rest, '\n');
        (void)str_cut(&line, ' ');
        str at = str_cut(&line, ' '), kind = str_cut(&line, ' '), id = str_cut(&line, ' ');
        n += (size_t)snprintf(kinds + n, sizeof kinds - n, STR_FMT " " STR_FMT " %.2s|",
                              STR_ARG(at), STR_ARG(kind), id.p);
    }
    assert_string_equal(kinds, "1 rule 11|1 rule 99|1 indicator ip|2 rule 11|");
    assert_int_equal(stats.findings, 4);
    assert_int_equal(stats.suppressed, 0);
    sbuf_done(&log.text);
}

static void counts_what_is_below_the_level_asked_for(void **state)
{
    struct log log;
    struct detect_stats stats = run(folder_path("one"), 1, LEVEL_HIGH, &log);
    assert_null(strstr(log.text.p, "11111111"));
    assert_non_null(strstr(log.text.p, "99999999"));
    assert_int_equal(stats.findings + stats.suppressed, 4);
    assert_true(stats.suppressed >= 2);
    sbuf_done(&log.text);
}

static void reports_a_correlation_but_not_what_only_feeds_it(void **state)
{
    struct sbuf text;
    sbuf_init(&text, SIZE_MAX);
    for (unsigned i = 0; i < 5; i++)
        sbuf_addf(&text,
                  "{\"time\":\"2024-05-01T10:00:0%uZ\",\"outcome\":\"failed\",\"who\":\"%s\"}\n", i,
                  i == 1 ? "bob" : "eve");
    folder_write("failures", sbuf_str(&text));
    struct log log;
    struct detect_stats stats = run(folder_path("failures"), 1, LEVEL_INFORMATIONAL, &log);
    assert_null(strstr(log.text.p, "55555555"));
    assert_non_null(strstr(log.text.p, "correlation 22222222"));
    assert_true(stats.findings >= 1);
    sbuf_done(&log.text);
    sbuf_done(&text);
}

static void finds_the_same_whatever_the_number_of_threads(void **state)
{
    struct sbuf text;
    sbuf_init(&text, SIZE_MAX);
    for (unsigned i = 0; i < 5000; i++)
        sbuf_addf(&text,
                  "{\"time\":\"2024-05-01T10:%02u:%02uZ\",\"tool\":\"%s %u\",\"outcome\":\"%s\","
                  "\"who\":\"user%u\",\"x%u\":\"filler\",\"source\":{\"ip\":\"198.51.100.%u\"}}\n",
                  i / 60 % 60, i % 60, i % 7 ? "good" : "evil", i, i % 5 ? "fine" : "failed",
                  i % 13, i % 100, i % 30);
    folder_write("many", sbuf_str(&text));
    struct log one;
    struct detect_stats stats = run(folder_path("many"), 1, LEVEL_INFORMATIONAL, &one);
    assert_int_equal(stats.events, 5000);
    assert_int_equal(stats.dropped, 0);
    for (unsigned threads = 2; threads <= 4; threads *= 2) {
        struct log many;
        struct detect_stats again = run(folder_path("many"), threads, LEVEL_INFORMATIONAL, &many);
        assert_true(str_eq(sbuf_str(&one.text), sbuf_str(&many.text)));
        again.seconds = stats.seconds;
        assert_memory_equal(&again, &stats, sizeof stats);
        sbuf_done(&many.text);
    }
    sbuf_done(&one.text);
    sbuf_done(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(orders_what_one_event_led_to),
        cmocka_unit_test(counts_what_is_below_the_level_asked_for),
        cmocka_unit_test(reports_a_correlation_but_not_what_only_feeds_it),
        cmocka_unit_test(finds_the_same_whatever_the_number_of_threads),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
