/* SPDX-License-Identifier: Apache-2.0 */
/* Sequences of events: markov, lstm, transformer, which differ in nn/sequence.h only. */
#include "base/mem.h"
#include "ml/known_int.h"

enum {
    OPTION_WIDTH,
    OPTION_LAYERS,
    OPTION_HEADS,
    OPTION_CONTEXT,
    OPTION_EPOCHS,
    OPTION_BATCH,
    OPTION_RATE,
    OPTION_PATIENCE,
    OPTIONS
};
static const struct model_option options[OPTIONS] = {
    [OPTION_WIDTH] = {"width", "numbers to a state; 0: its own", 0, 1024, 0, true},
    [OPTION_LAYERS] = {"layers", "one above the other; 0: its own", 0, 12, 0, true},
    [OPTION_HEADS] = {"heads", "of attention; 0: its own", 0, 32, 0, true},
    [OPTION_CONTEXT] = {"context", "events looked back at; 0: its own", 0, 1024, 0, true},
    [OPTION_EPOCHS] = {"epochs", "times through all sessions; 0: its own", 0, 10000, 0, true},
    [OPTION_BATCH] = {"batch", "sessions for one step; 0: its own", 0, 65536, 0, true},
    [OPTION_RATE] = {"rate", "length of a step; 0: its own", 0, 1, 0, false},
    [OPTION_PATIENCE] = {"patience", "epochs without gain before it stops; 0: never", 0, 1000, 3,
                         true},
};

static struct known *known_new(void)
{
    struct known *k = mem_new(struct known);
    known_init(k);
    return k;
}

/* ---- training ---- */

static bool progress(void *arg, unsigned epoch, unsigned epochs, double part_01, double loss)
{
    const struct fit *f = *(const struct fit **)arg;
    double done = epochs ? ((double)epoch + part_01) / (double)epochs : 0;
    return fit_progress(f, STAGE_TRAIN, "learning what follows what", done < 1 ? done : 1, loss);
}

static enum sequence_kind kind_of(const struct model *m)
{
    return m->kind == MODEL_LSTM          ? SEQUENCE_LSTM
           : m->kind == MODEL_TRANSFORMER ? SEQUENCE_TRANSFORMER
                                          : SEQUENCE_MARKOV;
}

static status train(struct model *m, const struct fit *f, struct error *err)
{
    const double *v = f->options.number;
    struct known *k = known_new();
    uint32_t *number = mem_array(uint32_t, f->d->event_names + 1);
    const struct fit *of = f;
    m->part = k;
    const struct sequence_shape shape = {.kind = kind_of(m),
                                         .width = (size_t)v[OPTION_WIDTH],
                                         .layers = (size_t)v[OPTION_LAYERS],
                                         .heads = (size_t)v[OPTION_HEADS],
                                         .context = (size_t)v[OPTION_CONTEXT]};
    const struct nn_training t = {
        .epochs = f->options.given[OPTION_EPOCHS] ? (unsigned)v[OPTION_EPOCHS] : f->terms->epochs,
        .batch = (unsigned)v[OPTION_BATCH],
        .rate = (float)v[OPTION_RATE],
        .patience = (unsigned)v[OPTION_PATIENCE],
        .seed = f->terms->seed,
        .team = f->team,
        .progress = progress,
        .arg = &of,
        .checkpoint = f->checkpoint,
    };
    status st = known_learn(k, f->d, f->train, number, err);
    if (st == ST_OK) {
        struct sessions s = sessions_of(f->d, f->train, number);
        const struct sequences data = {s.event, s.start, f->train.n, k->names + 1};
        st = sequence_train(&shape, &t, &data, &k->model, err);
        sessions_done(&s);
    }
    if (st == ST_OK)
        sbuf_addf(f->parameters, "events=%u", k->names);
    mem_free(number);
    return st;
}

/* ---- file: the names; the model ---- */

static void write(const struct model *m, struct sbuf *out)
{
    const struct known *k = m->part;
    known_write(k, out);
    sequence_write(k->model, out);
}

static status read(struct model *m, str bytes, struct model_host *host, struct error *err)
{
    struct known *k = known_new();
    struct reader r = reader_of(bytes);
    m->part = k;
    (void)host;
    status st = known_read(k, &r, err);
    if (st == ST_OK)
        st = known_read_model(k, rd_rest(&r), kind_of(m), err);
    return st;
}

static void part_free(void *part)
{
    struct known *k = part;
    if (!k)
        return;
    known_done(k);
    mem_free(k);
}

static void score(const struct model *m, const struct sequences *data, struct team *team,
                  float *raw)
{
    sequence_score_many(model_sequence(m), data, team, raw);
}

#define SEQUENCE_OPS                                                                               \
    {                                                                                              \
        .style = ENCODE_RAW, .calibration = CALIBRATION_ISOTONIC, .option = options,               \
        .options = OPTIONS, .train = train, .score_sessions = score, .write = write, .read = read, \
        .free = part_free,                                                                         \
    }
const struct model_ops model_MARKOV = SEQUENCE_OPS;
const struct model_ops model_LSTM = SEQUENCE_OPS;
const struct model_ops model_TRANSFORMER = SEQUENCE_OPS;
