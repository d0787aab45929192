/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/ml_bed.h"

#include "ml/encoder.h"

static const char text[] = "size,part,word,same,gap,label\n"
                           "0,0.5,a,1,,normal\n"
                           "10,0.25,a,1,5,normal\n"
                           "100,0.5,b,1,6,normal\n"
                           "1000,0.75,b,1,7,attack\n"
                           "100000,0.5,c,1,8,attack\n"
                           "20,0.5,a,1,,normal\n";

static uint32_t all[6] = {0, 1, 2, 3, 4, 5};

static void fit(struct dataset *d, struct encoder *e, enum encoder_style style, size_t rows)
{
    *d = (struct dataset){0};
    bed_read(d, "small.csv", DATASET_CSV, str_z(text));
    assert_int_equal(d->rows, 6);
    encoder_fit(e, style, d, all, rows);
}

static const struct encoder_column *column(const struct encoder *e, const char *name)
{
    for (size_t i = 0; i < e->columns; i++)
        if (str_eq(e->column[i].column.name, str_z(name)))
            return &e->column[i];
    fail_msg("no column %s", name);
    return NULL;
}

static void leaves_out_what_is_always_the_same(void **state)
{
    struct dataset d;
    struct encoder e;
    fit(&d, &e, ENCODE_TREES, 6);
    assert_int_equal(e.columns, 4);
    assert_string_equal(e.column[3].column.name.p, "gap");
    encoder_done(&e);
    dataset_done(&d);
}

static void keeps_numbers_for_trees_and_orders_words_by_their_attacks(void **state)
{
    struct dataset d;
    struct encoder e;
    fit(&d, &e, ENCODE_TREES, 6);
    float *x = encoder_rows(&e, &d, all, 6);
    const struct encoder_column *size = column(&e, "size"), *word = column(&e, "word"),
                                *gap = column(&e, "gap");
    assert_true(x[4 * e.width + size->at] == 100000);
    assert_true(isnan(x[gap->at]));
    assert_true(x[0 * e.width + word->at] == 0); /* a: no attack; b: one of two; c: all */
    assert_true(x[2 * e.width + word->at] == 1);
    assert_true(x[4 * e.width + word->at] == 2);
    float row[4] = {1, 1, category_code(STR("never")), 1}, out[4];
    encoder_apply(&e, row, 1, out);
    assert_true(isnan(out[word->at]));
    mem_free(x);
    encoder_done(&e);
    dataset_done(&d);
}

static void standardises_for_networks_and_knows_what_was_missing(void **state)
{
    struct dataset d;
    struct encoder e;
    fit(&d, &e, ENCODE_NETWORK, 6);
    float *x = encoder_rows(&e, &d, all, 6);
    const struct encoder_column *size = column(&e, "size"), *word = column(&e, "word"),
                                *gap = column(&e, "gap");
    for (size_t i = 0; i < 6 * e.width; i++)
        assert_true(x[i] >= -8 && x[i] <= 8);
    assert_true(size->logarithm);
    assert_int_equal(word->width, 4); /* a, b, c, another */
    assert_int_equal(gap->width, 2);
    assert_true(x[gap->at + 1] == 1 && x[e.width + gap->at + 1] == 0);
    float row[4] = {1e30F, NAN, category_code(STR("never")), NAN}, out[16];
    encoder_apply(&e, row, 1, out);
    assert_true(out[size->at] == 8);
    assert_true(out[word->at + 3] == 1);
    mem_free(x);
    encoder_done(&e);
    dataset_done(&d);
}

static void says_what_is_usual_by_normal_rows_only(void **state)
{
    struct dataset d;
    struct encoder e;
    fit(&d, &e, ENCODE_TREES, 6);
    assert_true(column(&e, "size")->usual <= 20);
    assert_true(column(&e, "word")->usual == category_code(STR("a")));
    str word = encoder_word(column(&e, "word"), category_code(STR("b")));
    assert_true(str_eq(word, STR("b")));
    assert_null(encoder_word(column(&e, "word"), category_code(STR("never"))).p);
    encoder_done(&e);
    dataset_done(&d);
}

static void learns_from_the_rows_it_is_given_and_no_others(void **state)
{
    struct dataset d;
    struct encoder some, e;
    fit(&d, &some, ENCODE_NETWORK, 3);
    struct sbuf before, after;
    sbuf_init(&before, 1 << 16);
    sbuf_init(&after, 1 << 16);
    encoder_write(&some, &before);
    for (size_t i = 3; i < 6; i++)
        for (size_t j = 0; j < d.columns; j++)
            d.x[i * d.columns + j] = 1e9F;
    encoder_fit(&e, ENCODE_NETWORK, &d, all, 3);
    encoder_write(&e, &after);
    assert_true(str_eq(sbuf_str(&before), sbuf_str(&after)));
    sbuf_done(&before);
    sbuf_done(&after);
    encoder_done(&some);
    encoder_done(&e);
    dataset_done(&d);
}

static void reads_what_it_wrote_and_nothing_that_is_cut_off(void **state)
{
    struct dataset d;
    struct error err;
    for (enum encoder_style style = 0; style < ENCODE_STYLES; style++) {
        struct encoder e, again;
        struct sbuf bytes, twice;
        fit(&d, &e, style, 6);
        sbuf_init(&bytes, 1 << 16);
        sbuf_init(&twice, 1 << 16);
        encoder_write(&e, &bytes);
        assert_int_equal(encoder_read(&again, sbuf_str(&bytes), &err), ST_OK);
        encoder_write(&again, &twice);
        assert_true(str_eq(sbuf_str(&bytes), sbuf_str(&twice)));
        assert_int_equal(again.width, e.width);
        encoder_done(&again);
        for (size_t n = 0; n < bytes.n; n++) {
            assert_int_equal(encoder_read(&again, str_head(sbuf_str(&bytes), n), &err), ST_INVALID);
            encoder_done(&again);
        }
        sbuf_done(&bytes);
        sbuf_done(&twice);
        encoder_done(&e);
        dataset_done(&d);
    }
}

static void takes_columns_by_name_and_what_is_not_there_as_missing(void **state)
{
    struct dataset d;
    struct encoder e;
    fit(&d, &e, ENCODE_TREES, 6);
    const struct dataset_column here[] = {{.name = STR("word")}, {.name = STR("size")}};
    int32_t from[4];
    assert_int_equal(encoder_find(&e, here, 2, from), 2);
    const float x[] = {7, 9};
    float out[4];
    encoder_gather(&e, from, x, 1, 2, out);
    assert_true(out[0] == 9 && isnan(out[1]) && out[2] == 7 && isnan(out[3]));
    encoder_done(&e);
    dataset_done(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(leaves_out_what_is_always_the_same),
        cmocka_unit_test(keeps_numbers_for_trees_and_orders_words_by_their_attacks),
        cmocka_unit_test(standardises_for_networks_and_knows_what_was_missing),
        cmocka_unit_test(says_what_is_usual_by_normal_rows_only),
        cmocka_unit_test(learns_from_the_rows_it_is_given_and_no_others),
        cmocka_unit_test(reads_what_it_wrote_and_nothing_that_is_cut_off),
        cmocka_unit_test(takes_columns_by_name_and_what_is_not_there_as_missing),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
