/* SPDX-License-Identifier: Apache-2.0 */
#include "base/sbuf.h"
#include "codec/yaml.h"
#include "tests/test.h"

enum { ARENA = 1 << 20 };

/* A tree as text: scalars bare when plain, else in quotes. */
static void show(const struct yaml_node *n, struct sbuf *to)
{
    if (n->kind == YAML_SCALAR) {
        sbuf_addf(to, n->plain ? STR_FMT : "'" STR_FMT "'", STR_ARG(n->text));
        return;
    }
    sbuf_addc(to, n->kind == YAML_SEQ ? '[' : '{');
    for (uint32_t i = 0; i < n->count; i++) {
        if (n->kind == YAML_MAP)
            sbuf_addf(to, STR_FMT ":", STR_ARG(n->pair[i].key));
        show(n->kind == YAML_SEQ ? &n->item[i] : &n->pair[i].value, to);
        sbuf_addc(to, i + 1 < n->count ? ',' : ' ');
    }
    sbuf_addc(to, n->kind == YAML_SEQ ? ']' : '}');
}

/* All documents as text, or the error. */
static void check(const char *text, const struct yaml_limits *limits, const char *want)
{
    struct arena arena;
    struct yaml_docs docs;
    struct error err;
    struct sbuf got;
    arena_init(&arena, ARENA);
    sbuf_init(&got, 1 << 16);
    if (yaml_parse(str_z(text), limits, &arena, &docs, &err) != ST_OK)
        sbuf_addz(&got, err.text);
    else
        for (size_t i = 0; i < docs.count; i++) {
            sbuf_addz(&got, i ? " --- " : "");
            show(&docs.doc[i], &got);
        }
    assert_string_equal(got.p ? got.p : "", want);
    sbuf_done(&got);
    arena_done(&arena);
}

struct row {
    const char *text, *want;
};

static void builds_a_tree(void **state)
{
    static const struct row row[] = {
        {"", ""},
        {"# only a comment\n", ""},
        {"---\n", ""},
        {"a: 1\nb: '1'\nc: \"x\\ty\"\nd: |\n  block\ne:\n", "{a:1,b:'1',c:'x\ty',d:'block\n',e: }"},
        {"- a\n- [b, 'c', {d: e}]\n- {}\n- []\n", "[a,[b,'c',{d:e } ],{},[] ]"},
        {"a: !!str 12", "{a:'12' }"},
        {"? a\n: b", "{a:b }"},
        {"a: 1\n---\n- 2\n...\n---\n3", "{a:1 } --- [2 ] --- 3"},
        {"\xef\xbb\xbf"
         "a: 1",
         "{a:1 }"},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++)
        check(row[i].text, NULL, row[i].want);
}

static void follows_aliases_and_merges(void **state)
{
    static const struct row row[] = {
        {"a: &x [1, 2]\nb: *x", "{a:[1,2 ],b:[1,2 ] }"},
        {"a: &x 1\nb: *x\nc: &x 2\nd: *x", "{a:1,b:1,c:2,d:2 }"},
        {"&k key: 1\nother: *k", "{key:1,other:key }"},
        {"a: &x {p: 1, q: 2}\nb:\n  <<: *x\n  q: 3", "{a:{p:1,q:2 },b:{q:3,p:1 } }"},
        {"x: &x {p: 1}\ny: &y {p: 2, q: 3}\nz: {<<: [*x, *y]}",
         "{x:{p:1 },y:{p:2,q:3 },z:{p:1,q:3 } }"},
        {"a: *x", "line 1: unknown alias 'x'"},
        {"a: &x [*x]", "line 1: unknown alias 'x'"},
        {"a: &x 1\n---\nb: *x", "line 3: unknown alias 'x'"},
        {"a:\n  <<: 1", "line 2: '<<' needs a map"},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++)
        check(row[i].text, NULL, row[i].want);
}

static void says_where_it_went_wrong(void **state)
{
    static const struct row row[] = {
        {"a: 1\nb: [1, 2\nc: 3", "line 3: did not find expected ',' or ']'"},
        {"a: 1\n b: 2", "line 2: mapping values are not allowed in this context"},
        {"a: 1\nb: 2\na: 3", "line 3: the key 'a' appears twice"},
        {"a: {b: 1,\n b: 2}", "line 2: the key 'b' appears twice"},
        {"? [a]\n: 1", "line 1: a key must be a scalar"},
        {"a: 1\nb: \xff", "line 2: invalid leading UTF-8 octet"},
        {"a: 'x", "line 1: found unexpected end of stream"},
        {"a:\n\t- b", "line 2: found character that cannot start any token"},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++)
        check(row[i].text, NULL, row[i].want);
}

static void finds_a_repeated_key_among_many(void **state)
{
    struct sbuf text;
    sbuf_init(&text, 1 << 16);
    for (int i = 0; i < 300; i++)
        sbuf_addf(&text, "key%d: %d\n", i, i);
    sbuf_addz(&text, "key7: again\n");
    check(text.p, NULL, "line 301: the key 'key7' appears twice");
    sbuf_done(&text);
}

static void stays_inside_its_limits(void **state)
{
    const struct yaml_limits few = {.bytes = 40, .nodes = 5, .depth = 3};
    check("[1, 2, 3, 4]", &few, "[1,2,3,4 ]");
    check("[1, 2, 3, 4, 5]", &few, "line 1: more than 5 nodes");
    check("1\n---\n2\n---\n[3, 4, 5]", &few, "line 1: more than 5 nodes");
    check("[[1]]", &few, "[[1 ] ]");
    check("[[[1]]]", &few, "line 1: nested deeper than 3");
    check("1234567890123456789012345678901234567890 ", &few, "more than 40 bytes");
    check("[&x [1], *x, *x]", &few, "line 1: more than 5 nodes");
}

/* Each line doubles what the one before stands for. */
static void refuses_aliases_that_explode(void **state)
{
    struct sbuf text;
    sbuf_init(&text, 1 << 16);
    sbuf_addz(&text, "a0: &a0 [x, x]\n");
    for (int i = 1; i < 40; i++)
        sbuf_addf(&text, "a%d: &a%d [*a%d, *a%d]\n", i, i, i - 1, i - 1);
    check(text.p, NULL, "line 1: more than 100000 nodes");
    sbuf_clear(&text);
    sbuf_addz(&text, "a0: &a0 {x: 1}\n");
    for (int i = 0; i < 1000; i++)
        sbuf_addf(&text, "k%d: {<<: [*a0,*a0,*a0,*a0,*a0,*a0,*a0]}\n", i);
    const struct yaml_limits limits = {.nodes = 5000};
    check(text.p, &limits, "line 1: more than 5000 nodes");
    sbuf_done(&text);
}

static void tells_plain_values_from_quoted_ones(void **state)
{
    struct arena arena;
    struct yaml_docs docs;
    arena_init(&arena, ARENA);
    assert_int_equal(yaml_parse(STR("n: null\nq: 'null'\ne:\nt: true\ns: 'true'\ni: -12\n"
                                    "f: 1.5e3\ninf: .inf\nnan: nan\nx: 0x10\np: +5\nl: [1]\n"),
                                NULL, &arena, &docs, NULL),
                     ST_OK);
    const struct yaml_node *root = docs.doc;
    bool flag = false;
    int64_t i = 0;
    double f = 0;
    assert_true(yaml_is_null(yaml_find(root, STR("n"))));
    assert_false(yaml_is_null(yaml_find(root, STR("q"))));
    assert_true(yaml_is_null(yaml_find(root, STR("e"))));
    assert_true(yaml_is_null(yaml_find(root, STR("absent"))));
    assert_true(yaml_to_bool(yaml_find(root, STR("t")), &flag) && flag);
    assert_false(yaml_to_bool(yaml_find(root, STR("s")), &flag));
    assert_true(yaml_to_i64(yaml_find(root, STR("i")), &i) && i == -12);
    assert_true(yaml_to_i64(yaml_find(root, STR("x")), &i) && i == 16);
    assert_true(yaml_to_i64(yaml_find(root, STR("p")), &i) && i == 5);
    assert_true(yaml_to_f64(yaml_find(root, STR("f")), &f) && f == 1500);
    assert_false(yaml_to_f64(yaml_find(root, STR("inf")), &f));
    assert_false(yaml_to_f64(yaml_find(root, STR("nan")), &f));
    assert_false(yaml_to_f64(yaml_find(root, STR("x")), &f));
    assert_true(str_eq(yaml_str(yaml_find(root, STR("q")), STR("?")), STR("null")));
    assert_true(str_eq(yaml_str(yaml_find(root, STR("l")), STR("?")), STR("?")));
    assert_int_equal(yaml_find(root, STR("l"))->line, 12);
    assert_null(yaml_find(NULL, STR("a")));
    arena_done(&arena);
}

static void refuses_cleanly_until_the_arena_is_large_enough(void **state)
{
    status st = ST_LIMIT;
    for (size_t cap = 0; st != ST_OK; cap = cap ? cap * 2 : 1) {
        struct arena arena;
        struct yaml_docs docs;
        arena_init(&arena, cap);
        st = yaml_parse(STR("a: &x [1, 2]\nb: *x\n---\nc: {<<: {d: 1}}\n"), NULL, &arena, &docs,
                        NULL);
        assert_true(st == ST_OK || st == ST_LIMIT);
        arena_done(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(builds_a_tree),
        cmocka_unit_test(follows_aliases_and_merges),
        cmocka_unit_test(says_where_it_went_wrong),
        cmocka_unit_test(finds_a_repeated_key_among_many),
        cmocka_unit_test(stays_inside_its_limits),
        cmocka_unit_test(refuses_aliases_that_explode),
        cmocka_unit_test(tells_plain_values_from_quoted_ones),
        cmocka_unit_test(refuses_cleanly_until_the_arena_is_large_enough),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
