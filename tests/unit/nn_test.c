/* SPDX-License-Identifier: Apache-2.0 */
/* The kernels of networks: every variant against the plain loops, and those against what they stand for. */
#include "base/mem.h"
#include "base/random.h"
#include "nn/nn_int.h"
#include "tests/test.h"

enum { LONG = 300 };
static const char *const variants[] = {"avx2", "avx512"};
static const struct kernels *best; /* as the process chose */
static struct random dice;

static float *some(size_t n)
{
    float *x = mem_array(float, n);
    for (size_t i = 0; i < n; i++)
        x[i] = (float)random_normal(&dice);
    return x;
}
static float *copy_of(const float *x, size_t n)
{
    float *y = mem_array(float, n);
    memcpy(y, x, n * sizeof *x);
    return y;
}

/* x and y, `n` of them, differ by no more than 1e-5 of `scale`, or of themselves where they are larger. */
static void assert_near(const float *x, const float *y, size_t n, double scale)
{
    for (size_t i = 0; i < n; i++) {
        double most = fabs((double)y[i]) > scale ? fabs((double)y[i]) : scale;
        if (!(fabs((double)x[i] - (double)y[i]) <= 1e-5 * most))
            fail_msg("%zu of %zu: %.9g, not %.9g", i, n, (double)x[i], (double)y[i]);
    }
}

/* With each variant that this processor has, the plain one among them. */
static void each_variant(void (*check)(const struct kernels *k))
{
    check(&kernels_plain);
    for (size_t i = 0; i < COUNT(variants); i++) {
        const struct kernels *k = kernels_find((str){variants[i], strlen(variants[i])});
        if (k)
            check(k);
        else
            print_message("this processor has no %s\n", variants[i]);
    }
    kernels_use(best);
}

/* ---- products ---- */

struct product {
    size_t m, n, k, more; /* more: floats between rows, unused */
    enum nn_op a_op, b_op;
    float beta;
    bool bias, relu;
};

static void product_agrees(const struct kernels *kernels, const struct product *p)
{
    size_t a_wide = (p->a_op == NN_AS_IS ? p->k : p->m) + p->more;
    size_t a_high = p->a_op == NN_AS_IS ? p->m : p->k;
    size_t b_wide = (p->b_op == NN_AS_IS ? p->n : p->k) + p->more;
    size_t b_high = p->b_op == NN_AS_IS ? p->k : p->n, ldc = p->n + p->more;
    /* Exactly as large as it must be: the sanitizer sees what reads beyond. */
    float *a = some(a_wide * a_high - p->more), *b = some(b_wide * b_high - p->more);
    float *bias = some(p->n), *c = some(p->m * ldc), *d = copy_of(c, p->m * ldc);
    for (size_t i = 0; p->beta == 0 && i < p->m; i++)
        for (size_t j = 0; j < p->n; j++)
            c[i * ldc + j] = NAN; /* not read */
    struct gemm g = {p->a_op,
                     p->b_op,
                     p->m,
                     p->n,
                     p->k,
                     a,
                     b,
                     a_wide,
                     b_wide,
                     p->beta,
                     c,
                     ldc,
                     p->bias ? bias : NULL,
                     p->relu};
    kernels->gemm(&g);
    g.c = d;
    kernels_plain.gemm(&g);
    assert_near(c, d, p->m * ldc, sqrt((double)p->k) * 8);
    mem_free(a), mem_free(b), mem_free(bias), mem_free(c), mem_free(d);
}

static void products_agree(const struct kernels *kernels)
{
    static const size_t sizes[] = {1, 2, 3, 7, 8, 13, 16, 17, 31, 33, 50, 64, 65, 127, 130, 257};
    static const float betas[] = {0, 1, 0.5f};
    for (unsigned i = 0; i < 200; i++) {
        struct product p = {.m = sizes[random_below(&dice, COUNT(sizes))],
                            .n = sizes[random_below(&dice, COUNT(sizes))],
                            .k = sizes[random_below(&dice, COUNT(sizes))],
                            .more = random_below(&dice, 2) * random_below(&dice, 40),
                            .a_op = random_below(&dice, 2) ? NN_TRANSPOSED : NN_AS_IS,
                            .b_op = random_below(&dice, 2) ? NN_TRANSPOSED : NN_AS_IS,
                            .beta = betas[random_below(&dice, 3)],
                            .bias = random_below(&dice, 2),
                            .relu = random_below(&dice, 2)};
        product_agrees(kernels, &p);
    }
}
static void multiplies_matrices_as_the_plain_loop_does(void **state)
{
    each_variant(products_agree);
}

static void rows_stand_alone(const struct kernels *k)
{
    enum { M = 61, N = 75, K = 139 };
    float *a = some(M * K), *b = some(K * N), *all = some(M * N), *one = some(N);
    kernels_use(k);
    nn_gemm(NN_AS_IS, NN_AS_IS, M, N, K, a, K, b, N, 0, all, N);
    for (size_t i = 0; i < M; i++) {
        nn_gemm(NN_AS_IS, NN_AS_IS, 1, N, K, a + i * K, K, b, N, 0, one, N);
        assert_memory_equal(one, all + i * N, N * sizeof *one);
    }
    mem_free(a), mem_free(b), mem_free(all), mem_free(one);
}
static void gives_a_row_the_same_product_among_any_others(void **state)
{
    each_variant(rows_stand_alone);
}

static void empty_products_are_scaled(const struct kernels *k)
{
    float c[3] = {NAN, 2, 3}, bias[3] = {1, -2, 3};
    kernels_use(k);
    nn_gemm(NN_AS_IS, NN_AS_IS, 0, 3, 3, NULL, 3, NULL, 3, 0, NULL, 3);
    nn_gemm(NN_AS_IS, NN_AS_IS, 1, 3, 0, bias, 0, bias, 3, 0, c, 3);
    assert_near(c, (float[]){0, 0, 0}, 3, 1);
    nn_linear(1, 3, 0, bias, 0, bias, bias, true, c, 3);
    assert_near(c, (float[]){1, 0, 3}, 3, 1);
}
static void multiplies_by_nothing(void **state)
{
    each_variant(empty_products_are_scaled);
}

/* ---- functions of one number ---- */

static double real_sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}
static double real_gelu(double x)
{
    return x * real_sigmoid(1.5957691216057308 * (x + 0.044715 * x * x * x));
}
static double worst_of(void (*f)(float *, size_t), double (*real)(double), double most)
{
    enum { N = 4001 };
    float x[N];
    double worst = 0;
    for (unsigned i = 0; i < N; i++)
        x[i] = (float)(most * (2.0 * i / (N - 1) - 1) * fabs(2.0 * i / (N - 1) - 1));
    float y[N];
    memcpy(y, x, sizeof x);
    f(y, N);
    for (unsigned i = 0; i < N; i++) {
        double want = real((double)x[i]), off = fabs((double)y[i] - want);
        worst = fmax(worst, off / fmax(fabs(want), 1e-30));
    }
    return worst;
}
static void functions_are_exact(const struct kernels *k)
{
    assert_true(worst_of(k->tanh, tanh, 20) < 3e-7);
    assert_true(worst_of(k->sigmoid, real_sigmoid, 80) < 3e-7);
    assert_true(worst_of(k->gelu, real_gelu, 3) < 2e-6); /* below 0; of a value near 0 */
    float x[] = {NAN, -INFINITY, INFINITY, -1e30f, 1e30f};
    k->tanh(x, 5);
    assert_true(isnan(x[0]));
    assert_near(x + 1, (float[]){-1, 1, -1, 1}, 4, 1);
    k->sigmoid(x, 1);
    k->relu(x, 1);
    assert_true(isnan(x[0])); /* what went wrong stays seen */
    float y[] = {-1e4f, 1e4f};
    k->sigmoid(y, 2);
    assert_near(y, (float[]){0, 1}, 2, 1);
}
static void computes_activations_to_the_last_digits(void **state)
{
    each_variant(functions_are_exact);
}

/* A gradient helper against the difference of what it is the gradient of. */
static void slope_is_right(void (*f)(float *, size_t), void (*back)(float *, const float *, size_t),
                           bool of_output)
{
    for (int i = -30; i < 30; i++) {
        float at = (float)i / 10 + 0.05f, d = 2, e = 1e-2f, low = at - e, high = at + e, y = at;
        f(&low, 1), f(&high, 1), f(&y, 1);
        back(&d, of_output ? &y : &at, 1);
        double want = 2 * ((double)high - (double)low) / (2 * (double)e);
        assert_true(fabs((double)d - want) < 2e-3);
    }
}
static void slopes_are_right(const struct kernels *k)
{
    slope_is_right(k->relu, k->relu_back, true);
    slope_is_right(k->tanh, k->tanh_back, true);
    slope_is_right(k->sigmoid, k->sigmoid_back, true);
    slope_is_right(k->gelu, k->gelu_back, false);
}
static void goes_back_through_activations(void **state)
{
    each_variant(slopes_are_right);
}

/* ---- vectors and rows ---- */

static void loops_agree_at(const struct kernels *k, size_t n)
{
    const struct kernels *p = &kernels_plain;
    float *x = some(n), *y = some(n), *z = some(n), *a = copy_of(z, n), *b = copy_of(z, n);
    float *e = some(n), *f = some(n);
#define BOTH(call_k, call_p, scale) (call_k, call_p, assert_near(a, b, n, scale))
    BOTH(k->add(a, x, n), p->add(b, x, n), 4);
    BOTH(k->axpy(a, 0.3f, x, n), p->axpy(b, 0.3f, x, n), 4);
    BOTH(k->mul_add(a, x, y, n), p->mul_add(b, x, y, n), 8);
    BOTH(k->mul(a, y, n), p->mul(b, y, n), 8);
    BOTH(k->tanh(a, n), p->tanh(b, n), 1);
    BOTH(k->relu_back(a, x, n), p->relu_back(b, x, n), 1);
    BOTH(k->gelu(a, n), p->gelu(b, n), 1);
    BOTH(k->softmax(a, n), p->softmax(b, n), 0.1);
    BOTH(k->log_softmax(a, n), p->log_softmax(b, n), 1);
    assert_near((float[]){k->dot(x, y, n)}, (float[]){p->dot(x, y, n)}, 1, (double)n);
    assert_near((float[]){k->square_gap(e, x, y, n)}, (float[]){p->square_gap(f, x, y, n)}, 1, 1);
    assert_near(e, f, n, 1);
#undef BOTH
    mem_free(x), mem_free(y), mem_free(z), mem_free(a), mem_free(b), mem_free(e), mem_free(f);
}
static void loops_agree(const struct kernels *k)
{
    for (size_t n = 1; n < 70; n++)
        loops_agree_at(k, n);
    loops_agree_at(k, LONG);
}
static void computes_vectors_as_the_plain_loops_do(void **state)
{
    each_variant(loops_agree);
}

static void softmax_is_a_distribution(const struct kernels *k)
{
    float x[2][19];
    for (size_t j = 0; j < 19; j++)
        x[0][j] = x[1][j] = j == 7 ? -INFINITY : (float)j * 50 - 400;
    kernels_use(k);
    nn_softmax(x[0], 1, 19);
    nn_log_softmax(x[1], 1, 19);
    double sum = 0;
    for (size_t j = 0; j < 19; j++) {
        sum += (double)x[0][j];
        if (j != 7)
            assert_near(&x[1][j], (float[]){(float)j * 50 - 900}, 1, 1);
    }
    assert_true(fabs(sum - 1) < 1e-6);
    assert_true(x[0][7] == 0 && isinf(x[1][7]));
}
static void makes_probabilities_of_anything(void **state)
{
    each_variant(softmax_is_a_distribution);
}

static double weighed(const float *y, const float *weight, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)y[i] * (double)weight[i];
    return sum;
}

static void softmax_goes_back(const struct kernels *k)
{
    enum { N = 21 };
    float *x = some(N), *w = some(N), *y = copy_of(x, N), *d = copy_of(w, N);
    kernels_use(k);
    nn_softmax(y, 1, N);
    nn_softmax_back(d, y, 1, N);
    for (size_t i = 0; i < N; i++) {
        double side[2];
        for (int s = 0; s < 2; s++) {
            float *z = copy_of(x, N);
            z[i] += s ? 1e-2f : -1e-2f;
            nn_softmax(z, 1, N);
            side[s] = weighed(z, w, N);
            mem_free(z);
        }
        assert_true(fabs((side[1] - side[0]) / 2e-2 - (double)d[i]) < 1e-3);
    }
    mem_free(x), mem_free(w), mem_free(y), mem_free(d);
}

static void norm_goes_back_at(const struct kernels *k, size_t n)
{
    float *x = some(n), *w = some(n), *gain = some(n), *bias = some(n), *y = some(n), *dx = some(n);
    float *gain_d = mem_array(float, n), *bias_d = mem_array(float, n), keep[2];
    struct nn_norm l = {gain, bias, gain_d, bias_d, n};
    kernels_use(k);
    nn_layer_norm(&l, x, 1, y, keep);
    kernels_plain.layer_norm(&l, x, dx, NULL);
    assert_near(y, dx, n, 4);
    nn_layer_norm_back(&l, x, keep, 1, w, dx);
    for (size_t i = 0; i < 3 * n; i++) {
        float *in = i < n ? x + i : i < 2 * n ? gain + i - n : bias + i - 2 * n, was = *in;
        float got = i < n ? dx[i] : i < 2 * n ? gain_d[i - n] : bias_d[i - 2 * n];
        *in = was - 1e-2f;
        nn_layer_norm(&l, x, 1, y, NULL);
        double low = weighed(y, w, n);
        *in = was + 1e-2f;
        nn_layer_norm(&l, x, 1, y, NULL);
        double slope = (weighed(y, w, n) - low) / 2e-2;
        assert_true(fabs(slope - (double)got) < 1e-2 * (1 + fabs(slope)));
        *in = was;
    }
    mem_free(x), mem_free(w), mem_free(gain), mem_free(bias), mem_free(y), mem_free(dx);
    mem_free(gain_d), mem_free(bias_d);
}
static void rows_go_back(const struct kernels *k)
{
    softmax_goes_back(k);
    norm_goes_back_at(k, 5);
    norm_goes_back_at(k, 16);
    norm_goes_back_at(k, 37);
}
static void goes_back_through_rows(void **state)
{
    each_variant(rows_go_back);
}

/* ---- Adam ---- */

/* The sum of (x - i)² for the i-th. */
static void descend(struct nn_adam *a, unsigned steps)
{
    for (unsigned s = 0; s < steps; s++) {
        for (size_t i = 0; i < a->n; i++)
            a->gradient[i] = 2 * (a->value[i] - (float)i);
        nn_adam_step(a);
    }
}
/* A gradient that was there once is forgotten altogether. */
static void adam_forgets(const struct kernels *k)
{
    struct nn_adam a;
    kernels_use(k);
    nn_adam_init(&a, 3, 0.1f);
    a.gradient[1] = 1;
    for (unsigned i = 0; i < 1000; i++)
        nn_adam_step(&a);
    assert_true(a.m[1] == 0 && a.v[1] > 0 && isfinite(a.value[1]));
    nn_adam_done(&a);
}
static void adam_descends(const struct kernels *k)
{
    struct nn_adam a;
    kernels_use(k);
    nn_adam_init(&a, 37, 0.5f);
    descend(&a, 1);
    assert_near(a.value + 1, (float[]){0.5f}, 1, 1); /* the first step is as long as the rate */
    descend(&a, 2000);
    for (size_t i = 0; i < a.n; i++)
        assert_true(fabs((double)a.value[i] - (double)i) < 1e-2);
    nn_adam_done(&a);

    struct nn_adam b[2];
    for (int i = 0; i < 2; i++) {
        kernels_use(i ? k : &kernels_plain);
        nn_adam_init(&b[i], 133, 0.1f);
        b[i].decay = 0.1f;
        b[i].clip = 2;
        descend(&b[i], 50);
    }
    assert_near(b[1].value, b[0].value, b[0].n, 1);
    nn_adam_done(&b[0]), nn_adam_done(&b[1]);
    adam_forgets(k);
}
static void steps_towards_the_least(void **state)
{
    each_variant(adam_descends);
}

static void goes_on_from_what_was_written(void **state)
{
    struct nn_adam a, b;
    struct sbuf bytes;
    sbuf_init(&bytes, 1 << 16);
    nn_adam_init(&a, 19, 0.1f);
    nn_adam_init(&b, 19, 9);
    descend(&a, 10);
    nn_adam_write(&a, &bytes);
    assert_int_equal(nn_adam_read(&b, sbuf_str(&bytes), NULL), ST_OK);
    descend(&a, 10), descend(&b, 10);
    assert_memory_equal(a.value, b.value, 19 * sizeof(float));

    struct error err;
    for (size_t n = 0; n < bytes.n; n++)
        assert_int_equal(nn_adam_read(&b, (str){bytes.p, n}, &err), ST_INVALID);
    memset(bytes.p + bytes.n - 4, 0xff, 4); /* not a number */
    assert_int_equal(nn_adam_read(&b, sbuf_str(&bytes), &err), ST_INVALID);
    assert_memory_equal(a.value, b.value, 19 * sizeof(float));
    nn_adam_done(&a), nn_adam_done(&b);
    sbuf_done(&bytes);
}

int main(void)
{
    best = kernels_used();
    random_init(&dice, 1, 0);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(multiplies_matrices_as_the_plain_loop_does),
        cmocka_unit_test(gives_a_row_the_same_product_among_any_others),
        cmocka_unit_test(multiplies_by_nothing),
        cmocka_unit_test(computes_activations_to_the_last_digits),
        cmocka_unit_test(goes_back_through_activations),
        cmocka_unit_test(computes_vectors_as_the_plain_loops_do),
        cmocka_unit_test(makes_probabilities_of_anything),
        cmocka_unit_test(goes_back_through_rows),
        cmocka_unit_test(steps_towards_the_least),
        cmocka_unit_test(goes_on_from_what_was_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
