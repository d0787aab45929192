/* SPDX-License-Identifier: Apache-2.0 */
/* nn.h - what networks are computed with: matrix products, activations, Adam.
 *
 * Matrices are float, row-major.  Each kernel exists as the plain loop (nn_plain) and for AVX2+FMA and AVX-512, chosen
 * once when the process starts; BGUARD_SIMD=plain|avx2|avx512 in the environment overrules.  Variants agree to
 * rounding (1e-5 relative); one variant always answers the same. */
#ifndef NN_NN_H
#define NN_NN_H

#include "base/sbuf.h"
#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

struct team;

struct random;

/* The variant in use: "plain", "avx2" or "avx512". */
const char *nn_simd(void);

/* ---- matrices ---- */

/* C (m, n) = A·B + beta·C, where A is (m, k) and B (k, n), either as its transpose.  C is not read when beta is 0.  But where
 * B is transposed and m < 3, a row of C does not depend on how many there are. */
enum nn_op { NN_AS_IS, NN_TRANSPOSED };
void nn_gemm(enum nn_op a_op, enum nn_op b_op, size_t m, size_t n, size_t k, const float *a,
             size_t lda, const float *b, size_t ldb, float beta, float *c, size_t ldc);
/* One layer: Y (m, n) = X (m, k)·W (k, n), rows of Y and W side by side, + bias (n); relu: then what is below 0 is 0. */
void nn_linear(size_t m, size_t n, size_t k, const float *x, size_t ldx, const float *w,
               const float *bias, bool relu, float *y, size_t ldy);
void nn_add(float *y, const float *x, size_t n);                     /* y += x */
void nn_axpy(float *y, float f, const float *x, size_t n);           /* y += f·x */
void nn_mul(float *y, const float *x, size_t n);                     /* y *= x */
void nn_mul_add(float *y, const float *a, const float *b, size_t n); /* y += a·b, each */
void nn_add_rows(float *y, const float *bias, size_t m,
                 size_t n); /* each row of y (m, n) += bias (n) */
void nn_sum_rows(float *sum, const float *x, size_t m,
                 size_t n); /* sum (n) += each row of x (m, n) */
float nn_dot(const float *x, const float *y, size_t n);
/* y (n) from x (n): (x - y)², into each unless NULL; returns their sum. */
float nn_square_gap(float *each, const float *x, const float *y, size_t n);
bool nn_finite(const float *x, size_t n); /* no NaN, no infinity */

/* ---- activations, in place: within 3e-7 of the value; gelu below 0 by 1e-7 ---- */

void nn_relu(float *x, size_t n);
void nn_tanh(float *x, size_t n);
void nn_sigmoid(float *x, size_t n);
void nn_gelu(float *x, size_t n); /* by tanh (Hendrycks and Gimpel 2016) */
/* Each row of x (m, n) to its softmax, or to the logarithm of that.  -INFINITY becomes 0, or stays. */
void nn_softmax(float *x, size_t m, size_t n);
void nn_log_softmax(float *x, size_t m, size_t n);
/* Back through them: d, the gradient by what came out, becomes that by what went in.  y: what came out; x: what went in. */
void nn_relu_back(float *d, const float *y, size_t n);
void nn_tanh_back(float *d, const float *y, size_t n);
void nn_sigmoid_back(float *d, const float *y, size_t n);
void nn_gelu_back(float *d, const float *x, size_t n);
void nn_softmax_back(float *d, const float *y, size_t m, size_t n);

/* Layer normalisation (Ba, Kiros, Hinton 2016): each row to mean 0 and variance 1, times gain, plus bias. */
#define NN_NORM_EPSILON 1e-5f
struct nn_norm {
    const float *gain, *bias; /* (n) */
    float *gain_d, *bias_d;   /* (n): gradients are added to these; training only */
    size_t n;
};
/* keep (m, 2) or NULL: what the way back wants.  y may not be x. */
void nn_layer_norm(const struct nn_norm *l, const float *x, size_t m, float *y, float *keep);
/* dx (m, n) from dy (m, n), which it may be. */
void nn_layer_norm_back(const struct nn_norm *l, const float *x, const float *keep, size_t m,
                        const float *dy, float *dx);

/* ---- parameters ---- */

/* Weights of a layer of so many inputs and outputs, even in ±√(6/(in+out)) (Glorot and Bengio 2010). */
void nn_glorot(float *w, size_t in, size_t out, struct random *r);

/* Adam (Kingma and Ba, 2015) with decoupled weight decay (Loshchilov and Hutter, 2019).  One allocation of n parameters,
 * their gradients and both moments. */
struct nn_adam {
    float *value, *gradient, *m, *v; /* owned: (n) each, one allocation */
    size_t n;
    uint64_t step;
    float rate, beta1, beta2, epsilon, decay, clip; /* clip: longest gradient; 0: any */
};
void nn_adam_init(struct nn_adam *a, size_t n, float rate);
void nn_adam_done(struct nn_adam *a);
void nn_adam_step(struct nn_adam *a); /* and set the gradient to zero */
/* Everything but the gradient, for a checkpoint; nn_adam_read wants an `a` of the same n and reads all bytes.  ST_INVALID: it
 * is of another size, cut, or has numbers that cannot be; `a` is as it was. */
void nn_adam_write(const struct nn_adam *a, struct sbuf *out);
CHECKED status nn_adam_read(struct nn_adam *a, str bytes, struct error *err);

/* Training's common terms. */
struct nn_training {
    unsigned epochs, batch; /* 0: the network's own */
    float rate;             /* 0: the network's own */
    uint64_t seed;
    unsigned patience; /* epochs without a better validation loss before it stops; 0: never */
    struct team *team; /* NULL: this thread alone.  The result is the same. */
    /* After each epoch, and now and then within: epochs done, part of the whole, and the loss: of the rows kept back after an
     * epoch, of those learnt from within.  False: stop. */
    bool (*progress)(void *arg, unsigned epoch, unsigned epochs, double part_01, double loss);
    void *arg;
    /* File for the state after each epoch, and from which the same training - seed, shape, rows - goes on; removed in
     * the end.  A damaged one is passed over.  NULL: none. */
    const char *checkpoint;
};

/* ---- autoencoder: rows to themselves through a narrow waist ---- */

struct autoencoder; /* opaque, immutable once trained */
struct autoencoder_shape {
    size_t columns;       /* d */
    size_t hidden, waist; /* 0: 64 and 16: d-64-16-64-d */
};
/* x (n, d), no NaN: standardised by the caller.  A tenth of the rows is kept back, and what was best for them comes out.
 * ST_UNAVAILABLE: stopped by progress.  ST_INVALID: no rows, a shape or rate that cannot be, or numbers too large to
 * learn from.  ST_LIMIT: batches too large.  ST_IO and the like: the checkpoint could not be written. */
CHECKED status autoencoder_train(const struct autoencoder_shape *s, const struct nn_training *t,
                                 const float *x, size_t n, size_t stride, struct autoencoder **out,
                                 struct error *err);
void autoencoder_free(struct autoencoder *a); /* NULL is fine */
size_t autoencoder_columns(const struct autoencoder *a);
/* out (n): mean squared error of reconstruction.  each (n, d) or NULL: the squared error of each column. */
void autoencoder_score(const struct autoencoder *a, const float *x, size_t n, size_t stride,
                       float *out, float *each);
/* Without allocating: `room` is autoencoder_room bytes of the caller's, aligned to 64, one thread's at a time. */
void autoencoder_score_in(const struct autoencoder *a, const float *x, size_t n, size_t stride,
                          void *room, float *out);
size_t autoencoder_room(const struct autoencoder *a);
void autoencoder_write(const struct autoencoder *a, struct sbuf *out);
/* ST_INVALID: not one, cut, or with numbers that are none. */
CHECKED status autoencoder_read(str bytes, struct autoencoder **out, struct error *err);

#endif
