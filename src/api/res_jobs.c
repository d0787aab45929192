/* SPDX-License-Identifier: Apache-2.0 */
/* Models trained by the service: started, watched, cancelled.  What comes out is on the shelf; nothing is in use by that. */
#include "api/models.h"

enum { ROWS_BYTES_MAX = 32 * 1024 * 1024 };

const char *const training_kinds[] = {
#define X(NAME, name, SHAPE, doc) name,
#include "ml/kind.def"
    NULL};
const char *const training_formats[] = {
#define X(NAME, name, SHAPE, doc) name,
#include "dataset/format.def"
    NULL};

static const struct schema_field new_job_fields[] = {
    {"kind", SCHEMA_STRING, .required = true, .values = training_kinds, .doc = "of model"},
    {"name", SCHEMA_STRING, .required = true, .min = 1, .max = 63, .format = FORMAT_SLOT,
     .doc = "of the model: what comes out is a version of it"},
    {"data", SCHEMA_STRING, .min = 1, .max = 200, .format = FORMAT_LINE,
     .doc = "file or folder below the folder `training` of the data folder"},
    {"rows", SCHEMA_STRING, .min = 1, .max = ROWS_BYTES_MAX,
     .doc = "or the bytes of a file, in the request"},
    {"format", SCHEMA_STRING, .values = training_formats, .doc = "of the data; csv when absent"},
    {"seed", SCHEMA_INTEGER, .min = 0, .max = 9007199254740991.0, .doc = "1 when absent"},
    {"fpr", SCHEMA_NUMBER, .min = 0, .max = 1,
     .doc = "threshold: at most this part of normal rows is called an attack"},
    {"option", SCHEMA_STRING, .max = 500, .format = FORMAT_LINE,
     .doc = "settings of the kind: \"trees=100,depth=4\""},
};
const struct schema schema_new_job = SCHEMA_OF("NewJob", "A model to be trained", new_job_fields);

static const struct schema_field job_fields[] = {
    {"id", SCHEMA_STRING, .required = true, .format = FORMAT_ID, .doc = "of the job"},
    {"kind", SCHEMA_STRING, .required = true, .doc = "of model"},
    {"name", SCHEMA_STRING, .required = true, .doc = "of the model"},
    {"data", SCHEMA_STRING, .required = true, .doc = "that it learns from"},
    {"format", SCHEMA_STRING, .required = true, .doc = "of the data"},
    {"by", SCHEMA_STRING, .required = true, .doc = "who asked for it"},
    {"state", SCHEMA_STRING, .required = true,
     .doc = "running, done, failed, cancelled; interrupted: the service ended meanwhile"},
    {"version", SCHEMA_STRING, .required = true, .nullable = true, .doc = "of what came out"},
    {"why", SCHEMA_STRING, .required = true, .nullable = true, .doc = "it failed"},
    {"started_at", SCHEMA_STRING, .required = true, .format = FORMAT_TIME, .doc = "when"},
    {"ended_at", SCHEMA_STRING, .required = true, .nullable = true, .format = FORMAT_TIME,
     .doc = "null: it runs"},
    {"progress", SCHEMA_OBJECT, .required = true, .nullable = true,
     .doc = "stage, what, part (0 to 1) and loss"},
};
const struct schema schema_job = SCHEMA_OF("Job", "A training", job_fields);
static const struct schema_field jobs_fields[] = {
    {"jobs", SCHEMA_ARRAY, .required = true, .item = SCHEMA_OBJECT, .child = &schema_job,
     .doc = "the latest first"},
};
const struct schema schema_jobs = SCHEMA_OF("Jobs", "Trainings", jobs_fields);

struct jobs *models_jobs(struct api_call *c)
{
    if (!c->api->options.jobs)
        threat_absent(c, "training");
    return c->api->options.jobs;
}

static void write_text(struct json_out *o, const char *key, const char *text)
{
    json_out_key(o, str_z(key));
    if (*text)
        json_out_str(o, str_z(text));
    else
        json_out_null(o);
}

/* The child's last line, if it is whole. */
static void write_progress(struct json_out *o, const struct job_record *r)
{
    struct json_doc *doc = NULL;
    bool whole = json_doc_parse(str_z(r->progress), sizeof r->progress, &doc, NULL) == ST_OK &&
                 json_kind(json_doc_root(doc)) == JSON_IS_OBJECT;
    json_out_key(o, STR("progress"));
    if (whole)
        json_out_raw(o, str_z(r->progress));
    else
        json_out_null(o);
    json_doc_free(doc);
}

static void write_job(struct json_out *o, const struct job_record *r)
{
    json_out_object(o);
    job_write_terms(o, r);
    write_text(o, "version", r->version);
    write_text(o, "why", r->why);
    json_out_kv_time(o, "started_at", r->started_ms);
    json_out_key(o, STR("ended_at"));
    if (r->ended_ms)
        json_out_time(o, r->ended_ms);
    else
        json_out_null(o);
    write_progress(o, r);
    json_out_object_end(o);
}

void job_answer(struct api_call *c, const struct job_record *r, int http)
{
    struct json_out o = call_json(c);
    write_job(&o, r);
    call_send(c, http);
}

/* Names and slashes, none of which leads upwards: below `training`, wherever links there may lead. */
static bool stays_below(str path)
{
    if (!path.n || path.p[0] == '/')
        return false;
    while (path.n) {
        str part = str_cut(&path, '/');
        if (!part.n || part.p[0] == '.' || part.p[0] == '-')
            return false;
    }
    return true;
}

/* Alone, or as a member of an ensemble: the option is that of a command line, where who asks may name any server, and any
 * file as the key that it is sent. */
bool job_asks_a_server(const struct job_request *r)
{
    return str_eq(r->kind, STR("remote")) || str_contains(r->option, STR("remote"));
}

status training_path(struct api_call *c, str data, str *out, struct error *err)
{
    if (!stays_below(data))
        return fail(err, ST_INVALID, "/data: expected a path below the folder `training`");
    *out = arena_fmt(c->arena, "%s/training/" STR_FMT, c->api->options.data_dir, STR_ARG(data));
    return ST_OK;
}

static status read_request(struct api_call *c, struct job_request *r, struct error *err)
{
    str data = json_str(json_get(c->root, STR("data")), (str){0});
    *r = (struct job_request){.kind = json_str(json_get(c->root, STR("kind")), STR("")),
                              .name = json_str(json_get(c->root, STR("name")), STR("")),
                              .rows = json_str(json_get(c->root, STR("rows")), (str){0}),
                              .format = json_str(json_get(c->root, STR("format")), (str){0}),
                              .option = json_str(json_get(c->root, STR("option")), (str){0}),
                              .seed = json_int(json_get(c->root, STR("seed")), 1),
                              .fpr = json_real(json_get(c->root, STR("fpr")), 0),
                              .by = call_actor_name(c)};
    if ((data.n > 0) == (r->rows.n > 0))
        return fail(err, ST_INVALID, "/data: expected either this or /rows");
    if (job_asks_a_server(r))
        return fail(err, ST_INVALID, "/kind: models on other servers are trained by hand");
    r->label = data;
    return data.n ? training_path(c, data, &r->data, err) : ST_OK;
}

str job_detail(struct api_call *c, const struct job_record *r)
{
    struct sbuf b = {.cap = 2048};
    struct json_out o = json_out_on(&b);
    json_out_object(&o);
    json_out_kv_str(&o, "job", str_z(r->id));
    json_out_kv_str(&o, "kind", str_z(r->kind));
    json_out_kv_str(&o, "data", str_z(r->data));
    json_out_object_end(&o);
    str out = arena_str(c->arena, sbuf_str(&b));
    sbuf_done(&b);
    return out;
}

void serve_job_add(struct api_call *c)
{
    struct jobs *j = models_jobs(c);
    struct job_request r;
    struct job_record made = {.state = JOB_RUNNING};
    struct error err;
    if (!j)
        return;
    status st = read_request(c, &r, &err);
    if (st == ST_OK)
        st = jobs_start(j, &r, &made, &err);
    call_audit(c, "model.train", r.name, st == ST_OK ? job_detail(c, &made) : STR(""), st == ST_OK);
    if (call_ok(c, st, &err))
        job_answer(c, &made, 201);
}

void serve_job_list(struct api_call *c)
{
    struct jobs *j = models_jobs(c);
    struct job_record *r = NULL;
    struct error err;
    size_t n = 0;
    if (!j || !call_ok(c, jobs_list(j, c->arena, &r, &n, &err), &err))
        return;
    struct json_out o = call_json(c);
    json_out_object(&o);
    json_out_key(&o, STR("jobs"));
    json_out_array(&o);
    for (size_t i = 0; i < n; i++)
        write_job(&o, &r[i]);
    json_out_array_end(&o);
    json_out_object_end(&o);
    call_send(c, 200);
}

void serve_job_get(struct api_call *c)
{
    struct jobs *j = models_jobs(c);
    struct job_record r;
    struct error err;
    str id;
    if (j && call_id(c, &id) && call_ok(c, jobs_get(j, id, &r, &err), &err))
        job_answer(c, &r, 200);
}

void serve_job_cancel(struct api_call *c)
{
    struct jobs *j = models_jobs(c);
    struct job_record r;
    struct error err;
    str id;
    if (!j || !call_id(c, &id))
        return;
    status st = jobs_cancel(j, id, &r, &err);
    call_audit(c, "model.train.cancel", id, STR(""), st == ST_OK);
    if (call_ok(c, st, &err))
        job_answer(c, &r, 200);
}
