/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "cli/model_int.h"
#include "os/terminal.h"

#include <math.h>

enum { IMPORTANT_MAX = 10, BARS_BYTES = 64 << 10, STDOUT_FD = 1, BARS_WIDTH = 78, LABEL = 18 };

bool terminal_unicode(void)
{
    const char *names[] = {getenv("LC_ALL"), getenv("LC_CTYPE"), getenv("LANG")};
    for (size_t i = 0; i < COUNT(names); i++)
        if (names[i] && *names[i])
            return str_icontains(str_z(names[i]), STR("utf-8")) ||
                   str_icontains(str_z(names[i]), STR("utf8"));
    return false;
}

void print_bars(const struct chart *c)
{
    struct sbuf text;
    unsigned width = terminal_is(STDOUT_FD) ? terminal_width(STDOUT_FD) : BARS_WIDTH;
    sbuf_init(&text, BARS_BYTES);
    chart_text(c, width > BARS_WIDTH ? BARS_WIDTH : width - 2, terminal_unicode(), &text);
    for (str rest = sbuf_str(&text); rest.n;) {
        str line = str_cut(&rest, '\n');
        printf("  " STR_FMT "\n", STR_ARG(line));
    }
    sbuf_done(&text);
}

/* ---- figures ---- */

void print_figure(const char *name, struct figure f)
{
    if (isnan(f.value))
        return;
    printf("  %-*s %.4f", LABEL, name, f.value);
    if (!isnan(f.low))
        printf("  (%.4f to %.4f)", f.low, f.high);
    putchar('\n');
}

static void print_counts(const struct figures *f)
{
    char rows[GROUPED_SIZE], attacks[GROUPED_SIZE], found[GROUPED_SIZE], alarms[GROUPED_SIZE];
    format_grouped(f->rows, rows);
    format_grouped(f->positives, attacks);
    format_grouped(f->true_positive, found);
    format_grouped(f->false_positive, alarms);
    printf("  %-*s %s, %s of them attacks\n", LABEL, "rows", rows, attacks);
    printf("  %-*s %s attack%s found, %s false alarm%s\n", LABEL, "at the threshold", found,
           f->true_positive == 1 ? "" : "s", alarms, f->false_positive == 1 ? "" : "s");
    if (f->missing)
        printf("  %-*s %zu rows, which count as normal\n", LABEL, "not scored", f->missing);
}

void print_figures(const struct figures *f)
{
    static const char *const rate[EVAL_RATES] = {"recall, FPR 0.1 %", "recall, FPR 1 %",
                                                 "recall, FPR 5 %", "recall, FPR 10 %"};
    print_counts(f);
    print_figure("ROC AUC", f->roc_auc);
    print_figure("PR AUC", f->pr_auc);
    print_figure("accuracy", f->accuracy);
    if (f->positives) { /* else they say nothing */
        print_figure("precision", f->precision);
        print_figure("recall", f->recall);
        print_figure("F1", f->f1);
    }
    print_figure("false positives", f->fpr);
    for (size_t r = 0; r < EVAL_RATES; r++)
        print_figure(rate[r], f->recall_at[r]);
    print_figure("equal error rate", (struct figure){f->equal_error_rate, NAN, NAN});
    if (f->positives == 0)
        return;
    print_figure("Brier score", (struct figure){f->brier, NAN, NAN});
    print_figure("calibration error", (struct figure){f->calibration_error, NAN, NAN});
}

void print_threshold(double threshold, double fpr)
{
    printf("  %-*s %.4g: ", LABEL, "threshold", threshold);
    if (isnan(fpr))
        puts("no normal rows to say how many false alarms that makes");
    else if (fpr <= 0)
        puts("not one of the normal rows kept back was called an attack");
    else {
        double among = fmax(100, pow(10, ceil(-log10(fpr)) + 1));
        char whole[GROUPED_SIZE];
        while (among < 1000 && fpr * among < 3)
            among *= 10;
        format_grouped((uint64_t)among, whole);
        printf("about %.0f false alarms in %s normal rows\n", fpr * among, whole);
    }
}

/* ---- the card ---- */

static int by_part(const void *a, const void *b)
{
    const struct chart_bar *x = a, *y = b;
    return (x->value < y->value) - (x->value > y->value);
}

bool importance_chart(const struct model *m, struct arena *arena, struct chart *out)
{
    size_t n, k = 0;
    const struct dataset_column *column = model_columns(m, &n);
    double *part = n ? mem_array(double, n) : NULL;
    struct chart_bar *bar = n ? arena_array(arena, struct chart_bar, n) : NULL;
    bool known = bar && model_importance(m, part);
    for (size_t i = 0; i < n && known; i++) {
        str name = arena_str(arena, column[i].name),
            text = arena_fmt(arena, "%.1f %%", part[i] * 100);
        if (name.p && text.p && part[i] > 0)
            bar[k++] = (struct chart_bar){name.p, part[i], text.p};
    }
    mem_free(part);
    if (!known || k == 0)
        return false;
    qsort(bar, k, sizeof *bar, by_part);
    *out = (struct chart){.kind = CHART_BARS,
                          .title = "What the model looks at",
                          .bar = bar,
                          .bars = k < IMPORTANT_MAX ? k : IMPORTANT_MAX};
    return true;
}

static void print_line(const char *name, str value)
{
    if (value.n == 0)
        return;
    printf("  %-*s ", LABEL, name);
    print_text(stdout, value, 0);
    putchar('\n');
}

static void print_members(const struct model *m)
{
    for (size_t i = 0; i < model_members(m); i++) {
        double weight;
        const struct model_card *c = model_card(model_member(m, i, &weight));
        printf("  %-*s %.3f  %s, ", LABEL, i ? "" : "members", weight, model_kind_name(c->kind));
        print_text(stdout, c->name, 0);
        putchar('\n');
    }
}

static void print_origin(const struct model_card *c)
{
    char rows[GROUPED_SIZE], attacks[GROUPED_SIZE], twice[GROUPED_SIZE];
    format_grouped(c->rows, rows);
    format_grouped(c->positives, attacks);
    format_grouped(c->duplicates, twice);
    print_line("version", c->version);
    if (c->trained_ms == 0) {
        print_line("trained", STR("unknown"));
    } else {
        printf("  %-*s ", LABEL, "trained");
        print_time(stdout, c->trained_ms);
        putchar('\n');
    }
    if (c->rows == 0)
        print_line("with", STR("unknown"));
    else
        printf("  %-*s " STR_FMT ", %s rows, %s of them attacks; %s duplicates left out\n", LABEL,
               "with", STR_ARG(c->data_format), rows, attacks, twice);
    print_line("data (SHA-256)", c->data_digest);
    if (c->hold_back > 0)
        printf("  %-*s %g of the rows, seed %llu, split " STR_FMT "\n", LABEL, "held back",
               c->hold_back, (unsigned long long)c->seed, STR_ARG(c->hold_split));
    print_line("split", c->split);
    print_line("parameters", c->parameters);
    print_line("license", c->license);
    print_line("note", c->note);
    print_line("beware", c->warning);
}

void print_card(const struct model *m)
{
    const struct model_card *c = model_card(m);
    struct style style = cli_style();
    struct arena arena;
    struct chart chart;
    print_bold(&style);
    print_text(stdout, c->name, 0);
    print_plain(&style);
    printf(", %s\n", model_kind_name(c->kind));
    print_origin(c);
    print_members(m);
    if (c->figures.rows) {
        puts("\nOn rows it was not trained with, with 95 % intervals:");
        print_figures(&c->figures);
        print_figure("EER of a person", (struct figure){c->equal_error_rate, NAN, NAN});
    }
    if (c->crossed.rows) {
        puts("\nIn cross-validation:");
        print_figures(&c->crossed);
    }
    putchar('\n');
    if (c->rows || c->figures.rows)
        print_threshold(c->threshold, c->figures.rows ? c->figures.fpr.value : c->fpr);
    else
        printf("  %-*s %.4g: how many false alarms that makes was not measured\n", LABEL,
               "threshold", c->threshold);
    print_line("chosen for", c->basis);
    arena_init(&arena, 4 << 20);
    if (importance_chart(m, &arena, &chart)) {
        puts("\nWhat it looks at:");
        print_bars(&chart);
    }
    arena_done(&arena);
}

/* ---- JSON ---- */

void json_model(struct json_out *j, const struct model *m)
{
    const struct model_card *c = model_card(m);
    json_out_kv_str(j, "name", c->name);
    json_out_kv_str(j, "kind", str_z(model_kind_name(c->kind)));
    json_out_kv_str(j, "version", c->version);
}

void json_pair(struct json_out *j, str key, double low, double high)
{
    json_out_key(j, key);
    json_out_array(j);
    json_out_f64(j, low);
    json_out_f64(j, high);
    json_out_array_end(j);
}

/* The plain numbers by the names that others know, so that a reader needs to know no more. */
struct named_figure {
    const char *name;
    struct figure figure;
};

static void json_rates(struct json_out *j, const struct figures *f, bool intervals)
{
    json_out_key(j, STR("recall_at"));
    json_out_object(j);
    for (size_t r = 0; r < EVAL_RATES; r++) {
        char rate[16];
        (void)snprintf(rate, sizeof rate, "%g", eval_rate[r]);
        if (intervals)
            json_pair(j, str_z(rate), f->recall_at[r].low, f->recall_at[r].high);
        else
            json_out_kv_f64(j, rate, f->recall_at[r].value);
    }
    json_out_object_end(j);
}

static void json_confusion(struct json_out *j, const struct figures *f)
{
    json_out_key(j, STR("confusion"));
    json_out_object(j);
    json_out_kv_u64(j, "true_positive", f->true_positive);
    json_out_kv_u64(j, "false_positive", f->false_positive);
    json_out_kv_u64(j, "true_negative", f->true_negative);
    json_out_kv_u64(j, "false_negative", f->false_negative);
    json_out_object_end(j);
}

void json_figures(struct json_out *j, const struct figures *f)
{
    const struct named_figure all[] = {
        {"accuracy", f->accuracy}, {"precision", f->precision},
        {"recall", f->recall},     {"f1", f->f1},
        {"roc_auc", f->roc_auc},   {"pr_auc", f->pr_auc},
        {"fpr", f->fpr},
    };
    json_out_kv_u64(j, "rows", f->rows);
    json_out_kv_u64(j, "positives", f->positives);
    for (size_t i = 0; i < COUNT(all); i++)
        json_out_kv_f64(j, all[i].name, all[i].figure.value);
    json_out_kv_f64(j, "threshold", f->threshold);
    json_out_kv_f64(j, "equal_error_rate", f->equal_error_rate);
    json_out_kv_f64(j, "brier", f->brier);
    json_out_kv_f64(j, "calibration_error", f->calibration_error);
    json_out_kv_u64(j, "missing", f->missing);
    json_rates(j, f, false);
    json_confusion(j, f);
    json_out_key(j, STR("intervals"));
    json_out_object(j);
    for (size_t i = 0; i < COUNT(all); i++)
        json_pair(j, str_z(all[i].name), all[i].figure.low, all[i].figure.high);
    json_rates(j, f, true);
    json_out_object_end(j);
}
