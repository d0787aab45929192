/* SPDX-License-Identifier: Apache-2.0 */
#include "base/compiler.h"
#include "base/sbuf.h"
#include "codec/csv.h"
#include "tests/test.h"

enum { COLUMNS = 4 };

/* Rows as "line:[cell][cell]"; failures as "{text}". */
static void check(const char *text, char separator, const char *want)
{
    struct arena arena;
    struct sbuf got;
    struct csv c;
    struct csv_row row;
    struct error err;
    status st;
    arena_init(&arena, 1 << 16);
    sbuf_init(&got, 1 << 16);
    sbuf_addz(&got, "");
    csv_init(&c, str_z(text), separator, COLUMNS, &arena);
    while ((st = csv_next(&c, &row, &err)) != ST_NOT_FOUND) {
        if (st != ST_OK) {
            sbuf_addf(&got, "{%s}", err.text);
            continue;
        }
        sbuf_addf(&got, "%u:", (unsigned)row.line);
        for (size_t i = 0; i < row.count; i++)
            sbuf_addf(&got, "[" STR_FMT "]", STR_ARG(row.cell[i]));
    }
    assert_string_equal(got.p, want);
    sbuf_done(&got);
    arena_done(&arena);
}

static void reads_rows(void **state)
{
    static const struct {
        const char *text, *want;
        char separator;
    } row[] = {
        {"", "", ','},
        {"a,b\nc,d\n", "1:[a][b]2:[c][d]", ','},
        {"a,b\r\nc,d", "1:[a][b]2:[c][d]", ','},
        {"a;b,c", "1:[a][b,c]", ';'},
        {"a\tb\t", "1:[a][b][]", '\t'},
        {",,\n", "1:[][][]", ','},
        {"\n\na\n\r\nb", "3:[a]5:[b]", ','},
        {"\"a,b\",\"c\"\"d\"\"\",\"\"", "1:[a,b][c\"d\"][]", ','},
        {"\"x\ny\",z\nnext", "1:[x\ny][z]3:[next]", ','},
        {"a\"b,c\rd", "1:[a\"b][c\rd]", ','},
        {"\"a\"\r\nb", "1:[a]2:[b]", ','},
    };
    for (size_t i = 0; i < COUNT(row); i++)
        check(row[i].text, row[i].separator, row[i].want);
}

static void goes_on_after_the_line_it_refuses(void **state)
{
    check("a,\"b\nc,d", ',', "{line 1: a quote is left open}2:[c][d]");
    check("\"a\"x,b\nc", ',', "{line 1: something follows a closing quote}2:[c]");
    check("a,b,c,d\n1,2,3,4,5\nz", ',', "1:[a][b][c][d]{line 2: more than 4 columns}3:[z]");
}

static void finds_a_column_by_name(void **state)
{
    const str cell[] = {STR("ioc_type"), STR("Value")};
    const struct csv_row header = {.cell = cell, .count = 2};
    assert_int_equal(csv_column(&header, STR("value")), 1);
    assert_int_equal(csv_column(&header, STR("val")), -1);
}

static void refuses_cleanly_until_the_arena_is_large_enough(void **state)
{
    status st = ST_LIMIT;
    for (size_t cap = 0; st != ST_OK; cap = cap ? cap * 2 : 1) {
        struct arena arena;
        struct csv c;
        struct csv_row row;
        arena_init(&arena, cap);
        csv_init(&c, STR("\"a\"\"b\",c"), ',', COLUMNS, &arena);
        st = csv_next(&c, &row, NULL);
        assert_true(st == ST_OK || st == ST_LIMIT);
        arena_done(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_rows),
        cmocka_unit_test(goes_on_after_the_line_it_refuses),
        cmocka_unit_test(finds_a_column_by_name),
        cmocka_unit_test(refuses_cleanly_until_the_arena_is_large_enough),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
