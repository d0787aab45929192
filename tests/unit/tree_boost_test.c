/* SPDX-License-Identifier: Apache-2.0 */
/* Boosted trees: models that XGBoost wrote, and what it says of them. */
#include "tests/test.h"
#include "tests/tree_bed.h"
#include "tree/boost_int.h"
#include "tree/forest_int.h"

#include <math.h>

static bool have_reference;

static int make_models(void **state)
{
    int rc = folder_make(state);
    have_reference = rc == 0 && run_reference("boost.py", NULL);
    return rc;
}

#define NEED_XGBOOST()                                                                             \
    if (!have_reference)                                                                           \
    SKIP_BECAUSE("needs python3-xgboost")

static const char *const cases[] = {
    "logistic",    "exact",    "deep",    "eight",      "dart",   "square",
    "gamma",       "tweedie",  "poisson", "huber",      "hinge",  "stump",
    "probability", "softprob", "softmax", "categories", "onehot",
};

struct reference {
    struct boost *b;
    size_t n, d, k;
    float *x, *margin, *score, *shap;
};

static const char *with(const char *name, const char *suffix)
{
    static char out[4][64];
    static unsigned next;
    char *p = out[next++ % 4];
    (void)snprintf(p, sizeof out[0], "%s.%s", name, suffix);
    return p;
}

static struct boost *read_model(const char *file)
{
    struct sbuf bytes = file_bytes(file);
    struct boost *b = NULL;
    struct error err = {0};
    if (boost_read(sbuf_str(&bytes), &b, &err))
        fail_msg("%s: %s", file, err.text);
    sbuf_done(&bytes);
    return b;
}

static struct reference reference_open(const char *name, const char *suffix)
{
    struct reference r = {.b = read_model(with(name, suffix))};
    struct sbuf counts = file_bytes(with(name, "n"));
    assert_int_equal(sscanf(counts.p, "%zu %zu %zu", &r.n, &r.d, &r.k), 3);
    sbuf_done(&counts);
    r.x = file_floats(with(name, "x"), r.n * r.d);
    r.margin = file_floats(with(name, "margin"), r.n * r.k);
    r.score = file_floats(with(name, "score"), r.n * r.k);
    r.shap = file_floats(with(name, "shap"), r.n * r.k * (r.d + 1));
    assert_int_equal(boost_columns(r.b), r.d);
    assert_int_equal(boost_outputs(r.b), r.k);
    return r;
}

static void reference_close(struct reference *r)
{
    boost_free(r->b);
    mem_free(r->x);
    mem_free(r->margin);
    mem_free(r->score);
    mem_free(r->shap);
}

static void same(const char *what, const float *a, const float *b, size_t n, double least)
{
    for (size_t i = 0; i < n; i++) {
        double off = fabs((double)a[i] - (double)b[i]), size = fmax(1, fabs((double)b[i]));
        if (!(off <= least * size))
            fail_msg("%s: number %zu is %.9g, not %.9g", what, i, (double)a[i], (double)b[i]);
    }
}

static void scores_as_xgboost_does(void **state)
{
    NEED_XGBOOST();
    for (size_t c = 0; c < 2 * COUNT(cases); c++) {
        const char *name = cases[c / 2];
        struct reference r = reference_open(name, c % 2 ? "ubj" : "json");
        float *out = mem_array(float, r.n *r.k);
        boost_margin_plain(r.b, r.x, r.n, r.d, out);
        same(name, out, r.margin, r.n * r.k, 1e-6);
        boost_margin(r.b, r.x, r.n, r.d, out);
        same(name, out, r.margin, r.n * r.k, 1e-6);
        boost_score(r.b, r.x, r.n, r.d, out);
        same(name, out, r.score, r.n * r.k, 1e-6);
        mem_free(out);
        reference_close(&r);
    }
}

static void goes_the_same_way_on_every_way(void **state)
{
    NEED_XGBOOST();
    for (size_t c = 0; c < COUNT(cases); c++) {
        struct reference r = reference_open(cases[c], "ubj");
        float *plain = mem_array(float, r.n *r.k), *out = mem_array(float, r.n *r.k);
        assert_true(forest_add_way(FOREST_PLAIN, r.b->fast, r.x, r.n, r.d, plain));
        for (enum forest_way way = FOREST_ROWS; way <= FOREST_AVX512; way++) {
            memset(out, 0, r.n * r.k * sizeof *out);
            if (forest_add_way(way, r.b->fast, r.x, r.n, r.d, out))
                assert_memory_equal(out, plain, r.n * r.k * sizeof *out);
        }
        mem_free(plain);
        mem_free(out);
        reference_close(&r);
    }
}

/* XGBoost loads what we wrote, and says the same of it. */
static void writes_what_xgboost_reads(void **state)
{
    NEED_XGBOOST();
    for (size_t c = 0; c < COUNT(cases); c++) {
        struct boost *b = read_model(with(cases[c], "json"));
        struct sbuf bytes;
        sbuf_init(&bytes, 64 << 20);
        boost_write(b, &bytes);
        folder_write(with(cases[c], "ours.ubj"), sbuf_str(&bytes));
        sbuf_done(&bytes);
        boost_free(b);
    }
    const char *names[COUNT(cases) + 1] = {0};
    memcpy(names, cases, sizeof cases);
    assert_true(run_reference("boost.py", names));
    for (size_t c = 0; c < COUNT(cases); c++) {
        struct reference r = reference_open(cases[c], "ours.ubj");
        float *out = mem_array(float, r.n *r.k);
        float *theirs = file_floats(with(cases[c], "again"), r.n * r.k);
        same(cases[c], theirs, r.margin, r.n * r.k, 1e-6);
        boost_margin(r.b, r.x, r.n, r.d, out);
        same(cases[c], out, r.margin, r.n * r.k, 1e-6);
        mem_free(out);
        mem_free(theirs);
        reference_close(&r);
    }
}

static void explains_as_xgboost_does(void **state)
{
    NEED_XGBOOST();
    for (size_t c = 0; c < COUNT(cases); c++) {
        struct reference r = reference_open(cases[c], "ubj");
        size_t d = r.d + 1, rows = r.n < 40 ? r.n : 40;
        double *phi = mem_array(double, d);
        for (size_t i = 0; i < rows * r.k; i++) {
            double sum = 0;
            boost_explain(r.b, r.x + i / r.k * r.d, i % r.k, phi);
            for (size_t f = 0; f < d; f++) {
                double theirs = (double)r.shap[i * d + f];
                if (!(fabs(phi[f] - theirs) < 1e-4))
                    fail_msg("%s, row %zu, column %zu: %g, not %g", cases[c], i, f, phi[f], theirs);
                sum += phi[f];
            }
            assert_true(fabs(sum - (double)r.margin[i]) < 1e-4);
        }
        mem_free(phi);
        reference_close(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scores_as_xgboost_does),
        cmocka_unit_test(goes_the_same_way_on_every_way),
        cmocka_unit_test(explains_as_xgboost_does),
        cmocka_unit_test(writes_what_xgboost_reads),
    };
    return cmocka_run_group_tests(tests, make_models, folder_remove);
}
