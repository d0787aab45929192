/* SPDX-License-Identifier: Apache-2.0 */
#include "rule/build.h"
#include "rule/fragment.h"

#include <assert.h>

static str fold(struct arena *arena, str s)
{
    char *p = arena_bytes(arena, s.n);
    assert(p);
    for (size_t i = 0; i < s.n; i++)
        p[i] = ascii_lower(s.p[i]);
    return (str){p, s.n};
}

/* ---- predicates ---- */

static bool ignores_case(const struct test_row *row)
{
    if (row->op == TEST_REGEX)
        return false; /* letters of its syntax differ by case */
    return !(row->flags & TEST_CASED) || (row->op == TEST_EQUAL && (row->flags & TEST_NUMBER));
}

/* Everything that two tests must share to be one predicate. */
static str predicate_key(struct build *b, const struct test_row *row, struct test_fields fields)
{
    struct {
        struct test_fields fields;
        uint16_t flags;
        uint8_t op, unit;
        double number;
    } head = {fields, row->flags, row->op, row->unit, row->number};
    char bytes[sizeof head.fields + sizeof head.flags + 2 + sizeof head.number];
    memcpy(bytes, &head.fields, sizeof head.fields);
    memcpy(bytes + sizeof head.fields, &head.flags, sizeof head.flags);
    bytes[sizeof head.fields + sizeof head.flags] = (char)head.op;
    bytes[sizeof head.fields + sizeof head.flags + 1] = (char)head.unit;
    memcpy(bytes + sizeof bytes - sizeof head.number, &head.number, sizeof head.number);
    sbuf_clear(&b->key);
    sbuf_add(&b->key, (str){bytes, sizeof bytes});
    str value = image_str(b->image, row->value);
    sbuf_add(&b->key, value);
    if (ignores_case(row))
        for (size_t i = b->key.n - value.n; i < b->key.n; i++)
            b->key.p[i] = ascii_lower(b->key.p[i]);
    return sbuf_str(&b->key);
}

static uint8_t shortest_fragment(struct build *b, const struct test_row *row)
{
    struct fragments f = {.count = 0};
    str value = image_str(b->image, row->value);
    bool keyword = row->flags & TEST_KEYWORD;
    if (row->op == TEST_GLOB)
        fragments_of_glob(value, keyword, &b->program->arena, &f);
    else if (row->op == TEST_REGEX)
        fragments_of_regex(value, !(row->flags & TEST_CASED), keyword, &b->program->arena, &f);
    else if (keyword)
        fragments_of_literal(value, true, &b->program->arena, &f);
    size_t least = f.count ? 255 : 0;
    for (uint32_t i = 0; i < f.count; i++)
        least = f.at[i].n < least ? f.at[i].n : least;
    return (uint8_t)least;
}

static uint32_t predicate_of(struct build *b, uint32_t test, enum family family)
{
    const struct test_row *row = &b->image->test.at[test];
    struct test_fields fields = test_fields(b->program->set, family, test);
    str key = predicate_key(b, row, fields);
    uint32_t *have = map_find(&b->seen, key);
    if (have)
        return *have;
    uint32_t number = (uint32_t)b->predicate.n;
    str kept = {program_keep(b->program, key.p, key.n, 1), key.n};
    map_add(&b->seen, kept, number, NULL);
    struct predicate *q = vec_push(&b->predicate);
    *q = (struct predicate){
        .test = test, .fields = fields, .op = row->op, .keyword = row->flags & TEST_KEYWORD};
    if (ignores_case(row))
        q->folded = fold(&b->program->arena, image_str(b->image, row->value));
    q->fragment = shortest_fragment(b, row);
    return number;
}

/* Call `each` on every NODE_TEST of the tree, in a fixed order. */
static void add_test(struct build *b, uint32_t node, void *arg)
{
    struct rule_visit *v = arg;
    uint32_t q = predicate_of(b, b->image->node.at[node].test, v->family);
    *vec_push(&b->order) = q;
    struct predicate *p = &b->predicate.at[q];
    if (p->uses == 0 || p->last_use != v->rule)
        p->uses++;
    p->last_use = v->rule;
}

static void find_predicates(struct build *b)
{
    struct program *p = b->program;
    for (uint32_t r = 0; r < b->image->rule.n; r++) {
        const struct rule_row *row = &b->image->rule.at[r];
        struct rule_visit v = {.rule = r, .family = rule_family(p->set, row)};
        if (build_detects(row))
            build_visit(b, row->root, add_test, &v);
    }
    p->predicate_count = (uint32_t)b->predicate.n;
    p->predicate = program_keep(p, b->predicate.at, b->predicate.n, sizeof *b->predicate.at);
}

static void guess_chances(struct build *b)
{
    struct program *p = b->program;
    uint32_t *asked = mem_array(uint32_t, FIELD_OVERFLOW + 1);
    for (uint32_t i = 0; i < p->predicate_count; i++)
        asked[p->predicate[i].fields.field] += p->predicate[i].uses;
    for (uint32_t i = 0; i < p->predicate_count; i++)
        p->predicate[i].chance =
            predicate_chance(p, &p->predicate[i], asked[p->predicate[i].fields.field]);
    mem_free(asked);
}

void build_predicates(struct build *b)
{
    find_predicates(b);
    guess_chances(b);
}

/* ---- regular expressions ---- */

static int by_test(const void *x, const void *y)
{
    const struct test_regex *a = x, *b = y;
    return (a->test > b->test) - (a->test < b->test);
}

const struct regex *program_regex(const struct program *p, uint32_t test)
{
    struct test_regex key = {.test = test};
    const struct test_regex *row = bsearch(&key, p->regex, p->regex_count, sizeof key, by_test);
    assert(row);
    return row->regex;
}

static status compile_regex(struct build *b, struct predicate *q)
{
    const struct test_row *row = &b->image->test.at[q->test];
    unsigned flags = (row->flags & TEST_CASED ? 0 : REGEX_NOCASE) |
                     (row->flags & TEST_MULTILINE ? REGEX_MULTILINE : 0) |
                     (row->flags & TEST_DOTALL ? REGEX_DOTALL : 0);
    struct regex *regex = regex_new(image_str(b->image, row->value), flags, b->err);
    if (!regex)
        return ST_INVALID;
    *vec_push(&b->regex) = (struct test_regex){q->test, regex, true};
    return ST_OK;
}

static void share_regex(struct build *b, uint32_t node, void *arg)
{
    struct rule_visit *v = arg;
    uint32_t test = b->image->node.at[node].test;
    const struct predicate *q = &b->program->predicate[b->order.at[v->next++]];
    if (q->op != TEST_REGEX || q->test == test)
        return;
    struct regex *regex = NULL;
    for (size_t i = 0; i < b->regex.n && !regex; i++)
        if (b->regex.at[i].test == q->test)
            regex = b->regex.at[i].regex;
    *vec_push(&b->regex) = (struct test_regex){test, regex, false};
}

/* One compiled pattern for all rows that say the same. */
status build_regexes(struct build *b)
{
    struct program *p = b->program;
    status s = ST_OK;
    for (uint32_t i = 0; i < p->predicate_count && s == ST_OK; i++)
        if (p->predicate[i].op == TEST_REGEX)
            s = compile_regex(b, &p->predicate[i]);
    struct rule_visit v = {.next = 0};
    for (uint32_t r = 0; r < b->image->rule.n && s == ST_OK; r++)
        if (build_detects(&b->image->rule.at[r]))
            build_visit(b, b->image->rule.at[r].root, share_regex, &v);
    p->regex_count = (uint32_t)b->regex.n;
    p->regex = program_keep(p, b->regex.at, b->regex.n, sizeof *b->regex.at);
    if (p->regex_count)
        qsort(p->regex, p->regex_count, sizeof *p->regex, by_test);
    return s;
}
