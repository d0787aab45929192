/* SPDX-License-Identifier: Apache-2.0 */
/* rule_text.h - rules for tests: made from a few lines, and written out as text.
 *
 *     (Image ends "\cmd.exe" & !(User = "SYSTEM"))
 */
#ifndef TESTS_RULE_TEXT_H
#define TESTS_RULE_TEXT_H

#include "base/sbuf.h"
#include "event/dict.h"
#include "rule/rule_int.h"
#include "tests/test.h"

static inline void text_of_bytes(str s, struct sbuf *out)
{
    sbuf_addc(out, '"');
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < ' ' || (unsigned char)s.p[i] >= 0x7f)
            sbuf_addf(out, "<%02x>", (unsigned char)s.p[i]);
        else
            sbuf_addc(out, s.p[i]);
    sbuf_addc(out, '"');
}

static inline void text_of_test(const struct image *im, const struct test_row *t, struct sbuf *out)
{
    static const char *const op[TEST_OP_COUNT] = {
        [TEST_EQUAL] = "=",          [TEST_CONTAINS] = "contains",
        [TEST_STARTS] = "starts",    [TEST_ENDS] = "ends",
        [TEST_GLOB] = "glob",        [TEST_REGEX] = "re",
        [TEST_CIDR] = "in",          [TEST_LESS] = "<",
        [TEST_LESS_EQUAL] = "<=",    [TEST_GREATER] = ">",
        [TEST_GREATER_EQUAL] = ">=", [TEST_NULL] = "null",
        [TEST_EXISTS] = "exists",    [TEST_PRESENT] = "present",
        [TEST_FIELD] = "field",      [TEST_TIME] = "time"};
    static const char *const unit[] = {"minute", "hour", "day", "week", "month", "year"};
    str field = t->flags & TEST_KEYWORD ? STR("*") : image_str(im, t->field);
    sbuf_addf(out, STR_FMT " %s", STR_ARG(field), op[t->op]);
    if (t->flags & TEST_CASED)
        sbuf_addz(out, " cased");
    if (t->flags & TEST_MULTILINE)
        sbuf_addz(out, " multiline");
    if (t->flags & TEST_DOTALL)
        sbuf_addz(out, " dotall");
    if (t->flags & (TEST_REF_CONTAINS | TEST_REF_STARTS | TEST_REF_ENDS))
        sbuf_addz(out, t->flags & TEST_REF_CONTAINS ? " contains"
                       : t->flags & TEST_REF_STARTS ? " starts"
                                                    : " ends");
    if (t->op == TEST_TIME)
        sbuf_addf(out, " %s", unit[t->unit]);
    if ((t->op >= TEST_LESS && t->op <= TEST_GREATER_EQUAL) || t->op == TEST_EXISTS ||
        t->op == TEST_TIME || t->flags & TEST_NUMBER)
        sbuf_addf(out, " %g", t->number);
    if (t->value.n || t->op == TEST_EQUAL) {
        sbuf_addc(out, ' ');
        text_of_bytes(image_str(im, t->value), out);
    }
}

static inline void text_of_node(const struct image *im, uint32_t node, struct sbuf *out)
{
    const struct node_row *row = &im->node.at[node];
    if (row->kind == NODE_TEST) {
        text_of_test(im, &im->test.at[row->test], out);
        return;
    }
    sbuf_addz(out, row->kind == NODE_NOT ? "!(" : "(");
    for (uint32_t i = 0; i < row->child.count; i++) {
        if (i)
            sbuf_addz(out, row->kind == NODE_AND ? " & " : " | ");
        text_of_node(im, im->child.at[row->child.first + i], out);
    }
    sbuf_addc(out, ')');
}

/* The set of `yaml`; asserts that it is read, with whatever problems. */
static inline struct rule_set *set_of_options(const char *yaml, struct dict *dict,
                                              const struct rule_options *options)
{
    struct rule_set *set;
    struct error err;
    if (rule_set_parse(STR("test.yml"), str_z(yaml), dict, options, &set, &err) != ST_OK)
        fail_msg("%s", err.text);
    assert_true(image_valid(&set->image));
    return set;
}

/* What the `detection:` lines mean (each indented by two spaces), or the line and words of why
 * they mean nothing: "line 7: …".  The caller frees it with sbuf_done. */
static inline struct sbuf detection_text(const char *lines, const struct rule_options *options)
{
    struct sbuf yaml, out;
    sbuf_init(&yaml, 1 << 22);
    sbuf_init(&out, 1 << 22);
    sbuf_addf(&yaml, "title: t\nlogsource:\n  product: windows\ndetection:\n%s", lines);
    struct dict *dict = dict_new();
    struct rule_set *set = set_of_options(yaml.p, dict, options);
    if (rule_set_count(set) == 1)
        text_of_node(&set->image, set->image.rule.at[0].root, &out);
    else if (rule_set_problem_count(set) == 1)
        sbuf_addf(&out, "line %u: %s", rule_set_problem(set, 0)->line,
                  rule_set_problem(set, 0)->reason);
    rule_set_free(set);
    dict_free(dict);
    sbuf_done(&yaml);
    return out;
}

struct detection_case {
    const char *lines, *want;
};

static inline void check_detections(const struct detection_case *row, size_t n,
                                    const struct rule_options *options)
{
    for (size_t i = 0; i < n; i++) {
        struct sbuf got = detection_text(row[i].lines, options);
        if (strcmp(got.p ? got.p : "", row[i].want) != 0)
            fail_msg("%s\n  is   %s\n  want %s", row[i].lines, got.p ? got.p : "", row[i].want);
        sbuf_done(&got);
    }
}

#endif
