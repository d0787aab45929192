/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "cli/args.h"
#include "cli/help.h"
#include "tests/test.h"

#include <math.h>

enum { WORDS_MAX = 16 };

/* argv from `line`, cut at spaces.  `words` keeps the text. */
static status parse(const char *line, struct args *a, struct error *err)
{
    static char text[512];
    static char *argv[WORDS_MAX];
    int argc = 0;
    snprintf(text, sizeof text, "%s", line);
    for (char *p = text; *p; p++) {
        if (p == text || p[-1] == '\0')
            argv[argc++] = p;
        if (*p == ' ')
            *p = '\0';
    }
    return args_parse(argc, argv, a, err);
}

static void reads_commands_options_and_operands(void **state)
{
    struct args a;
    const char *rules[4];
    assert_int_equal(
        parse("bguard detect -r one --rules=two a.log -t4 --stats -- -odd --last", &a, NULL),
        ST_OK);
    assert_int_equal(a.command, COMMAND_detect);
    assert_int_equal(args_list(&a, "rules", rules, 4), 2);
    assert_string_equal(rules[0], "one");
    assert_string_equal(rules[1], "two");
    assert_int_equal(args_number(&a, "threads"), 4);
    assert_true(args_flag(&a, "stats"));
    assert_false(args_flag(&a, "quiet"));
    assert_string_equal(args_text(&a, "output"), "table");
    assert_int_equal(a.operand_count, 3);
    assert_string_equal(a.operand[1], "-odd");
    args_done(&a);
}

static void takes_the_longer_command_and_a_lone_dash(void **state)
{
    struct args a;
    assert_int_equal(parse("bguard rules check -jq x -", &a, NULL), ST_OK);
    assert_int_equal(a.command, COMMAND_rules_check);
    assert_true(args_flag(&a, "json") && args_flag(&a, "quiet"));
    assert_string_equal(a.operand[1], "-");
    args_done(&a);
}

static void gives_the_last_value_of_an_option(void **state)
{
    struct args a;
    assert_int_equal(parse("bguard detect -o ndjson x -o html", &a, NULL), ST_OK);
    assert_string_equal(args_text(&a, "output"), "html");
    args_done(&a);
}

static void knows_when_help_is_wanted(void **state)
{
    static const struct {
        const char *line;
        enum command command;
    } cases[] = {
        {"bguard", COMMAND_COUNT},
        {"bguard --help", COMMAND_COUNT},
        {"bguard -h", COMMAND_COUNT},
        {"bguard help", COMMAND_COUNT},
        {"bguard help rules test", COMMAND_rules_test},
        {"bguard detect --help", COMMAND_detect},
        {"bguard detect x -h", COMMAND_detect},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct args a;
        assert_int_equal(parse(cases[i].line, &a, NULL), ST_OK);
        assert_true(a.help);
        assert_int_equal(a.command, cases[i].command);
        args_done(&a);
    }
}

static void names_what_is_wrong(void **state)
{
    static const struct {
        const char *line, *want;
    } cases[] = {
        {"bguard detcet x", "there is no command 'detcet'; did you mean 'detect'?"},
        {"bguard rules", "'rules' wants one of: check, list, explain, test"},
        {"bguard rules tst x", "'rules' has no 'tst', only check, list, explain, test; did you "
                               "mean 'test'?"},
        {"bguard frobnicate", "there is no command 'frobnicate'; see 'bguard --help'"},
        {"bguard detect --ruls x", "'detect' has no option '--ruls'; did you mean '--rules'?"},
        {"bguard parse --rules x", "'parse' has no option '--rules'"},
        {"bguard detect -Z", "'detect' has no option '-Z'"},
        {"bguard detect --threads x", "'--threads' wants a whole number, not 'x'"},
        {"bguard detect --threads -1", "'--threads' wants a whole number, not '-1'"},
        {"bguard detect -t", "'--threads' wants a whole number"},
        {"bguard detect -o pdf x", "'--output' wants table|ndjson|summary|html|none, not 'pdf'"},
        {"bguard parse -o html x", "'--output' wants ndjson|table|summary|none, not 'html'"},
        {"bguard detect --fail-on bad x",
         "'--fail-on' wants informational, low, medium, high or critical, not 'bad'"},
        {"bguard detect -f xyz x", "'--format' wants a format; 'bguard formats' lists them"},
        {"bguard detect --stats=yes x", "'--stats' takes no value"},
        {"bguard detect --rules= x", "'--rules' wants a value, not ''"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct args a;
        struct error err = {0};
        assert_int_equal(parse(cases[i].line, &a, &err), ST_INVALID);
        assert_ptr_equal(strstr(err.text, cases[i].want), err.text);
        args_done(&a);
    }
}

static void refuses_more_options_than_it_keeps(void **state)
{
    static char program[] = "bguard", command[] = "detect", quiet[] = "-q";
    static char *argv[ARGS_VALUES_MAX + 3];
    struct args a;
    argv[0] = program;
    argv[1] = command;
    for (size_t i = 2; i < COUNT(argv); i++)
        argv[i] = quiet;
    assert_int_equal(args_parse((int)COUNT(argv) - 1, argv, &a, NULL), ST_OK);
    args_done(&a);
    assert_int_equal(args_parse((int)COUNT(argv), argv, &a, NULL), ST_LIMIT);
    args_done(&a);
}

/* Rows of the tables that contradict each other would show only when somebody types them. */
static void no_command_has_an_option_twice(void **state)
{
    for (size_t i = 0; i < option_count; i++)
        for (size_t k = i + 1; k < option_count; k++) {
            const struct option_info *x = &option_table[i], *y = &option_table[k];
            if (x->command != y->command && x->command != COMMAND_all && y->command != COMMAND_all)
                continue;
            assert_string_not_equal(x->name, y->name);
            assert_true(x->letter == 0 || x->letter != y->letter);
        }
}

static void help_fits_eighty_columns_or_so(void **state)
{
    for (size_t c = 0; c < COMMAND_COUNT; c++) {
        char *text = NULL;
        size_t size = 0, column = 0;
        FILE *to = open_memstream(&text, &size);
        help_command(to, (enum command)c);
        fclose(to);
        for (size_t i = 0; i < size; i++) {
            column = text[i] == '\n' ? 0 : column + 1;
            assert_true(column <= 100);
        }
        assert_non_null(strstr(text, command_table[c].words));
        free(text);
    }
}

/* "--data a b --json": all words up to the next option, however often. */
static void an_option_can_take_many_words(void **state)
{
    struct args a;
    size_t n;
    assert_int_equal(parse("bguard model eval m.bgm --data a b -q --data=c - --fpr", &a, NULL),
                     ST_INVALID); /* eval has no --fpr */
    args_done(&a);
    assert_int_equal(
        parse("bguard model eval m.bgm --data a b -q --data=c --threshold 0.25 x", &a, NULL),
        ST_OK);
    const char **data = args_many(&a, "data", &n);
    assert_int_equal(n, 3);
    assert_string_equal(data[1], "b");
    assert_string_equal(data[2], "c");
    mem_free(data);
    assert_null(args_many(&a, "positive", &n));
    assert_true(args_real(&a, "threshold") == 0.25);
    assert_true(isnan(args_real(&a, "hold-back")));
    assert_int_equal(a.operand_count, 2);
    args_done(&a);
    assert_int_equal(parse("bguard model eval m.bgm --threshold much", &a, NULL), ST_INVALID);
    args_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_option_can_take_many_words),
        cmocka_unit_test(reads_commands_options_and_operands),
        cmocka_unit_test(takes_the_longer_command_and_a_lone_dash),
        cmocka_unit_test(gives_the_last_value_of_an_option),
        cmocka_unit_test(knows_when_help_is_wanted),
        cmocka_unit_test(names_what_is_wrong),
        cmocka_unit_test(refuses_more_options_than_it_keeps),
        cmocka_unit_test(no_command_has_an_option_twice),
        cmocka_unit_test(help_fits_eighty_columns_or_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
