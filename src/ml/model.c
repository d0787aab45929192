/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "ml/model_int.h"

#include <math.h>

enum { TEXT_MAX = 16 << 20 };

static const struct {
    const char *name;
    enum dataset_shape shape;
    const struct model_ops *ops;
} kinds[MODEL_KIND_COUNT] = {
#define X(NAME, name, SHAPE, doc) [MODEL_##NAME] = {name, DATASET_##SHAPE, &model_##NAME},
#include "ml/kind.def"
};

const char *model_kind_name(enum model_kind k)
{
    return kinds[k].name;
}

enum model_kind model_kind_find(str name)
{
    size_t k = 0;
    while (k < MODEL_KIND_COUNT && !str_ieq(name, str_z(kinds[k].name)))
        k++;
    return (enum model_kind)k;
}

enum dataset_shape model_kind_shape(enum model_kind k)
{
    return kinds[k].shape;
}

const struct model_ops *model_ops_of(enum model_kind k)
{
    return kinds[k].ops;
}

bool model_kind_labelled(enum model_kind k)
{
    return kinds[k].ops->labelled;
}

const struct model_option *model_kind_options(enum model_kind k, size_t *n)
{
    *n = kinds[k].ops->options;
    return kinds[k].ops->option;
}

struct model *model_new(enum model_kind k)
{
    struct model *m = mem_new(struct model);
    m->kind = k;
    m->ops = model_ops_of(k);
    arena_init(&m->arena, TEXT_MAX);
    m->card.kind = k;
    m->card.threshold = 0.5;
    m->card.equal_error_rate = NAN;
    return m;
}

void model_free(struct model *m)
{
    if (!m)
        return;
    m->ops->free(m->part);
    encoder_done(&m->encoder);
    for (size_t i = 0; i < MODEL_PICTURES; i++)
        curve_done(&m->curve[i]);
    mem_free(m->column_reference);
    mem_free(m->column);
    arena_done(&m->arena);
    mem_free(m);
}

void model_finish(struct model *m, const unsigned char digest[static 32])
{
    char hex[13];
    for (size_t i = 0; i < 6; i++)
        (void)snprintf(hex + 2 * i, 3, "%02x", digest[i]); /* two digits */
    m->card.version = arena_str(&m->arena, str_z(hex));
    mem_free(m->column);
    m->column = mem_array(struct dataset_column, m->encoder.columns + 1);
    for (size_t i = 0; i < m->encoder.columns; i++)
        m->column[i] = m->encoder.column[i].column;
}

const struct model_card *model_card(const struct model *m)
{
    return &m->card;
}

const struct dataset_column *model_columns(const struct model *m, size_t *n)
{
    *n = m->encoder.columns;
    return m->column;
}

const struct curve *model_curve(const struct model *m, enum model_picture which)
{
    return m->curve[which].n ? &m->curve[which] : NULL;
}

const struct drift_reference *model_score_reference(const struct model *m)
{
    return &m->score_reference;
}

const struct drift_reference *model_column_reference(const struct model *m, size_t column)
{
    return m->column_reference ? &m->column_reference[column] : NULL;
}

float model_calibrated(const struct model *m, float raw)
{
    if (m->uncalibrated)
        return raw;
    float p = calibration_apply(&m->calibration, raw);
    p = p < 1 ? p : 1;
    return p > 0 ? p : 0; /* not a number: nothing to fear was said */
}

/* An ensemble's is its members', by weight. */
static bool members_importance(const struct model *m, double *out)
{
    bool any = false;
    for (size_t i = 0; i < model_members(m); i++) {
        double weight;
        const struct model *member = model_member(m, i, &weight);
        double *each = mem_array(double, member->encoder.columns + 1);
        if (model_importance(member, each)) {
            any = true;
            for (size_t j = 0; j < member->encoder.columns; j++)
                for (size_t k = 0; k < m->encoder.columns; k++)
                    if (str_eq(member->encoder.column[j].column.name,
                               m->encoder.column[k].column.name))
                        out[k] += weight * each[j];
        }
        mem_free(each);
    }
    return any;
}

static bool kind_importance(const struct model *m, double *out)
{
    if (!m->ops->importance)
        return false;
    double *each = mem_array(double, m->encoder.width + 1);
    m->ops->importance(m, each);
    for (size_t j = 0; j < m->encoder.columns; j++)
        for (uint32_t k = 0; k < m->encoder.column[j].width; k++)
            out[j] += each[m->encoder.column[j].at + k];
    mem_free(each);
    return true;
}

bool model_importance(const struct model *m, double *out)
{
    double sum = 0;
    for (size_t j = 0; j < m->encoder.columns; j++)
        out[j] = 0;
    if (!(model_members(m) ? members_importance(m, out) : kind_importance(m, out)))
        return false;
    for (size_t j = 0; j < m->encoder.columns; j++)
        sum += out[j];
    for (size_t j = 0; j < m->encoder.columns && sum > 0; j++)
        out[j] /= sum;
    return sum > 0;
}
