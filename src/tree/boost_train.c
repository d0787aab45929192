/* SPDX-License-Identifier: Apache-2.0 */
/* Training is XGBoost's (histograms); what is ours is when to stop, and that an interrupted training goes on.
 *
 * A checkpoint is the model so far behind one header.  XGBoost seeds each iteration by its number
 * (seed_per_iteration), but what samples columns keeps its own state.  So every booster makes CHECKPOINT_EVERY trees at most and
 * the next one goes on from its model, whether there was an interruption or not: the model is the same either way. */
#include "base/hash.h"
#include "base/mem.h"
#include "os/file.h"
#include "tree/boost_int.h"
#include "tree/library_int.h"

#include <math.h>
#include <stdio.h>
#include <unistd.h>

enum { CHECKPOINT_EVERY = 20 };

struct progress {
    uint32_t trees, best_trees; /* made so far; until the best validation loss */
    double best_loss;           /* NaN: none yet */
};
struct training {
    const struct boost_options *o;
    const struct boost_data *train, *validation;
    const struct library *xgb;
    DMatrixHandle rows[2];
    BoosterHandle booster;
    unsigned trees;
    struct progress at;
    uint64_t fingerprint;
};

/* The library's error texts go on for pages: the first line without the place in its source. */
static status library_fails(const struct training *t, struct error *err)
{
    str all = str_z(t->xgb->XGBGetLastError());
    str line = str_head(all, str_find(all, '\n'));
    const char *colon = line.n ? memmem(line.p, line.n, ": ", 2) : NULL;
    if (colon && str_starts(line, STR("["))) /* "[12:00:00] ./src/file.cc:12: what" */
        line = str_from(line, (size_t)(colon - line.p) + 2);
    return fail(err, ST_INVALID, "XGBoost: " STR_FMT, STR_ARG(str_head(line, 180)));
}
#define CALL(t, name, ...) ((t)->xgb->name(__VA_ARGS__) == 0 ? ST_OK : library_fails(t, err))

/* ---- settings ---- */

static double given(double value, double otherwise)
{
    return value != 0 ? value : otherwise;
}

static status set(struct training *t, const char *name, double value, struct error *err)
{
    char text[32];
    (void)snprintf(text, sizeof text, "%.17g", value);
    return CALL(t, XGBoosterSetParam, t->booster, name, text);
}

static status set_monotone(struct training *t, struct error *err)
{
    struct sbuf text;
    if (!t->o->monotone)
        return ST_OK;
    sbuf_init(&text, 8 * t->train->d + 16);
    for (size_t i = 0; i < t->train->d; i++)
        sbuf_addf(&text, "%c%d", i ? ',' : '(', (t->o->monotone[i] > 0) - (t->o->monotone[i] < 0));
    sbuf_addc(&text, ')');
    status st = CALL(t, XGBoosterSetParam, t->booster, "monotone_constraints", text.p);
    sbuf_done(&text);
    return st;
}

static status settings(struct training *t, struct error *err)
{
    const struct boost_options *o = t->o;
    static const char *const fixed[][2] = {
        {"verbosity", "0"},
        {"objective", "binary:logistic"},
        {"eval_metric", "logloss"},
        {"tree_method", "hist"},
        {"base_score", "0.5"}, /* newer versions would choose one */
        {"seed_per_iteration", "true"},
    };
    const struct {
        const char *name;
        double value;
    } number[] = {
        {"max_depth", o->depth ? o->depth : 6},
        {"eta", given(o->rate, 0.1)},
        {"subsample", given(o->subsample, 1)},
        {"colsample_bytree", given(o->columns, 1)},
        {"min_child_weight", given(o->min_child_weight, 1)},
        {"lambda", given(o->lambda, 1)},
        {"gamma", o->gamma},
        {"scale_pos_weight", given(o->positive_weight, 1)},
        {"max_bin", o->bins ? o->bins : 256},
        {"seed", (double)(o->seed & INT32_MAX)},
        {"nthread", o->threads},
    };
    status st = ST_OK;
    for (size_t i = 0; i < COUNT(fixed) && !st; i++)
        st = CALL(t, XGBoosterSetParam, t->booster, fixed[i][0], fixed[i][1]);
    for (size_t i = 0; i < COUNT(number) && !st; i++)
        st = set(t, number[i].name, number[i].value, err);
    return st ? st : set_monotone(t, err);
}

static status open_booster(struct training *t, struct error *err)
{
    status st = CALL(t, XGBoosterCreate, t->rows, t->validation ? 2 : 1, &t->booster);
    return st ? st : settings(t, err);
}

static uint64_t data_hash(const struct boost_data *d, uint64_t h)
{
    if (!d)
        return hash_mix(h, 1);
    h = hash_mix(hash_mix(h, d->n), d->d);
    h = hash_bytes((str){(const char *)d->x, d->n * d->d * sizeof *d->x}, h);
    h = hash_bytes((str){(const char *)d->y, d->n * sizeof *d->y}, h);
    return d->weight ? hash_bytes((str){(const char *)d->weight, d->n * sizeof *d->weight}, h) : h;
}

/* Of all that makes the model what it becomes; how many trees, and the patience, may change. */
static uint64_t fingerprint(const struct training *t)
{
    const struct boost_options *o = t->o;
    const double part[] = {
        o->depth,  o->rate,  o->subsample, o->columns,         o->min_child_weight,
        o->lambda, o->gamma, o->bins,      o->positive_weight, (double)o->seed};
    uint64_t h = hash_bytes((str){(const char *)part, sizeof part}, 0);
    if (o->monotone)
        h = hash_bytes((str){(const char *)o->monotone, t->train->d}, h);
    return data_hash(t->validation, data_hash(t->train, h));
}

/* ---- rows ---- */

static status take_rows(struct training *t, const struct boost_data *d, DMatrixHandle *out,
                        struct error *err)
{
    status st = CALL(t, XGDMatrixCreateFromMat, d->x, d->n, d->d, NAN, out);
    if (!st)
        st = CALL(t, XGDMatrixSetFloatInfo, *out, "label", d->y, d->n);
    if (!st && d->weight)
        st = CALL(t, XGDMatrixSetFloatInfo, *out, "weight", d->weight, d->n);
    return st;
}

/* ---- checkpoints ---- */

struct
    checkpoint { /* what stands before the model; this machine's byte order: it is of one machine */
    char magic[8];
    uint64_t fingerprint, sum; /* sum: of the model and the progress */
    struct progress at;
};
static const char magic[8] = "bgboost1";

static uint64_t sum_of(const struct progress *at, str model)
{
    uint64_t loss;
    memcpy(&loss, &at->best_loss, sizeof loss);
    return hash_bytes(model,
                      hash_mix(hash_mix((uint64_t)at->trees << 32 | at->best_trees, loss), 3));
}

static status model_bytes(struct training *t, str *out, struct error *err)
{
    bst_ulong n = 0;
    const char *p = NULL;
    status st = CALL(t, XGBoosterSaveModelToBuffer, t->booster, "{\"format\":\"ubj\"}", &n, &p);
    *out = (str){p, n};
    return st;
}

static status keep(struct training *t, str model, struct error *err)
{
    if (!t->o->checkpoint)
        return ST_OK;
    struct checkpoint c = {
        .fingerprint = t->fingerprint, .sum = sum_of(&t->at, model), .at = t->at};
    struct sbuf bytes;
    memcpy(c.magic, magic, sizeof magic);
    sbuf_init(&bytes, sizeof c + model.n + 1);
    sbuf_add(&bytes, (str){(const char *)&c, sizeof c});
    sbuf_add(&bytes, model);
    status st = file_replace(t->o->checkpoint, 0600, sbuf_str(&bytes), err);
    sbuf_done(&bytes);
    return st;
}

/* A whole checkpoint of this very training: its model goes into the booster. */
static bool take_checkpoint(struct training *t, str bytes)
{
    struct checkpoint c;
    struct boost *model;
    if (bytes.n < sizeof c)
        return false;
    memcpy(&c, bytes.p, sizeof c);
    bytes = str_from(bytes, sizeof c);
    if (memcmp(c.magic, magic, sizeof magic) != 0 || c.fingerprint != t->fingerprint ||
        c.sum != sum_of(&c.at, bytes) || c.at.best_trees > c.at.trees)
        return false;
    if (boost_read(bytes, &model, NULL)) /* the library must not see what is damaged */
        return false;
    bool fits = boost_trees(model) == c.at.trees && boost_columns(model) == t->train->d;
    boost_free(model);
    if (!fits || t->xgb->XGBoosterLoadModelFromBuffer(t->booster, bytes.p, bytes.n) != 0)
        return false;
    t->at = c.at;
    return true;
}

static void resume(struct training *t)
{
    struct sbuf bytes;
    if (!t->o->checkpoint)
        return;
    sbuf_init(&bytes, (size_t)BOOST_BYTES_MAX + (1 << 20));
    if (file_read_all(t->o->checkpoint, &bytes, NULL) == ST_OK)
        (void)take_checkpoint(t, sbuf_str(&bytes)); /* false: from the beginning */
    sbuf_done(&bytes);
}

/* ---- the rounds ---- */

/* "[12]\tvalidation-logloss:0.12345" */
static status validation_loss(struct training *t, double *loss, struct error *err)
{
    const char *name = "validation", *text = NULL;
    if (!t->validation)
        return ST_OK;
    status st =
        CALL(t, XGBoosterEvalOneIter, t->booster, (int)t->at.trees, &t->rows[1], &name, 1, &text);
    if (st)
        return st;
    str s = str_z(text);
    (void)str_cut(&s, ':');
    if (!str_to_f64(str_trim(s), loss))
        return fail(err, ST_UNSUPPORTED, "XGBoost tells its loss in an unknown way");
    return ST_OK;
}

static bool patience_ended(const struct training *t)
{
    return t->validation && t->o->patience && t->at.trees >= t->at.best_trees + t->o->patience;
}

/* Keep what there is, and go on with a new booster. */
static status change_booster(struct training *t, struct error *err)
{
    str model;
    BoosterHandle old = t->booster;
    status st = model_bytes(t, &model, err);
    if (!st)
        st = keep(t, model, err);
    if (st)
        return st;
    t->booster = NULL;
    st = open_booster(t, err);
    if (!st)
        st = CALL(t, XGBoosterLoadModelFromBuffer, t->booster, model.p, model.n);
    (void)t->xgb->XGBoosterFree(old); /* it cannot fail */
    return st;
}

static status one_tree(struct training *t, struct error *err)
{
    double loss = NAN;
    status st = CALL(t, XGBoosterUpdateOneIter, t->booster, (int)t->at.trees, t->rows[0]);
    if (!st)
        st = validation_loss(t, &loss, err);
    if (st)
        return st;
    t->at.trees++;
    if (isnan(t->at.best_loss) || loss < t->at.best_loss) {
        t->at.best_loss = loss;
        t->at.best_trees = t->at.trees;
    }
    bool go_on = !t->o->progress || t->o->progress(t->o->arg, t->at.trees, t->trees, loss);
    if (!go_on)
        return fail(err, ST_UNAVAILABLE, "stopped after %u of %u trees", t->at.trees, t->trees);
    return t->at.trees % CHECKPOINT_EVERY == 0 ? change_booster(t, err) : ST_OK;
}

static status rounds(struct training *t, struct boost **out, struct error *err)
{
    str model;
    status st = ST_OK;
    while (!st && t->at.trees < t->trees && !patience_ended(t))
        st = one_tree(t, err);
    if (!st)
        st = model_bytes(t, &model, err);
    if (st)
        return st;
    return boost_read_first(model, t->validation && t->o->patience ? t->at.best_trees : t->trees,
                            out, err);
}

static status check_data(const struct boost_data *d, size_t columns, struct error *err)
{
    if (!d->n || !d->d || d->d > BOOST_COLUMNS_MAX || d->d != columns)
        return fail(err, ST_INVALID, "there are %zu rows of %zu columns", d->n, d->d);
    for (size_t i = 0; i < d->n; i++)
        if (!(d->y[i] == 0 || d->y[i] == 1))
            return fail(err, ST_INVALID, "row %zu: the label %g is neither 0 nor 1", i,
                        (double)d->y[i]);
    return ST_OK;
}

static status run(struct training *t, struct boost **out, struct error *err)
{
    status st = take_rows(t, t->train, &t->rows[0], err);
    if (!st && t->validation)
        st = take_rows(t, t->validation, &t->rows[1], err);
    if (!st)
        st = open_booster(t, err);
    if (st)
        return st;
    resume(t);
    return rounds(t, out, err);
}

status boost_train(const struct boost_options *o, const struct boost_data *train,
                   const struct boost_data *validation, struct boost **out, struct error *err)
{
    struct training t = {.o = o,
                         .train = train,
                         .validation = validation && validation->n ? validation : NULL,
                         .trees = o->trees ? o->trees : 300,
                         .at = {.best_loss = NAN}};
    status st = check_data(train, train->d, err);
    if (!st && t.validation)
        st = check_data(t.validation, train->d, err);
    if (!st)
        st = library_get(&t.xgb, err);
    if (st)
        return st;
    t.fingerprint = o->checkpoint ? fingerprint(&t) : 0;
    st = run(&t, out, err);
    if (t.booster)
        (void)t.xgb->XGBoosterFree(t.booster); /* nothing more to be done */
    for (size_t i = 0; i < COUNT(t.rows); i++)
        if (t.rows[i])
            (void)t.xgb->XGDMatrixFree(t.rows[i]);
    if (!st && o->checkpoint)
        (void)unlink(o->checkpoint); /* done; one left over would be recognised */
    return st;
}
