/* SPDX-License-Identifier: Apache-2.0 */
/* Long short-term memory (Hochreiter and Schmidhuber 1997, with forget gates: Gers et al. 2000) that tells the next
 * event, as DeepLog does (Du et al., CCS 2017).  The state goes along the whole session, however long; DeepLog looks
 * back at ten events. */
#include "nn/lstm_int.h"

#include "base/mem.h"

#include <math.h>

enum { ROWS = 32 }; /* events whose output is computed at once */

struct lstm_layer lstm_layer(const struct lstm *l, size_t layer)
{
    size_t w = l->width, each = 8 * w * w + 4 * w;
    size_t at = (l->vocabulary + 1u) * w + layer * each;
    return (struct lstm_layer){at, at + 4 * w * w, at + 8 * w * w};
}

size_t lstm_output(const struct lstm *l)
{
    return lstm_layer(l, l->layers).inputs;
}

size_t lstm_params(const struct lstm *l)
{
    return lstm_output(l) + (l->width + 1) * (l->vocabulary + 1u);
}

void lstm_ready(struct lstm *l)
{
    size_t w = l->width, symbols = l->vocabulary + 1u;
    struct lstm_layer first = lstm_layer(l, 0);
    if (!l->first)
        l->first = mem_array(float, size_mul(symbols, 4 * w));
    nn_linear(symbols, 4 * w, w, l->param, w, l->param + first.inputs, l->param + first.bias, false,
              l->first, 4 * w);
}

void lstm_cell(size_t width, size_t m, float *gates, const float *c_before, float *c, float *tanh_c,
               float *h)
{
    for (size_t r = 0; r < m; r++) {
        float *g = gates + r * 4 * width;
        const float *before = c_before + r * width;
        float *now = c + r * width, *out = h + r * width;
        nn_sigmoid(g, 3 * width);
        nn_tanh(g + 3 * width, width);
        for (size_t i = 0; i < width; i++)
            now[i] = g[width + i] * before[i] + g[i] * g[3 * width + i];
        memcpy(out, now, width * sizeof *out);
        nn_tanh(out, width);
        if (tanh_c)
            memcpy(tanh_c + r * width, out, width * sizeof *out);
        nn_mul(out, g + 2 * width, width);
    }
}

/* ---- one session ---- */

struct walk {
    const struct lstm *l;
    float *h, *c, *gates; /* (layers, width) twice, (4·width); one allocation */
    float *rows;          /* (ROWS, width): what the last layer put out */
    float *log_p;         /* (ROWS, vocabulary + 1) */
};

static void walk_init(struct walk *k, const struct lstm *l)
{
    size_t state = l->layers * l->width, outputs = l->vocabulary + 1u;
    k->l = l;
    k->h = mem_array(float, 2 * state + 4 * l->width + ROWS * (l->width + outputs));
    k->c = k->h + state;
    k->gates = k->c + state;
    k->rows = k->gates + 4 * l->width;
    k->log_p = k->rows + ROWS * l->width;
}

static void walk_done(struct walk *k)
{
    mem_free(k->h);
}

/* Take in one symbol; `out` (width): what the last layer puts out. */
static void walk_step(struct walk *k, uint32_t symbol, float *out)
{
    const struct lstm *l = k->l;
    size_t w = l->width;
    for (size_t i = 0; i < l->layers; i++) {
        struct lstm_layer at = lstm_layer(l, i);
        float *h = k->h + i * w, *c = k->c + i * w;
        if (i == 0)
            memcpy(k->gates, l->first + symbol * 4 * w, 4 * w * sizeof(float));
        else
            nn_linear(1, 4 * w, w, h - w, w, l->param + at.inputs, l->param + at.bias, false,
                      k->gates, 4 * w);
        nn_gemm(NN_AS_IS, NN_AS_IS, 1, 4 * w, w, h, w, l->param + at.recurrent, 4 * w, 1, k->gates,
                4 * w);
        lstm_cell(w, 1, k->gates, c, c, NULL, h);
    }
    memcpy(out, k->h + (l->layers - 1) * w, w * sizeof *out);
}

/* log_p of the first `rows` of what was put out. */
static void walk_output(struct walk *k, size_t rows)
{
    const struct lstm *l = k->l;
    size_t outputs = l->vocabulary + 1u, w = l->width;
    const float *o = l->param + lstm_output(l);
    nn_linear(rows, outputs, w, k->rows, w, o, o + w * outputs, false, k->log_p, outputs);
    nn_log_softmax(k->log_p, rows, outputs);
}

static void lstm_surprise(const void *net, const uint32_t *event, size_t n, float *surprise,
                          uint32_t *rank)
{
    const struct lstm *l = net;
    size_t outputs = l->vocabulary + 1u;
    struct walk k;
    walk_init(&k, l);
    for (size_t from = 0; from <= n; from += ROWS) {
        size_t rows = n + 1 - from < ROWS ? n + 1 - from : ROWS;
        for (size_t i = 0; i < rows; i++)
            walk_step(&k, from + i ? event[from + i - 1] : l->vocabulary, k.rows + i * l->width);
        walk_output(&k, rows);
        for (size_t i = 0; i < rows; i++) {
            uint32_t symbol = from + i < n ? event[from + i] : l->vocabulary;
            surprise[from + i] = -k.log_p[i * outputs + symbol];
            if (rank)
                rank[from + i] = sequence_rank(k.log_p + i * outputs, outputs, symbol);
        }
    }
    walk_done(&k);
}

static void lstm_predict(const void *net, const uint32_t *event, size_t at, float *log_p)
{
    const struct lstm *l = net;
    struct walk k;
    walk_init(&k, l);
    for (size_t i = 0; i <= at; i++)
        walk_step(&k, i ? event[i - 1] : l->vocabulary, k.rows);
    walk_output(&k, 1);
    memcpy(log_p, k.log_p, (l->vocabulary + 1u) * sizeof *log_p);
    walk_done(&k);
}

static void lstm_free(void *net)
{
    struct lstm *l = net;
    if (!l)
        return;
    mem_free(l->param);
    mem_free(l->first);
    mem_free(l);
}

static void lstm_write(const void *net, struct sbuf *out)
{
    const struct lstm *l = net;
    put_u64(out, l->width);
    put_u64(out, l->layers);
    put_floats(out, l->param, lstm_params(l));
}

static status lstm_read(struct reader *r, uint32_t vocabulary, void **net, struct error *err)
{
    uint64_t width = take_u64(r), layers = take_u64(r);
    struct lstm shape = {.vocabulary = vocabulary, .width = width, .layers = layers};
    if (!r->ok || width < 1 || width > SEQUENCE_WIDTH_MAX || layers < 1 ||
        layers > LSTM_LAYERS_MAX || rd_left(r) / sizeof(float) < lstm_params(&shape))
        return fail(err, ST_INVALID,
                    "an LSTM of '%llu' layers of '%llu' is cut short or can not be",
                    (unsigned long long)layers, (unsigned long long)width);
    struct lstm *l = mem_new(struct lstm);
    *l = shape;
    l->param = mem_array(float, lstm_params(l));
    bool good = take_floats(r, l->param, lstm_params(l));
    /* Numbers that no training makes could overflow on the way. */
    for (size_t i = 0; good && i < lstm_params(l); i++)
        good = fabsf(l->param[i]) < 1e6f;
    if (!good) {
        lstm_free(l);
        return fail(err, ST_INVALID, "the LSTM's weights can not be");
    }
    lstm_ready(l);
    *net = l;
    return ST_OK;
}

const struct learner learner_lstm = {
    .name = "lstm",
    .train = lstm_train,
    .free = lstm_free,
    .surprise = lstm_surprise,
    .predict = lstm_predict,
    .write = lstm_write,
    .read = lstm_read,
};
