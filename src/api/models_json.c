/* SPDX-License-Identifier: Apache-2.0 */
#include "api/models.h"

enum {
    EXPLAINED = 8 /* of a request, that are no alarms */,
    EXPLAIN_NS = 500 * 1000 * 1000,
    REQUEST_HOSTS = 16384
};

static const struct schema_field reason_fields[] = {
    {"what", SCHEMA_STRING, .required = true, .doc = "column, or the event at a place"},
    {"value", SCHEMA_NUMBER, .required = true, .nullable = true, .doc = "what it was"},
    {"usual", SCHEMA_NUMBER, .required = true, .nullable = true, .doc = "what is usual"},
    {"part", SCHEMA_NUMBER, .required = true, .doc = "of the score, signed"},
    {"words", SCHEMA_STRING, .required = true, .doc = "in words"},
};
static const struct schema schema_model_reason =
    SCHEMA_OF("ModelReason", "What moved a score", reason_fields);
static const struct schema_field score_fields[] = {
    {"event", SCHEMA_INTEGER, .doc = "number of the event or flow, from 0"},
    {"name", SCHEMA_STRING, .required = true, .doc = "of the model"},
    {"version", SCHEMA_STRING, .required = true, .doc = "of it"},
    {"shadow", SCHEMA_BOOLEAN, .required = true,
     .doc = "it is only compared: its alarms are not told"},
    {"score", SCHEMA_NUMBER, .required = true, .nullable = true, .min = 0, .max = 1,
     .doc = "null: it did not answer"},
    {"threshold", SCHEMA_NUMBER, .required = true, .doc = "from here on it is an alarm"},
    {"alarm", SCHEMA_BOOLEAN, .required = true, .doc = "score is at or above threshold"},
    {"missing_members", SCHEMA_INTEGER, .required = true,
     .doc = "of an ensemble: that did not answer"},
    {"explanation", SCHEMA_STRING, .doc = "a sentence"},
    {"reasons", SCHEMA_ARRAY, .required = true, .item = SCHEMA_OBJECT,
     .child = &schema_model_reason, .doc = "the largest first; none: it was not explained"},
};
const struct schema schema_model_score =
    SCHEMA_OF("ModelScore", "What a model makes of a connection", score_fields);

static void write_reasons(struct json_out *o, const struct model_explanation *why)
{
    json_out_key(o, STR("reasons"));
    json_out_array(o);
    for (size_t i = 0; why && i < why->count; i++) {
        const struct model_reason *r = &why->reason[i];
        json_out_object(o);
        json_out_kv_str(o, "what", r->what);
        json_out_kv_f64(o, "value", r->value);
        json_out_kv_f64(o, "usual", r->usual);
        json_out_kv_f64(o, "part", r->part);
        json_out_kv_str(o, "words", r->words);
        json_out_object_end(o);
    }
    json_out_array_end(o);
}

void model_score_write(struct json_out *o, const struct model_score *s, uint32_t event)
{
    json_out_object(o);
    if (event != UINT32_MAX)
        json_out_kv_u64(o, "event", event);
    json_out_kv_str(o, "name", str_z(s->model->name));
    json_out_kv_str(o, "version", str_z(s->model->version));
    json_out_kv_bool(o, "shadow", s->shadow);
    json_out_kv_f64(o, "score", (double)s->answer.score_01);
    json_out_kv_f64(o, "threshold", model_card(s->model->model)->threshold);
    json_out_kv_bool(o, "alarm", s->alarm);
    json_out_kv_u64(o, "missing_members", s->answer.missing);
    if (s->why)
        json_out_kv_str(o, "explanation", s->why->words);
    write_reasons(o, s->why);
    json_out_object_end(o);
}

/* ---- of a request ---- */

void request_scores_run(struct request_scores *s, struct api_call *c, struct events *e)
{
    *s = (struct request_scores){.set = engine_models(c->api->options.engine)};
    if (!s->set)
        return;
    struct flow_windows *windows = flow_windows_new(1, REQUEST_HOSTS);
    struct scorer *scorer = scorer_new(e->dict);
    struct score_request r = {.windows = windows,
                              .tenant = c->who.tenant,
                              .batch = &e->batch,
                              .arena = c->arena,
                              .explained = EXPLAINED,
                              .explain_ns = EXPLAIN_NS,
                              .aside = true};
    scorer_adopt(scorer, s->set);
    scorer_run(scorer, &r, &s->scored);
    scorer_free(scorer);
    flow_windows_free(windows);
}

void request_scores_done(struct request_scores *s)
{
    model_set_unref(s->set);
    *s = (struct request_scores){0};
}

void request_scores_write(const struct request_scores *s, struct json_out *o, size_t most)
{
    size_t each = s->scored.flows ? s->scored.n / s->scored.flows : 0, written = 0;
    json_out_key(o, STR("models"));
    json_out_array(o);
    for (size_t i = 0; i < s->scored.n && written < most; i++) {
        if (s->scored.n > most && !s->scored.at[i].alarm)
            continue;
        model_score_write(o, &s->scored.at[i], (uint32_t)(each ? i / each : 0));
        written++;
    }
    json_out_array_end(o);
}
