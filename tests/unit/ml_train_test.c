/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/ml_bed.h"

#include "ml/train_int.h"

#include <dirent.h>
#include <signal.h>
#include <sys/wait.h>

static const struct model_training small = {
    .kind = MODEL_AUTOENCODER,
    .seed = 7,
    .epochs = 4,
    .threads = 1,
    .now_ms = INT64_C(1700000000000),
};

static struct sbuf bytes_of(const struct model *m)
{
    struct sbuf b;
    sbuf_init(&b, 256 << 20);
    model_write(m, &b);
    return b;
}

static void keeps_the_parts_apart(void **state)
{
    struct dataset d;
    struct parts p;
    struct model_training t = small;
    bed_flows(&d, 1000, 1);
    uint8_t *seen = mem_array(uint8_t, d.rows);
    parts_of(&t, &d, &p);
    const struct rows part[] = {p.train, p.validation, p.test};
    for (size_t k = 0; k < COUNT(part); k++)
        for (size_t i = 0; i < part[k].n; i++)
            assert_int_equal(seen[part[k].index[i]]++, 0);
    assert_int_equal(p.train.n + p.validation.n + p.test.n, d.rows);
    assert_true(p.test.n > 80 && p.test.n < 120);
    assert_true(p.validation.n > 120 && p.validation.n < 180);
    parts_done(&p);
    t.no_test = true;
    parts_of(&t, &d, &p);
    assert_int_equal(p.test.n, 0);
    parts_done(&p);
    mem_free(seen);
    dataset_done(&d);
}

static void weighs_rows_of_a_group_in_training_alone(void **state)
{
    struct dataset d;
    struct parts p, once;
    struct model_training t = small;
    bed_flows(&d, 400, 1);
    for (size_t i = 0; i < d.rows; i++)
        d.group[i] = (uint32_t)i;
    parts_of(&t, &d, &once);
    parts_of(&t, &d, &p);
    parts_weigh(&p, &d, 350, 1);
    assert_int_equal(p.train.n, once.train.n);
    parts_weigh(&p, &d, 350, 4);
    size_t at = 0;
    for (size_t i = 0; i < once.train.n; i++)
        for (unsigned n = once.train.index[i] >= 350 ? 4 : 1; n > 0; n--)
            assert_int_equal(p.train.index[at++], once.train.index[i]);
    assert_int_equal(at, p.train.n);
    assert_true(p.train.n > once.train.n);
    assert_int_equal(p.validation.n, once.validation.n);
    assert_memory_equal(p.validation.index, once.validation.index,
                        once.validation.n * sizeof *once.validation.index);
    assert_int_equal(p.test.n, once.test.n);
    assert_memory_equal(p.test.index, once.test.index, once.test.n * sizeof *once.test.index);
    parts_done(&p);
    parts_done(&once);
    t.heavy_from = 350;
    t.heavy = 4;
    struct model *m = bed_train(&t, &d);
    assert_true(model_card(m)->rows < 320); /* each is told of once */
    model_free(m);
    dataset_done(&d);
}

/* Whatever the test rows hold, all but the figures is the same: nothing of them was learned. */
static void learns_nothing_of_the_rows_that_judge(void **state)
{
    static const enum model_kind kinds[] = {MODEL_XGBOOST, MODEL_AUTOENCODER};
    for (size_t k = 0; k < COUNT(kinds); k++) {
        struct dataset d;
        struct error err;
        struct model_training t = small;
        struct parts p;
        t.kind = kinds[k];
        t.trees = 15;
        bed_flows(&d, 900, 1);
        struct model *m = bed_train(&t, &d);
        parts_of(&t, &d, &p);
        for (size_t i = 0; i < p.test.n; i++)
            for (size_t j = 0; j < d.columns; j++)
                d.x[(size_t)p.test.index[i] * d.columns + j] *= -(float)(i + 3);
        struct model *other = bed_train(&t, &d);
        struct model_answer *a = mem_array(struct model_answer, d.rows),
                            *b = mem_array(struct model_answer, d.rows);
        assert_int_equal(model_score_set(m, &d, 1, a, &err), ST_OK);
        assert_int_equal(model_score_set(other, &d, 1, b, &err), ST_OK);
        assert_memory_equal(a, b, d.rows * sizeof *a);
        assert_true(model_card(m)->threshold == model_card(other)->threshold);
        mem_free(a);
        mem_free(b);
        parts_done(&p);
        model_free(m);
        model_free(other);
        dataset_done(&d);
    }
}

static void makes_the_same_of_the_same_on_any_number_of_threads(void **state)
{
    static const enum model_kind kinds[] = {MODEL_XGBOOST, MODEL_IFOREST, MODEL_AUTOENCODER};
    for (size_t k = 0; k < COUNT(kinds); k++) {
        struct dataset d;
        struct model_training t = small;
        t.kind = kinds[k];
        t.trees = 15;
        bed_flows(&d, 900, 1);
        struct model *one = bed_train(&t, &d);
        t.threads = 3;
        struct model *three = bed_train(&t, &d);
        struct sbuf a = bytes_of(one), b = bytes_of(three);
        assert_true(str_eq(sbuf_str(&a), sbuf_str(&b)));
        t.seed++;
        struct model *other = bed_train(&t, &d);
        assert_false(str_eq(model_card(one)->version, model_card(other)->version));
        sbuf_done(&a);
        sbuf_done(&b);
        model_free(one);
        model_free(three);
        model_free(other);
        dataset_done(&d);
    }
}

/* ---- stopped, and killed ---- */

static bool stop_half_way(void *arg, enum model_stage stage, const char *what, double part_01,
                          double loss)
{
    (void)arg, (void)what, (void)loss;
    return stage != STAGE_TRAIN || part_01 < 0.5;
}

static bool die_half_way(void *arg, enum model_stage stage, const char *what, double part_01,
                         double loss)
{
    (void)arg, (void)what, (void)loss;
    if (stage == STAGE_TRAIN && part_01 >= 0.5)
        (void)raise(SIGKILL);
    return true;
}

static void stops_when_it_is_told(void **state)
{
    struct dataset d;
    struct error err = {0};
    struct model *m = NULL;
    struct model_training t = small;
    t.progress = stop_half_way;
    bed_flows(&d, 600, 1);
    assert_int_equal(model_train(&t, &d, &m, &err), ST_UNAVAILABLE);
    assert_null(m);
    dataset_done(&d);
}

static size_t files_in(const char *folder)
{
    struct dirent **entry = NULL;
    int n = scandir(folder, &entry, NULL, NULL);
    for (int i = 0; i < n; i++)
        free(entry[i]);
    free(entry);
    return n > 2 ? (size_t)n - 2 : 0;
}

static void goes_on_where_it_was_killed(void **state)
{
    struct dataset d;
    struct model_training t = small;
    t.checkpoint = folder_path("checkpoints");
    t.epochs = 8;
    bed_flows(&d, 600, 1);
    pid_t child = fork();
    if (child == 0) {
        struct model *m = NULL;
        t.progress = die_half_way;
        _exit(model_train(&t, &d, &m, NULL) == ST_OK ? 0 : 1);
    }
    int how;
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFSIGNALED(how) && WTERMSIG(how) == SIGKILL);
    assert_true(files_in(t.checkpoint) > 0);
    struct model *resumed = bed_train(&t, &d);
    assert_int_equal(files_in(t.checkpoint), 0);
    t.checkpoint = NULL;
    struct model *straight = bed_train(&t, &d);
    assert_true(str_eq(model_card(resumed)->version, model_card(straight)->version));
    model_free(resumed);
    model_free(straight);
    dataset_done(&d);
}

/* ---- what is asked for ---- */

static void names_an_option_that_there_is_not(void **state)
{
    static const struct {
        enum model_kind kind;
        const char *option, *says;
    } cases[] = {
        {MODEL_XGBOOST, "dept=3", "did you mean 'depth'"},
        {MODEL_XGBOOST, "depth=many", "'many'"},
        {MODEL_XGBOOST, "depth=99", "from 1 to 16"},
        {MODEL_XGBOOST, "depth=2.5", "whole number"},
        {MODEL_XGBOOST, "depth", "no value"},
        {MODEL_XGBOOST, "monotone=height:+1", "no column 'height'"},
        {MODEL_XGBOOST, "monotone=sent:up", "'up' is not"},
        {MODEL_ENSEMBLE, "members=xgboost+markov", "'markov' cannot be one"},
        {MODEL_ENSEMBLE, "members=xgboost", "at least two"},
        {MODEL_ENSEMBLE, "members=iforest+xgboost,xgboost=dept=3", "did you mean"},
        {MODEL_KEYSTROKE, NULL, "format keystroke"},
        {MODEL_MARKOV, NULL, "sequences"},
    };
    struct dataset d;
    bed_flows(&d, 300, 1);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct error err = {0};
        struct model *m = NULL;
        struct model_training t = small;
        t.kind = cases[i].kind;
        t.option = cases[i].option;
        t.trees = 5;
        assert_int_equal(model_train(&t, &d, &m, &err), ST_INVALID);
        if (!strstr(err.text, cases[i].says))
            fail_msg("'%s' does not say '%s'", err.text, cases[i].says);
    }
    dataset_done(&d);
}

static void takes_column_after_column_as_it_was_told(void **state)
{
    struct dataset d;
    struct model_training t = small;
    t.kind = MODEL_XGBOOST;
    t.option = "trees=20,depth=3,monotone=sent:+1/got:-1";
    bed_flows(&d, 900, 1);
    struct model *m = bed_train(&t, &d);
    struct model_binding *b = model_bind(m, d.column, d.columns);
    struct model_scratch *s = model_scratch_new(m);
    float *row = mem_array(float, d.columns);
    for (size_t i = 0; i < 50; i++) {
        float before = -1;
        struct model_answer a;
        memcpy(row, d.x + i * d.columns, d.columns * sizeof *row);
        row[0] = 1;
        for (unsigned step = 0; step < 15; step++, row[0] *= 3) { /* to ten million */
            model_score(m, b, s, row, 1, d.columns, &a);
            assert_true(a.score_01 >= before);
            before = a.score_01;
        }
    }
    assert_true(str_contains(model_card(m)->parameters, STR("depth=3")));
    mem_free(row);
    model_scratch_free(s);
    model_binding_free(b);
    model_free(m);
    dataset_done(&d);
}

static void keeps_false_alarms_to_what_was_asked(void **state)
{
    struct dataset d;
    struct model_training t = small;
    struct model_judgement j;
    t.fpr = 0.05;
    bed_flows(&d, 3000, 1);
    struct model *m = bed_train(&t, &d);
    assert_int_equal(model_judge(m, &d, 1, NAN, &j, NULL), ST_OK);
    assert_true(j.figures.fpr.low <= 0.06 && j.figures.fpr.value > 0.005);
    assert_true(str_contains(model_card(m)->basis, STR("0.05")));
    model_judgement_done(&j);
    model_free(m);
    t.fpr = 0;
    t.alarms_per_day = 10;
    t.rows_per_day = 1000;
    m = bed_train(&t, &d);
    assert_true(str_contains(model_card(m)->basis, STR("10 false alarms a day")));
    model_free(m);
    t.rows_per_day = 0;
    struct error err;
    assert_int_equal(model_train(&t, &d, &m, &err), ST_INVALID);
    dataset_done(&d);
}

static void warns_of_what_cannot_be_known(void **state)
{
    struct dataset d;
    struct model_training t = small;
    t.no_test = true;
    bed_flows(&d, 600, 1);
    memset(d.label, LABEL_NONE, d.rows);
    struct model *m = bed_train(&t, &d);
    assert_true(str_contains(model_card(m)->warning, STR("no row has a label")));
    assert_true(str_contains(model_card(m)->warning, STR("no rows were kept back")));
    assert_int_equal(model_card(m)->positives, 0);
    struct model_judgement j;
    struct error err;
    assert_int_equal(model_judge(m, &d, 1, NAN, &j, &err), ST_INVALID);
    model_free(m);
    dataset_done(&d);
}

static void judges_across_folds_when_asked(void **state)
{
    struct dataset d;
    struct model_training t = small;
    t.kind = MODEL_XGBOOST;
    t.trees = 15;
    t.folds = 3;
    bed_flows(&d, 900, 1);
    struct model *m = bed_train(&t, &d);
    const struct figures *f = &model_card(m)->crossed;
    assert_int_equal(f->rows,
                     model_card(m)->figures.rows ? d.rows - model_card(m)->figures.rows : 0);
    assert_true(f->roc_auc.value > 0.9);
    model_free(m);
    dataset_done(&d);
}

static void finds_sessions_that_never_were(void **state)
{
    static const enum model_kind kinds[] = {MODEL_MARKOV, MODEL_LSTM, MODEL_TRANSFORMER};
    for (size_t k = 0; k < COUNT(kinds); k++) {
        struct dataset d;
        struct error err = {0};
        struct arena arena;
        struct model_explanation e;
        struct model_training t = small;
        t.kind = kinds[k];
        t.epochs = 6;
        bed_sessions(&d, 400, 1);
        struct model *m = bed_train(&t, &d);
        struct model_scratch *s = model_scratch_new(m);
        const str usual[] = {STR("open"), STR("read"), STR("write"), STR("close")};
        const str odd[] = {STR("open"), STR("close"), STR("exec"), STR("open")};
        struct model_answer a, b;
        model_score_sequence(m, s, usual, 4, &a);
        model_score_sequence(m, s, odd, 4, &b);
        assert_true(a.score_01 < b.score_01);
        assert_true(b.score_01 >= model_card(m)->threshold);
        assert_true(a.score_01 < model_card(m)->threshold);
        arena_init(&arena, 1 << 16);
        assert_int_equal(model_explain_sequence(m, s, odd, 4, &arena, &e, &err), ST_OK);
        assert_true(e.count > 0);
        assert_true(str_starts(e.words, STR("suspicious")));
        bool never = false;
        for (size_t i = 0; i < e.count; i++)
            never |= str_contains(e.reason[i].words, STR("never seen"));
        assert_true(never);
        arena_done(&arena);
        model_scratch_free(s);
        struct sbuf bytes = bytes_of(m);
        struct model *again = NULL;
        struct model_answer c;
        assert_int_equal(model_read(sbuf_str(&bytes), NULL, &again, &err), ST_OK);
        s = model_scratch_new(again);
        model_score_sequence(again, s, odd, 4, &c);
        assert_true(c.raw == b.raw && c.score_01 == b.score_01);
        model_scratch_free(s);
        sbuf_done(&bytes);
        model_free(again);
        model_free(m);
        dataset_done(&d);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_the_parts_apart),
        cmocka_unit_test(weighs_rows_of_a_group_in_training_alone),
        cmocka_unit_test(learns_nothing_of_the_rows_that_judge),
        cmocka_unit_test(makes_the_same_of_the_same_on_any_number_of_threads),
        cmocka_unit_test(stops_when_it_is_told),
        cmocka_unit_test(goes_on_where_it_was_killed),
        cmocka_unit_test(names_an_option_that_there_is_not),
        cmocka_unit_test(takes_column_after_column_as_it_was_told),
        cmocka_unit_test(keeps_false_alarms_to_what_was_asked),
        cmocka_unit_test(warns_of_what_cannot_be_known),
        cmocka_unit_test(judges_across_folds_when_asked),
        cmocka_unit_test(finds_sessions_that_never_were),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
