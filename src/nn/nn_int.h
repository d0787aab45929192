/* SPDX-License-Identifier: Apache-2.0 */
/* nn_int.h - the kernels behind nn.h, and what the files of networks share. */
#ifndef NN_NN_INT_H
#define NN_NN_INT_H

#include "base/reader.h"
#include "nn/nn.h"

#include <math.h>

/* Before a loop whose array must become registers. */
#ifdef __clang__
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

/* One product; see nn_gemm and nn_linear. */
struct gemm {
    enum nn_op a_op, b_op;
    size_t m, n, k;
    const float *a, *b;
    size_t lda, ldb;
    float beta;
    float *c;
    size_t ldc;
    const float *bias; /* (n), added at the end; NULL: none */
    bool relu;         /* and then what is below 0 made 0 */
};

/* Moments nearer to 0 than this are 0: those of a weight without a gradient would else end as denormal numbers, never
 * lose the last digit, and cost a hundred cycles each step. */
#define ADAM_LEAST 1e-30f

/* What Adam does to each parameter; rates hold the corrections of this step. */
struct adam_rates {
    float scale; /* of the gradient, for clipping */
    float beta1, beta2, correct1, correct2, rate, epsilon, decay;
};

/* One variant of everything; signatures are explained in nn.h. */
struct kernels {
    const char *name;
    void (*gemm)(const struct gemm *g);
    void (*add)(float *y, const float *x, size_t n);
    void (*axpy)(float *y, float f, const float *x, size_t n);
    void (*mul)(float *y, const float *x, size_t n);
    void (*mul_add)(float *y, const float *a, const float *b, size_t n);
    void (*relu)(float *x, size_t n);
    void (*tanh)(float *x, size_t n);
    void (*sigmoid)(float *x, size_t n);
    void (*gelu)(float *x, size_t n);
    void (*relu_back)(float *d, const float *y, size_t n);
    void (*tanh_back)(float *d, const float *y, size_t n);
    void (*sigmoid_back)(float *d, const float *y, size_t n);
    void (*gelu_back)(float *d, const float *x, size_t n);
    void (*softmax)(float *row, size_t n);
    void (*log_softmax)(float *row, size_t n);
    float (*dot)(const float *x, const float *y, size_t n);
    void (*layer_norm)(const struct nn_norm *l, const float *x, float *y, float *mean_scale);
    void (*layer_norm_back)(const struct nn_norm *l, const float *x, const float *mean_scale,
                            const float *dy, float *dx); /* one row */
    float (*square_gap)(float *each, const float *x, const float *y, size_t n);
    void (*adam)(const struct nn_adam *a, const struct adam_rates *r);
};

extern const struct kernels kernels_plain, kernels_avx2, kernels_avx512;
/* The variant of that name, NULL where this processor has it not. */
const struct kernels *kernels_find(str name);
/* Use `k` from now on: for tests and measurements, while nobody computes. */
void kernels_use(const struct kernels *k);
const struct kernels *kernels_used(void);

/* ---- bytes ---- */

/* Numbers in files: least byte first, floats in IEEE 754. */
static inline void put_u64(struct sbuf *out, uint64_t x)
{
    char p[8];
    for (int i = 0; i < 8; i++)
        p[i] = (char)(x >> 8 * i);
    sbuf_add(out, (str){p, sizeof p});
}
static inline uint64_t take_u64(struct reader *r)
{
    uint64_t x = 0;
    str s = rd_take(r, 8);
    for (size_t i = 0; i < s.n; i++)
        x |= (uint64_t)(unsigned char)s.p[i] << 8 * i;
    return x;
}
void put_float(struct sbuf *out, float x);
float take_float(struct reader *r);
void put_double(struct sbuf *out, double x);
double take_double(struct reader *r);
void put_floats(struct sbuf *out, const float *x, size_t n);
/* False, with r->ok false too: too few, or one is not finite. */
bool take_floats(struct reader *r, float *x, size_t n);

#endif
