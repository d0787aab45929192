/* SPDX-License-Identifier: Apache-2.0 */
/* autoencoder_int.h - the network d-h-w-h-d, as training and scoring see it. */
#ifndef NN_AUTOENCODER_INT_H
#define NN_AUTOENCODER_INT_H

#include "nn/nn_int.h"

enum {
    AE_LAYERS = 4,
    AE_HIDDEN = 64,
    AE_WAIST = 16,
    AE_COLUMNS_MAX = 65536,
    AE_WIDTH_MAX = 4096,
    AE_PARAMETERS_MAX = 1 << 24
};

/* Layer l takes width[l] numbers to width[l+1], all but the last with relu; its weights (in, out) are at weight[l] of the
 * parameters, its biases after them at bias[l]. */
struct ae_net {
    size_t width[AE_LAYERS + 1], weight[AE_LAYERS], bias[AE_LAYERS];
    size_t parameters;
    size_t inner;  /* numbers of a row between the layers, the last layer's with them */
    size_t widest; /* of these layers */
};
struct autoencoder {
    struct ae_net net;
    float *parameter; /* owned: (net.parameters) */
};

/* ST_INVALID: a width is 0 or too large. */
CHECKED status ae_net_init(struct ae_net *n, const struct autoencoder_shape *s, struct error *err);
/* With these parameters, which it takes: from mem_aligned. */
struct autoencoder *ae_new(const struct ae_net *net, float *parameter);
/* What comes out of each layer for m rows of x: `out` (m · inner), layer after layer; out of the last by *last. */
void ae_forward(const struct ae_net *n, const float *parameter, const float *x, size_t stride,
                size_t m, float *out, float **last);

/* Room for training with some rows, (rows, …) each. */
struct ae_pass {
    float *x;     /* (net.width[0]) */
    float *inner; /* (net.inner): what comes out of the layers */
    float *d[2];  /* (widest): gradients by that */
};
/* gradient (parameters): of half the squared error of p->x (m, d), which is returned whole. */
double ae_gradient(const struct ae_net *n, const float *parameter, struct ae_pass *p, size_t m,
                   float *gradient);

#endif
