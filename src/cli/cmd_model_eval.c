/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "cli/model_int.h"
#include "os/stop.h"

#include <math.h>

enum { NAME_COLUMNS = 26, CLASSES_SHOWN = 40 };

struct judging {
    const struct args *args;
    struct model *model[PANEL_MAX]; /* owned */
    size_t models;
    struct model_host *host;
    struct model_input input;
    struct panel panel;
    size_t best; /* seat with the highest ROC AUC */
};

static enum dataset_format format_of(const struct model *m)
{
    return dataset_format_find(model_card(m)->data_format);
}

static void judging_done(struct judging *g)
{
    panel_done(&g->panel);
    model_input_done(&g->input);
    for (size_t i = 0; i < g->models; i++)
        model_free(g->model[i]);
    model_host_free(g->host);
}

static status open_all(struct judging *g, struct error *err)
{
    g->host = model_host_of(g->args);
    for (size_t i = 0; i < g->args->operand_count; i++) {
        if (i == PANEL_MAX)
            return fail(err, ST_LIMIT, "more than %d models at once", PANEL_MAX);
        status st = model_open(g->args, g->args->operand[i], g->host, &g->model[i], err);
        if (st != ST_OK)
            return st;
        g->models++;
    }
    return ST_OK;
}

/* The models, and for one ensemble alone its members beside it. */
static status seat_all(struct judging *g, struct error *err)
{
    status st = ST_OK;
    panel_init(&g->panel, (unsigned)args_number(g->args, "threads"));
    for (size_t i = 0; i < g->models && st == ST_OK; i++)
        st = panel_seat(&g->panel, g->model[i], err);
    for (size_t i = 0; g->models == 1 && i < model_members(g->model[0]) && st == ST_OK; i++) {
        double weight;
        st = panel_seat(&g->panel, model_member(g->model[0], i, &weight), err);
    }
    return st;
}

static status judge(struct judging *g, struct error *err)
{
    const char *pictures = args_text(g->args, "pictures");
    double threshold = args_has(g->args, "threshold") ? args_real(g->args, "threshold") : NAN;
    status st = open_all(g, err);
    if (st == ST_OK)
        st = model_input_init(&g->input, g->args, format_of(g->model[0]), err);
    if (st == ST_OK)
        st = seat_all(g, err);
    if (st == ST_OK)
        st = panel_run(&g->panel, &g->input, threshold, err);
    for (size_t i = 0; i < g->models && st == ST_OK; i++)
        g->panel.seat[i].trained_on = model_input_trained(&g->input, g->model[i]);
    for (size_t i = 1; i < g->panel.seats && st == ST_OK; i++)
        if (g->panel.seat[i].figures.roc_auc.value > g->panel.seat[g->best].figures.roc_auc.value)
            g->best = i;
    return st == ST_OK && *pictures ? picture_panel(pictures, &g->panel, err) : st;
}

/* ---- eval, for programs ---- */

static void json_classes(struct json_out *j, const struct panel *p)
{
    struct class_count *c = mem_array(struct class_count, p->class_name.n + 1);
    size_t n = panel_classes(p, 0, c);
    json_out_key(j, STR("classes"));
    json_out_array(j);
    for (size_t i = 0; i < n; i++) {
        struct figure f = eval_proportion(c[i].found, c[i].rows);
        json_out_object(j);
        json_out_kv_str(j, "name", c[i].name);
        json_out_kv_u64(j, "rows", c[i].rows);
        json_out_kv_f64(j, "recall", f.value);
        json_pair(j, STR("interval"), f.low, f.high);
        json_out_object_end(j);
    }
    json_out_array_end(j);
    mem_free(c);
}

static void json_members(struct json_out *j, const struct judging *g)
{
    json_out_key(j, STR("members"));
    json_out_array(j);
    for (size_t i = 1; i < g->panel.seats; i++) {
        const struct panel_seat *s = &g->panel.seat[i];
        double weight = NAN;
        (void)model_member(g->model[0], i - 1, &weight);
        json_out_object(j);
        json_model(j, s->model);
        json_out_kv_f64(j, "weight", weight);
        json_figures(j, &s->figures);
        json_out_kv_f64(j, "us_per_row", s->us_per_row);
        json_out_object_end(j);
    }
    json_out_array_end(j);
}

static void json_seat(struct json_out *j, const struct panel_seat *s)
{
    json_model(j, s->model);
    json_figures(j, &s->figures);
    json_out_kv_f64(j, "us_per_row", s->us_per_row);
    json_out_kv_u64(j, "members_unanswered", s->unanswered);
    json_out_kv_bool(j, "trained_on", s->trained_on);
    if (s->persons) {
        json_out_kv_u64(j, "persons", s->persons);
        json_out_kv_f64(j, "person_equal_error_rate", s->person_eer);
    }
}

static void eval_json(const struct judging *g)
{
    struct sbuf text;
    sbuf_init(&text, CLI_JSON_MAX);
    struct json_out j = json_out_on(&text);
    json_out_object(&j);
    json_seat(&j, &g->panel.seat[0]);
    json_out_kv_u64(&j, "unlabelled", g->panel.unlabelled);
    json_out_kv_u64(&j, "rejected", g->input.rejected);
    json_classes(&j, &g->panel);
    if (g->panel.seats > 1)
        json_members(&j, g);
    json_out_object_end(&j);
    cli_print_json(&text);
}

/* ---- eval, for people ---- */

static void print_classes(const struct panel *p)
{
    struct class_count *c = mem_array(struct class_count, p->class_name.n + 1);
    size_t n = panel_classes(p, 0, c);
    if (n > 1)
        printf("\n  %-*s %8s  found\n", NAME_COLUMNS, "kind of attack", "rows");
    for (size_t i = 0; i < n && i < CLASSES_SHOWN && n > 1; i++) {
        struct figure f = eval_proportion(c[i].found, c[i].rows);
        fputs("  ", stdout);
        print_column(stdout, c[i].name, NAME_COLUMNS);
        printf(" %8llu  %.4f  (%.4f to %.4f)\n", (unsigned long long)c[i].rows, f.value, f.low,
               f.high);
    }
    if (n > CLASSES_SHOWN)
        printf("  and %zu more; --json has all\n", n - CLASSES_SHOWN);
    mem_free(c);
}

static void print_members(const struct judging *g)
{
    if (g->panel.seats > 1)
        printf("\n  %-*s  weight  ROC AUC  PR AUC      F1\n", NAME_COLUMNS, "member");
    for (size_t i = 1; i < g->panel.seats; i++) {
        const struct panel_seat *s = &g->panel.seat[i];
        double weight = NAN;
        (void)model_member(g->model[0], i - 1, &weight);
        fputs("  ", stdout);
        print_column(stdout, model_card(s->model)->name, NAME_COLUMNS);
        printf("  %6.3f  %7.4f  %6.4f  %6.4f%s\n", weight, s->figures.roc_auc.value,
               s->figures.pr_auc.value, s->figures.f1.value,
               s->figures.missing ? "  (did not answer every row)" : "");
    }
}

static void eval_text(const struct judging *g)
{
    const struct panel_seat *s = &g->panel.seat[0];
    struct style style = cli_style();
    print_bold(&style);
    print_text(stdout, model_card(s->model)->name, 0);
    print_plain(&style);
    printf(", %s, version " STR_FMT "\n", model_kind_name(model_card(s->model)->kind),
           STR_ARG(model_card(s->model)->version));
    print_figures(&s->figures);
    if (s->persons)
        printf("  %-18s %.4f, the mean of %zu persons\n", "EER of a person", s->person_eer,
               s->persons);
    print_threshold(s->figures.threshold, s->figures.fpr.value);
    printf("  %-18s %.2f µs a row on one thread\n", "speed", s->us_per_row);
    if (g->panel.unlabelled)
        printf("  %-18s %zu rows, left out\n", "without label", g->panel.unlabelled);
    print_classes(&g->panel);
    print_members(g);
}

/* Good figures of rows that it knows by heart say nothing. */
static void note_trained(const struct judging *g)
{
    for (size_t i = 0; i < g->models && !g->input.quiet; i++) {
        str name = model_card(g->model[i])->name;
        if (g->panel.seat[i].trained_on)
            cli_note("'" STR_FMT "' was trained on these rows: the figures flatter it; judge it on "
                     "others, or train with --hold-back",
                     STR_ARG(str_head(name, 60)));
    }
}

static int run(const struct args *a, void (*json)(const struct judging *),
               void (*text)(const struct judging *), size_t models)
{
    struct judging g = {.args = a};
    struct error err;
    int code = 0;
    status st = ST_OK;
    if (models == 1 && a->operand_count != 1)
        st = fail(&err, ST_INVALID,
                  "'model eval' wants one model, not '%.60s' too; data go after --data",
                  a->operand[1]);
    stop_on_signals();
    if (st == ST_OK)
        st = judge(&g, &err);
    if (st != ST_OK) {
        code = cli_fail(&err);
    } else {
        model_input_note(&g.input);
        note_trained(&g);
        (args_flag(a, "json") ? json : text)(&g);
    }
    judging_done(&g);
    return st != ST_OK && stop_requested() ? CLI_INTERRUPTED : code;
}

int cmd_model_eval(const struct args *a)
{
    return run(a, eval_json, eval_text, 1);
}

/* ---- compare ---- */

struct against { /* the best: is it better, or is that chance? */
    double order, verdicts;
};

static struct against against_best(const struct judging *g, size_t i)
{
    const struct panel *p = &g->panel;
    const struct panel_seat *s = &p->seat[i], *best = &p->seat[g->best];
    uint8_t *a = mem_array(uint8_t, p->n + 1), *b = mem_array(uint8_t, p->n + 1);
    for (size_t k = 0; k < p->n; k++) {
        a[k] = (double)s->score[k] >= s->figures.threshold;
        b[k] = (double)best->score[k] >= best->figures.threshold;
    }
    struct against out = {eval_delong(s->score, best->score, p->label, p->n),
                          eval_mcnemar(a, b, p->label, p->n)};
    mem_free(a);
    mem_free(b);
    return out;
}

static void compare_json(const struct judging *g)
{
    struct sbuf text;
    sbuf_init(&text, CLI_JSON_MAX);
    struct json_out j = json_out_on(&text);
    json_out_object(&j);
    json_out_key(&j, STR("models"));
    json_out_array(&j);
    for (size_t i = 0; i < g->models; i++) {
        struct against p = against_best(g, i);
        json_out_object(&j);
        json_out_kv_str(&j, "model", str_z(g->args->operand[i]));
        json_seat(&j, &g->panel.seat[i]);
        json_out_kv_bool(&j, "best", i == g->best);
        json_out_kv_f64(&j, "p_delong", p.order);
        json_out_kv_f64(&j, "p_mcnemar", p.verdicts);
        json_out_object_end(&j);
    }
    json_out_array_end(&j);
    json_out_kv_u64(&j, "unlabelled", g->panel.unlabelled);
    json_out_kv_u64(&j, "rejected", g->input.rejected);
    json_out_object_end(&j);
    cli_print_json(&text);
}

static void print_p(double p)
{
    if (isnan(p))
        fputs("        -", stdout);
    else if (p < 0.001)
        fputs("  < 0.001", stdout);
    else
        printf("  %7.3f", p);
}

static void compare_text(const struct judging *g)
{
    const struct figures *all = &g->panel.seat[0].figures;
    char rows[GROUPED_SIZE], attacks[GROUPED_SIZE];
    format_grouped(all->rows, rows);
    format_grouped(all->positives, attacks);
    printf("%s rows, %s of them attacks; p: that such a difference to the best (*) is chance, by\n"
           "DeLong's test of the order and McNemar's of the verdicts\n\n",
           rows, attacks);
    printf("  %-22s %7s  %-17s %7s %7s %7s %8s %9s %8s\n", "model", "ROC AUC", "95 %", "PR AUC",
           "F1", "FPR", "us/row", "p order", "p verd.");
    for (size_t i = 0; i < g->models; i++) {
        const struct panel_seat *s = &g->panel.seat[i];
        const struct figures *f = &s->figures;
        struct against p = against_best(g, i);
        printf("%c ", i == g->best ? '*' : ' ');
        print_column(stdout, str_z(g->args->operand[i]), 22);
        printf(" %7.4f  %.4f to %.4f  %7.4f %7.4f %7.4f %8.2f", f->roc_auc.value, f->roc_auc.low,
               f->roc_auc.high, f->pr_auc.value, f->f1.value, f->fpr.value, s->us_per_row);
        print_p(i == g->best ? NAN : p.order);
        print_p(i == g->best ? NAN : p.verdicts);
        putchar('\n');
    }
}

int cmd_model_compare(const struct args *a)
{
    return run(a, compare_json, compare_text, PANEL_MAX);
}
