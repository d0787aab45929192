/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "base/sbuf.h"
#include "dataset/dataset.h"
#include "event/event.h"
#include "tests/test.h"

#include <math.h>

static void must_read(struct dataset *d, enum dataset_format format, const char *text)
{
    struct error err = {0};
    struct dataset_options o = {.format = format, .label = -1};
    if (dataset_read_memory(d, str_z(text), "test", &o, &err) != ST_OK)
        fail_msg("%s", err.text);
}

static void removes_rows_that_are_there_twice(void **state)
{
    struct dataset d = {0};
    must_read(&d, DATASET_CSV, "a,b,label\n1,?,0\n1,?,0\n1,?,1\n-0,2,0\n0,2,0\n1,?,1\n3,3,0\n");
    dataset_dedupe(&d);
    assert_int_equal(d.rows, 4);
    assert_int_equal(d.duplicates, 3);
    assert_int_equal(d.label[1], LABEL_ATTACK);
    assert_float_equal(d.x[3 * 2], 3, 0);
    dataset_done(&d);
}

static void removes_sessions_that_are_there_twice(void **state)
{
    struct dataset d = {0};
    must_read(&d, DATASET_SEQUENCE, "1 2\n1 2 3\n1 2\n3\n1 2 3\n2 1\n");
    dataset_dedupe(&d);
    static const uint32_t want[] = {0, 1, 0, 1, 2, 2, 1, 0};
    assert_int_equal(d.rows, 4);
    assert_int_equal(d.start[4], COUNT(want));
    assert_memory_equal(d.event, want, sizeof want);
    dataset_done(&d);
}

/* Rows that would all have the same hash, were its seed known: it would take hours. */
static void rows_made_to_collide_take_no_longer(void **state)
{
    enum { ROWS = 300 * 1000 };
    struct sbuf text;
    struct dataset d = {0};
    sbuf_init(&text, 64 << 20);
    sbuf_addz(&text, "a,b,c,d,e,f\n");
    for (int i = 0; i < ROWS; i++)
        sbuf_addf(&text, "%d,0,-78760493056,-97329233920,0,0\n", i);
    must_read(&d, DATASET_CSV, sbuf_str(&text).p);
    sbuf_done(&text);
    dataset_dedupe(&d);
    assert_int_equal(d.rows, ROWS);
    dataset_done(&d);
}

static void takes_rows_in_the_order_asked_for(void **state)
{
    struct dataset d = {0}, some, more;
    static const uint32_t index[] = {2, 0};
    must_read(&d, DATASET_CSV, "a,word,label\n1,x,0\n2,y,1\n3,z,0\n");
    dataset_take(&d, index, 2, &some);
    dataset_done(&d);
    assert_int_equal(some.rows, 2);
    assert_float_equal(some.x[0], 3, 0);
    assert_true(str_eq(dataset_word(&some, some.x[1]), STR("z")));
    assert_int_equal(some.label[1], LABEL_NORMAL);
    must_read(&some, DATASET_CSV, "a,word,label\n9,q,1\n"); /* it can be added to */
    assert_int_equal(some.rows, 3);
    assert_true(some.group[2] != some.group[0] && some.group[2] != some.group[1]);
    dataset_take(&some, index, 1, &more);
    assert_float_equal(more.x[0], 9, 0);
    dataset_done(&more);
    dataset_done(&some);
    must_read(&d, DATASET_SEQUENCE, "a b\nc\na c\n");
    dataset_take(&d, index, 2, &some);
    assert_int_equal(some.start[2], 4);
    assert_true(str_eq(some.event_name[some.event[1]], STR("c")));
    dataset_done(&some);
    dataset_done(&d);
}

/* `rows` of them in groups of `of`, every fifth an attack; with times when asked for. */
static void make(struct dataset *d, unsigned rows, unsigned of, bool timed)
{
    struct sbuf text;
    sbuf_init(&text, 1 << 22);
    sbuf_addz(&text, timed ? "src,dst,timestamp,a,label\n" : "src,dst,a,label\n");
    for (unsigned i = 0; i < rows; i++) {
        sbuf_addf(&text, "10.0.%u.%u,10.1.1.1,", i / of / 256, i / of % 256);
        if (timed)
            sbuf_addf(&text, "%u,", 1700000000 + i);
        sbuf_addf(&text, "%u,%s\n", i, i % 5 ? "normal" : "attack");
    }
    must_read(d, DATASET_CSV, text.p);
    sbuf_done(&text);
}

static size_t count(const uint8_t *side, size_t n, uint8_t which)
{
    size_t k = 0;
    for (size_t i = 0; i < n; i++)
        k += side[i] == which;
    return k;
}

static void splits_by_chance_with_the_classes_in_proportion(void **state)
{
    struct dataset d = {0};
    uint8_t side[1000], again[1000], other[1000];
    size_t attacks = 0;
    make(&d, 1000, 1, false);
    assert_int_equal(dataset_split(&d, SPLIT_AUTO, 0.2, 1, side), SPLIT_RANDOM);
    for (size_t i = 0; i < d.rows; i++)
        attacks += side[i] && d.label[i] == LABEL_ATTACK;
    assert_int_equal(count(side, d.rows, 1), 200);
    assert_int_equal(attacks, 40);
    dataset_split(&d, SPLIT_AUTO, 0.2, 1, again);
    dataset_split(&d, SPLIT_AUTO, 0.2, 2, other);
    assert_memory_equal(side, again, sizeof side);
    assert_memory_not_equal(side, other, sizeof side);
    dataset_done(&d);
}

static void keeps_groups_together(void **state)
{
    struct dataset d = {0};
    uint8_t side[1000], fold[1000];
    make(&d, 1000, 7, false);
    assert_int_equal(dataset_split(&d, SPLIT_AUTO, 0.3, 1, side), SPLIT_GROUP);
    dataset_folds(&d, 5, 1, fold);
    for (size_t i = 1; i < d.rows; i++) {
        assert_true(i % 7 == 0 || side[i] == side[i - 1]);
        assert_true(i % 7 == 0 || fold[i] == fold[i - 1]);
    }
    size_t n = count(side, d.rows, 1);
    assert_true(n > 270 && n < 330);
    for (uint8_t f = 0; f < 5; f++) {
        n = count(fold, d.rows, f);
        assert_true(n > 180 && n < 220);
    }
    dataset_done(&d);
}

static void splits_by_time_with_the_latest_aside(void **state)
{
    struct dataset d = {0};
    uint8_t side[1000];
    make(&d, 1000, 1, true);
    assert_true(d.timed);
    assert_int_equal(dataset_split(&d, SPLIT_AUTO, 0.15, 1, side), SPLIT_TIME);
    for (size_t i = 0; i < d.rows; i++)
        assert_int_equal(side[i], i >= 850);
    dataset_done(&d);
}

static void does_not_put_aside_one_pair_that_is_most_of_the_rows(void **state)
{
    struct dataset d = {0};
    uint8_t side[1000];
    make(&d, 1000, 600, true);
    assert_int_equal(dataset_split(&d, SPLIT_TIME, 0.45, 1, side), SPLIT_TIME);
    assert_int_equal(count(side, d.rows, 1), 400);
    dataset_done(&d);
}

static void folds_have_the_classes_in_proportion(void **state)
{
    struct dataset d = {0};
    uint8_t fold[1000];
    make(&d, 1000, 1, false);
    dataset_folds(&d, 4, 3, fold);
    for (uint8_t f = 0; f < 4; f++) {
        size_t attacks = 0;
        for (size_t i = 0; i < d.rows; i++)
            attacks += fold[i] == f && d.label[i] == LABEL_ATTACK;
        assert_int_equal(count(fold, d.rows, f), 250);
        assert_int_equal(attacks, 50);
    }
    dataset_done(&d);
}

static void keeps_the_columns_that_are_wanted(void **state)
{
    struct dataset d = {0};
    must_read(&d, DATASET_CSV, "a,b,c,label\n1,2,3,0\n4,5,6,1\n");
    const bool keep[] = {true, false, true};
    assert_int_equal(dataset_keep(&d, keep), 1);
    assert_int_equal(d.columns, 2);
    static const float want[] = {1, 3, 4, 6};
    assert_memory_equal(d.x, want, sizeof want);
    assert_true(str_eq(d.column[1].name, STR("c")));
    dataset_done(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(removes_rows_that_are_there_twice),
        cmocka_unit_test(removes_sessions_that_are_there_twice),
        cmocka_unit_test(rows_made_to_collide_take_no_longer),
        cmocka_unit_test(takes_rows_in_the_order_asked_for),
        cmocka_unit_test(splits_by_chance_with_the_classes_in_proportion),
        cmocka_unit_test(keeps_groups_together),
        cmocka_unit_test(splits_by_time_with_the_latest_aside),
        cmocka_unit_test(does_not_put_aside_one_pair_that_is_most_of_the_rows),
        cmocka_unit_test(folds_have_the_classes_in_proportion),
        cmocka_unit_test(keeps_the_columns_that_are_wanted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
