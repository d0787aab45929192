/* SPDX-License-Identifier: Apache-2.0 */
/* Several models, one answer: the weighted mean of what each says, of those that answer. */
#include "base/mem.h"
#include "ml/bytes.h"
#include "ml/ensemble_int.h"

#include <math.h>

static const struct model_option options[ENSEMBLE_OPTIONS] = {
    [ENSEMBLE_MEMBERS] = {"members", "kinds; not given: xgboost+iforest+autoencoder", 0, 0, 0,
                          false},
    [ENSEMBLE_NOVELTY] = {"novelty",
                          "1: weigh members by how well they find unseen classes of attack", 0, 1,
                          1, true},
    [ENSEMBLE_XGBOOST] = {"xgboost", "that member's options: depth=6;trees=200", 0, 0, 0, false},
    [ENSEMBLE_IFOREST] = {"iforest", "that member's options", 0, 0, 0, false},
    [ENSEMBLE_AUTOENCODER] = {"autoencoder", "that member's options", 0, 0, 0, false},
    [ENSEMBLE_REMOTE] = {"remote", "that member's options: url=http://127.0.0.1:8080;model=flows",
                         0, 0, 0, false},
};

/* A rank beyond this is as far as it goes: floats have no numbers closer to 1. */
static const float TAIL_LEAST = 1e-6F;

float ensemble_term(const struct ensemble_member *e, enum mix mix, const struct model_answer *a)
{
    if (a->members == 0 || mix == MIX_PROBABILITY)
        return a->score_01;
    float rank = calibration_apply(&e->rank, a->raw);
    if (mix == MIX_RANK)
        return rank;
    return logf(fmaxf(1 - rank, TAIL_LEAST)) / logf(TAIL_LEAST);
}

/* Members of the same style that learned from the same rows have the same encoder. */
static size_t first_alike(const struct ensemble *e, size_t i)
{
    size_t first = 0;
    while (first < i &&
           !encoder_same(&e->member[first].model->encoder, &e->member[i].model->encoder))
        first++;
    return first;
}

void ensemble_bind(struct model *m)
{
    struct ensemble *e = m->part;
    struct dataset_column *column = mem_array(struct dataset_column, m->encoder.columns + 1);
    for (size_t i = 0; i < m->encoder.columns; i++)
        column[i] = m->encoder.column[i].column;
    for (size_t i = 0; i < e->members; i++) {
        model_binding_free(e->member[i].binding);
        e->member[i].binding = model_bind(e->member[i].model, column, m->encoder.columns);
        e->member[i].sees = first_alike(e, i);
    }
    mem_free(column);
}

size_t model_members(const struct model *m)
{
    return m->kind == MODEL_ENSEMBLE && m->part ? ((const struct ensemble *)m->part)->members : 0;
}

const struct model *model_member(const struct model *m, size_t i, double *weight)
{
    const struct ensemble *e = m->part;
    *weight = e->member[i].weight;
    return e->member[i].model;
}

/* ---- use ---- */

struct own {
    struct model_scratch *scratch[MEMBERS_MAX];
    struct model_answer answer[MODEL_BLOCK];
    float weight[MODEL_BLOCK];
    const float *seen[MEMBERS_MAX]; /* of this block's rows; NULL: not yet */
    size_t members;
};

static void *scratch_new(const struct model *m)
{
    const struct ensemble *e = m->part;
    struct own *o = mem_new(struct own);
    o->members = e->members;
    for (size_t i = 0; i < e->members; i++)
        o->scratch[i] = model_scratch_new(e->member[i].model);
    return o;
}

static void scratch_free(void *own)
{
    struct own *o = own;
    for (size_t i = 0; i < o->members; i++)
        model_scratch_free(o->scratch[i]);
    mem_free(o);
}

/* What the member sees of the rows, made once for all that see the same. */
static const float *see(const struct model *m, size_t i, struct own *o, const float *x, size_t n)
{
    const struct ensemble *e = m->part;
    size_t first = e->member[i].sees;
    const struct ensemble_member *member = &e->member[first];
    if (!o->seen[first])
        o->seen[first] =
            model_see(member->model, member->binding, o->scratch[first], x, n, m->encoder.columns);
    return o->seen[first];
}

/* Add what a member says, times `weight`; false: of some row it said nothing. */
static bool ask(const struct model *m, size_t i, double weight, struct own *o, const float *x,
                size_t n, float *raw)
{
    const struct ensemble *e = m->part;
    const struct ensemble_member *member = &e->member[i];
    bool answered = true;
    model_score_seen(member->model, o->scratch[i], see(m, i, o, x, n), n, o->answer);
    for (size_t k = 0; k < n; k++) {
        float term = ensemble_term(member, e->mix, &o->answer[k]);
        answered = answered && !isnan(term);
        if (isnan(term))
            continue;
        raw[k] += (float)weight * term;
        o->weight[k] += (float)weight;
    }
    return answered;
}

static struct answered score(const struct model *m, void *own, const float *x, size_t n, float *raw)
{
    const struct ensemble *e = m->part;
    struct own *o = own;
    struct answered all = {0, 0};
    for (size_t k = 0; k < n; k++)
        raw[k] = o->weight[k] = 0;
    memset(o->seen, 0, sizeof o->seen);
    for (size_t i = 0; i < e->members; i++) {
        /* Of no weight: nothing would come of asking it. */
        bool answered = e->member[i].weight <= 0 || ask(m, i, e->member[i].weight, o, x, n, raw);
        all.members += answered;
        all.missing += !answered;
    }
    /* Those that count are all missing: better those that do not than none. */
    bool none = o->weight[0] <= 0;
    for (size_t i = 0; none && i < e->members; i++)
        if (e->member[i].weight <= 0)
            (void)ask(m, i, 1, o, x, n, raw); /* what is missing was counted */
    for (size_t k = 0; k < n; k++)
        raw[k] = o->weight[k] > 0 ? raw[k] / o->weight[k] : NAN;
    return all;
}

/* Members' reasons, each summing to what the member adds to the score. */
static void explain(const struct model *m, void *own, const float *x, double *phi)
{
    const struct ensemble *e = m->part;
    struct own *o = own;
    for (size_t j = 0; j < m->encoder.columns; j++)
        phi[j] = 0;
    for (size_t i = 0; i < e->members; i++) {
        const struct ensemble_member *member = &e->member[i];
        if (member->weight <= 0)
            continue; /* and is not asked */
        const struct encoder *its = &member->model->encoder;
        double *each = mem_array(double, its->columns + 1), total = 0;
        float *row = mem_array(float, its->columns + 1);
        struct model_answer a;
        model_score(member->model, member->binding, o->scratch[i], x, 1, 0, &a);
        memcpy(row, o->scratch[i]->raw, its->columns * sizeof *row);
        model_attribute(member->model, o->scratch[i], row, each);
        float term = ensemble_term(member, e->mix, &a);
        for (size_t k = 0; k < its->columns; k++)
            total += fabs(each[k]);
        for (size_t k = 0; k < its->columns && total > 0 && !isnan(term); k++)
            for (size_t j = 0; j < m->encoder.columns; j++)
                if (str_eq(its->column[k].column.name, m->encoder.column[j].column.name))
                    phi[j] += member->weight * (double)term * each[k] / total;
        mem_free(each);
        mem_free(row);
    }
}

/* ---- file: u32 mix, members; for each f64 weight, the rank calibration's knots, u64 bytes, its own file ---- */

static void write(const struct model *m, struct sbuf *out)
{
    const struct ensemble *e = m->part;
    put_u32(out, e->mix);
    put_u32(out, (uint32_t)e->members);
    for (size_t i = 0; i < e->members; i++) {
        struct sbuf bytes, rank;
        sbuf_init(&bytes, MODEL_BYTES_MAX);
        sbuf_init(&rank, 1 << 16);
        model_write(e->member[i].model, &bytes);
        calibration_write(&e->member[i].rank, &rank);
        put_f64(out, e->member[i].weight);
        put_text(out, sbuf_str(&rank));
        put_text(out, sbuf_str(&bytes));
        out->full |= bytes.full;
        sbuf_done(&bytes);
        sbuf_done(&rank);
    }
}

static status read_member(struct model *m, struct reader *r, struct model_host *host,
                          struct error *err)
{
    struct ensemble *e = m->part;
    struct ensemble_member *member = &e->member[e->members];
    member->weight = rd_f64(r);
    str rank = rd_text(r, 1 << 16), bytes = rd_text(r, MODEL_BYTES_MAX);
    if (!r->ok || !(member->weight >= 0 && member->weight <= 1))
        return fail(err, ST_INVALID, "its members are damaged");
    status st = calibration_read(&member->rank, rank, err);
    if (st == ST_OK && model_bytes_kind(bytes) == MODEL_ENSEMBLE)
        st = fail(err, ST_INVALID, "an ensemble within an ensemble");
    if (st == ST_OK)
        st = model_read(bytes, host, &member->model, err);
    if (st != ST_OK)
        return fail_prefix(err, st, "member %zu", e->members + 1);
    e->members++;
    if (model_kind_shape(member->model->kind) != DATASET_TABLE)
        return fail(err, ST_INVALID, "its member %zu is of sequences", e->members);
    return ST_OK;
}

static status read(struct model *m, str bytes, struct model_host *host, struct error *err)
{
    struct reader r = reader_of(bytes);
    struct ensemble *e = mem_new(struct ensemble);
    m->part = e;
    e->mix = (enum mix)rd_count(&r, MIXES - 1);
    uint32_t members = rd_count(&r, MEMBERS_MAX);
    double sum = 0;
    if (!r.ok || members == 0)
        return fail(err, ST_INVALID, "it has no members");
    for (uint32_t i = 0; i < members; i++) {
        status st = read_member(m, &r, host, err);
        if (st != ST_OK)
            return st;
        sum += e->member[i].weight;
    }
    if (rd_left(&r) || fabs(sum - 1) > 1e-6)
        return fail(err, ST_INVALID, "its members' weights do not add up");
    ensemble_bind(m);
    return ST_OK;
}

static void part_free(void *part)
{
    struct ensemble *e = part;
    if (!e)
        return;
    for (size_t i = 0; i < MEMBERS_MAX; i++) {
        model_free(e->member[i].model);
        model_binding_free(e->member[i].binding);
    }
    mem_free(e);
}

const struct model_ops model_ENSEMBLE = {
    .style = ENCODE_RAW,
    .calibration = CALIBRATION_ISOTONIC,
    .option = options,
    .options = ENSEMBLE_OPTIONS,
    .train = ensemble_train,
    .refit = ensemble_refit,
    .score = score,
    .explain = explain,
    .write = write,
    .read = read,
    .free = part_free,
    .scratch_new = scratch_new,
    .scratch_free = scratch_free,
};
