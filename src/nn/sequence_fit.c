/* SPDX-License-Identifier: Apache-2.0 */
/* Training of the networks that learn sequences: steps of Adam, a look at the held-back sessions after each epoch, a
 * checkpoint, and back to the best in the end.
 *
 * A step is cut into FIT_SHARDS shards whatever the threads; each adds to a gradient of its own, and these are summed
 * in order, so any number of threads comes to the same bits.
 *
 * Checkpoint: "BGSEQCK1", the print of what is trained on what, epochs done, epochs without progress, the best loss,
 * the best parameters, Adam's state. */
#include "base/hash.h"
#include "base/mem.h"
#include "nn/sequence_int.h"
#include "os/file.h"
#include "os/team.h"

#include <math.h>
#include <unistd.h>

enum { CHECKPOINT_MAX = 1 << 30, STEPS_WANTED = 3000, EPOCHS_MAX = 200, FLOATS_MAX = 1 << 29 };

struct run {
    struct fit *f;
    float *gradient[FIT_SHARDS]; /* owned */
    double loss[FIT_SHARDS];
    size_t events[FIT_SHARDS];
    size_t step;
    float *best; /* owned */
    double best_loss;
    unsigned done, waited; /* epochs; those since the best */
};

static const str magic = {"BGSEQCK1", 8};

status fit_room(size_t parameters, size_t shard, struct error *err)
{
    enum { COPIES = 5 + FIT_SHARDS }; /* Adam's four, the best, and the shards' gradients */
    if (parameters <= FLOATS_MAX / COPIES &&
        shard <= (FLOATS_MAX - COPIES * parameters) / FIT_SHARDS)
        return ST_OK;
    return fail(err, ST_LIMIT,
                "a network of %zu numbers, %zu at work: too many events, or too wide, or too long "
                "a context",
                parameters, shard);
}

unsigned fit_epochs(const struct nn_training *t, unsigned epochs, size_t steps)
{
    if (t->epochs)
        return t->epochs;
    size_t wanted = STEPS_WANTED / (steps ? steps : 1);
    return wanted > EPOCHS_MAX ? EPOCHS_MAX : wanted > epochs ? (unsigned)wanted : epochs;
}

uint64_t fit_print(const struct sequence_shape *s, const struct nn_training *t,
                   const struct sequences *data)
{
    uint64_t h = hash_mix(s->kind, s->width);
    h = hash_mix(h, hash_mix(s->layers, s->heads));
    h = hash_mix(h, hash_mix(s->context, data->vocabulary));
    h = hash_mix(h, hash_mix(t->seed, hash_mix(t->epochs, t->batch)));
    h = hash_mix(h, hash_bytes((str){(const char *)&t->rate, sizeof t->rate}, 0));
    size_t events = data->start[data->count] - data->start[0];
    h = hash_bytes((str){(const char *)data->start, (data->count + 1) * sizeof *data->start}, h);
    return hash_bytes(
        (str){(const char *)(data->event + data->start[0]), events * sizeof *data->event}, h);
}

static void one_shard(void *arg, size_t shard, unsigned worker)
{
    (void)worker;
    struct run *r = arg;
    r->loss[shard] = 0;
    r->events[shard] = 0;
    memset(r->gradient[shard], 0, r->f->adam->n * sizeof(float));
    r->f->ops->shard(r->f->net, r->step, shard, r->gradient[shard], &r->loss[shard],
                     &r->events[shard]);
}

static void one_step(struct run *r, struct team *team, double *loss, size_t *events)
{
    struct nn_adam *a = r->f->adam;
    team_run(team, FIT_SHARDS, one_shard, r);
    size_t n = 0;
    for (int i = 0; i < FIT_SHARDS; i++)
        n += r->events[i];
    if (n == 0)
        return;
    for (int i = 0; i < FIT_SHARDS; i++) {
        nn_axpy(a->gradient, 1.0f / (float)n, r->gradient[i], a->n);
        *loss += r->loss[i];
    }
    nn_adam_step(a);
    *events += n;
}

/* ---- validation ---- */

struct look {
    const struct fit *f;
    const struct sequences *held;
    double *sum; /* (count) */
};

static void look_one(void *arg, size_t task, unsigned worker)
{
    (void)worker;
    const struct look *l = arg;
    const uint32_t *event = l->held->event + l->held->start[task];
    size_t n = l->held->start[task + 1] - l->held->start[task];
    float *surprise = mem_array(float, n + 1);
    l->f->learner->surprise(l->f->scorer, event, n, surprise, NULL);
    for (size_t i = 0; i <= n; i++)
        l->sum[task] += fminf(surprise[i], SEQUENCE_SURPRISE_MAX);
    mem_free(surprise);
}

/* Mean surprise of held-back events; `fallback` when there are none. */
static double held_loss(const struct fit *f, const struct sequences *held, struct team *team,
                        double fallback)
{
    if (held->count == 0)
        return fallback;
    struct look l = {.f = f, .held = held, .sum = mem_array(double, held->count)};
    team_run(team, held->count, look_one, &l);
    double sum = 0;
    for (size_t i = 0; i < held->count; i++)
        sum += l.sum[i];
    mem_free(l.sum);
    return sum / (double)(held->start[held->count] - held->start[0] + held->count);
}

/* ---- checkpoints ---- */

static status keep(const struct run *r, const char *path, struct error *err)
{
    struct sbuf out, adam;
    sbuf_init(&out, CHECKPOINT_MAX);
    sbuf_init(&adam, CHECKPOINT_MAX);
    sbuf_add(&out, magic);
    put_u64(&out, r->f->print);
    put_u64(&out, r->done);
    put_u64(&out, r->waited);
    put_double(&out, r->best_loss);
    put_floats(&out, r->best, r->f->adam->n);
    nn_adam_write(r->f->adam, &adam);
    sbuf_add(&out, sbuf_str(&adam));
    status st = out.full || adam.full
                    ? fail(err, ST_LIMIT, "the checkpoint '%s' is larger than 1 GiB", path)
                    : file_replace(path, 0600, sbuf_str(&out), err);
    sbuf_done(&out);
    sbuf_done(&adam);
    return st;
}

/* ST_CONFLICT, or ST_INVALID; then `r` is as it was. */
static status take_up(struct run *r, str bytes)
{
    struct reader in = reader_of(bytes);
    rd_expect(&in, magic);
    uint64_t print = take_u64(&in), done = take_u64(&in), waited = take_u64(&in);
    double best = take_double(&in);
    if (!in.ok || done > 1u << 30 || waited > done || !isfinite(best))
        return ST_INVALID;
    if (print != r->f->print)
        return ST_CONFLICT;
    size_t n = r->f->adam->n;
    float *kept = mem_array(float, n);
    status st =
        take_floats(&in, kept, n) ? nn_adam_read(r->f->adam, rd_rest(&in), NULL) : ST_INVALID;
    if (st == ST_OK) {
        memcpy(r->best, kept, n * sizeof *kept);
        *r->f->param = r->f->adam->value;
        r->best_loss = best;
        r->done = (unsigned)done;
        r->waited = (unsigned)waited;
    }
    mem_free(kept);
    return st;
}

static status resume(struct run *r, const char *path, struct error *err)
{
    struct file_info info;
    if (!path || file_stat(path, &info, NULL) != ST_OK)
        return ST_OK; /* a new training */
    struct sbuf bytes;
    sbuf_init(&bytes, CHECKPOINT_MAX);
    status st = file_read_all(path, &bytes, err);
    if (st == ST_OK)
        st = take_up(r, sbuf_str(&bytes));
    sbuf_done(&bytes);
    if (st == ST_CONFLICT)
        return fail(err, st, "the checkpoint '%s' is of another training", path);
    return st == ST_INVALID ? ST_OK : st; /* damaged: from the start */
}

/* ---- epochs ---- */

static bool tell(const struct fit *f, const struct nn_training *t, unsigned epoch, double part,
                 double loss)
{
    return !t->progress || t->progress(t->arg, epoch, f->epochs, part, loss);
}

/* Down to a twentieth along half a cosine (Loshchilov and Hutter, ICLR 2017). */
static float rate_at(float rate, unsigned epoch, unsigned epochs)
{
    double turn = 3.14159265358979 * epoch / epochs;
    return rate * (float)(0.05 + 0.95 * 0.5 * (1 + cos(turn)));
}

static status one_epoch(struct run *r, const struct nn_training *t, const struct sequences *held,
                        struct error *err)
{
    struct fit *f = r->f;
    double loss = 0;
    size_t events = 0, steps = f->ops->plan(f->net, r->done);
    for (r->step = 0; r->step < steps; r->step++) {
        one_step(r, t->team, &loss, &events);
        double part = (double)(r->step + 1) / ((double)steps + 1);
        if (!tell(f, t, r->done, part, events ? loss / (double)events : 0))
            return fail(err, ST_UNAVAILABLE, "training was stopped");
    }
    if (!nn_finite(f->adam->value, f->adam->n))
        return fail(err, ST_INVALID, "training diverged in epoch '%u': try a lower rate", r->done);
    f->ops->ready(f->net);
    double now = held_loss(f, held, t->team, events ? loss / (double)events : 0);
    r->waited++;
    if (now < r->best_loss) {
        memcpy(r->best, f->adam->value, f->adam->n * sizeof(float));
        r->best_loss = now;
        r->waited = 0;
    }
    r->done++;
    if (t->checkpoint) {
        status st = keep(r, t->checkpoint, err);
        if (st != ST_OK)
            return st;
    }
    if (!tell(f, t, r->done - 1, 1, now))
        return fail(err, ST_UNAVAILABLE, "training was stopped");
    return ST_OK;
}

static status all_epochs(struct run *r, const struct nn_training *t, const struct sequences *held,
                         struct error *err)
{
    status st = resume(r, t->checkpoint, err);
    float rate = r->f->adam->rate;
    while (st == ST_OK && r->done < r->f->epochs && (!t->patience || r->waited < t->patience)) {
        r->f->adam->rate = rate_at(r->f->rate, r->done, r->f->epochs);
        st = one_epoch(r, t, held, err);
    }
    r->f->adam->rate = rate;
    return st;
}

status fit_run(struct fit *f, const struct nn_training *t, const struct sequences *held,
               struct error *err)
{
    size_t n = f->adam->n;
    struct run r = {.f = f, .best = mem_array(float, n), .best_loss = 1e30};
    memcpy(r.best, f->adam->value, n * sizeof(float));
    for (int i = 0; i < FIT_SHARDS; i++)
        r.gradient[i] = mem_array(float, n);
    status st = all_epochs(&r, t, held, err);
    if (st == ST_OK) {
        memcpy(f->adam->value, r.best, n * sizeof(float));
        f->ops->ready(f->net);
        if (t->checkpoint)
            (void)unlink(t->checkpoint); /* done with; may never have been made */
    }
    for (int i = 0; i < FIT_SHARDS; i++)
        mem_free(r.gradient[i]);
    mem_free(r.best);
    return st;
}
