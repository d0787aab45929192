/* SPDX-License-Identifier: Apache-2.0 */
/* The card: what a model is, for people and programs, as the JSON that its file carries.  A card is always read from
 * that text, also just after training: what is shown of a model and of its file cannot differ. */
#include "base/mem.h"
#include "codec/json_doc.h"
#include "codec/json_out.h"
#include "codec/time.h"
#include "ml/model_int.h"

#include <math.h>

enum { CARD_MAX = 4 << 20 };

/* ---- writing ---- */

static void write_figure(struct json_out *o, const char *name, struct figure f)
{
    json_out_key(o, str_z(name));
    json_out_array(o);
    json_out_f64(o, f.value);
    json_out_f64(o, f.low);
    json_out_f64(o, f.high);
    json_out_array_end(o);
}

static void write_figures(struct json_out *o, const char *name, const struct figures *f)
{
    if (f->rows == 0)
        return;
    json_out_key(o, str_z(name));
    json_out_object(o);
    json_out_kv_u64(o, "rows", f->rows);
    json_out_kv_u64(o, "positives", f->positives);
    json_out_kv_f64(o, "threshold", f->threshold);
    json_out_kv_u64(o, "true_positive", f->true_positive);
    json_out_kv_u64(o, "false_positive", f->false_positive);
    json_out_kv_u64(o, "true_negative", f->true_negative);
    json_out_kv_u64(o, "false_negative", f->false_negative);
    write_figure(o, "accuracy", f->accuracy);
    write_figure(o, "precision", f->precision);
    write_figure(o, "recall", f->recall);
    write_figure(o, "f1", f->f1);
    write_figure(o, "fpr", f->fpr);
    write_figure(o, "roc_auc", f->roc_auc);
    write_figure(o, "pr_auc", f->pr_auc);
    json_out_key(o, STR("recall_at"));
    json_out_object(o);
    for (size_t i = 0; i < EVAL_RATES; i++) {
        char rate[16];
        (void)snprintf(rate, sizeof rate, "%g", eval_rate[i]); /* a short number */
        write_figure(o, rate, f->recall_at[i]);
    }
    json_out_object_end(o);
    json_out_kv_f64(o, "brier", f->brier);
    json_out_kv_f64(o, "calibration_error", f->calibration_error);
    json_out_kv_f64(o, "equal_error_rate", f->equal_error_rate);
    json_out_object_end(o);
}

static void write_members(struct json_out *o, const struct model *m)
{
    size_t n = model_members(m);
    if (n == 0)
        return;
    json_out_key(o, STR("members"));
    json_out_array(o);
    for (size_t i = 0; i < n; i++) {
        double weight;
        const struct model *member = model_member(m, i, &weight);
        json_out_object(o);
        json_out_kv_str(o, "kind", str_z(model_kind_name(member->kind)));
        json_out_kv_str(o, "name", member->card.name);
        json_out_kv_f64(o, "weight", weight);
        json_out_kv_str(o, "parameters", member->card.parameters);
        json_out_object_end(o);
    }
    json_out_array_end(o);
}

static void write_columns(struct json_out *o, const struct model *m)
{
    json_out_key(o, STR("columns"));
    json_out_array(o);
    for (size_t i = 0; i < m->encoder.columns; i++)
        json_out_str(o, m->encoder.column[i].column.name);
    json_out_array_end(o);
}

void card_write(const struct model *m, struct sbuf *out)
{
    const struct model_card *c = &m->card;
    struct json_out o = json_out_on(out);
    json_out_object(&o);
    json_out_kv_str(&o, "name", c->name);
    json_out_kv_str(&o, "kind", str_z(model_kind_name(m->kind)));
    if (c->trained_ms) /* else nobody knows */
        json_out_kv_time(&o, "trained", c->trained_ms);
    json_out_key(&o, STR("data"));
    json_out_object(&o);
    json_out_kv_str(&o, "format", c->data_format);
    json_out_kv_str(&o, "sha256", c->data_digest);
    json_out_kv_u64(&o, "rows", c->rows);
    json_out_kv_u64(&o, "positives", c->positives);
    json_out_kv_u64(&o, "duplicates", c->duplicates);
    if (c->hold_back > 0) {
        json_out_kv_f64(&o, "hold_back", c->hold_back);
        json_out_kv_str(&o, "hold_split", c->hold_split);
    }
    write_columns(&o, m);
    json_out_object_end(&o);
    json_out_kv_str(&o, "split", c->split);
    json_out_kv_u64(&o, "seed", c->seed);
    json_out_kv_str(&o, "parameters", c->parameters);
    json_out_kv_f64(&o, "threshold", c->threshold);
    json_out_kv_f64(&o, "fpr", c->fpr);
    json_out_kv_str(&o, "threshold_basis", c->basis);
    json_out_kv_f64(&o, "person_equal_error_rate", c->equal_error_rate);
    write_figures(&o, "figures", &c->figures);
    write_figures(&o, "crossed", &c->crossed);
    write_members(&o, m);
    json_out_kv_str(&o, "warning", c->warning);
    json_out_kv_str(&o, "license", c->license);
    json_out_kv_str(&o, "note", c->note);
    json_out_object_end(&o);
}

/* ---- reading ---- */

static json_node member(json_node n, const char *name)
{
    return json_get(n, str_z(name));
}

static double real_of(json_node n, const char *name)
{
    return json_real(member(n, name), NAN);
}

static uint64_t count_of(json_node n, const char *name)
{
    int64_t v = json_int(member(n, name), 0);
    return v > 0 ? (uint64_t)v : 0;
}

static struct figure read_figure(json_node n, const char *name)
{
    double v[3] = {NAN, NAN, NAN};
    size_t i = 0;
    for (struct json_each it = json_each(member(n, name)); i < 3 && json_each_next(&it); i++)
        v[i] = json_real(it.value, NAN);
    return (struct figure){v[0], v[1], v[2]};
}

static void read_figures(json_node n, struct figures *f)
{
    *f = (struct figures){
        .rows = count_of(n, "rows"),
        .positives = count_of(n, "positives"),
        .threshold = real_of(n, "threshold"),
        .true_positive = count_of(n, "true_positive"),
        .false_positive = count_of(n, "false_positive"),
        .true_negative = count_of(n, "true_negative"),
        .false_negative = count_of(n, "false_negative"),
        .accuracy = read_figure(n, "accuracy"),
        .precision = read_figure(n, "precision"),
        .recall = read_figure(n, "recall"),
        .f1 = read_figure(n, "f1"),
        .fpr = read_figure(n, "fpr"),
        .roc_auc = read_figure(n, "roc_auc"),
        .pr_auc = read_figure(n, "pr_auc"),
        .brier = real_of(n, "brier"),
        .calibration_error = real_of(n, "calibration_error"),
        .equal_error_rate = real_of(n, "equal_error_rate"),
    };
    json_node at = member(n, "recall_at");
    for (size_t i = 0; i < EVAL_RATES; i++) {
        char rate[16];
        (void)snprintf(rate, sizeof rate, "%g", eval_rate[i]); /* a short number */
        f->recall_at[i] = read_figure(at, rate);
    }
}

static str text_of(struct model *m, json_node n, const char *name)
{
    str s = arena_str(&m->arena, json_str(member(n, name), STR("")));
    return s.p ? s : STR("");
}

static void fill(struct model *m, json_node n)
{
    json_node data = member(n, "data");
    int64_t trained = 0;
    (void)time_parse_iso(json_str(member(n, "trained"), STR("")), &trained); /* else: unknown */
    m->card = (struct model_card){
        .name = text_of(m, n, "name"),
        .kind = m->kind,
        .data_digest = text_of(m, data, "sha256"),
        .data_format = text_of(m, data, "format"),
        .trained_ms = trained,
        .seed = count_of(n, "seed"),
        .rows = count_of(data, "rows"),
        .positives = count_of(data, "positives"),
        .duplicates = count_of(data, "duplicates"),
        .hold_back = json_real(member(data, "hold_back"), 0),
        .hold_split = text_of(m, data, "hold_split"),
        .split = text_of(m, n, "split"),
        .parameters = text_of(m, n, "parameters"),
        .basis = text_of(m, n, "threshold_basis"),
        .warning = text_of(m, n, "warning"),
        .threshold = real_of(n, "threshold"),
        .fpr = real_of(n, "fpr"),
        .license = text_of(m, n, "license"),
        .note = text_of(m, n, "note"),
        .equal_error_rate = real_of(n, "person_equal_error_rate"),
    };
    read_figures(member(n, "figures"), &m->card.figures);
    read_figures(member(n, "crossed"), &m->card.crossed);
}

status card_read(struct model *m, str json, struct error *err)
{
    struct json_doc *doc;
    status st = json_doc_parse(json, CARD_MAX, &doc, err);
    if (st != ST_OK)
        return fail_prefix(err, ST_INVALID, "its card");
    fill(m, json_doc_root(doc));
    json_doc_free(doc);
    m->card.json = arena_str(&m->arena, json);
    if (!m->card.json.p || m->card.name.n == 0)
        return fail(err, ST_INVALID, "its card has no name");
    if (!(m->card.threshold >= 0) || m->card.threshold > 2)
        return fail(err, ST_INVALID, "its card has no threshold");
    return ST_OK;
}
