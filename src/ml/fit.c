/* SPDX-License-Identifier: Apache-2.0 */
/* One model from rows: encode, train, calibrate.  The driver, cross-validation and ensembles all come by here. */
#include "base/mem.h"
#include "ml/model_int.h"
#include "os/team.h"

#include <math.h>

bool fit_progress(const struct fit *f, enum model_stage stage, const char *what, double part_01,
                  double loss)
{
    return !f->terms->progress || f->terms->progress(f->terms->arg, stage, what, part_01, loss);
}

/* ---- encoding ---- */

static float *labels_of(const struct dataset *d, struct rows r)
{
    float *y = mem_array(float, r.n + 1);
    for (size_t i = 0; i < r.n; i++)
        y[i] = d->label[r.index[i]] == LABEL_ATTACK ? 1 : 0;
    return y;
}

/* Call the kind with its rows encoded. */
static status with_rows(struct model *m, struct fit *f,
                        status (*call)(struct model *m, const struct fit *f, struct error *err),
                        struct error *err)
{
    f->width = m->encoder.width;
    float *x = NULL, *vx = NULL, *y = labels_of(f->d, f->train),
          *vy = labels_of(f->d, f->validation);
    if (m->kind != MODEL_ENSEMBLE) { /* its members encode their own */
        x = encoder_rows(&m->encoder, f->d, f->train.index, f->train.n);
        vx = encoder_rows(&m->encoder, f->d, f->validation.index, f->validation.n);
    }
    f->x = x;
    f->validation_x = vx;
    f->y = y;
    f->validation_y = vy;
    status st = call(m, f, err);
    mem_free(x);
    mem_free(vx);
    mem_free(y);
    mem_free(vy);
    f->x = f->validation_x = f->y = f->validation_y = NULL;
    return st;
}

static status fit_table(struct model *m, struct fit *f, struct error *err)
{
    encoder_fit(&m->encoder, m->ops->style, f->d, f->train.index, f->train.n);
    if (m->encoder.columns == 0)
        return fail(err, ST_INVALID, "all columns are the same in every row");
    if (m->encoder.width > ENCODER_WIDTH_MAX)
        return fail(err, ST_LIMIT, "%zu columns encoded are more than %d", m->encoder.width,
                    ENCODER_WIDTH_MAX);
    return with_rows(m, f, m->ops->train, err);
}

/* ---- calibration ---- */

struct scored {
    float *raw;     /* owned (n) */
    uint8_t *label; /* owned (n) */
    size_t n, positives;
};

static void scored_done(struct scored *s)
{
    mem_free(s->raw);
    mem_free(s->label);
}

/* Validation rows that were answered; those without a label count as normal, for they are what there is of it. */
static struct scored score_validation(const struct model *m, const struct fit *f)
{
    struct scored s = {.raw = mem_array(float, f->validation.n + 1),
                       .label = mem_array(uint8_t, f->validation.n + 1)};
    struct model_answer *a = mem_array(struct model_answer, f->validation.n + 1);
    model_score_rows(m, f->d, f->validation, f->team, a);
    for (size_t i = 0; i < f->validation.n; i++) {
        if (isnan(a[i].raw))
            continue;
        s.raw[s.n] = a[i].raw;
        s.label[s.n] = f->d->label[f->validation.index[i]] == LABEL_ATTACK;
        s.positives += s.label[s.n++];
    }
    mem_free(a);
    return s;
}

void fit_calibration(struct model *m, enum calibration_kind wanted, const float *raw,
                     const uint8_t *label, size_t n)
{
    size_t positives = 0;
    for (size_t i = 0; i < n; i++)
        positives += label[i] != 0;
    bool both = positives > 0 && positives < n;
    enum calibration_kind kind = wanted != CALIBRATION_NONE ? wanted : m->ops->calibration;
    if (!both)
        kind = CALIBRATION_RANK;
    calibration_fit(&m->calibration, kind, raw, label, n);
}

static void calibrate(struct model *m, const struct fit *f)
{
    struct scored s = score_validation(m, f);
    fit_calibration(m, f->terms->calibration, s.raw, s.label, s.n);
    scored_done(&s);
}

/* ---- all of it ---- */

/* Kinds that learn what is normal are shown nothing else. */
static struct rows only_normal(const struct dataset *d, struct rows r, uint32_t *index)
{
    size_t n = 0;
    for (size_t i = 0; i < r.n; i++)
        if (d->label[r.index[i]] != LABEL_ATTACK)
            index[n++] = r.index[i];
    return (struct rows){index, n};
}

static status enough(const struct model *m, const struct fit *f, struct error *err)
{
    size_t attacks = 0, labelled = 0;
    for (size_t i = 0; i < f->train.n; i++) {
        attacks += f->d->label[f->train.index[i]] == LABEL_ATTACK;
        labelled += f->d->label[f->train.index[i]] != LABEL_NONE;
    }
    if (m->ops->labelled && (attacks == 0 || attacks == labelled))
        return fail(
            err, ST_INVALID,
            "%s models learn from rows of both labels; these have %zu attacks in %zu labelled rows",
            model_kind_name(m->kind), attacks, labelled);
    if (f->train.n < 10 || f->validation.n < 1)
        return fail(err, ST_INVALID, "%zu rows to train with are too few", f->train.n);
    return ST_OK;
}

status model_fit(struct model *m, struct fit *f, struct error *err)
{
    struct rows all = f->train;
    uint32_t *index = NULL;
    if (!m->ops->labelled && m->kind != MODEL_ENSEMBLE && m->kind != MODEL_KEYSTROKE) {
        index = mem_array(uint32_t, all.n + 1);
        f->train = only_normal(f->d, all, index);
    }
    status st = enough(m, f, err);
    if (st == ST_OK && f->d->shape == DATASET_TABLE)
        st = fit_table(m, f, err);
    else if (st == ST_OK)
        st = m->ops->train(m, f, err);
    if (st == ST_OK && m->kind == MODEL_KEYSTROKE)
        keystroke_calibrate(m, f);
    else if (st == ST_OK)
        calibrate(m, f);
    f->train = all;
    mem_free(index);
    return st;
}

status model_refit(struct model *m, struct fit *f, struct error *err)
{
    if (!m->ops->refit)
        return ST_OK;
    return f->d->shape == DATASET_TABLE ? with_rows(m, f, m->ops->refit, err)
                                        : m->ops->refit(m, f, err);
}
