/* SPDX-License-Identifier: Apache-2.0 */
#include "detect/score.h"

#include "base/mem.h"
#include "base/metric.h"
#include "base/vec.h"
#include "detect/windows.h"
#include "os/clock.h"

enum {
    EXPLAIN_NS = 20 * 1000 * 1000,
    KEPT_ROWS = 16384,
    EVIDENCE_REASONS = 5,
    WORDS_REASONS = 3,
    ROW_BYTES =
        4096 /* as long as a value of an alert's evidence can be; all live features need less */
};

struct wish { /* to have a score explained */
    uint32_t row;
    float score_01;
    bool alarm, first; /* the highest one between its hosts */
};

struct scorer {
    struct dict *dict; /* borrowed */
    struct flow_reader reader;
    struct model_set *set;          /* owned reference; NULL: none */
    struct model_scratch **scratch; /* owned: one a model of the set; NULL: it is not for flows */
    /* of the batch under way: */
    VEC(struct flow) flow;
    VEC(uint32_t) event; /* whose flow */
    VEC(struct aggregates) seen;
    VEC(struct model_answer) answer;
    VEC(struct wish) wish;
    float *x; /* owned: (rows, FEATURE_COUNT) */
    size_t rows;
};

/* ---- life ---- */

struct scorer *scorer_new(struct dict *dict)
{
    struct scorer *s = mem_new(struct scorer);
    s->dict = dict;
    flow_reader_init(&s->reader, dict);
    return s;
}

static void let_go(struct scorer *s)
{
    for (size_t i = 0; s->set && i < s->set->n; i++)
        model_scratch_free(s->scratch[i]);
    mem_free(s->scratch);
    s->scratch = NULL;
    model_set_unref(s->set);
    s->set = NULL;
}

void scorer_free(struct scorer *s)
{
    if (!s)
        return;
    let_go(s);
    vec_done(&s->flow);
    vec_done(&s->event);
    vec_done(&s->seen);
    vec_done(&s->answer);
    vec_done(&s->wish);
    mem_free(s->x);
    mem_free(s);
}

void scorer_adopt(struct scorer *s, struct model_set *set)
{
    struct model_set *own = set ? model_set_ref(set) : NULL;
    let_go(s);
    s->set = own;
    if (!own)
        return;
    s->scratch = mem_array(struct model_scratch *, own->n + 1);
    for (size_t i = 0; i < own->n; i++)
        if (own->at[i].model->flows)
            s->scratch[i] = model_scratch_new(own->at[i].model->model);
}

static size_t flow_models(const struct scorer *s)
{
    size_t n = 0;
    for (size_t i = 0; s->set && i < s->set->n; i++)
        n += s->scratch[i] != NULL;
    return n;
}

/* ---- flows and their features ---- */

/* Returns those past the limit. */
static uint64_t read_flows(struct scorer *s, struct batch *b)
{
    uint64_t past = 0;
    struct flow flow;
    s->flow.n = s->event.n = 0;
    for (uint32_t i = 0; i < b->event_count; i++) {
        if (!flow_is_record(&s->reader, &b->event[i]) ||
            !flow_read(&s->reader, &b->event[i], &flow))
            continue;
        if (s->flow.n == FLOW_ROWS_MAX) {
            past++;
            continue;
        }
        *vec_push(&s->flow) = flow;
        *vec_push(&s->event) = i;
    }
    return past;
}

/* Room for as many rows; a large batch's is not kept for the small ones after it. */
static void make_room(struct scorer *s, size_t rows)
{
    if (rows <= s->rows && (s->rows <= KEPT_ROWS || rows > KEPT_ROWS))
        return;
    mem_free(s->x);
    s->rows = rows < 256 ? 256 : rows;
    s->x = mem_array(float, size_mul(s->rows, FEATURE_COUNT));
    vec_done(&s->answer);
    vec_done(&s->seen);
    while (s->answer.n < s->rows) {
        (void)vec_push(&s->answer);
        (void)vec_push(&s->seen);
    }
}

/* ---- scoring ---- */

struct scoring { /* one call of scorer_run */
    struct scorer *s;
    const struct score_request *r;
    struct model_scores *out;
    size_t models, done; /* that score flows; that have */
    size_t others;       /* explained though they are no alarms */
    uint64_t explain_ns; /* left for reasons */
};

/* ---- reasons ---- */

static int by_hosts(const struct scorer *s, const struct wish *x, const struct wish *y)
{
    const struct flow *a = &s->flow.at[x->row], *b = &s->flow.at[y->row];
    int c = memcmp(a->source.byte, b->source.byte, sizeof a->source.byte);
    return c ? c : memcmp(a->target.byte, b->target.byte, sizeof a->target.byte);
}

static int higher_first(const struct wish *x, const struct wish *y)
{
    int c = (x->score_01 < y->score_01) - (x->score_01 > y->score_01);
    return c ? c : (x->row > y->row) - (x->row < y->row);
}

static int by_pair(const void *a, const void *b, void *scorer)
{
    int c = by_hosts(scorer, a, b);
    return c ? c : higher_first(a, b);
}

static int by_need(const void *a, const void *b)
{
    const struct wish *x = a, *y = b;
    int c = (int)y->alarm - (int)x->alarm;
    c = c ? c : (int)y->first - (int)x->first;
    return c ? c : higher_first(x, y);
}

/* Alarms, and the first few of the others.  Repeats become one alert, which says what the highest of them says: so
 * those come first. */
static void gather_wishes(struct scoring *g, const struct model_score *score)
{
    struct scorer *s = g->s;
    s->wish.n = 0;
    for (size_t i = 0; i < s->flow.n; i++, score += g->models) {
        if (!score->alarm && g->others >= g->r->explained)
            continue;
        g->others += !score->alarm;
        *vec_push(&s->wish) =
            (struct wish){(uint32_t)i, score->answer.score_01, score->alarm, false};
    }
    if (s->wish.n)
        qsort_r(s->wish.at, s->wish.n, sizeof s->wish.at[0], by_pair, s);
    for (size_t i = 0; i < s->wish.n; i++)
        s->wish.at[i].first = i == 0 || by_hosts(s, &s->wish.at[i - 1], &s->wish.at[i]) != 0;
    if (s->wish.n)
        qsort(s->wish.at, s->wish.n, sizeof s->wish.at[0], by_need);
}

static const struct model_explanation *explain(struct scoring *g, size_t model, size_t row)
{
    struct scorer *s = g->s;
    const struct loaded_model *l = s->set->at[model].model;
    struct model_explanation *why = arena_new(g->r->arena, struct model_explanation);
    if (!why || model_explain(l->model, l->flows, s->scratch[model], s->x + row * FEATURE_COUNT,
                              g->r->arena, why, NULL) != ST_OK)
        return NULL;
    return why;
}

/* In the model's share of the time, but one at least. */
static void explain_scores(struct scoring *g, size_t model, struct model_score *score)
{
    uint64_t start_ns = clock_ns(), now_ns = start_ns;
    size_t left = g->models > g->done ? g->models - g->done : 1; /* this one among them */
    uint64_t share_ns = g->explain_ns / left;
    gather_wishes(g, score);
    for (size_t i = 0; i < g->s->wish.n && (i == 0 || now_ns - start_ns < share_ns); i++) {
        size_t row = g->s->wish.at[i].row;
        score[row * g->models].why = explain(g, model, row);
        now_ns = clock_ns();
    }
    uint64_t spent_ns = now_ns - start_ns;
    g->explain_ns -= spent_ns < g->explain_ns ? spent_ns : g->explain_ns;
}

/* Scores of one model, put where those of its event are. */
static void keep_scores(struct scoring *g, size_t model)
{
    const struct scorer *s = g->s;
    const struct model_use *use = &s->set->at[model];
    float threshold = (float)model_card(use->model->model)->threshold;
    for (size_t i = 0; i < s->flow.n; i++) {
        const struct model_answer *a = &s->answer.at[i];
        struct model_score *score = &g->out->at[i * g->models + g->done];
        *score = (struct model_score){.event = s->event.at[i],
                                      .shadow = use->shadow,
                                      .alarm = a->score_01 >= threshold,
                                      .model = use->model,
                                      .source = s->flow.at[i].source,
                                      .target = s->flow.at[i].target,
                                      .x = s->x + i * FEATURE_COUNT,
                                      .answer = *a};
    }
    if (!use->shadow)
        explain_scores(g, model, &g->out->at[g->done]);
    g->done++;
}

static void run_model(struct scoring *g, size_t model)
{
    struct scorer *s = g->s;
    const struct loaded_model *l = s->set->at[model].model;
    size_t n = s->flow.n;
    uint64_t start_ns = clock_ns();
    bool counted = !g->r->aside;
    if (counted && !watch_allows(l->watch, n, start_ns)) {
        g->out->skipped += n;
        return;
    }
    model_score(l->model, l->flows, s->scratch[model], s->x, n, FEATURE_COUNT, s->answer.at);
    uint64_t now_ns = clock_ns();
    struct watch_batch b = {.answer = s->answer.at,
                            .n = n,
                            .x = s->x,
                            .stride = FEATURE_COUNT,
                            .ns = now_ns - start_ns,
                            .now_ns = now_ns};
    if (counted)
        watch_scored(l->watch, &b);
    keep_scores(g, model);
}

/* Models that rested left a gap in each event's row of scores. */
static void close_gaps(struct scoring *g)
{
    struct model_scores *out = g->out;
    for (size_t i = 0; i < g->s->flow.n; i++)
        for (size_t k = 0; k < g->done; k++)
            out->at[out->n++] = out->at[i * g->models + k];
}

void scorer_run(struct scorer *s, const struct score_request *r, struct model_scores *out)
{
    struct scoring g = {.s = s, .r = r, .out = out, .models = flow_models(s)};
    *out = (struct model_scores){0};
    uint64_t past = g.models ? read_flows(s, r->batch) : 0;
    size_t n = g.models ? s->flow.n : 0;
    if (n)
        out->at = arena_array(r->arena, struct model_score, n * g.models);
    if (!out->at) {
        flow_windows_pass(r->windows, r->turn);
        out->skipped = n + past;
        metric_add(METRIC_MODEL_FLOWS_SKIPPED, r->aside ? 0 : out->skipped);
        return;
    }
    make_room(s, n);
    windows_take(r->windows, r->tenant, r->turn, s->flow.at, n, s->seen.at);
    for (size_t i = 0; i < n; i++)
        flow_features(&s->flow.at[i], &s->seen.at[i], s->x + i * FEATURE_COUNT);
    out->flows = n;
    out->skipped = past;
    g.explain_ns = r->explain_ns ? r->explain_ns : (uint64_t)EXPLAIN_NS;
    for (size_t i = 0; i < s->set->n; i++)
        if (s->scratch[i])
            run_model(&g, i);
    close_gaps(&g);
    if (r->aside)
        return;
    metric_add(METRIC_MODEL_FLOWS, n);
    metric_add(METRIC_MODEL_FLOWS_SKIPPED, out->skipped);
}

/* ---- findings ---- */

/* How far beyond the threshold, of what there is beyond it. */
static enum level level_of(const struct model_score *s)
{
    double threshold = model_card(s->model->model)->threshold, room = 1 - threshold;
    double beyond = room > 0 ? ((double)s->answer.score_01 - threshold) / room : 1;
    return beyond >= 0.75 ? LEVEL_HIGH : beyond >= 0.25 ? LEVEL_MEDIUM : LEVEL_LOW;
}

static uint32_t add_evidence(const struct model_score *s, struct arena *arena, struct pair *out)
{
    uint32_t n = 0;
    double threshold = model_card(s->model->model)->threshold;
    out[n++] = (struct pair){STR("model.version"), arena_str(arena, str_z(s->model->version))};
    out[n++] =
        (struct pair){STR("model.score"), arena_fmt(arena, "%.4f", (double)s->answer.score_01)};
    out[n++] = (struct pair){STR("model.threshold"), arena_fmt(arena, "%.4f", threshold)};
    for (size_t i = 0; s->why && i < s->why->count && i < EVIDENCE_REASONS; i++)
        out[n++] = (struct pair){arena_str(arena, s->why->reason[i].what),
                                 arena_str(arena, s->why->reason[i].words)};
    while (n && (!out[n - 1].value.p || !out[n - 1].name.p))
        n--;
    return n;
}

/* What was scored; nothing past the length at which an alert would cut it. */
static uint32_t add_row(const struct model_score *s, struct arena *arena, struct pair *out)
{
    struct sbuf text;
    sbuf_init(&text, ROW_BYTES);
    flow_row_write(s->x, &text);
    str row = !text.full ? arena_str(arena, sbuf_str(&text)) : (str){0};
    sbuf_done(&text);
    *out = (struct pair){STR(EVIDENCE_ROW), row};
    return row.p ? 1 : 0;
}

/* Its sentence names the first one. */
static str with_reasons(const struct model_explanation *why, struct arena *arena)
{
    str out = arena_str(arena, why->words);
    for (size_t i = 1; i < why->count && i < WORDS_REASONS && out.p; i++)
        if (why->reason[i].part > 0)
            out =
                arena_fmt(arena, STR_FMT "; " STR_FMT, STR_ARG(out), STR_ARG(why->reason[i].words));
    return out;
}

static str reason_of(const struct model_score *s, struct arena *arena)
{
    if (s->why && s->why->words.n)
        return with_reasons(s->why, arena);
    return arena_fmt(arena, "the model '%s' gives it %.3f, and %.3f is enough for an alarm",
                     s->model->name, (double)s->answer.score_01,
                     model_card(s->model->model)->threshold);
}

static void add_address(struct finding *f, struct pair *entity, str key, const struct ip *ip,
                        struct arena *arena)
{
    char text[IP_TEXT_MAX];
    size_t n = ip_format(ip, text);
    for (uint32_t i = 0; i < f->entity_count; i++)
        if (str_eq(entity[i].name, key))
            return;
    str value = arena_str(arena, (str){text, n});
    if (value.p)
        entity[f->entity_count++] = (struct pair){key, value};
}

struct finding *score_finding(const struct model_score *s, struct event *e, bool with_row,
                              struct arena *arena)
{
    struct finding *f = arena_new(arena, struct finding);
    struct pair *entity = arena_array(arena, struct pair, ENTITY_MAX + 2);
    struct pair *evidence = arena_array(arena, struct pair, 4 + EVIDENCE_REASONS);
    if (!f || !entity || !evidence)
        return NULL;
    *f = (struct finding){
        .kind = FINDING_MODEL,
        .level = level_of(s),
        .score_01 = s->answer.score_01,
        .time_ms = e->time_ms,
        .id = arena_str(arena, str_z(s->model->name)),
        .title = arena_fmt(arena, "Suspicious connection, says the model '%s'", s->model->name),
        .entity = entity,
        .evidence = evidence,
        .reason = reason_of(s, arena),
        .origin = e->origin};
    f->entity_count = event_entity(e, arena, entity); /* by the names of its fields */
    add_address(f, entity, STR("source.ip"), &s->source, arena);
    add_address(f, entity, STR("destination.ip"), &s->target, arena);
    f->evidence_count = add_evidence(s, arena, evidence);
    if (with_row)
        f->evidence_count += add_row(s, arena, evidence + f->evidence_count);
    event_id(e, f->event_id);
    return f->id.p && f->title.p && f->reason.p ? f : NULL;
}
