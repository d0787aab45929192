/* SPDX-License-Identifier: Apache-2.0 */
/* What networks cost: products, activations, and the training and scoring of an autoencoder.
 *
 *   nn_bench                                         rows made up here
 *   nn_bench LEARN JUDGE COLUMNS EPOCHS BATCH OUT    rows of files of floats; scores of those in JUDGE to OUT
 *
 * The second is how nn_bench.py compares with scikit-learn; THREADS in the environment: how many (all). */
#include "base/mem.h"
#include "base/random.h"
#include "nn/nn.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/team.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { RUNS = 20, SPAN = 512, FILE_MAX = 1 << 30 };

static double seconds(void)
{
    return (double)clock_ns() / 1e9;
}

static float *made_up(size_t n, uint64_t stream)
{
    struct random r;
    random_init(&r, 1, stream);
    float *x = mem_array(float, n);
    for (size_t i = 0; i < n; i++)
        x[i] = (float)random_normal(&r);
    return x;
}

static void products(void)
{
    static const size_t shape[][3] = {{256, 64, 50},   {256, 16, 64}, {64, 64, 64}, {128, 256, 64},
                                      {512, 512, 512}, {1, 256, 64},  {1, 512, 128}};
    float *a = made_up(SPAN * SPAN, 1), *b = made_up(SPAN * SPAN, 2), *c = made_up(SPAN * SPAN, 3);
    printf("products (m, n, k), GFLOPS: A·B, Aᵀ·B, A·Bᵀ\n");
    for (size_t i = 0; i < COUNT(shape); i++) {
        size_t m = shape[i][0], n = shape[i][1], k = shape[i][2],
               calls = 10000000 / (m * n * k) + 1;
        printf("  %3zu %3zu %3zu", m, n, k);
        for (int op = 0; op < 3; op++) {
            double best = 1e9;
            for (int run = 0; run < RUNS; run++) {
                double began = seconds();
                for (size_t j = 0; j < calls; j++)
                    nn_gemm(op == 1, op == 2, m, n, k, a, op == 1 ? m : k, b, op == 2 ? k : n, 0, c,
                            n);
                double took = (seconds() - began) / (double)calls;
                best = took < best ? took : best;
            }
            printf(" %6.1f", 2e-9 * (double)(m * n * k) / best);
        }
        printf("\n");
    }
    mem_free(a), mem_free(b), mem_free(c);
}

static void activations(void)
{
    static const struct {
        const char *name;
        void (*f)(float *, size_t);
    } all[] = {{"relu", nn_relu}, {"tanh", nn_tanh}, {"sigmoid", nn_sigmoid}, {"gelu", nn_gelu}};
    enum { N = 4096, CALLS = 200 };
    float *x = made_up(N, 4);
    printf("activations, ns each:");
    for (size_t i = 0; i < COUNT(all); i++) {
        double best = 1e9;
        for (int run = 0; run < RUNS; run++) {
            double began = seconds();
            for (int j = 0; j < CALLS; j++)
                all[i].f(x, N);
            double took = (seconds() - began) / CALLS / N;
            best = took < best ? took : best;
        }
        printf(" %s %.2f", all[i].name, best * 1e9);
    }
    printf("\n");
    mem_free(x);
}

struct rows {
    float *x; /* owned */
    size_t n, columns;
};

static void autoencoder(const struct rows *learn, const struct rows *judge,
                        const struct nn_training *t, const char *out)
{
    struct autoencoder_shape shape = {.columns = learn->columns};
    struct autoencoder *a = NULL;
    struct error err;
    double began = seconds();
    if (autoencoder_train(&shape, t, learn->x, learn->n, learn->columns, &a, &err)) {
        (void)fprintf(stderr, "%s\n", err.text);
        exit(1);
    }
    printf("train %.3f s: %zu rows of %zu, %u epochs, %u threads\n", seconds() - began, learn->n,
           learn->columns, t->epochs, team_threads(t->team));
    float *score = mem_array(float, judge->n);
    double best = 1e9;
    for (int run = 0; run < RUNS; run++) {
        began = seconds();
        autoencoder_score(a, judge->x, judge->n, judge->columns, score, NULL);
        double took = seconds() - began;
        best = took < best ? took : best;
    }
    printf("score %.4f s: %zu rows, %.2f million a second on one core\n", best, judge->n,
           (double)judge->n / best / 1e6);
    str bytes = {(const char *)score, judge->n * sizeof *score};
    if (out && file_replace(out, 0600, bytes, &err)) {
        (void)fprintf(stderr, "%s\n", err.text);
        exit(1);
    }
    mem_free(score);
    autoencoder_free(a);
}

static struct rows read_rows(const char *path, size_t columns)
{
    struct sbuf b;
    struct error err;
    sbuf_init(&b, FILE_MAX);
    if (file_read_all(path, &b, &err)) {
        (void)fprintf(stderr, "%s\n", err.text);
        exit(1);
    }
    assert(columns);
    struct rows r = {.n = b.n / sizeof(float) / columns, .columns = columns};
    r.x = mem_array(float, r.n *columns);
    memcpy(r.x, b.p, r.n * columns * sizeof(float));
    sbuf_done(&b);
    return r;
}

static unsigned number(const char *s)
{
    unsigned n = 0;
    return s && sscanf(s, "%u", &n) == 1 ? n : 0;
}

int main(int argc, char **argv)
{
    struct nn_training t = {.seed = 1, .epochs = 5, .team = team_new(number(getenv("THREADS")))};
    struct rows learn = {.n = 50000, .columns = 41}, judge = {.n = 20000, .columns = 41};
    printf("kernels: %s\n", nn_simd());
    if (argc == 7 && number(argv[3])) {
        learn = read_rows(argv[1], number(argv[3]));
        judge = read_rows(argv[2], number(argv[3]));
        t.epochs = number(argv[4]);
        t.batch = number(argv[5]);
    } else {
        products();
        activations();
        learn.x = made_up(learn.n * learn.columns, 5);
        judge.x = made_up(judge.n * judge.columns, 6);
    }
    autoencoder(&learn, &judge, &t, argc == 7 ? argv[6] : NULL);
    mem_free(learn.x);
    mem_free(judge.x);
    team_free(t.team);
    return 0;
}
