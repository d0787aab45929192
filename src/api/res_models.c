/* SPDX-License-Identifier: Apache-2.0 */
/* Models: which there are and which are in use, their cards and pictures, how they do. */
#include "api/models.h"

#include "base/mem.h"
#include "chart/chart.h"
#include "codec/time.h"

#include <math.h>

/* ---- schemas ---- */

static const struct schema_field version_fields[] = {
    {"name", SCHEMA_STRING, .required = true, .doc = "of the model"},
    {"version", SCHEMA_STRING, .required = true,
     .doc = "twelve hexadecimal digits of its checksum"},
    {"state", SCHEMA_STRING, .required = true,
     .doc =
         "live: it raises alerts; shadow: it scores, nobody is told; before: live before the one "
         "that is; stored"},
    {"shipped", SCHEMA_BOOLEAN, .required = true, .doc = "came with the program"},
    {"added_at", SCHEMA_STRING, .required = true, .nullable = true, .format = FORMAT_TIME,
     .doc = "when"},
    {"promoted_at", SCHEMA_STRING, .required = true, .nullable = true, .format = FORMAT_TIME,
     .doc = "made live or shadow; null: never"},
    {"by", SCHEMA_STRING, .required = true, .doc = "who added it"},
};
const struct schema schema_model_version =
    SCHEMA_OF("ModelVersion", "A version of a model", version_fields);
static const struct schema_field models_fields[] = {
    {"models", SCHEMA_ARRAY, .required = true, .item = SCHEMA_OBJECT,
     .child = &schema_model_version, .doc = "by name, the latest version first"},
    {"note", SCHEMA_STRING,
     .doc = "what to know of the version just put to use, such as that it scores no flows"},
};
const struct schema schema_models = SCHEMA_OF("Models", "The models there are", models_fields);

static const struct schema_field member_fields[] = {
    {"name", SCHEMA_STRING, .required = true, .doc = "of the member"},
    {"kind", SCHEMA_STRING, .required = true, .doc = "of model"},
    {"weight", SCHEMA_NUMBER, .required = true, .doc = "of its vote"},
};
static const struct schema schema_model_member =
    SCHEMA_OF("ModelMember", "A member of an ensemble", member_fields);
static const struct schema_field column_fields[] = {
    {"name", SCHEMA_STRING, .required = true, .doc = "of the column"},
    {"unit", SCHEMA_STRING, .required = true, .doc = "empty: none"},
    {"importance", SCHEMA_NUMBER, .required = true, .nullable = true,
     .doc = "part of its decisions; null: this kind cannot say"},
};
static const struct schema schema_model_column =
    SCHEMA_OF("ModelColumn", "What a model looks at", column_fields);
static const struct schema_field detail_fields[] = {
    {"version", SCHEMA_OBJECT, .required = true, .child = &schema_model_version,
     .doc = "which one it is"},
    {"kind", SCHEMA_STRING, .required = true, .doc = "xgboost, ensemble…"},
    {"flows", SCHEMA_BOOLEAN, .required = true,
     .doc = "scores connections in the event stream while it is live or in shadow"},
    {"threshold", SCHEMA_NUMBER, .required = true, .doc = "a score from here on is an alarm"},
    {"members", SCHEMA_ARRAY, .required = true, .item = SCHEMA_OBJECT,
     .child = &schema_model_member, .doc = "of an ensemble"},
    {"columns", SCHEMA_ARRAY, .required = true, .item = SCHEMA_OBJECT,
     .child = &schema_model_column, .doc = "of a table"},
    {"pictures", SCHEMA_ARRAY, .required = true, .item = SCHEMA_STRING,
     .doc = "names for …/pictures/NAME.svg and .png"},
    {"card", SCHEMA_OBJECT, .required = true,
     .doc = "the whole model card: data, parameters, figures with intervals"},
};
const struct schema schema_model_detail =
    SCHEMA_OF("ModelDetail", "A version of a model with its card", detail_fields);

static const struct schema_field drift_fields[] = {
    {"name", SCHEMA_STRING, .required = true, .doc = "score, or a column"},
    {"psi", SCHEMA_NUMBER, .required = true, .nullable = true,
     .doc = "population stability index: over 0.1 a change, over 0.25 a large one"},
    {"ks", SCHEMA_NUMBER, .required = true, .nullable = true, .doc = "Kolmogorov-Smirnov distance"},
    {"ks_p", SCHEMA_NUMBER, .required = true, .nullable = true, .doc = "its p"},
    {"rows", SCHEMA_INTEGER, .required = true, .doc = "that were compared"},
};
static const struct schema schema_model_drift =
    SCHEMA_OF("ModelDrift", "How far what is seen is from training", drift_fields);
static const struct schema_field watch_fields[] = {
    {"name", SCHEMA_STRING, .required = true, .doc = "of the model"},
    {"version", SCHEMA_STRING, .required = true, .doc = "of it"},
    {"shadow", SCHEMA_BOOLEAN, .required = true, .doc = "it scores, nobody is told"},
    {"rows", SCHEMA_INTEGER, .required = true, .doc = "scored since the start"},
    {"alarms", SCHEMA_INTEGER, .required = true, .doc = "rows at or above the threshold"},
    {"incomplete", SCHEMA_INTEGER, .required = true,
     .doc = "rows for which a member of the ensemble did not answer"},
    {"skipped", SCHEMA_INTEGER, .required = true, .doc = "rows left out because it was slow"},
    {"slow", SCHEMA_INTEGER, .required = true, .doc = "batches past the budget"},
    {"rests", SCHEMA_BOOLEAN, .required = true, .doc = "it was slow and is left alone for a time"},
    {"mean_us", SCHEMA_NUMBER, .required = true, .nullable = true, .doc = "time a row"},
    {"scores", SCHEMA_ARRAY, .required = true, .item = SCHEMA_INTEGER,
     .doc = "rows in twenty bins from 0 to 1"},
    {"drift", SCHEMA_OBJECT, .required = true, .child = &schema_model_drift,
     .doc = "of its scores"},
    {"columns", SCHEMA_ARRAY, .required = true, .item = SCHEMA_OBJECT, .child = &schema_model_drift,
     .doc = "of the columns that count most"},
    {"true_positives", SCHEMA_INTEGER, .required = true, .doc = "of its last alerts, by people"},
    {"false_positives", SCHEMA_INTEGER, .required = true, .doc = "of its last alerts, by people"},
    {"precision", SCHEMA_NUMBER, .required = true, .nullable = true, .doc = "by these verdicts"},
    {"card_precision", SCHEMA_NUMBER, .required = true, .nullable = true,
     .doc = "on rows kept back in training"},
    {"drifts", SCHEMA_BOOLEAN, .required = true,
     .doc = "scores, and a column that counts, are far from those of training"},
    {"sinks", SCHEMA_BOOLEAN, .required = true, .doc = "people say it is worse than its card"},
};
static const struct schema schema_model_watched =
    SCHEMA_OF("ModelWatched", "How a version does", watch_fields);
static const struct schema_field watches_fields[] = {
    {"versions", SCHEMA_ARRAY, .required = true, .item = SCHEMA_OBJECT,
     .child = &schema_model_watched, .doc = "that are in use"},
};
const struct schema schema_model_watch =
    SCHEMA_OF("ModelWatch", "How a model does", watches_fields);

static const struct schema_field promote_fields[] = {
    {"version", SCHEMA_STRING, .min = 1, .max = 12, .format = FORMAT_LINE,
     .doc = "the latest when absent"},
    {"shadow", SCHEMA_BOOLEAN, .doc = "into shadow only; false"},
};
const struct schema schema_model_promote =
    SCHEMA_OF("ModelPromote", "What is to be in use", promote_fields);
static const struct schema_field import_fields[] = {
    {"name", SCHEMA_STRING, .min = 1, .max = 63, .format = FORMAT_SLOT,
     .doc = "that on its card when absent"},
};
const struct schema schema_model_import_query = SCHEMA_OF("ModelImportQuery", "", import_fields);
const struct schema schema_model_file = {.name = NULL, .media = "application/octet-stream"};
const struct schema schema_picture = {.name = NULL, .media = "image/svg+xml"};

/* ---- what all of them need ---- */

struct shelf *models_shelf(struct api_call *c)
{
    if (!c->api->options.shelf)
        threat_absent(c, "the shelf of models");
    return c->api->options.shelf;
}

static void on_problem(void *arg, const char *name, const char *why)
{
    (void)arg;
    log_say(LOG_MODEL, LOG_WARN, "model left out", LOG_Z("model", name), LOG_Z("reason", why));
}

status models_apply(struct api *a, struct error *err)
{
    struct model_set *set = NULL;
    status st = shelf_use(a->options.shelf, on_problem, NULL, &set, err);
    if (st != ST_OK)
        return st;
    if (a->options.engine)
        engine_adopt_models(a->options.engine, set);
    model_set_unref(set);
    return ST_OK;
}

bool models_find(struct api_call *c, str name, str version, struct loaded_model **out)
{
    struct error err;
    struct shelf *s = models_shelf(c);
    if (str_eq(version, STR("live")))
        version = (str){0};
    return s && call_ok(c, shelf_get(s, name, version, out, &err), &err);
}

/* ---- lists ---- */

static void write_time(struct json_out *o, const char *name, int64_t ms)
{
    json_out_key(o, str_z(name));
    if (ms == TIME_NONE)
        json_out_null(o);
    else
        json_out_time(o, ms);
}

static void write_entry(struct json_out *o, const struct shelf_entry *e)
{
    const char *state = e->live ? "live" : e->shadow ? "shadow" : e->before ? "before" : "stored";
    json_out_object(o);
    json_out_kv_str(o, "name", str_z(e->name));
    json_out_kv_str(o, "version", str_z(e->version));
    json_out_kv_str(o, "state", str_z(state));
    json_out_kv_bool(o, "shipped", e->shipped);
    write_time(o, "added_at", e->added_ms);
    write_time(o, "promoted_at", e->promoted_ms);
    json_out_kv_str(o, "by", str_z(e->by));
    json_out_object_end(o);
}

/* Those of `name`; empty: of all.  `note` may be NULL. */
static bool answer_list(struct api_call *c, str name, const char *note)
{
    struct shelf *s = models_shelf(c);
    struct shelf_entry *e = NULL;
    size_t n = 0, of = 0;
    struct error err;
    if (!s || !call_ok(c, shelf_list(s, c->arena, &e, &n, &err), &err))
        return false;
    for (size_t i = 0; i < n; i++)
        of += !name.n || str_eq(name, str_z(e[i].name));
    if (name.n && !of) {
        call_problem(c, 404, "not_found", "there is no model of that name");
        return false;
    }
    struct json_out o = call_json(c);
    json_out_object(&o);
    json_out_key(&o, STR("models"));
    json_out_array(&o);
    for (size_t i = 0; i < n; i++)
        if (!name.n || str_eq(name, str_z(e[i].name)))
            write_entry(&o, &e[i]);
    json_out_array_end(&o);
    if (note)
        json_out_kv_str(&o, "note", str_z(note));
    json_out_object_end(&o);
    call_send(c, 200);
    return true;
}

void serve_model_list(struct api_call *c)
{
    (void)answer_list(c, (str){0}, NULL); /* it has answered */
}

void serve_model_versions(struct api_call *c)
{
    (void)answer_list(c, c->param[0], NULL);
}

/* ---- one of them ---- */

static const char *const picture_names[MODEL_PICTURES] = {
    [PICTURE_ROC] = "roc", [PICTURE_PR] = "pr", [PICTURE_RELIABILITY] = "reliability"};

static struct shelf_entry entry_of(struct api_call *c, const struct loaded_model *l)
{
    struct shelf_entry *e = NULL;
    size_t n = 0;
    if (shelf_list(c->api->options.shelf, c->arena, &e, &n, NULL) == ST_OK)
        for (size_t i = 0; i < n; i++)
            if (strcmp(e[i].name, l->name) == 0 && strcmp(e[i].version, l->version) == 0)
                return e[i];
    struct shelf_entry none = {.added_ms = TIME_NONE, .promoted_ms = TIME_NONE}; /* just removed */
    memcpy(none.name, l->name, sizeof none.name);
    memcpy(none.version, l->version, sizeof none.version);
    return none;
}

static void write_members(struct json_out *o, const struct model *m)
{
    json_out_key(o, STR("members"));
    json_out_array(o);
    for (size_t i = 0; i < model_members(m); i++) {
        double weight;
        const struct model_card *card = model_card(model_member(m, i, &weight));
        json_out_object(o);
        json_out_kv_str(o, "name", card->name);
        json_out_kv_str(o, "kind", str_z(model_kind_name(card->kind)));
        json_out_kv_f64(o, "weight", weight);
        json_out_object_end(o);
    }
    json_out_array_end(o);
}

static void write_columns(struct json_out *o, const struct model *m)
{
    size_t n = 0;
    bool table = model_kind_shape(model_card(m)->kind) == DATASET_TABLE;
    const struct dataset_column *c = table ? model_columns(m, &n) : NULL;
    double *part = mem_array(double, n + 1);
    bool says = table && model_importance(m, part);
    json_out_key(o, STR("columns"));
    json_out_array(o);
    for (size_t i = 0; i < n; i++) {
        json_out_object(o);
        json_out_kv_str(o, "name", c[i].name);
        json_out_kv_str(o, "unit", str_z(c[i].unit));
        json_out_kv_f64(o, "importance", says ? part[i] : (double)NAN);
        json_out_object_end(o);
    }
    json_out_array_end(o);
    mem_free(part);
}

static void write_pictures(struct json_out *o, const struct model *m)
{
    json_out_key(o, STR("pictures"));
    json_out_array(o);
    for (size_t i = 0; i < MODEL_PICTURES; i++)
        if (model_curve(m, (enum model_picture)i))
            json_out_str(o, str_z(picture_names[i]));
    json_out_array_end(o);
}

void serve_model_get(struct api_call *c)
{
    struct loaded_model *l = NULL;
    if (!models_find(c, c->param[0], c->param[1], &l))
        return;
    const struct model_card *card = model_card(l->model);
    struct shelf_entry e = entry_of(c, l);
    struct json_out o = call_json(c);
    json_out_object(&o);
    json_out_key(&o, STR("version"));
    write_entry(&o, &e);
    json_out_kv_str(&o, "kind", str_z(model_kind_name(card->kind)));
    json_out_kv_bool(&o, "flows", l->flows != NULL);
    json_out_kv_f64(&o, "threshold", card->threshold);
    write_members(&o, l->model);
    write_columns(&o, l->model);
    write_pictures(&o, l->model);
    json_out_key(&o, STR("card"));
    json_out_raw(&o, card->json);
    json_out_object_end(&o);
    loaded_unref(l);
    call_send(c, 200);
}

/* ---- pictures ---- */

static const struct {
    const char *title, *x, *y;
} words[MODEL_PICTURES] = {
    [PICTURE_ROC] = {"Attacks found against false alarms", "part of normal rows called attacks",
                     "part of attacks found"},
    [PICTURE_PR] = {"Precision against attacks found", "part of attacks found", "precision"},
    [PICTURE_RELIABILITY] = {"Is a score a probability?", "mean score", "part that were attacks"},
};

static void draw(const struct loaded_model *l, enum model_picture which, bool png, struct sbuf *out)
{
    static const double straight[] = {0, 1};
    const struct curve *curve = model_curve(l->model, which);
    const struct chart_series series[] = {
        {.name = l->name,
         .x = curve->x,
         .y = curve->y,
         .n = curve->n,
         .dots = which == PICTURE_RELIABILITY},
        {.name = which == PICTURE_ROC ? "chance" : "perfect",
         .x = straight,
         .y = straight,
         .n = 2,
         .dashed = true},
    };
    char subtitle[96];
    (void)snprintf(subtitle, sizeof subtitle, "%s %s, rows kept back", l->name, l->version);
    struct chart chart = {.kind = CHART_LINES,
                          .title = words[which].title,
                          .subtitle = subtitle,
                          .x_title = words[which].x,
                          .y_title = words[which].y,
                          .x_max = 1,
                          .y_max = 1,
                          .series = series,
                          .series_count = which == PICTURE_PR ? 1 : 2};
    (png ? chart_png : chart_svg)(&chart, out);
}

void serve_model_picture(struct api_call *c)
{
    struct loaded_model *l = NULL;
    str form = c->param[2], name = str_cut(&form, '.');
    bool png = str_eq(form, STR("png"));
    size_t which = 0;
    while (which < MODEL_PICTURES && !str_eq(name, str_z(picture_names[which])))
        which++;
    if (which == MODEL_PICTURES || !(png || str_eq(form, STR("svg")))) {
        call_problem(c, 404, "not_found",
                     "pictures are roc, pr and reliability, each as .svg and .png");
        return;
    }
    if (!models_find(c, c->param[0], c->param[1], &l))
        return;
    sbuf_clear(c->out);
    bool there = model_curve(l->model, (enum model_picture)which) != NULL;
    if (there)
        draw(l, (enum model_picture)which, png, c->out);
    loaded_unref(l);
    if (there)
        call_send_as(c, 200, png ? "image/png" : "image/svg+xml");
    else
        call_problem(c, 404, "not_found", "no rows with labels were kept back for a picture");
}

/* ---- how it does ---- */

static void write_drift(struct json_out *o, const char *name, const struct drift *d)
{
    bool known = d->rows >= WATCH_ROWS_MIN;
    json_out_object(o);
    json_out_kv_str(o, "name", str_z(name));
    json_out_kv_f64(o, "psi", known ? d->psi : (double)NAN);
    json_out_kv_f64(o, "ks", known ? d->ks : (double)NAN);
    json_out_kv_f64(o, "ks_p", known ? d->ks_p : (double)NAN);
    json_out_kv_u64(o, "rows", d->rows);
    json_out_object_end(o);
}

static void write_counts(struct json_out *o, const struct watch_state *s, bool shadow)
{
    json_out_kv_str(o, "name", str_z(s->name));
    json_out_kv_str(o, "version", str_z(s->version));
    json_out_kv_bool(o, "shadow", shadow);
    json_out_kv_u64(o, "rows", s->rows);
    json_out_kv_u64(o, "alarms", s->alarms);
    json_out_kv_u64(o, "incomplete", s->incomplete);
    json_out_kv_u64(o, "skipped", s->skipped);
    json_out_kv_u64(o, "slow", s->slow);
    json_out_kv_bool(o, "rests", s->rests);
    json_out_kv_f64(o, "mean_us", s->rows ? s->seconds * 1e6 / (double)s->rows : (double)NAN);
    json_out_key(o, STR("scores"));
    json_out_array(o);
    for (size_t i = 0; i < WATCH_SCORES; i++)
        json_out_u64(o, s->score_rows[i]);
    json_out_array_end(o);
}

static void write_watch(struct json_out *o, const struct model_use *use)
{
    struct watch_state s;
    watch_state(use->model->watch, &s);
    json_out_object(o);
    write_counts(o, &s, use->shadow);
    json_out_key(o, STR("drift"));
    write_drift(o, "score", &s.score);
    json_out_key(o, STR("columns"));
    json_out_array(o);
    for (size_t i = 0; i < s.columns; i++)
        write_drift(o, s.column[i].name, &s.column[i].drift);
    json_out_array_end(o);
    json_out_kv_u64(o, "true_positives", s.true_positive);
    json_out_kv_u64(o, "false_positives", s.false_positive);
    json_out_kv_f64(o, "precision", s.precision);
    json_out_kv_f64(o, "card_precision", s.card_precision);
    json_out_kv_bool(o, "drifts", s.drifts);
    json_out_kv_bool(o, "sinks", s.sinks);
    json_out_object_end(o);
}

void serve_model_watch(struct api_call *c)
{
    struct model_set *set = c->api->options.engine ? engine_models(c->api->options.engine) : NULL;
    bool any = false;
    struct json_out o = call_json(c);
    json_out_object(&o);
    json_out_key(&o, STR("versions"));
    json_out_array(&o);
    for (size_t i = 0; set && i < set->n; i++)
        if (str_eq(c->param[0], str_z(set->at[i].model->name))) {
            write_watch(&o, &set->at[i]);
            any = true;
        }
    json_out_array_end(&o);
    json_out_object_end(&o);
    model_set_unref(set);
    if (any)
        call_send(c, 200);
    else
        call_problem(c, 404, "not_found", "no model of that name is in use");
}

void models_metrics(struct api *a, struct sbuf *out)
{
    struct model_set *set = a->options.engine ? engine_models(a->options.engine) : NULL;
    size_t n = set ? set->n : 0;
    struct watch_state *s = mem_array(struct watch_state, n + 1);
    for (size_t i = 0; i < n; i++)
        watch_state(set->at[i].model->watch, &s[i]);
    watch_write_metrics(s, n, out);
    mem_free(s);
    model_set_unref(set);
}

/* ---- changes ---- */

/* For the audit log: JSON. */
static str detail_of(struct api_call *c, str version, const char *state)
{
    struct sbuf b = {.cap = 1024};
    struct json_out o = json_out_on(&b);
    json_out_object(&o);
    json_out_kv_str(&o, "version", version.n ? version : STR("latest"));
    if (state)
        json_out_kv_str(&o, "state", str_z(state));
    json_out_object_end(&o);
    str out = arena_str(c->arena, sbuf_str(&b));
    sbuf_done(&b);
    return out;
}

/* It is in use, but nothing would come of it: better said now than looked for. */
static const char *note_of(struct api_call *c)
{
    struct model_set *set = c->api->options.engine ? engine_models(c->api->options.engine) : NULL;
    const char *note = NULL;
    for (size_t i = 0; set && i < set->n; i++)
        if (str_eq(c->param[0], str_z(set->at[i].model->name)) && !set->at[i].model->flows)
            note = set->at[i].shadow
                       ? "the version in shadow does not score flows of the pipeline"
                       : "it does not score flows of the pipeline; ask it through /v2";
    model_set_unref(set);
    return note;
}

/* After one: what is in use may be another now. */
static void changed(struct api_call *c, const char *action, str target, str detail, status st,
                    struct error *err)
{
    call_audit(c, action, target, detail, st == ST_OK); /* it is done, whatever comes of using it */
    if (st == ST_OK)
        st = models_apply(c->api, err);
    if (call_ok(c, st, err))
        (void)answer_list(c, c->param[0], note_of(c));
}

void serve_model_promote(struct api_call *c)
{
    struct error err;
    struct shelf *s = models_shelf(c);
    str version = json_str(json_get(c->root, STR("version")), STR(""));
    bool shadow = json_bool(json_get(c->root, STR("shadow")), false);
    if (!s)
        return;
    status st =
        shelf_promote(s, c->param[0], version, shadow, call_actor_name(c).p, c->now_ms, &err);
    str detail = detail_of(c, version, shadow ? "shadow" : "live");
    changed(c, "model.promote", c->param[0], detail, st, &err);
}

void serve_model_rollback(struct api_call *c)
{
    struct error err;
    struct shelf *s = models_shelf(c);
    if (!s)
        return;
    status st = shelf_rollback(s, c->param[0], call_actor_name(c).p, c->now_ms, &err);
    changed(c, "model.rollback", c->param[0], STR(""), st, &err);
}

void serve_model_remove(struct api_call *c)
{
    struct error err;
    struct shelf *s = models_shelf(c);
    if (!s)
        return;
    status st = shelf_remove(s, c->param[0], c->param[1], &err);
    call_audit(c, "model.remove", c->param[0], detail_of(c, c->param[1], NULL), st == ST_OK);
    if (call_ok(c, st, &err))
        call_empty(c, 204);
}

void serve_model_import(struct api_call *c)
{
    struct error err;
    struct shelf_entry e;
    struct shelf *s = models_shelf(c);
    str name = call_query(c, "name");
    str copy = name.n ? arena_str(c->arena, name) : (str){0};
    if (!s)
        return;
    status st = shelf_add(s, c->body, copy.p, call_actor_name(c).p, c->now_ms, &e, &err);
    call_audit(c, "model.import", st == ST_OK ? str_z(e.name) : name,
               st == ST_OK ? detail_of(c, str_z(e.version), NULL) : STR(""), st == ST_OK);
    if (!call_ok(c, st, &err))
        return;
    struct json_out o = call_json(c);
    write_entry(&o, &e);
    call_send(c, 201);
}
