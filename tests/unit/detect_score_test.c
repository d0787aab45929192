/* Connections in the stream, scored by the models in use: alarms become findings, whatever the number of workers. */
#include "tests/model_bed.h"
#include "tests/unit/engine_bed.h"

#include "os/clock.h"

#include <math.h>

static const struct engine_options plain = {.jobs = 8};

/* A set of copies of one model; `shadow`: all of them are. */
static struct model_set *set_of(size_t n, bool shadow, const struct watch_limits *limits)
{
    struct model_use *use = mem_array(struct model_use, n + 1);
    for (size_t i = 0; i < n; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "flows%zu", i);
        use[i] = (struct model_use){loaded_new(name, bed_model(1), limits), shadow};
    }
    return model_set_new(use, n);
}

static void add_flow(struct sbuf *b, unsigned at_s, const char *source, bool attack)
{
    sbuf_addf(
        b,
        "{\"@timestamp\":\"2024-05-01T12:%02u:%02uZ\",\"source_ip\":\"%s\",\"destination_ip\":"
        "\"198.51.100.7\",\"port\":%d,\"proto\":\"tcp\",\"duration\":%s,\"bytes_out\":%d,"
        "\"bytes_in\":500}\n",
        at_s / 60 % 60, at_s % 60, source, attack ? 443 : 80, attack ? "140.5" : "1.5",
        attack ? 900000 : 500);
}

static void scores_connections_and_raises_findings(void **state)
{
    struct engine_bed bed;
    struct engine_result r;
    struct sbuf b;
    struct model_set *set = set_of(1, false, &(struct watch_limits){0});
    bed_open(&bed, &plain);
    engine_adopt_models(bed.engine, set);
    struct engine_lane *l = engine_lane_new(bed.engine);
    struct engine_job *job = engine_lane_job(l);
    sbuf_init(&b, 1 << 16);
    add_flow(&b, 1, "192.0.2.1", false);
    add_event(&b, 2, "other", "bob");
    add_flow(&b, 3, "192.0.2.2", true);
    set_bytes(job, "a", sbuf_str(&b));
    job->path = "lane";
    job->explained = 8;
    engine_match(l, &r);
    assert_int_equal(r.job->batch.event_count, 3);
    assert_int_equal(r.scored->flows, 2);
    assert_int_equal(r.scored->n, 2);
    assert_int_equal(r.scored->at[0].event, 0);
    assert_int_equal(r.scored->at[1].event, 2);
    assert_false(r.scored->at[0].alarm);
    assert_true(r.scored->at[1].alarm && r.scored->at[1].why && r.scored->at[0].why);
    assert_int_equal(r.count, 1);
    const struct finding *f = r.found[0].finding;
    assert_int_equal(r.found[0].event, 2);
    assert_int_equal(f->kind, FINDING_MODEL);
    assert_true(str_eq(f->id, STR("flows0")));
    assert_true(f->evidence_count > 3 && f->reason.n && f->entity_count >= 2);
    assert_true(f->level >= LEVEL_LOW && f->score_01 > 0.5f);
    const struct pair *row = &f->evidence[f->evidence_count - 1];
    float x[FEATURE_COUNT];
    for (size_t i = 0; i < FEATURE_COUNT; i++)
        x[i] = NAN;
    assert_true(str_eq(row->name, STR(EVIDENCE_ROW)) && flow_row_read(row->value, x) > 10);
    assert_true(x[FEATURE_DURATION] == 140.5f && x[FEATURE_TARGET_2S] >= 1);
    engine_deliver(l);
    assert_non_null(strstr(bed_text(&bed), "a lane 2 Suspicious connection"));
    engine_lane_free(l);
    bed_close(&bed);
    model_set_unref(set);
    sbuf_done(&b);
}

/* Though they are too many for all to be explained in the time there is. */
static void explains_the_highest_of_many_alarms(void **state)
{
    struct engine_bed bed;
    struct engine_result r;
    struct sbuf b;
    struct model_set *set = set_of(2, false, &(struct watch_limits){0});
    const struct model_score *best[2] = {NULL};
    bed_open(&bed, &plain);
    engine_adopt_models(bed.engine, set);
    struct engine_lane *l = engine_lane_new(bed.engine);
    struct engine_job *job = engine_lane_job(l);
    sbuf_init(&b, 1 << 20);
    for (unsigned i = 0; i < 3000; i++)
        add_flow(&b, i, "192.0.2.2", true);
    set_bytes(job, "a", sbuf_str(&b));
    job->path = "lane";
    engine_match(l, &r);
    assert_int_equal(r.scored->n, 6000);
    for (size_t i = 0; i < r.scored->n; i++) {
        const struct model_score **at = &best[i % 2];
        const struct model_score *one = &r.scored->at[i];
        if (one->alarm && (!*at || one->answer.score_01 > (*at)->answer.score_01))
            *at = one;
    }
    for (size_t i = 0; i < 2; i++) {
        assert_true(best[i] && best[i]->why);
        assert_true(fabs(best[i]->why->score_01 - (double)best[i]->answer.score_01) < 1e-6);
    }
    engine_deliver(l);
    engine_lane_free(l);
    sbuf_done(&b);
    bed_close(&bed);
    model_set_unref(set);
}

static void tells_nobody_of_models_in_shadow(void **state)
{
    struct engine_bed bed;
    struct engine_result r;
    struct sbuf b;
    struct watch_state w;
    struct model_set *set = set_of(2, true, &(struct watch_limits){0});
    bed_open(&bed, &plain);
    engine_adopt_models(bed.engine, set);
    struct engine_lane *l = engine_lane_new(bed.engine);
    sbuf_init(&b, 1 << 16);
    add_flow(&b, 3, "192.0.2.2", true);
    set_bytes(engine_lane_job(l), "a", sbuf_str(&b));
    engine_match(l, &r);
    assert_int_equal(r.scored->n, 2);
    assert_true(r.scored->at[0].alarm && r.scored->at[0].shadow);
    assert_int_equal(r.count, 0);
    engine_deliver(l);
    watch_state(set->at[1].model->watch, &w);
    assert_int_equal(w.alarms, 1); /* but it is counted */
    engine_lane_free(l);
    bed_close(&bed);
    model_set_unref(set);
    sbuf_done(&b);
}

static void takes_another_set_between_batches(void **state)
{
    struct engine_bed bed;
    struct engine_result r;
    struct sbuf b;
    bed_open(&bed, &plain);
    struct engine_lane *l = engine_lane_new(bed.engine);
    sbuf_init(&b, 1 << 16);
    add_flow(&b, 3, "192.0.2.2", true);
    for (size_t n = 0; n < 4; n++) {
        struct model_set *set = set_of(n, false, &(struct watch_limits){0});
        engine_adopt_models(bed.engine, set);
        model_set_unref(set); /* the engine and its lane have theirs */
        set_bytes(engine_lane_job(l), "a", sbuf_str(&b));
        engine_match(l, &r);
        assert_int_equal(r.scored->n, n);
        assert_int_equal(r.count, n);
        engine_deliver(l);
    }
    engine_adopt_models(bed.engine, NULL);
    set_bytes(engine_lane_job(l), "a", sbuf_str(&b));
    engine_match(l, &r);
    assert_int_equal(r.scored->n, 0);
    engine_deliver(l);
    engine_lane_free(l);
    bed_close(&bed);
    sbuf_done(&b);
}

static void leaves_a_model_out_that_is_too_slow(void **state)
{
    struct engine_bed bed;
    struct engine_result r;
    struct sbuf b;
    struct watch_state w;
    /* A nanosecond a row; past the two milliseconds that any batch may take there must be many. */
    struct model_set *set = set_of(1, false, &(struct watch_limits){.budget_ns = 1});
    bed_open(&bed, &plain);
    engine_adopt_models(bed.engine, set);
    struct engine_lane *l = engine_lane_new(bed.engine);
    sbuf_init(&b, 64 << 20);
    for (unsigned i = 0; i < 20000; i++)
        add_flow(&b, i % 3000, "192.0.2.2", false);
    int64_t skipped = metric_value(METRIC_MODEL_FLOWS_SKIPPED);
    bool rests = false;
    for (int i = 0; i < 10 && !rests; i++) {
        set_bytes(engine_lane_job(l), "a", sbuf_str(&b));
        engine_match(l, &r);
        rests = r.scored->skipped == 20000;
        assert_true(rests || r.scored->n == 20000);
        engine_deliver(l);
    }
    assert_true(rests);
    assert_int_equal(metric_value(METRIC_MODEL_FLOWS_SKIPPED) - skipped, 20000);
    watch_state(set->at[0].model->watch, &w);
    assert_true(w.rests && w.skipped == 20000 && w.slow == 3);
    engine_lane_free(l);
    bed_close(&bed);
    model_set_unref(set);
    sbuf_done(&b);
}

/* ---- many workers ---- */

static void work(void *arg)
{
    engine_work(arg);
}

/* What all batches led to, by `threads` workers. */
static char *text_of(unsigned threads, struct model_set *set)
{
    struct engine_bed bed;
    struct thread thread[4];
    bed_open(&bed, &plain);
    engine_adopt_models(bed.engine, set);
    for (unsigned i = 0; i < threads; i++)
        assert_int_equal(thread_start(&thread[i], "worker", work, bed.engine, NULL), ST_OK);
    for (unsigned batch = 0; batch < 200;) {
        struct engine_job *job = engine_take(bed.engine);
        struct sbuf b;
        if (!job)
            continue;
        sbuf_init(&b, 1 << 20);
        for (unsigned i = 0; i < (batch % 7 ? batch % 20 : 0); i++) {
            char source[32];
            (void)snprintf(source, sizeof source, "192.0.2.%u", (batch * 7 + i) % 50);
            add_flow(&b, batch * 3 % 3600, source, (batch + i) % 5 == 0);
        }
        add_event(&b, batch, batch % 7 ? "other" : "hit", "bob");
        set_bytes(job, batch % 3 ? "a" : "b", sbuf_str(&b));
        job->path = "queue";
        engine_submit(bed.engine, job);
        sbuf_done(&b);
        batch++;
    }
    engine_stop(bed.engine);
    for (unsigned i = 0; i < threads; i++)
        thread_join(&thread[i]);
    char *text = mem_zero(bed.text.n + 1);
    memcpy(text, bed_text(&bed), bed.text.n);
    bed_close(&bed);
    return text;
}

static void finds_the_same_on_any_number_of_workers(void **state)
{
    struct model_set *set = set_of(2, false, &(struct watch_limits){0});
    char *one = text_of(1, set);
    assert_non_null(strstr(one, "Suspicious connection"));
    assert_non_null(strstr(one, "first"));
    for (unsigned threads = 2; threads <= 4; threads++) {
        char *more = text_of(threads, set);
        assert_string_equal(more, one);
        mem_free(more);
    }
    mem_free(one);
    model_set_unref(set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scores_connections_and_raises_findings),
        cmocka_unit_test(explains_the_highest_of_many_alarms),
        cmocka_unit_test(tells_nobody_of_models_in_shadow),
        cmocka_unit_test(takes_another_set_between_batches),
        cmocka_unit_test(leaves_a_model_out_that_is_too_slow),
        cmocka_unit_test(finds_the_same_on_any_number_of_workers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
