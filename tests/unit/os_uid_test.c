/* SPDX-License-Identifier: Apache-2.0 */
#include "base/compiler.h"
#include "os/thread.h"
#include "os/uid.h"
#include "tests/test.h"

enum { THREADS = 4, EACH = 2000 };

static void puts_the_time_first(void **state)
{
    char id[UID_SIZE];
    uid_new(1469918176385, id); /* the specification's example */
    assert_memory_equal(id, "01ARYZ6S41", 10);
    assert_true(uid_valid(str_z(id)));
    assert_int_equal(uid_ms(id), 1469918176385);
    uid_least(1469918176385, id);
    assert_string_equal(id, "01ARYZ6S410000000000000000");
    assert_true(uid_valid(str_z(id)));
}

static void grows_whatever_the_clock_does(void **state)
{
    static const int64_t clock[] = {1700000000000, 1700000000000, 1600000000000, -5,
                                    1700000000001, 1700000000000, 1700000000009};
    char before[UID_SIZE] = "", id[UID_SIZE];
    for (unsigned round = 0; round < 1000; round++)
        for (unsigned i = 0; i < COUNT(clock); i++) {
            uid_new(clock[i], id);
            assert_true(strcmp(before, id) < 0);
            memcpy(before, id, sizeof id);
        }
}

static void refuses_what_is_no_id(void **state)
{
    static const char *const bad[] = {"",
                                      "01ARYZ6S41TSV4RRFFQ69G5FA",
                                      "01ARYZ6S41TSV4RRFFQ69G5FAVX",
                                      "81ARYZ6S41TSV4RRFFQ69G5FAV",
                                      "01ARYZ6S41TSV4RRFFQ69G5FAI",
                                      "01aryz6s41tsv4rrffq69g5fav"};
    for (unsigned i = 0; i < COUNT(bad); i++)
        assert_false(uid_valid(str_z(bad[i])));
    assert_false(uid_valid((str){"01ARYZ6S41TSV4RRFFQ69G5F\0V", 26}));
    assert_true(uid_valid(STR("01ARYZ6S41TSV4RRFFQ69G5FAV")));
}

static char made[THREADS][EACH][UID_SIZE];

static void make_some(void *arg)
{
    char(*mine)[UID_SIZE] = arg;
    for (unsigned i = 0; i < EACH; i++)
        uid_new(1800000000000, mine[i]);
}

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, UID_SIZE);
}

static void gives_no_id_to_two_threads(void **state)
{
    struct thread t[THREADS];
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(thread_start(&t[i], "uid", make_some, made[i], NULL), ST_OK);
    for (unsigned i = 0; i < THREADS; i++)
        thread_join(&t[i]);
    char(*all)[UID_SIZE] = made[0];
    qsort(all, (size_t)THREADS * EACH, UID_SIZE, compare);
    for (unsigned i = 1; i < THREADS * EACH; i++)
        assert_true(compare(all[i - 1], all[i]) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(puts_the_time_first),
        cmocka_unit_test(grows_whatever_the_clock_does),
        cmocka_unit_test(refuses_what_is_no_id),
        cmocka_unit_test(gives_no_id_to_two_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
