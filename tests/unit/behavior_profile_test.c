/* SPDX-License-Identifier: Apache-2.0 */
/* What profiles hold beside values and hours: bytes, peers, sequences, groups, services. */
#include "base/mem.h"
#include "base/random.h"
#include "behavior/amount.h"
#include "tests/behavior_bed.h"

#include <math.h>

enum { DAYS = 28 };

/* Alice of CORP works from 8 to 17 on weekdays: she logs in, reads three files, logs out. */
static void add_work(struct bed *bed, const char *user, int64_t ms, const char *action,
                     double bytes, const char *target)
{
    sbuf_addf(&bed->text,
              "{\"@timestamp\":%lld,\"user.name\":\"%s\",\"user.domain\":\"CORP\",\"source.ip\":"
              "\"192.0.2.7\",\"event.action\":\"%s\",\"source.bytes\":%.0f,\"destination.ip\":"
              "\"%s\"}\n",
              (long long)ms, user, action, bytes, target);
}

static void work_a_day(struct bed *bed, const char *user, int64_t day)
{
    static const char *const action[] = {"login", "read", "read", "read", "logout"};
    struct random r;
    random_init(&r, (uint64_t)day, 0);
    for (int64_t hour = 8; hour < 17 && day % 7 < 5; hour++)
        for (int i = 0; i < 10; i++)
            add_work(bed, user, monday + (day * 24 + hour) * HOUR + i, action[i % 5],
                     1e6 * exp(0.3 * random_normal(&r)), i % 2 ? "10.0.0.1" : "10.0.0.2");
}

static void work(struct bed *bed, const char *user)
{
    for (int64_t day = 0; day < DAYS; day++)
        work_a_day(bed, user, day);
    behavior_learn(bed->b, STR("default"), take(bed), 0);
}

static const int64_t after = 1735516800000 + (int64_t)DAYS * 24 * HOUR + 10 * HOUR;

static void says_how_many_times_the_usual_volume(void **state)
{
    struct bed bed;
    bed_init(&bed, 0);
    work(&bed, "alice");
    for (int i = 0; i < 10; i++)
        add_work(&bed, "alice", after + i, "read", 14e6, "10.0.0.1");
    struct behavior_verdict v = compare(&bed, "default", "alice");
    const struct behavior_factor *f = factor(&v, "volume");
    assert_true(f->score_01 > 0.5);
    assert_true(str_contains(f->observed, STR("140 MB in an hour")));
    double times;
    assert_true(str_to_f64(str_head(f->reason, str_find(f->reason, ' ')), &times));
    assert_true(times > 12 && times < 16);
    assert_true(str_contains(f->reason, STR("× usual volume")));
    for (int i = 0; i < 10; i++)
        add_work(&bed, "alice", after + i, "read", 1e6, "10.0.0.1");
    v = compare(&bed, "default", "alice");
    assert_true(factor(&v, "volume")->score_01 == 0);
    bed_done(&bed);
}

static void counts_peers(void **state)
{
    struct bed bed;
    char target[24];
    bed_init(&bed, 0);
    work(&bed, "alice");
    for (int i = 0; i < 60; i++) {
        snprintf(target, sizeof target, "10.0.7.%d", i);
        add_work(&bed, "alice", after + i, "read", 1e5, target);
    }
    struct behavior_verdict v = compare(&bed, "default", "alice");
    const struct behavior_factor *f = factor(&v, "peers");
    assert_true(f->score_01 > 0.8);
    assert_true(str_contains(f->expected, STR("about 2")));
    bed_done(&bed);
}

static void knows_what_follows_what(void **state)
{
    struct bed bed;
    bed_init(&bed, 0);
    work(&bed, "alice");
    add_work(&bed, "alice", after, "logout", 1e5, "10.0.0.1");
    add_work(&bed, "alice", after + 1, "read", 1e5, "10.0.0.1"); /* without a login */
    struct behavior_verdict v = compare(&bed, "default", "alice");
    assert_true(factor(&v, "sequence")->score_01 > 0.5);
    assert_true(factor(&v, "kind")->score_01 == 0);
    add_work(&bed, "alice", after, "login", 1e5, "10.0.0.1");
    add_work(&bed, "alice", after + 1, "read", 1e5, "10.0.0.1");
    v = compare(&bed, "default", "alice");
    assert_true(factor(&v, "sequence")->score_01 == 0);
    bed_done(&bed);
}

static void says_since_when_something_is_new(void **state)
{
    struct bed bed;
    bed_init(&bed, 0);
    work(&bed, "alice");
    add_work(&bed, "alice", after, "format", 1e5, "10.0.0.1");
    struct behavior_verdict v = compare(&bed, "default", "alice");
    assert_true(str_starts(factor(&v, "kind")->reason,
                           STR("first event of kind 'format' in 25 days and 1800 events")));
    add_work(&bed, "alice", after - 8 * HOUR, "read", 1e5, "10.0.0.1");
    v = compare(&bed, "default", "alice");
    assert_true(
        str_starts(factor(&v, "hour")->reason, STR("never at this hour, 02:00 UTC, in 25 days")));
    /* Seen once, then not for long. */
    add_work(&bed, "alice", after, "format", 1e5, "10.0.0.1");
    for (int64_t day = DAYS + 1; day < 2 * DAYS + 20; day++)
        work_a_day(&bed, "alice", day);
    behavior_learn(bed.b, STR("default"), take(&bed), 0);
    add_work(&bed, "alice", after + (int64_t)47 * 24 * HOUR, "format", 1e5, "10.0.0.1");
    v = compare(&bed, "default", "alice");
    assert_true(str_starts(factor(&v, "kind")->reason, STR("first event of kind 'format' in 4")));
    bed_done(&bed);
}

static void learns_before_it_says_anything(void **state)
{
    struct bed bed;
    bed_init(&bed, 0);
    behavior_free(bed.b);
    bed.b = behavior_new(&(struct behavior_options){.seed = SEED, .learning_days = 40});
    work(&bed, "alice");
    add_work(&bed, "alice", after, "format", 1e9, "10.9.9.9");
    struct behavior_verdict v = compare(&bed, "default", "alice");
    assert_true(!v.enough && v.deviation_01 == 0 && v.known_events == 1800);
    assert_true(str_contains(v.summary, STR("over 40 days")));
    bed_done(&bed);
}

/* What the colleagues do is not strange for who is new. */
static void takes_the_habits_of_the_group_for_who_is_new(void **state)
{
    struct bed bed;
    char name[24];
    bed_init(&bed, 0);
    for (int i = 0; i < 20; i++) {
        snprintf(name, sizeof name, "user%d", i);
        work(&bed, name);
    }
    for (int64_t day = DAYS; day < DAYS + 2; day++) /* dave only reads, for two days */
        for (int i = 0; i < 40; i++)
            add_work(&bed, "dave", monday + (day * 24 + 9) * HOUR + i, "read", 1e5, "10.0.0.1");
    behavior_learn(bed.b, STR("default"), take(&bed), 0);
    int64_t now = after + (int64_t)48 * HOUR;
    add_work(&bed, "dave", now, "login", 1e5, "10.0.0.1");
    struct behavior_verdict v = compare(&bed, "default", "dave");
    double known = factor(&v, "kind")->score_01;
    assert_true(factor(&v, "group")->score_01 == 0);
    assert_true(str_eq(v.group, STR("users of corp")));
    assert_true(str_contains(factor(&v, "kind")->reason, STR("of what its group does")));
    add_work(&bed, "dave", now, "format", 1e5, "10.0.0.1");
    v = compare(&bed, "default", "dave");
    assert_true(factor(&v, "kind")->score_01 > known + 0.2);
    assert_true(factor(&v, "group")->score_01 > 0.5);
    assert_true(str_contains(factor(&v, "group")->reason, STR("hardly know")));
    assert_true(behavior_stats(bed.b).groups >= 2);
    bed_done(&bed);
}

static void knows_services_by_their_keys_and_names(void **state)
{
    static const char *const line[] = {
        "{\"@timestamp\":1735516800000,\"user.key.id\":\"AKIAEXAMPLE\",\"event.action\":\"List\"}",
        "{\"@timestamp\":1735516800000,\"user.name\":\"system:serviceaccount:web:bot\"}",
        "{\"@timestamp\":1735516800000,\"user.name\":\"svc-backup\"}",
        "{\"@timestamp\":1735516800000,\"user.key.id\":\"ASIASESSION\"}",
        "{\"@timestamp\":1735516800000,\"user.name\":\"carol\"}"};
    static const char *const service[] = {"AKIAEXAMPLE", "system:serviceaccount:web:bot",
                                          "svc-backup", "ASIASESSION", "carol"};
    struct bed bed;
    bed_init(&bed, 0);
    for (size_t i = 0; i < COUNT(line); i++)
        sbuf_addf(&bed.text, "%s\n", line[i]);
    behavior_learn(bed.b, STR("default"), take(&bed), 0);
    for (size_t i = 0; i < COUNT(service); i++) {
        struct behavior_entity who = {BEHAVIOR_SERVICE, str_z(service[i])};
        assert_int_equal(behavior_forget(bed.b, STR("default"), &who), i < 3);
    }
    enum behavior_type t;
    assert_true(behavior_type_find(STR("service"), &t) && t == BEHAVIOR_SERVICE);
    bed_done(&bed);
}

/* ---- amounts ---- */

static void quantiles_are_close(void **state)
{
    struct amounts *a = NULL;
    struct random r;
    random_init(&r, 3, 0);
    assert_true(amounts_quantile(a, 0.5) == 0 && amounts_bytes(a) == 0);
    for (int i = 0; i < 20000; i++)
        (void)amounts_add(&a, exp(12 + random_normal(&r)), 1);
    assert_true(fabs(log(amounts_quantile(a, 0.5)) - 12) < 0.08);
    assert_true(fabs(log(amounts_quantile(a, 0.95)) - 13.645) < 0.08);
    assert_true(amounts_sane(a) && a->seen == 20000);
    for (int i = 0; i < 20000; i++) /* twelve orders of size: the upper ones stay */
        (void)amounts_add(&a, exp(27 * random_01(&r)), 1);
    assert_true(a->used == AMOUNT_BINS && amounts_sane(a));
    assert_true(log(amounts_quantile(a, 0.99)) > 25 && log(amounts_quantile(a, 0.99)) < 27);
    amounts_scale(a, 0.5f);
    assert_true(fabsf(a->total - 20000) < 1);
    (void)amounts_add(&a, 1e300, 1);
    (void)amounts_add(&a, 0, 1);
    assert_true(amounts_sane(a));
    mem_free(a);
}

static void different_ones_are_counted(void **state)
{
    struct spread s = {0};
    for (int hour = 0; hour < 100; hour++) {
        for (uint32_t i = 0; i < 300; i++)
            (void)spread_add(&s, i % 100 + 1);
        assert_true(fabs(spread_estimate(&s) - 100) < 20);
        spread_turn(&s);
    }
    assert_true(spread_estimate(&s) == 0 && spread_sane(&s));
    assert_true(fabs(expm1((double)s.mean) - 100) < 20);
    for (uint32_t i = 0; i < 100000; i++)
        (void)spread_add(&s, i);
    assert_true(isfinite(spread_estimate(&s)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_how_many_times_the_usual_volume),
        cmocka_unit_test(counts_peers),
        cmocka_unit_test(knows_what_follows_what),
        cmocka_unit_test(says_since_when_something_is_new),
        cmocka_unit_test(learns_before_it_says_anything),
        cmocka_unit_test(takes_the_habits_of_the_group_for_who_is_new),
        cmocka_unit_test(knows_services_by_their_keys_and_names),
        cmocka_unit_test(quantiles_are_close),
        cmocka_unit_test(different_ones_are_counted),
    };
    return cmocka_run_group_tests_name("behavior_profile", tests, NULL, NULL);
}
