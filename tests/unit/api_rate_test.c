/* SPDX-License-Identifier: Apache-2.0 */
#include "api/guard.h"
#include "api/rate.h"

#include "tests/test.h"

static const uint64_t S = 1000000000;

static void lets_a_burst_through_and_then_the_rate(void **state)
{
    struct rate_table *t = rate_table_new(1024);
    struct rate_limit l = {.per_min = 60, .burst = 3};
    uint64_t now = 1000 * S;
    for (uint32_t i = 0; i < 3; i++) {
        struct rate_answer a = rate_take(t, &l, 1, STR("k"), now);
        assert_true(a.allowed);
        assert_int_equal(a.left, 2 - i);
        assert_int_equal(a.reset_s, i + 1);
    }
    struct rate_answer a = rate_take(t, &l, 1, STR("k"), now);
    assert_false(a.allowed);
    assert_int_equal(a.reset_s, 1);
    assert_false(rate_take(t, &l, 1, STR("k"), now + S - 1).allowed);
    assert_true(rate_take(t, &l, 1, STR("k"), now + S).allowed);
    assert_false(rate_take(t, &l, 1, STR("k"), now + S).allowed);
    rate_table_free(t);
}

static void counts_callers_and_classes_apart(void **state)
{
    struct rate_table *t = rate_table_new(1024);
    struct rate_limit l = {.per_min = 1, .burst = 1};
    assert_true(rate_take(t, &l, 1, STR("k"), S).allowed);
    assert_false(rate_take(t, &l, 1, STR("k"), S).allowed);
    assert_true(rate_take(t, &l, 2, STR("k"), S).allowed);
    assert_true(rate_take(t, &l, 1, STR("m"), S).allowed);
    rate_table_free(t);
}

static void is_full_again_after_any_time(void **state)
{
    struct rate_table *t = rate_table_new(1024);
    struct rate_limit l = {.per_min = 4000000000u, .burst = 4000000};
    assert_int_equal(rate_take(t, &l, 1, STR("k"), S).left, l.burst - 1);
    assert_int_equal(rate_take(t, &l, 1, STR("k"), UINT64_MAX).left, l.burst - 1);
    /* a clock that goes back gives nothing and takes nothing */
    assert_int_equal(rate_take(t, &l, 1, STR("k"), S).left, l.burst - 2);
    rate_table_free(t);
}

static void no_limit_is_no_limit(void **state)
{
    struct rate_table *t = rate_table_new(8);
    struct rate_limit l = {.per_min = 0, .burst = 0};
    for (int i = 0; i < 1000; i++)
        assert_true(rate_take(t, &l, 0, STR("k"), S).allowed);
    rate_table_free(t);
}

static void forgets_whom_it_saw_longest_ago(void **state)
{
    struct rate_table *t = rate_table_new(512); /* one set a shard */
    struct rate_limit l = {.per_min = 1, .burst = 1};
    (void)rate_take(t, &l, 1, STR("first"), S);
    for (uint64_t i = 0; i < 100000; i++) {
        char text[24];
        int n = snprintf(text, sizeof text, "%llu", (unsigned long long)i);
        assert_true(rate_take(t, &l, 1, (str){text, (size_t)n}, S + i + 1).allowed);
    }
    assert_true(rate_take(t, &l, 1, STR("first"), S + 200000).allowed);
    rate_table_free(t);
}

/* ---- guard ---- */

static bool offend(struct guard *g, const char *address, enum guard_offence o, int n, int64_t now,
                   int64_t *until)
{
    bool blocked = false;
    for (int i = 0; i < n && !blocked; i++)
        blocked = guard_offend(g, str_z(address), o, now, until);
    return blocked;
}

static void blocks_who_offends_and_lets_go(void **state)
{
    struct guard *g = guard_new(1024, 0);
    int64_t until = 0, now = 1000000;
    assert_false(guard_blocked(g, STR("192.0.2.1"), now, NULL));
    assert_true(offend(g, "192.0.2.1", OFFENCE_PROBE, 4, now, &until));
    assert_int_equal(until, now + GUARD_BLOCK_MS);
    assert_true(guard_blocked(g, STR("192.0.2.1"), now, &until));
    assert_false(guard_blocked(g, STR("192.0.2.2"), now, NULL));
    assert_true(guard_blocked(g, STR("192.0.2.1"), until - 1, NULL));
    assert_false(guard_blocked(g, STR("192.0.2.1"), until, NULL));
    guard_free(g);
}

static void blocks_twice_as_long_each_time_and_forgets_after_a_day(void **state)
{
    struct guard *g = guard_new(1024, 0);
    int64_t until = 0, now = 1000000, length = GUARD_BLOCK_MS;
    for (int i = 0; i < 14; i++) {
        assert_true(offend(g, "192.0.2.1", OFFENCE_PROBE, 4, now, &until));
        assert_int_equal(until - now, length < GUARD_BLOCK_MAX_MS ? length : GUARD_BLOCK_MAX_MS);
        now = until;
        length *= 2;
    }
    now += GUARD_BLOCK_MAX_MS + 1;
    assert_true(offend(g, "192.0.2.1", OFFENCE_PROBE, 4, now, &until));
    assert_int_equal(until - now, GUARD_BLOCK_MS);
    guard_free(g);
}

static void lets_points_fade(void **state)
{
    struct guard *g = guard_new(1024, 0);
    int64_t until = 0, now = 1000000;
    for (int i = 0; i < 500; i++) { /* a wrong path every five seconds is no attack */
        assert_false(guard_offend(g, STR("192.0.2.1"), OFFENCE_NOT_FOUND, now, &until));
        now += 5000;
    }
    guard_free(g);
}

static void counts_an_ipv6_network_as_one(void **state)
{
    struct guard *g = guard_new(1024, 0);
    int64_t until = 0;
    assert_true(offend(g, "2001:db8::1", OFFENCE_PROBE, 4, 1000, &until));
    assert_true(guard_blocked(g, STR("2001:db8::ffff:2"), 1000, NULL));
    assert_false(guard_blocked(g, STR("2001:db8:0:1::1"), 1000, NULL));
    guard_free(g);
}

static void keeps_a_block_while_others_come_and_go(void **state)
{
    struct guard *g = guard_new(128, 0); /* one set a shard */
    int64_t until = 0, other = 0;
    assert_true(offend(g, "192.0.2.1", OFFENCE_PROBE, 4, 1000, &until));
    for (int i = 0; i < 10000; i++) {
        char text[32];
        (void)snprintf(text, sizeof text, "10.0.%d.%d", i / 250, i % 250);
        (void)guard_offend(g, str_z(text), OFFENCE_NOT_FOUND, 2000, &other);
    }
    assert_true(guard_blocked(g, STR("192.0.2.1"), 2000, NULL));
    guard_free(g);
}

static void knows_a_probe_when_it_sees_one(void **state)
{
    static const char *const probe[] = {"/.env",
                                        "/wp-login.php",
                                        "/api/../../etc/passwd",
                                        "/x/%2e%2e%2fetc",
                                        "/x/%252e%252e%252f",
                                        "/a?q=1%27%20or%20%271%27=%271",
                                        "/a?q=1+UNION+SELECT+password",
                                        "/a?x=${jndi:ldap://x}",
                                        "/a?x=%3Cscript%3E",
                                        "/a%00b"};
    static const char *const fine[] = {"/", "/api/alert", "/favicon.ico", "/robots.txt",
                                       "/api/alerts?text=powershel&limit=1"};
    for (size_t i = 0; i < COUNT(probe); i++) {
        str query = str_z(probe[i]), path = str_cut(&query, '?');
        assert_true(guard_suspicious(path, query));
    }
    for (size_t i = 0; i < COUNT(fine); i++) {
        str query = str_z(fine[i]), path = str_cut(&query, '?');
        assert_false(guard_suspicious(path, query));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lets_a_burst_through_and_then_the_rate),
        cmocka_unit_test(counts_callers_and_classes_apart),
        cmocka_unit_test(is_full_again_after_any_time),
        cmocka_unit_test(no_limit_is_no_limit),
        cmocka_unit_test(forgets_whom_it_saw_longest_ago),
        cmocka_unit_test(blocks_who_offends_and_lets_go),
        cmocka_unit_test(blocks_twice_as_long_each_time_and_forgets_after_a_day),
        cmocka_unit_test(lets_points_fade),
        cmocka_unit_test(counts_an_ipv6_network_as_one),
        cmocka_unit_test(keeps_a_block_while_others_come_and_go),
        cmocka_unit_test(knows_a_probe_when_it_sees_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
