/* SPDX-License-Identifier: Apache-2.0 */
/* Isolation forest of normal rows: what random questions set apart quickly is strange. */
#include "base/mem.h"
#include "ml/model_int.h"
#include "tree/tree.h"

enum { OPTION_TREES, OPTION_SAMPLE, OPTION_EXTENSION, OPTIONS };
static const struct model_option options[OPTIONS] = {
    [OPTION_TREES] = {"trees", "in the forest", 1, 5000, 200, true},
    [OPTION_SAMPLE] = {"sample", "rows for each tree", 8, 65536, 256, true},
    [OPTION_EXTENSION] = {"extended", "columns in a split beyond the first; 0: the plain forest", 0,
                          64, 0, true},
};

static status train(struct model *m, const struct fit *f, struct error *err)
{
    const double *v = f->options.number;
    bool given = f->options.given[OPTION_TREES];
    const struct iforest_options o = {
        .trees = !given && f->terms->trees ? f->terms->trees : (unsigned)v[OPTION_TREES],
        .sample = (unsigned)v[OPTION_SAMPLE],
        .extension = (unsigned)v[OPTION_EXTENSION],
        .seed = f->terms->seed,
    };
    struct iforest *forest = NULL;
    if (!fit_progress(f, STAGE_TRAIN, "growing a forest", 0, 0))
        return fail(err, ST_UNAVAILABLE, "stopped");
    iforest_train(&o, f->x, f->train.n, f->width, f->width, f->team, &forest);
    m->part = forest;
    sbuf_addf(f->parameters, "trees=%u sample=%u extended=%u", o.trees, o.sample, o.extension);
    return fit_progress(f, STAGE_TRAIN, "growing a forest", 1, 0)
               ? ST_OK
               : fail(err, ST_UNAVAILABLE, "stopped");
}

static struct answered score(const struct model *m, void *own, const float *x, size_t n, float *raw)
{
    iforest_score_in(m->part, x, n, m->encoder.width, own, raw);
    return (struct answered){1, 0};
}

static void *scratch_new(const struct model *m)
{
    return mem_aligned(64, iforest_room(m->part, MODEL_BLOCK));
}

static void explain(const struct model *m, void *own, const float *x, double *phi)
{
    (void)own;
    iforest_explain(m->part, x, phi);
}

static void write(const struct model *m, struct sbuf *out)
{
    iforest_write(m->part, out);
}

static status read(struct model *m, str bytes, struct model_host *host, struct error *err)
{
    struct iforest *forest = NULL;
    (void)host;
    status st = iforest_read(bytes, &forest, err);
    m->part = forest;
    return st == ST_OK ? model_part_suits(m, "forest", iforest_columns(forest), err) : st;
}

static void part_free(void *part)
{
    iforest_free(part);
}

const struct model_ops model_IFOREST = {
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
