/* SPDX-License-Identifier: Apache-2.0 */
#include "rule/match.h"
#include "tests/rule_events.h"
#include "tests/test.h"

static const char rule[] =
    "title: Encoded PowerShell\nid: 5b4f6d89-1c1e-4d58-8d0c-5d2f9f1f2a11\nlevel: high\n"
    "tags: [attack.execution, attack.t1059.001]\n"
    "logsource: {product: windows, category: process_creation}\n"
    "detection:\n"
    "  selection:\n"
    "    Image|endswith: '\\powershell.exe'\n"
    "    CommandLine|contains: [' -enc ', ' -ec ']\n"
    "  filter:\n"
    "    User: null\n"
    "  filter_admin:\n"
    "    User|startswith: 'ADMIN'\n"
    "  condition: selection and not 1 of filter*\n";

struct fixture {
    struct dict *dict;
    struct rule_set *set;
    struct rule_matcher *matcher;
    struct batch batch;
    struct arena arena;
    struct rule_hits hits;
    struct sbuf out;
};

static void fixture_init(struct fixture *f, const char *yaml, const struct made_field *field)
{
    *f = (struct fixture){.dict = dict_new()};
    struct error err = {.text = ""};
    assert_int_equal(rule_set_parse(STR("a.yml"), str_z(yaml), f->dict, NULL, &f->set, &err),
                     ST_OK);
    assert_int_equal(rule_set_problem_count(f->set), 0);
    f->matcher = rule_matcher_new(f->set);
    batch_init(&f->batch, 1 << 20);
    arena_init(&f->arena, 1 << 20);
    sbuf_init(&f->out, 1 << 20);
    struct event *e = make_event(&f->batch, f->dict, FAMILY_WINDOWS, field);
    e->channel = STR("Microsoft-Windows-Sysmon/Operational");
    e->code = STR("1");
    e->time_ms = 1600746314123;
    rule_match(f->matcher, &f->batch, &f->hits);
}

static void fixture_done(struct fixture *f)
{
    rule_hits_done(&f->hits);
    rule_matcher_free(f->matcher);
    batch_done(&f->batch);
    arena_done(&f->arena);
    sbuf_done(&f->out);
    rule_set_free(f->set);
    dict_free(f->dict);
}

static const struct made_field bad[] = {S("Image", "C:\\Windows\\PowerShell.exe"),
                                        S("CommandLine", "powershell -enc AAAA"), S("User", "bob"),
                                        S("Computer", "ws1"), END};
static const struct made_field good[] = {S("Image", "C:\\Windows\\PowerShell.exe"),
                                         S("CommandLine", "powershell\x1b[31m -file x"), END};

static const char *explained(struct fixture *f, bool json)
{
    sbuf_clear(&f->out);
    rule_explain(f->matcher, 0, &f->batch.event[0], json, &f->out);
    return f->out.p;
}

static void a_finding_says_what_made_it(void **state)
{
    struct fixture f;
    fixture_init(&f, rule, bad);
    assert_int_equal(f.hits.n, 1);
    struct finding *x = rule_finding(f.matcher, &f.batch, &f.hits.at[0], &f.arena);
    assert_non_null(x);
    assert_int_equal(x->kind, FINDING_RULE);
    assert_int_equal(x->level, LEVEL_HIGH);
    assert_true(x->score_01 == level_score(LEVEL_HIGH));
    assert_int_equal(x->time_ms, 1600746314123);
    assert_string_equal(x->id.p, "5b4f6d89-1c1e-4d58-8d0c-5d2f9f1f2a11");
    assert_string_equal(x->title.p, "Encoded PowerShell");
    assert_int_equal(x->technique_count, 1);
    assert_string_equal(x->technique[0].p, "T1059.001");
    assert_string_equal(x->reason.p, "process.executable ends with '\\powershell.exe' and "
                                     "process.command_line contains ' -enc '");
    assert_int_equal(x->evidence_count, 2);
    assert_true(str_eq(x->evidence[0].name, STR("process.executable")));
    assert_string_equal(x->evidence[1].value.p, "powershell -enc AAAA");
    assert_int_equal(x->entity_count, 3);
    assert_int_equal(strlen(x->event_id), EVENT_ID_LEN);
    fixture_done(&f);
}

static void a_finding_that_does_not_fit_is_none(void **state)
{
    struct fixture f;
    struct finding *x = NULL;
    size_t cap = 1;
    fixture_init(&f, rule, bad);
    for (; !x && cap < 1 << 20; cap *= 2) {
        struct arena small;
        arena_init(&small, cap);
        x = rule_finding(f.matcher, &f.batch, &f.hits.at[0], &small);
        arena_done(&small);
    }
    assert_true(cap > 256 && cap < 1 << 16);
    fixture_done(&f);
}

static void a_long_value_and_a_long_reason_are_cut(void **state)
{
    struct fixture f;
    struct sbuf yaml, text;
    sbuf_init(&text, 1 << 16);
    sbuf_init(&yaml, 1 << 16);
    sbuf_addz(&yaml, "title: A long, long rule!\nlevel: low\nlogsource: {product: windows}\n"
                     "detection:\n  s:\n    F|contains|all: [");
    for (int i = 0; i < 30; i++)
        sbuf_addf(&yaml, "abcdefghijklmnopqrst%02d,", i);
    sbuf_addz(&yaml, "x]\n  condition: s\n");
    for (int i = 0; i < 200; i++)
        sbuf_addf(&text, "abcdefghijklmnopqrst%02dx", i);
    const struct made_field field[] = {S("F", text.p), END};
    fixture_init(&f, yaml.p, field);
    assert_int_equal(f.hits.n, 1);
    struct finding *x = rule_finding(f.matcher, &f.batch, &f.hits.at[0], &f.arena);
    assert_string_equal(x->id.p, "a-long-long-rule");
    assert_int_equal(x->evidence_count, 1);
    assert_int_equal(x->evidence[0].value.n, 1024);
    assert_in_range(x->reason.n, 300, 450);
    assert_non_null(strstr(x->reason.p, " more"));
    sbuf_done(&yaml);
    sbuf_done(&text);
    fixture_done(&f);
}

static void explaining_a_hit_shows_its_tree(void **state)
{
    struct fixture f;
    fixture_init(&f, rule, bad);
    const char *text = explained(&f, false);
    assert_non_null(strstr(text,
                           "Encoded PowerShell (high)\n✓ log source windows / process_creation; "
                           "the event is windows, channel "
                           "'Microsoft-Windows-Sysmon/Operational', code '1'\n"));
    assert_non_null(strstr(text, "✓ selection"));
    assert_non_null(strstr(text, "✓ Image = process.executable ends with '\\powershell.exe'; "
                                 "the event has 'C:\\Windows\\PowerShell.exe'\n"));
    assert_non_null(strstr(text, "✗ CommandLine = process.command_line contains ' -ec '"));
    assert_non_null(strstr(text, "the rule fires\n"));
    fixture_done(&f);
}

static void explaining_a_miss_says_what_is_missing(void **state)
{
    struct fixture f;
    fixture_init(&f, rule, good);
    assert_int_equal(f.hits.n, 0);
    const char *text = explained(&f, false);
    assert_non_null(strstr(text, "✗ selection"));
    assert_non_null(strstr(text, "the event has 'powershell [31m -file x'"));
    assert_null(strchr(text, '\x1b'));
    assert_non_null(strstr(text, "✓ filter: User = user.name is absent or null; "
                                 "the event has no such field\n"));
    assert_non_null(strstr(text, "the rule does not fire\n"));
    fixture_done(&f);
}

static void a_log_source_that_does_not_apply_is_the_reason(void **state)
{
    struct fixture f;
    fixture_init(&f, rule, bad);
    f.batch.event[0].code = STR("3");
    const char *text = explained(&f, false);
    assert_non_null(strstr(text, "✗ log source windows / process_creation"));
    assert_non_null(strstr(text, "the rule does not fire\n"));
    fixture_done(&f);
}

static void the_same_as_json(void **state)
{
    struct fixture f;
    fixture_init(&f, rule, bad);
    const char *text = explained(&f, true);
    assert_non_null(strstr(text, "\"fires\":true"));
    assert_non_null(strstr(text, "\"logsource\":{\"applies\":true"));
    assert_non_null(strstr(text, "{\"holds\":true,\"kind\":\"test\""));
    assert_non_null(strstr(text, "\"field\":\"process.command_line\",\"written\":\"CommandLine\","
                                 "\"operator\":\"contains\",\"value\":\" -enc \",\"cased\":false,"
                                 "\"event\":[\"powershell -enc AAAA\"]"));
    fixture_done(&f);
}

static void a_correlation_says_that_it_is_one(void **state)
{
    static const char yaml[] =
        "title: base\nname: base\nlevel: low\nlogsource: {product: windows}\n"
        "detection:\n  s: {F: x}\n  condition: s\n---\n"
        "title: many\nlevel: high\ncorrelation:\n  type: event_count\n  rules: [base]\n"
        "  group-by: [User]\n  timespan: 5m\n  condition: {gte: 3}\n";
    struct fixture f;
    fixture_init(&f, yaml, bad);
    rule_explain(f.matcher, 1, &f.batch.event[0], false, &f.out);
    assert_non_null(strstr(f.out.p, "a correlation"));
    sbuf_clear(&f.out);
    rule_explain(f.matcher, 1, &f.batch.event[0], true, &f.out);
    assert_non_null(strstr(f.out.p, "\"correlation\":true,\"fires\":false"));
    fixture_done(&f);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(a_finding_says_what_made_it),
        cmocka_unit_test(a_finding_that_does_not_fit_is_none),
        cmocka_unit_test(a_long_value_and_a_long_reason_are_cut),
        cmocka_unit_test(explaining_a_hit_shows_its_tree),
        cmocka_unit_test(explaining_a_miss_says_what_is_missing),
        cmocka_unit_test(a_log_source_that_does_not_apply_is_the_reason),
        cmocka_unit_test(the_same_as_json),
        cmocka_unit_test(a_correlation_says_that_it_is_one),
    };
    return cmocka_run_group_tests(all, NULL, NULL);
}
