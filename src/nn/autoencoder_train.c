/* SPDX-License-Identifier: Apache-2.0 */
/* Training an autoencoder: Adam on the squared error, in mini-batches.
 *
 * A batch is cut into shards of SHARD_ROWS rows, whoever computes them; each has a gradient of its own, and these are summed
 * in order.  So the result is the same bit for bit on any number of threads.  A tenth of the rows, drawn by the seed, is
 * kept back; the parameters that were best for it are what comes out, and training stops when they have not become better
 * for `patience` epochs.
 *
 * A checkpoint, after each epoch:
 *
 *     "BGAECKP1" | u64 fingerprint of seed, shape, batch, rate and rows | u64 epochs done, epochs since the best
 *     | f64 the best's loss | f32 the best (parameters) | u64 length | Adam's state | u64 checksum of all before
 *
 * One of another fingerprint, or damaged, is passed over: it is only time that is lost. */
#include "base/hash.h"
#include "base/mem.h"
#include "base/random.h"
#include "nn/autoencoder_int.h"
#include "os/file.h"
#include "os/team.h"

#include <assert.h>
#include <unistd.h>

enum {
    SHARD_ROWS = 64,
    BATCH = 256,
    BATCH_MAX = 1 << 16,
    EPOCHS = 50,
    VALIDATION = 10, /* one row of so many */
    VALIDATED_MIN = 2,
    TOLD_BATCHES = 64, /* batches between two words to the caller */
    SHARDS_FLOATS_MAX = 1 << 29
};
static const float RATE = 1e-3f;
static const double BETTER = 1 - 1e-4; /* a loss below this part of the best one counts */
static const char magic[] = "BGAECKP1";

struct shard {
    struct ae_pass pass;
    float *gradient; /* (parameters) */
    double loss;     /* sum of squares */
};
struct work {
    const struct nn_training *t;
    struct ae_net net;
    const float *x;
    size_t n, stride;
    uint32_t *drawn;     /* (n): rows learnt from, then those kept back */
    uint32_t *order;     /* the same, those learnt from shuffled anew each epoch */
    size_t learnt, kept; /* how many of each */
    size_t batch;
    unsigned epochs;
    float rate;
    struct nn_adam adam;
    float *best;
    double best_loss;
    unsigned epoch, since; /* epochs done; since the best */
    struct shard *shard;
    size_t shards;
    float *memory;                      /* theirs */
    size_t at, rows;                    /* of `order`: what is worked at */
    void (*one)(struct work *, size_t); /* what a task does */
};

/* ---- one shard ---- */

static size_t shard_rows(const struct work *w, size_t shard)
{
    size_t from = shard * SHARD_ROWS;
    return w->rows - from < SHARD_ROWS ? w->rows - from : SHARD_ROWS;
}

/* What comes out, less what went in, to d[0]; the sum of its squares. */
static double forward(const struct ae_net *n, const float *parameter, struct ae_pass *p, size_t m)
{
    size_t d = n->width[0];
    float *y = NULL;
    ae_forward(n, parameter, p->x, d, m, p->inner, &y);
    memcpy(p->d[0], y, m * d * sizeof *y);
    nn_axpy(p->d[0], -1, p->x, m * d);
    return (double)nn_dot(p->d[0], p->d[0], m * d);
}

double ae_gradient(const struct ae_net *n, const float *parameter, struct ae_pass *p, size_t m,
                   float *gradient)
{
    double loss = forward(n, parameter, p, m);
    const float *y = p->inner + m * (n->inner - n->width[AE_LAYERS]);
    float *d = p->d[0], *next = p->d[1];
    for (size_t l = AE_LAYERS; l-- > 0;) {
        size_t in = n->width[l], out = n->width[l + 1];
        const float *x = l ? y - m * in : p->x;
        float *weight = gradient + n->weight[l], *bias = gradient + n->bias[l], *turn = d;
        nn_gemm(NN_TRANSPOSED, NN_AS_IS, in, out, m, x, in, d, out, 0, weight, out);
        memset(bias, 0, out * sizeof *bias);
        nn_sum_rows(bias, d, m, out);
        if (l == 0)
            break;
        nn_gemm(NN_AS_IS, NN_TRANSPOSED, m, in, out, d, out, parameter + n->weight[l], out, 0, next,
                in);
        nn_relu_back(next, x, m * in);
        d = next;
        next = turn;
        y = x;
    }
    return loss;
}

/* The shard's rows, side by side; how many. */
static size_t gather(const struct work *w, const struct shard *s, size_t shard)
{
    size_t d = w->net.width[0], m = shard_rows(w, shard);
    const uint32_t *row = w->order + w->at + shard * SHARD_ROWS;
    for (size_t i = 0; i < m; i++)
        memcpy(s->pass.x + i * d, w->x + row[i] * w->stride, d * sizeof *s->pass.x);
    return m;
}
static void learn(struct work *w, size_t shard)
{
    struct shard *s = &w->shard[shard];
    size_t m = gather(w, s, shard);
    s->loss = ae_gradient(&w->net, w->adam.value, &s->pass, m, s->gradient);
}
static void judge(struct work *w, size_t shard)
{
    struct shard *s = &w->shard[shard];
    size_t m = gather(w, s, shard);
    s->loss = forward(&w->net, w->adam.value, &s->pass, m);
}

static void task(void *arg, size_t shard, unsigned worker)
{
    struct work *w = arg;
    (void)worker; /* what a shard needs is its own */
    w->one(w, shard);
}

/* Do `one` to rows of the order; the squared error of all. */
static double run(struct work *w, size_t at, size_t rows, void (*one)(struct work *, size_t))
{
    w->at = at;
    w->rows = rows;
    w->one = one;
    size_t shards = (rows + SHARD_ROWS - 1) / SHARD_ROWS;
    team_run(w->t->team, shards, task, w);
    double loss = 0;
    for (size_t i = 0; i < shards; i++)
        loss += w->shard[i].loss;
    return loss;
}

/* ---- checkpoints ---- */

static uint64_t fingerprint(const struct work *w)
{
    uint32_t rate;
    memcpy(&rate, &w->rate, sizeof rate);
    uint64_t h = hash_mix(w->t->seed, hash_mix(w->batch, rate));
    for (size_t i = 0; i <= 2; i++)
        h = hash_mix(h, w->net.width[i]);
    for (size_t i = 0; i < w->n; i++) {
        const void *row = w->x + i * w->stride;
        h = hash_bytes((str){row, w->net.width[0] * sizeof(float)}, h);
    }
    return h;
}

static size_t checkpoint_bytes(const struct work *w)
{
    return 256 + w->net.parameters * 4 * sizeof(float);
}

static status save(const struct work *w, uint64_t print, struct error *err)
{
    struct sbuf b, adam;
    sbuf_init(&b, checkpoint_bytes(w));
    sbuf_init(&adam, checkpoint_bytes(w));
    sbuf_addz(&b, magic);
    put_u64(&b, print);
    put_u64(&b, w->epoch);
    put_u64(&b, w->since);
    put_double(&b, w->best_loss);
    put_floats(&b, w->best, w->net.parameters);
    nn_adam_write(&w->adam, &adam);
    put_u64(&b, adam.n);
    sbuf_add(&b, sbuf_str(&adam));
    put_u64(&b, hash_bytes(sbuf_str(&b), 0));
    assert(!b.full && !adam.full);
    status st = file_replace(w->t->checkpoint, 0600, sbuf_str(&b), err);
    sbuf_done(&b);
    sbuf_done(&adam);
    return st ? fail_prefix(err, st, "checkpoint") : ST_OK;
}

static bool parse(struct work *w, uint64_t print, str bytes)
{
    if (bytes.n < 8)
        return false;
    str body = str_head(bytes, bytes.n - 8);
    struct reader r = reader_of(str_from(bytes, body.n));
    if (take_u64(&r) != hash_bytes(body, 0))
        return false;
    r = reader_of(body);
    rd_expect(&r, STR("BGAECKP1"));
    bool ours = take_u64(&r) == print;
    uint64_t epoch = take_u64(&r), since = take_u64(&r);
    double loss = take_double(&r);
    if (!r.ok || !ours || epoch > UINT32_MAX || since > epoch || !(loss >= 0))
        return false;
    if (!take_floats(&r, w->best, w->net.parameters))
        return false;
    uint64_t n = take_u64(&r);
    if (n != rd_left(&r) || nn_adam_read(&w->adam, rd_rest(&r), NULL))
        return false;
    w->epoch = (unsigned)epoch;
    w->since = (unsigned)since;
    w->best_loss = loss;
    return true;
}

/* Go on from the checkpoint, if there is one of this training. */
static void resume(struct work *w, uint64_t print)
{
    struct sbuf bytes;
    sbuf_init(&bytes, checkpoint_bytes(w) + (1 << 17));
    if (file_read_all(w->t->checkpoint, &bytes, NULL) == ST_OK)
        (void)parse(w, print, sbuf_str(&bytes)); /* else from the start */
    sbuf_done(&bytes);
}

/* ---- epochs ---- */

static status told(const struct work *w, double within_01, double loss, struct error *err)
{
    double part = (w->epoch + within_01) / w->epochs;
    const struct nn_training *t = w->t;
    if (t->progress && !t->progress(t->arg, w->epoch, w->epochs, part, loss))
        return fail(err, ST_UNAVAILABLE, "the training was stopped after %u of %u epochs", w->epoch,
                    w->epochs);
    return ST_OK;
}

static status no_numbers(const struct work *w, struct error *err)
{
    return fail(err, ST_INVALID,
                "epoch %u: the error is no number: some are too large for the learning rate %g",
                w->epoch + 1, (double)w->rate);
}

static void step(struct work *w)
{
    size_t shards = (w->rows + SHARD_ROWS - 1) / SHARD_ROWS;
    for (size_t i = 0; i < shards; i++)
        nn_axpy(w->adam.gradient, 1 / (float)w->rows, w->shard[i].gradient, w->net.parameters);
    nn_adam_step(&w->adam);
}

/* Once over all rows; *loss: mean squared error before each step. */
static status learn_epoch(struct work *w, double *loss, struct error *err)
{
    struct random r;
    random_init(&r, w->t->seed, 2 + w->epoch);
    memcpy(w->order, w->drawn,
           w->learnt * sizeof *w->order); /* epochs before are not asked: see resume */
    random_shuffle(&r, w->order, (uint32_t)w->learnt);
    double sum = 0, d = (double)w->net.width[0];
    size_t batches = (w->learnt + w->batch - 1) / w->batch;
    for (size_t i = 0; i < batches; i++) {
        size_t at = i * w->batch, left = w->learnt - at;
        sum += run(w, at, left < w->batch ? left : w->batch, learn);
        step(w);
        if (!isfinite(sum))
            return no_numbers(w, err);
        if (i % TOLD_BATCHES == TOLD_BATCHES - 1) {
            status st =
                told(w, (double)i / (double)batches, sum / ((double)(at + w->rows) * d), err);
            if (st)
                return st;
        }
    }
    *loss = sum / ((double)w->learnt * d);
    return ST_OK;
}

/* Mean squared error of the rows kept back. */
static double validate(struct work *w)
{
    double sum = 0;
    for (size_t at = 0; at < w->kept; at += w->batch) {
        size_t left = w->kept - at;
        sum += run(w, w->learnt + at, left < w->batch ? left : w->batch, judge);
    }
    return sum / ((double)w->kept * (double)w->net.width[0]);
}

static status epochs(struct work *w, struct error *err)
{
    uint64_t print = w->t->checkpoint ? fingerprint(w) : 0;
    if (w->t->checkpoint)
        resume(w, print);
    while (w->epoch < w->epochs && !(w->t->patience && w->since >= w->t->patience)) {
        double loss = 0;
        status st = learn_epoch(w, &loss, err);
        if (st)
            return st;
        loss = w->kept ? validate(w) : loss;
        if (!isfinite(loss))
            return no_numbers(w, err);
        w->epoch++;
        w->since++;
        if (loss < w->best_loss * BETTER) {
            memcpy(w->best, w->adam.value, w->net.parameters * sizeof *w->best);
            w->best_loss = loss;
            w->since = 0;
        }
        st = w->t->checkpoint ? save(w, print, err) : ST_OK;
        st = st ? st : told(w, 0, loss, err);
        if (st)
            return st;
    }
    return ST_OK;
}

/* ---- all of it ---- */

static void parameters_init(struct work *w)
{
    struct random r;
    random_init(&r, w->t->seed, 0);
    for (size_t l = 0; l < AE_LAYERS; l++)
        nn_glorot(w->adam.value + w->net.weight[l], w->net.width[l], w->net.width[l + 1], &r);
    memcpy(w->best, w->adam.value, w->net.parameters * sizeof *w->best);
}

static void order_init(struct work *w)
{
    struct random r;
    random_init(&r, w->t->seed, 1);
    w->drawn = mem_array(uint32_t, w->n);
    w->order = mem_array(uint32_t, w->n);
    for (size_t i = 0; i < w->n; i++)
        w->drawn[i] = (uint32_t)i;
    random_shuffle(&r, w->drawn, (uint32_t)w->n);
    memcpy(w->order, w->drawn, w->n * sizeof *w->order);
    w->kept = w->n / VALIDATION < VALIDATED_MIN ? 0 : w->n / VALIDATION;
    w->learnt = w->n - w->kept;
}

static status shards_init(struct work *w, struct error *err)
{
    const struct ae_net *n = &w->net;
    size_t widest = n->widest > n->width[0] ? n->widest : n->width[0];
    size_t gradient = (n->parameters + 15) / 16 * 16;
    size_t each = gradient + SHARD_ROWS * (n->width[0] + n->inner + 2 * widest);
    w->shards = (w->batch + SHARD_ROWS - 1) / SHARD_ROWS;
    if (each > SHARDS_FLOATS_MAX / w->shards)
        return fail(err, ST_LIMIT, "batches of %zu rows of %zu columns are too large", w->batch,
                    n->width[0]);
    w->shard = mem_array(struct shard, w->shards);
    float *p = w->memory = mem_aligned(64, each * w->shards * sizeof *p);
    for (size_t i = 0; i < w->shards; i++, p += each) {
        float *x = p + gradient, *inner = x + SHARD_ROWS * n->width[0];
        float *d = inner + SHARD_ROWS * n->inner;
        w->shard[i] = (struct shard){{x, inner, {d, d + SHARD_ROWS * widest}}, p, 0};
    }
    return ST_OK;
}

static void work_done(struct work *w)
{
    nn_adam_done(&w->adam);
    mem_free(w->best);
    mem_free(w->drawn);
    mem_free(w->order);
    mem_free(w->shard);
    mem_free(w->memory);
}

static status work_init(struct work *w, const struct autoencoder_shape *s, struct error *err)
{
    status st = ae_net_init(&w->net, s, err);
    if (st)
        return st;
    if (w->n == 0 || w->n > UINT32_MAX)
        return fail(err, ST_INVALID, "an autoencoder cannot learn from %zu rows", w->n);
    if (w->t->batch > BATCH_MAX)
        return fail(err, ST_INVALID, "batches of %u rows; at most %d", w->t->batch, BATCH_MAX);
    if (w->t->rate < 0 || !isfinite(w->t->rate))
        return fail(err, ST_INVALID, "a learning rate of %g", (double)w->t->rate);
    w->batch = w->t->batch ? w->t->batch : BATCH;
    w->epochs = w->t->epochs ? w->t->epochs : EPOCHS;
    w->rate = w->t->rate > 0 ? w->t->rate : RATE;
    w->best_loss = INFINITY;
    w->best = mem_aligned(64, w->net.parameters * sizeof *w->best);
    nn_adam_init(&w->adam, w->net.parameters, w->rate);
    parameters_init(w);
    order_init(w);
    return shards_init(w, err);
}

status autoencoder_train(const struct autoencoder_shape *s, const struct nn_training *t,
                         const float *x, size_t n, size_t stride, struct autoencoder **out,
                         struct error *err)
{
    struct work w = {.t = t, .x = x, .n = n, .stride = stride};
    status st = work_init(&w, s, err);
    if (st == ST_OK)
        st = epochs(&w, err);
    if (st == ST_OK) {
        *out = ae_new(&w.net, w.best);
        w.best = NULL;
        if (t->checkpoint)
            (void)unlink(t->checkpoint); /* done with; may never have been made */
    }
    work_done(&w);
    return st;
}
