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

#include <stdint.h>

struct team;

/* C (m, n) = A·B + beta·C, where A is (m, k) and B (k, n), either as its transpose. */
enum nn_op { NN_AS_IS, NN_TRANSPOSED };
void nn_gemm(enum nn_op a_op, enum nn_op b_op, size_t m, size_t n, size_t k, const float *a,
             size_t lda, const float *b, size_t ldb, float beta, float *c, size_t ldc);
void nn_add(float *y, const float *x, size_t n); /* y += x */
void nn_add_rows(float *y, const float *bias, size_t m,
                 size_t n); /* each row of y (m, n) += bias (n) */
void nn_relu(float *x, size_t n);
void nn_tanh(float *x, size_t n);
void nn_sigmoid(float *x, size_t n);
void nn_gelu(float *x, size_t n);
/* Each row of x (m, n) to the logarithm of its softmax. */
void nn_log_softmax(float *x, size_t m, size_t n);

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
/* Everything, for a checkpoint; nn_adam_read wants an `a` of the same n.  ST_INVALID. */
void nn_adam_write(const struct nn_adam *a, struct sbuf *out);
CHECKED status nn_adam_read(struct nn_adam *a, str bytes, struct error *err);

/* Training's common terms. */
struct nn_training {
    unsigned epochs, batch; /* 0: the network's own */
    float rate;             /* 0: the network's own */
    uint64_t seed;
    unsigned patience; /* epochs without a better validation loss before it stops; 0: never */
    struct team *team; /* NULL: this thread alone.  The result is the same. */
    bool (*progress)(void *arg, unsigned epoch, unsigned epochs, double part_01,
                     double loss); /* false: stop */
    void *arg;
    const char
        *checkpoint; /* file for the state after each epoch, and from which to go on; NULL: none */
};

/* ---- autoencoder: rows to themselves through a narrow waist ---- */

struct autoencoder; /* opaque, immutable once trained */
struct autoencoder_shape {
    size_t columns;       /* d */
    size_t hidden, waist; /* 0: 64 and 16: d-64-16-64-d */
};
/* x (n, d), no NaN: standardised by the caller.  ST_UNAVAILABLE: stopped by progress. */
CHECKED status autoencoder_train(const struct autoencoder_shape *s, const struct nn_training *t,
                                 const float *x, size_t n, size_t stride, struct autoencoder **out,
                                 struct error *err);
void autoencoder_free(struct autoencoder *a);
size_t autoencoder_columns(const struct autoencoder *a);
/* out (n): mean squared error of reconstruction.  each (n, d) or NULL: the squared error of each column. */
void autoencoder_score(const struct autoencoder *a, const float *x, size_t n, size_t stride,
                       float *out, float *each);
void autoencoder_write(const struct autoencoder *a, struct sbuf *out);
CHECKED status autoencoder_read(str bytes, struct autoencoder **out, struct error *err);

#endif
