/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/folder.h"
#include "tests/rule_text.h"

#define HEAD(title) "title: " title "\nlogsource: {product: windows, category: process_creation}\n"
#define BODY        "detection:\n  sel: {A: x}\n  condition: sel\n"
#define RULE(title) HEAD(title) BODY

static struct dict *dict;

static struct rule_set *set_of(const char *yaml)
{
    return set_of_options(yaml, dict, NULL);
}

static void check_problem(const struct rule_set *set, size_t i, uint32_t line, const char *reason)
{
    assert_true(i < rule_set_problem_count(set));
    assert_string_equal(rule_set_problem(set, i)->reason, reason);
    assert_int_equal(rule_set_problem(set, i)->line, line);
}

static void check_str(str got, const char *want)
{
    if (!str_eq(got, str_z(want)))
        fail_msg("'%.*s' is not '%s'", STR_ARG(got), want);
}

static void check_root(const struct rule_set *set, uint32_t rule, const char *want)
{
    struct sbuf text;
    sbuf_init(&text, 1 << 16);
    text_of_node(&set->image, set->image.rule.at[rule].root, &text);
    assert_string_equal(text.p, want);
    sbuf_done(&text);
}

static void keeps_what_a_rule_says_of_itself(void **state)
{
    struct rule_set *set = set_of("# a comment\n"
                                  "title: Some Title\n"
                                  "id: 0e95725d-7320-415d-80f7-004da920fc11\n"
                                  "name: some_name\n"
                                  "status: test\n"
                                  "description: |\n  two\n  lines\n"
                                  "author: [A, B]\n"
                                  "references: https://a.example/\n"
                                  "tags: [attack.execution, attack.t1059.001, attack.T1003, "
                                  "cve.2021-1, attack.t12, attack.t1234.01]\n"
                                  "level: High\n"
                                  "falsepositives: [Unlikely, Admins]\n"
                                  "custom_field: {anything: goes}\n"
                                  "date: 2024-01-01\n"
                                  "logsource: {product: windows, service: security}\n" BODY);
    assert_int_equal(rule_set_problem_count(set), 0);
    assert_int_equal(rule_set_count(set), 1);
    const struct rule_info *i = rule_set_info(set, 0);
    check_str(i->title, "Some Title");
    check_str(i->id, "0e95725d-7320-415d-80f7-004da920fc11");
    check_str(i->status, "test");
    check_str(i->description, "two\nlines\n");
    check_str(i->author, "A, B");
    check_str(i->file, "test.yml");
    check_str(i->product, "windows");
    check_str(i->category, "");
    check_str(i->service, "security");
    assert_int_equal(i->line, 2);
    assert_int_equal(i->level, LEVEL_HIGH);
    assert_false(i->correlation);
    assert_int_equal(i->tag_count, 6);
    assert_int_equal(i->technique_count, 2);
    check_str(i->technique[0], "T1059.001");
    check_str(i->technique[1], "T1003");
    assert_int_equal(i->reference_count, 1);
    assert_int_equal(i->falsepositive_count, 2);
    check_str(i->falsepositive[1], "Admins");
    assert_int_equal(rule_set_find(set, i->id), 0);
    assert_int_equal(rule_set_find(set, STR("some_name")), 0);
    assert_int_equal(rule_set_find(set, STR("other")), UINT32_MAX);
    rule_set_free(set);
}

static void takes_medium_where_no_level_is_given(void **state)
{
    struct rule_set *set = set_of(RULE("t"));
    assert_int_equal(rule_set_info(set, 0)->level, LEVEL_MEDIUM);
    rule_set_free(set);
}

static void reads_selections_of_every_shape(void **state)
{
    static const struct detection_case rows[] = {
        {"  s: {A: x, B: y}\n  condition: s\n", "(A = \"x\" & B = \"y\")"},
        {"  s: [{A: x}, {B: y, C: z}]\n  condition: s\n", "(A = \"x\" | (B = \"y\" & C = \"z\"))"},
        {"  s: [x, [y, z]]\n  condition: s\n",
         "(* contains \"x\" | (* contains \"y\" | * contains \"z\"))"},
        {"  s: {A: [x, y], B: }\n  condition: s\n", "((A = \"x\" | A = \"y\") & B null)"},
        {"  s: {Some Field: x}\n  timeframe: 5m\n  condition: s\n", "Some Field = \"x\""},
        {"  s: {A: x}\n  rules: {B: y}\n  condition: s and rules\n", "(A = \"x\" & B = \"y\")"},
        {"  s: {}\n  condition: s\n", "line 5: a selection is empty"},
        {"  s: []\n  condition: s\n", "line 5: a selection is empty"},
        {"  s:\n  condition: s\n", "line 5: selection 's' is empty"},
        {"  s: {A: x}\n", "line 5: there is no condition"},
        {"  - a\n", "line 5: 'detection' wants a mapping of selections"},
        {"  s: [[[[[[[[[[[[[[[[[[[x]]]]]]]]]]]]]]]]]]]\n  condition: s\n",
         "line 5: lists are nested deeper than 16"},
    };
    check_detections(rows, COUNT(rows), NULL);
}

static void reports_the_bad_and_loads_the_rest(void **state)
{
    struct rule_set *set =
        set_of(RULE("one") "---\n"                                                /* 1 */
               HEAD("two") "detection: 5\n---\n"                                  /* 7 */
               RULE("three") "level: hgih\n---\n"                                 /* 11 */
                             "logsource: {product: x}\n" BODY "---\n"             /* 18 */
                             "title: five\n" BODY "---\n"                         /* 23 */
                             "just text\n---\n"                                   /* 28 */
                             "title: seven\n---\n"                                /* 30 */
                             "title: {a: b}\n" BODY "---\n"                       /* 32 */
                             "title: t\nlogsource: {}\n" BODY "---\n"             /* 37 */
                             "title: t\nlogsource: {product: [x]}\n" BODY "---\n" /* 43 */
                             "---\n~\n---\n" RULE("last"));
    assert_int_equal(rule_set_count(set), 2);
    check_str(rule_set_info(set, 0)->title, "one");
    check_str(rule_set_info(set, 1)->title, "last");
    check_problem(set, 0, 9, "'detection' wants a mapping of selections");
    check_problem(set, 1, 16,
                  "'level' wants informational, low, medium, high or critical, not 'hgih'");
    check_problem(set, 2, 18, "there is no 'title'");
    check_problem(set, 3, 23, "there is no 'logsource'");
    check_problem(set, 4, 28, "a rule must be a mapping");
    check_problem(set, 5, 30, "there is neither 'detection' nor 'correlation' nor 'filter'");
    check_problem(set, 6, 32, "'title' must be text");
    check_problem(set, 7, 38, "'logsource' wants a product, category or service");
    check_problem(set, 8, 44, "'product' of the log source must be a name");
    assert_int_equal(rule_set_problem_count(set), 9);
    check_str(rule_set_problem(set, 0)->file, "test.yml");
    /* Nothing of the refused ones is left behind. */
    assert_int_equal(set->image.test.n, 2);
    rule_set_free(set);
}

static void places_a_yaml_mistake(void **state)
{
    struct rule_set *set = set_of("title: t\nlogsource: [x\ndetection: y\n");
    assert_int_equal(rule_set_count(set), 0);
    assert_int_equal(rule_set_problem_count(set), 1);
    assert_int_equal(rule_set_problem(set, 0)->line, 3);
    assert_null(strstr(rule_set_problem(set, 0)->reason, "line"));
    rule_set_free(set);
    set = set_of("a: 1\na: 2\n");
    assert_int_equal(rule_set_problem(set, 0)->line, 2);
    rule_set_free(set);
}

static void reports_an_id_used_twice(void **state)
{
    struct rule_set *set =
        set_of("id: one\n" RULE("a") "---\nid: one\n" RULE("b") "---\nname: one\n" RULE("c"));
    assert_int_equal(rule_set_count(set), 2);
    assert_int_equal(rule_set_problem_count(set), 1);
    check_problem(set, 0, 8, "the id is that of 'test.yml', line 1");
    assert_int_equal(rule_set_find(set, STR("one")), 0);
    rule_set_free(set);
}

static void folds_collections(void **state)
{
    struct rule_set *set =
        set_of("action: global\nid: shared\ntitle: common\nlevel: low\n"
               "logsource: {product: windows}\n"
               "detection: {sel: {A: x}, condition: sel}\n"
               "---\nlogsource: {service: security}\n"
               "---\ndetection: {sel: {B: y}}\nlevel: high\n"
               "---\naction: repeat\ndetection: {other: {C: z}, condition: sel and other}\n"
               "---\naction: reset\n"
               "---\nlogsource: {product: linux}\n"
               "---\naction: twice\n");
    assert_int_equal(rule_set_count(set), 3);
    check_root(set, 0, "A = \"x\"");
    check_str(rule_set_info(set, 0)->product, "windows");
    check_str(rule_set_info(set, 0)->service, "security");
    assert_int_equal(rule_set_info(set, 0)->level, LEVEL_LOW);
    check_root(set, 1, "(A = \"x\" & B = \"y\")");
    check_str(rule_set_info(set, 1)->service, "");
    assert_int_equal(rule_set_info(set, 1)->level, LEVEL_HIGH);
    check_root(set, 2, "((A = \"x\" & B = \"y\") & C = \"z\")");
    check_problem(set, 0, 18, "there is neither 'detection' nor 'correlation' nor 'filter'");
    check_problem(set, 1, 20, "'action' wants global, reset or repeat, not 'twice'");
    rule_set_free(set);
}

#define FILTER(rules, more)                                                                        \
    "---\ntitle: f\nlogsource: {product: windows" more "}\nfilter:\n  rules: " rules               \
    "\n  admin: {User: root}\n  condition: not admin\n"

static void folds_filters_into_the_rules_they_name(void **state)
{
    struct rule_set *set =
        set_of("id: i1\n" RULE("a") FILTER("[i1, n2]", "")
                   FILTER("any", ", category: process_creation") "---\nname: n2\n" RULE(
                       "b") "---\ntitle: c\nlogsource: {product: linux}\n" BODY);
    assert_int_equal(rule_set_problem_count(set), 0);
    assert_int_equal(rule_set_count(set), 3);
    check_root(set, 0, "(A = \"x\" & !(User = \"root\") & !(User = \"root\"))");
    check_root(set, 1, "(A = \"x\" & !(User = \"root\") & !(User = \"root\"))");
    check_root(set, 2, "A = \"x\"");
    rule_set_free(set);
}

static void says_what_is_wrong_with_a_filter(void **state)
{
    struct rule_set *set = set_of(
        "id: i1\n" RULE("a") FILTER("[i2]", "") FILTER("[i1]", ", service: sysmon")
            FILTER("some", "") FILTER("[]", "")
                FILTER("[{a: b}]", "") "---\ntitle: f\nlogsource: {product: windows}\nfilter: 5\n");
    assert_int_equal(rule_set_count(set), 1);
    check_root(set, 0, "A = \"x\"");
    check_problem(set, 0, 25, "a filter wants 'rules': a list of ids or names, or 'any'");
    check_problem(set, 1, 32, "a filter wants 'rules': a list of ids or names, or 'any'");
    check_problem(set, 2, 39, "'rules' of a filter wants ids or names");
    check_problem(set, 3, 45, "'filter' wants a mapping");
    check_problem(set, 4, 8, "the filter names the rule 'i2', which is not there");
    check_problem(set, 5, 15, "the filter names the rule 'i1', whose log source is another");
    assert_int_equal(rule_set_problem_count(set), 6);
    rule_set_free(set);
}

static void reads_correlations_beside_rules(void **state)
{
    struct rule_set *set = set_of("title: many\nid: c1\nlevel: high\ncorrelation:\n"
                                  "  type: event_count\n  rules: [base]\n  group-by: [User]\n"
                                  "  timespan: 5m\n  condition: {gte: 10}\n"
                                  "---\nname: base\n" RULE("base"));
    assert_int_equal(rule_set_problem_count(set), 0);
    assert_int_equal(rule_set_count(set), 2);
    assert_true(rule_set_info(set, 0)->correlation);
    const struct correlation_row *c = &set->image.correlation.at[0];
    assert_int_equal(set->image.reference.at[c->rule.first], 1);
    assert_true(set->image.rule.at[1].flags & RULE_FED);
    rule_set_free(set);
}

static void refuses_to_outgrow_any_limit(void **state)
{
    status s = ST_LIMIT;
    for (size_t cap = 1; s != ST_OK; cap *= 2) {
        struct rule_options options = {.max_bytes = cap};
        struct rule_set *set = NULL;
        s = rule_set_parse(STR("x"), STR("id: one\n" RULE("a") "---\nid: two\n" RULE("b")), dict,
                           &options, &set, NULL);
        assert_true(s == ST_OK || s == ST_LIMIT);
        if (s == ST_OK)
            assert_int_equal(rule_set_count(set) + rule_set_problem_count(set), 2);
        rule_set_free(set);
        assert_true(cap < 1u << 30);
    }
}

/* ---- files ---- */

/* Each value has 625 forms. */
static void a_short_rule_does_not_become_a_large_one(void **state)
{
    struct sbuf yaml;
    sbuf_init(&yaml, 1 << 20);
    sbuf_addz(&yaml, "title: t\nlogsource: {product: app}\ndetection:\n  s:\n"
                     "    F|windash|contains:\n");
    for (unsigned i = 0; i < 200; i++)
        sbuf_addf(&yaml, "      - ' -a%u -b -c -d'\n", i);
    sbuf_addz(&yaml, "  condition: s\n");
    struct rule_set *set = set_of(yaml.p);
    check_problem(set, 0, 206, "the rule grows too large");
    rule_set_free(set);
    sbuf_done(&yaml);
}

static void reads_folders_in_name_order(void **state)
{
    char again[256], odd[256];
    const char *paths[] = {folder_name, again, odd};
    struct rule_set *set;
    struct error err;
    (void)snprintf(again, sizeof again, "%s", folder_path("b.yml"));
    (void)snprintf(odd, sizeof odd, "%s", folder_path("odd-name"));
    assert_int_equal(mkdir(folder_path("sub"), 0700), 0);
    assert_int_equal(mkdir(folder_path(".git"), 0700), 0);
    folder_write("b.yml", STR(RULE("b")));
    folder_write("a.YAML", STR(RULE("a")));
    folder_write("sub/c.yml", STR(RULE("c")));
    folder_write("z.yml", STR("title: [\n"));
    folder_write("readme.md", STR("no rule"));
    folder_write("odd-name", STR(RULE("odd")));
    folder_write(".git/d.yml", STR(RULE("d")));
    assert_int_equal(symlink("nowhere", folder_path("gone.yml")), 0);
    assert_int_equal(symlink("..", folder_path("sub/up")), 0);
    assert_int_equal(mkfifo(folder_path("fifo.yml"), 0600), 0);
    assert_int_equal(rule_set_load(paths, 3, dict, NULL, &set, &err), ST_OK);
    assert_int_equal(rule_set_count(set), 4);
    check_str(rule_set_info(set, 0)->title, "a");
    check_str(rule_set_info(set, 1)->title, "b");
    check_str(rule_set_info(set, 2)->title, "c");
    check_str(rule_set_info(set, 3)->title, "odd");
    check_str(rule_set_info(set, 0)->file, folder_path("a.YAML"));
    assert_int_equal(rule_set_problem_count(set), 2);
    check_str(rule_set_problem(set, 0)->file, folder_path("gone.yml"));
    assert_int_equal(rule_set_problem(set, 0)->line, 0);
    assert_string_equal(rule_set_problem(set, 0)->reason, "No such file or directory");
    assert_int_equal(rule_set_problem(set, 1)->line, 2);
    rule_set_free(set);
}

static void says_which_path_is_not_there(void **state)
{
    const char *paths[] = {folder_path("absent")};
    struct rule_set *set = NULL;
    struct error err;
    assert_int_equal(rule_set_load(paths, 1, dict, NULL, &set, &err), ST_NOT_FOUND);
    assert_non_null(strstr(err.text, "absent"));
    assert_null(set);
}

static void reads_every_public_rule(void **state)
{
    if (!test_data_dir())
        SKIP_BECAUSE("no public data");
    char command[600];
    struct rule_set *set;
    const char *paths[] = {folder_path("sigma")}; /* no other is asked for below */
    assert_int_equal(mkdir(paths[0], 0700), 0);
    (void)snprintf(command, sizeof command, "tar -xJf '%s/sigma/rules.tar.xz' -C '%s'",
                   test_data_dir(), paths[0]);
    assert_int_equal(system(command), 0); /* lint: allow system, a test's own command */
    assert_int_equal(rule_set_load(paths, 1, dict, NULL, &set, NULL), ST_OK);
    for (size_t i = 0; i < rule_set_problem_count(set); i++)
        print_message("%.*s:%u: %s\n", STR_ARG(rule_set_problem(set, i)->file),
                      rule_set_problem(set, i)->line, rule_set_problem(set, i)->reason);
    assert_int_equal(rule_set_problem_count(set), 0);
    assert_int_equal(rule_set_count(set), 3757);
    assert_true(image_valid(&set->image));
    rule_set_free(set);
}

static int start(void **state)
{
    dict = dict_new();
    return folder_make(state);
}

static int stop(void **state)
{
    dict_free(dict);
    return folder_remove(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_what_a_rule_says_of_itself),
        cmocka_unit_test(takes_medium_where_no_level_is_given),
        cmocka_unit_test(reads_selections_of_every_shape),
        cmocka_unit_test(reports_the_bad_and_loads_the_rest),
        cmocka_unit_test(places_a_yaml_mistake),
        cmocka_unit_test(reports_an_id_used_twice),
        cmocka_unit_test(folds_collections),
        cmocka_unit_test(folds_filters_into_the_rules_they_name),
        cmocka_unit_test(says_what_is_wrong_with_a_filter),
        cmocka_unit_test(reads_correlations_beside_rules),
        cmocka_unit_test(refuses_to_outgrow_any_limit),
        cmocka_unit_test(a_short_rule_does_not_become_a_large_one),
        cmocka_unit_test(reads_folders_in_name_order),
        cmocka_unit_test(says_which_path_is_not_there),
        cmocka_unit_test(reads_every_public_rule),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
