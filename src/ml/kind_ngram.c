/* SPDX-License-Identifier: Apache-2.0 */
/* Labelled sessions: gradient-boosted trees over which runs of one to three events occur, and how often.
 *
 *   columns   shares of runs (logarithms of their counts, as in Salton and Buckley, "Term-weighting approaches in automatic
 *             text retrieval", 1988), chosen on training rows
 *             how long the session is, how many different events it has
 *             how strange it is to a model of next events (markov) that learnt from the normal sessions
 *
 * ngram_train.c trains it. */
#include "base/mem.h"
#include "ml/explain_int.h"
#include "ml/ngram_int.h"
#include "os/team.h"

#include <math.h>
#include <stdlib.h>

/* ---- the part ---- */

struct ngram *ngram_new(void)
{
    struct ngram *g = mem_new(struct ngram);
    known_init(&g->known);
    return g;
}

void ngram_free(void *part)
{
    struct ngram *g = part;
    if (!g)
        return;
    known_done(&g->known);
    runs_done(&g->runs);
    boost_free(g->trees);
    mem_free(g);
}

size_t ngram_width(const struct ngram *g)
{
    return (size_t)g->runs.n + NGRAM_EXTRAS;
}

/* ---- a session's row ---- */

static size_t distinct_events(const struct known *k, const uint32_t *event, size_t n)
{
    size_t words = k->names / 64 + 1, found = 0;
    uint64_t *seen = mem_array(uint64_t, words);
    for (size_t i = 0; i < n; i++) {
        uint64_t bit = UINT64_C(1) << event[i] % 64;
        found += !(seen[event[i] / 64] & bit);
        seen[event[i] / 64] |= bit;
    }
    mem_free(seen);
    return found;
}

void ngram_row(const struct ngram *g, const struct sequence_model *strange, const uint32_t *event,
               size_t n, uint32_t *times, float *row)
{
    float *extra = row + g->runs.n;
    (void)runs_count(&g->runs, event, n, times);
    runs_share(times, g->runs.n, row);
    extra[NGRAM_LENGTH] = log1pf((float)n);
    extra[NGRAM_DISTINCT] = (float)distinct_events(&g->known, event, n);
    sequence_views(strange, event, n, extra + NGRAM_VIEWS);
}

/* ---- use ---- */

struct scoring {
    const struct ngram *g;
    const struct sequences *s;
    float *raw;
};

static void score_one(void *arg, size_t task, unsigned worker)
{
    const struct scoring *w = arg;
    const struct ngram *g = w->g;
    float *row = mem_array(float, ngram_width(g));
    uint32_t *times = mem_array(uint32_t, (size_t)g->runs.n + 1);
    (void)worker;
    ngram_row(g, g->known.model, w->s->event + w->s->start[task],
              w->s->start[task + 1] - w->s->start[task], times, row);
    boost_margin(g->trees, row, 1, ngram_width(g), &w->raw[task]);
    mem_free(row);
    mem_free(times);
}

static void score_sessions(const struct model *m, const struct sequences *data, struct team *team,
                           float *raw)
{
    struct scoring w = {m->part, data, raw};
    team_run(team, data->count, score_one, &w);
}

/* ---- why ---- */

struct spoke {
    uint32_t column;
    double part;
};

static int by_size(const void *a, const void *b)
{
    const struct spoke *x = a, *y = b;
    double p = fabs(x->part), q = fabs(y->part);
    return p != q ? (p < q) - (p > q) : (x->column > y->column) - (x->column < y->column);
}

static str run_name(const struct model *m, uint64_t key, struct arena *arena)
{
    struct sbuf text;
    uint32_t event[RUN_EVENTS];
    size_t n = run_events(key, event);
    sbuf_init(&text, REASON_WORDS);
    for (size_t i = 0; i < n; i++)
        sbuf_addf(&text, "%s" STR_FMT, i ? " " : "",
                  STR_ARG(str_head(model_event_name(m, event[i]), 60)));
    str kept = arena_str(arena, sbuf_str(&text));
    sbuf_done(&text);
    return kept;
}

static void say_run(const struct model *m, const struct run *run, uint32_t times,
                    struct arena *arena, struct model_reason *out)
{
    char often[40] = "does not occur";
    if (times)
        (void)snprintf(often, sizeof often, times == 1 ? "occurs once" : "occurs %u times", times);
    out->what = run_name(m, run->key, arena);
    out->value = times;
    out->words = arena_fmt(
        arena, "'" STR_FMT "' %s; it does in %.3g %% of normal sessions and %.3g %% of attacks",
        STR_ARG(out->what), often, 100.0 * (double)run->normal, 100.0 * (double)run->attack);
}

static void say_extra(size_t column, float value, struct arena *arena, struct model_reason *out)
{
    const char *name = column == NGRAM_LENGTH     ? "number of events"
                       : column == NGRAM_DISTINCT ? "number of different events"
                                                  : sequence_view_name(column - NGRAM_VIEWS);
    out->value = column == NGRAM_LENGTH ? round(expm1((double)value)) : (double)value;
    out->what = arena_str(arena, str_z(name));
    out->words = arena_fmt(arena, "%s: %.4g", name, out->value);
}

static void explain_session(const struct model *m, const uint32_t *event, size_t n,
                            struct arena *arena, struct model_explanation *e)
{
    const struct ngram *g = m->part;
    size_t width = ngram_width(g);
    float *row = mem_array(float, width);
    uint32_t *times = mem_array(uint32_t, (size_t)g->runs.n + 1);
    double *phi = mem_array(double, width + 1), total = 0;
    struct spoke *s = mem_array(struct spoke, width);
    ngram_row(g, g->known.model, event, n, times, row);
    boost_explain(g->trees, row, 0, phi);
    for (size_t j = 0; j < width; j++)
        total += isfinite(phi[j]) ? fabs(phi[j]) : 0;
    for (size_t j = 0; j < width; j++)
        s[j] = (struct spoke){(uint32_t)j, total > 0 && isfinite(phi[j]) ? phi[j] / total : 0};
    qsort(s, width, sizeof *s, by_size);
    for (size_t i = 0; i < width && e->count < MODEL_REASONS_MAX && fabs(s[i].part) >= 0.005; i++) {
        struct model_reason *r = &e->reason[e->count++];
        *r = (struct model_reason){.part = s[i].part, .usual = NAN};
        if (s[i].column < g->runs.n)
            say_run(m, &g->runs.at[s[i].column], times[s[i].column], arena, r);
        else
            say_extra(s[i].column - g->runs.n, row[s[i].column], arena, r);
    }
    mem_free(row);
    mem_free(times);
    mem_free(phi);
    mem_free(s);
}

/* ---- file: names; u32 bytes of the markov model, it; runs; the trees as UBJSON ---- */

static void write(const struct model *m, struct sbuf *out)
{
    const struct ngram *g = m->part;
    struct sbuf strange;
    sbuf_init(&strange, MODEL_BYTES_MAX);
    sequence_write(g->known.model, &strange);
    known_write(&g->known, out);
    put_text(out, sbuf_str(&strange));
    runs_write(&g->runs, out);
    boost_write(g->trees, out);
    sbuf_done(&strange);
}

static status read(struct model *m, str bytes, struct model_host *host, struct error *err)
{
    struct ngram *g = ngram_new();
    struct reader r = reader_of(bytes);
    m->part = g;
    (void)host;
    status st = known_read(&g->known, &r, err);
    if (st == ST_OK)
        st = known_read_model(&g->known, rd_text(&r, MODEL_BYTES_MAX), SEQUENCE_MARKOV, err);
    if (st == ST_OK && !runs_read(&g->runs, &r, g->known.names + 1))
        st = fail(err, ST_INVALID, "its runs of events are damaged");
    if (st == ST_OK)
        st = boost_read(rd_rest(&r), &g->trees, err);
    if (st == ST_OK && boost_columns(g->trees) > ngram_width(g))
        st = fail(err, ST_INVALID, "its trees ask for column %zu of %zu", boost_columns(g->trees),
                  ngram_width(g));
    if (st == ST_OK && boost_outputs(g->trees) != 1)
        st = fail(err, ST_INVALID, "its trees tell %zu classes apart, not two",
                  boost_outputs(g->trees));
    return st;
}

const struct model_ops model_NGRAM = {
    .labelled = true,
    .style = ENCODE_RAW,
    .calibration = CALIBRATION_PLATT,
    .option = ngram_option,
    .options = NGRAM_OPTIONS,
    .train = ngram_train,
    .refit = ngram_refit,
    .score_sessions = score_sessions,
    .explain_session = explain_session,
    .write = write,
    .read = read,
    .free = ngram_free,
};
