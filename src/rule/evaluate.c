/* SPDX-License-Identifier: Apache-2.0 */
#include "rule/evaluate.h"

#include "codec/ip.h"
#include "codec/time.h"
#include "rule/compile.h"

#include <assert.h>

void tester_init(struct tester *t, const struct rule_set *set)
{
    *t = (struct tester){.set = set};
    regex_scratch_init(&t->regex);
}

void tester_done(struct tester *t)
{
    regex_scratch_done(&t->regex);
    *t = (struct tester){0};
}

struct test_fields test_fields(const struct rule_set *set, enum family family, uint32_t test)
{
    const struct test_row *row = &set->image.test.at[test];
    struct test_fields f = {FIELD_OVERFLOW, FIELD_OVERFLOW};
    if (row->flags & TEST_KEYWORD)
        return f;
    f.field = dict_resolve(set->dict, family, image_str(&set->image, row->field));
    if (row->op == TEST_FIELD)
        f.other = dict_resolve(set->dict, family, image_str(&set->image, row->value));
    return f;
}

/* ---- numbers ---- */

static size_t skip_digits(str s, size_t at)
{
    while (at < s.n && s.p[at] >= '0' && s.p[at] <= '9')
        at++;
    return at;
}

static bool is_number(str s)
{
    size_t at = s.n && (s.p[0] == '-' || s.p[0] == '+') ? 1 : 0;
    size_t digits = skip_digits(s, at);
    if (digits == at)
        return false;
    at = digits;
    if (at < s.n && s.p[at] == '.') {
        digits = skip_digits(s, at + 1);
        if (digits == at + 1)
            return false;
        at = digits;
    }
    if (at < s.n && (s.p[at] == 'e' || s.p[at] == 'E')) {
        at += at + 1 < s.n && (s.p[at + 1] == '-' || s.p[at + 1] == '+') ? 2 : 1;
        digits = skip_digits(s, at);
        if (digits == at)
            return false;
        at = digits;
    }
    return at == s.n;
}

bool number_parse(str s, double *out)
{
    return is_number(s) && str_to_f64(s, out);
}

static bool same_number(str a, str b)
{
    double x, y;
    int64_t i, j;
    if (!number_parse(a, &x) || !number_parse(b, &y))
        return false;
    if (str_to_i64(a, &i) && str_to_i64(b, &j))
        return i == j; /* beyond 2^53 doubles are too coarse for ids */
    return x == y;
}

/* ---- globs ---- */

struct glob { /* one element of a pattern */
    char c;
    bool star, any;
    size_t next; /* index after it */
};

static bool is_special(char c)
{
    return c == '*' || c == '?' || c == '\\';
}

static struct glob glob_at(str pattern, size_t at)
{
    struct glob g = {.c = pattern.p[at], .next = at + 1};
    if (g.c == '*')
        g.star = true;
    else if (g.c == '?')
        g.any = true;
    else if (g.c == '\\' && at + 1 < pattern.n && is_special(pattern.p[at + 1]))
        g = (struct glob){.c = pattern.p[at + 1], .next = at + 2};
    return g;
}

/* Bytes of the UTF-8 character at `at`; 1 for what is none. */
static size_t character(str s, size_t at)
{
    size_t n = 1;
    if ((unsigned char)s.p[at] >= 0xc0)
        while (n < 4 && at + n < s.n && ((unsigned char)s.p[at + n] & 0xc0) == 0x80)
            n++;
    return n;
}

static bool same_char(char a, char b, bool cased)
{
    return cased ? a == b : ascii_lower(a) == ascii_lower(b);
}

/* Going back to the last star only is enough: an earlier one could not do better. */
bool glob_match(str pattern, str text, bool cased, bool inside)
{
    size_t p = 0, t = 0;
    size_t star_p = inside ? 0 : SIZE_MAX, star_t = 0;
    for (;;) {
        if (p == pattern.n && (inside || t == text.n))
            return true;
        struct glob g = p < pattern.n ? glob_at(pattern, p) : (struct glob){0};
        if (p < pattern.n && g.star) {
            p = star_p = g.next;
            star_t = t;
            continue;
        }
        if (p < pattern.n && t < text.n && (g.any || same_char(g.c, text.p[t], cased))) {
            p = g.next;
            t += g.any ? character(text, t) : 1;
            continue;
        }
        if (star_p == SIZE_MAX || star_t >= text.n)
            return false;
        p = star_p;
        t = ++star_t;
    }
}

/* ---- one value ---- */

static bool equals(const struct test_row *row, str want, str text, enum value_kind kind)
{
    bool cased = (row->flags & TEST_CASED) && !(row->flags & TEST_NUMBER);
    if (cased ? str_eq(text, want) : str_ieq(text, want))
        return true;
    return ((row->flags & TEST_NUMBER) || kind == VALUE_NUMBER) && same_number(text, want);
}

static bool compares(const struct test_row *row, str text)
{
    double v;
    if (!number_parse(text, &v))
        return false;
    switch (row->op) {
    case TEST_LESS:
        return v < row->number;
    case TEST_LESS_EQUAL:
        return v <= row->number;
    case TEST_GREATER:
        return v > row->number;
    default:
        return v >= row->number;
    }
}

static bool in_range(str range, str text)
{
    struct cidr c;
    struct ip ip;
    return cidr_parse(range, &c) && ip_parse(text, &ip) && cidr_contains(&c, &ip);
}

static bool time_has(const struct test_row *row, str text)
{
    int64_t ms;
    if (!time_parse_any(text, &ms))
        return false;
    struct civil c = time_civil(ms);
    const double unit[] = {
        [UNIT_MINUTE] = c.minute, [UNIT_HOUR] = c.hour,   [UNIT_DAY] = c.day,
        [UNIT_WEEK] = c.week,     [UNIT_MONTH] = c.month, [UNIT_YEAR] = c.year,
    };
    return row->unit < COUNT(unit) && unit[row->unit] == row->number;
}

static bool contains(str text, str part, bool cased)
{
    return cased ? str_contains(text, part) : str_icontains(text, part);
}

static bool starts(str text, str part, bool cased)
{
    return cased ? str_starts(text, part) : str_istarts(text, part);
}

static bool ends(str text, str part, bool cased)
{
    return cased ? str_ends(text, part) : str_iends(text, part);
}

bool test_value(struct tester *t, uint32_t test, str text, enum value_kind kind)
{
    const struct test_row *row = &t->set->image.test.at[test];
    str want = image_str(&t->set->image, row->value);
    bool cased = row->flags & TEST_CASED;
    if (row->op == TEST_EXISTS)
        return row->number != 0;
    if (kind == VALUE_NULL)
        return false;
    switch ((enum test_op)row->op) {
    case TEST_EQUAL:
        return equals(row, want, text, kind);
    case TEST_CONTAINS:
        return contains(text, want, cased);
    case TEST_STARTS:
        return starts(text, want, cased);
    case TEST_ENDS:
        return ends(text, want, cased);
    case TEST_GLOB:
        return glob_match(want, text, cased, false);
    case TEST_REGEX:
        return regex_match(program_regex(t->set->program, test), &t->regex, text);
    case TEST_CIDR:
        return in_range(want, text);
    case TEST_LESS:
    case TEST_LESS_EQUAL:
    case TEST_GREATER:
    case TEST_GREATER_EQUAL:
        return compares(row, text);
    case TEST_PRESENT:
        return text.n > 0;
    case TEST_TIME:
        return time_has(row, text);
    case TEST_NULL:
    case TEST_EXISTS:
    case TEST_FIELD:
    case TEST_OP_COUNT:
        break;
    }
    return false;
}

/* ---- keywords ---- */

bool record_is_text(const struct event *e)
{
    str s = str_trim(str_head(e->raw, 64));
    if (s.n == 0 || s.p[0] == '{' || s.p[0] == '[')
        return false;
    /* `<34>` starts a syslog line, `<E` a document. */
    return s.p[0] != '<' || (s.n > 1 && s.p[1] >= '0' && s.p[1] <= '9');
}

static bool keyword_in(struct tester *t, uint32_t test, str text, enum value_kind kind)
{
    const struct test_row *row = &t->set->image.test.at[test];
    str want = image_str(&t->set->image, row->value);
    bool cased = row->flags & TEST_CASED;
    if (row->op == TEST_EQUAL)
        return contains(text, want, cased);
    if (row->op == TEST_GLOB)
        return glob_match(want, text, cased, true);
    return test_value(t, test, text, kind);
}

static bool keyword_event(struct tester *t, uint32_t test, struct event *e, struct field **by)
{
    for (uint32_t i = 0; i < e->field_count; i++) {
        struct field *f = &e->field[i];
        if (f->kind == VALUE_NULL || (f->flags & FIELD_COPY))
            continue;
        if (keyword_in(t, test, event_text(e, f), f->kind)) {
            *by = f;
            return true;
        }
    }
    return record_is_text(e) && keyword_in(t, test, e->raw, VALUE_STRING);
}

/* ---- events ---- */

static struct field *next_field(const struct event *e, field_id id, struct field *after)
{
    uint32_t i = after ? (uint32_t)(after - e->field) + 1 : 0;
    for (; i < e->field_count; i++)
        if (e->field[i].id == id)
            return &e->field[i];
    return NULL;
}

static bool is_null(const struct event *e, field_id id)
{
    for (struct field *f = next_field(e, id, NULL); f; f = next_field(e, id, f))
        if (f->kind != VALUE_NULL)
            return false;
    return true;
}

static bool same_values(const struct test_row *row, str a, str b)
{
    bool cased = row->flags & TEST_CASED;
    if (row->flags & TEST_REF_CONTAINS)
        return contains(a, b, cased);
    if (row->flags & TEST_REF_STARTS)
        return starts(a, b, cased);
    if (row->flags & TEST_REF_ENDS)
        return ends(a, b, cased);
    return cased ? str_eq(a, b) : str_ieq(a, b);
}

static struct field *field_like_other(const struct test_row *row, struct test_fields id,
                                      struct event *e)
{
    if (id.other == FIELD_OVERFLOW)
        return NULL;
    for (struct field *a = next_field(e, id.field, NULL); a; a = next_field(e, id.field, a))
        for (struct field *b = next_field(e, id.other, NULL); b; b = next_field(e, id.other, b))
            if (a->kind != VALUE_NULL && b->kind != VALUE_NULL &&
                same_values(row, event_text(e, a), event_text(e, b)))
                return a;
    return NULL;
}

bool test_event(struct tester *t, uint32_t test, struct test_fields fields, struct event *e,
                struct field **by)
{
    const struct test_row *row = &t->set->image.test.at[test];
    struct field *none = NULL;
    by = by ? by : &none;
    *by = NULL;
    if (row->flags & TEST_KEYWORD)
        return keyword_event(t, test, e, by);
    if (fields.field == FIELD_OVERFLOW)
        return false;
    if (row->op == TEST_NULL)
        return is_null(e, fields.field);
    if (row->op == TEST_EXISTS && row->number == 0)
        return !next_field(e, fields.field, NULL);
    if (row->op == TEST_FIELD)
        return (*by = field_like_other(row, fields, e)) != NULL;
    for (struct field *f = next_field(e, fields.field, NULL); f; f = next_field(e, fields.field, f))
        if (test_value(t, test, f->kind == VALUE_NULL ? (str){"", 0} : event_text(e, f), f->kind)) {
            *by = f;
            return true;
        }
    return false;
}

bool node_event(struct tester *t, enum family family, uint32_t node, struct event *e)
{
    const struct image *im = &t->set->image;
    const struct node_row *row = &im->node.at[node];
    const uint32_t *child = im->child.at + row->child.first;
    switch ((enum node_kind)row->kind) {
    case NODE_TEST:
        return test_event(t, row->test, test_fields(t->set, family, row->test), e, NULL);
    case NODE_NOT:
        return !node_event(t, family, child[0], e);
    case NODE_AND:
        for (uint32_t i = 0; i < row->child.count; i++)
            if (!node_event(t, family, child[i], e))
                return false;
        return true;
    case NODE_OR:
        for (uint32_t i = 0; i < row->child.count; i++)
            if (node_event(t, family, child[i], e))
                return true;
        return false;
    }
    return false;
}
