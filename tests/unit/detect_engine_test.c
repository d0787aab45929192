/* SPDX-License-Identifier: Apache-2.0 */
/* The pipeline as a service: order, room, lanes, snapshots, tenants, time. */
#include "tests/unit/engine_bed.h"

#include <sched.h>

static const struct engine_options plain = {.jobs = 4};

/* One event through a lane. */
static void lane_event(struct engine_lane *l, const char *tenant, unsigned at_s, const char *what,
                       const char *who)
{
    struct sbuf b;
    sbuf_init(&b, 4096);
    add_event(&b, at_s, what, who);
    struct engine_job *job = engine_lane_job(l);
    set_bytes(job, tenant, sbuf_str(&b));
    job->path = "lane";
    struct engine_result r;
    engine_match(l, &r);
    assert_int_equal(r.job->batch.event_count, 1);
    assert_int_equal(r.count, strcmp(what, "hit") == 0);
    assert_int_equal(r.sampled_count, strcmp(what, "fail") == 0);
    engine_deliver(l);
    sbuf_done(&b);
}

static void finds_in_a_lane_at_once(void **state)
{
    struct engine_bed bed;
    bed_open(&bed, &plain);
    struct engine_lane *l = engine_lane_new(bed.engine);
    int64_t before = metric_value(METRIC_FINDINGS), taken = metric_value(METRIC_EVENTS_HTTP);
    lane_event(l, "a", 0, "hit", "bob");
    lane_event(l, "a", 1, "other", "bob");
    assert_string_equal(bed_text(&bed), "a lane 0 first\n");
    assert_int_equal(metric_value(METRIC_FINDINGS) - before, 1);
    assert_int_equal(metric_value(METRIC_EVENTS_HTTP) - taken, 2);
    assert_int_equal(bed.parsed, 2);
    engine_lane_free(l);
    bed_close(&bed);
}

/* ---- time and tenants ---- */

static void delivers_what_the_sink_adds_by_event_and_from_the_level_on(void **state)
{
    struct engine_bed bed;
    struct engine_options options = plain;
    struct sbuf b;
    struct engine_result r;
    options.min_level = LEVEL_MEDIUM;
    bed_open(&bed, &options);
    bed.adds = true;
    sbuf_init(&b, 1 << 20);
    for (unsigned i = 0; i < 5; i++)
        add_event(&b, i, i == 2 ? "hit" : "nothing", "ann");
    struct engine_lane *l = engine_lane_new(bed.engine);
    set_bytes(engine_lane_job(l), "x", sbuf_str(&b));
    engine_match(l, &r);
    assert_int_equal(r.dropped, 0);
    engine_deliver(l);
    assert_string_equal(bed_text(&bed), "x - 0 added\nx - 2 first\nx - 2 added\nx - 4 added\n");
    sbuf_clear(&b);
    for (unsigned i = 0; i < 3 * ENGINE_ADDED_MAX; i++)
        add_event(&b, i, "nothing", "ann");
    set_bytes(engine_lane_job(l), "x", sbuf_str(&b));
    engine_match(l, &r);
    assert_int_equal(r.dropped, 2 * ENGINE_ADDED_MAX);
    assert_int_equal(r.count, ENGINE_ADDED_MAX / 2);
    engine_lane_free(l);
    sbuf_done(&b);
    bed_close(&bed);
}

static void answers_by_the_clock_though_nothing_arrives(void **state)
{
    struct engine_bed bed;
    bed_open(&bed, &plain);
    struct engine_lane *l = engine_lane_new(bed.engine);
    int64_t wall = NOON_MS + 500;
    engine_tick(bed.engine, wall);
    for (unsigned i = 0; i < 3; i++)
        lane_event(l, "a", i, "fail", "bob");
    assert_string_equal(bed_text(&bed), ""); /* a late one may still come before them */
    engine_tick(bed.engine, wall + 59000);
    assert_string_equal(bed_text(&bed), "");
    engine_tick(bed.engine, wall + 61000);
    assert_string_equal(bed_text(&bed), "a - -1 Guessing first\n");
    engine_lane_free(l);
    bed_close(&bed);
}

static void lets_no_tenants_share_a_window(void **state)
{
    struct engine_bed bed;
    bed_open(&bed, &plain);
    struct engine_lane *l = engine_lane_new(bed.engine);
    engine_tick(bed.engine, NOON_MS);
    for (unsigned i = 0; i < 4; i++)
        lane_event(l, i % 2 ? "a" : "b", i, "fail", "bob");
    engine_tick(bed.engine, NOON_MS + 300000);
    assert_string_equal(bed_text(&bed), "");
    for (unsigned i = 0; i < 6; i++)
        lane_event(l, i % 2 ? "a" : "b", 290 + i, "fail", "bob");
    engine_tick(bed.engine, NOON_MS + 600000);
    assert_non_null(strstr(bed_text(&bed), "a - -1 Guessing first\n"));
    assert_non_null(strstr(bed_text(&bed), "b - -1 Guessing first\n"));
    engine_lane_free(l);
    bed_close(&bed);
}

static void takes_old_logs_as_they_are(void **state)
{
    struct engine_bed bed;
    bed_open(&bed, &plain);
    struct engine_lane *l = engine_lane_new(bed.engine);
    int64_t wall = NOON_MS + INT64_C(400) * 86400 * 1000;
    engine_tick(bed.engine, wall);
    lane_event(l, "a", 0, "fail", "bob");
    engine_tick(bed.engine, wall + 1000);
    lane_event(l, "a", 1, "fail", "bob");
    engine_tick(bed.engine, wall + 2000);
    lane_event(l, "a", 2, "fail", "bob");
    lane_event(l, "a", 200, "fail", "eve"); /* time goes on by the events */
    assert_string_equal(bed_text(&bed), "a lane -1 Guessing first\n");
    engine_lane_free(l);
    bed_close(&bed);
}

static void lets_no_wrong_clock_make_the_others_late(void **state)
{
    struct engine_bed bed;
    bed_open(&bed, &plain);
    struct engine_lane *l = engine_lane_new(bed.engine);
    int64_t late = metric_value(METRIC_CORRELATION_LATE);
    engine_tick(bed.engine, NOON_MS);
    lane_event(l, "a", 7200, "fail", "eve"); /* two hours ahead */
    for (unsigned i = 0; i < 3; i++)
        lane_event(l, "a", i, "fail", "bob");
    engine_tick(bed.engine, NOON_MS + 70000);
    assert_string_equal(bed_text(&bed), "a - -1 Guessing first\n");
    assert_int_equal(metric_value(METRIC_CORRELATION_LATE), late);
    engine_lane_free(l);
    bed_close(&bed);
}

static void forgets_the_tenant_idle_longest(void **state)
{
    struct engine_options options = plain;
    options.tenants = 2;
    struct engine_bed bed;
    bed_open(&bed, &options);
    struct engine_lane *l = engine_lane_new(bed.engine);
    engine_tick(bed.engine, NOON_MS);
    lane_event(l, "a", 0, "fail", "bob");
    lane_event(l, "a", 1, "fail", "bob");
    lane_event(l, "b", 2, "fail", "bob");
    lane_event(l, "c", 2, "fail", "bob"); /* a goes */
    lane_event(l, "b", 3, "fail", "bob");
    lane_event(l, "b", 4, "fail", "bob");
    lane_event(l, "a", 5, "fail", "bob"); /* c goes */
    engine_tick(bed.engine, NOON_MS + 70000);
    assert_string_equal(bed_text(&bed), "b - -1 Guessing first\n");
    engine_lane_free(l);
    bed_close(&bed);
}

static void keeps_all_tenants_within_one_limit(void **state)
{
    struct engine_options options = plain;
    options.correlation.max_bytes = 256 * 1024;
    struct engine_bed bed;
    bed_open(&bed, &options);
    struct engine_lane *l = engine_lane_new(bed.engine);
    int64_t evicted = metric_value(METRIC_CORRELATION_EVICTED);
    engine_tick(bed.engine, NOON_MS);
    for (unsigned i = 0; i < 2; i++)
        lane_event(l, "small", i, "fail", "bob");
    char who[16];
    for (unsigned i = 0; i < 3000; i++) {
        (void)snprintf(who, sizeof who, "user%u", i);
        lane_event(l, "large", 2 + i / 1000, "fail", who);
    }
    lane_event(l, "small", 5, "fail", "bob");
    engine_tick(bed.engine, NOON_MS + 70000);
    assert_true(metric_value(METRIC_CORRELATION_EVICTED) > evicted);
    assert_string_equal(bed_text(&bed), "small - -1 Guessing first\n");
    engine_lane_free(l);
    bed_close(&bed);
}

/* ---- a restart ---- */

static void replay_event(struct engine_lane *l, unsigned at_s, const char *who)
{
    struct sbuf b;
    sbuf_init(&b, 4096);
    add_event(&b, at_s, "fail", who);
    struct engine_job *job = engine_lane_job(l);
    set_bytes(job, "a", sbuf_str(&b));
    job->taken_ms = NOON_MS + at_s * 1000;
    engine_replay(l);
    sbuf_done(&b);
}

/* Events one after the other, three of a user every now and then; stopped and started again before
 * event `restart_at`, with what was taken in before it replayed. */
static struct sbuf with_restart_at(unsigned restart_at)
{
    enum { EVENTS = 60 };
    static const char *const who[] = {"ann", "bob", "ann", "cid", "ann", "bob", "bob"};
    struct engine_bed bed;
    bed_open(&bed, &plain);
    struct sbuf all;
    sbuf_init(&all, SIZE_MAX);
    struct engine_lane *l = engine_lane_new(bed.engine);
    for (unsigned i = 0; i < EVENTS; i++) {
        unsigned at_s = i * 17;
        if (i == restart_at) {
            engine_lane_free(l);
            sbuf_add(&all, sbuf_str(&bed.text));
            bed_close(&bed);
            bed_open(&bed, &plain);
            l = engine_lane_new(bed.engine);
            for (unsigned k = 0; k < i; k++)
                replay_event(l, k * 17, who[k % COUNT(who)]);
            engine_replayed(bed.engine, "a", NOON_MS + (i - 1) * 17 * 1000 + 1000);
            assert_int_equal(bed.parsed, 0);
            assert_string_equal(bed_text(&bed), "");
        }
        engine_tick(bed.engine, NOON_MS + at_s * 1000);
        lane_event(l, "a", at_s, "fail", who[i % COUNT(who)]);
        engine_tick(bed.engine, NOON_MS + at_s * 1000 + 1000);
    }
    engine_tick(bed.engine, NOON_MS + EVENTS * 17 * 1000 + 90000);
    engine_lane_free(l);
    sbuf_add(&all, sbuf_str(&bed.text));
    bed_close(&bed);
    return all;
}

static void correlates_after_a_restart_as_if_there_had_been_none(void **state)
{
    struct sbuf want = with_restart_at(UINT32_MAX);
    assert_true(want.n > 100);
    for (unsigned at = 1; at < 60; at += 4) {
        struct sbuf got = with_restart_at(at);
        assert_string_equal(got.p, want.p);
        sbuf_done(&got);
    }
    sbuf_done(&want);
}

/* ---- jobs and workers ---- */

static void work(void *arg)
{
    engine_work(arg);
}

static void start(struct engine_bed *bed, struct thread *t, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        assert_int_equal(thread_start(&t[i], "worker", work, bed->engine, NULL), ST_OK);
}

static void stop(struct engine_bed *bed, struct thread *t, unsigned n)
{
    engine_stop(bed->engine);
    for (unsigned i = 0; i < n; i++)
        thread_join(&t[i]);
}

/* Batch `i` of differing sizes, so that workers overtake one another. */
static void fill_job(struct engine_job *job, unsigned i)
{
    struct sbuf b;
    sbuf_init(&b, SIZE_MAX);
    for (unsigned k = 0; k <= i * 7 % 23; k++)
        add_event(&b, i, k == 3 ? "hit" : "fail", "bob");
    set_bytes(job, "a", sbuf_str(&b));
    sbuf_done(&b);
    char path[16];
    (void)snprintf(path, sizeof path, "%u", i);
    job->path = engine_job_keep(job, str_z(path)).p;
    job->events_metric = METRIC_EVENTS_FILE;
}

static struct engine_job *take_waiting(struct engine *e)
{
    struct engine_job *job;
    while (!(job = engine_take(e)))
        (void)sched_yield(); /* until a worker gives one back */
    return job;
}

static void delivers_in_the_order_of_submission(void **state)
{
    struct engine_bed bed;
    bed_open(&bed, &plain);
    bed.numbered = true;
    struct thread t[3];
    start(&bed, t, 3);
    for (unsigned i = 0; i < 500; i++) {
        struct engine_job *job = take_waiting(bed.engine);
        fill_job(job, i);
        engine_submit(bed.engine, job);
    }
    stop(&bed, t, 3);
    assert_int_equal(bed.jobs, 500);
    assert_int_equal(bed.next, 500);
    assert_int_equal(metric_value(METRIC_PIPELINE_QUEUED), 0);
    bed_close(&bed);
}

static void says_when_there_is_room_again(void **state)
{
    struct engine_bed bed;
    bed_open(&bed, &plain);
    struct engine_job *job[4];
    for (unsigned i = 0; i < 4; i++)
        assert_non_null(job[i] = engine_take(bed.engine));
    engine_give_back(bed.engine, job[3]);
    assert_int_equal(bed.rooms, 0); /* nobody had asked */
    assert_non_null(job[3] = engine_take(bed.engine));
    assert_null(engine_take(bed.engine));
    assert_null(engine_take(bed.engine));
    engine_give_back(bed.engine, job[0]);
    assert_int_equal(bed.rooms, 1);
    engine_give_back(bed.engine, job[1]);
    assert_int_equal(bed.rooms, 1);
    bed_close(&bed);
}

static void gives_back_jobs_that_are_not_needed_and_keeps_texts(void **state)
{
    struct engine_bed bed;
    bed_open(&bed, &plain);
    struct engine_job *job = engine_take(bed.engine);
    str kept = engine_job_keep(job, STR("a text"));
    assert_true(str_eq(kept, STR("a text")));
    assert_int_equal(kept.p[kept.n], '\0');
    (void)snprintf(job->tenant, sizeof job->tenant, "t");
    engine_give_back(bed.engine, job);
    job = engine_take(bed.engine);
    assert_string_equal(job->tenant, "");
    engine_give_back(bed.engine, job);
    bed_close(&bed);
}

/* ---- snapshots ---- */

static void goes_on_with_new_rules_after_the_last_word_of_the_old(void **state)
{
    struct engine_bed bed;
    bed_open(&bed, &plain);
    struct engine_lane *l = engine_lane_new(bed.engine);
    engine_tick(bed.engine, NOON_MS);
    for (unsigned i = 0; i < 3; i++)
        lane_event(l, "a", i, "fail", "bob");
    struct snapshot_ref *s = make_snapshot(bed.dict, ENGINE_RULES("second"));
    engine_adopt(bed.engine, s);
    assert_ptr_equal(snapshot_of(s)->dict, bed.dict);
    snapshot_ref_drop(s);
    lane_event(l, "a", 3, "hit", "bob");
    engine_tick(bed.engine, NOON_MS + 1000);
    assert_string_equal(bed_text(&bed), "a lane 0 second\na - -1 Guessing first\n");
    sbuf_clear(&bed.text);
    for (unsigned i = 0; i < 3; i++)
        lane_event(l, "a", 4 + i, "fail", "bob");
    engine_tick(bed.engine, NOON_MS + 90000);
    assert_string_equal(bed_text(&bed), "a - -1 Guessing second\n");
    engine_lane_free(l);
    bed_close(&bed);
}

static void goes_back_to_rules_it_had_before(void **state)
{
    struct engine_bed bed;
    bed_open(&bed, &plain);
    struct engine_lane *l = engine_lane_new(bed.engine);
    struct snapshot_ref *first = engine_snapshot(bed.engine);
    struct snapshot_ref *second = make_snapshot(bed.dict, ENGINE_RULES("second"));
    engine_tick(bed.engine, NOON_MS);
    engine_adopt(bed.engine, second);
    lane_event(l, "a", 0, "fail", "bob");
    engine_adopt(bed.engine, first);
    for (unsigned i = 0; i < 3; i++)
        lane_event(l, "a", 4 + i, "fail", "bob");
    engine_tick(bed.engine, NOON_MS + 90000);
    assert_string_equal(bed_text(&bed), "a - -1 Guessing first\n");
    snapshot_ref_drop(first);
    snapshot_ref_drop(second);
    engine_lane_free(l);
    bed_close(&bed);
}

struct side { /* a thread that uses a lane */
    struct engine *engine;
    unsigned events;
};

static void use_lane(void *arg)
{
    struct side *side = arg;
    struct engine_lane *l = engine_lane_new(side->engine);
    for (unsigned i = 0; i < side->events; i++) {
        struct engine_job *job = engine_lane_job(l);
        struct sbuf b;
        sbuf_init(&b, 4096);
        add_event(&b, i, i % 5 ? "fail" : "hit", "ann");
        set_bytes(job, i % 2 ? "x" : "y", sbuf_str(&b));
        struct engine_result r;
        engine_match(l, &r);
        assert_int_equal(r.count, i % 5 == 0);
        engine_deliver(l);
        sbuf_done(&b);
    }
    engine_lane_free(l);
}

static void changes_snapshots_under_load(void **state)
{
    struct engine_bed bed;
    bed_open(&bed, &plain);
    bed.numbered = true;
    struct thread t[2], lane[2];
    struct side side = {bed.engine, 200};
    start(&bed, t, 2);
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(thread_start(&lane[i], "lane", use_lane, &side, NULL), ST_OK);
    for (unsigned i = 0; i < 300; i++) {
        struct engine_job *job = take_waiting(bed.engine);
        fill_job(job, i);
        engine_submit(bed.engine, job);
        if (i % 30 == 7) {
            struct snapshot_ref *s = make_snapshot(bed.dict, ENGINE_RULES("other"));
            engine_adopt(bed.engine, s);
            snapshot_ref_drop(s);
        }
        if (i % 10 == 3)
            engine_tick(bed.engine, NOON_MS + i * 1000);
    }
    for (unsigned i = 0; i < 2; i++)
        thread_join(&lane[i]);
    stop(&bed, t, 2);
    assert_int_equal(bed.next, 300);
    bed_close(&bed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_in_a_lane_at_once),
        cmocka_unit_test(delivers_what_the_sink_adds_by_event_and_from_the_level_on),
        cmocka_unit_test(answers_by_the_clock_though_nothing_arrives),
        cmocka_unit_test(lets_no_tenants_share_a_window),
        cmocka_unit_test(takes_old_logs_as_they_are),
        cmocka_unit_test(lets_no_wrong_clock_make_the_others_late),
        cmocka_unit_test(forgets_the_tenant_idle_longest),
        cmocka_unit_test(keeps_all_tenants_within_one_limit),
        cmocka_unit_test(correlates_after_a_restart_as_if_there_had_been_none),
        cmocka_unit_test(delivers_in_the_order_of_submission),
        cmocka_unit_test(says_when_there_is_room_again),
        cmocka_unit_test(gives_back_jobs_that_are_not_needed_and_keeps_texts),
        cmocka_unit_test(goes_on_with_new_rules_after_the_last_word_of_the_old),
        cmocka_unit_test(goes_back_to_rules_it_had_before),
        cmocka_unit_test(changes_snapshots_under_load),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
