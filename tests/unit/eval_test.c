/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/test.h"

#include "base/mem.h"
#include "base/random.h"
#include "eval/eval.h"
#include "tests/folder.h"

#include <float.h>
#include <math.h>
#include <sys/wait.h>

#define ASSERT_NEAR(a, b, tolerance)                                                               \
    do {                                                                                           \
        double got_ = (a), wanted_ = (b);                                                          \
        if (!(fabs(got_ - wanted_) <= (tolerance)))                                                \
            fail_msg("%s is %.12g, not %.12g", #a, got_, wanted_);                                 \
    } while (0)

/* ---- by hand ---- */

static void counts_what_a_threshold_calls_an_attack(void **state)
{
    (void)state;
    const float score[] = {0.9F, 0.8F, 0.7F, 0.6F, 0.4F, 0.3F, 0.2F, 0.1F};
    const uint8_t label[] = {1, 1, 0, 1, 0, 1, 0, 0};
    struct figures f;
    eval_figures(score, label, 8, 0.5, &f);
    assert_int_equal(f.rows, 8);
    assert_int_equal(f.positives, 4);
    assert_int_equal(f.true_positive, 3);
    assert_int_equal(f.false_positive, 1);
    assert_int_equal(f.true_negative, 3);
    assert_int_equal(f.false_negative, 1);
    ASSERT_NEAR(f.accuracy.value, 0.75, 1e-12);
    ASSERT_NEAR(f.f1.value, 0.75, 1e-12);
    ASSERT_NEAR(f.fpr.value, 0.25, 1e-12);
    ASSERT_NEAR(f.roc_auc.value, 13.0 / 16, 1e-12);
    ASSERT_NEAR(f.pr_auc.value, (1 + 1 + 0.75 + 4.0 / 6) / 4, 1e-12);
    ASSERT_NEAR(f.equal_error_rate, 0.25, 1e-12);
    ASSERT_NEAR(f.recall_at[0].value, 0.5, 1e-12); /* no normal row may be above */
}

static void a_row_at_the_threshold_is_an_attack(void **state)
{
    (void)state;
    const float score[] = {0.5F, 0.5F};
    const uint8_t label[] = {1, 0};
    struct figures f;
    eval_figures(score, label, 2, 0.5, &f);
    assert_int_equal(f.true_positive, 1);
    assert_int_equal(f.false_positive, 1);
    ASSERT_NEAR(f.roc_auc.value, 0.5, 1e-12);
}

static void a_score_that_is_no_number_is_least_and_counted(void **state)
{
    (void)state;
    const float score[] = {NAN, 0.9F, NAN, 0.1F, -0.0F, 0.0F};
    const uint8_t label[] = {1, 1, 0, 0, 0, 1};
    struct figures f;
    eval_figures(score, label, 6, 0.0, &f);
    assert_int_equal(f.missing, 2);
    assert_int_equal(f.rows, 6);
    assert_int_equal(f.false_negative, 1); /* the attack without a score */
    assert_int_equal(f.true_positive, 2);
    ASSERT_NEAR(f.roc_auc.value, (3 + 1.5 + 0.5) / 9, 1e-12); /* -0 is 0, NaN is NaN */
    assert_true(f.brier >= 0);
}

static void says_nothing_of_one_class_alone(void **state)
{
    (void)state;
    const float score[] = {0.2F, 0.7F};
    const uint8_t normal[] = {0, 0}, attack[] = {1, 1}, none[] = {255, 255};
    struct figures f;
    eval_figures(score, normal, 2, 0.5, &f);
    assert_true(isnan(f.roc_auc.value) && isnan(f.recall.value) && isnan(f.f1.low));
    ASSERT_NEAR(f.fpr.value, 0.5, 1e-12);
    eval_figures(score, attack, 2, 0.5, &f);
    assert_true(isnan(f.pr_auc.value) && isnan(f.fpr.value));
    eval_figures(score, none, 2, 0.5, &f);
    assert_int_equal(f.rows, 0);
    assert_true(isnan(f.accuracy.value) && isnan(f.brier));
    eval_figures(NULL, NULL, 0, 0.5, &f);
    assert_int_equal(f.rows, 0);
}

static void a_perfect_order_still_has_an_interval(void **state)
{
    (void)state;
    float score[40];
    uint8_t label[40];
    struct figures f;
    for (int i = 0; i < 40; i++) {
        score[i] = (float)i;
        label[i] = i >= 20;
    }
    eval_figures(score, label, 40, 20, &f);
    ASSERT_NEAR(f.roc_auc.value, 1, 0);
    ASSERT_NEAR(f.roc_auc.high, 1, 0);
    assert_true(f.roc_auc.low > 0.8 && f.roc_auc.low < 0.9); /* Wilson of 20 of 20: 0.839 */
    assert_true(isnan(f.brier));                             /* these are no probabilities */
}

/* ---- thresholds ---- */

static void finds_the_threshold_of_the_best_f1(void **state)
{
    (void)state;
    const float score[] = {0.1F, 0.2F, 0.6F, 0.8F, 0.9F};
    const uint8_t label[] = {0, 0, 1, 1, 1}, nobody[] = {0, 0, 0, 0, 0};
    ASSERT_NEAR(eval_threshold_f1(score, label, 5), 0.4, 1e-6);
    assert_true(eval_threshold_f1(score, nobody, 5) > (double)0.9F);
}

static void keeps_false_alarms_to_the_part_asked_for(void **state)
{
    (void)state;
    enum { N = 1000 };
    float score[N];
    uint8_t label[N] = {0};
    for (int i = 0; i < N; i++)
        score[i] = (float)(i % 500); /* each twice */
    double t = eval_threshold_fpr(score, label, N, 0.01);
    size_t above = 0;
    for (int i = 0; i < N; i++)
        above += (double)score[i] >= t;
    assert_int_equal(above, 10);
    t = eval_threshold_fpr(score, label, N, 0.011); /* 11: ties go together, so 10 */
    assert_true(t > 494 && t < 494.001);
    assert_true(eval_threshold_fpr(score, label, N, 0) > 499);
    ASSERT_NEAR(eval_threshold_fpr(score, label, N, 1), 0, 0);
    score[0] = NAN; /* is never called an attack, so it is no threshold either */
    ASSERT_NEAR(eval_threshold_fpr(score, label, N, 1), 0, 0);
}

/* ---- curves ---- */

static void draws_curves_of_many_rows_with_few_points(void **state)
{
    (void)state;
    enum { N = 100000 };
    float *score = mem_array(float, N);
    uint8_t *label = mem_array(uint8_t, N);
    struct random r;
    struct curve c;
    struct figures f;
    random_init(&r, 3, 0);
    for (int i = 0; i < N; i++) {
        label[i] = i % 20 == 0;
        score[i] = (float)(random_normal(&r) + 2 * label[i]);
    }
    eval_figures(score, label, N, 1, &f);
    eval_roc(score, label, N, &c);
    double area = 0;
    for (size_t i = 1; i < c.n; i++) {
        assert_true(c.x[i] >= c.x[i - 1] && c.y[i] >= c.y[i - 1]);
        assert_true(c.threshold[i] < c.threshold[i - 1]);
        area += (c.x[i] - c.x[i - 1]) * (c.y[i] + c.y[i - 1]) / 2;
    }
    assert_true(c.n > 500 && c.n <= CURVE_POINTS_MAX);
    ASSERT_NEAR(area, f.roc_auc.value, 1e-4);
    ASSERT_NEAR(c.x[0] + c.y[0], 0, 0);
    ASSERT_NEAR(c.x[c.n - 1] + c.y[c.n - 1], 2, 0);
    curve_done(&c);
    eval_pr(score, label, N, &c);
    area = 0;
    for (size_t i = 1; i < c.n; i++)
        area += (c.x[i] - c.x[i - 1]) * c.y[i];
    ASSERT_NEAR(area, f.pr_auc.value, 2e-3);
    ASSERT_NEAR(c.y[c.n - 1], 0.05, 1e-9);
    curve_done(&c);
    mem_free(score);
    mem_free(label);
}

static void shows_whether_probabilities_are_true(void **state)
{
    (void)state;
    const float score[] = {0.05F, 0.05F, 0.95F, 0.95F, 0.95F, 0.95F, 1.0F};
    const uint8_t label[] = {0, 0, 1, 1, 1, 0, 1};
    struct curve c;
    eval_reliability(score, label, 7, 10, &c);
    assert_int_equal(c.n, 2);
    ASSERT_NEAR(c.threshold[1], 5, 0);
    ASSERT_NEAR(c.x[1], 0.96, 1e-6);
    ASSERT_NEAR(c.y[1], 0.8, 1e-12);
    curve_done(&c);
}

/* ---- calibration ---- */

enum { MANY = 4000 };
struct rows {
    float score[MANY], other[MANY];
    uint8_t label[MANY];
    size_t n;
};

/* `decimals`: of the scores, so that there are ties. */
static struct rows *rows_new(uint64_t seed, size_t n, double attacks, double decimals)
{
    struct rows *rows = mem_new(struct rows);
    struct random r;
    random_init(&r, seed, 0);
    rows->n = n;
    for (size_t i = 0; i < n; i++) {
        rows->label[i] = random_01(&r) < attacks;
        double shared = random_normal(&r), a = shared + random_normal(&r) + 1.8 * rows->label[i],
               b = shared + random_normal(&r) + 1.5 * rows->label[i], unit = pow(10, decimals);
        rows->score[i] = (float)(round(unit / (1 + exp(1 - a))) / unit);
        rows->other[i] = (float)(round(unit / (1 + exp(1 - b))) / unit);
    }
    return rows;
}

static void no_calibration_turns_two_scores_round(void **state)
{
    (void)state;
    struct rows *rows = rows_new(5, MANY, 0.3, 7);
    for (int kind = CALIBRATION_PLATT; kind <= CALIBRATION_RANK; kind++) {
        struct calibration c;
        calibration_fit(&c, (enum calibration_kind)kind, rows->score, rows->label, rows->n);
        assert_int_equal(c.kind, kind);
        assert_true(calibration_sane(&c));
        float before = -1;
        for (int i = -100; i < 300; i++) {
            float p = calibration_apply(&c, (float)i / 100);
            assert_true(p > before && p > 0 && p < 1); /* and keeps them apart */
            before = p;
        }
        assert_true(isnan(calibration_apply(&c, NAN)));
        assert_true(calibration_apply(&c, INFINITY) >= before);
        assert_true(calibration_apply(&c, -INFINITY) >= 0);
    }
    mem_free(rows);
}

static void rank_is_the_part_of_normal_rows_below(void **state)
{
    (void)state;
    enum { N = 20000 };
    float *score = mem_array(float, N);
    struct calibration c;
    for (int i = 0; i < N; i++)
        score[i] = (float)(i * 7919 % N);
    calibration_fit(&c, CALIBRATION_ISOTONIC, score, NULL, N);
    assert_int_equal(c.kind, CALIBRATION_RANK);
    for (int i = 0; i < N; i += 37)
        ASSERT_NEAR((double)calibration_apply(&c, (float)i), (double)i / N, 2e-4);
    assert_true(calibration_apply(&c, 2 * N) > calibration_apply(&c, N));
    mem_free(score);
}

static void many_steps_become_few_knots(void **state)
{
    (void)state;
    enum { STEPS = 600, EACH = 700, N = STEPS * EACH };
    float *score = mem_array(float, N);
    uint8_t *label = mem_array(uint8_t, N);
    struct calibration c;
    for (int i = 0; i < N; i++) { /* one attack more in each step */
        int step = i / EACH;
        score[i] = (float)step;
        label[i] = i % EACH < step + 1;
    }
    calibration_fit(&c, CALIBRATION_ISOTONIC, score, label, N);
    assert_true(calibration_sane(&c));
    assert_true(c.knots > 200);
    for (int i = 5; i < STEPS - 5; i++)
        ASSERT_NEAR((double)calibration_apply(&c, (float)i), (i + 1.0) / EACH, 0.004);
    mem_free(score);
    mem_free(label);
}

static void a_class_alone_is_calibrated_as_far_as_can_be(void **state)
{
    (void)state;
    const float score[] = {1, 2, 3};
    const uint8_t attack[] = {1, 1, 1};
    const float same[] = {4, 4, 4}, none[] = {NAN, INFINITY};
    struct calibration c;
    calibration_fit(&c, CALIBRATION_PLATT, score, attack, 3);
    assert_int_equal(c.kind, CALIBRATION_NONE);
    calibration_fit(&c, CALIBRATION_RANK, same, NULL, 3);
    assert_true(calibration_sane(&c) && c.knots == 1);
    assert_true(calibration_apply(&c, 5) > calibration_apply(&c, 4));
    calibration_fit(&c, CALIBRATION_RANK, none, NULL, 2);
    assert_int_equal(c.kind, CALIBRATION_NONE);
}

static void scores_that_tell_nothing_have_one_probability(void **state)
{
    (void)state;
    const float score[] = {1, 2, 3, 4};
    const uint8_t label[] = {1, 1, 0, 0};
    struct calibration c;
    calibration_fit(&c, CALIBRATION_PLATT, score, label, 4);
    ASSERT_NEAR(calibration_apply(&c, 2), 0.5, 1e-6);
    ASSERT_NEAR(calibration_apply(&c, INFINITY), 0.5, 1e-6);
}

static void refuses_a_calibration_that_cannot_be(void **state)
{
    (void)state;
    struct calibration good = {
        .kind = CALIBRATION_RANK, .a = 1, .knots = 2, .x = {0, 1}, .y = {0, 1}};
    assert_true(calibration_sane(&good));
    struct calibration c = good;
    c.knots = CALIBRATION_KNOTS + 1;
    assert_false(calibration_sane(&c));
    c = good;
    c.x[0] = 2;
    assert_false(calibration_sane(&c));
    c = good;
    c.y[1] = NAN;
    assert_false(calibration_sane(&c));
    c = good;
    c.a = 0;
    assert_false(calibration_sane(&c));
    c = (struct calibration){.kind = CALIBRATION_PLATT, .a = INFINITY};
    assert_false(calibration_sane(&c));
    c = (struct calibration){.kind = (enum calibration_kind)9, .a = 1};
    assert_false(calibration_sane(&c));
}

/* ---- comparing ---- */

static void finds_no_difference_where_there_is_none(void **state)
{
    (void)state;
    struct rows *rows = rows_new(6, 500, 0.3, 3);
    uint8_t verdict[500];
    for (int i = 0; i < 500; i++)
        verdict[i] = rows->score[i] > 0.5F;
    ASSERT_NEAR(eval_delong(rows->score, rows->score, rows->label, 500), 1, 0);
    ASSERT_NEAR(eval_mcnemar(verdict, verdict, rows->label, 500), 1, 1e-12);
    assert_true(isnan(eval_delong(rows->score, rows->other, rows->label, 0)));
    assert_true(isnan(eval_mcnemar(verdict, verdict, rows->label, 0)));
    mem_free(rows);
}

static void counts_a_coins_throws(void **state)
{
    (void)state;
    const uint8_t label[8] = {0}, a[8] = {0}, b[8] = {1, 1, 1, 1, 1, 1, 1, 1};
    ASSERT_NEAR(eval_mcnemar(a, b, label, 8), 2.0 / 256, 1e-12); /* eight to nothing */
}

/* ---- drift ---- */

static struct drift drift_between(const float *then, size_t n, const float *now, size_t m)
{
    struct drift_reference r;
    struct drift_count c = {0};
    drift_fit(&r, then, n, 1);
    assert_true(drift_sane(&r));
    for (size_t i = 0; i < m; i++)
        drift_add(&r, &c, now[i]);
    return drift_of(&r, &c);
}

static void sees_how_far_values_have_moved(void **state)
{
    (void)state;
    enum { N = 20000 };
    float *then = mem_array(float, N), *now = mem_array(float, N), *moved = mem_array(float, N);
    struct random r;
    random_init(&r, 8, 0);
    for (int i = 0; i < N; i++) {
        then[i] = (float)random_normal(&r);
        now[i] = (float)random_normal(&r);
        moved[i] = (float)random_normal(&r) + 1;
    }
    struct drift same = drift_between(then, N, now, N), far = drift_between(then, N, moved, N);
    assert_int_equal(same.rows, N);
    assert_true(same.psi < 0.01 && same.ks < 0.02);
    assert_true(far.psi > 0.5 && far.ks_p < 1e-9);
    ASSERT_NEAR(far.ks, 0.3829, 0.02); /* of two normals one apart, at 0.5 */
    /* Missing values are told from present ones. */
    for (int i = 0; i < N / 2; i++)
        now[i] = NAN;
    assert_true(drift_between(then, N, now, N).psi > 1);
    struct drift none = drift_between(then, N, now, 0);
    ASSERT_NEAR(none.psi, 0, 0);
    mem_free(then);
    mem_free(now);
    mem_free(moved);
}

static void a_value_many_share_has_a_bin_of_its_own(void **state)
{
    (void)state;
    enum { N = 1000 };
    float then[N] = {0}, now[N] = {0}, high[N];
    for (int i = 0; i < N; i++) {
        then[i] = i % 100 == 0;
        now[i] = i % 2 == 0;
        high[i] = 5;
    }
    ASSERT_NEAR(drift_between(then, N, then, N).psi, 0, 1e-6);
    assert_true(drift_between(then, N, now, N).psi > 1);
    struct drift d = drift_between(then, N, high, N); /* never seen */
    ASSERT_NEAR(d.ks, 1, 1e-6);
    for (int i = 0; i < N; i++)
        high[i] = i % 3 ? INFINITY : (float)(i % 7);
    ASSERT_NEAR(drift_between(high, N, high, N).psi, 0, 1e-6);
    struct drift_reference r;
    drift_fit(&r, high, N, 1);
    assert_true(drift_sane(&r)); /* so that what is written can be read */
    drift_fit(&r, NULL, 0, 1);
    assert_true(drift_sane(&r));
    r.part[3] = NAN;
    assert_false(drift_sane(&r));
}

/* ---- against scikit-learn and scipy ---- */

static bool run_python(const char *const argv[], const char *out)
{
    pid_t child = fork();
    if (child == 0) {
        if (!freopen(out, "w", stdout) || !freopen("/dev/null", "w", stderr))
            _exit(126);
        execv("/usr/bin/python3", (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    int code = -1;
    waitpid(child, &code, 0);
    return code == 0;
}

static double said(const char *file, const char *name)
{
    char line[128], key[64];
    double value = NAN, found = NAN;
    FILE *f = fopen(file, "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f))
        if (sscanf(line, "%63s %lf", key, &value) == 2 && strcmp(key, name) == 0)
            found = value;
    fclose(f);
    if (isnan(found))
        fail_msg("the reference says nothing of %s", name);
    return found;
}

static void compare_figures(const struct rows *rows, const char *file, double threshold)
{
    struct figures f;
    eval_figures(rows->score, rows->label, rows->n, threshold, &f);
    ASSERT_NEAR(f.roc_auc.value, said(file, "roc_auc"), 1e-9);
    ASSERT_NEAR(f.roc_auc.low, said(file, "roc_auc_low"), 1e-9);
    ASSERT_NEAR(f.pr_auc.value, said(file, "pr_auc"), 1e-9);
    ASSERT_NEAR(f.accuracy.value, said(file, "accuracy"), 1e-9);
    ASSERT_NEAR(f.accuracy.low, said(file, "accuracy_low"), 1e-9);
    ASSERT_NEAR(f.accuracy.high, said(file, "accuracy_high"), 1e-9);
    ASSERT_NEAR(f.recall.low, said(file, "recall_low"), 1e-9);
    ASSERT_NEAR(f.recall.high, said(file, "recall_high"), 1e-9);
    ASSERT_NEAR(f.precision.value, said(file, "precision"), 1e-9);
    ASSERT_NEAR(f.f1.value, said(file, "f1"), 1e-9);
    ASSERT_NEAR(f.brier, said(file, "brier"), 1e-6);
    for (int i = 0; i < EVAL_RATES; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "recall_at_%d", i);
        ASSERT_NEAR(f.recall_at[i].value, said(file, name), 1e-9);
    }
    /* Two bootstraps agree to chance: a quarter of the interval's width. */
    double width = f.pr_auc.high - f.pr_auc.low;
    ASSERT_NEAR(f.pr_auc.low, said(file, "pr_auc_boot_low"), width / 4);
    ASSERT_NEAR(f.pr_auc.high, said(file, "pr_auc_boot_high"), width / 4);
    width = f.f1.high - f.f1.low;
    ASSERT_NEAR(f.f1.low, said(file, "f1_boot_low"), width / 4);
    ASSERT_NEAR(f.f1.high, said(file, "f1_boot_high"), width / 4);
    width = f.recall_at[3].high - f.recall_at[3].low;
    ASSERT_NEAR(f.recall_at[3].low, said(file, "recall_at_3_boot_low"), width / 4);
    ASSERT_NEAR(f.recall_at[3].high, said(file, "recall_at_3_boot_high"), width / 4);
}

static void compare_calibrations(const struct rows *rows, const char *file)
{
    struct calibration c;
    float p[MANY];
    struct figures f;
    calibration_fit(&c, CALIBRATION_PLATT, rows->score, rows->label, rows->n);
    ASSERT_NEAR(c.a, said(file, "platt_a"), 1e-3 * fabs(c.a));
    ASSERT_NEAR(c.b, said(file, "platt_b"), 1e-3 * fabs(c.b));
    calibration_fit(&c, CALIBRATION_ISOTONIC, rows->score, rows->label, rows->n);
    for (size_t i = 0; i < rows->n; i++)
        p[i] = calibration_apply(&c, rows->score[i]);
    eval_figures(p, rows->label, rows->n, 0.5, &f);
    /* Lines in the place of steps cost a little of the fit to the rows it was fitted to. */
    ASSERT_NEAR(f.brier, said(file, "isotonic_brier"), 0.05 * f.brier);
    assert_true(f.calibration_error < 0.03);
}

static void agrees_with_scikit_learn_and_scipy(void **state)
{
    (void)state;
    static const struct {
        size_t n;
        double attacks, decimals, threshold;
    } cases[] = {{2000, 0.3, 7, 0.5}, {1500, 0.4, 1, 0.5}, {4000, 0.05, 3, 0.6}};
    if (!run_python((const char *[]){"/usr/bin/python3", "-c", "import sklearn, scipy", NULL},
                    folder_path("out")))
        SKIP_BECAUSE("/usr/bin/python3 has no scikit-learn");
    for (size_t k = 0; k < COUNT(cases); k++) {
        struct rows *rows = rows_new(100 + k, cases[k].n, cases[k].attacks, cases[k].decimals);
        uint8_t a[MANY], b[MANY];
        char threshold[32], *in = strdup(folder_path("rows")),
                            *out = strdup(folder_path("figures"));
        FILE *f = fopen(in, "w");
        assert_non_null(f);
        for (size_t i = 0; i < rows->n; i++) {
            fprintf(f, "%u %.9g %.9g\n", rows->label[i], (double)rows->score[i],
                    (double)rows->other[i]);
            a[i] = (double)rows->score[i] >= cases[k].threshold;
            b[i] = (double)rows->other[i] >= cases[k].threshold;
        }
        fclose(f);
        (void)snprintf(threshold, sizeof threshold, "%.17g", cases[k].threshold);
        assert_true(run_python((const char *[]){"/usr/bin/python3", "tests/unit/eval_reference.py",
                                                in, threshold, NULL},
                               out));
        compare_figures(rows, out, cases[k].threshold);
        compare_calibrations(rows, out);
        double p = eval_delong(rows->score, rows->other, rows->label, rows->n);
        ASSERT_NEAR(p, said(out, "delong"), 1e-9);
        ASSERT_NEAR(eval_mcnemar(a, b, rows->label, rows->n), said(out, "mcnemar"), 1e-9);
        double t = eval_threshold_f1(rows->score, rows->label, rows->n);
        struct figures best;
        eval_figures(rows->score, rows->label, rows->n, t, &best);
        ASSERT_NEAR(best.f1.value, said(out, "best_f1"), 1e-9);
        free(in);
        free(out);
        mem_free(rows);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_what_a_threshold_calls_an_attack),
        cmocka_unit_test(a_row_at_the_threshold_is_an_attack),
        cmocka_unit_test(a_score_that_is_no_number_is_least_and_counted),
        cmocka_unit_test(says_nothing_of_one_class_alone),
        cmocka_unit_test(a_perfect_order_still_has_an_interval),
        cmocka_unit_test(finds_the_threshold_of_the_best_f1),
        cmocka_unit_test(keeps_false_alarms_to_the_part_asked_for),
        cmocka_unit_test(draws_curves_of_many_rows_with_few_points),
        cmocka_unit_test(shows_whether_probabilities_are_true),
        cmocka_unit_test(no_calibration_turns_two_scores_round),
        cmocka_unit_test(rank_is_the_part_of_normal_rows_below),
        cmocka_unit_test(many_steps_become_few_knots),
        cmocka_unit_test(a_class_alone_is_calibrated_as_far_as_can_be),
        cmocka_unit_test(scores_that_tell_nothing_have_one_probability),
        cmocka_unit_test(refuses_a_calibration_that_cannot_be),
        cmocka_unit_test(finds_no_difference_where_there_is_none),
        cmocka_unit_test(counts_a_coins_throws),
        cmocka_unit_test(sees_how_far_values_have_moved),
        cmocka_unit_test(a_value_many_share_has_a_bin_of_its_own),
        cmocka_unit_test(agrees_with_scikit_learn_and_scipy),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
