/* SPDX-License-Identifier: Apache-2.0 */
/* From data to a model that was judged: split, fit, find the threshold, judge, write the card.
 *
 *   train rows       the encoder, the kind's part, references of the columns' drift
 *   validation rows  when to stop, the calibration, the threshold, reference of the score's drift; then, where the
 *                    kind can, it learns from them as well
 *   test rows        nothing but the card's figures and curves
 *
 * The model that was judged is the one that is kept: it is not trained again with the test rows. */
#include "base/mem.h"
#include "ml/train_int.h"
#include "os/team.h"

#include <errno.h>
#include <glob.h>
#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_BYTES = 4096, WORDS_MAX = 4096, RELIABILITY_BINS = 10 };

struct course { /* one training */
    const struct model_training *terms;
    struct dataset *d;
    struct parts parts;
    struct team *team;
    struct model *m;
    struct sbuf parameters, basis, warning;
    char checkpoint[PATH_BYTES];
    struct fit fit;
};

static void warn(struct course *c, const char *text)
{
    if (c->warning.n)
        sbuf_addz(&c->warning, "; ");
    sbuf_addz(&c->warning, text);
}

/* ---- before ---- */

static status check(const struct model_training *t, const struct dataset *d, struct error *err)
{
    const char *name = model_kind_name(t->kind);
    if (!model_ops_of(t->kind)->train)
        return fail(err, ST_UNSUPPORTED, "%s models are not trained here", name);
    if (d->shape != model_kind_shape(t->kind))
        return fail(err, ST_INVALID, "%s models learn from %s, these data are %s", name,
                    d->shape == DATASET_TABLE ? "sequences" : "a table",
                    d->shape == DATASET_TABLE ? "a table" : "sequences");
    if (t->kind == MODEL_KEYSTROKE && d->format != DATASET_KEYSTROKE)
        return fail(err, ST_INVALID, "keystroke models learn from data of the format keystroke");
    if (t->fpr < 0 || t->fpr >= 1)
        return fail(err, ST_INVALID, "a false-positive rate of %g is not between 0 and 1", t->fpr);
    if (t->alarms_per_day > 0 && !(t->rows_per_day > t->alarms_per_day))
        return fail(err, ST_INVALID, "%g alarms a day of how many rows a day?", t->alarms_per_day);
    return ST_OK;
}

/* A file in the folder of checkpoints; it names what it is of, so that another training does not go on from it. */
static bool checkpoint_path(const struct model_training *t, const struct dataset *d,
                            char out[static PATH_BYTES])
{
    int n = snprintf(out, PATH_BYTES, "%s/%s-%.16s-%llu.state", t->checkpoint,
                     model_kind_name(t->kind), d->digest, (unsigned long long)t->seed);
    return n < PATH_BYTES - 64;
}

bool model_training_kept(const struct model_training *t, const struct dataset *d)
{
    glob_t found;
    char pattern[PATH_BYTES + 2] = "";
    if (!t->checkpoint || !checkpoint_path(t, d, pattern))
        return false;
    memcpy(pattern + strlen(pattern), "*", 2);
    bool kept = glob(pattern, GLOB_NOSORT, NULL, &found) == 0;
    globfree(&found);
    return kept;
}

static status place_checkpoint(struct course *c, struct error *err)
{
    const struct model_training *t = c->terms;
    if (!t->checkpoint)
        return ST_OK;
    if (mkdir(t->checkpoint, 0700) != 0 && errno != EEXIST)
        return fail(err, ST_IO, "'%s': no folder can be made there", t->checkpoint);
    if (!checkpoint_path(t, c->d, c->checkpoint))
        return fail(err, ST_INVALID, "'%.100s…': the path is too long", t->checkpoint);
    return ST_OK;
}

/* What kinds leave there: PATH, PATH.refit, PATH.member-… */
static void checkpoints_remove(const char *path)
{
    glob_t found;
    char pattern[PATH_BYTES + 2];
    (void)snprintf(pattern, sizeof pattern, "%s*", path); /* fits: it is shorter */
    if (glob(pattern, GLOB_NOSORT, NULL, &found) == 0)
        for (size_t i = 0; i < found.gl_pathc; i++)
            (void)unlink(found.gl_pathv[i]); /* it is no use any more, nor in the way */
    globfree(&found);
}

static struct fit fit_of(struct course *c, const struct options *o)
{
    return (struct fit){.terms = c->terms,
                        .options = *o,
                        .d = c->d,
                        .train = c->parts.train,
                        .validation = c->parts.validation,
                        .team = c->team,
                        .checkpoint = c->checkpoint[0] ? c->checkpoint : NULL,
                        .parameters = &c->parameters,
                        .final = true};
}

/* ---- cross-validation ---- */

struct folding {
    float *score;   /* (rows), calibrated */
    uint8_t *label; /* (rows) */
    size_t n;
};

/* Rows that are in no fold `k`, and not kept for the test; every seventh of them validates. */
static void rows_beside(const struct course *c, const uint8_t *fold, unsigned k, uint32_t *index,
                        struct fit *f, struct rows *aside)
{
    size_t n = 0, total = c->d->rows;
    uint8_t *kept = mem_array(uint8_t, total + 1);
    for (size_t i = 0; i < c->parts.test.n; i++)
        kept[c->parts.test.index[i]] = 1;
    struct rows *part[3] = {&f->train, &f->validation, aside};
    for (size_t s = 0; s < 3; s++) {
        part[s]->index = index + n;
        size_t begin = n;
        for (size_t i = 0, beside = 0; i < total; i++) {
            bool in = fold[i] == k;
            size_t side = kept[i] ? 3 : in ? 2 : beside++ % 7 == 6 ? 1 : 0;
            if (side == s)
                index[n++] = (uint32_t)i;
        }
        part[s]->n = n - begin;
    }
    mem_free(kept);
}

static status cross_fold(struct course *c, const uint8_t *fold, unsigned k, struct folding *to,
                         struct error *err)
{
    struct fit f = c->fit;
    struct rows aside = {0};
    struct sbuf unused;
    struct model *m = model_new(c->terms->kind);
    uint32_t *index = mem_array(uint32_t, c->d->rows + 1);
    sbuf_init(&unused, WORDS_MAX);
    f.parameters = &unused;
    f.checkpoint = NULL;
    f.final = false;
    rows_beside(c, fold, k, index, &f, &aside);
    status st = model_fit(m, &f, err);
    if (st == ST_OK) {
        struct trials t;
        trials_of(m, c->d, aside, c->team, false, true, &t);
        memcpy(to->score + to->n, t.score, t.n * sizeof *t.score);
        memcpy(to->label + to->n, t.label, t.n);
        to->n += t.n;
        trials_done(&t);
    }
    mem_free(index);
    sbuf_done(&unused);
    model_free(m);
    return st;
}

static status cross(struct course *c, struct figures *out, struct error *err)
{
    unsigned folds = c->terms->folds;
    if (folds < 2 || c->terms->kind == MODEL_KEYSTROKE)
        return ST_OK;
    uint8_t *fold = mem_array(uint8_t, c->d->rows + 1);
    struct folding all = {.score = mem_array(float, c->d->rows + 1),
                          .label = mem_array(uint8_t, c->d->rows + 1)};
    status st = ST_OK;
    dataset_folds(c->d, folds, c->terms->seed, fold);
    for (unsigned k = 0; k < folds && st == ST_OK; k++)
        st = cross_fold(c, fold, k, &all, err);
    if (st == ST_OK)
        eval_figures(all.score, all.label, all.n, c->m->card.threshold, out);
    mem_free(fold);
    mem_free(all.score);
    mem_free(all.label);
    return st;
}

/* ---- judgement ---- */

static void draw(struct model *m, const struct trials *t)
{
    for (size_t i = 0; i < MODEL_PICTURES; i++)
        curve_done(&m->curve[i]);
    eval_roc(t->score, t->label, t->n, &m->curve[PICTURE_ROC]);
    eval_pr(t->score, t->label, t->n, &m->curve[PICTURE_PR]);
    eval_reliability(t->score, t->label, t->n, RELIABILITY_BINS, &m->curve[PICTURE_RELIABILITY]);
}

static void judge(struct course *c, const struct trials *t)
{
    struct model *m = c->m;
    if (t->n == 0)
        return;
    eval_figures(t->score, t->label, t->n, m->card.threshold, &m->card.figures);
    m->card.equal_error_rate = trials_person_eer(t, model_persons(m));
    draw(m, t);
}

static void refer(struct course *c, const struct trials *validation)
{
    struct model *m = c->m;
    drift_fit(&m->score_reference, validation->score, validation->n, 1);
    if (c->d->shape != DATASET_TABLE)
        return;
    size_t n = c->parts.train.n;
    float *value = mem_array(float, n + 1);
    int32_t *from = mem_array(int32_t, m->encoder.columns + 1);
    m->column_reference = mem_array(struct drift_reference, m->encoder.columns);
    encoder_find(&m->encoder, c->d->column, c->d->columns, from);
    for (size_t j = 0; j < m->encoder.columns; j++) {
        for (size_t i = 0; i < n; i++)
            value[i] = c->d->x[(size_t)c->parts.train.index[i] * c->d->columns + (size_t)from[j]];
        drift_fit(&m->column_reference[j], value, n, 1);
    }
    mem_free(value);
    mem_free(from);
}

/* ---- the card ---- */

/* Each once, however much it weighed. */
static void count_rows(const struct course *c, struct model_card *card)
{
    const uint32_t *index = c->parts.train.index;
    card->rows = card->positives = 0;
    for (size_t i = 0; i < c->parts.train.n; i++) {
        if (i && index[i] == index[i - 1])
            continue;
        card->rows++;
        card->positives += c->d->label[index[i]] == LABEL_ATTACK;
    }
}

static void describe(struct course *c)
{
    const struct model_training *t = c->terms;
    struct model_card *card = &c->m->card;
    struct arena *a = &c->m->arena;
    const char *format = dataset_format_name(c->d->format);
    card->name = t->name && *t->name ? arena_str(a, str_z(t->name))
                                     : arena_fmt(a, "%s-%s", model_kind_name(t->kind), format);
    card->data_digest = arena_str(a, str_z(c->d->digest));
    card->data_format = arena_str(a, str_z(format));
    card->trained_ms = t->now_ms;
    card->seed = t->seed;
    count_rows(c, card);
    card->duplicates = c->d->duplicates;
    card->hold_back = t->hold_back;
    card->hold_split = t->hold_back > 0 ? str_z(split_name(t->hold_split)) : STR("");
    card->split = arena_str(a, str_z(c->parts.words));
    card->parameters = arena_str(a, sbuf_str(&c->parameters));
    card->basis = arena_str(a, sbuf_str(&c->basis));
    card->warning = arena_str(a, sbuf_str(&c->warning));
    card->fpr = card->figures.fpr.value;
    card->license = arena_str(a, str_z(t->license));
    card->note = arena_str(a, str_z(t->note));
}

/* The card as its text says, and the version as its bytes do. */
status model_seal(struct model *m, struct error *err)
{
    struct sbuf text, bytes;
    sbuf_init(&text, 4 << 20);
    sbuf_init(&bytes, MODEL_BYTES_MAX);
    card_write(m, &text);
    status st = text.full ? fail(err, ST_LIMIT, "its card is too long")
                          : card_read(m, sbuf_str(&text), err);
    if (st == ST_OK) {
        model_write(m, &bytes);
        if (bytes.full)
            st = fail(err, ST_LIMIT, "a model of more than %d MiB", MODEL_BYTES_MAX >> 20);
        else
            model_finish(m, (const unsigned char *)bytes.p + bytes.n - 32);
    }
    sbuf_done(&text);
    sbuf_done(&bytes);
    return st;
}

/* ---- all of it ---- */

static void note_labels(struct course *c)
{
    size_t none = dataset_count(c->d, LABEL_NONE);
    if (none && c->terms->kind != MODEL_KEYSTROKE)
        warn(c, none == c->d->rows ? "no row has a label: all were taken for normal"
                                   : "rows without a label were taken for normal");
    if (c->d->note[0])
        warn(c, c->d->note);
    if (c->parts.torn)
        warn(c, "rows that belong together are too many to be kept together: they were parted");
    if (c->terms->no_test)
        warn(c, "no rows were kept back: the figures are of the rows that set the threshold");
}

/* A budget of less than one of the rows that the threshold was found with. */
static void warn_of_few(struct course *c, const struct trials *validation)
{
    const struct model_training *t = c->terms;
    double normal = 0;
    for (size_t i = 0; i < validation->n; i++)
        normal += validation->label[i] == 0;
    if (t->alarms_per_day > 0 && normal * t->alarms_per_day < t->rows_per_day)
        warn(c, "the validation rows are too few to show so few false alarms: expect others than "
                "the budget says");
}

static status fit_and_judge(struct course *c, struct error *err)
{
    struct trials validation, test;
    status st = model_fit(c->m, &c->fit, err);
    if (st != ST_OK)
        return st;
    if (!fit_progress(&c->fit, STAGE_CALIBRATE, "finding the threshold", 0, 0))
        return fail(err, ST_UNAVAILABLE, "stopped");
    trials_of(c->m, c->d, c->parts.validation, c->team, true, true, &validation);
    c->m->card.threshold = threshold_of(c->m, c->terms, &validation, &c->basis);
    warn_of_few(c, &validation);
    refer(c, &validation);
    if (c->terms->no_test)
        judge(c, &validation);
    trials_done(&validation);
    st = model_refit(c->m, &c->fit, err);
    if (st == ST_OK && !fit_progress(&c->fit, STAGE_JUDGE, "judging", 0, 0))
        st = fail(err, ST_UNAVAILABLE, "stopped");
    if (st == ST_OK && !c->terms->no_test) {
        trials_of(c->m, c->d, c->parts.test, c->team, false, true, &test);
        judge(c, &test);
        trials_done(&test);
    }
    return st == ST_OK ? cross(c, &c->m->card.crossed, err) : st;
}

static void course_done(struct course *c, bool finished)
{
    if (finished && c->checkpoint[0])
        checkpoints_remove(c->checkpoint);
    parts_done(&c->parts);
    team_free(c->team);
    sbuf_done(&c->parameters);
    sbuf_done(&c->basis);
    sbuf_done(&c->warning);
}

status model_train(const struct model_training *t, struct dataset *d, struct model **out,
                   struct error *err)
{
    struct course c = {.terms = t, .d = d};
    struct options options;
    status st = check(t, d, err);
    if (st == ST_OK)
        st = options_parse(model_ops_of(t->kind), t->option, &options, err);
    if (st == ST_OK)
        st = place_checkpoint(&c, err);
    if (st != ST_OK)
        return st;
    sbuf_init(&c.parameters, WORDS_MAX);
    sbuf_init(&c.basis, WORDS_MAX);
    sbuf_init(&c.warning, WORDS_MAX);
    if (d->shape == DATASET_TABLE) /* how often a session is seen is worth knowing */
        dataset_dedupe(d);
    parts_of(t, d, &c.parts);
    parts_weigh(&c.parts, d, t->heavy_from, t->heavy);
    note_labels(&c);
    c.team = team_new(t->threads);
    c.m = model_new(t->kind);
    c.fit = fit_of(&c, &options);
    st = fit_and_judge(&c, err);
    if (st == ST_OK) {
        describe(&c);
        st = model_seal(c.m, err);
    }
    course_done(&c, st == ST_OK);
    if (st == ST_OK)
        *out = c.m;
    else
        model_free(c.m);
    return st;
}
