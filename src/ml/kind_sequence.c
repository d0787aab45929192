/* SPDX-License-Identifier: Apache-2.0 */
/* Sequences of events: markov, lstm, transformer, which differ in nn/sequence.h only.
 *
 * Events are known by name.  The vocabulary is the names of training rows, by number, and one more number for
 * whatever was never seen there. */
#include "base/map.h"
#include "base/mem.h"
#include "ml/bytes.h"
#include "ml/model_int.h"
#include "nn/sequence.h"

#include <math.h>

enum { NAMES_MAX = 65535, NAME_BYTES = 1024, NAMES_BYTES = 64 << 20 };

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

struct known {
    struct sequence_model *model;
    struct arena arena; /* names */
    struct map number;  /* of a name */
    str *name;          /* owned (names) */
    uint32_t names;
};

static struct known *known_new(void)
{
    struct known *k = mem_new(struct known);
    arena_init(&k->arena, NAMES_BYTES);
    return k;
}

/* False: there are too many. */
static bool known_add(struct known *k, str name)
{
    bool added;
    str kept = arena_str(&k->arena, str_head(name, NAME_BYTES));
    if (!kept.p || k->names == NAMES_MAX)
        return false;
    *map_add(&k->number, kept, k->names, &added) = k->names;
    k->name[k->names++] = kept;
    return added;
}

uint32_t model_event(const struct model *m, str name)
{
    const struct known *k = m->part;
    const uint32_t *at = map_find(&k->number, str_head(name, NAME_BYTES));
    return at ? *at : k->names;
}

str model_event_name(const struct model *m, uint32_t event)
{
    const struct known *k = m->part;
    return event < k->names ? k->name[event] : STR("(never seen)");
}

uint32_t model_vocabulary(const struct model *m)
{
    return ((const struct known *)m->part)->names + 1;
}

const struct sequence_model *model_sequence(const struct model *m)
{
    return ((const struct known *)m->part)->model;
}

/* ---- training ---- */

/* The names in training rows, in the set's order. */
static status learn_names(struct known *k, const struct fit *f, uint32_t *number, struct error *err)
{
    const struct dataset *d = f->d;
    bool *there = mem_array(bool, d->event_names + 1);
    for (size_t i = 0; i < f->train.n; i++)
        for (uint64_t e = d->start[f->train.index[i]]; e < d->start[f->train.index[i] + 1]; e++)
            there[d->event[e]] = true;
    k->name = mem_array(str, (size_t)d->event_names + 1);
    bool fits = true;
    for (uint32_t i = 0; i < d->event_names && fits; i++) {
        number[i] = k->names;
        if (there[i])
            fits = known_add(k, d->event_name[i]);
    }
    for (uint32_t i = 0; i < d->event_names; i++)
        number[i] = there[i] ? number[i] : k->names;
    mem_free(there);
    return fits ? ST_OK : fail(err, ST_LIMIT, "more than %d kinds of event", NAMES_MAX);
}

struct sessions sessions_of(const struct dataset *d, struct rows r, const uint32_t *number)
{
    uint64_t events = 0;
    for (size_t i = 0; i < r.n; i++)
        events += d->start[r.index[i] + 1] - d->start[r.index[i]];
    struct sessions s = {.event = mem_array(uint32_t, (size_t)events + 1),
                         .start = mem_array(uint64_t, r.n + 1)};
    uint64_t at = 0;
    for (size_t i = 0; i < r.n; i++) {
        for (uint64_t e = d->start[r.index[i]]; e < d->start[r.index[i] + 1]; e++)
            s.event[at++] = number[d->event[e]];
        s.start[i + 1] = at;
    }
    return s;
}

void sessions_done(struct sessions *s)
{
    mem_free(s->event);
    mem_free(s->start);
}

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
    status st = learn_names(k, f, number, err);
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

/* ---- file: u32 names, each a text; the model ---- */

static void write(const struct model *m, struct sbuf *out)
{
    const struct known *k = m->part;
    put_u32(out, k->names);
    for (uint32_t i = 0; i < k->names; i++)
        put_text(out, k->name[i]);
    sequence_write(k->model, out);
}

static status read(struct model *m, str bytes, struct model_host *host, struct error *err)
{
    struct known *k = known_new();
    struct reader r = reader_of(bytes);
    m->part = k;
    (void)host;
    uint32_t names = rd_count(&r, NAMES_MAX);
    if (names > rd_left(&r) / 4)
        return fail(err, ST_INVALID, "its names of events are cut off");
    k->name = mem_array(str, (size_t)names + 1);
    for (uint32_t i = 0; i < names; i++) {
        str name = rd_text(&r, NAME_BYTES);
        if (!r.ok || !known_add(k, name))
            return fail(err, ST_INVALID, "its names of events are damaged");
    }
    status st = sequence_read(rd_rest(&r), &k->model, err);
    if (st == ST_OK &&
        (sequence_kind(k->model) != kind_of(m) || sequence_vocabulary(k->model) != k->names + 1))
        st = fail(err, ST_INVALID, "its network is of other events");
    return st;
}

static void part_free(void *part)
{
    struct known *k = part;
    if (!k)
        return;
    sequence_free(k->model);
    map_done(&k->number);
    mem_free(k->name);
    arena_done(&k->arena);
    mem_free(k);
}

#define SEQUENCE_OPS                                                                               \
    {                                                                                              \
        .style = ENCODE_RAW, .calibration = CALIBRATION_ISOTONIC, .option = options,               \
        .options = OPTIONS, .train = train, .write = write, .read = read, .free = part_free,       \
    }
const struct model_ops model_MARKOV = SEQUENCE_OPS;
const struct model_ops model_LSTM = SEQUENCE_OPS;
const struct model_ops model_TRANSFORMER = SEQUENCE_OPS;
