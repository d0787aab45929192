/* SPDX-License-Identifier: Apache-2.0 */
/* A transformer (Vaswani et al., "Attention is all you need", 2017) that tells the next event: each looks at itself and
 * those before it in a window of `context` symbols.  Norms come before what they feed (Xiong et al., ICML 2020), which
 * trains without a warm-up; places are learnt.
 *
 * A session longer than the window is read in windows that overlap by half, and an event counts where it has the more
 * before it. */
#include "nn/transformer_int.h"

#include "base/mem.h"

#include <assert.h>
#include <math.h>

size_t transformer_places(const struct transformer *t)
{
    return (t->vocabulary + 1u) * t->width;
}

struct transformer_layer transformer_layer(const struct transformer *t, size_t layer)
{
    size_t w = t->width, inner = TRANSFORMER_INNER * w;
    size_t each = 4 * w + 3 * w * w + 3 * w + w * w + w + 2 * w * inner + inner + w;
    struct transformer_layer l = {.norm1 = transformer_places(t) + t->context * w + layer * each};
    l.qkv = l.norm1 + 2 * w;
    l.qkv_bias = l.qkv + 3 * w * w;
    l.mix = l.qkv_bias + 3 * w;
    l.mix_bias = l.mix + w * w;
    l.norm2 = l.mix_bias + w;
    l.up = l.norm2 + 2 * w;
    l.up_bias = l.up + w * inner;
    l.down = l.up_bias + inner;
    l.down_bias = l.down + inner * w;
    l.end = l.down_bias + w;
    return l;
}

size_t transformer_last(const struct transformer *t)
{
    return transformer_layer(t, t->layers).norm1;
}

size_t transformer_params(const struct transformer *t)
{
    return transformer_last(t) + 2 * t->width + (t->width + 1) * (t->vocabulary + 1u);
}

/* ---- a pass ---- */

static float *cut(float **p, size_t n)
{
    float *here = *p;
    *p += n;
    return here;
}

size_t transformer_pass_floats(const struct transformer *t, size_t windows, size_t steps)
{
    size_t w = t->width, rows = windows * steps, inner = TRANSFORMER_INNER * w;
    size_t each = rows * (8 * w + 2 * inner + 4) + windows * t->heads * steps * steps;
    return t->layers * each + rows * (2 * w + 2 + t->vocabulary + 1u);
}

void transformer_pass_init(struct transformer_pass *p, const struct transformer *t, size_t windows,
                           size_t steps)
{
    assert(t->layers > 0 && t->layers <= TRANSFORMER_LAYERS_MAX);
    size_t w = t->width, rows = windows * steps, inner = TRANSFORMER_INNER * w;
    float *at = p->memory = mem_array(float, transformer_pass_floats(t, windows, steps));
    p->windows = windows;
    p->steps = steps;
    for (size_t i = 0; i < t->layers; i++) {
        struct transformer_trace *l = &p->layer[i];
        l->x = cut(&at, rows * w);
        l->norm1 = cut(&at, rows * w);
        l->keep1 = cut(&at, rows * 2);
        l->qkv = cut(&at, rows * 3 * w);
        l->part = cut(&at, windows * t->heads * steps * steps);
        l->heads = cut(&at, rows * w);
        l->middle = cut(&at, rows * w);
        l->norm2 = cut(&at, rows * w);
        l->keep2 = cut(&at, rows * 2);
        l->up = cut(&at, rows * inner);
        l->bent = cut(&at, rows * inner);
    }
    p->x = cut(&at, rows * w);
    p->norm = cut(&at, rows * w);
    p->keep = cut(&at, rows * 2);
    p->log_p = at;
}

void transformer_pass_done(struct transformer_pass *p)
{
    mem_free(p->memory);
}

struct nn_norm transformer_norm(const float *param, float *gradient, size_t at, size_t width)
{
    return (struct nn_norm){.gain = param + at,
                            .bias = param + at + width,
                            .gain_d = gradient ? gradient + at : NULL,
                            .bias_d = gradient ? gradient + at + width : NULL,
                            .n = width};
}

/* One head of one window: parts = softmax(Q·Kᵀ/√d) of those not after, and those parts of V. */
static void attend(const struct transformer *t, float *qkv, size_t steps, float *part, float *out)
{
    size_t w = t->width, d = w / t->heads;
    float scale = 1 / sqrtf((float)d);
    nn_gemm(NN_AS_IS, NN_TRANSPOSED, steps, steps, d, qkv, 3 * w, qkv + w, 3 * w, 0, part, steps);
    for (size_t i = 0; i < steps; i++) {
        for (size_t j = 0; j < steps; j++)
            part[i * steps + j] = j > i ? -INFINITY : part[i * steps + j] * scale;
    }
    nn_softmax(part, steps, steps);
    nn_gemm(NN_AS_IS, NN_AS_IS, steps, d, steps, part, steps, qkv + 2 * w, 3 * w, 0, out, w);
}

static void layer_forward(const struct transformer *t, struct transformer_pass *p, size_t which,
                          float *out)
{
    size_t w = t->width, inner = TRANSFORMER_INNER * w, rows = p->windows * p->steps;
    const float *param = t->param;
    struct transformer_layer at = transformer_layer(t, which);
    struct transformer_trace *l = &p->layer[which];
    struct nn_norm first = transformer_norm(param, NULL, at.norm1, w);
    struct nn_norm second = transformer_norm(param, NULL, at.norm2, w);
    nn_layer_norm(&first, l->x, rows, l->norm1, l->keep1);
    nn_linear(rows, 3 * w, w, l->norm1, w, param + at.qkv, param + at.qkv_bias, false, l->qkv,
              3 * w);
    for (size_t i = 0; i < p->windows * t->heads; i++) {
        size_t window = i / t->heads, column = i % t->heads * (w / t->heads);
        attend(t, l->qkv + window * p->steps * 3 * w + column, p->steps,
               l->part + i * p->steps * p->steps, l->heads + window * p->steps * w + column);
    }
    nn_linear(rows, w, w, l->heads, w, param + at.mix, param + at.mix_bias, false, l->middle, w);
    nn_add(l->middle, l->x, rows * w);
    nn_layer_norm(&second, l->middle, rows, l->norm2, l->keep2);
    nn_linear(rows, inner, w, l->norm2, w, param + at.up, param + at.up_bias, false, l->up, inner);
    memcpy(l->bent, l->up, rows * inner * sizeof(float));
    nn_gelu(l->bent, rows * inner);
    nn_linear(rows, w, inner, l->bent, inner, param + at.down, param + at.down_bias, false, out, w);
    nn_add(out, l->middle, rows * w);
}

void transformer_forward(const struct transformer *t, struct transformer_pass *p,
                         const uint32_t *in)
{
    size_t w = t->width, rows = p->windows * p->steps, outputs = t->vocabulary + 1u;
    float *x = p->layer[0].x;
    for (size_t r = 0; r < rows; r++) {
        memcpy(x + r * w, t->param + in[r] * w, w * sizeof *x);
        nn_add(x + r * w, t->param + transformer_places(t) + r % p->steps * w, w);
    }
    for (size_t i = 0; i < t->layers; i++)
        layer_forward(t, p, i, i + 1 < t->layers ? p->layer[i + 1].x : p->x);
    size_t last = transformer_last(t), out = last + 2 * w;
    struct nn_norm norm = transformer_norm(t->param, NULL, last, w);
    nn_layer_norm(&norm, p->x, rows, p->norm, p->keep);
    nn_linear(rows, outputs, w, p->norm, w, t->param + out, t->param + out + w * outputs, false,
              p->log_p, outputs);
    nn_log_softmax(p->log_p, rows, outputs);
}

/* ---- one session ---- */

/* Read symbols from … from + steps - 1 of BEGIN e0 e1 … */
static void read_window(const struct transformer *t, struct transformer_pass *p,
                        const uint32_t *event, size_t from, uint32_t *in)
{
    size_t i = 0;
    if (from == 0)
        in[i++] = t->vocabulary;
    for (; i < p->steps; i++)
        in[i] = event[from + i - 1];
    transformer_forward(t, p, in);
}

static void transformer_surprise(const void *net, const uint32_t *event, size_t n, float *surprise,
                                 uint32_t *rank)
{
    const struct transformer *t = net;
    size_t outputs = t->vocabulary + 1u, room = n + 1 < t->context ? n + 1 : t->context;
    struct transformer_pass p;
    transformer_pass_init(&p, t, 1, room);
    uint32_t *in = mem_array(uint32_t, room);
    for (size_t done = 0; done <= n;) {
        size_t from = done == 0 ? 0 : done - t->context / 2;
        p.steps = n + 1 - from < room ? n + 1 - from : room;
        read_window(t, &p, event, from, in);
        for (; done < from + p.steps; done++) {
            const float *log_p = p.log_p + (done - from) * outputs;
            uint32_t symbol = done < n ? event[done] : t->vocabulary;
            surprise[done] = -log_p[symbol];
            if (rank)
                rank[done] = sequence_rank(log_p, outputs, symbol);
        }
    }
    mem_free(in);
    transformer_pass_done(&p);
}

/* With as much before it as transformer_surprise has. */
static void transformer_predict(const void *net, const uint32_t *event, size_t at, float *log_p)
{
    const struct transformer *t = net;
    size_t half = t->context / 2, outputs = t->vocabulary + 1u;
    size_t from = at < t->context ? 0 : (at - t->context) / (t->context - half) + 1;
    from *= t->context - half;
    struct transformer_pass p;
    transformer_pass_init(&p, t, 1, at + 1 - from);
    uint32_t *in = mem_array(uint32_t, p.steps);
    read_window(t, &p, event, from, in);
    memcpy(log_p, p.log_p + (p.steps - 1) * outputs, outputs * sizeof *log_p);
    mem_free(in);
    transformer_pass_done(&p);
}

static void transformer_free(void *net)
{
    struct transformer *t = net;
    if (!t)
        return;
    mem_free(t->param);
    mem_free(t);
}

static void transformer_write(const void *net, struct sbuf *out)
{
    const struct transformer *t = net;
    put_u64(out, t->width);
    put_u64(out, t->layers);
    put_u64(out, t->heads);
    put_u64(out, t->context);
    put_floats(out, t->param, transformer_params(t));
}

static status transformer_read(struct reader *r, uint32_t vocabulary, void **net, struct error *err)
{
    struct transformer shape = {.vocabulary = vocabulary};
    shape.width = take_u64(r);
    shape.layers = take_u64(r);
    shape.heads = take_u64(r);
    shape.context = take_u64(r);
    if (!r->ok || shape.width < 1 || shape.width > SEQUENCE_WIDTH_MAX || shape.layers < 1 ||
        shape.layers > TRANSFORMER_LAYERS_MAX || shape.heads < 1 || shape.heads > shape.width ||
        shape.width % shape.heads || shape.context < 2 || shape.context > SEQUENCE_CONTEXT_MAX ||
        rd_left(r) / sizeof(float) < transformer_params(&shape))
        return fail(err, ST_INVALID, "a transformer of width '%zu' is cut short or can not be",
                    shape.width);
    struct transformer *t = mem_new(struct transformer);
    *t = shape;
    t->param = mem_array(float, transformer_params(t));
    bool good = take_floats(r, t->param, transformer_params(t));
    /* Numbers that no training makes could overflow on the way. */
    for (size_t i = 0; good && i < transformer_params(t); i++)
        good = fabsf(t->param[i]) < 1e4f;
    if (!good) {
        transformer_free(t);
        return fail(err, ST_INVALID, "the transformer's weights can not be");
    }
    *net = t;
    return ST_OK;
}

const struct learner learner_transformer = {
    .name = "transformer",
    .train = transformer_train,
    .free = transformer_free,
    .surprise = transformer_surprise,
    .predict = transformer_predict,
    .write = transformer_write,
    .read = transformer_read,
};
