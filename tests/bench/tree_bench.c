/* SPDX-License-Identifier: Apache-2.0 */
/* Trees, beside XGBoost and scikit-learn on the same rows in the same run: microseconds of one core for a row.
 * Without them there is nothing to read, and so nothing is measured. */
#include "tests/tree_bed.h"
#include "tree/boost_int.h"
#include "tree/forest_int.h"
#include "tree/iforest_int.h"

#include <time.h>

static double now_us(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

struct rows {
    const float *x;
    size_t n, d;
    float *out;
};

/* The best of a second's runs, for one row.  Processor time: others may be at work here. */
static double best(void (*run)(const void *model, const struct rows *r), const void *model,
                   const struct rows *r)
{
    double least = 1e18, end = now_us() + 1e6;
    while (now_us() < end) {
        double began = now_us();
        run(model, r);
        double took = now_us() - began;
        least = took < least ? took : least;
    }
    return least / (double)r->n;
}

static void boost_run(const void *model, const struct rows *r)
{
    boost_score(model, r->x, r->n, r->d, r->out);
}

static void boost_rows(const void *model, const struct rows *r)
{
    for (size_t i = 0; i < r->n; i++)
        boost_score(model, r->x + i * r->d, 1, r->d, r->out + i);
}

static enum forest_way way;
static void forest_run(const void *model, const struct rows *r)
{
    (void)forest_add_way(way, model, r->x, r->n, r->d, r->out);
}

static void iforest_run(const void *model, const struct rows *r)
{
    iforest_score(model, r->x, r->n, r->d, r->out);
}

static void explain_run(const void *model, const struct rows *r)
{
    double phi[128];
    for (size_t i = 0; i < r->n; i++)
        boost_explain(model, r->x + i * r->d, 0, phi);
}

static void iforest_grow(const void *model, const struct rows *r)
{
    struct iforest *f;
    (void)model;
    iforest_train(&(struct iforest_options){0}, r->x, r->n, r->d, r->d, NULL, &f);
    iforest_free(f);
}

static void line(const char *what, double ours, double theirs)
{
    printf("  %-34s %8.3f us", what, ours);
    if (theirs > 0)
        printf("   theirs %9.3f us   %7.1f x", theirs, theirs / ours);
    printf("\n");
}

static void bench(const char *name)
{
    char file[64];
    double dmatrix, inplace, one, forest, train;
    struct rows r;
    (void)snprintf(file, sizeof file, "%s.n", name);
    if (access(folder_path(file), R_OK) != 0)
        return;
    struct sbuf counts = file_bytes(file);
    if (sscanf(counts.p, "%zu %zu %lf %lf %lf %lf %lf", &r.n, &r.d, &dmatrix, &inplace, &one,
               &forest, &train) != 7)
        abort();
    (void)snprintf(file, sizeof file, "%s.x", name);
    float *x = file_floats(file, r.n * r.d);
    r.x = x;
    r.out = mem_array(float, r.n);
    (void)snprintf(file, sizeof file, "%s.ubj", name);
    struct sbuf bytes = file_bytes(file);
    struct boost *b;
    if (boost_read(sbuf_str(&bytes), &b, NULL))
        abort();
    printf("%s: %zu rows of %zu, %zu trees, %zu tests\n", name, r.n, r.d, boost_trees(b),
           b->fast->tests);
    double theirs = dmatrix < inplace ? dmatrix : inplace;
    printf("  XGBoost: DMatrix %.3f us, inplace %.3f us\n", dmatrix, inplace);
    line("boost_score, all rows", best(boost_run, b, &r), theirs);
    line("boost_score, one row at a time", best(boost_rows, b, &r), one);
    static const char *const ways[] = {"plain", "rows", "one", "avx2", "avx512"};
    for (way = FOREST_PLAIN; way <= FOREST_AVX512; way++)
        if (forest_add_way(way, b->fast, r.x, 1, r.d, r.out)) {
            (void)snprintf(file, sizeof file, "forest_add_way, %s", ways[way]);
            line(file, best(forest_run, b->fast, &r), theirs);
        }
    struct rows few = r;
    few.n = 200;
    line("boost_explain", best(explain_run, b, &few), 0);
    struct iforest *f;
    iforest_train(&(struct iforest_options){0}, r.x, r.n, r.d, r.d, NULL, &f);
    line("iforest_score, all rows", best(iforest_run, f, &r), forest);
    line("iforest_train, for a row", best(iforest_grow, NULL, &r), train * 1e3 / (double)r.n);
    iforest_free(f);
    boost_free(b);
    sbuf_done(&bytes);
    sbuf_done(&counts);
    mem_free(x);
    mem_free(r.out);
}

int main(void)
{
    const char *const more[] = {getenv("BGUARD_DATA"), NULL};
    if (folder_make(NULL))
        return 1;
    if (run_reference("tree_bench.py", more)) {
        bench("synthetic");
        bench("nsl-kdd");
    } else {
        printf("needs python3-xgboost and python3-sklearn\n");
    }
    return folder_remove(NULL);
}
