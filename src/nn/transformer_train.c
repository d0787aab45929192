/* SPDX-License-Identifier: Apache-2.0 */
/* Backpropagation through the transformer, over windows of sessions.
 *
 * Each epoch cuts the sessions anew, at another offset, so that no event stands at the start of its window always, and
 * takes the windows in batches of like length, which are shuffled.  A shard has a quarter of a batch. */
#include "nn/transformer_int.h"

#include "base/mem.h"
#include "base/random.h"

#include <math.h>
#include <stdlib.h>

enum { EPOCHS = 20, BATCH_MAX = 64, BATCHES_WANTED = 150, BLANK_ONE_IN = 100 };

struct window {
    uint32_t session, from, steps;
};
struct shard {
    struct transformer_pass pass;
    uint32_t *in, *target;      /* (windows, context), owned */
    float *dx, *dwide, *dheads; /* (rows, width), (rows, 4·width), (rows, width) */
    float *dqkv, *dpart;        /* (rows, 3·width), (context, context) */
    float *memory;              /* owned: the last five */
};
struct training {
    struct transformer net;
    const struct sequences *data;
    uint64_t seed;
    unsigned epoch;
    size_t batch;          /* windows in a shard */
    struct window *window; /* owned */
    size_t windows, room;
    uint32_t *order; /* (batches): owned */
    struct shard shard[FIT_SHARDS];
};

/* But for the pass. */
static size_t own_floats(const struct training *t)
{
    size_t steps = t->net.context;
    return t->batch * steps * (5 + TRANSFORMER_INNER) * t->net.width + steps * steps;
}

static void shard_init(struct shard *s, const struct training *t)
{
    size_t w = t->net.width, steps = t->net.context, rows = t->batch * steps;
    transformer_pass_init(&s->pass, &t->net, t->batch, steps);
    s->in = mem_array(uint32_t, rows);
    s->target = mem_array(uint32_t, rows);
    s->memory = mem_array(float, own_floats(t));
    s->dx = s->memory;
    s->dheads = s->dx + rows * w;
    s->dqkv = s->dheads + rows * w;
    s->dwide = s->dqkv + rows * 3 * w;
    s->dpart = s->dwide + rows * TRANSFORMER_INNER * w;
}

/* ---- windows ---- */

static void add_window(struct training *t, size_t session, size_t from, size_t steps)
{
    if (t->windows == t->room) {
        t->room = t->room ? t->room * 2 : 64;
        t->window = mem_resize(t->window, t->room * sizeof *t->window);
    }
    t->window[t->windows++] = (struct window){(uint32_t)session, (uint32_t)from, (uint32_t)steps};
}

static int by_steps(const void *a, const void *b)
{
    const struct window *x = a, *y = b;
    if (x->steps != y->steps)
        return x->steps < y->steps ? -1 : 1;
    if (x->session != y->session)
        return x->session < y->session ? -1 : 1;
    return (x->from > y->from) - (x->from < y->from);
}

/* Put equal lengths into another order, then sort: batches of like length, not always the same together. */
static void sort_windows(struct training *t, struct random *r)
{
    uint32_t *order = mem_array(uint32_t, t->windows + 1);
    struct window *mixed = mem_array(struct window, t->windows + 1);
    qsort(t->window, t->windows, sizeof *t->window, by_steps);
    for (size_t i = 0; i < t->windows; i++)
        order[i] = (uint32_t)i;
    for (size_t a = 0, b; a < t->windows; a = b) {
        for (b = a + 1; b < t->windows && t->window[b].steps == t->window[a].steps;)
            b++;
        random_shuffle(r, order + a, (uint32_t)(b - a));
    }
    for (size_t i = 0; i < t->windows; i++)
        mixed[i] = t->window[order[i]];
    memcpy(t->window, mixed, t->windows * sizeof *mixed);
    mem_free(order);
    mem_free(mixed);
}

static size_t transformer_plan(void *net, unsigned epoch)
{
    struct training *t = net;
    struct random r;
    random_init(&r, t->seed, 100 + epoch);
    t->epoch = epoch;
    t->windows = 0;
    for (size_t s = 0; s < t->data->count; s++) {
        size_t n = t->data->start[s + 1] - t->data->start[s] + 1, c = t->net.context;
        size_t first = n <= c || epoch == 0 ? c : c / 2 + random_below(&r, (uint32_t)(c - c / 2));
        for (size_t from = 0, steps; from < n; from += steps) {
            steps = from ? c : first;
            steps = n - from < steps ? n - from : steps;
            add_window(t, s, from, steps);
        }
    }
    sort_windows(t, &r);
    size_t each = t->batch * FIT_SHARDS, batches = (t->windows + each - 1) / each;
    t->order = mem_resize(t->order, (batches + 1) * sizeof *t->order);
    for (size_t i = 0; i < batches; i++)
        t->order[i] = (uint32_t)i;
    random_shuffle(&r, t->order, (uint32_t)batches);
    return batches;
}

static void fill_row(const struct training *t, struct shard *s, const struct window *w, size_t row,
                     struct random *r)
{
    const uint32_t *event = t->data->event + t->data->start[w->session];
    size_t n = t->data->start[w->session + 1] - t->data->start[w->session];
    uint32_t v = t->net.vocabulary;
    for (size_t i = 0; i < s->pass.steps; i++) {
        size_t at = w->from + i;
        bool blank = random_below(r, BLANK_ONE_IN) == 0;
        s->in[row + i] = i >= w->steps || at == 0 ? v : blank ? v - 1 : event[at - 1];
        s->target[row + i] = i >= w->steps ? SEQUENCE_NONE : at < n ? event[at] : v;
    }
}

/* Windows of this shard in this step; false: none. */
static bool fill(const struct training *t, struct shard *s, size_t step, size_t which)
{
    size_t first = (t->order[step] * FIT_SHARDS + which) * t->batch;
    if (first >= t->windows)
        return false;
    size_t m = t->windows - first < t->batch ? t->windows - first : t->batch;
    s->pass.windows = m;
    s->pass.steps = t->window[first + m - 1].steps; /* they are sorted */
    struct random r;
    random_init(&r, t->seed ^ first, 1000000 + t->epoch);
    for (size_t i = 0; i < m; i++)
        fill_row(t, s, &t->window[first + i], i * s->pass.steps, &r);
    return true;
}

/* ---- backward ---- */

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

/* Back through one layer Y = X·W + b: W's and b's gradients are added to, dx (m, k) is from dy (m, n). */
struct linear {
    size_t m, n, k, weight, bias;
};
static void linear_backward(const struct transformer *t, struct linear l, const float *x,
                            const float *dy, float *dx, float *gradient)
{
    nn_gemm(NN_TRANSPOSED, NN_AS_IS, l.k, l.n, l.m, x, l.k, dy, l.n, 1, gradient + l.weight, l.n);
    nn_sum_rows(gradient + l.bias, dy, l.m, l.n);
    nn_gemm(NN_AS_IS, NN_TRANSPOSED, l.m, l.k, l.n, dy, l.n, t->param + l.weight, l.n, 0, dx, l.k);
}

/* One head of one window: from dout, with rows `width` apart, to dqkv. */
static void attend_backward(const struct transformer *t, struct shard *s, const float *qkv,
                            const float *part, size_t at, size_t column)
{
    size_t w = t->width, d = w / t->heads, n = s->pass.steps;
    const float *dout = s->dheads + at * w + column;
    float *dqkv = s->dqkv + at * 3 * w + column, *dpart = s->dpart;
    nn_gemm(NN_TRANSPOSED, NN_AS_IS, n, d, n, part, n, dout, w, 0, dqkv + 2 * w, 3 * w);
    nn_gemm(NN_AS_IS, NN_TRANSPOSED, n, n, d, dout, w, qkv + 2 * w, 3 * w, 0, dpart, n);
    nn_softmax_back(dpart, part, n, n);
    float scale = 1 / sqrtf((float)d);
    for (size_t i = 0; i < n * n; i++)
        dpart[i] *= scale;
    nn_gemm(NN_AS_IS, NN_AS_IS, n, d, n, dpart, n, qkv + w, 3 * w, 0, dqkv, 3 * w);
    nn_gemm(NN_TRANSPOSED, NN_AS_IS, n, d, n, dpart, n, qkv, 3 * w, 0, dqkv + w, 3 * w);
}

/* s->dx: the gradient by what the layer puts out becomes that by what it takes in. */
static void layer_backward(const struct transformer *t, struct shard *s, size_t which,
                           float *gradient)
{
    size_t w = t->width, inner = TRANSFORMER_INNER * w, rows = s->pass.windows * s->pass.steps;
    struct transformer_layer at = transformer_layer(t, which);
    struct transformer_trace *l = &s->pass.layer[which];
    struct nn_norm first = transformer_norm(t->param, gradient, at.norm1, w);
    struct nn_norm second = transformer_norm(t->param, gradient, at.norm2, w);
    float *back = s->dheads; /* (rows, width), free until attention */
    linear_backward(t, (struct linear){rows, w, inner, at.down, at.down_bias}, l->bent, s->dx,
                    s->dwide, gradient);
    nn_gelu_back(s->dwide, l->up, rows * inner);
    linear_backward(t, (struct linear){rows, inner, w, at.up, at.up_bias}, l->norm2, s->dwide, back,
                    gradient);
    nn_layer_norm_back(&second, l->middle, l->keep2, rows, back, back);
    nn_add(s->dx, back, rows * w);

    linear_backward(t, (struct linear){rows, w, w, at.mix, at.mix_bias}, l->heads, s->dx, s->dheads,
                    gradient);
    for (size_t i = 0; i < s->pass.windows * t->heads; i++) {
        size_t row = i / t->heads * s->pass.steps, column = i % t->heads * (w / t->heads);
        attend_backward(t, s, l->qkv + row * 3 * w + column,
                        l->part + i * s->pass.steps * s->pass.steps, row, column);
    }
    linear_backward(t, (struct linear){rows, 3 * w, w, at.qkv, at.qkv_bias}, l->norm1, s->dqkv,
                    back, gradient);
    nn_layer_norm_back(&first, l->x, l->keep1, rows, back, back);
    nn_add(s->dx, back, rows * w);
}

static void transformer_shard(void *net, size_t step, size_t which, float *gradient, double *loss,
                              size_t *events)
{
    struct training *k = net;
    const struct transformer *t = &k->net;
    struct shard *s = &k->shard[which];
    if (!fill(k, s, step, which))
        return;
    size_t w = t->width, rows = s->pass.windows * s->pass.steps, outputs = t->vocabulary + 1u;
    size_t last = transformer_last(t), out = last + 2 * w;
    transformer_forward(t, &s->pass, s->in);
    output_gradient(s->pass.log_p, s->target, rows, outputs, loss, events);
    linear_backward(t, (struct linear){rows, outputs, w, out, out + w * outputs}, s->pass.norm,
                    s->pass.log_p, s->dx, gradient);
    struct nn_norm norm = transformer_norm(t->param, gradient, last, w);
    nn_layer_norm_back(&norm, s->pass.x, s->pass.keep, rows, s->dx, s->dx);
    for (size_t i = t->layers; i-- > 0;)
        layer_backward(t, s, i, gradient);
    for (size_t r = 0; r < rows; r++) {
        nn_add(gradient + s->in[r] * w, s->dx + r * w, w);
        nn_add(gradient + transformer_places(t) + r % s->pass.steps * w, s->dx + r * w, w);
    }
}

static void ready(void *net)
{
    (void)net; /* nothing is computed beforehand */
}

static const struct fit_ops ops = {
    .plan = transformer_plan, .shard = transformer_shard, .ready = ready};

/* ---- all of it ---- */

static void draw(const struct transformer *t, uint64_t seed)
{
    struct random r;
    random_init(&r, seed, 2);
    size_t w = t->width, inner = TRANSFORMER_INNER * w;
    float *p = t->param;
    for (size_t i = 0; i < transformer_places(t) + t->context * w; i++)
        p[i] = (float)(0.1 * random_normal(&r));
    for (size_t i = 0; i < t->layers; i++) {
        struct transformer_layer at = transformer_layer(t, i);
        for (size_t k = 0; k < w; k++)
            p[at.norm1 + k] = p[at.norm2 + k] = 1;
        nn_glorot(p + at.qkv, w, 3 * w, &r);
        nn_glorot(p + at.mix, w, w, &r);
        nn_glorot(p + at.up, w, inner, &r);
        nn_glorot(p + at.down, inner, w, &r);
    }
    size_t last = transformer_last(t);
    for (size_t k = 0; k < w; k++)
        p[last + k] = 1;
    nn_glorot(p + last + 2 * w, w, t->vocabulary + 1u, &r);
}

static void training_init(struct training *k)
{
    for (size_t i = 0; i < FIT_SHARDS; i++)
        shard_init(&k->shard[i], k);
}

static void training_done(struct training *k)
{
    for (size_t i = 0; i < FIT_SHARDS; i++) {
        transformer_pass_done(&k->shard[i].pass);
        mem_free(k->shard[i].in);
        mem_free(k->shard[i].target);
        mem_free(k->shard[i].memory);
    }
    mem_free(k->window);
    mem_free(k->order);
}

static size_t windows_of(const struct sequences *data, size_t context)
{
    return (data->start[data->count] - data->start[0]) / context + data->count;
}

static size_t batch_for(const struct nn_training *t, const struct sequences *data, size_t context)
{
    size_t batch = t->batch ? t->batch : windows_of(data, context) / BATCHES_WANTED;
    batch = batch > BATCH_MAX ? BATCH_MAX : batch < 8 ? 8 : batch;
    return (batch + FIT_SHARDS - 1) / FIT_SHARDS;
}

static status shape_of(const struct sequence_shape *s, struct transformer *t, struct error *err)
{
    t->width = s->width ? s->width : TRANSFORMER_WIDTH;
    t->layers = s->layers ? s->layers : TRANSFORMER_LAYERS;
    t->heads = s->heads ? s->heads : TRANSFORMER_HEADS;
    t->context = s->context ? s->context : TRANSFORMER_CONTEXT;
    if (t->layers > TRANSFORMER_LAYERS_MAX || t->heads > t->width || t->width % t->heads)
        return fail(err, ST_INVALID,
                    "'%zu' layers of width '%zu' with '%zu' heads: at most %d, heads of one width",
                    t->layers, t->width, t->heads, TRANSFORMER_LAYERS_MAX);
    if (t->context < 2)
        return fail(err, ST_INVALID, "a context of '%zu'; a transformer wants 2", t->context);
    return ST_OK;
}

status transformer_train(const struct sequence_shape *s, const struct nn_training *t,
                         const struct sequences *data, const struct sequences *held, void **net,
                         struct error *err)
{
    struct training k = {.data = data, .seed = t->seed};
    k.net.vocabulary = data->vocabulary;
    status st = shape_of(s, &k.net, err);
    k.batch = batch_for(t, data, k.net.context);
    if (st == ST_OK)
        st =
            fit_room(transformer_params(&k.net),
                     own_floats(&k) + transformer_pass_floats(&k.net, k.batch, k.net.context), err);
    if (st != ST_OK)
        return st;
    struct nn_adam adam;
    float rate = t->rate > 0 ? t->rate : 2e-3f;
    nn_adam_init(&adam, transformer_params(&k.net), rate);
    adam.clip = 1;
    k.net.param = adam.value;
    draw(&k.net, t->seed);
    training_init(&k);
    struct fit f = {
        .ops = &ops,
        .net = &k,
        .learner = &learner_transformer,
        .scorer = &k.net,
        .adam = &adam,
        .param = &k.net.param,
        .epochs = fit_epochs(t, EPOCHS, windows_of(data, k.net.context) / (k.batch * FIT_SHARDS)),
        .rate = rate,
        .print = fit_print(s, t, data)};
    st = fit_run(&f, t, held, err);
    if (st == ST_OK) {
        struct transformer *out = mem_new(struct transformer);
        *out = k.net;
        out->param = mem_array(float, transformer_params(out));
        memcpy(out->param, adam.value, transformer_params(out) * sizeof(float));
        *net = out;
    }
    training_done(&k);
    nn_adam_done(&adam);
    return st;
}

double transformer_gradient(const struct transformer *t, const struct sequences *data,
                            float *gradient)
{
    struct training k = {.net = *t, .data = data, .seed = 1, .batch = 2};
    training_init(&k);
    double loss = 0;
    size_t events = 0, steps = transformer_plan(&k, 0);
    for (size_t c = 0; c < steps; c++) {
        for (size_t i = 0; i < FIT_SHARDS; i++)
            transformer_shard(&k, c, i, gradient, &loss, &events);
    }
    training_done(&k);
    return loss;
}
