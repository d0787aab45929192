/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/utf.h"
#include "report/report.h"
#include "report/tally.h"
#include "tests/test.h"

/* ---- findings by hand ---- */

static const str lsass[] = {{"T1003.001", 9}, {"T1685", 5}};
static const struct pair alice[] = {{{"user", 4}, {"alice", 5}}, {{"host", 4}, {"web1", 4}}};
static const struct pair proof[] = {{{"process.command_line", 20}, {"a \"b\"", 5}}};

static struct finding dump_of(enum level level, int64_t ms)
{
    return (struct finding){
        .kind = FINDING_RULE,
        .level = level,
        .score_01 = level_score(level),
        .time_ms = ms,
        .id = STR("11111111-2222"),
        .title = STR("Memory of LSASS read"),
        .technique = lsass,
        .technique_count = 2,
        .entity = alice,
        .entity_count = 2,
        .evidence = proof,
        .evidence_count = 1,
        .reason = STR("one selection matched"),
        .origin = {.line = 7},
        .event_id = "00000000000000aa",
    };
}

static const int64_t noon_ms = 1715947200000;

static const struct detect_stats stats = {
    .events = 12345, .read = 12347, .rejected = 2, .seconds = 0.5};
static const struct report_run whole_run = {.stats = &stats,
                                            .inputs = 2,
                                            .rules = 3,
                                            .program = "bguard",
                                            .rules_path = "my rules",
                                            .now_ms = 1715947200000};

/* What a report of `n` findings writes.  *out is the caller's to free. */
static void write_report(const char *kind, unsigned width, const struct finding *f, size_t n,
                         char **out)
{
    size_t size = 0;
    FILE *to = open_memstream(out, &size);
    struct report *r = report_new(kind, &(struct style){.to = to, .width = width});
    for (size_t i = 0; i < n; i++)
        report_finding(r, &f[i], "logs/a.log");
    report_reject(r, &(struct reject){.origin = {.line = 3}, .text = "no brace"}, "logs/b.log");
    report_unread(r, "logs/c.gz", "cut short");
    report_end(r, &whole_run);
    report_free(r);
    fclose(to);
}

/* ---- text ---- */

static void text_becomes(const char *in, size_t n, size_t max, const char *want)
{
    char *out = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&out, &size);
    print_text(to, (str){in, n}, max);
    fclose(to);
    assert_string_equal(out, want);
    free(out);
}

static void shows_hostile_bytes_as_what_they_are(void **state)
{
    text_becomes("\033[2J\a\r\n\177", 8, 0, "\\x1b[2J\\x07\\x0d\\x0a\\x7f");
    text_becomes("\xc2\x9b"
                 "31m",
                 5, 0, "\\xc2\\x9b31m");
    text_becomes("\xe2\x80\xae"
                 "exe",
                 6, 0, "\\xe2\\x80\\xaeexe");
    text_becomes("\xff\xc0\x80", 3, 0, "\\xff\\xc0\\x80");
    text_becomes("a\0b", 3, 0, "a\\x00b");
    text_becomes("h\xc3\xa9", 3, 0, "h\xc3\xa9");
}

static void cuts_text_to_columns(void **state)
{
    text_becomes("abcdef", 6, 6, "abcdef");
    text_becomes("abcdef", 6, 5, "abcd…");
    text_becomes("abc\033d", 5, 5, "abc…");
    text_becomes("\xc3\xa9\xc3\xa9\xc3\xa9", 6, 2, "\xc3\xa9…");
    text_becomes("", 0, 5, "");
}

static void groups_digits(void **state)
{
    char out[GROUPED_SIZE];
    format_grouped(0, out);
    assert_string_equal(out, "0");
    format_grouped(999, out);
    assert_string_equal(out, "999");
    format_grouped(1234567, out);
    assert_string_equal(out, "1,234,567");
    format_grouped(UINT64_MAX, out);
    assert_string_equal(out, "18,446,744,073,709,551,615");
}

/* ---- ndjson ---- */

static void ndjson_has_the_keys_that_are_promised(void **state)
{
    struct sbuf line;
    struct finding f = dump_of(LEVEL_HIGH, noon_ms);
    sbuf_init(&line, 1 << 20);
    finding_json(&line, &f, "logs/a.log");
    assert_string_equal(
        line.p, "{\"time\":\"2024-05-17T12:00:00.000Z\",\"kind\":\"rule\",\"id\":\"11111111-2222\","
                "\"title\":\"Memory of LSASS read\",\"level\":\"high\",\"score\":0.75,"
                "\"entity\":{\"user\":\"alice\",\"host\":\"web1\"},"
                "\"techniques\":[\"T1003.001\",\"T1685\"],"
                "\"evidence\":{\"process.command_line\":\"a \\\"b\\\"\"},"
                "\"reason\":\"one selection matched\","
                "\"event\":{\"file\":\"logs/a.log\",\"line\":7,\"id\":\"00000000000000aa\"}}\n");
    sbuf_clear(&line);
    f.time_ms = TIME_NONE;
    f.origin = (struct origin){.record = 9};
    finding_json(&line, &f, "x.evtx");
    assert_non_null(strstr(line.p, "{\"time\":null,"));
    assert_non_null(strstr(line.p, "\"record\":9,"));
    sbuf_done(&line);
}

static void ndjson_survives_bytes_that_are_not_utf8(void **state)
{
    struct pair bad[] = {{STR("k\xff"), STR("\xff\xfe\0\x1f")}};
    struct finding f = dump_of(LEVEL_LOW, 0);
    char *out = NULL;
    f.evidence = bad;
    f.title = STR("\xed\xa0\x80\"\\");
    write_report("ndjson", 0, &f, 1, &out);
    assert_true(utf8_valid(str_z(out)));
    assert_ptr_equal(strchr(out, '\n'), out + strlen(out) - 1);
    assert_null(strchr(out, 0x1f));
    free(out);
}

/* ---- table ---- */

static void table_is_one_line_a_finding(void **state)
{
    struct finding f = dump_of(LEVEL_HIGH, noon_ms);
    char *out = NULL;
    write_report("table", 0, &f, 1, &out);
    assert_string_equal(
        out,
        "2024-05-17 12:00:00  high      Memory of LSASS read                            alice@web1"
        "                          logs/a.log:7\n"
        "\n"
        "1 finding: 1 high in 12,345 events from 2 inputs, 0.5 s\n"
        "Look first at host web1 (1 kind, up to high), user alice (1 kind, up to high)\n"
        "1 input could not be read to the end:\n"
        "  logs/c.gz: cut short\n"
        "2 records of 12347 could not be parsed; the first:\n"
        "  logs/b.log:3: no brace\n"
        "\n"
        "Next:\n"
        "  add '--output summary' for the same by rule, entity and technique, or\n"
        "  '--output html >report.html' for a page\n"
        "  bguard rules explain --rules 'my rules' --rule 11111111-2222 --line 7 logs/a.log\n"
        "      shows why the first of them fired\n");
    free(out);
}

static void table_counts_what_repeats(void **state)
{
    struct finding f[] = {dump_of(LEVEL_HIGH, noon_ms), dump_of(LEVEL_HIGH, noon_ms + 1),
                          dump_of(LEVEL_HIGH, noon_ms + 2)};
    char *out = NULL;
    f[1].entity_count = 1;
    write_report("table", 0, f, 3, &out);
    assert_non_null(strstr(out, "logs/a.log:7 ×2\n"));
    assert_non_null(strstr(out, "alice                               logs/a.log:7\n"));
    free(out);
}

static void table_keeps_the_order_of_first_appearance(void **state)
{
    enum { MANY = 100 };
    struct finding f[MANY];
    static char id[MANY][8];
    char *out = NULL;
    for (size_t i = 0; i < MANY; i++) {
        f[i] = dump_of(LEVEL_LOW, noon_ms);
        f[i].id = f[i].title = (str){id[i], (size_t)snprintf(id[i], sizeof *id, "id%03zu", i)};
    }
    write_report("table", 0, f, MANY, &out);
    const char *at = out;
    for (size_t i = 0; i < MANY; i++) {
        at = strstr(at, id[i]);
        assert_non_null(at);
    }
    free(out);
}

static void table_fits_the_terminal(void **state)
{
    static const unsigned widths[] = {60, 80, 100, 120, 200};
    struct finding f[] = {dump_of(LEVEL_CRITICAL, noon_ms), dump_of(LEVEL_CRITICAL, noon_ms)};
    f[0].title = STR("A title that is a good deal longer than any column that it could be given");
    for (size_t i = 0; i < COUNT(widths); i++) {
        char *out = NULL;
        write_report("table", widths[i], f, 2, &out);
        size_t columns = 0;
        for (const char *p = out; *p != '\n'; p++)
            columns += ((unsigned char)*p & 0xc0) != 0x80;
        assert_in_range(columns, 1, widths[i]);
        assert_non_null(strstr(out, ":7 ×2\n"));
        free(out);
    }
}

static void says_so_when_nothing_was_found(void **state)
{
    char *out = NULL;
    write_report("table", 0, NULL, 0, &out);
    assert_int_equal(strncmp(out, "Nothing found in 12,345 events", 30), 0);
    free(out);
}

/* ---- summary ---- */

static void summary_lists_rules_entities_and_techniques(void **state)
{
    static const char *const want[] = {
        "1 finding: 1 high in",
        "  high            1  Memory of LSASS read\n",
        "1 entity, 2024-05-17 12:00:00; 11111111-2222",
        "e.g. alice@web1 (logs/a.log:7)",
        "one selection matched",
        "user            alice ",
        "Defense Impairment, Credential Access",
        "T1003.001   OS Credential Dumping: LSASS Memory\n",
        "T1685       Disable or Modify Tools\n",
        "Next:\n  bguard rules explain",
    };
    struct finding f = dump_of(LEVEL_HIGH, noon_ms);
    char *out = NULL;
    write_report("summary", 0, &f, 1, &out);
    for (size_t i = 0; i < COUNT(want); i++)
        if (!strstr(out, want[i]))
            fail_msg("no '%s' in:\n%s", want[i], out);
    free(out);
}

/* ---- html ---- */

static void page_loads_nothing_and_escapes_everything(void **state)
{
    static const char *const never[] = {"<script", "<link", "<iframe", "@import",
                                        "url(",    "<img",  "<b on"};
    const str evil = STR("\"'><script src=//x.example></script><b onmouseover=alert(1)>&");
    struct finding f = dump_of(LEVEL_CRITICAL, noon_ms);
    struct pair pair = {evil, evil};
    str technique[] = {evil};
    char *out = NULL;
    f.id = f.title = f.reason = evil;
    f.entity = f.evidence = &pair;
    f.entity_count = f.evidence_count = 1;
    f.technique = technique;
    f.technique_count = 1;
    write_report("html", 0, &f, 1, &out);
    for (size_t i = 0; i < COUNT(never); i++)
        if (strstr(out, never[i]))
            fail_msg("'%s' in the page", never[i]);
    assert_non_null(strstr(out, "&quot;&#39;&gt;&lt;script src=//x.example&gt;"));
    assert_non_null(strstr(out, "default-src 'none'"));
    assert_non_null(strstr(out, "</html>"));
    free(out);
}

static void page_has_timeline_and_heat_map(void **state)
{
    struct finding f[] = {dump_of(LEVEL_HIGH, noon_ms), dump_of(LEVEL_LOW, noon_ms + 90000)};
    char *out = NULL;
    write_report("html", 0, f, 2, &out);
    assert_non_null(strstr(out, "<rect class=\"high\""));
    assert_non_null(strstr(out, "<rect class=\"low\""));
    assert_non_null(strstr(out, "<h3>Credential Access</h3>"));
    assert_non_null(strstr(out, "href=\"https://attack.mitre.org/techniques/T1003/001/\""));
    assert_non_null(strstr(out, "<b>T1003.001</b> 2<br>OS Credential Dumping: LSASS Memory"));
    free(out);
}

static void page_keeps_some_of_every_rule(void **state)
{
    enum { MANY = 500 };
    struct finding *f = calloc(MANY + 1, sizeof *f);
    char *out = NULL;
    for (size_t i = 0; i < MANY; i++)
        f[i] = dump_of(LEVEL_LOW, noon_ms);
    f[MANY] = dump_of(LEVEL_CRITICAL, noon_ms);
    f[MANY].id = STR("the-last-one");
    write_report("html", 0, f, MANY + 1, &out);
    assert_non_null(strstr(out, "11 of 501: the first 10 of each rule"));
    assert_non_null(strstr(out, "<dd class=\"mono\">the-last-one</dd>"));
    free(out);
    free(f);
}

/* ---- tally ---- */

static void entities_with_more_kinds_of_trouble_come_first(void **state)
{
    static const struct pair noisy = {{"host", 4}, {"noisy", 5}}, hit = {{"host", 4}, {"hit", 3}};
    struct tally *t = tally_new();
    struct finding f = dump_of(LEVEL_LOW, TIME_NONE);
    f.entity = &noisy;
    f.entity_count = 1;
    for (int i = 0; i < 1000; i++)
        tally_add(t, &f, "a");
    f = dump_of(LEVEL_HIGH, TIME_NONE);
    f.id = STR("another");
    f.entity = &hit;
    f.entity_count = 1;
    tally_add(t, &f, "a");
    size_t n;
    const struct tally_entity *e = tally_entities(t, &n);
    assert_int_equal(n, 2);
    assert_true(str_eq(e[0].value, STR("hit")));
    assert_int_equal(e[1].count, 1000);
    assert_int_equal(e[1].rules, 1);
    const struct tally_rule *r = tally_rules(t, &n);
    assert_true(str_eq(r[0].id, STR("another")));
    assert_int_equal(r[1].entities, 1);
    assert_true(r[0].first_ms == TIME_NONE);
    tally_free(t);
}

static void counting_stays_exact_past_its_limits(void **state)
{
    struct tally *t = tally_new();
    for (unsigned i = 0; i < TALLY_RULES_MAX + 10; i++) {
        char id[16];
        struct finding f = dump_of(LEVEL_LOW, TIME_NONE);
        f.id = (str){id, (size_t)snprintf(id, sizeof id, "%u", i)};
        tally_add(t, &f, "a");
    }
    size_t n;
    tally_rules(t, &n);
    assert_int_equal(n, TALLY_RULES_MAX);
    assert_int_equal(tally_total(t), TALLY_RULES_MAX + 10);
    assert_int_equal(tally_others(t), 10);
    tally_free(t);
}

/* Against the plain count, in two orders. */
static void a_timeline_holds_every_finding_where_it_was(void **state)
{
    static const int64_t step_ms[] = {0, 1, 999, 60000, 86400000, 864000000};
    for (size_t s = 0; s < COUNT(step_ms); s++) {
        struct tally *up = tally_new(), *down = tally_new();
        enum { N = 300 };
        for (int i = 0; i < N; i++) {
            struct finding f = dump_of((enum level)(i % LEVEL_COUNT), noon_ms + i * step_ms[s]);
            tally_add(up, &f, "a");
            f = dump_of((enum level)((N - 1 - i) % LEVEL_COUNT),
                        noon_ms + (N - 1 - i) * step_ms[s]);
            tally_add(down, &f, "a");
        }
        const struct tally_timeline *t = tally_timeline(up);
        assert_memory_equal(t, tally_timeline(down), sizeof *t);
        uint32_t count[LEVEL_COUNT][TALLY_SPANS] = {{0}};
        for (int i = 0; i < N; i++)
            count[i % LEVEL_COUNT][(noon_ms + i * step_ms[s] - t->start_ms) / t->span_ms]++;
        assert_memory_equal(t->count, count, sizeof count);
        tally_free(up);
        tally_free(down);
    }
}

static void labels_say_who(void **state)
{
    static const struct {
        struct pair pair[4];
        uint32_t n;
        const char *want;
    } cases[] = {
        {{{{"user", 4}, {"a", 1}}, {{"host", 4}, {"h", 1}}, {{"source.ip", 9}, {"192.0.2.1", 9}}},
         3,
         "a@h from 192.0.2.1"},
        {{{{"source.ip", 9}, {"192.0.2.1", 9}}, {{"destination.ip", 14}, {"192.0.2.2", 9}}},
         2,
         "192.0.2.1 to 192.0.2.2"},
        {{{{"host", 4}, {"h", 1}}, {{"process", 7}, {"p", 1}}}, 2, "h"},
        {{{{"process", 7}, {"p", 1}}}, 1, "process=p"},
        {{{{"", 0}, {"", 0}}}, 0, "-"},
    };
    struct sbuf out;
    sbuf_init(&out, 1024);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct finding f = {.entity = cases[i].pair, .entity_count = cases[i].n};
        sbuf_clear(&out);
        entity_label(&f, &out);
        assert_string_equal(out.p, cases[i].want);
    }
    sbuf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shows_hostile_bytes_as_what_they_are),
        cmocka_unit_test(cuts_text_to_columns),
        cmocka_unit_test(groups_digits),
        cmocka_unit_test(ndjson_has_the_keys_that_are_promised),
        cmocka_unit_test(ndjson_survives_bytes_that_are_not_utf8),
        cmocka_unit_test(table_is_one_line_a_finding),
        cmocka_unit_test(table_counts_what_repeats),
        cmocka_unit_test(table_keeps_the_order_of_first_appearance),
        cmocka_unit_test(table_fits_the_terminal),
        cmocka_unit_test(says_so_when_nothing_was_found),
        cmocka_unit_test(summary_lists_rules_entities_and_techniques),
        cmocka_unit_test(page_loads_nothing_and_escapes_everything),
        cmocka_unit_test(page_has_timeline_and_heat_map),
        cmocka_unit_test(page_keeps_some_of_every_rule),
        cmocka_unit_test(entities_with_more_kinds_of_trouble_come_first),
        cmocka_unit_test(counting_stays_exact_past_its_limits),
        cmocka_unit_test(a_timeline_holds_every_finding_where_it_was),
        cmocka_unit_test(labels_say_who),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
