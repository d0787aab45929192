/* SPDX-License-Identifier: Apache-2.0 */
/* Why this score?  What each column added, in words, beside what is usual. */
#include "base/mem.h"
#include "ml/explain_int.h"

#include <math.h>

static const double PART_MIN = 0.005; /* less is not worth saying */

struct attribution {
    uint32_t column;
    double part;
};

static int by_size(const void *a, const void *b)
{
    const struct attribution *x = a, *y = b;
    double p = fabs(x->part), q = fabs(y->part);
    return p != q ? (p < q) - (p > q) : (x->column > y->column) - (x->column < y->column);
}

/* What the score loses when a column is as usual: for kinds without a method of their own.  Row 0 is as it is, in row j + 1
 * column j is as usual; a block of them at once, as each question to a remote model is one that is waited for. */
static void by_replacing(const struct model *m, struct model_scratch *s, const float *x,
                         double *phi)
{
    size_t columns = m->encoder.columns, rows = columns + 1;
    size_t most = rows < MODEL_BLOCK ? rows : MODEL_BLOCK;
    float *row = mem_array(float, size_mul(most, columns));
    float *seen = mem_array(float, size_mul(most, m->encoder.width));
    float raw[MODEL_BLOCK], whole = NAN;
    for (size_t from = 0; from < rows; from += most) {
        size_t n = rows - from < most ? rows - from : most;
        for (size_t k = 0; k < n; k++) {
            memcpy(row + k * columns, x, columns * sizeof *row);
            if (from + k)
                row[k * columns + from + k - 1] = m->encoder.column[from + k - 1].usual;
        }
        encoder_apply(&m->encoder, row, n, seen);
        bool answered = m->ops->score(m, s->own, seen, n, raw).members > 0;
        whole = from ? whole : answered ? raw[0] : NAN;
        for (size_t k = from ? 0 : 1; k < n; k++)
            phi[from + k - 1] =
                answered && isfinite(whole - raw[k]) ? (double)whole - (double)raw[k] : 0;
    }
    mem_free(row);
    mem_free(seen);
}

void model_attribute(const struct model *m, struct model_scratch *s, const float *x, double *phi)
{
    if (!m->ops->explain) {
        by_replacing(m, s, x, phi);
        return;
    }
    float *seen = mem_array(float, m->encoder.width + 1);
    double *each = mem_array(double, m->encoder.width + 1);
    encoder_apply(&m->encoder, x, 1, seen);
    m->ops->explain(m, s->own, seen, each);
    for (size_t j = 0; j < m->encoder.columns; j++) {
        phi[j] = 0;
        for (uint32_t k = 0; k < m->encoder.column[j].width; k++)
            phi[j] += each[m->encoder.column[j].at + k];
    }
    mem_free(seen);
    mem_free(each);
}

static void say(const struct encoder_column *c, float value, double part, struct arena *arena,
                struct model_reason *out)
{
    char text[REASON_WORDS];
    value_words(c, value, text);
    *out = (struct model_reason){.what = arena_str(arena, c->column.name),
                                 .value = value,
                                 .usual = c->usual,
                                 .part = part,
                                 .words = arena_str(arena, str_z(text))};
    if (c->column.kind == FEATURE_CATEGORY)
        out->value = out->usual = NAN; /* codes of words */
}

static void conclude(struct model_explanation *out, struct arena *arena)
{
    bool alarm = out->score_01 >= out->threshold;
    const char *verdict = alarm ? "suspicious" : "not suspicious";
    if (out->count && out->reason[0].words.p)
        out->words = arena_fmt(
            arena, "%s: %.3f where %.3f is the threshold, most of all because of " STR_FMT, verdict,
            out->score_01, out->threshold, STR_ARG(out->reason[0].words));
    else
        out->words = arena_fmt(arena, "%s: %.3f where %.3f is the threshold", verdict,
                               out->score_01, out->threshold);
}

status explained(const struct model_explanation *e, struct error *err)
{
    bool whole = e->words.p != NULL;
    for (size_t i = 0; i < e->count; i++)
        whole = whole && e->reason[i].what.p && e->reason[i].words.p;
    return whole ? ST_OK : fail(err, ST_LIMIT, "no room for the reasons");
}

status model_explain(const struct model *m, const struct model_binding *b, struct model_scratch *s,
                     const float *x, struct arena *arena, struct model_explanation *out,
                     struct error *err)
{
    size_t n = m->encoder.columns;
    struct model_answer answer;
    struct model_explanation e = {.threshold = m->card.threshold};
    if (model_kind_shape(m->kind) != DATASET_TABLE)
        return fail(err, ST_INVALID, "%s models are asked about sequences",
                    model_kind_name(m->kind));
    float *row = mem_array(float, n + 1);
    double *phi = mem_array(double, n + 1), total = 0;
    struct attribution *a = mem_array(struct attribution, n + 1);
    model_score(m, b, s, x, 1, 0, &answer);
    e.score_01 = answer.score_01;
    memcpy(row, s->raw, n * sizeof *row); /* as it was gathered */
    model_attribute(m, s, row, phi);
    for (size_t j = 0; j < n; j++) {
        phi[j] = isfinite(phi[j]) ? phi[j] : 0;
        total += fabs(phi[j]);
    }
    for (size_t j = 0; j < n; j++)
        a[j] = (struct attribution){(uint32_t)j, total > 0 ? phi[j] / total : 0};
    qsort(a, n, sizeof *a, by_size);
    for (size_t j = 0; j < n && e.count < MODEL_REASONS_MAX && fabs(a[j].part) >= PART_MIN; j++)
        say(&m->encoder.column[a[j].column], row[a[j].column], a[j].part, arena,
            &e.reason[e.count++]);
    conclude(&e, arena);
    mem_free(row);
    mem_free(phi);
    mem_free(a);
    status st = explained(&e, err);
    if (st == ST_OK)
        *out = e;
    return st;
}
