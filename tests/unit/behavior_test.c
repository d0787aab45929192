/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "behavior/sketch.h"
#include "os/file.h"
#include "tests/behavior_bed.h"

#include <pthread.h>
#include <unistd.h>

/* Alice logs in ten times in each working hour of four weeks. */
static void learn_weeks(struct bed *bed)
{
    for (int64_t day = 0; day < 28; day++)
        for (int64_t hour = 8; hour < 17 && day % 7 < 5; hour++)
            for (int i = 0; i < 10; i++)
                add(bed, monday + (day * 24 + hour) * HOUR + i, &usual);
    learn(bed, "default");
}

static const int64_t next_monday = 1735516800000 + (int64_t)28 * 24 * HOUR;

/* ---- tests ---- */

static void finds_nothing_in_what_is_usual(void **state)
{
    struct bed bed;
    bed_init(&bed, 0);
    learn_weeks(&bed);
    for (int i = 0; i < 12; i++)
        add(&bed, next_monday + 10 * HOUR + i, &usual);
    struct behavior_verdict v = compare(&bed, "default", "Alice");
    assert_true(v.enough);
    assert_int_equal(v.compared, 12);
    assert_int_equal(v.known_events, 28 / 7 * 5 * 9 * 10);
    assert_true(v.deviation_01 < 0.05);
    assert_true(v.confidence_01 > 0.9);
    struct finding f;
    struct behavior_entity who = {BEHAVIOR_USER, STR("alice")};
    assert_false(behavior_finding(&v, &who, 1, &bed.arena, &f));
    bed_done(&bed);
}

static void finds_what_is_not(void **state)
{
    static const struct {
        struct login login;
        int hour, count;
        const char *factor, *observed;
    } cases[] = {
        {{"alice", "pc1", "192.0.2.7", "KP", "success"}, 10, 1, "country", "KP"},
        {{"alice", "dc01", "192.0.2.7", "DE", "success"}, 10, 1, "host", "dc01"},
        {{"alice", "pc1", "198.51.100.9", "DE", "success"}, 10, 1, "network", "198.51.100"},
        {{"alice", "pc1", "192.0.2.7", "DE", "failure"}, 10, 20, "failures", "20 of 20"},
        {{"alice", "pc1", "192.0.2.7", "DE", "success"}, 10, 900, "rate", "900 events"},
        {{"alice", "pc1", "192.0.2.7", "DE", "success"}, 3, 4, "hour", "03:00"},
    };
    struct bed bed;
    bed_init(&bed, 0);
    learn_weeks(&bed);
    for (size_t i = 0; i < COUNT(cases); i++) {
        for (int k = 0; k < cases[i].count; k++)
            add(&bed, next_monday + cases[i].hour * HOUR + k, &cases[i].login);
        struct behavior_verdict v = compare(&bed, "default", "alice");
        const struct behavior_factor *f = factor(&v, cases[i].factor);
        assert_ptr_equal(f, &v.factor[0]); /* the strangest */
        assert_true(f->score_01 > 0.8);
        assert_true(str_contains(f->observed, str_z(cases[i].observed)));
        assert_true(f->expected.n && str_contains(v.summary, f->reason));
        assert_true(v.deviation_01 > 0.3);
    }
    bed_done(&bed);
}

static void makes_a_finding_of_a_great_deviation(void **state)
{
    struct bed bed;
    bed_init(&bed, 0);
    learn_weeks(&bed);
    add(&bed, next_monday + 3 * HOUR,
        &(struct login){"alice", "dc01", "203.0.113.5", "KP", "failure"});
    struct behavior_verdict v = compare(&bed, "default", "alice");
    struct behavior_entity who = {BEHAVIOR_USER, STR("alice")};
    struct finding f;
    assert_true(behavior_finding(&v, &who, 77, &bed.arena, &f));
    assert_int_equal(f.kind, FINDING_BEHAVIOR);
    assert_int_equal(f.level, LEVEL_HIGH);
    assert_int_equal(f.time_ms, 77);
    assert_true(f.evidence_count >= 3 && f.entity_count == 1);
    assert_string_equal(finding_kind_name(f.kind), "behavior");
    bed_done(&bed);
}

static void says_that_history_is_missing(void **state)
{
    struct bed bed;
    bed_init(&bed, 0);
    struct login strange = {"mallory", "dc01", "203.0.113.5", "KP", "failure"};
    add(&bed, next_monday, &strange);
    struct behavior_verdict v = compare(&bed, "default", "mallory"); /* never seen */
    assert_false(v.enough);
    assert_true(v.deviation_01 == 0 && v.confidence_01 == 0 && v.factor_count == 0);
    assert_true(str_contains(v.summary, STR("not enough history")));

    for (int i = 0; i < 400; i++) /* many events, but of one hour */
        add(&bed, next_monday + i, &usual);
    learn(&bed, "default");
    strange.user = "alice";
    add(&bed, next_monday + HOUR, &strange);
    v = compare(&bed, "default", "alice");
    assert_false(v.enough);
    assert_true(v.deviation_01 == 0);
    bed_done(&bed);
}

/* Whoever comes from somewhere else each time is not strange for doing so. */
static void gets_used_to_change(void **state)
{
    struct bed bed;
    bed_init(&bed, 0);
    struct login roaming = usual;
    char address[24];
    roaming.address = address;
    for (int i = 0; i < 600; i++) {
        snprintf(address, sizeof address, "10.%d.%d.1", i / 200, i % 200);
        add(&bed, monday + (int64_t)i * HOUR, &roaming);
    }
    learn(&bed, "default");
    snprintf(address, sizeof address, "172.16.9.1");
    add(&bed, monday + (int64_t)601 * HOUR, &roaming);
    struct behavior_verdict v = compare(&bed, "default", "alice");
    assert_true(v.enough);
    assert_true(factor(&v, "network")->score_01 == 0);
    assert_true(v.deviation_01 < 0.1);
    bed_done(&bed);
}

static void keeps_tenants_apart(void **state)
{
    struct bed bed;
    bed_init(&bed, 0);
    learn_weeks(&bed);
    add(&bed, next_monday, &usual);
    assert_false(compare(&bed, "other", "alice").enough);
    assert_int_equal(behavior_forget(bed.b, STR("other"), NULL), 0);
    struct behavior_entity who = {BEHAVIOR_USER, STR("ALICE")};
    assert_int_equal(behavior_forget(bed.b, STR("default"), &who), 1);
    assert_int_equal(behavior_forget(bed.b, STR("default"), NULL),
                     2); /* the host and the address */
    assert_int_equal(behavior_stats(bed.b).entities, 0);
    bed_done(&bed);
}

static void does_not_compare_what_others_did(void **state)
{
    struct bed bed;
    bed_init(&bed, 0);
    learn_weeks(&bed);
    add(&bed, next_monday + 10 * HOUR, &usual);
    add(&bed, next_monday + 10 * HOUR, &(struct login){"bob", "x", "203.0.113.5", "KP", "failure"});
    struct behavior_verdict v = compare(&bed, "default", "alice");
    assert_int_equal(v.compared, 1);
    assert_true(v.deviation_01 < 0.05);
    bed_done(&bed);
}

static void ignores_the_future(void **state)
{
    struct bed bed;
    bed_init(&bed, 0);
    add(&bed, monday + (int64_t)100 * 24 * HOUR, &usual);
    behavior_learn(bed.b, STR("default"), take(&bed), monday);
    struct behavior_stats st = behavior_stats(bed.b);
    assert_int_equal(st.entities, 0);
    assert_int_equal(st.skipped, 1);
    add(&bed, monday + 2 * HOUR, &usual);
    add(&bed, monday, &usual);
    behavior_learn(bed.b, STR("default"), take(&bed), monday);
    assert_int_equal(behavior_stats(bed.b).late, 3); /* for user, host and address */
    bed_done(&bed);
}

/* A scan from many addresses does not wash away a user with history. */
static void forgets_those_seen_once_first(void **state)
{
    struct bed bed;
    bed_init(&bed, 160);
    learn_weeks(&bed);
    struct login one = usual;
    char name[24];
    one.user = one.host = name;
    for (int i = 0; i < 5000; i++) {
        snprintf(name, sizeof name, "n%d", i);
        add(&bed, next_monday + i, &one);
    }
    learn(&bed, "default");
    struct behavior_stats st = behavior_stats(bed.b);
    assert_true(st.entities <= 160 && st.entities_max == 160);
    assert_true(st.evicted > 9000);
    add(&bed, next_monday, &usual);
    assert_true(compare(&bed, "default", "alice").enough);
    bed_done(&bed);
}

static void tells_long_names_apart(void **state)
{
    struct bed bed;
    bed_init(&bed, 0);
    char a[400], b[400];
    memset(a, 'a', sizeof a - 1);
    a[sizeof a - 1] = '\0';
    memcpy(b, a, sizeof a);
    b[300] = 'b';
    add(&bed, monday, &(struct login){a, "-", "-", "-", "-"});
    add(&bed, monday, &(struct login){b, "-", "-", "-", "-"});
    learn(&bed, "default");
    assert_int_equal(behavior_stats(bed.b).entities, 2);
    bed_done(&bed);
}

/* ---- the sketch ---- */

static void keeps_what_is_frequent(void **state)
{
    struct sketch *s = NULL;
    uint32_t seed = 7;
    assert_true(sketch_novelty(s) == 1 && sketch_share(s, 5) == 0 && sketch_bytes(s) == 0);
    (void)sketch_add(&s, 5, STR("x"), 1, 9);
    assert_true(s->room == 1 && !s->full);
    for (int i = 0; i < 20000; i++) {
        seed = seed * 1664525 + 1013904223;
        bool often = seed >> 30 == 0; /* a quarter is one value, the rest all differ */
        (void)sketch_add(&s, often ? 5 : seed | 1u << 31, STR("x"), 1, 9);
    }
    assert_true(s->room == SKETCH_SLOTS && s->full);
    assert_true(sketch_share(s, 5) > 0.2 && sketch_share(s, 5) <= 0.26);
    assert_true(sketch_novelty(s) > 0.7);
    assert_true(sketch_share(s, 6) == 0);
    assert_true(sketch_top(s)->hash == 5 && sketch_find(s, 5)->day == 9);
    assert_true(sketch_sane(s));
    mem_free(s);
}

/* ---- files ---- */

static void read_file(const char *path, struct sbuf *b)
{
    sbuf_init(b, 64 << 20);
    assert_int_equal(file_read_all(path, b, NULL), ST_OK);
}

static void comes_back_from_its_file(void **state)
{
    struct bed bed;
    struct error err;
    char folder[] = "/tmp/behavior-XXXXXX", path[64], again[64];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/baselines", folder);
    snprintf(again, sizeof again, "%s/again", folder);
    bed_init(&bed, 0);
    assert_int_equal(behavior_load(bed.b, path, &err), ST_NOT_FOUND);
    learn_weeks(&bed);
    assert_int_equal(behavior_save(bed.b, path, &err), ST_OK);
    add(&bed, next_monday + 3 * HOUR,
        &(struct login){"alice", "dc", "203.0.113.5", "KP", "failure"});
    struct behavior_verdict before = compare(&bed, "default", "alice");

    struct behavior *other = behavior_new(&(struct behavior_options){.seed = 1});
    assert_int_equal(behavior_load(other, path, &err), ST_OK);
    behavior_free(bed.b);
    bed.b = other;
    add(&bed, next_monday + 3 * HOUR,
        &(struct login){"alice", "dc", "203.0.113.5", "KP", "failure"});
    struct behavior_verdict after = compare(&bed, "default", "alice");
    assert_true(before.deviation_01 == after.deviation_01 && after.deviation_01 > 0.9);
    assert_true(str_eq(before.summary, after.summary));

    struct sbuf one, two;
    assert_int_equal(behavior_save(bed.b, again, &err), ST_OK);
    read_file(path, &one);
    read_file(again, &two);
    assert_true(str_eq(sbuf_str(&one), sbuf_str(&two)));

    struct behavior *damaged = behavior_new(&(struct behavior_options){.seed = 1});
    for (size_t i = 0; i < one.n; i += 7) { /* any bit that is wrong, any end that is missing */
        one.p[i] ^= 4;
        assert_int_equal(behavior_read(damaged, sbuf_str(&one), &err), ST_INVALID);
        one.p[i] ^= 4;
        assert_int_equal(behavior_read(damaged, str_head(sbuf_str(&one), i), &err), ST_INVALID);
    }
    assert_int_equal(behavior_stats(damaged).entities, 0);
    behavior_free(damaged);
    sbuf_done(&one);
    sbuf_done(&two);
    assert_int_equal(behavior_save(bed.b, "/nowhere/at/all", &err), ST_IO);
    unlink(path);
    unlink(again);
    rmdir(folder);
    bed_done(&bed);
}

/* ---- threads ---- */

static void *learn_much(void *arg)
{
    struct bed mine;
    struct behavior *shared = arg;
    bed_init(&mine, 16);
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < 200; i++)
            add(&mine, monday + (int64_t)(round * 200 + i) * 60000, &usual);
        behavior_learn(shared, STR("default"), take(&mine), 0);
        struct behavior_verdict v;
        struct behavior_entity who = {BEHAVIOR_USER, STR("alice")};
        add(&mine, monday, &usual);
        assert_int_equal(
            behavior_compare(shared, STR("default"), &who, take(&mine), &mine.arena, &v, NULL),
            ST_OK);
        (void)behavior_stats(shared);
    }
    bed_done(&mine);
    return NULL;
}

static void is_used_by_many_threads(void **state)
{
    pthread_t t[4];
    struct behavior *b = behavior_new(&(struct behavior_options){.seed = SEED});
    for (size_t i = 0; i < COUNT(t); i++)
        assert_int_equal(pthread_create(&t[i], NULL, learn_much, b), 0);
    for (size_t i = 0; i < COUNT(t); i++)
        pthread_join(t[i], NULL);
    assert_int_equal(behavior_stats(b).learned, 4 * 20 * 200 * 3);
    behavior_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_nothing_in_what_is_usual),
        cmocka_unit_test(finds_what_is_not),
        cmocka_unit_test(makes_a_finding_of_a_great_deviation),
        cmocka_unit_test(says_that_history_is_missing),
        cmocka_unit_test(gets_used_to_change),
        cmocka_unit_test(keeps_tenants_apart),
        cmocka_unit_test(does_not_compare_what_others_did),
        cmocka_unit_test(ignores_the_future),
        cmocka_unit_test(forgets_those_seen_once_first),
        cmocka_unit_test(tells_long_names_apart),
        cmocka_unit_test(keeps_what_is_frequent),
        cmocka_unit_test(comes_back_from_its_file),
        cmocka_unit_test(is_used_by_many_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
