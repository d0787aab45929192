/* SPDX-License-Identifier: Apache-2.0 */
/* transformer_int.h - a causal transformer between transformer.c, which runs it, and transformer_train.c. */
#ifndef NN_TRANSFORMER_INT_H
#define NN_TRANSFORMER_INT_H

#include "nn/sequence_int.h"

enum {
    TRANSFORMER_LAYERS_MAX = 6,
    TRANSFORMER_WIDTH = 64,
    TRANSFORMER_LAYERS = 2,
    TRANSFORMER_HEADS = 4,
    TRANSFORMER_CONTEXT = 96,
    TRANSFORMER_INNER = 4 /* times the width: the layer between */
};

/* Parameters, one after the other in one array:
 *   symbols  (vocabulary + 1, width), places (context, width)
 *   each layer as in struct transformer_layer
 *   last norm (2, width), output (width, vocabulary + 1), bias (vocabulary + 1) */
struct transformer {
    uint32_t vocabulary;
    size_t width, layers, heads, context;
    float *param; /* owned by the model once trained, by Adam until then */
};
struct transformer_layer { /* where they start */
    size_t norm1;          /* gain, bias: (2, width) */
    size_t qkv, qkv_bias;  /* (width, 3·width), (3·width) */
    size_t mix, mix_bias;  /* (width, width), (width) */
    size_t norm2;
    size_t up, up_bias;     /* (width, 4·width), (4·width) */
    size_t down, down_bias; /* (4·width, width), (width) */
    size_t end;
};
size_t transformer_places(const struct transformer *t);
struct transformer_layer transformer_layer(const struct transformer *t, size_t layer);
size_t transformer_last(const struct transformer *t); /* where the last norm starts */
size_t transformer_params(const struct transformer *t);

/* What a pass through windows of symbols leaves; rows are (windows, steps). */
struct transformer_trace {
    float *x;             /* (rows, width): what came in */
    float *norm1, *keep1; /* (rows, width), (rows, 2) */
    float *qkv;           /* (rows, 3·width) */
    float *part;          /* (windows, heads, steps, steps): how much of each is looked at */
    float *heads;         /* (rows, width) */
    float *middle;        /* (rows, width): after attention */
    float *norm2, *keep2;
    float *up, *bent; /* (rows, 4·width): before and after the GELU */
};
struct transformer_pass {
    size_t windows, steps; /* at most those it was made for */
    struct transformer_trace layer[TRANSFORMER_LAYERS_MAX];
    float *x, *norm, *keep; /* (rows, width) twice, (rows, 2): the last */
    float *log_p;           /* (rows, vocabulary + 1) */
    float *memory;          /* owned: all of it */
};
size_t transformer_pass_floats(const struct transformer *t, size_t windows, size_t steps);
void transformer_pass_init(struct transformer_pass *p, const struct transformer *t, size_t windows,
                           size_t steps);
void transformer_pass_done(struct transformer_pass *p);
/* in (windows, steps); p->windows and p->steps say how many. */
void transformer_forward(const struct transformer *t, struct transformer_pass *p,
                         const uint32_t *in);
struct nn_norm transformer_norm(const float *param, float *gradient, size_t at, size_t width);

status transformer_train(const struct sequence_shape *s, const struct nn_training *t,
                         const struct sequences *data, const struct sequences *held, void **net,
                         struct error *err);
/* For the test of gradients: the loss of `data` as one batch, and its gradient (params) into `gradient`. */
double transformer_gradient(const struct transformer *t, const struct sequences *data,
                            float *gradient);

#endif
