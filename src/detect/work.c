/* SPDX-License-Identifier: Apache-2.0 */
#include "detect/detect_int.h"

#include "base/mem.h"

void worker_init(struct worker *w, const struct snapshot *s, const uint32_t *rank,
                 const struct parse_limits *limits, enum level min_level)
{
    *w = (struct worker){.limits = limits, .min_level = min_level};
    worker_change(w, s, rank);
}

void worker_done(struct worker *w)
{
    scorer_free(w->scorer);
    parser_free(w->parser);
    rule_matcher_free(w->rules);
    intel_matcher_free(w->intel);
}

void worker_change(struct worker *w, const struct snapshot *s, const uint32_t *rank)
{
    rule_matcher_free(w->rules);
    intel_matcher_free(w->intel);
    if (w->dict != s->dict) {
        parser_free(w->parser);
        w->parser = parser_new(s->dict, w->limits);
        scorer_free(w->scorer);
        w->scorer = scorer_new(s->dict);
        scorer_adopt(w->scorer, w->models);
    }
    w->dict = s->dict;
    w->set = s->rules;
    w->rank = rank;
    w->rules = s->rules ? rule_matcher_new(s->rules) : NULL;
    w->intel = s->intel ? intel_matcher_new(s->intel, s->dict) : NULL;
}

/* ---- rules ---- */

struct named {
    str id;
    uint32_t rule;
};

static int by_id(const void *a, const void *b)
{
    const struct named *x = a, *y = b;
    int order = str_cmp(x->id, y->id);
    return order ? order : (x->rule > y->rule) - (x->rule < y->rule);
}

uint32_t *rule_ranks(const struct rule_set *set)
{
    if (!set)
        return NULL;
    size_t n = rule_set_count(set);
    struct named *named = mem_array(struct named, n + 1);
    for (uint32_t i = 0; i < n; i++)
        named[i] = (struct named){rule_set_info(set, i)->id, i};
    qsort(named, n, sizeof *named, by_id);
    uint32_t *rank = mem_array(uint32_t, n + 1);
    for (uint32_t i = 0; i < n; i++)
        rank[named[i].rule] = i;
    mem_free(named);
    return rank;
}

/* Hits come by event; put those of one event in the order of the rules' ids.  They are few. */
static void sort_hits(const uint32_t *rank, struct rule_hits *hits)
{
    for (size_t i = 1; i < hits->n; i++) {
        struct rule_hit hit = hits->at[i];
        size_t k = i;
        for (;
             k && hits->at[k - 1].event == hit.event && rank[hits->at[k - 1].rule] > rank[hit.rule];
             k--)
            hits->at[k] = hits->at[k - 1];
        hits->at[k] = hit;
    }
}

static void add_hit(struct worker *w, struct job *job, const struct rule_hit *hit)
{
    const struct rule_set *set = w->set;
    struct item item = {.event = hit->event};
    if (rule_reports(set, hit->rule)) {
        if (rule_set_info(set, hit->rule)->level < w->min_level)
            job->suppressed++;
        else if (!(item.finding = rule_finding(w->rules, &job->of.batch, hit, &job->arena)))
            job->dropped++;
    }
    if (rule_feeds(set, hit->rule) &&
        !(item.sample = rule_sample(set, &job->of.batch, hit, &job->arena)))
        job->dropped++;
    if (item.finding || item.sample)
        *vec_push(&job->rules) = item;
}

/* ---- indicators ---- */

struct found { /* what on_indicator is told */
    struct worker *worker;
    struct job *job;
};

static void on_indicator(void *arg, uint32_t event, const struct finding *f)
{
    struct found *found = arg;
    struct job *job = found->job;
    if (f->level < found->worker->min_level) {
        job->suppressed++;
        return;
    }
    struct finding *copy = arena_new(&job->arena, struct finding);
    if (!copy) {
        job->dropped++;
        return;
    }
    *copy = *f;
    *vec_push(&job->indicators) = (struct item){.event = event, .finding = copy};
}

/* ---- models ---- */

void worker_use_models(struct worker *w, struct model_set *models)
{
    w->models = models;
    scorer_adopt(w->scorer, models);
}

static void add_alarm(struct worker *w, struct job *job, const struct model_score *score)
{
    bool kept = job->scored_with != NULL; /* the service's alerts are closed with verdicts */
    const struct finding *f =
        score_finding(score, &job->of.batch.event[score->event], kept, &job->arena);
    if (!f)
        job->dropped++;
    else if (f->level < w->min_level)
        job->suppressed++;
    else
        *vec_push(&job->models) = (struct item){.event = score->event, .finding = f};
}

/* Flows of a replay were scored before the restart. */
static void score(struct worker *w, struct job *job)
{
    struct score_request r = {.windows = w->windows,
                              .tenant = job->of.tenant,
                              .turn = job->turn,
                              .batch = &job->of.batch,
                              .arena = &job->arena,
                              .explained = job->of.explained};
    if (job->replayed)
        return;
    scorer_run(w->scorer, &r, &job->scored);
    for (size_t i = 0; i < job->scored.n; i++)
        if (job->scored.at[i].alarm && !job->scored.at[i].shadow)
            add_alarm(w, job, &job->scored.at[i]);
}

/* ---- what the sink found ---- */

static int by_event(const void *a, const void *b)
{
    const struct item *x = a, *y = b;
    return (x->event > y->event) - (x->event < y->event);
}

/* They come in any order, few, and without regard to the level. */
static void settle_added(const struct worker *w, struct job *job)
{
    size_t n = 0;
    for (size_t i = 0; i < job->added.n; i++) {
        const struct item item = job->added.at[i];
        if (item.finding->level < w->min_level)
            job->suppressed++;
        else
            job->added.at[n++] = item;
    }
    job->added.n = n;
    if (n > 1)
        qsort(job->added.at, n, sizeof job->added.at[0], by_event);
}

void worker_run(struct worker *w, struct job *job)
{
    struct batch *b = &job->of.batch;
    arena_clear(&job->arena);
    job->hits.n = job->rules.n = job->indicators.n = job->models.n = job->added.n = 0;
    job->scored = (struct model_scores){0};
    job->suppressed = job->dropped = 0;
    if (b->n)
        parser_run(w->parser, &job->of.stream, b);
    if (w->parsed) {
        w->parsed(w->arg, job);
        settle_added(w, job);
    }
    if (w->rules) {
        rule_match(w->rules, b, &job->hits);
        sort_hits(w->rank, &job->hits);
        for (size_t i = 0; i < job->hits.n; i++)
            add_hit(w, job, &job->hits.at[i]);
    }
    if (w->intel) {
        struct found found = {w, job};
        intel_match(w->intel, b, &job->arena, on_indicator, &found);
    }
    score(w, job);
}
