/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/rule_text.h"

/* `value` stands behind the field, `want` is the test. */
struct value_case {
    const char *value, *want;
};

static void check_values(const struct value_case *row, size_t n, const struct rule_options *options)
{
    for (size_t i = 0; i < n; i++) {
        char lines[4096];
        (void)snprintf(lines, sizeof lines, "  selection:\n    %s\n  condition: selection\n",
                       row[i].value);
        struct detection_case one = {lines, row[i].want};
        check_detections(&one, 1, options);
    }
}
#define CHECK_VALUES(...)                                                                          \
    do {                                                                                           \
        static const struct value_case rows_[] = {__VA_ARGS__};                                    \
        check_values(rows_, COUNT(rows_), NULL);                                                   \
    } while (0)

static void takes_wildcards_for_the_plainest_test(void **state)
{
    CHECK_VALUES(
        {"F: abc", "F = \"abc\""}, {"F: '*abc'", "F ends \"abc\""},
        {"F: 'abc*'", "F starts \"abc\""}, {"F: '*abc*'", "F contains \"abc\""},
        {"F: '**abc**'", "F contains \"abc\""}, {"F: 'a*c'", "F glob \"a*c\""},
        {"F: '*a*c'", "F glob \"*a*c\""}, {"F: 'a?c'", "F glob \"a?c\""},
        {"F: '?'", "F glob \"?\""}, {"F: '*?*'", "F glob \"*?*\""}, {"F: '*'", "F present"},
        {"F: '**'", "F present"}, {"F: ''", "F = \"\""}, {"F|contains: 'a*c'", "F glob \"*a*c*\""},
        {"F|contains: '*a*'", "F contains \"a\""}, {"F|startswith: 'a*c'", "F glob \"a*c*\""},
        {"F|startswith: '*a'", "F contains \"a\""}, {"F|endswith: 'a?c'", "F glob \"*a?c\""},
        {"F|endswith: '\\cmd.exe'", "F ends \"\\cmd.exe\""}, {"F|contains: ''", "F present"});
}

/* The table of the specification's section on escaping, and what follows from it. */
static void unescapes_as_the_specification_says(void **state)
{
    CHECK_VALUES({"F: 'C:\\Windows\\cmd.exe'", "F = \"C:\\Windows\\cmd.exe\""},
                 {"F: 'C:\\\\Windows'", "F = \"C:\\Windows\""},
                 {"F: '\\\\\\\\host\\share'", "F = \"\\\\host\\share\""},
                 {"F: '\\\\\\host'", "F = \"\\\\host\""}, {"F: 'a\\*b'", "F = \"a*b\""},
                 {"F: 'a\\?b'", "F = \"a?b\""}, {"F: 'a\\\\*'", "F starts \"a\\\""},
                 {"F: 'a\\\\\\*'", "F = \"a\\*\""}, {"F: '\\*\\?*x'", "F glob \"\\*\\?*x\""},
                 {"F: 'a\\\\b*c'", "F glob \"a\\\\b*c\""}, {"F: '*\\'", "F ends \"\\\""},
                 {"F|re: 'a\\\\b\\*'", "F re cased \"a\\\\b\\*\""});
}

static void keeps_what_kind_of_value_the_rule_wrote(void **state)
{
    CHECK_VALUES({"F: 4688", "F = 4688 \"4688\""}, {"F: '4688'", "F = \"4688\""},
                 {"F: 0x10", "F = 16 \"0x10\""}, {"F: 1.5", "F = 1.5 \"1.5\""},
                 {"F: True", "F = nan \"true\""}, {"F: 'true'", "F = \"true\""},
                 {"F: null", "F null"}, {"F:", "F null"}, {"F: 'null'", "F = \"null\""},
                 {"F|contains: 12", "F contains \"12\""},
                 {"F: [1, a, null]", "(F = 1 \"1\" | F = \"a\" | F null)"},
                 {"F: [a, [b, c]]", "(F = \"a\" | F = \"b\" | F = \"c\")"});
}

static void joins_lists_as_the_modifiers_say(void **state)
{
    CHECK_VALUES({"F|contains: [a, b]", "(F contains \"a\" | F contains \"b\")"},
                 {"F|contains|all: [a, b]", "(F contains \"a\" & F contains \"b\")"},
                 {"F|all|contains: [a, b]", "(F contains \"a\" & F contains \"b\")"},
                 {"F|all: [a]", "F = \"a\""}, {"F|neq: a", "!(F = \"a\")"},
                 {"F|neq: [a, b]", "!((F = \"a\" | F = \"b\"))"},
                 {"F|contains|neq|all: [a, b]", "!((F contains \"a\" & F contains \"b\"))"},
                 {"F|cased: Ab", "F = cased \"Ab\""},
                 {"F|contains|cased: 'A*b'", "F glob cased \"*A*b*\""});
}

static void replaces_dashes_that_open_options(void **state)
{
    CHECK_VALUES(
        {"F|windash|contains: ' -f '",
         "(F contains \" -f \" | F contains \" /f \" | F contains \" <e2><80><93>f \" | "
         "F contains \" <e2><80><94>f \" | F contains \" <e2><80><95>f \")"},
        {"F|contains|windash: 'a-b - c'", "F contains \"a-b - c\""},
        {"F|contains|windash|all: [' -x', y]",
         "((F contains \" -x\" | F contains \" /x\" | F contains \" <e2><80><93>x\" | "
         "F contains \" <e2><80><94>x\" | F contains \" <e2><80><95>x\") & F contains \"y\")"},
        {"F|windash: '-a -b -c -d -e'", "line 6: 'windash' finds more than 4 dashes"});
    struct sbuf two = detection_text("  s:\n    F|windash: '-a /b'\n  condition: s\n", NULL);
    size_t forms = 0;
    for (size_t i = 0; i < two.n; i++)
        forms += two.p[i] == '=';
    assert_int_equal(forms, 25);
    sbuf_done(&two);
}

/* Expected values are from the base64 program, the offsets worked out by hand. */
static void encodes_values(void **state)
{
    CHECK_VALUES(
        {"F|base64: 'http://'", "F = \"aHR0cDovLw==\""},
        {"F|base64|contains: 'foobar'", "F contains \"Zm9vYmFy\""},
        {"F|base64offset|contains: 'foobar'",
         "(F contains \"Zm9vYmFy\" | F contains \"Zvb2Jhc\" | F contains \"mb29iYX\")"},
        {"F|base64offset|contains: 'fooba'",
         "(F contains \"Zm9vYm\" | F contains \"Zvb2Jh\" | F contains \"mb29iY\")"},
        {"F|base64offset|contains: 'foob'",
         "(F contains \"Zm9vY\" | F contains \"Zvb2\" | F contains \"mb29i\")"},
        {"F|wide: 'ab'", "F = \"a<00>b<00>\""}, {"F|utf16le: 'ab'", "F = \"a<00>b<00>\""},
        {"F|utf16be: 'ab'", "F = \"<00>a<00>b\""}, {"F|utf16: 'ab'", "F = \"<ff><fe>a<00>b<00>\""},
        {"F|wide|contains: 'a*b'", "F glob \"*a<00>*b<00>*\""},
        {"F|wide: \"\\u20ac\"", "F = \"<ac> \""}, {"F|wide|base64: 'ab'", "F = \"YQBiAA==\""},
        {"F|utf16le|base64offset|contains: 'abc'",
         "(F contains \"YQBiAGMA\" | F contains \"EAYgBjA\" | F contains \"hAGIAYw\")"},
        {"F|base64: 'a*'", "line 6: modifier 'base64' cannot encode a wildcard; write \\* or "
                           "\\? for the character"},
        {"F|base64: 'a\\*'", "F = \"YSo=\""},
        {"F|base64offset: 'ab'", "line 6: 'base64offset' wants three characters or more"});
}

static void reads_regular_expressions(void **state)
{
    CHECK_VALUES(
        {"F|re: 'a.*b'", "F re cased \"a.*b\""}, {"F|re|i: 'a'", "F re \"a\""},
        {"F|re|i|m|s: 'a'", "F re multiline dotall \"a\""},
        {"F|re|contains: 'a'", "F re cased \"a\""},
        {"F|re|startswith: 'a|b'", "F re cased \"^(?:a|b)\""},
        {"F|re|endswith: 'a|b'", "F re cased \"(?:a|b)$\""},
        {"F|re|all: [a, b]", "(F re cased \"a\" & F re cased \"b\")"},
        {"F|re: 12", "F re cased \"12\""},
        {"F|re: 'a(b'", "line 6: regular expression: missing closing parenthesis at character 4"});
}

static void reads_the_other_tests(void **state)
{
    CHECK_VALUES(
        {"F|exists: true", "F exists 1"}, {"F|exists: false", "F exists 0"},
        {"F|exists: maybe", "line 6: 'exists' wants true or false, not 'maybe'"},
        {"F|cidr: 10.0.0.0/8", "F in \"10.0.0.0/8\""},
        {"F|cidr: [10.0.0.0/8, 'fe80::/10']", "(F in \"10.0.0.0/8\" | F in \"fe80::/10\")"},
        {"F|cidr: 10.0.0.0/33", "line 6: 'cidr' wants a range such as 10.0.0.0/8 or "
                                "fe80::/10, not '10.0.0.0/33'"},
        {"F|lt: 5", "F < 5 \"5\""}, {"F|lte: '5'", "F <= 5 \"5\""},
        {"F|gt: -1.5", "F > -1.5 \"-1.5\""}, {"F|gte: 0", "F >= 0 \"0\""},
        {"F|gte: many", "line 6: 'gte' wants a number, not 'many'"},
        {"F|fieldref: G", "F field \"G\""}, {"F|fieldref|startswith: G", "F field starts \"G\""},
        {"F|endswith|fieldref|cased: G", "F field cased ends \"G\""},
        {"F|fieldref|contains|neq: G", "!(F field contains \"G\")"});
}

static void reads_parts_of_times(void **state)
{
    CHECK_VALUES({"F|hour: 3", "F time hour 3"},
                 {"F|minute: [0, 30]", "(F time minute 0 | F time minute 30)"},
                 {"F|hour|gte: 22", "(F time hour 22 | F time hour 23)"},
                 {"F|day|lt: 3", "(F time day 1 | F time day 2)"}, {"F|hour|gt: 30", "()"},
                 {"F|week|neq: 53", "!(F time week 53)"},
                 {"F|month: 13", "line 6: 'month' wants a number from 1 to 12, not 13"},
                 {"F|year: x", "line 6: 'year' wants a whole number, not 'x'"});
}

static void reads_keywords(void **state)
{
    static const struct detection_case rows[] = {
        {"  k: [abc, 'd*e']\n  condition: k\n", "(* contains \"abc\" | * glob \"*d*e*\")"},
        {"  k: abc\n  condition: k\n", "* contains \"abc\""},
        {"  k: [4625]\n  condition: k\n", "* contains \"4625\""},
        {"  k:\n    '|all': [a, b]\n  condition: k\n", "(* contains \"a\" & * contains \"b\")"},
        {"  k:\n    '|re': a.b\n  condition: k\n", "* re cased \"a.b\""},
        {"  k:\n    '|startswith|cased': a\n  condition: k\n", "* starts cased \"a\""},
        {"  k:\n    '|base64': a\n  condition: k\n", "* contains \"YQ==\""},
        {"  k:\n    - F: a\n    - b\n  condition: k\n", "(F = \"a\" | * contains \"b\")"},
        {"  k: [null]\n  condition: k\n", "line 5: a keyword cannot be null"},
        {"  k:\n    '|exists': true\n  condition: k\n",
         "line 6: modifier 'exists' needs a field in front of it"},
    };
    check_detections(rows, COUNT(rows), NULL);
}

static void refuses_modifiers_that_mean_nothing(void **state)
{
    CHECK_VALUES(
        {"F|contain: a", "line 6: unknown modifier 'contain'; is 'contains' meant?"},
        {"F|xyzzy: a", "line 6: unknown modifier 'xyzzy'"},
        {"F|: a", "line 6: unknown modifier ''"},
        {"F|re|cidr: a", "line 6: modifier 'cidr' cannot follow 're'"},
        {"F|contains|startswith: a", "line 6: modifier 'startswith' cannot follow 'contains'"},
        {"F|contains|contains: a", "line 6: modifier 'contains' is written twice"},
        {"F|all|all: a", "line 6: modifier 'all' is written twice"},
        {"F|i: a", "line 6: modifier 'i' must follow 're'"},
        {"F|i|re: a", "line 6: modifier 'i' must follow 're'"},
        {"F|re|windash: a", "line 6: modifier 'windash' cannot follow 're'"},
        {"F|re|cased: a", "line 6: modifier 'cased' cannot follow 're'"},
        {"F|exists|all: true", "line 6: modifier 'all' cannot follow 'exists'"},
        {"F|cidr|contains: 10.0.0.0/8", "line 6: modifier 'contains' cannot follow 'cidr'"},
        {"F|lt|gt: 1", "line 6: modifier 'gt' cannot follow 'lt'"},
        {"F|base64|gt: 1", "line 6: modifier 'gt' cannot follow 'base64'"},
        {"F|hour|day: 1", "line 6: modifier 'day' cannot follow 'hour'"},
        {"F|hour|contains: 1", "line 6: modifier 'contains' cannot follow 'hour'"},
        {"F|contains: null", "line 6: null takes no modifiers"},
        {"F: {a: b}", "line 6: the value of 'F' cannot be a mapping"},
        {"F: []", "line 6: 'F' has an empty list"},
        {"F|wide|wide|wide|wide|wide|wide|wide|wide|wide: a",
         "line 6: more than 8 modifiers that change the value"});
}

static void expands_placeholders(void **state)
{
    static const str admins[] = {{"root", 4}, {"adm*", 4}};
    static const struct rule_placeholder known[] = {{{"admins", 6}, admins, 2}};
    static const struct rule_options options = {.placeholder = known, .placeholder_count = 1};
    static const struct value_case rows[] = {
        {"F|expand: '%admins%'", "(F = \"root\" | F starts \"adm\")"},
        {"F|expand|endswith: 'x\\%admins%'", "F ends \"x\\%admins%\""},
        {"F|expand|contains: '%admins%:'", "(F contains \"root:\" | F glob \"*adm*:*\")"},
        {"F|re|expand: '^%admins%$'", "(F re cased \"^root$\" | F re cased \"^adm*$\")"},
        {"F|expand: '%admins%%admins%'",
         "(F = \"rootroot\" | F glob \"adm*root\" | F starts \"rootadm\" | F glob \"adm*adm*\")"},
        {"F|expand: '%nobody%'", "(())"},
        {"F|expand: '100%'", "F = \"100%\""},
        {"F|expand: ['%nobody%', a]", "(() | F = \"a\")"},
    };
    check_values(rows, COUNT(rows), &options);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_wildcards_for_the_plainest_test),
        cmocka_unit_test(unescapes_as_the_specification_says),
        cmocka_unit_test(keeps_what_kind_of_value_the_rule_wrote),
        cmocka_unit_test(joins_lists_as_the_modifiers_say),
        cmocka_unit_test(replaces_dashes_that_open_options),
        cmocka_unit_test(encodes_values),
        cmocka_unit_test(reads_regular_expressions),
        cmocka_unit_test(reads_the_other_tests),
        cmocka_unit_test(reads_parts_of_times),
        cmocka_unit_test(reads_keywords),
        cmocka_unit_test(refuses_modifiers_that_mean_nothing),
        cmocka_unit_test(expands_placeholders),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
