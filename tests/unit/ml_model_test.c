/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/ml_bed.h"

#include "crypto/crypto.h"
#include "os/clock.h"
#include "tree/tree.h"

static const struct model_training small = {
    .kind = MODEL_AUTOENCODER,
    .seed = 7,
    .epochs = 3,
    .threads = 1,
    .now_ms = INT64_C(1700000000000),
    .option = "hidden=4,waist=2",
};

static struct model *trained(const struct model_training *t, struct dataset *d, size_t rows)
{
    bed_flows(d, rows, 3);
    return bed_train(t, d);
}

static struct sbuf bytes_of(const struct model *m)
{
    struct sbuf b;
    sbuf_init(&b, 256 << 20);
    model_write(m, &b);
    assert_false(b.full);
    return b;
}

static void answers_the_same_after_it_was_kept_in_a_file(void **state)
{
    static const enum model_kind kinds[] = {MODEL_AUTOENCODER, MODEL_XGBOOST, MODEL_IFOREST,
                                            MODEL_ENSEMBLE};
    for (size_t k = 0; k < COUNT(kinds); k++) {
        struct dataset d;
        struct error err = {0};
        struct model_training t = small;
        t.kind = kinds[k];
        t.option = NULL;
        t.trees = 20;
        struct model *m = trained(&t, &d, 900), *again = NULL;
        struct model_answer *a = mem_array(struct model_answer, d.rows),
                            *b = mem_array(struct model_answer, d.rows);
        assert_int_equal(model_save(m, folder_path("model.bgm"), &err), ST_OK);
        assert_int_equal(model_load(folder_path("model.bgm"), NULL, &again, &err), ST_OK);
        assert_int_equal(model_score_set(m, &d, 1, a, &err), ST_OK);
        assert_int_equal(model_score_set(again, &d, 2, b, &err), ST_OK);
        assert_memory_equal(a, b, d.rows * sizeof *a);
        assert_true(str_eq(model_card(m)->version, model_card(again)->version));
        assert_true(str_eq(model_card(m)->json, model_card(again)->json));
        assert_int_equal(model_card(again)->version.n, 12);
        mem_free(a);
        mem_free(b);
        model_free(m);
        model_free(again);
        dataset_done(&d);
    }
}

static void refuses_a_file_that_is_cut_off_or_changed_anywhere(void **state)
{
    struct dataset d;
    struct error err;
    struct model *m = trained(&small, &d, 300), *out = NULL;
    struct sbuf b = bytes_of(m);
    /* A step that has no factor in common with the parts' sizes, so that all kinds of place are met. */
    for (size_t n = 0; n < b.n; n += n < 200 ? 1 : 37) {
        err.text[0] = '\0';
        assert_true(model_read(str_head(sbuf_str(&b), n), NULL, &out, &err) != ST_OK);
        assert_true(err.text[0]);
    }
    for (size_t i = 0; i < b.n; i += i < 200 ? 1 : 41) {
        b.p[i] = (char)(b.p[i] ^ 0x10);
        assert_true(model_read(sbuf_str(&b), NULL, &out, &err) != ST_OK);
        b.p[i] = (char)(b.p[i] ^ 0x10);
    }
    assert_null(out);
    sbuf_done(&b);
    model_free(m);
    dataset_done(&d);
}

/* Changed, and given the right checksum again: it is refused, or computes something without harm. */
static void does_no_harm_when_a_file_is_hostile(void **state)
{
    struct dataset d;
    struct error err;
    struct model *m = trained(&small, &d, 300);
    struct sbuf b = bytes_of(m);
    struct model_answer *a = mem_array(struct model_answer, d.rows);
    size_t refused = 0;
    for (size_t i = 8; i < b.n - SHA256_SIZE; i += i < 400 ? 1 : 23) {
        struct model *out = NULL;
        char kept = b.p[i];
        b.p[i] = (char)(i % 3 ? kept ^ (1 << i % 8) : 0xff);
        crypto_sha256(str_head(sbuf_str(&b), b.n - SHA256_SIZE),
                      (unsigned char *)b.p + b.n - SHA256_SIZE);
        if (model_read(sbuf_str(&b), NULL, &out, &err) != ST_OK)
            refused++;
        else if (model_score_set(out, &d, 1, a, &err) == ST_OK)
            for (size_t k = 0; k < d.rows; k++)
                assert_true(isnan(a[k].score_01) || (a[k].score_01 >= 0 && a[k].score_01 <= 1));
        model_free(out);
        b.p[i] = kept;
    }
    assert_true(refused > 0);
    mem_free(a);
    sbuf_done(&b);
    model_free(m);
    dataset_done(&d);
}

static void says_on_its_card_what_it_was_made_of(void **state)
{
    struct dataset d;
    struct model_training t = small;
    t.name = "flows of a test";
    t.license = "CC0-1.0";
    t.note = "made up";
    struct model *m = trained(&t, &d, 900);
    const struct model_card *c = model_card(m);
    assert_true(str_eq(c->name, STR("flows of a test")));
    assert_true(str_eq(c->license, STR("CC0-1.0")));
    assert_true(str_eq(c->note, STR("made up")));
    assert_string_equal(c->data_digest.p, d.digest);
    assert_int_equal(c->data_digest.n, 64);
    assert_int_equal(c->trained_ms, small.now_ms);
    assert_int_equal(c->seed, 7);
    assert_true(str_eq(c->data_format, STR("csv")));
    assert_true(c->figures.rows > 60 && c->figures.positives > 0);
    assert_true(c->threshold >= 0 && c->threshold <= 1);
    assert_true(str_contains(c->split, STR("train")));
    assert_true(str_contains(c->basis, STR("F1")));
    assert_true(str_contains(c->json, STR("\"columns\":[\"sent\",\"got\"")));
    size_t n;
    const struct dataset_column *column = model_columns(m, &n);
    assert_int_equal(
        n, 4); /* `constant`, and `flag`, which is never set in normal rows, say nothing */
    assert_true(str_eq(column[3].name, STR("service")));
    assert_non_null(model_curve(m, PICTURE_ROC));
    assert_non_null(model_column_reference(m, 0));
    assert_true(drift_sane(model_score_reference(m)));
    model_free(m);
    dataset_done(&d);
}

static void takes_columns_in_any_order_and_lives_without_some(void **state)
{
    struct dataset d;
    struct model *m = trained(&small, &d, 600);
    struct model_scratch *s = model_scratch_new(m);
    struct model_binding *straight = model_bind(m, d.column, d.columns);
    struct dataset_column turned[6];
    float row[6];
    for (size_t j = 0; j < 6; j++) {
        turned[j] = d.column[5 - j];
        row[j] = d.x[5 - j];
    }
    struct model_binding *back = model_bind(m, turned, 6), *less = model_bind(m, turned, 3);
    struct model_answer a, b, c;
    model_score(m, straight, s, d.x, 1, d.columns, &a);
    model_score(m, back, s, row, 1, 6, &b);
    model_score(m, less, s, row, 1, 6, &c);
    assert_int_equal(model_binding_found(straight), 4);
    assert_int_equal(model_binding_found(less), 1);
    assert_true(a.score_01 == b.score_01);
    assert_true(c.score_01 >= 0 && c.score_01 <= 1);
    model_binding_free(straight);
    model_binding_free(back);
    model_binding_free(less);
    model_scratch_free(s);
    model_free(m);
    dataset_done(&d);
}

static void refuses_data_of_another_kind(void **state)
{
    struct dataset d, other = {0};
    struct error err = {0};
    struct model_answer a[8];
    struct model *m = trained(&small, &d, 300);
    bed_read(&other, "other.csv", DATASET_CSV, STR("colour,height\n1,2\n3,4\n"));
    assert_int_equal(model_score_set(m, &other, 1, a, &err), ST_INVALID);
    assert_non_null(strstr(err.text, "columns"));
    dataset_done(&other);
    bed_read(&other, "s.txt", DATASET_SEQUENCE, STR("a b\nb c\n"));
    assert_int_equal(model_score_set(m, &other, 1, a, &err), ST_INVALID);
    assert_non_null(strstr(err.text, "sequences"));
    dataset_done(&other);
    model_free(m);
    dataset_done(&d);
}

static size_t most_suspicious(const struct model *m, const struct dataset *d)
{
    struct error err;
    struct model_answer *a = mem_array(struct model_answer, d->rows);
    size_t best = 0;
    assert_int_equal(model_score_set(m, d, 1, a, &err), ST_OK);
    for (size_t i = 0; i < d->rows; i++)
        best = a[i].score_01 > a[best].score_01 ? i : best;
    mem_free(a);
    return best;
}

static void gives_reasons_in_words_that_add_up(void **state)
{
    static const enum model_kind kinds[] = {MODEL_AUTOENCODER, MODEL_XGBOOST, MODEL_IFOREST,
                                            MODEL_ENSEMBLE};
    for (size_t k = 0; k < COUNT(kinds); k++) {
        struct dataset d;
        struct error err = {0};
        struct arena arena;
        struct model_explanation e;
        struct model_training t = small;
        t.kind = kinds[k];
        t.option = NULL;
        t.trees = 30;
        struct model *m = trained(&t, &d, 900);
        struct model_binding *b = model_bind(m, d.column, d.columns);
        struct model_scratch *s = model_scratch_new(m);
        const float *x = d.x + most_suspicious(m, &d) * d.columns;
        arena_init(&arena, 1 << 16);
        assert_int_equal(model_explain(m, b, s, x, &arena, &e, &err), ST_OK);
        assert_true(e.count >= 1 && e.count <= MODEL_REASONS_MAX);
        double sum = 0, before = 2;
        for (size_t i = 0; i < e.count; i++) {
            assert_true(fabs(e.reason[i].part) <= before);
            before = fabs(e.reason[i].part);
            sum += before;
            assert_true(str_contains(e.reason[i].words, STR("usual")));
        }
        assert_true(sum > 0.9 && sum < 1.0001); /* five columns, all told */
        assert_true(str_starts(e.words, STR("suspicious")));
        arena_done(&arena);
        arena_init(&arena, 64);
        assert_int_equal(model_explain(m, b, s, x, &arena, &e, &err), ST_LIMIT);
        arena_done(&arena);
        model_scratch_free(s);
        model_binding_free(b);
        model_free(m);
        dataset_done(&d);
    }
}

static void gives_xgboost_what_xgboost_reads_and_takes_it_back(void **state)
{
    struct dataset d;
    struct error err = {0};
    struct model_training t = small;
    struct sbuf b;
    struct model *back = NULL;
    t.kind = MODEL_XGBOOST;
    t.option = NULL;
    t.trees = 10;
    struct model *m = trained(&t, &d, 600);
    sbuf_init(&b, 64 << 20);
    assert_int_equal(model_export_xgboost(m, &b, &err), ST_OK);
    assert_int_equal(model_import_xgboost(sbuf_str(&b), &back, &err), ST_OK);
    assert_true(str_contains(model_card(back)->note, STR("imported")));
    size_t n;
    const struct dataset_column *column = model_columns(back, &n);
    size_t wanted;
    const struct dataset_column *ours = model_columns(m, &wanted);
    assert_int_equal(n, wanted);
    for (size_t i = 0; i < n; i++)
        assert_true(str_eq(column[i].name, ours[i].name));
    struct model_answer a[50], theirs[50];
    struct dataset few = {0};
    uint32_t index[50];
    for (uint32_t i = 0; i < 50; i++)
        index[i] = i * 7;
    dataset_take(&d, index, 50, &few);
    assert_int_equal(model_score_set(m, &few, 1, a, &err), ST_OK);
    assert_int_equal(model_score_set(back, &few, 1, theirs, &err), ST_OK);
    for (size_t i = 0; i < 50; i++) /* which sees margins */
        assert_true(fabsf(1 / (1 + expf(-a[i].raw)) - theirs[i].raw) < 1e-5F);
    dataset_done(&few);
    assert_int_equal(model_import_xgboost(STR("{\"learner\": 1}"), &back, &err), ST_INVALID);
    model_free(back);
    model_free(m);
    t.kind = MODEL_AUTOENCODER;
    m = bed_train(&t, &d);
    assert_int_equal(model_export_xgboost(m, &b, &err), ST_UNSUPPORTED);
    model_free(m);
    sbuf_done(&b);
    dataset_done(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_the_same_after_it_was_kept_in_a_file),
        cmocka_unit_test(refuses_a_file_that_is_cut_off_or_changed_anywhere),
        cmocka_unit_test(does_no_harm_when_a_file_is_hostile),
        cmocka_unit_test(says_on_its_card_what_it_was_made_of),
        cmocka_unit_test(takes_columns_in_any_order_and_lives_without_some),
        cmocka_unit_test(refuses_data_of_another_kind),
        cmocka_unit_test(gives_reasons_in_words_that_add_up),
        cmocka_unit_test(gives_xgboost_what_xgboost_reads_and_takes_it_back),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
