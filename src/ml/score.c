/* SPDX-License-Identifier: Apache-2.0 */
/* Rows through a model, block by block: gather what it wants to see, encode, have its kind score, calibrate. */
#include "base/mem.h"
#include "ml/model_int.h"
#include "os/team.h"

#include <math.h>

struct model_binding {
    size_t found;
    int32_t from[]; /* (columns of the model) */
};

struct model_binding *model_bind(const struct model *m, const struct dataset_column *column,
                                 size_t n)
{
    struct model_binding *b =
        mem_zero(size_add(sizeof *b, size_mul(m->encoder.columns, sizeof *b->from)));
    b->found = encoder_find(&m->encoder, column, n, b->from);
    return b;
}

void model_binding_free(struct model_binding *b)
{
    mem_free(b);
}

size_t model_binding_found(const struct model_binding *b)
{
    return b->found;
}

struct model_scratch *model_scratch_new(const struct model *m)
{
    struct model_scratch *s = mem_new(struct model_scratch);
    s->raw = mem_array(float, size_mul(MODEL_BLOCK, m->encoder.columns + 1));
    if (m->encoder.style != ENCODE_RAW)
        s->encoded = mem_array(float, size_mul(MODEL_BLOCK, m->encoder.width + 1));
    if (m->ops->scratch_new)
        s->own = m->ops->scratch_new(m);
    s->own_free = m->ops->scratch_free;
    return s;
}

void model_scratch_free(struct model_scratch *s)
{
    if (!s)
        return;
    mem_free(s->raw);
    mem_free(s->encoded);
    mem_free(s->event);
    if (s->own)
        s->own_free(s->own);
    mem_free(s);
}

const float *model_see(const struct model *m, const struct model_binding *b,
                       struct model_scratch *s, const float *x, size_t n, size_t stride)
{
    encoder_gather(&m->encoder, b->from, x, n, stride, s->raw);
    if (!s->encoded)
        return s->raw;
    encoder_apply(&m->encoder, s->raw, n, s->encoded);
    return s->encoded;
}

struct model_answer model_answer_of(const struct model *m, struct answered a, float raw)
{
    if (a.members == 0 || isnan(raw))
        return (struct model_answer){NAN, NAN, 0, (uint8_t)(a.members + a.missing)};
    return (struct model_answer){model_calibrated(m, raw), raw, a.members, a.missing};
}

void model_score_seen(const struct model *m, struct model_scratch *s, const float *seen, size_t n,
                      struct model_answer *out)
{
    struct answered a = m->ops->score(m, s->own, seen, n, s->score);
    for (size_t k = 0; k < n; k++)
        out[k] = model_answer_of(m, a, s->score[k]);
}

void model_score(const struct model *m, const struct model_binding *b, struct model_scratch *s,
                 const float *x, size_t n, size_t stride, struct model_answer *out)
{
    for (size_t i = 0; i < n; i += MODEL_BLOCK) {
        size_t some = n - i < MODEL_BLOCK ? n - i : MODEL_BLOCK;
        model_score_seen(m, s, model_see(m, b, s, x + i * stride, some, stride), some, out + i);
    }
}

void model_score_person(const struct model *m, const struct model_binding *b,
                        struct model_scratch *s, const float *x, size_t person,
                        struct model_answer *out)
{
    const float *seen = model_see(m, b, s, x, 1, 0);
    *out = model_answer_of(m, (struct answered){1, 0}, person_raw(m, s->own, person, seen));
}

/* ---- whole sets ---- */

struct set_work {
    const struct model *m;
    const struct dataset *d;
    struct rows rows;
    const struct model_binding *b;
    struct model_scratch **scratch; /* one for each worker */
    struct model_answer *out;
};

static void score_task(void *arg, size_t task, unsigned worker)
{
    const struct set_work *w = arg;
    struct model_scratch *s = w->scratch[worker];
    size_t begin = task * MODEL_BLOCK, n = w->rows.n - begin;
    n = n < MODEL_BLOCK ? n : MODEL_BLOCK;
    for (size_t k = 0; k < n; k++) /* gathered one by one: rows of a part of a set lie anywhere */
        encoder_gather(&w->m->encoder, w->b->from,
                       w->d->x + (size_t)w->rows.index[begin + k] * w->d->columns, 1, w->d->columns,
                       s->raw + k * w->m->encoder.columns);
    const float *seen = s->raw;
    if (s->encoded) {
        encoder_apply(&w->m->encoder, s->raw, n, s->encoded);
        seen = s->encoded;
    }
    model_score_seen(w->m, s, seen, n, w->out + begin);
}

void model_score_rows(const struct model *m, const struct dataset *d, struct rows rows,
                      struct team *team, struct model_answer *out)
{
    if (d->shape == DATASET_SEQUENCES) {
        model_score_sessions(m, d, rows, team, out);
        return;
    }
    unsigned workers = team ? team_threads(team) : 1;
    struct set_work w = {.m = m, .d = d, .rows = rows, .out = out};
    struct model_binding *b = model_bind(m, d->column, d->columns);
    size_t tasks = (rows.n + MODEL_BLOCK - 1) / MODEL_BLOCK;
    w.b = b;
    w.scratch = mem_array(struct model_scratch *, workers);
    for (unsigned i = 0; i < workers; i++)
        w.scratch[i] = model_scratch_new(m);
    team_run(team, tasks, score_task, &w);
    for (unsigned i = 0; i < workers; i++)
        model_scratch_free(w.scratch[i]);
    mem_free(w.scratch);
    model_binding_free(b);
}

status model_suits(const struct model *m, const struct dataset *d, struct error *err)
{
    const char *name = model_kind_name(m->kind);
    if (d->shape != model_kind_shape(m->kind))
        return fail(err, ST_INVALID, "%s models want %s, these data are %s", name,
                    d->shape == DATASET_TABLE ? "sequences" : "a table",
                    d->shape == DATASET_TABLE ? "a table" : "sequences");
    if (d->shape == DATASET_SEQUENCES)
        return ST_OK;
    struct model_binding *b = model_bind(m, d->column, d->columns);
    size_t found = b->found;
    model_binding_free(b);
    if (found == 0)
        return fail(err, ST_INVALID, "the data have none of the model's columns, as '" STR_FMT "'",
                    STR_ARG(m->column[0].name));
    return ST_OK;
}

uint32_t *rows_all(size_t n)
{
    uint32_t *index = mem_array(uint32_t, n + 1);
    for (size_t i = 0; i < n; i++)
        index[i] = (uint32_t)i;
    return index;
}

status model_score_set(const struct model *m, const struct dataset *d, unsigned threads,
                       struct model_answer *out, struct error *err)
{
    status st = model_suits(m, d, err);
    if (st != ST_OK)
        return st;
    struct team *team = team_new(threads);
    uint32_t *index = rows_all(d->rows);
    model_score_rows(m, d, (struct rows){index, d->rows}, team, out);
    mem_free(index);
    team_free(team);
    return ST_OK;
}
