/* SPDX-License-Identifier: Apache-2.0 */
/* What people said of a model's alerts, as rows to learn from; and the training that does.
 *
 * An alert keeps the row that was scored first (EVIDENCE_ROW), windows and all.  Closed as true positive it is an attack, as
 * false positive a normal row; an alert is one row, however often it was repeated. */
#include "api/models.h"
#include "detect/score.h"

#include <math.h>

enum {
    ROWS_MAX = 20000, /* the latest; older ones are counted as left out */
    PAGE = 200,
    PAGE_ARENA_MAX = 256 * 1024 * 1024,
    CSV_BYTES_MAX = 64 * 1024 * 1024,
    WEIGHT = 10,
    WEIGHT_MAX = 1000,
    NEEDED = 20 /* verdicts beside other data; alone, of each label */
};

static const struct schema_field retrain_fields[] = {
    {"data", SCHEMA_STRING, .min = 1, .max = 200, .format = FORMAT_LINE,
     .doc = "learn from this too: file or folder below the folder `training` of the data folder"},
    {"format", SCHEMA_STRING, .values = training_formats, .doc = "of the data; csv when absent"},
    {"kind", SCHEMA_STRING, .values = training_kinds,
     .doc = "of model; as the live version when absent"},
    {"weight", SCHEMA_INTEGER, .min = 1, .max = WEIGHT_MAX,
     .doc = "each row that people judged counts as much as so many others; 10 when absent"},
    {"option", SCHEMA_STRING, .max = 500, .format = FORMAT_LINE,
     .doc = "settings of the kind: \"trees=100,depth=4\""},
    {"seed", SCHEMA_INTEGER, .min = 0, .max = 9007199254740991.0, .doc = "1 when absent"},
    {"fpr", SCHEMA_NUMBER, .min = 0, .max = 1,
     .doc = "threshold: at most this part of normal rows is called an attack"},
};
const struct schema schema_model_retrain =
    SCHEMA_OF("ModelRetrain", "How a model is trained again", retrain_fields);
const struct schema schema_model_verdicts = {.name = NULL, .media = "text/csv"};

/* ---- collecting ---- */

struct verdicts {
    struct sbuf csv; /* owned; heading, then a line each */
    enum feature live[FEATURE_COUNT];
    size_t columns;
    uint64_t attacks, normals;
    uint64_t without; /* closed, but raised before alerts kept their row */
    uint64_t older;   /* past ROWS_MAX; at least */
};

static void verdicts_done(struct verdicts *v)
{
    sbuf_done(&v->csv);
}

static void begin(struct verdicts *v)
{
    *v = (struct verdicts){.columns = 0};
    sbuf_init(&v->csv, CSV_BYTES_MAX);
    v->columns = flow_live(v->live);
    for (size_t i = 0; i < v->columns; i++)
        sbuf_addf(&v->csv, "%s,", feature_info[v->live[i]].name);
    sbuf_addz(&v->csv, "label\n");
}

static bool read_row(const struct alert_record *r, float x[static FEATURE_COUNT])
{
    struct json_doc *doc = NULL;
    for (size_t i = 0; i < FEATURE_COUNT; i++)
        x[i] = NAN;
    if (json_doc_parse(r->evidence, r->evidence.n, &doc, NULL) != ST_OK)
        return false;
    str text = json_str(json_get(json_doc_root(doc), STR(EVIDENCE_ROW)), STR(""));
    bool any = flow_row_read(text, x) > 0;
    json_doc_free(doc);
    return any;
}

static void add(struct verdicts *v, const struct alert_record *r)
{
    float x[FEATURE_COUNT];
    bool attack = r->status == ALERT_TRUE_POSITIVE;
    if (v->attacks + v->normals == ROWS_MAX) {
        v->older++;
        return;
    }
    if (!read_row(r, x)) {
        v->without++;
        return;
    }
    for (size_t i = 0; i < v->columns; i++) {
        if (!isnan(x[v->live[i]]))
            sbuf_addf(&v->csv, "%.9g", (double)x[v->live[i]]);
        sbuf_addc(&v->csv, ',');
    }
    sbuf_addf(&v->csv, "%d\n", attack);
    *(attack ? &v->attacks : &v->normals) += 1;
}

/* A page of closed alerts of that model; *next is empty after the last. */
static status add_page(struct api_call *c, struct verdicts *v, struct alert_filter *f,
                       struct arena *page, char next[static 256], struct error *err)
{
    struct alert_record *r = NULL;
    size_t n = 0;
    str cursor = {0};
    arena_clear(page);
    status st = store_alert_list(c->api->options.store, page, f, &r, &n, &cursor, err);
    if (st == ST_OK && cursor.n >= 256)
        st = fail(err, ST_LIMIT, "the cursor is too long");
    if (st != ST_OK)
        return st;
    for (size_t i = 0; i < n; i++)
        if (r[i].kind == FINDING_MODEL && str_eq(r[i].rule, f->rule))
            add(v, &r[i]);
    (void)snprintf(next, 256, STR_FMT, STR_ARG(cursor)); /* fits */
    f->cursor = str_z(next);
    return ST_OK;
}

/* The tenant's closed alerts of the model called so, of all its versions. */
static status collect(struct api_call *c, str name, struct verdicts *v, struct error *err)
{
    struct arena page;
    char next[256] = "";
    struct alert_filter f = {.tenant = str_z(c->who.tenant),
                             .rule = name,
                             .status_mask = 1u << ALERT_TRUE_POSITIVE | 1u << ALERT_FALSE_POSITIVE,
                             .limit = PAGE};
    status st;
    begin(v);
    arena_init(&page, PAGE_ARENA_MAX);
    do
        st = add_page(c, v, &f, &page, next, err);
    while (st == ST_OK && *next && !v->older);
    arena_done(&page);
    if (st == ST_OK && v->csv.full)
        st = fail(err, ST_LIMIT, "the verdicts are more than %d MiB", CSV_BYTES_MAX >> 20);
    return st;
}

void serve_model_verdicts(struct api_call *c)
{
    struct loaded_model *live = NULL;
    struct verdicts v;
    struct error err;
    if (!models_find(c, c->param[0], STR("live"), &live))
        return;
    loaded_unref(live);
    status st = collect(c, c->param[0], &v, &err);
    if (call_ok(c, st, &err)) {
        sbuf_clear(c->out);
        sbuf_add(c->out, sbuf_str(&v.csv));
        call_set(c, "Content-Disposition", STR("attachment; filename=\"verdicts.csv\""));
        call_send_as(c, 200, "text/csv; charset=utf-8");
    }
    verdicts_done(&v);
}

/* ---- training ---- */

static status enough(const struct verdicts *v, bool alone, struct error *err)
{
    unsigned long long attacks = v->attacks, normals = v->normals, all = attacks + normals,
                       without = v->without;
    char more[96] = "";
    if (without)
        (void)snprintf(more, sizeof more,
                       "; %llu more are of alerts that did not keep what was scored", without);
    if (alone && (attacks < NEEDED || normals < NEEDED))
        return fail(err, ST_CONFLICT,
                    "%llu true and %llu false positives; %d of each are needed without /data%s",
                    attacks, normals, NEEDED, more);
    if (all < NEEDED)
        return fail(err, ST_CONFLICT, "%llu verdict%s; %d are needed%s", all, all == 1 ? "" : "s",
                    NEEDED, more);
    return ST_OK;
}

static status read_kind(struct api_call *c, const struct loaded_model *live, str *out,
                        struct error *err)
{
    str said = json_str(json_get(c->root, STR("kind")), (str){0});
    enum model_kind k = said.n ? model_kind_find(said) : model_card(live->model)->kind;
    if (!live->flows)
        return fail(err, ST_CONFLICT, "'%s' does not score flows: it has no alerts to learn from",
                    live->name);
    if (k == MODEL_REMOTE || k == MODEL_KEYSTROKE || model_kind_shape(k) != DATASET_TABLE)
        return fail(err, ST_INVALID, "/kind: %s models are not trained from flows here",
                    model_kind_name(k));
    *out = str_z(model_kind_name(k));
    return ST_OK;
}

/* What the card and the list of jobs say that it learned from. */
static void describe(struct api_call *c, const struct verdicts *v, str data, struct job_request *r)
{
    unsigned long long attacks = v->attacks, normals = v->normals;
    r->note = arena_fmt(c->arena,
                        "with %llu verdicts on its alerts (%llu true, %llu false positives), "
                        "each row as it was scored and counted %u times",
                        attacks + normals, attacks, normals, r->weight);
    r->label = arena_fmt(c->arena, "%llu verdicts%s" STR_FMT, attacks + normals,
                         data.n ? " and " : "", STR_ARG(data));
}

static status read_request(struct api_call *c, const struct loaded_model *live,
                           struct job_request *r, struct verdicts *v, struct error *err)
{
    str data = json_str(json_get(c->root, STR("data")), (str){0});
    *r =
        (struct job_request){.name = c->param[0],
                             .format = json_str(json_get(c->root, STR("format")), (str){0}),
                             .option = json_str(json_get(c->root, STR("option")), (str){0}),
                             .seed = json_int(json_get(c->root, STR("seed")), 1),
                             .fpr = json_real(json_get(c->root, STR("fpr")), 0),
                             .weight = (unsigned)json_int(json_get(c->root, STR("weight")), WEIGHT),
                             .shadow = true,
                             .by = call_actor_name(c)};
    status st = read_kind(c, live, &r->kind, err);
    if (st == ST_OK && job_asks_a_server(r))
        st = fail(err, ST_INVALID, "/option: models on other servers are trained by hand");
    if (st == ST_OK && data.n)
        st = training_path(c, data, &r->data, err);
    if (st == ST_OK)
        st = collect(c, c->param[0], v, err);
    if (st == ST_OK)
        st = enough(v, data.n == 0, err);
    r->rows = sbuf_str(&v->csv);
    if (st == ST_OK)
        describe(c, v, data, r);
    return st;
}

void serve_model_retrain(struct api_call *c)
{
    struct jobs *j = models_jobs(c);
    struct loaded_model *live = NULL;
    struct job_request r;
    struct job_record made;
    struct verdicts v = {.columns = 0};
    struct error err;
    if (!j || !models_find(c, c->param[0], STR("live"), &live))
        return;
    status st = read_request(c, live, &r, &v, &err);
    if (st == ST_OK)
        st = jobs_start(j, &r, &made, &err);
    verdicts_done(&v);
    loaded_unref(live);
    call_audit(c, "model.retrain", c->param[0], st == ST_OK ? job_detail(c, &made) : STR(""),
               st == ST_OK);
    if (call_ok(c, st, &err))
        job_answer(c, &made, 201);
}
