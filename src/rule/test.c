/* SPDX-License-Identifier: Apache-2.0 */
/* The right side of a field's test: a value becomes the plainest test that says the same: a
 * literal whole, anywhere, at the start or at the end, and only with inner wildcards a glob.
 */
#include "codec/ip.h"
#include "codec/yaml.h"
#include "rule/regex.h"
#include "rule/value.h"

#include <math.h>

static uint32_t test_add(struct value *v, const struct test_row *test)
{
    struct image *im = v->read->image;
    struct test_row row = *test;
    row.line = v->yaml->line;
    row.flags |= v->mods->field.n ? 0 : TEST_KEYWORD;
    row.field = image_text(im, v->mods->field);
    struct test_row *at = image_push(im, test);
    uint32_t node = at ? image_node(im, NODE_TEST, row.line, (str){0}) : ROW_NONE;
    if (node == ROW_NONE)
        return ROW_NONE;
    *at = row;
    im->node.at[node].test = (uint32_t)im->test.n - 1;
    return node;
}

static bool add_text_test(struct value *v, enum test_op op, unsigned flags, str text,
                          uint32_t *node)
{
    struct test_row row = {.op = (uint8_t)op, .flags = (uint16_t)flags};
    row.value = image_text(v->read->image, text);
    *node = test_add(v, &row);
    return true;
}

/* ---- literals and globs ---- */

/* Wildcards as the place modifier wants them around the value, runs of `*` as one. */
static struct pattern surround(struct value *v, struct pattern p, unsigned place, bool *ok)
{
    bool front = place == MODIFIER_contains || place == MODIFIER_endswith;
    bool back = place == MODIFIER_contains || place == MODIFIER_startswith;
    uint16_t *out = arena_array(v->read->scratch, uint16_t, p.n + 2);
    size_t n = 0;
    *ok = out != NULL;
    if (!out)
        return p;
    if (front)
        out[n++] = SYMBOL_STAR;
    for (size_t i = 0; i <= p.n; i++) {
        if (i == p.n && !back)
            break;
        uint16_t c = i < p.n ? p.at[i] : SYMBOL_STAR;
        if (c != SYMBOL_STAR || n == 0 || out[n - 1] != SYMBOL_STAR)
            out[n++] = c;
    }
    return (struct pattern){out, n};
}

static bool has_wildcard(struct pattern p)
{
    for (size_t i = 0; i < p.n; i++)
        if (p.at[i] > 255)
            return true;
    return false;
}

/* image.test's spelling of a glob: `\` before what would otherwise be special. */
static str glob_text(struct value *v, struct pattern p)
{
    char *out = arena_bytes(v->read->scratch, p.n * 2 + 1);
    size_t n = 0;
    for (size_t i = 0; out && i < p.n; i++) {
        uint16_t c = p.at[i];
        if (c == '*' || c == '?' || c == '\\')
            out[n++] = '\\';
        out[n++] = c == SYMBOL_STAR ? '*' : c == SYMBOL_QUESTION ? '?' : (char)c;
    }
    return (str){out, n};
}

static bool too_large(struct value *v)
{
    return read_refuse(v->read, v->yaml, "the value grows too large");
}

static bool add_pattern(struct value *v, struct pattern p, unsigned place, uint32_t *node)
{
    bool ok;
    p = surround(v, p, place, &ok);
    if (!ok)
        return too_large(v);
    unsigned flags = v->mods->flags & TEST_CASED;
    if (p.n == 1 && p.at[0] == SYMBOL_STAR)
        return add_text_test(v, TEST_PRESENT, 0, (str){0}, node);
    bool front = p.n && p.at[0] == SYMBOL_STAR, back = p.n && p.at[p.n - 1] == SYMBOL_STAR;
    struct pattern core = {p.at + front, p.n - front - back};
    if (has_wildcard(core)) {
        str glob = glob_text(v, p);
        return glob.p ? add_text_test(v, TEST_GLOB, flags, glob, node) : too_large(v);
    }
    enum test_op op = front ? back ? TEST_CONTAINS : TEST_ENDS : back ? TEST_STARTS : TEST_EQUAL;
    str text = value_bytes(v, core);
    return text.p ? add_text_test(v, op, flags, text, node) : too_large(v);
}

/* A bare number or boolean that the whole value has to equal. */
static bool add_number(struct value *v, str text, uint32_t *node)
{
    struct test_row row = {.op = TEST_EQUAL, .flags = TEST_NUMBER, .number = NAN};
    int64_t whole;
    if (yaml_to_i64(v->yaml, &whole))
        row.number = (double)whole;
    else
        (void)yaml_to_f64(v->yaml, &row.number); /* a boolean stays NaN */
    row.value = image_text(v->read->image, text);
    *node = test_add(v, &row);
    return true;
}

/* ---- regular expressions ---- */

static bool add_regex(struct value *v, struct pattern p, uint32_t *node)
{
    const struct modifiers *m = v->mods;
    str body = value_bytes(v, p);
    bool front = m->place == MODIFIER_startswith, back = m->place == MODIFIER_endswith;
    str text = front  ? arena_fmt(v->read->scratch, "^(?:" STR_FMT ")", STR_ARG(body))
               : back ? arena_fmt(v->read->scratch, "(?:" STR_FMT ")$", STR_ARG(body))
                      : body;
    if (!body.p || !text.p)
        return too_large(v);
    unsigned flags = REGEX_CHECK | (m->flags & TEST_CASED ? 0 : REGEX_NOCASE) |
                     (m->flags & TEST_MULTILINE ? REGEX_MULTILINE : 0) |
                     (m->flags & TEST_DOTALL ? REGEX_DOTALL : 0);
    struct error err;
    struct regex *regex = regex_new(text, flags, &err);
    if (!regex)
        return read_refuse(v->read, v->yaml, "%s", err.text);
    regex_free(regex);
    return add_text_test(v, TEST_REGEX, m->flags, text, node);
}

/* ---- the other tests ---- */

static bool refuse_value(struct value *v, const char *what, const char *wants)
{
    return read_refuse(v->read, v->yaml, "'%s' wants %s, not '%.*s'", what, wants,
                       STR_ARG(str_head(v->yaml->text, 60)));
}

static bool add_exists(struct value *v, uint32_t *node)
{
    bool yes = str_ieq(v->yaml->text, STR("true")) || str_ieq(v->yaml->text, STR("yes"));
    if (!yes && !str_ieq(v->yaml->text, STR("false")) && !str_ieq(v->yaml->text, STR("no")))
        return refuse_value(v, "exists", "true or false");
    struct test_row row = {.op = TEST_EXISTS, .number = yes};
    *node = test_add(v, &row);
    return true;
}

static bool add_cidr(struct value *v, uint32_t *node)
{
    struct cidr range;
    str text = str_trim(v->yaml->text);
    if (!cidr_parse(text, &range))
        return refuse_value(v, "cidr", "a range such as 10.0.0.0/8 or fe80::/10");
    return add_text_test(v, TEST_CIDR, 0, text, node);
}

static bool number_of(struct value *v, double *out)
{
    return (yaml_to_f64(v->yaml, out) || str_to_f64(str_trim(v->yaml->text), out)) &&
           isfinite(*out);
}

static bool add_compare(struct value *v, uint32_t *node)
{
    static const struct {
        unsigned char modifier, op;
        const char *name;
    } ops[] = {{MODIFIER_lt, TEST_LESS, "lt"},
               {MODIFIER_lte, TEST_LESS_EQUAL, "lte"},
               {MODIFIER_gt, TEST_GREATER, "gt"},
               {MODIFIER_gte, TEST_GREATER_EQUAL, "gte"}};
    size_t i = 0;
    while (ops[i].modifier != v->mods->test)
        i++;
    struct test_row row = {.op = ops[i].op};
    if (!number_of(v, &row.number))
        return refuse_value(v, ops[i].name, "a number");
    row.value = image_text(v->read->image, v->yaml->text);
    *node = test_add(v, &row);
    return true;
}

static bool add_fieldref(struct value *v, uint32_t *node)
{
    unsigned place = v->mods->place;
    unsigned flags = v->mods->flags & TEST_CASED;
    flags |= place == MODIFIER_contains     ? TEST_REF_CONTAINS
             : place == MODIFIER_startswith ? TEST_REF_STARTS
             : place == MODIFIER_endswith   ? TEST_REF_ENDS
                                            : 0;
    if (v->yaml->text.n == 0)
        return refuse_value(v, "fieldref", "the name of a field");
    return add_text_test(v, TEST_FIELD, flags, v->yaml->text, node);
}

/* ---- parts of a time ---- */

static const struct {
    const char *name;
    int first, last;
} units[] = {
    [UNIT_MINUTE] = {"minute", 0, 59}, [UNIT_HOUR] = {"hour", 0, 23},
    [UNIT_DAY] = {"day", 1, 31},       [UNIT_WEEK] = {"week", 1, 53},
    [UNIT_MONTH] = {"month", 1, 12},   [UNIT_YEAR] = {"year", 1970, 2199},
};

static bool compares(unsigned test, int n, double with)
{
    return test == MODIFIER_lt    ? n < with
           : test == MODIFIER_lte ? n <= with
           : test == MODIFIER_gt  ? n > with
           : test == MODIFIER_gte ? n >= with
                                  : n == with;
}

/* A part of a time has few values, so a comparison is written out as those that satisfy it. */
static bool add_time(struct value *v, uint32_t *node)
{
    unsigned unit = v->mods->unit - (unsigned)MODIFIER_minute;
    double number;
    uint32_t child[256], n = 0;
    if (!number_of(v, &number) || number != floor(number))
        return refuse_value(v, units[unit].name, "a whole number");
    if (v->mods->test == MODIFIER_COUNT &&
        (number < units[unit].first || number > units[unit].last))
        return read_refuse(v->read, v->yaml, "'%s' wants a number from %d to %d, not %.*s",
                           units[unit].name, units[unit].first, units[unit].last,
                           STR_ARG(str_head(v->yaml->text, 40)));
    for (int i = units[unit].first; i <= units[unit].last; i++) {
        if (!compares(v->mods->test, i, number))
            continue;
        struct test_row row = {.op = TEST_TIME, .unit = (uint8_t)unit, .number = i};
        child[n++] = test_add(v, &row);
    }
    *node = n == 1 ? child[0] : image_node(v->read->image, NODE_OR, v->yaml->line, (str){0});
    if (n != 1)
        image_children(v->read->image, *node, child, n);
    return true;
}

/* ---- any value ---- */

/* Text after all steps: one test, or an OR of its forms. */
static bool add_forms(struct value *v, str text, uint32_t *node)
{
    bool regex = v->mods->test == MODIFIER_re;
    unsigned place = v->mods->place;
    VEC(uint32_t) child = {0};
    if (place == MODIFIER_COUNT && v->mods->field.n == 0)
        place = MODIFIER_contains; /* a keyword stands anywhere */
    bool ok = value_forms(v, text, regex);
    for (size_t i = 0; ok && i < v->form.n; i++)
        ok = regex ? add_regex(v, v->form.at[i], vec_push(&child))
                   : add_pattern(v, v->form.at[i], place, vec_push(&child));
    if (ok && child.n == 1) {
        *node = child.at[0];
    } else if (ok) {
        str label = STR("placeholder without values");
        if (child.n)
            label = (str){0};
        *node = image_node(v->read->image, NODE_OR, v->yaml->line, label);
        image_children(v->read->image, *node, child.at, (uint32_t)child.n);
    }
    vec_done(&child);
    return ok;
}

static bool is_plain_equal(const struct modifiers *m)
{
    return m->test == MODIFIER_COUNT && m->place == MODIFIER_COUNT && m->step_count == 0;
}

static bool add_text(struct value *v, uint32_t *node)
{
    const struct modifiers *m = v->mods;
    double number;
    bool boolean;
    str text = v->yaml->text;
    if (yaml_is_null(v->yaml)) {
        struct test_row row = {.op = TEST_NULL};
        if (!is_plain_equal(m) || m->field.n == 0)
            return read_refuse(v->read, v->yaml,
                               m->field.n ? "null takes no modifiers" : "a keyword cannot be null");
        *node = test_add(v, &row);
        return true;
    }
    if (m->field.n && is_plain_equal(m)) {
        if (yaml_to_bool(v->yaml, &boolean))
            return add_number(v, boolean ? STR("true") : STR("false"), node);
        int64_t whole;
        if (yaml_to_i64(v->yaml, &whole) || yaml_to_f64(v->yaml, &number))
            return add_number(v, text, node);
    }
    return add_forms(v, text, node);
}

bool modifiers_apply(struct rule_read *r, const struct modifiers *m, const struct yaml_node *value,
                     uint32_t *node)
{
    struct value v = {.read = r, .mods = m, .yaml = value};
    bool ok;
    if (m->unit != MODIFIER_COUNT)
        ok = add_time(&v, node);
    else if (m->test == MODIFIER_exists)
        ok = add_exists(&v, node);
    else if (m->test == MODIFIER_cidr)
        ok = add_cidr(&v, node);
    else if (m->test == MODIFIER_fieldref)
        ok = add_fieldref(&v, node);
    else if (m->test == MODIFIER_re || m->test == MODIFIER_COUNT)
        ok = add_text(&v, node);
    else
        ok = add_compare(&v, node);
    value_done(&v);
    return ok;
}
