/* SPDX-License-Identifier: Apache-2.0 */
/* The kernels as plain loops: what the others are tested against, and what runs where there is nothing better. */
#include "nn/nn_int.h"

static void gemm(const struct gemm *g)
{
    size_t a_row = g->a_op == NN_AS_IS ? g->lda : 1, a_col = g->a_op == NN_AS_IS ? 1 : g->lda;
    size_t b_row = g->b_op == NN_AS_IS ? g->ldb : 1, b_col = g->b_op == NN_AS_IS ? 1 : g->ldb;
    for (size_t i = 0; i < g->m; i++) {
        float *c = g->c + i * g->ldc;
        for (size_t j = 0; j < g->n; j++)
            c[j] = (g->beta != 0 ? g->beta * c[j] : 0) + (g->bias ? g->bias[j] : 0);
        for (size_t k = 0; k < g->k; k++) {
            float x = g->a[i * a_row + k * a_col];
            for (size_t j = 0; j < g->n; j++)
                c[j] += x * g->b[k * b_row + j * b_col];
        }
        for (size_t j = 0; g->relu && j < g->n; j++)
            c[j] = c[j] < 0 ? 0 : c[j];
    }
}

static void add(float *y, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] += x[i];
}
static void axpy(float *y, float f, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] += f * x[i];
}
static void mul(float *y, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] *= x[i];
}
static void mul_add(float *y, const float *a, const float *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] += a[i] * b[i];
}

/* ---- activations ---- */

static float sigmoid_of(float x)
{
    return 1 / (1 + expf(-x));
}
static float gelu_in(float x)
{
    return 1.59576912161f * (x + 0.044715f * x * x * x);
}

static void relu(float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] = x[i] < 0 ? 0 : x[i];
}
static void tanhs(float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] = tanhf(x[i]);
}
static void sigmoid(float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] = sigmoid_of(x[i]);
}
static void gelu(float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] *= sigmoid_of(gelu_in(x[i]));
}
static void relu_back(float *d, const float *y, size_t n)
{
    for (size_t i = 0; i < n; i++)
        d[i] = y[i] > 0 ? d[i] : 0;
}
static void tanh_back(float *d, const float *y, size_t n)
{
    for (size_t i = 0; i < n; i++)
        d[i] *= 1 - y[i] * y[i];
}
static void sigmoid_back(float *d, const float *y, size_t n)
{
    for (size_t i = 0; i < n; i++)
        d[i] *= y[i] * (1 - y[i]);
}
static void gelu_back(float *d, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        float s = sigmoid_of(gelu_in(x[i]));
        float in = 1.59576912161f * (1 + 3 * 0.044715f * x[i] * x[i]);
        d[i] *= s + x[i] * in * s * (1 - s);
    }
}

/* ---- rows ---- */

static float row_top(const float *x, size_t n)
{
    float top = -INFINITY;
    for (size_t i = 0; i < n; i++)
        top = x[i] > top ? x[i] : top;
    return top;
}
static void softmax(float *x, size_t n)
{
    float top = row_top(x, n), sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i] = expf(x[i] - top);
    for (size_t i = 0; i < n; i++)
        x[i] /= sum;
}
static void log_softmax(float *x, size_t n)
{
    float top = row_top(x, n), sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += expf(x[i] - top);
    if (n == 0)
        return;
    float off = top + logf(sum);
    for (size_t i = 0; i < n; i++)
        x[i] -= off;
}
static float dot(const float *x, const float *y, size_t n)
{
    float sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i] * y[i];
    return sum;
}
static float square_gap(float *each, const float *x, const float *y, size_t n)
{
    float sum = 0;
    for (size_t i = 0; i < n; i++) {
        float gap = (x[i] - y[i]) * (x[i] - y[i]);
        sum += gap;
        if (each)
            each[i] = gap;
    }
    return sum;
}

static void layer_norm(const struct nn_norm *l, const float *x, float *y, float *keep)
{
    float mean = 0, squares = 0, n = (float)l->n;
    for (size_t i = 0; i < l->n; i++)
        mean += x[i] / n;
    for (size_t i = 0; i < l->n; i++)
        squares += (x[i] - mean) * (x[i] - mean);
    float scale = 1 / sqrtf(squares / n + NN_NORM_EPSILON);
    for (size_t i = 0; i < l->n; i++)
        y[i] = (x[i] - mean) * scale * l->gain[i] + l->bias[i];
    if (keep) {
        keep[0] = mean;
        keep[1] = scale;
    }
}

/* With h = (x - mean)·scale and g = dy·gain: dx = scale·(g - mean(g) - h·mean(g·h)). */
static void layer_norm_back(const struct nn_norm *l, const float *x, const float *keep,
                            const float *dy, float *dx)
{
    float total = 0, along = 0, n = (float)l->n;
    for (size_t i = 0; i < l->n; i++) {
        float h = (x[i] - keep[0]) * keep[1], g = dy[i] * l->gain[i];
        l->gain_d[i] += dy[i] * h;
        l->bias_d[i] += dy[i];
        total += g;
        along += g * h;
    }
    for (size_t i = 0; i < l->n; i++) {
        float h = (x[i] - keep[0]) * keep[1], g = dy[i] * l->gain[i];
        dx[i] = keep[1] * (g - total / n - h * along / n);
    }
}

static void adam(const struct nn_adam *a, const struct adam_rates *r)
{
    for (size_t i = 0; i < a->n; i++) {
        float g = a->gradient[i] * r->scale;
        float m = r->beta1 * a->m[i] + (1 - r->beta1) * g;
        float v = r->beta2 * a->v[i] + (1 - r->beta2) * g * g;
        a->m[i] = fabsf(m) < ADAM_LEAST ? 0 : m;
        a->v[i] = v < ADAM_LEAST ? 0 : v;
        float under = sqrtf(a->v[i] * r->correct2) + r->epsilon;
        a->value[i] -= r->rate * (a->m[i] * r->correct1 / under + r->decay * a->value[i]);
        a->gradient[i] = 0;
    }
}

const struct kernels kernels_plain = {"plain",
                                      gemm,
                                      add,
                                      axpy,
                                      mul,
                                      mul_add,
                                      relu,
                                      tanhs,
                                      sigmoid,
                                      gelu,
                                      relu_back,
                                      tanh_back,
                                      sigmoid_back,
                                      gelu_back,
                                      softmax,
                                      log_softmax,
                                      dot,
                                      layer_norm,
                                      layer_norm_back,
                                      square_gap,
                                      adam};
