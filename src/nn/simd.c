/* SPDX-License-Identifier: Apache-2.0 */
/* Which kernels this process uses, and the faces of nn.h before them. */
#include "base/random.h"
#include "nn/nn_int.h"

#include <stdlib.h>

static const struct kernels *used = &kernels_plain;

static bool has_avx2(void)
{
#ifdef __x86_64__
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
    return false;
#endif
}
static bool has_avx512(void)
{
#ifdef __x86_64__
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
#else
    return false;
#endif
}

const struct kernels *kernels_find(str name)
{
    if (str_eq(name, STR("plain")))
        return &kernels_plain;
#ifdef __x86_64__
    if (str_eq(name, STR("avx2")) && has_avx2())
        return &kernels_avx2;
    if (str_eq(name, STR("avx512")) && has_avx512())
        return &kernels_avx512;
#endif
    return NULL;
}

/* Before main, and so before any thread.  What BGUARD_SIMD asks for and the processor has not is passed over. */
__attribute__((constructor)) static void choose(void)
{
    static const char *const order[] = {"avx512", "avx2", "plain"};
    const char *asked = getenv("BGUARD_SIMD");
    const struct kernels *k = asked ? kernels_find((str){asked, strlen(asked)}) : NULL;
    for (size_t i = 0; !k && i < COUNT(order); i++)
        k = kernels_find((str){order[i], strlen(order[i])});
    used = k;
}

void kernels_use(const struct kernels *k)
{
    used = k;
}
const struct kernels *kernels_used(void)
{
    return used;
}
const char *nn_simd(void)
{
    return used->name;
}

void nn_gemm(enum nn_op a_op, enum nn_op b_op, size_t m, size_t n, size_t k, const float *a,
             size_t lda, const float *b, size_t ldb, float beta, float *c, size_t ldc)
{
    struct gemm g = {.a_op = a_op,
                     .b_op = b_op,
                     .m = m,
                     .n = n,
                     .k = k,
                     .a = a,
                     .b = b,
                     .lda = lda,
                     .ldb = ldb,
                     .beta = beta,
                     .c = c,
                     .ldc = ldc};
    if (m && n)
        used->gemm(&g);
}
void nn_linear(size_t m, size_t n, size_t k, const float *x, size_t ldx, const float *w,
               const float *bias, bool relu, float *y, size_t ldy)
{
    struct gemm g = {.m = m,
                     .n = n,
                     .k = k,
                     .a = x,
                     .b = w,
                     .lda = ldx,
                     .ldb = n,
                     .c = y,
                     .ldc = ldy,
                     .bias = bias,
                     .relu = relu};
    if (m && n)
        used->gemm(&g);
}

void nn_add(float *y, const float *x, size_t n)
{
    used->add(y, x, n);
}
void nn_axpy(float *y, float f, const float *x, size_t n)
{
    used->axpy(y, f, x, n);
}
void nn_mul(float *y, const float *x, size_t n)
{
    used->mul(y, x, n);
}
void nn_mul_add(float *y, const float *a, const float *b, size_t n)
{
    used->mul_add(y, a, b, n);
}
void nn_add_rows(float *y, const float *bias, size_t m, size_t n)
{
    for (size_t i = 0; i < m; i++)
        used->add(y + i * n, bias, n);
}
void nn_sum_rows(float *sum, const float *x, size_t m, size_t n)
{
    for (size_t i = 0; i < m; i++)
        used->add(sum, x + i * n, n);
}
float nn_dot(const float *x, const float *y, size_t n)
{
    return used->dot(x, y, n);
}
float nn_square_gap(float *each, const float *x, const float *y, size_t n)
{
    return used->square_gap(each, x, y, n);
}
bool nn_finite(const float *x, size_t n)
{
    bool all = true;
    for (size_t i = 0; i < n; i++)
        all &= (bool)isfinite(x[i]);
    return all;
}

void nn_relu(float *x, size_t n)
{
    used->relu(x, n);
}
void nn_tanh(float *x, size_t n)
{
    used->tanh(x, n);
}
void nn_sigmoid(float *x, size_t n)
{
    used->sigmoid(x, n);
}
void nn_gelu(float *x, size_t n)
{
    used->gelu(x, n);
}
void nn_relu_back(float *d, const float *y, size_t n)
{
    used->relu_back(d, y, n);
}
void nn_tanh_back(float *d, const float *y, size_t n)
{
    used->tanh_back(d, y, n);
}
void nn_sigmoid_back(float *d, const float *y, size_t n)
{
    used->sigmoid_back(d, y, n);
}
void nn_gelu_back(float *d, const float *x, size_t n)
{
    used->gelu_back(d, x, n);
}
void nn_softmax(float *x, size_t m, size_t n)
{
    for (size_t i = 0; n && i < m; i++)
        used->softmax(x + i * n, n);
}
void nn_log_softmax(float *x, size_t m, size_t n)
{
    for (size_t i = 0; n && i < m; i++)
        used->log_softmax(x + i * n, n);
}
/* d = y·(d - Σ d·y). */
void nn_softmax_back(float *d, const float *y, size_t m, size_t n)
{
    for (size_t i = 0; i < m; i++, d += n, y += n) {
        float along = used->dot(d, y, n);
        used->mul(d, y, n);
        used->axpy(d, -along, y, n);
    }
}
void nn_layer_norm(const struct nn_norm *l, const float *x, size_t m, float *y, float *keep)
{
    for (size_t i = 0; i < m; i++)
        used->layer_norm(l, x + i * l->n, y + i * l->n, keep ? keep + 2 * i : NULL);
}
void nn_layer_norm_back(const struct nn_norm *l, const float *x, const float *keep, size_t m,
                        const float *dy, float *dx)
{
    for (size_t i = 0; i < m; i++)
        used->layer_norm_back(l, x + i * l->n, keep + 2 * i, dy + i * l->n, dx + i * l->n);
}

void nn_glorot(float *w, size_t in, size_t out, struct random *r)
{
    double most = sqrt(6.0 / (double)(in + out));
    for (size_t i = 0; i < in * out; i++)
        w[i] = (float)((2 * random_01(r) - 1) * most);
}
