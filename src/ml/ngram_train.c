/* SPDX-License-Identifier: Apache-2.0 */
/* Trees over runs of events, trained.
 *
 * What is known by heart is not strange: so of the sessions that train the trees, normal ones are looked at by a model
 * that learnt from others, in FOLDS turns.  The one that is kept learnt from all of them.
 *
 * Once calibration and threshold are found with the validation rows, everything learns again with them too. */
#include "base/mem.h"
#include "ml/ngram_int.h"
#include "os/team.h"

enum {
    FOLDS = 5,
    FOLD_NORMAL_MIN = 10,   /* fewer normal sessions cannot tell what is strange */
    VALUES_MAX = 128 << 20, /* of training: 512 MiB */
    COLUMNS_LEAST = 64
};

enum {
    OPTION_TREES,
    OPTION_DEPTH,
    OPTION_RATE,
    OPTION_SUBSAMPLE,
    OPTION_PART,
    OPTION_POSITIVE,
    OPTION_PATIENCE,
    OPTION_RUNS,
    OPTION_SESSIONS,
    OPTION_REFIT
};
const struct model_option ngram_option[NGRAM_OPTIONS] = {
    [OPTION_TREES] = {"trees", "how many of them", 1, 20000, 150, true},
    [OPTION_DEPTH] = {"depth", "questions from a tree's root to a leaf", 1, 16, 5, true},
    [OPTION_RATE] = {"rate", "how much of what it could each tree puts right", 0.001, 1, 0.1,
                     false},
    [OPTION_SUBSAMPLE] = {"subsample", "part of the sessions for each tree", 0.05, 1, 1, false},
    [OPTION_PART] = {"columns", "part of the columns for each tree", 0.05, 1, 0.3, false},
    [OPTION_POSITIVE] = {"positive",
                         "weight of an attack; 0: as much as keeps neither label below a twentieth",
                         0, 10000, 0, false},
    [OPTION_PATIENCE] = {"patience", "trees without gain before it stops; 0: never", 0, 10000, 0,
                         true},
    [OPTION_RUNS] = {"runs", "most runs of events that it asks about", 1, RUN_COLUMNS_MAX,
                     RUN_COLUMNS_MAX, true},
    [OPTION_SESSIONS] = {"sessions", "that a run must occur in to be asked about", 1, 1000000, 3,
                         true},
    [OPTION_REFIT] = {"refit",
                      "1: learn again with the validation rows, when the threshold is known", 0, 1,
                      1, true},
};

struct filling {
    const struct ngram *g;
    const struct sequence_model *strange;
    const struct sequences *s;
    const uint32_t *which; /* (tasks) sessions; NULL: all */
    float *x;              /* (s->count, width) */
};

static void fill_one(void *arg, size_t task, unsigned worker)
{
    const struct filling *f = arg;
    size_t i = f->which ? f->which[task] : task;
    uint32_t *times = mem_array(uint32_t, (size_t)f->g->runs.n + 1);
    (void)worker;
    ngram_row(f->g, f->strange, f->s->event + f->s->start[i], f->s->start[i + 1] - f->s->start[i],
              times, f->x + i * ngram_width(f->g));
    mem_free(times);
}

/* ---- training ---- */

struct learning { /* one round of it */
    const struct fit *f;
    struct ngram *g;
    struct sessions sessions;
    struct sequences s;
    uint8_t *label;    /* owned (s.count): 1 attack */
    uint32_t *session; /* owned (s.count): the normal ones, then the attacks */
    size_t normal;
    float *x, *y; /* owned (s.count, width), (s.count) */
    const char *what;
};

static void learning_done(struct learning *l)
{
    sessions_done(&l->sessions);
    mem_free(l->label);
    mem_free(l->session);
    mem_free(l->x);
    mem_free(l->y);
}

static bool progress(void *arg, unsigned tree, unsigned trees, double loss)
{
    const struct learning *l = arg;
    return fit_progress(l->f, STAGE_TRAIN, l->what, trees ? (double)tree / trees : 0, loss);
}

static void order_by_label(struct learning *l)
{
    size_t attacks = 0;
    l->session = mem_array(uint32_t, l->s.count + 1);
    for (int label = 0; label < 2; label++)
        for (size_t i = 0; i < l->s.count; i++)
            if (l->label[i] == label)
                l->session[label ? l->normal + attacks++ : l->normal++] = (uint32_t)i;
}

/* Markov from normal sessions but every FOLDS-th of them, from `fold` on; FOLDS: from all. */
static status learn_strange(const struct learning *l, size_t fold, struct sequence_model **out,
                            struct error *err)
{
    const struct sequence_shape shape = {.kind = SEQUENCE_MARKOV};
    const struct nn_training t = {.seed = l->f->terms->seed, .team = l->f->team};
    uint32_t *event = mem_array(uint32_t, l->s.start[l->s.count] + 1);
    uint64_t *start = mem_array(uint64_t, l->normal + 1);
    struct sequences some = {event, start, 0, l->s.vocabulary};
    for (size_t i = 0; i < l->normal; i++) {
        size_t at = l->session[i];
        uint64_t n = l->s.start[at + 1] - l->s.start[at], to = start[some.count];
        if (i % FOLDS == fold)
            continue;
        memcpy(event + to, l->s.event + l->s.start[at], n * sizeof *event);
        start[++some.count] = to + n;
    }
    status st = sequence_train(&shape, &t, &some, out, err);
    mem_free(event);
    mem_free(start);
    return st;
}

/* The rows of normal sessions whose place is of `fold`; FOLDS: of the attacks. */
static void fill_fold(const struct learning *l, size_t fold, const struct sequence_model *strange)
{
    uint32_t *which = mem_array(uint32_t, l->s.count + 1);
    size_t n = 0;
    for (size_t i = 0; i < l->s.count; i++)
        if ((i < l->normal ? i % FOLDS : FOLDS) == fold)
            which[n++] = l->session[i];
    struct filling f = {l->g, strange, &l->s, which, l->x};
    team_run(l->f->team, n, fill_one, &f);
    mem_free(which);
}

static status fill_rows(struct learning *l, struct error *err)
{
    status st = ST_OK;
    l->x = mem_array(float, size_mul(l->s.count, ngram_width(l->g)));
    l->y = mem_array(float, l->s.count + 1);
    for (size_t i = 0; i < l->s.count; i++)
        l->y[i] = l->label[i];
    for (size_t fold = 0; fold < FOLDS && st == ST_OK; fold++) {
        struct sequence_model *strange = NULL;
        if (!fit_progress(l->f, STAGE_TRAIN, "learning what is strange", (double)fold / FOLDS, 0))
            return fail(err, ST_UNAVAILABLE, "stopped");
        st = learn_strange(l, fold, &strange, err);
        if (st == ST_OK)
            fill_fold(l, fold, strange);
        sequence_free(strange);
    }
    if (st == ST_OK)
        st = learn_strange(l, FOLDS, &l->g->known.model, err);
    if (st == ST_OK)
        fill_fold(l, FOLDS, l->g->known.model);
    return st;
}

static struct boost_options boost_options_of(const struct learning *l, unsigned trees)
{
    const struct fit *f = l->f;
    const double *o = f->options.number;
    bool depth = f->options.given[OPTION_DEPTH] || !f->terms->depth;
    return (struct boost_options){
        .trees = trees,
        .depth = depth ? (unsigned)o[OPTION_DEPTH] : f->terms->depth,
        .rate = o[OPTION_RATE],
        .subsample = o[OPTION_SUBSAMPLE],
        .columns = o[OPTION_PART],
        .positive_weight = o[OPTION_POSITIVE] > 0 ? o[OPTION_POSITIVE]
                                                  : attack_weight((double)(l->s.count - l->normal),
                                                                  (double)l->s.count),
        .seed = f->terms->seed,
        .threads = f->terms->threads,
        .progress = progress,
        .arg = (void *)(uintptr_t)l,
    };
}

static unsigned trees_wanted(const struct fit *f)
{
    bool own = f->options.given[OPTION_TREES] || !f->terms->trees;
    return own ? (unsigned)f->options.number[OPTION_TREES] : f->terms->trees;
}

/* The rows of another part of the set, to stop by. */
static struct boost_data rows_aside(const struct learning *l, const uint32_t *number, float **x,
                                    float **y)
{
    const struct fit *f = l->f;
    struct sessions aside = sessions_of(f->d, f->validation, number);
    struct sequences s = {aside.event, aside.start, f->validation.n, l->s.vocabulary};
    *x = mem_array(float, size_mul(s.count, ngram_width(l->g)));
    *y = mem_array(float, s.count + 1);
    for (size_t i = 0; i < s.count; i++)
        (*y)[i] = f->d->label[f->validation.index[i]] == LABEL_ATTACK;
    struct filling fill = {l->g, l->g->known.model, &s, NULL, *x};
    team_run(f->team, s.count, fill_one, &fill);
    sessions_done(&aside);
    return (struct boost_data){.x = *x, .y = *y, .n = s.count, .d = ngram_width(l->g)};
}

static status boost(struct learning *l, const uint32_t *number, unsigned trees, struct error *err)
{
    struct boost_options o = boost_options_of(l, trees ? trees : trees_wanted(l->f));
    const struct boost_data rows = {.x = l->x, .y = l->y, .n = l->s.count, .d = ngram_width(l->g)};
    float *x = NULL, *y = NULL;
    if (!trees && l->f->options.number[OPTION_PATIENCE] > 0) {
        o.patience = (unsigned)l->f->options.number[OPTION_PATIENCE];
        const struct boost_data aside = rows_aside(l, number, &x, &y);
        status st = boost_train(&o, &rows, &aside, &l->g->trees, err);
        mem_free(x);
        mem_free(y);
        return st;
    }
    return boost_train(&o, &rows, NULL, &l->g->trees, err);
}

static status check_size(const struct learning *l, size_t *columns, struct error *err)
{
    size_t room = VALUES_MAX / (l->s.count + 1);
    *columns = (size_t)l->f->options.number[OPTION_RUNS];
    if (l->normal < FOLD_NORMAL_MIN)
        return fail(err, ST_INVALID, "%zu normal sessions are too few to tell what is strange",
                    l->normal);
    if (room < COLUMNS_LEAST)
        return fail(err, ST_LIMIT, "%zu sessions are more than %d to learn from", l->s.count,
                    VALUES_MAX / COLUMNS_LEAST);
    *columns = *columns + NGRAM_EXTRAS > room ? room - NGRAM_EXTRAS : *columns;
    return ST_OK;
}

/* From these rows; trees 0: as many as the options say. */
static status learn(struct ngram *g, const struct fit *f, struct rows rows, unsigned trees,
                    const char *what, struct error *err)
{
    struct learning l = {.f = f, .g = g, .what = what};
    uint32_t *number = mem_array(uint32_t, (size_t)f->d->event_names + 1);
    size_t columns = 0;
    status st = known_learn(&g->known, f->d, rows, number, err);
    l.sessions = sessions_of(f->d, rows, number);
    l.s = (struct sequences){l.sessions.event, l.sessions.start, rows.n, g->known.names + 1};
    l.label = mem_array(uint8_t, rows.n + 1);
    for (size_t i = 0; i < rows.n; i++)
        l.label[i] = f->d->label[rows.index[i]] == LABEL_ATTACK;
    order_by_label(&l);
    if (st == ST_OK)
        st = check_size(&l, &columns, err);
    if (st == ST_OK) {
        runs_choose(&g->runs, &l.s, l.label, (size_t)f->options.number[OPTION_SESSIONS], columns);
        st = fill_rows(&l, err);
    }
    if (st == ST_OK)
        st = boost(&l, number, trees, err);
    learning_done(&l);
    mem_free(number);
    return st;
}

status ngram_train(struct model *m, const struct fit *f, struct error *err)
{
    struct ngram *g = ngram_new();
    const double *o = f->options.number;
    m->part = g;
    status st = learn(g, f, f->train, 0, "boosting", err);
    if (st == ST_OK)
        sbuf_addf(f->parameters, "events=%u runs=%u trees=%zu rate=%g columns=%g refit=%g",
                  g->known.names, g->runs.n, boost_trees(g->trees), o[OPTION_RATE], o[OPTION_PART],
                  o[OPTION_REFIT]);
    return st;
}

status ngram_refit(struct model *m, const struct fit *f, struct error *err)
{
    struct ngram *old = m->part, *g = ngram_new();
    size_t n = f->train.n + f->validation.n;
    if (f->options.number[OPTION_REFIT] == 0) {
        ngram_free(g);
        return ST_OK;
    }
    uint32_t *index = mem_array(uint32_t, n + 1);
    memcpy(index, f->train.index, f->train.n * sizeof *index);
    memcpy(index + f->train.n, f->validation.index, f->validation.n * sizeof *index);
    status st = learn(g, f, (struct rows){index, n}, (unsigned)boost_trees(old->trees),
                      "boosting, with the validation rows", err);
    mem_free(index);
    m->part = st == ST_OK ? g : old;
    ngram_free(st == ST_OK ? old : g);
    return st;
}
