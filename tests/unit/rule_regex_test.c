/* SPDX-License-Identifier: Apache-2.0 */
#include "rule/regex.h"
#include "tests/test.h"

static bool matches(const char *pattern, unsigned flags, str subject, uint64_t *given_up)
{
    struct error err;
    struct regex_scratch scratch;
    struct regex *r = regex_new(str_z(pattern), flags, &err);
    if (!r)
        fail_msg("%s", err.text);
    regex_scratch_init(&scratch);
    bool yes = regex_match(r, &scratch, subject);
    if (given_up)
        *given_up = scratch.given_up;
    regex_scratch_done(&scratch);
    regex_free(r);
    return yes;
}

static void matches_as_the_flags_say(void **state)
{
    static const struct {
        const char *pattern;
        unsigned flags;
        const char *subject;
        bool want;
    } row[] = {
        {"b+", 0, "abbc", true},
        {"^b+", 0, "abbc", false},
        {"B", 0, "abc", false},
        {"B", REGEX_NOCASE, "abc", true},
        {"\u00c4", REGEX_NOCASE, "\u00e4", true},
        {"^b$", 0, "a\nb\nc", false},
        {"^b$", REGEX_MULTILINE, "a\nb\nc", true},
        {"a.b", 0, "a\nb", false},
        {"a.b", REGEX_DOTALL, "a\nb", true},
        {"^.$", 0, "\u20ac", true},
        {"", 0, "", true},
        {"(?i)B", 0, "abc", true},
        {"a(?!b)", 0, "ab", false},
        {"(?<=x)a", 0, "xa", true},
        {"b", REGEX_CHECK, "abc", true},
    };
    for (size_t i = 0; i < COUNT(row); i++)
        if (matches(row[i].pattern, row[i].flags, str_z(row[i].subject), NULL) != row[i].want)
            fail_msg("'%s' on '%s'", row[i].pattern, row[i].subject);
}

static void takes_subjects_that_are_no_utf8(void **state)
{
    static const str subject = {"\xff\xfe"
                                "abc\xc3",
                                6};
    assert_true(matches("abc", 0, subject, NULL));
    assert_false(matches("^.abc", 0, subject, NULL));
    assert_true(matches("a\\x00b", 0, (str){"a\0b", 3}, NULL));
}

static void gives_up_on_patterns_that_backtrack_without_end(void **state)
{
    static char subject[4000];
    uint64_t given_up = 0;
    memset(subject, 'a', sizeof subject);
    subject[sizeof subject - 1] = '!';
    assert_false(matches("(a|aa)+$", 0, (str){subject, sizeof subject}, &given_up));
    assert_int_equal(given_up, 1);
    assert_true(matches("(a|aa)+!$", 0, (str){subject, sizeof subject}, &given_up));
    assert_int_equal(given_up, 0);
}

static void says_what_is_wrong_with_a_pattern(void **state)
{
    static const struct {
        const char *pattern, *want;
    } row[] = {
        {"a(b", "regular expression: missing closing parenthesis at character 4"},
        {"[z-a]", "regular expression: range out of order in character class at character 4"},
        {"*", "regular expression: quantifier does not follow a repeatable item at character 1"},
    };
    for (size_t i = 0; i < COUNT(row); i++) {
        struct error err = {0};
        assert_null(regex_new(str_z(row[i].pattern), 0, &err));
        assert_int_equal(err.code, ST_INVALID);
        assert_string_equal(err.text, row[i].want);
    }
    assert_null(regex_new((str){"\xff", 1}, 0, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matches_as_the_flags_say),
        cmocka_unit_test(takes_subjects_that_are_no_utf8),
        cmocka_unit_test(gives_up_on_patterns_that_backtrack_without_end),
        cmocka_unit_test(says_what_is_wrong_with_a_pattern),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
