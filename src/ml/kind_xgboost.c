/* SPDX-License-Identifier: Apache-2.0 */
/* Gradient-boosted trees.
 *
 * Many slow trees, stopped when validation rows no longer gain; then, once it is known how many it takes, trained again
 * with the validation rows too.  The raw score is the margin, which Platt's calibration makes a probability again: it
 * keeps the order of rows that are all but certain. */
#include "base/mem.h"
#include "ml/bytes.h"
#include "ml/model_int.h"
#include "tree/tree.h"

#include <math.h>

enum {
    OPTION_TREES,
    OPTION_DEPTH,
    OPTION_RATE,
    OPTION_SUBSAMPLE,
    OPTION_COLUMNS,
    OPTION_MIN_CHILD,
    OPTION_LAMBDA,
    OPTION_GAMMA,
    OPTION_POSITIVE,
    OPTION_PATIENCE,
    OPTION_BINS,
    OPTION_MONOTONE,
    OPTION_REFIT,
    OPTIONS
};
static const struct model_option options[OPTIONS] = {
    [OPTION_TREES] = {"trees", "most of them; training stops before when more do not help", 1,
                      20000, 1000, true},
    [OPTION_DEPTH] = {"depth", "questions from a tree's root to a leaf", 1, 16, 7, true},
    [OPTION_RATE] = {"rate", "how much of what it could each tree puts right", 0.001, 1, 0.03,
                     false},
    [OPTION_SUBSAMPLE] = {"subsample", "part of the rows for each tree", 0.05, 1, 0.9, false},
    [OPTION_COLUMNS] = {"columns", "part of the columns for each tree", 0.05, 1, 0.3, false},
    [OPTION_MIN_CHILD] = {"min_child", "least weight of rows in a leaf", 0, 10000, 1, false},
    [OPTION_LAMBDA] = {"lambda", "how much large leaves cost", 0, 10000, 1, false},
    [OPTION_GAMMA] = {"gamma", "least gain for a split", 0, 10000, 0, false},
    [OPTION_POSITIVE] = {"positive",
                         "weight of an attack; 0: as much as keeps neither label below a twentieth",
                         0, 10000, 0, false},
    [OPTION_PATIENCE] = {"patience", "trees without gain before it stops; 0: never", 0, 10000, 50,
                         true},
    [OPTION_BINS] = {"bins", "of each column's histogram", 16, 4096, 256, true},
    [OPTION_MONOTONE] =
        {"monotone", "columns that may only raise (+1) or lower (-1) the score: column:+1/other:-1",
         0, 0, 0, false},
    [OPTION_REFIT] = {"refit",
                      "1: train again with the validation rows, when it is known how many trees", 0,
                      1, 1, true},
};

enum { OUTPUTS_MAX = 1024, PATH_BYTES = 4096 };

struct own {
    void *room;     /* owned; of the trees */
    float answer[]; /* (MODEL_BLOCK, outputs) */
};
struct xgboost {
    struct boost *trees;
    bool probability; /* somebody else's: raw is what it answers, which needs no calibration */
};

/* ---- training ---- */

static status monotone(const struct model *m, str text, int8_t *out, struct error *err)
{
    while (text.n) {
        str sign = str_trim(str_cut(&text, '/'));
        str name = str_cut(&sign, ':');
        int64_t direction = 0;
        size_t i = 0;
        while (i < m->encoder.columns && !str_eq(m->encoder.column[i].column.name, name))
            i++;
        if (i == m->encoder.columns)
            return fail(err, ST_INVALID, "option monotone: there is no column '" STR_FMT "'",
                        STR_ARG(str_head(name, 64)));
        if (!str_to_i64(str_starts(sign, STR("+")) ? str_from(sign, 1) : sign, &direction) ||
            direction < -1 || direction > 1)
            return fail(err, ST_INVALID, "option monotone: '" STR_FMT "' is not +1, -1 or 0",
                        STR_ARG(str_head(sign, 16)));
        out[i] = (int8_t)direction;
    }
    return ST_OK;
}

struct boosting { /* what progress is told with */
    const struct fit *f;
    const char *what;
};

static bool progress(void *arg, unsigned tree, unsigned trees, double loss)
{
    const struct boosting *b = arg;
    return fit_progress(b->f, STAGE_TRAIN, b->what, trees ? (double)tree / trees : 0, loss);
}

double attack_weight(double attacks, double n)
{
    double least = n / 20; /* a label rarer than that is made as heavy */
    if (attacks < least)
        return least / attacks;
    return n - attacks < least ? (n - attacks) / least : 1;
}

static double positive_weight(const struct fit *f)
{
    if (f->options.number[OPTION_POSITIVE] > 0)
        return f->options.number[OPTION_POSITIVE];
    double attacks = 0;
    for (size_t i = 0; i < f->train.n; i++)
        attacks += f->y[i];
    return attack_weight(attacks, (double)f->train.n);
}

static struct boost_options boost_options_of(const struct fit *f)
{
    const double *o = f->options.number;
    bool given = f->options.given[OPTION_TREES];
    return (struct boost_options){
        .trees = !given && f->terms->trees ? f->terms->trees : (unsigned)o[OPTION_TREES],
        .depth = !f->options.given[OPTION_DEPTH] && f->terms->depth ? f->terms->depth
                                                                    : (unsigned)o[OPTION_DEPTH],
        .rate = o[OPTION_RATE],
        .subsample = o[OPTION_SUBSAMPLE],
        .columns = o[OPTION_COLUMNS],
        .min_child_weight = o[OPTION_MIN_CHILD],
        .lambda = o[OPTION_LAMBDA],
        .gamma = o[OPTION_GAMMA],
        .positive_weight = positive_weight(f),
        .bins = (unsigned)o[OPTION_BINS],
        .patience = (unsigned)o[OPTION_PATIENCE],
        .seed = f->terms->seed,
        .threads = f->terms->threads,
        .progress = progress,
        .checkpoint = f->checkpoint,
    };
}

/* With as many trees as it took. */
static status refit(struct model *m, const struct fit *f, struct error *err)
{
    struct xgboost *x = m->part;
    size_t n = f->train.n + f->validation.n;
    struct boost_data all = {.n = n, .d = f->width};
    struct boost_options again = boost_options_of(f);
    struct boosting b = {f, "boosting, with the validation rows"};
    int8_t *direction = mem_array(int8_t, f->width);
    char path[PATH_BYTES];
    if (f->options.number[OPTION_REFIT] == 0) {
        mem_free(direction);
        return ST_OK;
    }
    status st = monotone(m, f->options.text[OPTION_MONOTONE], direction, err);
    if (f->options.given[OPTION_MONOTONE])
        again.monotone = direction;
    again.trees = (unsigned)boost_trees(x->trees);
    again.patience = 0;
    again.arg = &b;
    if (f->checkpoint && snprintf(path, sizeof path, "%s.refit", f->checkpoint) < (int)sizeof path)
        again.checkpoint = path;
    float *rows = mem_array(float, size_mul(n, f->width)), *y = mem_array(float, n);
    memcpy(rows, f->x, f->train.n * f->width * sizeof *rows);
    memcpy(rows + f->train.n * f->width, f->validation_x,
           f->validation.n * f->width * sizeof *rows);
    memcpy(y, f->y, f->train.n * sizeof *y);
    memcpy(y + f->train.n, f->validation_y, f->validation.n * sizeof *y);
    all.x = rows;
    all.y = y;
    struct boost *better = NULL;
    if (st == ST_OK)
        st = boost_train(&again, &all, NULL, &better, err);
    if (st == ST_OK) {
        boost_free(x->trees);
        x->trees = better;
    }
    mem_free(rows);
    mem_free(y);
    mem_free(direction);
    return st;
}

static status train(struct model *m, const struct fit *f, struct error *err)
{
    struct xgboost *x = mem_new(struct xgboost);
    struct boost_options o = boost_options_of(f);
    struct boosting b = {f, "boosting"};
    int8_t *direction = mem_array(int8_t, f->width);
    m->part = x;
    o.arg = &b;
    status st = monotone(m, f->options.text[OPTION_MONOTONE], direction, err);
    if (f->options.given[OPTION_MONOTONE])
        o.monotone = direction;
    const struct boost_data rows = {.x = f->x, .y = f->y, .n = f->train.n, .d = f->width};
    const struct boost_data aside = {
        .x = f->validation_x, .y = f->validation_y, .n = f->validation.n, .d = f->width};
    if (st == ST_OK)
        st = boost_train(&o, &rows, &aside, &x->trees, err);
    if (st == ST_OK)
        sbuf_addf(f->parameters,
                  "trees=%zu depth=%u rate=%g subsample=%g columns=%g positive=%.3g refit=%g",
                  boost_trees(x->trees), o.depth, o.rate, o.subsample, o.columns, o.positive_weight,
                  f->options.number[OPTION_REFIT]);
    mem_free(direction);
    return st;
}

/* ---- use ---- */

static struct answered score(const struct model *m, void *own, const float *x, size_t n, float *raw)
{
    const struct xgboost *g = m->part;
    struct own *o = own;
    if (!g->probability) {
        boost_margin_in(g->trees, x, n, m->encoder.width, o->room, raw);
        return (struct answered){1, 0};
    }
    float *k = o->answer;
    size_t outputs = boost_outputs(g->trees);
    boost_score_in(g->trees, x, n, m->encoder.width, o->room, k);
    for (size_t i = 0; i < n; i++) /* of several classes the first is the normal one */
        raw[i] = outputs > 1 ? 1 - k[i * outputs] : k[i];
    return (struct answered){1, 0};
}

static void *scratch_new(const struct model *m)
{
    const struct xgboost *x = m->part;
    size_t answers = size_mul(MODEL_BLOCK * sizeof(float), boost_outputs(x->trees));
    struct own *o = mem_zero(size_add(sizeof *o, answers));
    o->room = mem_aligned(64, boost_room(x->trees, MODEL_BLOCK));
    return o;
}

static void scratch_free(void *own)
{
    mem_free(((struct own *)own)->room);
    mem_free(own);
}

static void explain(const struct model *m, void *own, const float *x, double *phi)
{
    const struct xgboost *g = m->part;
    size_t width = m->encoder.width;
    bool many = boost_outputs(g->trees) > 1;
    double *all = mem_array(double, width + 1);
    (void)own;
    boost_explain(g->trees, x, 0, all);
    for (size_t i = 0; i < width; i++)
        phi[i] = many ? -all[i] : all[i];
    mem_free(all);
}

static void importance(const struct model *m, double *out)
{
    boost_importance(((const struct xgboost *)m->part)->trees, out);
}

/* u8 probability; the trees as UBJSON. */
static void write(const struct model *m, struct sbuf *out)
{
    const struct xgboost *x = m->part;
    sbuf_addc(out, x->probability ? 1 : 0);
    boost_write(x->trees, out);
}

static status read(struct model *m, str bytes, struct model_host *host, struct error *err)
{
    struct xgboost *x = mem_new(struct xgboost);
    m->part = x;
    (void)host;
    if (bytes.n == 0)
        return fail(err, ST_INVALID, "it has no trees");
    x->probability = bytes.p[0] != 0;
    status st = boost_read(str_from(bytes, 1), &x->trees, err);
    if (st == ST_OK && boost_columns(x->trees) > m->encoder.width)
        st = fail(err, ST_INVALID, "its trees ask for column %zu of %zu", boost_columns(x->trees),
                  m->encoder.width);
    if (st == ST_OK && boost_outputs(x->trees) > OUTPUTS_MAX)
        st = fail(err, ST_LIMIT, "more than %d classes", OUTPUTS_MAX);
    return st;
}

static void part_free(void *part)
{
    struct xgboost *x = part;
    if (x)
        boost_free(x->trees);
    mem_free(x);
}

const struct boost *xgboost_trees(const struct model *m)
{
    return ((const struct xgboost *)m->part)->trees;
}

void xgboost_adopt(struct model *m, struct boost *trees)
{
    struct xgboost *x = mem_new(struct xgboost);
    *x = (struct xgboost){.trees = trees, .probability = true};
    m->part = x;
}

const struct model_ops model_XGBOOST = {
    .labelled = true,
    .style = ENCODE_TREES,
    .calibration = CALIBRATION_PLATT,
    .option = options,
    .options = OPTIONS,
    .train = train,
    .refit = refit,
    .score = score,
    .explain = explain,
    .importance = importance,
    .write = write,
    .read = read,
    .free = part_free,
    .scratch_new = scratch_new,
    .scratch_free = scratch_free,
};
