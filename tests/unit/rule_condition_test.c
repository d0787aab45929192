/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/rule_text.h"

/* Selections a1, a2, b and _hidden of one test each; `condition` is what is tried. */
static struct sbuf condition_text(const char *condition)
{
    struct sbuf lines;
    sbuf_init(&lines, 1 << 20);
    sbuf_addf(&lines,
              "  a1:\n    A: 1\n  a2:\n    A: 2\n  b:\n    B: 3\n  _hidden:\n    H: 4\n"
              "  condition: %s\n",
              condition);
    struct sbuf out = detection_text(lines.p, NULL);
    sbuf_done(&lines);
    return out;
}

#define A1 "A = 1 \"1\""
#define A2 "A = 2 \"2\""
#define B  "B = 3 \"3\""
#define H  "H = 4 \"4\""

static void check(const char *const rows[][2], size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct sbuf got = condition_text(rows[i][0]);
        if (strcmp(got.p, rows[i][1]) != 0)
            fail_msg("%s\n  is   %s\n  want %s", rows[i][0], got.p, rows[i][1]);
        sbuf_done(&got);
    }
}

static void binds_not_before_and_before_or(void **state)
{
    static const char *const rows[][2] = {
        {"a1", A1},
        {"a1 and b", "(" A1 " & " B ")"},
        {"a1 or b", "(" A1 " | " B ")"},
        {"not b", "!(" B ")"},
        {"not not b", "!(!(" B "))"},
        {"a1 and not b", "(" A1 " & !(" B "))"},
        {"a1 or a2 and b", "(" A1 " | (" A2 " & " B "))"},
        {"(a1 or a2) and b", "((" A1 " | " A2 ") & " B ")"},
        {"not (a1 or b)", "!((" A1 " | " B "))"},
        {"not a1 and b", "(!(" A1 ") & " B ")"},
        {"a1 and a2 and b", "(" A1 " & " A2 " & " B ")"},
        {"((a1))", A1},
        {"a1 AND NOT b Or a2", "((" A1 " & !(" B ")) | " A2 ")"},
        {"(a1)and(b)", "(" A1 " & " B ")"},
        {"_hidden", H},
    };
    check(rows, COUNT(rows));
}

static void counts_selections(void **state)
{
    static const char *const rows[][2] = {
        {"1 of a*", "(" A1 " | " A2 ")"},
        {"any of a*", "(" A1 " | " A2 ")"},
        {"all of a*", "(" A1 " & " A2 ")"},
        {"ALL OF a*", "(" A1 " & " A2 ")"},
        {"1 of them", "(" A1 " | " A2 " | " B ")"},
        {"all of Them", "(" A1 " & " A2 " & " B ")"},
        {"1 of *", "(" A1 " | " A2 " | " B ")"},
        {"1 of *2", "(" A2 ")"},
        {"1 of a1", "(" A1 ")"},
        {"1 of _*", "(" H ")"},
        {"2 of them", "((" A1 " & " A2 ") | (" A1 " & " B ") | (" A2 " & " B "))"},
        {"3 of them", "(" A1 " & " A2 " & " B ")"},
        {"not 1 of a*", "!((" A1 " | " A2 "))"},
        {"b and 1 of a* or a1", "((" B " & (" A1 " | " A2 ")) | " A1 ")"},
    };
    check(rows, COUNT(rows));
}

static void joins_a_list_of_conditions_with_or(void **state)
{
    static const char *const rows[][2] = {
        {"[a1, b]", "(" A1 " | " B ")"},
        {"[a1 and a2]", "(" A1 " & " A2 ")"},
        {"[]", "line 13: the list of conditions is empty"},
    };
    check(rows, COUNT(rows));
}

static void says_what_is_wrong_with_a_condition(void **state)
{
    static const char *const rows[][2] = {
        {"''", "line 13: the condition is empty"},
        {"a1 and", "line 13: the condition ends where a name should be"},
        {"and a1", "line 13: the condition has 'and' where a name should be"},
        {"(a1", "line 13: the condition ends where ')' should be"},
        {"a1)", "line 13: the condition has ')' where 'and', 'or' or the end should be"},
        {"a1 b", "line 13: the condition has 'b' where 'and', 'or' or the end should be"},
        {"a3", "line 13: the condition names 'a3', which is not there; is 'a1' meant?"},
        {"selection", "line 13: the condition names 'selection', which is not there"},
        {"a*", "line 13: the condition names 'a*'; '1 of a*' or 'all of a*' is meant"},
        {"1 of c*", "line 13: no selection is called 'c*'"},
        {"0 of a*", "line 13: the condition has '0' where 1, all or any should be"},
        {"some of a*", "line 13: the condition has 'some' where 1, all or any should be"},
        {"3 of a*", "line 13: '3 of a*', but there are only 2"},
        {"1 of",
         "line 13: the condition ends where 'them' or a name such as selection_* should be"},
        {"1 of (a1)",
         "line 13: the condition has '(' where 'them' or a name such as selection_* should be"},
        {"a1 | count() > 5", "line 13: aggregations such as '| count() > 5' are no longer part of "
                             "Sigma; write a correlation rule"},
        {"{a: b}", "line 13: a condition must be text"},
    };
    check(rows, COUNT(rows));
}

static void refuses_what_is_nested_too_deep(void **state)
{
    static const struct {
        const char *open, *close;
    } row[] = {{"(", ")"}, {"not ", ""}, {"not (", ")"}};
    for (size_t i = 0; i < COUNT(row); i++) {
        for (unsigned depth = 1; depth < 100; depth += 7) {
            struct sbuf text;
            sbuf_init(&text, 1 << 16);
            for (unsigned k = 0; k < depth; k++)
                sbuf_addz(&text, row[i].open);
            sbuf_addz(&text, "a1");
            for (unsigned k = 0; k < depth; k++)
                sbuf_addz(&text, row[i].close);
            struct sbuf got = condition_text(text.p);
            bool refused = strcmp(got.p, "line 13: the condition is nested deeper than 32") == 0;
            if (depth > 32)
                assert_true(refused);
            if (depth < 15)
                assert_false(refused);
            sbuf_done(&text);
            sbuf_done(&got);
        }
    }
}

static void refuses_what_can_be_met_in_too_many_ways(void **state)
{
    struct sbuf lines;
    sbuf_init(&lines, 1 << 16);
    for (int i = 0; i < 30; i++)
        sbuf_addf(&lines, "  s%d:\n    A: %d\n", i, i);
    sbuf_addz(&lines, "  condition: 15 of them\n");
    struct sbuf got = detection_text(lines.p, NULL);
    assert_string_equal(got.p, "line 65: '15 of them' can be met in more than 512 ways");
    sbuf_done(&got);
    sbuf_done(&lines);
}

static void labels_what_explain_shows(void **state)
{
    struct dict *dict = dict_new();
    struct rule_set *set = set_of_options("title: t\nlogsource: {product: x}\ndetection:\n"
                                          "  sel: {A: 1, B: 2}\n  f_a: {C: 3}\n"
                                          "  condition: sel and not 1 of f_*\n",
                                          dict, NULL);
    const struct image *im = &set->image;
    unsigned seen = 0;
    for (size_t i = 0; i < im->node.n; i++) {
        str label = image_str(im, im->node.at[i].label);
        seen |= str_eq(label, STR("sel")) ? 1u : 0;
        seen |= str_eq(label, STR("f_a")) ? 2u : 0;
        seen |= str_eq(label, STR("1 of f_*")) ? 4u : 0;
    }
    assert_int_equal(seen, 7);
    rule_set_free(set);
    dict_free(dict);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(binds_not_before_and_before_or),
        cmocka_unit_test(counts_selections),
        cmocka_unit_test(joins_a_list_of_conditions_with_or),
        cmocka_unit_test(says_what_is_wrong_with_a_condition),
        cmocka_unit_test(refuses_what_is_nested_too_deep),
        cmocka_unit_test(refuses_what_can_be_met_in_too_many_ways),
        cmocka_unit_test(labels_what_explain_shows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
