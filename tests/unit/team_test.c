/* SPDX-License-Identifier: Apache-2.0 */
/* Work shared out among threads, and random numbers that repeat. */
#include "base/random.h"
#include "os/team.h"
#include "tests/test.h"

enum { TASKS = 1000 };

struct sums {
    unsigned done[TASKS];
    unsigned busy[8];
};

static void one(void *arg, size_t task, unsigned worker)
{
    struct sums *s = arg;
    assert_true(worker < 8);
    assert_int_equal(s->busy[worker]++, 0);
    s->done[task]++;
    s->busy[worker]--;
}

static void does_every_task_once_on_any_number_of_threads(void **state)
{
    for (unsigned threads = 1; threads <= 8; threads += 3) {
        struct team *t = team_new(threads);
        for (size_t tasks = 0; tasks <= TASKS; tasks += 250) {
            struct sums s = {0};
            team_run(t, tasks, one, &s);
            for (size_t i = 0; i < TASKS; i++)
                assert_int_equal(s.done[i], i < tasks);
        }
        team_free(t);
    }
}

static void works_without_a_team(void **state)
{
    struct sums s = {0};
    team_run(NULL, TASKS, one, &s);
    for (size_t i = 0; i < TASKS; i++)
        assert_int_equal(s.done[i], 1);
}

static void repeats_the_numbers_of_a_seed(void **state)
{
    struct random a, b, c;
    random_init(&a, 7, 0);
    random_init(&b, 7, 0);
    random_init(&c, 7, 1);
    unsigned same = 0;
    for (int i = 0; i < 1000; i++) {
        uint64_t x = random_u64(&a);
        assert_true(x == random_u64(&b));
        same += x == random_u64(&c);
    }
    assert_int_equal(same, 0);
}

static void draws_evenly(void **state)
{
    struct random r;
    random_init(&r, 1, 0);
    unsigned seen[7] = {0};
    double sum = 0, squares = 0;
    for (int i = 0; i < 70000; i++) {
        seen[random_below(&r, 7)]++;
        double x = random_normal(&r);
        sum += x;
        squares += x * x;
    }
    for (int i = 0; i < 7; i++)
        assert_true(seen[i] > 9500 && seen[i] < 10500);
    assert_true(sum / 70000 > -0.02 && sum / 70000 < 0.02);
    assert_true(squares / 70000 > 0.97 && squares / 70000 < 1.03);
}

static void shuffles_without_losing_any(void **state)
{
    struct random r;
    random_init(&r, 3, 0);
    uint32_t index[100], sum = 0, still = 0;
    for (uint32_t i = 0; i < 100; i++)
        index[i] = i;
    random_shuffle(&r, index, 100);
    for (uint32_t i = 0; i < 100; i++) {
        sum += index[i];
        still += index[i] == i;
    }
    assert_int_equal(sum, 4950);
    assert_true(still < 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(does_every_task_once_on_any_number_of_threads),
        cmocka_unit_test(works_without_a_team),
        cmocka_unit_test(repeats_the_numbers_of_a_seed),
        cmocka_unit_test(draws_evenly),
        cmocka_unit_test(shuffles_without_losing_any),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
