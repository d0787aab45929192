/* How a model does in service: its time, its scores, what it sees, what people say. */
#include "ml/watch.h"
#include "tests/model_bed.h"

#include <math.h>

static const uint64_t second = 1000 * 1000 * 1000;

static struct watch *watched(const struct watch_limits *limits)
{
    struct model *m = bed_model(1);
    struct watch *w = watch_new("flows", m, limits);
    model_free(m);
    return w;
}

/* `n` rows with the same score; all columns but the first are missing. */
static void show(struct watch *w, size_t n, float score, float duration, uint64_t ns,
                 uint64_t now_ns)
{
    struct model_answer *a = mem_array(struct model_answer, n);
    float *x = mem_array(float, n *FEATURE_COUNT);
    for (size_t i = 0; i < n; i++)
        a[i] = (struct model_answer){.score_01 = score, .members = 1};
    for (size_t i = 0; i < n * FEATURE_COUNT; i++)
        x[i] = NAN;
    for (size_t i = 0; i < n; i++)
        x[i * FEATURE_COUNT + FEATURE_DURATION] = duration;
    watch_scored(
        w, &(struct watch_batch){
               .answer = a, .n = n, .x = x, .stride = FEATURE_COUNT, .ns = ns, .now_ns = now_ns});
    mem_free(a);
    mem_free(x);
}

static void counts_rows_scores_and_time(void **state)
{
    struct watch *w = watched(&(struct watch_limits){0});
    struct watch_state s;
    show(w, 100, 0.02f, 1, 100 * 3000, 0); /* 3 µs each */
    show(w, 10, 1.0f, 60, 10 * 3000, 0);
    show(w, 5, NAN, 60, 5 * 3000, 0);
    watch_state(w, &s);
    assert_string_equal(s.name, "flows");
    assert_int_equal(s.rows, 115);
    assert_int_equal(s.batches, 3);
    assert_int_equal(s.alarms, 10);
    assert_int_equal(s.score_rows[0], 100);
    assert_int_equal(s.score_rows[WATCH_SCORES - 1], 10);
    assert_int_equal(s.time_rows[2], 115);
    assert_true(fabs(s.seconds - 115 * 3e-6) < 1e-9);
    assert_false(s.drifts || s.sinks || s.rests);
    watch_unref(w);
}

static void lets_a_slow_model_rest_longer_each_time(void **state)
{
    struct watch *w = watched(&(struct watch_limits){.budget_ns = 1000});
    struct watch_state s;
    uint64_t now = 1000 * second;
    for (int i = 0; i < 3; i++) {
        assert_true(watch_allows(w, 10, now));
        show(w, 10, 0, 1, second, now);
    }
    assert_false(watch_allows(w, 10, now + 9 * second));
    watch_state(w, &s);
    assert_true(s.rests);
    assert_int_equal(s.slow, 3);
    assert_int_equal(s.skipped, 10);
    now += 11 * second;
    assert_true(watch_allows(w, 10, now)); /* one that shows */
    assert_false(watch_allows(w, 10, now));
    show(w, 10, 0, 1, second, now);
    assert_false(watch_allows(w, 10, now + 19 * second));
    now += 21 * second;
    assert_true(watch_allows(w, 10, now));
    show(w, 10, 0, 1, 1, now);
    assert_true(watch_allows(w, 10, now));
    watch_state(w, &s);
    assert_false(s.rests);
    watch_unref(w);
}

static void forgives_small_batches_their_two_milliseconds(void **state)
{
    struct watch *w = watched(&(struct watch_limits){.budget_ns = 1000});
    for (int i = 0; i < 10; i++)
        show(w, 1, 0, 1, 1900000, 0);
    assert_true(watch_allows(w, 1, 0));
    watch_unref(w);
}

static void sees_that_scores_and_columns_are_others(void **state)
{
    struct watch *w = watched(&(struct watch_limits){0});
    struct watch_state s;
    show(w, WATCH_ROWS_MIN - 1, 0.99f, 5000, 1, 0);
    watch_state(w, &s);
    assert_false(s.drifts); /* too few to say */
    show(w, 1000, 0.99f, 5000, 1, 0);
    watch_state(w, &s);
    assert_true(s.drifts && s.score.psi > 0.25);
    assert_true(s.columns >= 1 && s.columns <= WATCH_COLUMNS);
    bool found = false;
    for (size_t i = 0; i < s.columns; i++)
        found =
            found || (strcmp(s.column[i].name, "duration") == 0 && s.column[i].drift.psi > 0.25);
    assert_true(found);
    watch_unref(w);
}

/* Rows like those of training, all with the same score: it is the reference that is odd, not what is seen. */
static void keeps_quiet_when_only_the_scores_are_others(void **state)
{
    struct watch *w = watched(&(struct watch_limits){0});
    struct watch_state s;
    struct model_answer a[BED_ROWS];
    struct dataset d;
    bed_data(&d, 1);
    float *x = mem_array(float, BED_ROWS *FEATURE_COUNT);
    for (size_t i = 0; i < BED_ROWS; i++) {
        a[i] = (struct model_answer){.score_01 = 0.99f, .members = 1};
        for (size_t k = 0; k < BED_COLUMNS; k++)
            x[i * FEATURE_COUNT + (size_t)bed_feature[k]] = d.x[i * BED_COLUMNS + k];
    }
    struct watch_batch b = {.answer = a, .n = BED_ROWS, .x = x, .stride = FEATURE_COUNT, .ns = 1};
    for (int i = 0; i < 5; i++)
        watch_scored(w, &b);
    watch_state(w, &s);
    assert_true(s.score.rows >= WATCH_ROWS_MIN && s.score.psi > 0.25 && s.columns > 0);
    assert_false(s.drifts);
    mem_free(x);
    dataset_done(&d);
    watch_unref(w);
}

static void forgets_what_was_long_ago(void **state)
{
    struct watch *w = watched(&(struct watch_limits){0});
    struct watch_state s;
    for (int i = 0; i < 30; i++)
        show(w, 10000, 0.99f, 5000, 1, 0);
    watch_state(w, &s);
    assert_int_equal(s.rows, 300000);
    assert_true(s.score.rows >= WATCH_WINDOW && s.score.rows <= 2 * WATCH_WINDOW);
    watch_unref(w);
}

static void says_when_people_think_less_of_it_than_its_card(void **state)
{
    struct watch *w = watched(&(struct watch_limits){0});
    struct watch_state s;
    watch_judged(w, 5, WATCH_VERDICTS_MIN - 6);
    watch_state(w, &s);
    assert_false(s.sinks); /* too few */
    watch_judged(w, 5, WATCH_VERDICTS_MIN - 5);
    watch_state(w, &s);
    assert_true(s.card_precision > 0.5);
    assert_true(s.sinks);
    watch_judged(w, 40, 1);
    watch_state(w, &s);
    assert_false(s.sinks);
    watch_unref(w);
}

static void writes_metrics_with_the_model_and_its_version(void **state)
{
    struct watch *w = watched(&(struct watch_limits){0});
    struct watch_state s[2];
    struct sbuf out;
    sbuf_init(&out, 1 << 20);
    show(w, 10, 1.0f, 60, 30000, 0);
    watch_state(w, &s[0]);
    s[1] = s[0];
    (void)snprintf(s[1].version, sizeof s[1].version, "other");
    watch_write_metrics(s, 2, &out);
    char line[160];
    (void)snprintf(line, sizeof line,
                   "bguard_model_alarms_total{model=\"flows\",version=\"%s\"} 10\n", s[0].version);
    assert_non_null(strstr(out.p, line));
    assert_non_null(strstr(out.p, "version=\"other\",le=\"5e-06\"} 10\n"));
    const char *help = strstr(out.p, "# HELP bguard_model_rows_total ");
    assert_non_null(help);
    assert_null(strstr(help + 1, "# HELP bguard_model_rows_total "));
    sbuf_done(&out);
    watch_unref(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_rows_scores_and_time),
        cmocka_unit_test(lets_a_slow_model_rest_longer_each_time),
        cmocka_unit_test(forgives_small_batches_their_two_milliseconds),
        cmocka_unit_test(sees_that_scores_and_columns_are_others),
        cmocka_unit_test(keeps_quiet_when_only_the_scores_are_others),
        cmocka_unit_test(forgets_what_was_long_ago),
        cmocka_unit_test(says_when_people_think_less_of_it_than_its_card),
        cmocka_unit_test(writes_metrics_with_the_model_and_its_version),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
