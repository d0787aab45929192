/* SPDX-License-Identifier: Apache-2.0 */
/* Models in the service: opened at the start, looked for again every few seconds (others may change the registry), and
 * watched: people are told, by an alert, of one that drifts or of which they think less than its card does. */
#include "app/service_int.h"

#include "base/mem.h"
#include "codec/json_doc.h"
#include "ml/remote.h"
#include "os/clock.h"
#include "os/log.h"

enum { VERDICTS_MAX = 200, VERDICT_ARENA = 32 << 20, ARENA = 1 << 16 };

/* ---- start ---- */

static struct model_host *host_of(const struct config *c)
{
    return model_host_new(
        &(struct model_host_options){.allowed = (const char *const *)c->models_remote.at,
                                     .allowed_count = c->models_remote.n,
                                     .keys = *c->models_keys ? c->models_keys : NULL,
                                     .wait_ms = (uint32_t)c->models_wait});
}

static const char *shipped_of(struct service *s)
{
    const struct config *c = s->config;
    struct sbuf path;
    if (strcmp(c->models_shipped, "none") == 0)
        return NULL;
    if (*c->models_shipped)
        return c->models_shipped;
    sbuf_init(&path, 4096);
    const char *found = shelf_shipped(&path) ? arena_str(&s->arena, sbuf_str(&path)).p : NULL;
    sbuf_done(&path);
    return found;
}

status models_open(struct service *s, struct error *err)
{
    const struct config *c = s->config;
    s->model_host = host_of(c);
    struct shelf_options o = {.folder =
                                  *c->models ? c->models : data_path(&s->data, &s->arena, "models"),
                              .shipped = shipped_of(s),
                              .host = s->model_host,
                              .limits = {.budget_ns = (uint64_t)c->models_budget * 1000}};
    status st = shelf_open(&o, &s->shelf, err);
    if (st != ST_OK)
        return fail_prefix(err, st, "models");
    models_adopt(s);
    return jobs_open(&(struct jobs_options){.folder = data_path(&s->data, &s->arena, "jobs"),
                                            .shelf = s->shelf,
                                            .running = (unsigned)c->models_jobs,
                                            .memory_bytes = (uint64_t)c->models_memory << 20},
                     &s->jobs, err);
}

void models_free(struct service *s)
{
    jobs_close(s->jobs);
    model_set_unref(s->models);
    shelf_close(s->shelf);
    model_host_free(s->model_host);
}

/* ---- what is in use ---- */

static void on_problem(void *arg, const char *name, const char *why)
{
    bool *quiet = arg;
    if (!*quiet)
        log_say(LOG_MODEL, LOG_WARN, "model left out", LOG_Z("model", name), LOG_Z("reason", why));
}

static bool same_set(const struct model_set *a, const struct model_set *b)
{
    if (!a || a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++)
        if (a->at[i].model != b->at[i].model || a->at[i].shadow != b->at[i].shadow)
            return false;
    return true;
}

void models_adopt(struct service *s)
{
    struct model_set *set = NULL;
    struct error err;
    status st = shelf_use(s->shelf, on_problem, &s->models_told, &set, &err);
    s->models_told = true; /* else every few seconds again; a reload says it anew */
    if (st != ST_OK) {
        log_say(LOG_MODEL, LOG_ERROR, "models stay as they were", LOG_Z("reason", err.text));
        return;
    }
    /* Not what was seen last: of two requests that change it together, the later one may have been adopted first. */
    struct model_set *used = engine_models(s->engine);
    if (!same_set(used, set))
        engine_adopt_models(s->engine, set);
    model_set_unref(used);
    if (!same_set(s->models, set))
        for (size_t i = 0; i < set->n; i++)
            log_say(LOG_MODEL, LOG_INFO, set->at[i].shadow ? "model in shadow" : "model in use",
                    LOG_Z("model", set->at[i].model->name),
                    LOG_Z("version", set->at[i].model->version),
                    LOG_Z("scores", set->at[i].model->flows ? "flows" : "only what /v2 is asked"));
    model_set_unref(s->models);
    s->models = set;
}

/* ---- verdicts ---- */

/* Is the alert of that version? */
static bool of_version(const struct alert_record *r, const char *version)
{
    struct json_doc *doc = NULL;
    if (r->kind != FINDING_MODEL || json_doc_parse(r->evidence, r->evidence.n, &doc, NULL) != ST_OK)
        return false;
    str said = json_str(json_get(json_doc_root(doc), STR("model.version")), STR(""));
    bool same = str_eq(said, str_z(version));
    json_doc_free(doc);
    return same;
}

static void count_verdicts(struct service *s, const struct loaded_model *l)
{
    struct arena a;
    struct alert_record *r = NULL;
    struct error err;
    str next;
    size_t n = 0;
    uint64_t of[2] = {0};
    struct alert_filter f = {.rule = str_z(l->name),
                             .status_mask = 1u << ALERT_TRUE_POSITIVE | 1u << ALERT_FALSE_POSITIVE,
                             .limit = VERDICTS_MAX};
    arena_init(&a, VERDICT_ARENA);
    if (store_alert_list(s->store, &a, &f, &r, &n, &next, &err) == ST_OK) {
        for (size_t i = 0; i < n; i++)
            if (of_version(&r[i], l->version))
                of[r[i].status == ALERT_TRUE_POSITIVE]++;
        watch_judged(l->watch, of[1], of[0]);
    }
    arena_done(&a);
}

/* ---- telling ---- */

static void raise(struct service *s, const struct watch_state *w, const char *id, const char *title,
                  str reason)
{
    struct pair entity = {STR("model"), str_z(w->name)};
    struct pair evidence[] = {{STR("model.version"), str_z(w->version)}};
    struct finding f = {.kind = FINDING_MODEL,
                        .level = LEVEL_MEDIUM,
                        .score_01 = level_score(LEVEL_MEDIUM),
                        .time_ms = clock_wall_ms(),
                        .id = str_z(id),
                        .title = str_z(title),
                        .entity = &entity,
                        .entity_count = 1,
                        .evidence = evidence,
                        .evidence_count = COUNT(evidence),
                        .reason = reason};
    struct recorded item = {.finding = &f, .path = "models"};
    struct recording in = {.tenant = STR("default"), .item = &item, .count = 1};
    log_say(LOG_MODEL, LOG_WARN, title, LOG_Z("model", w->name), LOG_Z("version", w->version),
            LOG_STR("reason", reason));
    if (recorder_add(s->recorder, &in) != ST_OK)
        metric_inc(METRIC_FINDINGS_DROPPED);
}

/* The column that is furthest from training. */
static const char *moved_most(const struct watch_state *w, struct arena *a)
{
    size_t most = 0;
    for (size_t i = 1; i < w->columns; i++)
        if (w->column[i].drift.psi > w->column[most].drift.psi)
            most = i;
    str words = w->columns ? arena_fmt(a, "; so is its column '%s', by %.2f", w->column[most].name,
                                       w->column[most].drift.psi)
                           : (str){0};
    return words.p ? words.p : "";
}

/* One alert when it begins; it is open or joined until somebody closes it.  None of a model in shadow; it is told should that
 * go live as it is. */
static void tell(struct service *s, const struct watch_state *w, bool shadow,
                 struct model_told *told)
{
    bool tells = !shadow;
    struct arena a;
    uint64_t judged = w->true_positive + w->false_positive;
    arena_init(&a, ARENA);
    if (tells && w->sinks && !told->sinks)
        raise(s, w, "models.accuracy_sinks", "A model is worse than its card says",
              arena_fmt(&a,
                        "of the last %llu alerts of '%s' that people closed, %.0f %% were attacks; "
                        "its card says %.0f %%",
                        (unsigned long long)judged, w->name, 100 * w->precision,
                        100 * w->card_precision));
    if (tells && w->drifts && !told->drifts)
        raise(s, w, "models.drift", "A model sees other things than it was trained with",
              arena_fmt(&a,
                        "scores of '%s' are spread differently than in training: stability index "
                        "%.2f over the last %llu rows, more than 0.25 is a large change%s",
                        w->name, w->score.psi, (unsigned long long)w->score.rows,
                        moved_most(w, &a)));
    if (w->rests != told->rests)
        log_say(LOG_MODEL, LOG_WARN,
                w->rests ? "a model is too slow and rests" : "a model scores again",
                LOG_Z("model", w->name), LOG_Z("version", w->version),
                LOG_INT("skipped", w->skipped));
    told->sinks = tells && w->sinks;
    told->drifts = tells && w->drifts;
    told->rests = w->rests;
    arena_done(&a);
}

static struct model_told *told_of(struct service *s, const struct watch_state *w)
{
    struct model_told *free_one = NULL;
    for (size_t i = 0; i < MODELS_TOLD; i++) {
        struct model_told *t = &s->told[i];
        if (strcmp(t->name, w->name) == 0 && strcmp(t->version, w->version) == 0)
            return t;
        if (!free_one && !t->name[0])
            free_one = t;
    }
    if (!free_one) { /* begin again with those that are in use */
        memset(s->told, 0, sizeof s->told);
        free_one = &s->told[0];
    }
    memcpy(free_one->name, w->name, sizeof free_one->name);
    memcpy(free_one->version, w->version, sizeof free_one->version);
    return free_one;
}

void models_tick(struct service *s, bool verdicts)
{
    jobs_tick(s->jobs);
    models_adopt(s);
    for (size_t i = 0; s->models && i < s->models->n; i++) {
        struct watch_state w;
        const struct model_use *use = &s->models->at[i];
        if (verdicts && !use->shadow)
            count_verdicts(s, use->model);
        watch_state(use->model->watch, &w);
        tell(s, &w, use->shadow, told_of(s, &w));
    }
}

/* ---- for /health/detailed, on any thread ---- */

void models_check(void *arg, struct api_health *out)
{
    struct service *s = arg;
    struct model_set *set = engine_models(s->engine);
    size_t live = 0, resting = 0, asked = 0;
    for (size_t i = 0; set && i < set->n; i++) {
        struct watch_state w;
        watch_state(set->at[i].model->watch, &w);
        live += !set->at[i].shadow;
        resting += w.rests;
        asked += !set->at[i].model->flows;
    }
    out->ok = resting == 0;
    int n = snprintf(out->detail, sizeof out->detail, "%zu live, %zu in shadow", live,
                     set ? set->n - live : 0);
    if (asked) /* it fits: numbers of two digits */
        (void)snprintf(out->detail + n, sizeof out->detail - (size_t)n,
                       "; %zu of them score no flows and answer only at /v2", asked);
    if (resting)
        (void)snprintf(out->last_error, sizeof out->last_error, "%zu of them are too slow and rest",
                       resting);
    model_set_unref(set);
}
