/* SPDX-License-Identifier: Apache-2.0 */
/* Truncated backpropagation through time (Werbos 1990; Williams and Peng 1990).
 *
 * Sessions are laid end to end in some tens of streams; a step takes the next LSTM_STEPS symbols of all streams,
 * carries their states on, and sends gradients back as far as the step began.  BEGIN clears a stream's state, so that
 * sessions know nothing of each other.  A shard has some of the streams, always the same ones.
 *
 * One symbol looked back at in a hundred is replaced by the last of the vocabulary, which stands for what training
 * never saw: so that its row is not left as it was drawn. */
#include "nn/lstm_int.h"

#include "base/mem.h"
#include "base/random.h"

#include <math.h>

enum { EPOCHS = 20, STREAMS_MAX = 64, STREAMS_FILL = 4, STEPS_WANTED = 120, BLANK_ONE_IN = 100 };

/* What one layer leaves for the way back; rows are (steps, streams of the shard). */
struct trace {
    float *in;     /* borrowed or owned by the shard: (rows, width) */
    float *gates;  /* (rows, 4·width) */
    float *h_past; /* (rows, width): states before each step, cleared where a session begins */
    float *c_past;
    float *c, *tanh_c, *h; /* (rows, width) */
};
struct shard {
    float *memory; /* owned: everything below */
    struct trace layer[LSTM_LAYERS_MAX];
    float *symbols;           /* (rows, width) */
    float *log_p;             /* (rows, vocabulary + 1) */
    float *dh, *dx;           /* (rows, width) */
    float *dh_next, *dc_next; /* (streams, width) */
    float *h_state, *c_state; /* (layers, streams, width): carried from step to step */
};
struct training {
    struct lstm net;
    const struct sequences *data;
    uint64_t seed;
    size_t steps, streams; /* of a chunk, of a shard */
    size_t chunks;
    uint32_t *in, *target; /* (chunks, shards, steps, streams), owned */
    struct shard shard[FIT_SHARDS];
};

/* ---- layout ---- */

enum { TRACE = 9 }; /* of rows·width: what a layer leaves */

static size_t shard_floats(const struct training *t)
{
    size_t state = t->streams * t->net.width, layers = t->net.layers;
    return t->steps * state * (TRACE * layers + 3) + 2 * state * (layers + 1) +
           t->steps * t->streams * (t->net.vocabulary + 1u);
}

static void shard_init(struct shard *s, const struct training *t)
{
    size_t w = t->net.width, layers = t->net.layers, m = t->streams, rows = t->steps * m;
    size_t outputs = t->net.vocabulary + 1u, each = TRACE * rows * w;
    float *p = s->memory = mem_array(float, shard_floats(t));
    s->symbols = p;
    s->dh = p + rows * w;
    s->dx = p + 2 * rows * w;
    p += 3 * rows * w;
    for (size_t i = 0; i < layers; i++, p += each) {
        struct trace *l = &s->layer[i];
        l->gates = p;
        l->h_past = p + 4 * rows * w;
        l->c_past = p + 5 * rows * w;
        l->c = p + 6 * rows * w;
        l->tanh_c = p + 7 * rows * w;
        l->h = p + 8 * rows * w;
        l->in = i ? s->layer[i - 1].h : s->symbols;
    }
    s->log_p = p;
    s->dh_next = p + rows * outputs;
    s->dc_next = s->dh_next + m * w;
    s->h_state = s->dc_next + m * w;
    s->c_state = s->h_state + layers * m * w;
}

static size_t place(const struct training *t, size_t stream, size_t at)
{
    size_t chunk = at / t->steps, shard = stream / t->streams;
    return ((chunk * FIT_SHARDS + shard) * t->steps + at % t->steps) * t->streams +
           stream % t->streams;
}

/* Give each session to the stream that is shortest so far. */
static void deal(const struct training *t, const uint32_t *order, size_t *stream_of, size_t *length)
{
    memset(length, 0, t->streams * FIT_SHARDS * sizeof *length);
    for (size_t i = 0; i < t->data->count; i++) {
        size_t shortest = 0;
        for (size_t s = 1; s < t->streams * FIT_SHARDS; s++)
            shortest = length[s] < length[shortest] ? s : shortest;
        stream_of[i] = shortest;
        length[shortest] += t->data->start[order[i] + 1] - t->data->start[order[i]] + 1;
    }
}

static void lay(struct training *t, size_t session, size_t stream, size_t at, struct random *r)
{
    const uint32_t *event = t->data->event + t->data->start[session];
    size_t n = t->data->start[session + 1] - t->data->start[session];
    uint32_t v = t->net.vocabulary;
    for (size_t i = 0; i <= n; i++) {
        bool blank = random_below(r, BLANK_ONE_IN) == 0;
        size_t p = place(t, stream, at + i);
        t->in[p] = i == 0 ? v : blank ? v - 1 : event[i - 1];
        t->target[p] = i < n ? event[i] : v;
    }
}

static size_t lstm_plan(void *net, unsigned epoch)
{
    struct training *t = net;
    size_t count = t->data->count, streams = t->streams * FIT_SHARDS;
    struct random r;
    random_init(&r, t->seed, 100 + epoch);
    uint32_t *order = mem_array(uint32_t, count);
    for (size_t i = 0; i < count; i++)
        order[i] = (uint32_t)i;
    random_shuffle(&r, order, (uint32_t)count);
    size_t *stream_of = mem_array(size_t, count), *length = mem_array(size_t, streams);
    deal(t, order, stream_of, length);
    size_t longest = 0;
    for (size_t s = 0; s < streams; s++)
        longest = length[s] > longest ? length[s] : longest;
    t->chunks = (longest + t->steps - 1) / t->steps;
    size_t places = size_mul(t->chunks * t->steps, streams);
    t->in = mem_resize(t->in, places * sizeof *t->in);
    t->target = mem_resize(t->target, places * sizeof *t->target);
    for (size_t i = 0; i < places; i++) {
        t->in[i] = t->net.vocabulary;
        t->target[i] = SEQUENCE_NONE;
    }
    memset(length, 0, streams * sizeof *length);
    for (size_t i = 0; i < count; i++) {
        lay(t, order[i], stream_of[i], length[stream_of[i]], &r);
        length[stream_of[i]] += t->data->start[order[i] + 1] - t->data->start[order[i]] + 1;
    }
    mem_free(order);
    mem_free(stream_of);
    mem_free(length);
    return t->chunks;
}

/* ---- forward ---- */

static void layer_forward(const struct training *t, struct shard *s, size_t layer,
                          const uint32_t *in)
{
    size_t w = t->net.width, m = t->streams;
    const float *param = t->net.param;
    struct lstm_layer at = lstm_layer(&t->net, layer);
    struct trace *l = &s->layer[layer];
    float *h = s->h_state + layer * m * w, *c = s->c_state + layer * m * w;
    nn_linear(t->steps * m, 4 * w, w, l->in, w, param + at.inputs, param + at.bias, false, l->gates,
              4 * w);
    for (size_t i = 0; i < t->steps; i++) {
        size_t row = i * m;
        for (size_t k = 0; k < m; k++) {
            if (in[row + k] != t->net.vocabulary)
                continue;
            memset(h + k * w, 0, w * sizeof *h);
            memset(c + k * w, 0, w * sizeof *c);
        }
        memcpy(l->h_past + row * w, h, m * w * sizeof *h);
        memcpy(l->c_past + row * w, c, m * w * sizeof *c);
        nn_gemm(NN_AS_IS, NN_AS_IS, m, 4 * w, w, h, w, param + at.recurrent, 4 * w, 1,
                l->gates + row * 4 * w, 4 * w);
        lstm_cell(w, m, l->gates + row * 4 * w, l->c_past + row * w, l->c + row * w,
                  l->tanh_c + row * w, l->h + row * w);
        memcpy(h, l->h + row * w, m * w * sizeof *h);
        memcpy(c, l->c + row * w, m * w * sizeof *c);
    }
}

/* log_p becomes its own gradient: the softmax, less one at what came; zero where nothing is expected. */
static void output_gradient(float *log_p, const uint32_t *target, size_t rows, size_t outputs,
                            double *loss, size_t *events)
{
    for (size_t r = 0; r < rows; r++) {
        float *row = log_p + r * outputs;
        if (target[r] == SEQUENCE_NONE) {
            memset(row, 0, outputs * sizeof *row);
            continue;
        }
        *loss -= row[target[r]];
        *events += 1;
        for (size_t i = 0; i < outputs; i++)
            row[i] = expf(row[i]);
        row[target[r]] -= 1;
    }
}

/* ---- backward ---- */

/* Gates of `row` become the gradients of their sums. */
static void cell_backward(const struct training *t, struct shard *s, struct trace *l, size_t row)
{
    size_t w = t->net.width;
    for (size_t k = 0; k < t->streams; k++) {
        float *g = l->gates + (row + k) * 4 * w;
        const float *tc = l->tanh_c + (row + k) * w, *past = l->c_past + (row + k) * w;
        const float *dh = s->dh + (row + k) * w;
        float *dh_next = s->dh_next + k * w, *dc_next = s->dc_next + k * w;
        for (size_t i = 0; i < w; i++) {
            float in = g[i], forget = g[w + i], out = g[2 * w + i], value = g[3 * w + i];
            float d = dh[i] + dh_next[i];
            float dc = dc_next[i] + d * out * (1 - tc[i] * tc[i]);
            g[i] = dc * value * in * (1 - in);
            g[w + i] = dc * past[i] * forget * (1 - forget);
            g[2 * w + i] = d * tc[i] * out * (1 - out);
            g[3 * w + i] = dc * in * (1 - value * value);
            dc_next[i] = dc * forget;
        }
    }
}

static void layer_backward(const struct training *t, struct shard *s, size_t layer,
                           const uint32_t *in, float *gradient)
{
    size_t w = t->net.width, m = t->streams, rows = t->steps * m;
    const float *param = t->net.param;
    struct lstm_layer at = lstm_layer(&t->net, layer);
    struct trace *l = &s->layer[layer];
    memset(s->dh_next, 0, m * w * sizeof(float));
    memset(s->dc_next, 0, m * w * sizeof(float));
    for (size_t i = t->steps; i-- > 0;) {
        size_t row = i * m;
        cell_backward(t, s, l, row);
        nn_gemm(NN_AS_IS, NN_TRANSPOSED, m, w, 4 * w, l->gates + row * 4 * w, 4 * w,
                param + at.recurrent, 4 * w, 0, s->dh_next, w);
        for (size_t k = 0; k < m; k++) {
            if (in[row + k] != t->net.vocabulary)
                continue; /* what was before BEGIN had no part in it */
            memset(s->dh_next + k * w, 0, w * sizeof(float));
            memset(s->dc_next + k * w, 0, w * sizeof(float));
        }
    }
    nn_gemm(NN_TRANSPOSED, NN_AS_IS, w, 4 * w, rows, l->h_past, w, l->gates, 4 * w, 1,
            gradient + at.recurrent, 4 * w);
    nn_gemm(NN_TRANSPOSED, NN_AS_IS, w, 4 * w, rows, l->in, w, l->gates, 4 * w, 1,
            gradient + at.inputs, 4 * w);
    nn_sum_rows(gradient + at.bias, l->gates, rows, 4 * w);
    nn_gemm(NN_AS_IS, NN_TRANSPOSED, rows, w, 4 * w, l->gates, 4 * w, param + at.inputs, 4 * w, 0,
            s->dx, w);
}

static void lstm_shard(void *net, size_t step, size_t which, float *gradient, double *loss,
                       size_t *events)
{
    struct training *t = net;
    struct shard *s = &t->shard[which];
    size_t w = t->net.width, rows = t->steps * t->streams, outputs = t->net.vocabulary + 1u;
    size_t from = (step * FIT_SHARDS + which) * rows;
    const uint32_t *in = t->in + from;
    const float *param = t->net.param;
    if (step == 0)
        memset(s->h_state, 0, 2 * t->net.layers * t->streams * w * sizeof(float));
    for (size_t r = 0; r < rows; r++)
        memcpy(s->symbols + r * w, param + in[r] * w, w * sizeof(float));
    for (size_t i = 0; i < t->net.layers; i++)
        layer_forward(t, s, i, in);
    size_t out = lstm_output(&t->net);
    const float *h = s->layer[t->net.layers - 1].h;
    nn_linear(rows, outputs, w, h, w, param + out, param + out + w * outputs, false, s->log_p,
              outputs);
    nn_log_softmax(s->log_p, rows, outputs);
    output_gradient(s->log_p, t->target + from, rows, outputs, loss, events);
    nn_gemm(NN_TRANSPOSED, NN_AS_IS, w, outputs, rows, h, w, s->log_p, outputs, 1, gradient + out,
            outputs);
    nn_sum_rows(gradient + out + w * outputs, s->log_p, rows, outputs);
    nn_gemm(NN_AS_IS, NN_TRANSPOSED, rows, w, outputs, s->log_p, outputs, param + out, outputs, 0,
            s->dh, w);
    for (size_t i = t->net.layers; i-- > 0;) {
        layer_backward(t, s, i, in, gradient);
        float *free_again = s->dh; /* what goes into a layer came out of the one below */
        s->dh = s->dx;
        s->dx = free_again;
    }
    for (size_t r = 0; r < rows; r++)
        nn_add(gradient + in[r] * w, s->dh + r * w, w);
}

static void ready(void *net)
{
    struct training *t = net;
    lstm_ready(&t->net);
}

static const struct fit_ops ops = {.plan = lstm_plan, .shard = lstm_shard, .ready = ready};

/* ---- all of it ---- */

static void draw(const struct lstm *l, uint64_t seed)
{
    struct random r;
    random_init(&r, seed, 2);
    size_t w = l->width, symbols = l->vocabulary + 1u;
    for (size_t i = 0; i < symbols * w; i++)
        l->param[i] = (float)(0.1 * random_normal(&r));
    for (size_t i = 0; i < l->layers; i++) {
        struct lstm_layer at = lstm_layer(l, i);
        nn_glorot(l->param + at.inputs, w, 4 * w, &r);
        nn_glorot(l->param + at.recurrent, w, 4 * w, &r);
        for (size_t k = w; k < 2 * w; k++)
            l->param[at.bias + k] = 1; /* remember at first (Jozefowicz et al. 2015) */
    }
    nn_glorot(l->param + lstm_output(l), w, symbols, &r);
}

static size_t symbols_of(const struct sequences *data)
{
    return data->start[data->count] - data->start[0] + data->count;
}

static size_t longest_of(const struct sequences *data)
{
    size_t longest = 1;
    for (size_t i = 0; i < data->count; i++) {
        size_t n = data->start[i + 1] - data->start[i] + 1;
        longest = n > longest ? n : longest;
    }
    return longest;
}

/* So many streams that an epoch has some hundred steps, but no more than there is to put beside the longest session: all
 * streams are as long as it is, and what they have no events for is memory too. */
static size_t streams_for(const struct nn_training *t, const struct sequences *data, size_t steps)
{
    size_t streams = t->batch ? t->batch : symbols_of(data) / (steps * STEPS_WANTED);
    streams = streams > STREAMS_MAX ? STREAMS_MAX : streams < 8 ? 8 : streams;
    size_t fill = STREAMS_FILL * symbols_of(data) / longest_of(data);
    streams = streams > fill ? fill : streams;
    return (streams + FIT_SHARDS - 1) / FIT_SHARDS;
}

static void training_done(struct training *t)
{
    for (size_t i = 0; i < FIT_SHARDS; i++)
        mem_free(t->shard[i].memory);
    mem_free(t->in);
    mem_free(t->target);
    mem_free(t->net.first);
}

status lstm_train(const struct sequence_shape *s, const struct nn_training *t,
                  const struct sequences *data, const struct sequences *held, void **net,
                  struct error *err)
{
    if (s->layers > LSTM_LAYERS_MAX)
        return fail(err, ST_INVALID, "'%zu' layers; an LSTM has at most %d", s->layers,
                    LSTM_LAYERS_MAX);
    struct training k = {.data = data, .seed = t->seed};
    k.net = (struct lstm){.vocabulary = data->vocabulary,
                          .width = s->width ? s->width : LSTM_WIDTH,
                          .layers = s->layers ? s->layers : 1};
    k.steps = s->context ? s->context : LSTM_STEPS;
    k.streams = streams_for(t, data, k.steps);
    status st = fit_room(lstm_params(&k.net), shard_floats(&k), err);
    if (st != ST_OK)
        return st;
    for (size_t i = 0; i < FIT_SHARDS; i++)
        shard_init(&k.shard[i], &k);
    struct nn_adam adam;
    float rate = t->rate > 0 ? t->rate : 4e-3f;
    nn_adam_init(&adam, lstm_params(&k.net), rate);
    adam.clip = 1;
    k.net.param = adam.value;
    draw(&k.net, t->seed);
    struct fit f = {
        .ops = &ops,
        .net = &k,
        .learner = &learner_lstm,
        .scorer = &k.net,
        .adam = &adam,
        .param = &k.net.param,
        .epochs = fit_epochs(t, EPOCHS, symbols_of(data) / (k.steps * k.streams * FIT_SHARDS)),
        .rate = rate,
        .print = fit_print(s, t, data)};
    st = fit_run(&f, t, held, err);
    if (st == ST_OK) {
        struct lstm *out = mem_new(struct lstm);
        *out = k.net;
        out->first = NULL;
        out->param = mem_array(float, lstm_params(out));
        memcpy(out->param, adam.value, lstm_params(out) * sizeof(float));
        lstm_ready(out);
        *net = out;
    }
    training_done(&k);
    nn_adam_done(&adam);
    return st;
}

double lstm_gradient(const struct lstm *l, const struct sequences *data, float *gradient)
{
    struct training k = {.net = *l, .data = data, .seed = 1, .steps = 16, .streams = 2};
    k.net.first = NULL;
    for (size_t i = 0; i < FIT_SHARDS; i++)
        shard_init(&k.shard[i], &k);
    double loss = 0;
    size_t events = 0, chunks = lstm_plan(&k, 0);
    for (size_t c = 0; c < chunks; c++) {
        for (size_t i = 0; i < FIT_SHARDS; i++)
            lstm_shard(&k, c, i, gradient, &loss, &events);
    }
    training_done(&k);
    return loss;
}
