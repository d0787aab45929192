/* SPDX-License-Identifier: Apache-2.0 */
/* The Open Inference Protocol, version 2: any model of the registry, for programs that speak it.
 *
 * A table is sent as one tensor (rows, columns) in the order of the model's columns, or as one tensor a column, by name, with
 * words (BYTES) where a column holds words; columns that are not sent are missing.  Sessions of a sequence
 * model are BYTES: each element a session of names separated by spaces, or each row of (sessions, events) one, "" at its
 * end.  Answered are `score` and `alarm`, and `reasons` for whoever asks for that output. */
#include "api/models.h"
#include "base/mem.h"
#include "ml/oip.h"

#include <math.h>

enum {
    ROWS_MAX = 65536,
    EXPLAINED_MAX = 256,
    EVENTS_MAX = 100000,
    MESSAGE_ARENA = 192 * 1024 * 1024
};

/* ---- schemas: the protocol's own, for the description of this API ---- */

static const struct schema_field server_fields[] = {
    {"name", SCHEMA_STRING, .required = true, .doc = "of the server"},
    {"version", SCHEMA_STRING, .required = true, .doc = "of the program"},
    {"extensions", SCHEMA_ARRAY, .required = true, .item = SCHEMA_STRING, .doc = "of the protocol"},
};
const struct schema schema_oip_server = SCHEMA_OF("OipServer", "Who answers", server_fields);
static const struct schema_field live_fields[] = {
    {"live", SCHEMA_BOOLEAN, .required = true, .doc = "it answers"},
};
const struct schema schema_oip_live = SCHEMA_OF("OipLive", "Is it up?", live_fields);
static const struct schema_field ready_fields[] = {
    {"name", SCHEMA_STRING, .doc = "of the model, if one was asked for"},
    {"ready", SCHEMA_BOOLEAN, .required = true, .doc = "it can be asked for scores"},
};
const struct schema schema_oip_ready = SCHEMA_OF("OipReady", "Can it work?", ready_fields);
static const struct schema_field metadata_tensor_fields[] = {
    {"name", SCHEMA_STRING, .required = true, .doc = "of the tensor"},
    {"datatype", SCHEMA_STRING, .required = true, .doc = "of its elements"},
    {"shape", SCHEMA_ARRAY, .required = true, .item = SCHEMA_INTEGER, .doc = "-1: any"},
};
static const struct schema schema_oip_metadata_tensor =
    SCHEMA_OF("OipMetadataTensor", "What goes in or comes out", metadata_tensor_fields);
static const struct schema_field model_fields[] = {
    {"name", SCHEMA_STRING, .required = true, .doc = "of the model"},
    {"versions", SCHEMA_ARRAY, .item = SCHEMA_STRING, .doc = "that can be asked"},
    {"platform", SCHEMA_STRING, .required = true, .doc = "bguard_ and the kind of model"},
    {"inputs", SCHEMA_ARRAY, .required = true, .item = SCHEMA_OBJECT,
     .child = &schema_oip_metadata_tensor, .doc = "what it is sent"},
    {"outputs", SCHEMA_ARRAY, .required = true, .item = SCHEMA_OBJECT,
     .child = &schema_oip_metadata_tensor, .doc = "what it answers"},
    {"parameters", SCHEMA_OBJECT, .doc = "columns: their names, in the order of the tensor"},
};
const struct schema schema_oip_model = SCHEMA_OF("OipModel", "A model", model_fields);
static const struct schema_field tensor_fields[] = {
    {"name", SCHEMA_STRING, .required = true, .doc = "of the tensor"},
    {"datatype", SCHEMA_STRING, .required = true, .doc = "of its elements"},
    {"shape", SCHEMA_ARRAY, .required = true, .item = SCHEMA_INTEGER, .doc = "its dimensions"},
    {"parameters", SCHEMA_OBJECT, .doc = "binary_data_size: its data stand behind the JSON text"},
    {"data", SCHEMA_ARRAY, .item = SCHEMA_ANY, .doc = "flat or nested, row by row"},
};
static const struct schema schema_oip_tensor =
    SCHEMA_OF("OipTensor", "Numbers or words", tensor_fields);
static const struct schema_field request_fields[] = {
    {"id", SCHEMA_STRING, .doc = "said again in the answer"},
    {"parameters", SCHEMA_OBJECT, .doc = "of the request"},
    {"inputs", SCHEMA_ARRAY, .required = true, .item = SCHEMA_OBJECT, .child = &schema_oip_tensor,
     .doc = "one tensor (rows, columns), or one a column"},
    {"outputs", SCHEMA_ARRAY, .item = SCHEMA_OBJECT,
     .doc = "by name: score, alarm, reasons; score and alarm when absent"},
};
const struct schema schema_oip_request = {.name = "OipRequest",
                                          .doc = "Rows to be scored",
                                          .field = request_fields,
                                          .count = COUNT(request_fields),
                                          .media = "application/json"};
static const struct schema_field answer_fields[] = {
    {"model_name", SCHEMA_STRING, .required = true, .doc = "who scored"},
    {"model_version", SCHEMA_STRING, .doc = "of it"},
    {"id", SCHEMA_STRING, .doc = "of the request"},
    {"outputs", SCHEMA_ARRAY, .required = true, .item = SCHEMA_OBJECT, .child = &schema_oip_tensor,
     .doc = "score FP32, alarm BOOL, reasons BYTES, one a row"},
};
const struct schema schema_oip_answer = SCHEMA_OF("OipAnswer", "Scores", answer_fields);

/* ---- the server ---- */

void serve_oip_server(struct api_call *c)
{
    struct json_out o = call_json(c);
    json_out_object(&o);
    json_out_kv_str(&o, "name", STR("bguard"));
    json_out_kv_str(&o, "version", str_z(c->api->options.version));
    json_out_key(&o, STR("extensions"));
    json_out_raw(&o, STR("[\"binary_tensor_data\"]"));
    json_out_object_end(&o);
    call_send(c, 200);
}

void serve_oip_live(struct api_call *c)
{
    struct json_out o = call_json(c);
    json_out_object(&o);
    json_out_kv_bool(&o, "live", true);
    json_out_object_end(&o);
    call_send(c, 200);
}

void serve_oip_ready(struct api_call *c)
{
    bool ready = atomic_load_explicit(&c->api->ready, memory_order_relaxed);
    struct json_out o = call_json(c);
    json_out_object(&o);
    json_out_kv_bool(&o, "ready", ready);
    json_out_object_end(&o);
    call_send(c, ready ? 200 : 503);
}

/* ---- a model ---- */

static bool is_sequence(const struct loaded_model *l)
{
    return model_kind_shape(model_card(l->model)->kind) == DATASET_SEQUENCES;
}

static void write_tensor(struct json_out *o, const char *name, const char *type, int64_t columns)
{
    json_out_object(o);
    json_out_kv_str(o, "name", str_z(name));
    json_out_kv_str(o, "datatype", str_z(type));
    json_out_key(o, STR("shape"));
    json_out_array(o);
    json_out_i64(o, -1);
    if (columns)
        json_out_i64(o, columns);
    json_out_array_end(o);
    json_out_object_end(o);
}

static void write_versions(struct json_out *o, struct api_call *c, str name)
{
    struct shelf_entry *e = NULL;
    size_t n = 0;
    json_out_key(o, STR("versions"));
    json_out_array(o);
    if (shelf_list(c->api->options.shelf, c->arena, &e, &n, NULL) == ST_OK)
        for (size_t i = 0; i < n; i++)
            if (str_eq(name, str_z(e[i].name)))
                json_out_str(o, str_z(e[i].version));
    json_out_array_end(o);
}

static void write_metadata(struct json_out *o, const struct loaded_model *l)
{
    size_t d = 0;
    bool sequence = is_sequence(l);
    const struct dataset_column *column = sequence ? NULL : model_columns(l->model, &d);
    json_out_key(o, STR("inputs"));
    json_out_array(o);
    write_tensor(o, sequence ? "sessions" : "x", sequence ? "BYTES" : "FP32", (int64_t)d);
    json_out_array_end(o);
    json_out_key(o, STR("outputs"));
    json_out_array(o);
    write_tensor(o, "score", "FP32", 0);
    write_tensor(o, "alarm", "BOOL", 0);
    write_tensor(o, "reasons", "BYTES", 0);
    json_out_array_end(o);
    json_out_key(o, STR("parameters"));
    json_out_object(o);
    json_out_key(o, STR("columns"));
    json_out_array(o);
    for (size_t i = 0; i < d; i++)
        json_out_str(o, column[i].name);
    json_out_array_end(o);
    json_out_object_end(o);
}

void serve_oip_model(struct api_call *c)
{
    struct loaded_model *l = NULL;
    char platform[64];
    if (!models_find(c, c->param[0], c->param[1], &l))
        return;
    (void)snprintf(platform, sizeof platform, "bguard_%s",
                   model_kind_name(model_card(l->model)->kind));
    struct json_out o = call_json(c);
    json_out_object(&o);
    json_out_kv_str(&o, "name", str_z(l->name));
    write_versions(&o, c, str_z(l->name));
    json_out_kv_str(&o, "platform", str_z(platform));
    write_metadata(&o, l);
    json_out_object_end(&o);
    loaded_unref(l);
    call_send(c, 200);
}

void serve_oip_model_ready(struct api_call *c)
{
    struct loaded_model *l = NULL;
    if (!models_find(c, c->param[0], c->param[1], &l))
        return;
    struct json_out o = call_json(c);
    json_out_object(&o);
    json_out_kv_str(&o, "name", str_z(l->name));
    json_out_kv_bool(&o, "ready", true);
    json_out_object_end(&o);
    loaded_unref(l);
    call_send(c, 200);
}

/* ---- scores ---- */

struct inference {
    size_t text;        /* bytes of JSON; SIZE_MAX: all of the body is */
    struct arena arena; /* of the message */
    struct oip_message in;
    const struct loaded_model *model;
    size_t rows;
    bool explain;
    float *score, *alarm; /* (rows), in the arena */
    str *reasons;         /* (rows), likewise; NULL: not asked for */
    struct error *err;
};

static status refuse(struct inference *f, const char *why)
{
    return fail(f->err, ST_INVALID, "/inputs: %s", why);
}

static status out_of_room(struct inference *f)
{
    return fail(f->err, ST_LIMIT, "the request takes more memory than one may");
}

static status check_rows(struct inference *f)
{
    if (f->rows > ROWS_MAX)
        return fail(f->err, ST_LIMIT, "/inputs: at most %d rows", ROWS_MAX);
    if (f->explain && f->rows > EXPLAINED_MAX)
        return fail(f->err, ST_LIMIT, "/outputs: reasons are given for at most %d rows",
                    EXPLAINED_MAX);
    f->score = arena_array(&f->arena, float, f->rows + 1);
    f->alarm = arena_array(&f->arena, float, f->rows + 1);
    f->reasons = f->explain ? arena_array(&f->arena, str, f->rows + 1) : NULL;
    return f->score && f->alarm && (f->reasons || !f->explain) ? ST_OK : out_of_room(f);
}

/* Outputs that there are not are refused. */
static status check_wanted(struct inference *f)
{
    for (size_t i = 0; i < f->in.wanteds; i++) {
        str name = f->in.wanted[i];
        if (str_eq(name, STR("reasons")))
            f->explain = true;
        else if (!str_eq(name, STR("score")) && !str_eq(name, STR("alarm")))
            return fail(f->err, ST_INVALID, "/outputs/%zu/name: there is no output '" STR_FMT "'",
                        i, STR_ARG(str_head(name, 60)));
    }
    return ST_OK;
}

static void take_answer(struct inference *f, size_t row, const struct model_answer *a)
{
    float threshold = (float)model_card(f->model->model)->threshold;
    f->score[row] = a->score_01;
    f->alarm[row] = a->score_01 >= threshold ? 1 : 0;
}

/* ---- tables ---- */

/* One tensor (n, d); or (d), which is one row. */
static bool is_matrix(const struct oip_message *in, size_t d)
{
    const struct oip_tensor *t = in->tensor;
    return in->tensors == 1 && t->number && t->dims >= 1 && t->shape[t->dims - 1] == d &&
           (t->dims == 2 || (t->dims == 1 && d > 1));
}

static size_t column_of(const struct dataset_column *column, size_t d, str name)
{
    for (size_t i = 0; i < d; i++)
        if (str_eq(column[i].name, name))
            return i;
    return d;
}

static float word_of(const struct dataset_column *c, str word)
{
    return c->feature < FEATURE_COUNT ? feature_category(c->feature, word) : category_code(word);
}

static status take_column(struct inference *f, const struct oip_tensor *t,
                          const struct dataset_column *column, size_t d, float *x)
{
    size_t at = column_of(column, d, t->name);
    if (at == d)
        return fail(f->err, ST_INVALID, "/inputs: the model has no column '" STR_FMT "'",
                    STR_ARG(str_head(t->name, 60)));
    if (t->count != f->rows || t->dims < 1 || t->shape[0] != f->rows)
        return refuse(f, "all columns have as many rows");
    if (t->text && column[at].kind != FEATURE_CATEGORY)
        return refuse(f, "a column of numbers holds words");
    for (size_t i = 0; i < f->rows; i++)
        x[i * d + at] = t->text ? word_of(&column[at], t->text[i]) : t->number[i];
    return ST_OK;
}

static status gather(struct inference *f, const struct dataset_column *column, size_t d, float **x)
{
    const struct oip_message *in = &f->in;
    bool matrix = is_matrix(in, d);
    f->rows = matrix ? in->tensor->count / d : (size_t)in->tensor->shape[0];
    if (!matrix && in->tensor->dims == 0)
        return refuse(f, "a column is (rows) or (rows, 1)");
    if (in->tensors == 1 && !matrix && column_of(column, d, in->tensor->name) == d)
        return fail(f->err, ST_INVALID,
                    "/inputs/0/shape: expected (rows, %zu), the model's columns, or a tensor for "
                    "each column by name",
                    d);
    status st = check_rows(f);
    if (st != ST_OK || matrix) {
        *x = in->tensor->number;
        return st;
    }
    *x = arena_array(&f->arena, float, f->rows *d + 1);
    if (!*x)
        return out_of_room(f);
    for (size_t i = 0; i < f->rows * d; i++)
        (*x)[i] = NAN;
    for (size_t i = 0; i < in->tensors && st == ST_OK; i++)
        st = take_column(f, &in->tensor[i], column, d, *x);
    return st;
}

static status explain_rows(struct inference *f, const struct model_binding *b,
                           struct model_scratch *scratch, const float *x, size_t d)
{
    struct model_explanation why;
    status st = ST_OK;
    for (size_t i = 0; f->explain && st == ST_OK && i < f->rows; i++) {
        st = model_explain(f->model->model, b, scratch, x + i * d, &f->arena, &why, f->err);
        if (st == ST_OK)
            f->reasons[i] = why.words;
    }
    return st;
}

static status score_table(struct inference *f)
{
    size_t d;
    float *x = NULL;
    const struct model *m = f->model->model;
    const struct dataset_column *column = model_columns(m, &d);
    status st = gather(f, column, d, &x);
    if (st != ST_OK)
        return st;
    struct model_binding *b = model_bind(m, column, d);
    struct model_scratch *scratch = model_scratch_new(m);
    struct model_answer *answer = mem_array(struct model_answer, f->rows + 1);
    model_score(m, b, scratch, x, f->rows, d, answer);
    for (size_t i = 0; i < f->rows; i++)
        take_answer(f, i, &answer[i]);
    st = explain_rows(f, b, scratch, x, d);
    mem_free(answer);
    model_scratch_free(scratch);
    model_binding_free(b);
    return st;
}

/* ---- sessions ---- */

/* The names of session `i`; how many: at most EVENTS_MAX. */
static size_t session(const struct oip_tensor *t, size_t i, size_t each, str *out)
{
    size_t n = 0;
    for (size_t k = 0; k < each && n < EVENTS_MAX; k++) {
        str rest = t->text[i * each + k];
        while (rest.n && n < EVENTS_MAX) {
            str name = str_cut(&rest, ' ');
            if (name.n)
                out[n++] = name;
        }
    }
    return n;
}

static status score_session(struct inference *f, struct model_scratch *scratch, const str *event,
                            size_t n, size_t row)
{
    struct model_answer a;
    struct model_explanation why;
    model_score_sequence(f->model->model, scratch, event, n, &a);
    take_answer(f, row, &a);
    if (!f->explain)
        return ST_OK;
    status st = model_explain_sequence(f->model->model, scratch, event, n, &f->arena, &why, f->err);
    if (st == ST_OK)
        f->reasons[row] = why.words;
    return st;
}

static status score_sessions(struct inference *f)
{
    const struct oip_tensor *t = f->in.tensor;
    if (f->in.tensors != 1 || !t->text || t->dims < 1 || t->dims > 2)
        return refuse(f, "expected one tensor BYTES of (sessions) or (sessions, events)");
    f->rows = (size_t)t->shape[0];
    status st = check_rows(f);
    if (st != ST_OK || f->rows == 0)
        return st;
    size_t each = t->count / f->rows;
    str *event = mem_array(str, EVENTS_MAX);
    struct model_scratch *scratch = model_scratch_new(f->model->model);
    for (size_t i = 0; i < f->rows && st == ST_OK; i++)
        st = score_session(f, scratch, event, session(t, i, each, event), i);
    model_scratch_free(scratch);
    mem_free(event);
    return st;
}

/* ---- the request ---- */

static bool is_wanted(const struct inference *f, const char *name, bool otherwise)
{
    for (size_t i = 0; i < f->in.wanteds; i++)
        if (str_eq(f->in.wanted[i], str_z(name)))
            return true;
    return f->in.wanteds == 0 && otherwise;
}

static void send_scores(struct api_call *c, struct inference *f)
{
    struct oip_tensor tensor[3];
    struct oip_message out = {.id = f->in.id,
                              .model = str_z(f->model->name),
                              .version = str_z(f->model->version),
                              .tensor = tensor};
    struct oip_tensor any = {.shape = {f->rows}, .dims = 1, .count = f->rows};
    struct sbuf bytes;
    char text[24];
    sbuf_init(&bytes, CALL_OUT_MAX / 2);
    tensor[out.tensors] = any;
    tensor[out.tensors].name = STR("score");
    tensor[out.tensors].type = OIP_FP32;
    tensor[out.tensors].number = f->score;
    out.tensors += is_wanted(f, "score", true);
    tensor[out.tensors] = any;
    tensor[out.tensors].name = STR("alarm");
    tensor[out.tensors].type = OIP_BOOL;
    tensor[out.tensors].number = f->alarm;
    out.tensors += is_wanted(f, "alarm", true);
    tensor[out.tensors] = any;
    tensor[out.tensors].name = STR("reasons");
    tensor[out.tensors].type = OIP_BYTES;
    tensor[out.tensors].text = f->reasons;
    out.tensors += f->explain;
    sbuf_clear(c->out);
    oip_write_answer(&out, c->out, f->in.binary ? &bytes : NULL);
    int n = snprintf(text, sizeof text, "%zu", c->out->n);
    if (bytes.n) {
        call_set(c, "Inference-Header-Content-Length", (str){text, (size_t)n});
        sbuf_add(c->out, sbuf_str(&bytes));
    }
    call_send_as(c, 200, bytes.n ? "application/octet-stream" : "application/json");
    sbuf_done(&bytes);
}

static void infer_on_worker(struct api_call *c)
{
    struct inference *f = c->user;
    struct loaded_model *l = NULL;
    struct error err;
    if (models_find(c, c->param[0], c->param[1], &l)) {
        str text = str_head(c->body, f->text);
        f->model = l;
        f->err = &err;
        status st = oip_read_request(text, str_from(c->body, text.n), &f->arena, &f->in, &err);
        if (st == ST_OK)
            st = check_wanted(f);
        if (st == ST_OK)
            st = is_sequence(l) ? score_sessions(f) : score_table(f);
        if (call_ok(c, st, &err))
            send_scores(c, f);
    }
    loaded_unref(l);
    answer_from_pool(c);
}

static void over(struct api_call *c)
{
    struct inference *f = c->user;
    arena_done(&f->arena);
}

/* Headers can be read on the loop only. */
void serve_oip_infer(struct api_call *c)
{
    struct inference *f = arena_new(c->arena, struct inference);
    str given = http_header(c->request, STR("inference-header-content-length"));
    uint64_t n = 0;
    if (!f) {
        call_problem(c, 503, "busy", "no memory left for scores");
        return;
    }
    if (given.p && (!str_to_u64(given, &n) || n > c->body.n)) {
        call_problem(c, 400, "invalid",
                     "Inference-Header-Content-Length: there are not so many bytes");
        return;
    }
    f->text = given.p ? (size_t)n : SIZE_MAX;
    arena_init(&f->arena, MESSAGE_ARENA);
    c->user = f;
    c->over = over;
    call_to_pool(c, infer_on_worker);
}

/* ---- the same of one version: routes of their own, as each has a name of its own ---- */

void serve_oip_version(struct api_call *c)
{
    serve_oip_model(c);
}

void serve_oip_version_ready(struct api_call *c)
{
    serve_oip_model_ready(c);
}

void serve_oip_version_infer(struct api_call *c)
{
    serve_oip_infer(c);
}
