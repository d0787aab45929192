/* SPDX-License-Identifier: Apache-2.0 */
/* Training of boosted trees: it learns, repeats, stops, and goes on where it was. */
#include "tests/test.h"
#include "tests/tree_bed.h"

#include "base/random.h"
#include "tree/tree.h"

#include <math.h>
#include <signal.h>

enum { ROWS = 1500, COLUMNS = 8 };

struct rows {
    float x[ROWS * COLUMNS], y[ROWS], weight[ROWS];
};

/* The first column, times the second, decides; some values are missing. */
static struct rows *rows_make(uint64_t seed)
{
    struct rows *r = mem_new(struct rows);
    struct random random;
    random_init(&random, seed, 0);
    for (size_t i = 0; i < ROWS; i++) {
        float *x = r->x + i * COLUMNS;
        for (size_t c = 0; c < COLUMNS; c++)
            x[c] = random_below(&random, 20) ? (float)random_normal(&random) : NAN;
        float sum = (isnan(x[0]) ? 0 : x[0]) * (isnan(x[1]) ? 1 : x[1]) + (x[2] > 1 ? 1.0F : 0.0F);
        r->y[i] = sum + 0.2F * (float)random_normal(&random) > 0.3F ? 1.0F : 0.0F;
        r->weight[i] = i % 3 ? 1.0F : 2.0F;
    }
    return r;
}

static struct boost_data data_of(const struct rows *r)
{
    return (struct boost_data){.x = r->x, .y = r->y, .n = ROWS, .d = COLUMNS};
}

static struct boost *train(const struct boost_options *o, const struct boost_data *data,
                           const struct boost_data *validation)
{
    struct boost *b = NULL;
    struct error err = {0};
    status st = boost_train(o, data, validation, &b, &err);
    if (st == ST_UNAVAILABLE && strstr(err.text, "libxgboost"))
        SKIP_BECAUSE("needs libxgboost0");
    if (st)
        fail_msg("%s", err.text);
    return b;
}

static struct sbuf written(struct boost *b)
{
    struct sbuf out;
    sbuf_init(&out, 64 << 20);
    boost_write(b, &out);
    boost_free(b);
    return out;
}

static void same_bytes(struct sbuf a, struct sbuf b)
{
    assert_int_equal(a.n, b.n);
    assert_memory_equal(a.p, b.p, a.n);
    sbuf_done(&a);
    sbuf_done(&b);
}

static double errors(const struct boost *b, const struct rows *r)
{
    float *out = mem_array(float, ROWS);
    size_t wrong = 0;
    boost_score(b, r->x, ROWS, COLUMNS, out);
    for (size_t i = 0; i < ROWS; i++)
        wrong += (out[i] > 0.5F) != (r->y[i] > 0.5F);
    mem_free(out);
    return (double)wrong / ROWS;
}

static void learns_and_says_from_which_columns(void **state)
{
    struct rows *r = rows_make(1), *other = rows_make(2);
    struct boost_data data = data_of(r);
    double part[COLUMNS], sum = 0;
    struct boost *b = train(&(struct boost_options){.trees = 100, .depth = 4}, &data, NULL);
    assert_int_equal(boost_trees(b), 100);
    assert_true(errors(b, r) < 0.03);
    assert_true(errors(b, other) < 0.15);
    boost_importance(b, part);
    for (size_t c = 0; c < COLUMNS; c++)
        sum += part[c];
    assert_true(fabs(sum - 1) < 1e-9);
    assert_true(part[0] + part[1] + part[2] > 0.7);
    boost_free(b);
    mem_free(r);
    mem_free(other);
}

static void repeats_on_any_number_of_threads(void **state)
{
    struct rows *r = rows_make(1);
    struct boost_data data = data_of(r);
    struct boost_options o = {.trees = 30, .subsample = 0.8, .columns = 0.7, .seed = 5};
    data.weight = r->weight;
    o.threads = 1;
    struct boost *one = train(&o, &data, NULL);
    o.threads = 3;
    struct boost *three = train(&o, &data, NULL);
    same_bytes(written(one), written(three));
    mem_free(r);
}

static void keeps_the_trees_until_the_best_loss(void **state)
{
    struct rows *r = rows_make(1), *other = rows_make(2);
    struct boost_data data = data_of(r), validation = data_of(other);
    struct boost_options o = {.trees = 2000, .rate = 0.5, .patience = 15, .threads = 1};
    struct boost *b = train(&o, &data, &validation);
    assert_true(boost_trees(b) > 2 && boost_trees(b) < 500);
    boost_free(b);
    mem_free(r);
    mem_free(other);
}

static void obeys_monotone_columns_and_the_weight_of_positives(void **state)
{
    struct rows *r = rows_make(1);
    struct boost_data data = data_of(r);
    int8_t monotone[COLUMNS] = {[2] = 1, [3] = -1};
    float x[3 * COLUMNS] = {0}, out[3];
    x[2] = -5;
    x[2 * COLUMNS + 2] = 5;
    struct boost_options o = {.trees = 50, .monotone = monotone, .threads = 1};
    struct boost *b = train(&o, &data, NULL);
    boost_score(b, x, 3, COLUMNS, out);
    assert_true(out[0] <= out[1] && out[1] <= out[2]);
    boost_free(b);
    double mean[2] = {0, 0};
    float *all = mem_array(float, ROWS);
    for (size_t k = 0; k < 2; k++) {
        o = (struct boost_options){.trees = 5, .positive_weight = k ? 10 : 1, .threads = 1};
        b = train(&o, &data, NULL);
        boost_score(b, r->x, ROWS, COLUMNS, all);
        for (size_t i = 0; i < ROWS; i++)
            mean[k] += (double)all[i] / ROWS;
        boost_free(b);
    }
    assert_true(mean[1] > mean[0] + 0.02);
    mem_free(all);
    mem_free(r);
}

struct stopper {
    unsigned stop, first, calls;
};

static bool stop_at(void *arg, unsigned tree, unsigned trees, double loss)
{
    struct stopper *s = arg;
    assert_true(tree <= trees && !isnan(loss));
    if (!s->calls++)
        s->first = tree;
    return tree != s->stop;
}

static bool die_at(void *arg, unsigned tree, unsigned trees, double loss)
{
    if (tree == *(unsigned *)arg)
        (void)raise(SIGKILL);
    return true;
}

/* First: see inside. */
static void goes_on_where_it_was_stopped_or_killed(void **state)
{
    struct rows *r = rows_make(1), *other = rows_make(2);
    struct boost_data data = data_of(r), validation = data_of(other);
    struct boost_options o = {
        .trees = 70, .subsample = 0.7, .columns = 0.7, .threads = 1, .seed = 9};
    struct boost *whole, *b = NULL;
    struct stopper s = {.stop = 44};
    struct error err;
    o.checkpoint = folder_path("checkpoint");
    /* In a process of its own, which dies without a word.  Before the library has threads here: they do not go along. */
    pid_t pid = fork();
    if (pid == 0) {
        unsigned last = 37;
        o.progress = die_at;
        o.arg = &last;
        _exit(boost_train(&o, &data, &validation, &b, &err) == ST_UNAVAILABLE ? 77 : 1);
    }
    int how = 0;
    assert_true(pid > 0 && waitpid(pid, &how, 0) == pid);
    if (WIFEXITED(how) && WEXITSTATUS(how) == 77)
        SKIP_BECAUSE("needs libxgboost0");
    assert_true(WIFSIGNALED(how) && WTERMSIG(how) == SIGKILL);
    o.progress = stop_at;
    o.arg = &s;
    assert_int_equal(boost_train(&o, &data, &validation, &b, &err), ST_UNAVAILABLE);
    assert_int_equal(s.first, 21); /* the 20 kept, and one more */
    s = (struct stopper){0};
    b = train(&o, &data, &validation);
    assert_int_equal(s.first, 41);
    assert_true(access(o.checkpoint, F_OK) != 0);
    o.checkpoint = NULL;
    whole = train(&o, &data, &validation);
    same_bytes(written(whole), written(b));
    mem_free(r);
    mem_free(other);
}

static void begins_anew_with_other_data_or_a_damaged_checkpoint(void **state)
{
    struct rows *r = rows_make(1);
    struct boost_data data = data_of(r);
    struct stopper s;
    struct boost_options o = {
        .trees = 30, .depth = 2, .threads = 1, .checkpoint = folder_path("other")};
    struct boost *b = NULL;
    struct error err;
    boost_free(
        train(&(struct boost_options){.trees = 1}, &data, NULL)); /* skips without the library */
    for (int damage = 0; damage < 2; damage++) {
        s = (struct stopper){.stop = 25};
        o.arg = &s;
        o.progress = stop_at;
        struct boost_data validation = data_of(r);
        assert_int_equal(boost_train(&o, &data, &validation, &b, &err), ST_UNAVAILABLE);
        if (damage) {
            struct sbuf bytes = file_bytes("other");
            bytes.p[bytes.n / 2] ^= 1;
            folder_write("other", sbuf_str(&bytes));
            sbuf_done(&bytes);
        } else {
            r->x[7] += 1;
        }
        s = (struct stopper){0};
        boost_free(train(&o, &data, &validation));
        assert_int_equal(s.first, 1);
    }
    mem_free(r);
}

static void refuses_labels_and_values_that_are_none(void **state)
{
    struct rows *r = rows_make(1);
    struct boost_data data = data_of(r);
    struct boost *b = NULL;
    struct error err;
    struct boost_options o = {.trees = 2, .threads = 1};
    boost_free(train(&o, &data, NULL)); /* skips without the library */
    r->y[3] = 2;
    assert_int_equal(boost_train(&o, &data, NULL, &b, &err), ST_INVALID);
    assert_string_equal(err.text, "row 3: the label 2 is neither 0 nor 1");
    r->y[3] = 1;
    r->x[3] = INFINITY;
    assert_int_equal(boost_train(&o, &data, NULL, &b, &err), ST_INVALID);
    mem_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(goes_on_where_it_was_stopped_or_killed),
        cmocka_unit_test(learns_and_says_from_which_columns),
        cmocka_unit_test(repeats_on_any_number_of_threads),
        cmocka_unit_test(keeps_the_trees_until_the_best_loss),
        cmocka_unit_test(obeys_monotone_columns_and_the_weight_of_positives),
        cmocka_unit_test(begins_anew_with_other_data_or_a_damaged_checkpoint),
        cmocka_unit_test(refuses_labels_and_values_that_are_none),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
