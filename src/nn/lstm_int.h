/* SPDX-License-Identifier: Apache-2.0 */
/* lstm_int.h - a stack of LSTM layers between lstm.c, which runs it, and lstm_train.c. */
#ifndef NN_LSTM_INT_H
#define NN_LSTM_INT_H

#include "nn/sequence_int.h"

enum { LSTM_LAYERS_MAX = 4, LSTM_WIDTH = 64, LSTM_STEPS = 64 };

/* Parameters, one after the other in one array; gates in the order input, forget, output, candidate:
 *   symbols       (vocabulary + 1, width)
 *   each layer    inputs (width, 4·width), recurrent (width, 4·width), bias (4·width)
 *   output        (width, vocabulary + 1), bias (vocabulary + 1) */
struct lstm {
    uint32_t vocabulary;
    size_t width, layers;
    float *param; /* owned by the model once trained, by Adam until then */
    float *
        first; /* owned; (vocabulary + 1, 4·width): the first layer's inputs and bias of each symbol */
};
struct lstm_layer {
    size_t inputs, recurrent, bias; /* where they start */
};

size_t lstm_params(const struct lstm *l);
struct lstm_layer lstm_layer(const struct lstm *l, size_t layer);
size_t lstm_output(const struct lstm *l); /* where it starts */
void lstm_ready(struct lstm *l);          /* compute `first` */
/* gates (m, 4·width), the sums, become the gates; c (m, width) goes on by a step and h becomes what is put out;
 * tanh_c (m, width) or NULL: for the way back. */
void lstm_cell(size_t width, size_t m, float *gates, const float *c_before, float *c, float *tanh_c,
               float *h);
status lstm_train(const struct sequence_shape *s, const struct nn_training *t,
                  const struct sequences *data, const struct sequences *held, void **net,
                  struct error *err);

/* For the test of gradients: the loss of `data` as one batch, and its gradient (params) into `gradient`. */
double lstm_gradient(const struct lstm *l, const struct sequences *data, float *gradient);

#endif
