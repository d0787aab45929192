/* SPDX-License-Identifier: Apache-2.0 */
#include "rule/describe.h"

enum { WANTED_WIDTH = 80 };

/* `n`, or less where that would cut a UTF-8 character. */
static size_t cut(str s, size_t n)
{
    if (n >= s.n)
        return s.n;
    size_t at = n;
    while (at > 0 && n - at < 4 && ((unsigned char)s.p[at] & 0xc0) == 0x80)
        at--;
    return n - at < 4 ? at : n;
}

void describe_value(struct sbuf *out, str text, size_t width)
{
    size_t n = cut(text, width);
    sbuf_addc(out, '\'');
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        sbuf_addc(out, c < 0x20 || c == 0x7f ? ' ' : (char)c);
    }
    sbuf_addz(out, n < text.n ? "…'" : "'");
}

static const char *field_verb(unsigned flags)
{
    return flags & TEST_REF_CONTAINS ? "contains the value of"
           : flags & TEST_REF_STARTS ? "starts with the value of"
           : flags & TEST_REF_ENDS   ? "ends with the value of"
                                     : "is the same as";
}

static const char *time_verb(unsigned unit)
{
    static const char *const verb[] = {
        [UNIT_MINUTE] = "is in minute", [UNIT_HOUR] = "is in hour",   [UNIT_DAY] = "is on day",
        [UNIT_WEEK] = "is in week",     [UNIT_MONTH] = "is in month", [UNIT_YEAR] = "is in year",
    };
    return unit < COUNT(verb) ? verb[unit] : "is at";
}

const char *test_verb(const struct test_row *row)
{
    static const char *const verb[TEST_OP_COUNT] = {
        [TEST_EQUAL] = "is",
        [TEST_CONTAINS] = "contains",
        [TEST_STARTS] = "starts with",
        [TEST_ENDS] = "ends with",
        [TEST_GLOB] = "matches",
        [TEST_REGEX] = "matches the expression",
        [TEST_CIDR] = "is in",
        [TEST_LESS] = "is below",
        [TEST_LESS_EQUAL] = "is at most",
        [TEST_GREATER] = "is above",
        [TEST_GREATER_EQUAL] = "is at least",
        [TEST_NULL] = "is absent or null",
        [TEST_PRESENT] = "is not empty",
    };
    if (row->op == TEST_FIELD)
        return field_verb(row->flags);
    if (row->op == TEST_TIME)
        return time_verb(row->unit);
    if (row->op == TEST_EXISTS)
        return row->number != 0 ? "exists" : "does not exist";
    if ((row->flags & TEST_KEYWORD) && row->op == TEST_EQUAL)
        return "contains";
    return row->op < TEST_OP_COUNT ? verb[row->op] : "?";
}

static str glob_shown(str glob, struct arena *arena)
{
    char *out = arena_bytes(arena, glob.n);
    size_t n = 0;
    for (size_t i = 0; out && i < glob.n; i++) {
        if (glob.p[i] == '\\' && i + 1 < glob.n && glob.p[i + 1] == '\\')
            i++;
        out[n++] = glob.p[i];
    }
    return out ? (str){out, n} : glob;
}

str test_wants(const struct image *im, const struct test_row *row, struct arena *arena)
{
    switch ((enum test_op)row->op) {
    case TEST_NULL:
    case TEST_EXISTS:
    case TEST_PRESENT:
        return (str){"", 0};
    case TEST_LESS:
    case TEST_LESS_EQUAL:
    case TEST_GREATER:
    case TEST_GREATER_EQUAL:
    case TEST_TIME:
        return arena_fmt(arena, "%.15g", row->number);
    case TEST_GLOB:
        return glob_shown(image_str(im, row->value), arena);
    default:
        return image_str(im, row->value);
    }
}

void describe_test(struct sbuf *out, const struct rule_set *set, uint32_t test,
                   struct test_fields fields, struct arena *arena)
{
    const struct test_row *row = &set->image.test.at[test];
    str wants = test_wants(&set->image, row, arena);
    if (row->flags & TEST_KEYWORD)
        sbuf_addz(out, "the record");
    else
        sbuf_add(out, dict_name(set->dict, fields.field));
    sbuf_addc(out, ' ');
    sbuf_addz(out, test_verb(row));
    if (row->op == TEST_FIELD) {
        sbuf_addc(out, ' ');
        sbuf_add(out, dict_name(set->dict, fields.other));
    } else if (wants.n || row->op == TEST_EQUAL) {
        sbuf_addc(out, ' ');
        describe_value(out, wants, WANTED_WIDTH);
    }
}
