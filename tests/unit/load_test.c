/* SPDX-License-Identifier: Apache-2.0 */
/* What the load program (tests/load) reckons with. */
#include "tests/load/hist.h"
#include "tests/load/ids.h"
#include "tests/test.h"

static struct hist h;

static int clear(void **state)
{
    (void)state;
    h = (struct hist){0};
    return 0;
}

static void knows_small_values_exactly(void **state)
{
    for (uint64_t v = 1; v <= 100; v++)
        hist_add(&h, v);
    assert_int_equal(hist_quantile(&h, 0.5), 50);
    assert_int_equal(hist_quantile(&h, 0.99), 99);
    assert_int_equal(hist_quantile(&h, 1), 100);
    assert_int_equal(h.count, 100);
}

static void knows_every_value_to_one_part_in_128(void **state)
{
    for (uint64_t v = 1; v < UINT64_MAX / 3; v += v / 3 + 1) {
        h = (struct hist){0};
        hist_add(&h, v);
        hist_add(&h, UINT64_MAX);
        uint64_t half = hist_quantile(&h, 0.5);
        assert_true(half >= v && half - v <= v / 128);
        assert_true(hist_quantile(&h, 1) == UINT64_MAX);
    }
}

static void answers_nothing_of_nothing(void **state)
{
    assert_int_equal(hist_quantile(&h, 0.5), 0);
}

static void finds_the_few_that_are_slow(void **state)
{
    for (int i = 0; i < 990; i++)
        hist_add(&h, 1000000);
    for (int i = 0; i < 10; i++)
        hist_add(&h, 900000000);
    assert_true(hist_quantile(&h, 0.99) < 1010000);
    assert_true(hist_quantile(&h, 0.991) >= 900000000 && hist_quantile(&h, 0.991) < 908000000);
    assert_int_equal(hist_quantile(&h, 1), 900000000);
}

static void counts_what_one_client_lacks_and_another_has(void **state)
{
    struct ids ids = {0};
    struct ids_seen all = {0}, some = {0}, none = {0};
    for (uint64_t id = 10; id <= 30000; id += 10)
        ids_add(&ids, &all, id);
    ids_add(&ids, &some, 100);
    ids_add(&ids, &some, 110);
    ids_add(&ids, &some, 200); /* not 120 to 190 */
    ids_add(&ids, &some, 200); /* again */
    ids_add(&ids, &some, 150); /* back */
    ids_sort(&ids);
    assert_int_equal(ids.all.n, 3000);
    assert_int_equal(ids_gaps(&ids, &all), 0);
    assert_int_equal(ids_behind(&ids, &all), 0);
    assert_int_equal(ids_gaps(&ids, &some), 8);
    assert_int_equal(ids_behind(&ids, &some), 2980);
    assert_int_equal(some.doubles, 1);
    assert_int_equal(some.disordered, 1);
    assert_int_equal(ids_gaps(&ids, &none) + ids_behind(&ids, &none), 0);
    ids_free(&ids);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(knows_small_values_exactly, clear),
        cmocka_unit_test_setup(knows_every_value_to_one_part_in_128, clear),
        cmocka_unit_test_setup(answers_nothing_of_nothing, clear),
        cmocka_unit_test_setup(finds_the_few_that_are_slow, clear),
        cmocka_unit_test(counts_what_one_client_lacks_and_another_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
