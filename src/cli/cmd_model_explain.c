/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "cli/model_int.h"

#include <math.h>

enum { ARENA_MAX = 16 << 20, TOP_MAX = 1000, REASONS_SHOWN = 6 };

struct explaining {
    const struct args *args;
    struct model *model;
    struct model_host *host;
    struct model_input input;
    struct dataset data;
    struct model_binding *binding; /* tables */
    struct model_scratch *scratch;
    uint32_t *row; /* owned (rows): which to explain */
    size_t rows;
    struct arena arena; /* of one row */
};

static void explaining_done(struct explaining *x)
{
    mem_free(x->row);
    model_scratch_free(x->scratch);
    model_binding_free(x->binding);
    dataset_done(&x->data);
    model_input_done(&x->input);
    model_free(x->model);
    model_host_free(x->host);
    arena_done(&x->arena);
}

/* ---- which rows ---- */

struct scored {
    float score;
    uint32_t row;
};

static int by_score(const void *a, const void *b)
{
    const struct scored *x = a, *y = b;
    int order = (x->score < y->score) - (x->score > y->score);
    return order ? order : (x->row > y->row) - (x->row < y->row);
}

static status pick_top(struct explaining *x, size_t top, struct error *err)
{
    size_t n = x->data.rows, k = 0;
    struct model_answer *answer = mem_array(struct model_answer, n + 1);
    struct scored *scored = mem_array(struct scored, n + 1);
    status st =
        model_score_set(x->model, &x->data, (unsigned)args_number(x->args, "threads"), answer, err);
    for (size_t i = 0; i < n && st == ST_OK; i++)
        if (!isnan(answer[i].score_01))
            scored[k++] = (struct scored){answer[i].score_01, (uint32_t)i};
    qsort(scored, k, sizeof *scored, by_score);
    for (; x->rows < top && x->rows < k; x->rows++)
        x->row[x->rows] = scored[x->rows].row;
    mem_free(scored);
    mem_free(answer);
    return st;
}

static status pick(struct explaining *x, struct error *err)
{
    uint64_t row = args_number(x->args, "row"), top = args_number(x->args, "top");
    x->row = mem_array(uint32_t, TOP_MAX);
    if (row > x->data.rows)
        return fail(err, ST_NOT_FOUND, "'--row' is from 1 to %zu, not %llu", x->data.rows,
                    (unsigned long long)row);
    if (top == 0 || top > TOP_MAX)
        return fail(err, ST_INVALID, "'--top' is from 1 to %d, not %llu", TOP_MAX,
                    (unsigned long long)top);
    if (row == 0)
        return pick_top(x, top, err);
    x->row[x->rows++] = (uint32_t)row - 1;
    return ST_OK;
}

/* ---- one row ---- */

static status explain_row(struct explaining *x, uint32_t row, struct model_explanation *out,
                          struct error *err)
{
    const struct dataset *d = &x->data;
    if (d->shape == DATASET_TABLE)
        return model_explain(x->model, x->binding, x->scratch, d->x + (size_t)row * d->columns,
                             &x->arena, out, err);
    size_t n = (size_t)(d->start[row + 1] - d->start[row]);
    str *event = mem_array(str, n + 1);
    for (size_t i = 0; i < n; i++)
        event[i] = d->event_name[d->event[d->start[row] + i]];
    status st = model_explain_sequence(x->model, x->scratch, event, n, &x->arena, out, err);
    mem_free(event);
    return st;
}

static const char *label_text(uint8_t label)
{
    return label == LABEL_ATTACK ? "attack" : label == LABEL_NORMAL ? "normal" : "";
}

static void reason_bars(struct explaining *x, const struct model_explanation *e,
                        struct chart_bar bar[MODEL_REASONS_MAX], struct chart *out)
{
    for (size_t i = 0; i < e->count; i++) {
        str name = arena_str(&x->arena, e->reason[i].what),
            text = arena_fmt(&x->arena, "%+.3f", e->reason[i].part);
        bar[i] = (struct chart_bar){name.p ? name.p : "", e->reason[i].part, text.p};
    }
    *out = (struct chart){.kind = CHART_BARS,
                          .x_title = "part in the score; to the right: more suspicious",
                          .bar = bar,
                          .bars = e->count};
}

static void print_row(struct explaining *x, uint32_t row, const struct model_explanation *e)
{
    struct chart_bar bar[MODEL_REASONS_MAX];
    struct chart chart;
    struct style style = cli_style();
    const struct dataset *d = &x->data;
    print_bold(&style);
    printf("row %u", row + 1);
    print_plain(&style);
    printf(": score %.4f, %s the threshold %.4f", e->score_01,
           e->score_01 >= e->threshold ? "at or above" : "below", e->threshold);
    if (*label_text(d->label[row])) {
        printf("; it is labelled %s", label_text(d->label[row]));
        if (d->label[row] == LABEL_ATTACK) {
            fputs(" (", stdout);
            print_text(stdout, d->class_name[d->klass[row]], 60);
            fputs(")", stdout);
        }
    }
    fputs("\n  ", stdout);
    print_text(stdout, e->words, 0);
    putchar('\n');
    reason_bars(x, e, bar, &chart);
    chart.bars = chart.bars < REASONS_SHOWN ? chart.bars : REASONS_SHOWN;
    print_bars(&chart);
    for (size_t i = 0; i < chart.bars; i++) {
        if (e->reason[i].words.n == 0)
            continue;
        fputs("  - ", stdout);
        print_text(stdout, e->reason[i].words, 0);
        putchar('\n');
    }
}

static void json_row(struct explaining *x, uint32_t row, const struct model_explanation *e,
                     struct json_out *j)
{
    const struct dataset *d = &x->data;
    json_out_object(j);
    json_out_kv_u64(j, "row", row + 1U);
    json_out_kv_f64(j, "score", e->score_01);
    json_out_kv_f64(j, "threshold", e->threshold);
    json_out_kv_str(j, "label", str_z(label_text(d->label[row])));
    json_out_kv_str(j, "class", d->class_name[d->klass[row]]);
    json_out_kv_str(j, "words", e->words);
    json_out_key(j, STR("reasons"));
    json_out_array(j);
    for (size_t i = 0; i < e->count; i++) {
        const struct model_reason *r = &e->reason[i];
        json_out_object(j);
        json_out_kv_str(j, "what", r->what);
        json_out_kv_f64(j, "value", r->value);
        json_out_kv_f64(j, "usual", r->usual);
        json_out_kv_f64(j, "part", r->part);
        json_out_kv_str(j, "words", r->words);
        json_out_object_end(j);
    }
    json_out_array_end(j);
    json_out_object_end(j);
}

static status picture_row(struct explaining *x, uint32_t row, const struct model_explanation *e,
                          const char *folder, struct error *err)
{
    struct chart_bar bar[MODEL_REASONS_MAX];
    struct chart chart;
    char name[32];
    reason_bars(x, e, bar, &chart);
    (void)snprintf(name, sizeof name, "row-%u", row + 1);
    str title = arena_fmt(&x->arena, "Why row %u scores %.3f", row + 1, e->score_01);
    chart.title = title.p;
    return picture_save(folder, name, &chart, err);
}

static status open_all(struct explaining *x, struct error *err)
{
    const struct args *a = x->args;
    if (a->operand_count > 1)
        return fail(err, ST_INVALID,
                    "'model explain' wants one model, not '%.60s' too; data go after --data",
                    a->operand[1]);
    x->host = model_host_of(a);
    status st = model_open(a, a->operand[0], x->host, &x->model, err);
    if (st == ST_OK)
        st = model_input_init(&x->input, a, dataset_format_find(model_card(x->model)->data_format),
                              err);
    if (st == ST_OK)
        st = model_input_all(&x->input, &x->data, err);
    if (st != ST_OK)
        return st;
    if (x->data.shape != model_kind_shape(model_card(x->model)->kind))
        return fail(err, ST_INVALID, "these data are not of the shape that %s models take",
                    model_kind_name(model_card(x->model)->kind));
    x->scratch = model_scratch_new(x->model);
    if (x->data.shape == DATASET_TABLE)
        x->binding = model_bind(x->model, x->data.column, x->data.columns);
    return pick(x, err);
}

static status explain_all(struct explaining *x, struct json_out *json, struct error *err)
{
    const char *pictures = args_text(x->args, "pictures");
    status st = open_all(x, err);
    for (size_t i = 0; i < x->rows && st == ST_OK; i++) {
        struct model_explanation e;
        arena_clear(&x->arena);
        st = explain_row(x, x->row[i], &e, err);
        if (st == ST_OK && json)
            json_row(x, x->row[i], &e, json);
        else if (st == ST_OK) {
            fputs(i ? "\n" : "", stdout);
            print_row(x, x->row[i], &e);
        }
        if (st == ST_OK && *pictures)
            st = picture_row(x, x->row[i], &e, pictures, err);
    }
    return st;
}

int cmd_model_explain(const struct args *a)
{
    struct explaining x = {.args = a};
    struct sbuf text;
    struct error err;
    bool as_json = args_flag(a, "json");
    arena_init(&x.arena, ARENA_MAX);
    sbuf_init(&text, CLI_JSON_MAX);
    struct json_out j = json_out_on(&text);
    if (as_json)
        json_out_array(&j);
    status st = explain_all(&x, as_json ? &j : NULL, &err);
    if (st == ST_OK && as_json) {
        json_out_array_end(&j);
        cli_print_json(&text);
    }
    sbuf_done(&text);
    explaining_done(&x);
    return st == ST_OK ? 0 : cli_fail(&err);
}
