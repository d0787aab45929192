/* SPDX-License-Identifier: Apache-2.0 */
/* A network that learns to copy normal rows through a narrow waist: what it copies badly is strange.
 *
 * The raw score is ln of the mean squared error, which spans many orders. */
#include "base/mem.h"
#include "ml/model_int.h"
#include "nn/nn.h"

#include <math.h>

enum {
    OPTION_HIDDEN,
    OPTION_WAIST,
    OPTION_EPOCHS,
    OPTION_BATCH,
    OPTION_RATE,
    OPTION_PATIENCE,
    OPTIONS
};
static const struct model_option options[OPTIONS] = {
    [OPTION_HIDDEN] = {"hidden", "width of the layers beside the waist", 2, 1024, 64, true},
    [OPTION_WAIST] = {"waist", "width of the narrowest layer", 1, 512, 16, true},
    [OPTION_EPOCHS] = {"epochs", "times through all rows; 0: its own", 0, 10000, 0, true},
    [OPTION_BATCH] = {"batch", "rows for one step; 0: its own", 0, 65536, 0, true},
    [OPTION_RATE] = {"rate", "length of a step; 0: its own", 0, 1, 0, false},
    [OPTION_PATIENCE] = {"patience", "epochs without gain before it stops; 0: never", 0, 1000, 10,
                         true},
};

struct training_of { /* what progress is told with */
    const struct fit *f;
};

static bool progress(void *arg, unsigned epoch, unsigned epochs, double part_01, double loss)
{
    const struct training_of *t = arg;
    double done = epochs ? ((double)epoch + part_01) / (double)epochs : 0;
    return fit_progress(t->f, STAGE_TRAIN, "copying", done < 1 ? done : 1, loss);
}

static status train(struct model *m, const struct fit *f, struct error *err)
{
    const double *v = f->options.number;
    bool given = f->options.given[OPTION_EPOCHS];
    struct training_of of = {f};
    const struct autoencoder_shape shape = {
        .columns = f->width, .hidden = (size_t)v[OPTION_HIDDEN], .waist = (size_t)v[OPTION_WAIST]};
    const struct nn_training t = {
        .epochs = given ? (unsigned)v[OPTION_EPOCHS] : f->terms->epochs,
        .batch = (unsigned)v[OPTION_BATCH],
        .rate = (float)v[OPTION_RATE],
        .patience = (unsigned)v[OPTION_PATIENCE],
        .seed = f->terms->seed,
        .team = f->team,
        .progress = progress,
        .arg = &of,
        .checkpoint = f->checkpoint,
    };
    struct autoencoder *a = NULL;
    status st = autoencoder_train(&shape, &t, f->x, f->train.n, f->width, &a, err);
    m->part = a;
    if (st == ST_OK)
        sbuf_addf(f->parameters, "layers=%zu-%zu-%zu-%zu-%zu", f->width, shape.hidden, shape.waist,
                  shape.hidden, f->width);
    return st;
}

static struct answered score(const struct model *m, void *own, const float *x, size_t n, float *raw)
{
    autoencoder_score_in(m->part, x, n, m->encoder.width, own, raw);
    for (size_t i = 0; i < n; i++)
        raw[i] = logf(fmaxf(raw[i], 1e-12F));
    return (struct answered){1, 0};
}

static void *scratch_new(const struct model *m)
{
    return mem_aligned(64, autoencoder_room(m->part));
}

static void explain(const struct model *m, void *own, const float *x, double *phi)
{
    float error, *each = mem_array(float, m->encoder.width);
    (void)own;
    autoencoder_score(m->part, x, 1, m->encoder.width, &error, each);
    for (size_t i = 0; i < m->encoder.width; i++)
        phi[i] = each[i];
    mem_free(each);
}

static void write(const struct model *m, struct sbuf *out)
{
    autoencoder_write(m->part, out);
}

static status read(struct model *m, str bytes, struct model_host *host, struct error *err)
{
    struct autoencoder *a = NULL;
    (void)host;
    status st = autoencoder_read(bytes, &a, err);
    m->part = a;
    return st == ST_OK ? model_part_suits(m, "network", autoencoder_columns(a), err) : st;
}

static void part_free(void *part)
{
    autoencoder_free(part);
}

const struct model_ops model_AUTOENCODER = {
    .style = ENCODE_NETWORK,
    .calibration = CALIBRATION_ISOTONIC,
    .option = options,
    .options = OPTIONS,
    .train = train,
    .score = score,
    .explain = explain,
    .write = write,
    .read = read,
    .free = part_free,
    .scratch_new = scratch_new,
    .scratch_free = mem_free,
};
