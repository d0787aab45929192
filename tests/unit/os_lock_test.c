/* SPDX-License-Identifier: Apache-2.0 */
#include "base/compiler.h"
#include "os/clock.h"
#include "os/lock.h"
#include "os/thread.h"
#include "tests/test.h"

enum { THREADS = 4, ROUNDS = 5000 };

struct counter {
    struct lock lock;
    struct condition changed;
    unsigned value, turn;
};

static void counter_init(struct counter *c)
{
    *c = (struct counter){0};
    lock_init(&c->lock, LOCK_DETECT_ORDER);
    condition_init(&c->changed);
}

static void counter_done(struct counter *c)
{
    condition_done(&c->changed);
    lock_done(&c->lock);
}

static void count_up(void *arg)
{
    struct counter *c = arg;
    for (unsigned i = 0; i < ROUNDS; i++) {
        lock_take(&c->lock);
        c->value++;
        lock_drop(&c->lock);
    }
}

static void lets_one_thread_in_at_a_time(void **state)
{
    struct counter c;
    counter_init(&c);
    struct thread t[THREADS];
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(thread_start(&t[i], "counter", count_up, &c, NULL), ST_OK);
    for (unsigned i = 0; i < THREADS; i++)
        thread_join(&t[i]);
    assert_int_equal(c.value, THREADS * ROUNDS);
    counter_done(&c);
}

/* Two threads take turns: odd and even. */
static void take_odd_turns(void *arg)
{
    struct counter *c = arg;
    lock_take(&c->lock);
    while (c->turn < 100) {
        while (c->turn % 2 == 0)
            condition_wait(&c->changed, &c->lock);
        c->turn++;
        condition_wake_all(&c->changed);
    }
    lock_drop(&c->lock);
}

static void wakes_who_waits(void **state)
{
    struct counter c;
    counter_init(&c);
    struct thread t;
    assert_int_equal(thread_start(&t, "odd", take_odd_turns, &c, NULL), ST_OK);
    lock_take(&c.lock);
    while (c.turn < 100) {
        c.turn++;
        condition_wake_all(&c.changed);
        while (c.turn % 2 == 1 && c.turn < 100)
            condition_wait(&c.changed, &c.lock);
    }
    lock_drop(&c.lock);
    thread_join(&t);
    assert_true(c.turn >= 100);
    counter_done(&c);
}

static void waits_no_longer_than_told(void **state)
{
    struct counter c;
    counter_init(&c);
    lock_take(&c.lock);
    uint64_t until = clock_ns() + 2000000;
    while (condition_wait_until(&c.changed, &c.lock, until))
        continue; /* woken for no reason */
    assert_true(clock_ns() >= until);
    assert_true(lock_held(&c.lock));
    lock_drop(&c.lock);
    counter_done(&c);
}

static void knows_which_locks_the_thread_holds(void **state)
{
    struct lock first, second;
    lock_init(&first, LOCK_DETECT_INPUT);
    lock_init(&second, LOCK_DETECT_ORDER);
    assert_false(lock_held(&first));
    lock_take(&first);
    lock_take(&second);
    assert_true(lock_held(&first) && lock_held(&second));
    lock_drop(&first);
    assert_true(!lock_held(&first) && lock_held(&second));
    lock_drop(&second);
    lock_done(&first);
    lock_done(&second);
    assert_string_equal(lock_name(LOCK_DETECT_INPUT), "detect.input");
}

static void finds_at_least_one_processor(void **state)
{
    assert_true(thread_processors() >= 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lets_one_thread_in_at_a_time),
        cmocka_unit_test(wakes_who_waits),
        cmocka_unit_test(waits_no_longer_than_told),
        cmocka_unit_test(knows_which_locks_the_thread_holds),
        cmocka_unit_test(finds_at_least_one_processor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
