/* SPDX-License-Identifier: Apache-2.0 */
/* Isolation forests, plain and extended. */
#include "tests/test.h"
#include "tests/tree_bed.h"

#include "base/random.h"
#include "os/team.h"
#include "tree/forest_int.h"
#include "tree/iforest_int.h"

#include <math.h>

enum { ROWS = 1000, COLUMNS = 6 };

/* Most rows from one cloud; the last tenth strange in columns 1 and 4. */
static float *rows_make(uint64_t seed)
{
    float *x = mem_array(float, ROWS *COLUMNS);
    struct random r;
    random_init(&r, seed, 0);
    for (size_t i = 0; i < ROWS; i++)
        for (size_t c = 0; c < COLUMNS; c++) {
            float *v = &x[i * COLUMNS + c];
            *v = (float)random_normal(&r) * (c == 2 ? 1000.0F : 1.0F);
            if (i >= ROWS * 9 / 10 && (c == 1 || c == 4))
                *v += 6;
            if (random_below(&r, 30) == 0)
                *v = NAN;
            if (c == 5)
                *v = 3; /* never a split */
        }
    return x;
}

static struct iforest *grow(unsigned extension, uint64_t seed, struct team *team, const float *x)
{
    struct iforest_options o = {.trees = 60, .extension = extension, .seed = seed};
    struct iforest *f = NULL;
    iforest_train(&o, x, ROWS, COLUMNS, COLUMNS, team, &f);
    return f;
}

static struct sbuf written(const struct iforest *f)
{
    struct sbuf out;
    sbuf_init(&out, 64 << 20);
    iforest_write(f, &out);
    assert_false(out.full);
    return out;
}

static void finds_what_is_strange_and_says_where(void **state)
{
    float *x = rows_make(1), *score = mem_array(float, ROWS);
    for (unsigned extension = 0; extension < COLUMNS; extension++) {
        struct iforest *f = grow(extension, 1, NULL, x);
        double mean[2] = {0, 0}, phi[COLUMNS], sum[COLUMNS] = {0};
        iforest_score(f, x, ROWS, COLUMNS, score);
        for (size_t i = 0; i < ROWS; i++) {
            bool strange = i >= ROWS * 9 / 10;
            mean[strange] += (double)score[i] / (strange ? ROWS * 0.1 : ROWS * 0.9);
            iforest_explain(f, x + i * COLUMNS, phi);
            for (size_t c = 0; strange && c < COLUMNS; c++)
                sum[c] += phi[c];
        }
        assert_true(mean[1] > mean[0] + 0.08);
        for (size_t c = 0; c < COLUMNS; c++)
            if (c != 1 && c != 4)
                assert_true(sum[1] > 1.5 * fabs(sum[c]) && sum[4] > 1.5 * fabs(sum[c]));
        assert_true(sum[5] == 0);
        iforest_free(f);
    }
    mem_free(x);
    mem_free(score);
}

static void reasons_add_up(void **state)
{
    float *x = rows_make(1), score;
    for (unsigned extension = 0; extension < 4; extension += 3) {
        struct iforest *f = grow(extension, 2, NULL, x);
        double expected = -1;
        for (size_t i = 0; i < ROWS; i += 7) {
            double phi[COLUMNS], sum = 0;
            iforest_score(f, x + i * COLUMNS, 1, COLUMNS, &score);
            iforest_explain(f, x + i * COLUMNS, phi);
            for (size_t c = 0; c < COLUMNS; c++)
                sum += phi[c];
            double base = (double)score - sum; /* the same for every row */
            expected = expected < 0 ? base : expected;
            assert_true(fabs(base - expected) < 1e-5);
        }
        assert_true(expected > 0.3 && expected < 0.6);
        iforest_free(f);
    }
    mem_free(x);
}

static void repeats_on_any_number_of_threads(void **state)
{
    float *x = rows_make(1);
    for (unsigned extension = 0; extension < 3; extension += 2) {
        struct team *team = team_new(3);
        struct iforest *a = grow(extension, 7, team, x), *b = grow(extension, 7, NULL, x);
        struct iforest *c = grow(extension, 8, NULL, x);
        struct sbuf one = written(a), two = written(b), other = written(c);
        assert_int_equal(one.n, two.n);
        assert_memory_equal(one.p, two.p, one.n);
        assert_false(str_eq(sbuf_str(&one), sbuf_str(&other)));
        sbuf_done(&one);
        sbuf_done(&two);
        sbuf_done(&other);
        iforest_free(a);
        iforest_free(b);
        iforest_free(c);
        team_free(team);
    }
    mem_free(x);
}

static void scores_the_same_on_every_way(void **state)
{
    float *x = rows_make(1), *plain = mem_array(float, ROWS), *out = mem_array(float, ROWS);
    x[3] = INFINITY;
    x[COLUMNS + 3] = -INFINITY;
    struct iforest *f = grow(0, 3, NULL, x);
    iforest_score_plain(f, x, ROWS, COLUMNS, plain);
    iforest_score(f, x, ROWS, COLUMNS, out);
    assert_memory_equal(out, plain, ROWS * sizeof *out);
    for (size_t i = 0; i < ROWS; i += 50) { /* few rows go another way */
        iforest_score(f, x + i * COLUMNS, 3, COLUMNS, out);
        assert_memory_equal(out, plain + i, 3 * sizeof *out);
    }
    iforest_free(f);
    mem_free(x);
    mem_free(plain);
    mem_free(out);
}

static void writes_and_reads_itself(void **state)
{
    float *x = rows_make(1), *one = mem_array(float, ROWS), *two = mem_array(float, ROWS);
    for (unsigned extension = 0; extension < 3; extension += 2) {
        struct iforest *f = grow(extension, 4, NULL, x), *again = NULL;
        struct sbuf bytes = written(f);
        assert_int_equal(iforest_read(sbuf_str(&bytes), &again, NULL), ST_OK);
        iforest_score(f, x, ROWS, COLUMNS, one);
        iforest_score(again, x, ROWS, COLUMNS, two);
        assert_memory_equal(one, two, ROWS * sizeof *one);
        assert_int_equal(iforest_trees(again), 60);
        assert_int_equal(iforest_columns(again), COLUMNS);
        iforest_free(f);
        iforest_free(again);
        sbuf_done(&bytes);
    }
    mem_free(x);
    mem_free(one);
    mem_free(two);
}

/* Cut anywhere it is refused; altered anywhere it is refused, or scores still are between 0 and 1. */
static void survives_damaged_bytes(void **state)
{
    float *x = rows_make(1), score[4];
    struct random r;
    random_init(&r, 1, 1);
    for (unsigned extension = 0; extension < 2; extension++) {
        struct iforest_options o = {.trees = 3, .sample = 32, .extension = extension};
        struct iforest *f = NULL;
        iforest_train(&o, x, ROWS, COLUMNS, COLUMNS, NULL, &f);
        struct sbuf bytes = written(f);
        iforest_free(f);
        for (size_t n = 0; n < bytes.n; n++)
            assert_int_equal(iforest_read((str){bytes.p, n}, &f, NULL), ST_INVALID);
        for (size_t i = 0; i < 4 * bytes.n; i++) {
            char was = bytes.p[i / 4];
            bytes.p[i / 4] = (char)random_below(&r, 256);
            if (iforest_read(sbuf_str(&bytes), &f, NULL) == ST_OK) {
                if (iforest_columns(f) == COLUMNS)
                    iforest_score(f, x, 4, COLUMNS, score);
                iforest_free(f);
            }
            bytes.p[i / 4] = was;
        }
        sbuf_done(&bytes);
    }
    mem_free(x);
}

static void takes_few_rows_and_rows_that_are_alike(void **state)
{
    const float x[4] = {1, 1, NAN, NAN};
    for (size_t n = 1; n <= 2; n++) {
        struct iforest *f = NULL;
        float score[2];
        iforest_train(&(struct iforest_options){.trees = 9}, x, n, 2, 2, NULL, &f);
        iforest_score(f, x, n, 2, score);
        assert_true(score[0] > 0 && score[0] <= 1);
        iforest_free(f);
    }
}

/* ---- against scikit-learn ---- */

struct judged {
    float score, y;
};

static int by_score(const void *a, const void *b)
{
    const struct judged *x = a, *y = b;
    return x->score < y->score ? -1 : x->score > y->score;
}

/* The probability that an attack has a higher score than a normal row; equal scores are rare here. */
static double auc(const float *score, const float *y, size_t n)
{
    struct judged *j = mem_array(struct judged, n);
    double sum = 0, positives = 0;
    for (size_t i = 0; i < n; i++)
        j[i] = (struct judged){score[i], y[i]};
    qsort(j, n, sizeof *j, by_score);
    for (size_t i = 0; i < n; i++)
        if (j[i].y > 0) {
            sum += (double)i - positives;
            positives++;
        }
    mem_free(j);
    return sum / (positives * ((double)n - positives));
}

static void is_as_good_as_scikit_learn_on_nsl_kdd(void **state)
{
    const char *const more[] = {test_data_dir(), NULL};
    size_t train, test, d;
    double theirs, ours = 0;
    if (!more[0])
        SKIP_BECAUSE("needs BGUARD_DATA");
    if (!run_reference("iforest.py", more))
        SKIP_BECAUSE("needs python3-sklearn");
    struct sbuf counts = file_bytes("iforest.n");
    assert_int_equal(sscanf(counts.p, "%zu %zu %zu %lf", &train, &test, &d, &theirs), 4);
    sbuf_done(&counts);
    float *x = file_floats("train.x", train * d), *q = file_floats("test.x", test * d);
    float *y = file_floats("test.y", test), *score = mem_array(float, test);
    for (uint64_t seed = 0; seed < 3; seed++) {
        struct iforest *f = NULL;
        iforest_train(&(struct iforest_options){.seed = seed}, x, train, d, d, NULL, &f);
        iforest_score(f, q, test, d, score);
        ours += auc(score, y, test) / 3;
        iforest_free(f);
    }
    print_message("AUC %.4f, scikit-learn's %.4f\n", ours, theirs);
    assert_true(ours > theirs - 0.01);
    mem_free(x);
    mem_free(q);
    mem_free(y);
    mem_free(score);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_is_strange_and_says_where),
        cmocka_unit_test(reasons_add_up),
        cmocka_unit_test(repeats_on_any_number_of_threads),
        cmocka_unit_test(scores_the_same_on_every_way),
        cmocka_unit_test(writes_and_reads_itself),
        cmocka_unit_test(survives_damaged_bytes),
        cmocka_unit_test(takes_few_rows_and_rows_that_are_alike),
        cmocka_unit_test(is_as_good_as_scikit_learn_on_nsl_kdd),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
