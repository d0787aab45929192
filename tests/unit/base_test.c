/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"
#include "base/hash.h"
#include "base/map.h"
#include "base/reader.h"
#include "base/sbuf.h"
#include "base/status.h"
#include "base/vec.h"
#include "tests/test.h"

static void a_failure_is_written_once_and_prefixed_on_the_way_up(void **state)
{
    struct error err = {0};
    assert_int_equal(fail(&err, ST_INVALID, "line %d: no colon", 3), ST_INVALID);
    assert_int_equal(fail_prefix(&err, err.code, "%s", "a.yml"), ST_INVALID);
    assert_string_equal(err.text, "a.yml: line 3: no colon");
    assert_int_equal(fail(NULL, ST_LIMIT, "nobody listens"), ST_LIMIT);
}

static void a_long_failure_is_cut_and_ended(void **state)
{
    struct error err;
    char longer[1000];
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    (void)fail(&err, ST_IO, "%s", longer);
    assert_int_equal(strlen(err.text), sizeof err.text - 1);
    (void)fail_prefix(&err, ST_IO, "%s", "file");
    assert_int_equal(strlen(err.text), sizeof err.text - 1);
    assert_true(str_starts(str_z(err.text), STR("file: xxx")));
}

static void whole_numbers_are_read_whole_or_not_at_all(void **state)
{
    static const struct {
        const char *text;
        bool ok;
        int64_t value;
    } cases[] = {
        {"0", true, 0},
        {"-1", true, -1},
        {"9223372036854775807", true, INT64_MAX},
        {"-9223372036854775808", true, INT64_MIN},
        {"9223372036854775808", false, 0},
        {"0x1F", true, 31},
        {"", false, 0},
        {"-", false, 0},
        {"12a", false, 0},
        {" 12", false, 0},
        {"1.0", false, 0},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t v = 77;
        assert_int_equal(str_to_i64(str_z(cases[i].text), &v), cases[i].ok);
        assert_int_equal(v, cases[i].ok ? cases[i].value : 77);
    }
}

static void floats_are_read_whole_or_not_at_all(void **state)
{
    double v = 0;
    assert_true(str_to_f64(STR("-2.5e3"), &v));
    assert_true(v <= -2500 && v >= -2500);
    assert_false(str_to_f64(STR("2.5 "), &v));
    assert_false(str_to_f64(STR(" 2.5"), &v));
    assert_false(str_to_f64(STR(""), &v));
}

static void strings_compare_with_and_without_case(void **state)
{
    assert_true(str_ieq(STR("PowerShell"), STR("powersHELL")));
    assert_false(str_ieq(STR("a"), STR("ab")));
    assert_true(str_istarts(STR("C:\\Windows"), STR("c:\\")));
    assert_true(str_iends(STR("cmd.EXE"), STR(".exe")));
    assert_true(str_contains(STR("abc"), STR("")));
    assert_false(str_contains(STR("ab"), STR("abc")));
    assert_true(str_icontains(STR("xxENCyy"), STR("enc")));
    assert_true(str_cmp(STR("a"), STR("b")) < 0 && str_cmp(STR("ab"), STR("a")) > 0);
    assert_true(str_eq(str_trim(STR(" \t a b\r\n")), STR("a b")));
}

static void cutting_walks_through_every_part(void **state)
{
    str rest = STR("a,,b"), part;
    const char *const want[] = {"a", "", "b"};
    for (size_t i = 0; i < COUNT(want); i++) {
        assert_non_null(rest.p);
        part = str_cut(&rest, ',');
        assert_true(str_eq(part, str_z(want[i])));
    }
    assert_null(rest.p);
}

static void an_arena_keeps_to_its_cap_and_its_alignment(void **state)
{
    for (size_t cap = 0; cap < 4096; cap = cap ? cap * 2 : 1) {
        struct arena a;
        arena_init(&a, cap);
        char *c = arena_bytes(&a, 1);
        uint64_t *n = arena_array(&a, uint64_t, 4);
        assert_int_equal(c != NULL, cap >= 1);
        assert_int_equal(n != NULL, cap >= 33);
        if (n)
            assert_int_equal((uintptr_t)n % alignof(uint64_t), 0);
        assert_true(a.used <= cap);
        arena_done(&a);
    }
}

static void a_cleared_arena_gives_zeroed_memory_again(void **state)
{
    struct arena a;
    arena_init(&a, 1 << 20);
    for (int round = 0; round < 3; round++) {
        unsigned char *p = arena_array(&a, unsigned char, 1000);
        for (size_t i = 0; i < 1000; i++)
            assert_int_equal(p[i], 0);
        memset(p, 0xff, 1000);
        assert_non_null(arena_array(&a, char, 300000));
        arena_clear(&a);
        assert_int_equal(a.used, 0);
    }
    assert_null(arena_alloc(&a, SIZE_MAX / 2, 16, 8));
    str s = arena_fmt(&a, "%s-%d", "x", 7);
    assert_true(str_eq(s, STR("x-7")) && s.p[s.n] == '\0');
    arena_done(&a);
}

static void a_full_sbuf_stays_full_until_cleared(void **state)
{
    struct sbuf b;
    sbuf_init(&b, 8);
    sbuf_addz(&b, "12345678");
    assert_false(b.full);
    sbuf_addc(&b, '9');
    assert_true(b.full);
    sbuf_clear(&b);
    sbuf_addf(&b, "%05d", 42);
    assert_string_equal(b.p, "00042");
    sbuf_addf(&b, "%s", "too long");
    assert_true(b.full);
    assert_string_equal(b.p, "00042");
    sbuf_done(&b);
}

static void a_map_finds_what_was_added_through_every_growth(void **state)
{
    static char key[5000][8];
    struct map m = {0};
    assert_null(map_find(&m, STR("k0")));
    for (uint32_t i = 0; i < COUNT(key); i++) {
        bool added = false;
        snprintf(key[i], sizeof key[i], "k%u", i);
        assert_int_equal(*map_add(&m, str_z(key[i]), i, &added), i);
        assert_true(added);
        assert_int_equal(*map_add(&m, str_z(key[i]), 99999, &added), i);
        assert_false(added);
    }
    for (uint32_t i = 0; i < COUNT(key); i++)
        assert_int_equal(*map_find(&m, str_z(key[i])), i);
    assert_null(map_find(&m, STR("k5000")));
    bool added;
    map_add(&m, STR(""), 1, &added);
    assert_true(added);
    assert_non_null(map_find(&m, STR("")));
    map_done(&m);
}

static void a_vector_keeps_its_elements_while_it_grows(void **state)
{
    VEC(int) v = {0};
    for (int i = 0; i < 1000; i++)
        *vec_push(&v) = i;
    for (int i = 0; i < 1000; i++)
        assert_int_equal(v.at[i], i);
    vec_done(&v);
    assert_null(v.at);
}

static void a_reader_never_leaves_its_bounds_and_fails_for_good(void **state)
{
    struct reader r = reader_of(STR("key=value;"));
    assert_true(str_eq(rd_until(&r, '='), STR("key")));
    rd_expect(&r, STR("val"));
    assert_true(r.ok && rd_skip(&r, 'u') && !rd_skip(&r, 'x'));
    assert_true(str_eq(rd_take(&r, 2), STR("e;")));
    assert_int_equal(rd_left(&r), 0);
    rd_take(&r, 1);
    assert_false(r.ok);
    assert_int_equal(rd_rest(&r).n, 0);
    rd_spaces(&r);
    assert_false(r.ok);
}

static void every_byte_and_length_changes_the_hash(void **state)
{
    char text[40];
    memset(text, 'a', sizeof text);
    for (size_t n = 1; n <= sizeof text; n++) {
        uint64_t h = hash_bytes((str){text, n}, 1);
        assert_int_not_equal(h, hash_bytes((str){text, n - 1}, 1));
        assert_int_not_equal(h, hash_bytes((str){text, n}, 2));
        for (size_t i = 0; i < n; i++) {
            text[i] = 'b';
            assert_int_not_equal(h, hash_bytes((str){text, n}, 1));
            text[i] = 'a';
        }
    }
}

/* Eight bytes that make a factor of the hash zero make all that is mixed in before them void. */
static void no_text_voids_the_seed(void **state)
{
    static const uint64_t zero[] = {0xd1b54a32d192ed03u, 0xd1b54a32d192ed03u ^ 0x8bb84b93962eacc9u};
    for (size_t i = 0; i < COUNT(zero); i++) {
        char one[24] = "first...", two[24] = "second..";
        memcpy(one + 8, &zero[i], 8);
        memcpy(two + 8, &zero[i], 8);
        for (size_t n = 16; n <= 24; n += 8)
            assert_int_not_equal(hash_bytes((str){one, n}, 7), hash_bytes((str){two, n}, 7));
    }
}

static void tables_are_seeded_by_the_process(void **state)
{
    struct map m = {0};
    map_add(&m, STR("key"), 1, NULL);
    assert_int_equal(m.seed, hash_seed());
    assert_int_not_equal(hash_seed(), 0);
    map_done(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failure_is_written_once_and_prefixed_on_the_way_up),
        cmocka_unit_test(a_long_failure_is_cut_and_ended),
        cmocka_unit_test(whole_numbers_are_read_whole_or_not_at_all),
        cmocka_unit_test(floats_are_read_whole_or_not_at_all),
        cmocka_unit_test(strings_compare_with_and_without_case),
        cmocka_unit_test(cutting_walks_through_every_part),
        cmocka_unit_test(an_arena_keeps_to_its_cap_and_its_alignment),
        cmocka_unit_test(a_cleared_arena_gives_zeroed_memory_again),
        cmocka_unit_test(a_full_sbuf_stays_full_until_cleared),
        cmocka_unit_test(a_map_finds_what_was_added_through_every_growth),
        cmocka_unit_test(a_vector_keeps_its_elements_while_it_grows),
        cmocka_unit_test(a_reader_never_leaves_its_bounds_and_fails_for_good),
        cmocka_unit_test(every_byte_and_length_changes_the_hash),
        cmocka_unit_test(no_text_voids_the_seed),
        cmocka_unit_test(tables_are_seeded_by_the_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
