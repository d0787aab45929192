/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "cli/model_int.h"
#include "os/file.h"

#include <errno.h>
#include <math.h>
#include <sys/stat.h>

enum { PATH_ROOM = 8192, RELIABILITY_BINS = 10, HISTOGRAM_BINS = 40, NAME_BYTES = 96 };

status picture_save(const char *folder, const char *name, const struct chart *c, struct error *err)
{
    static const char *const ending[] = {".svg", ".png"};
    void (*const draw[])(const struct chart *, struct sbuf *) = {chart_svg, chart_png};
    status st = mkdir(folder, 0777) == 0 || errno == EEXIST
                    ? ST_OK
                    : fail(err, ST_IO, "'%.100s': no folder can be made there", folder);
    for (size_t i = 0; i < COUNT(draw) && st == ST_OK; i++) {
        struct sbuf path, bytes;
        sbuf_init(&path, PATH_ROOM);
        sbuf_init(&bytes, CHART_BYTES_MAX);
        sbuf_addf(&path, "%s/%s%s", folder, name, ending[i]);
        draw[i](c, &bytes);
        st = file_replace(path.p, 0644, sbuf_str(&bytes), err);
        sbuf_done(&path);
        sbuf_done(&bytes);
    }
    return st;
}

/* ---- curves ---- */

/* "NAME, AUC 0.967" */
static void name_of(const struct model *m, const char *what, double value, char *out)
{
    const struct model_card *c = model_card(m);
    if (isnan(value))
        (void)snprintf(out, NAME_BYTES, STR_FMT, STR_ARG(str_head(c->name, 60)));
    else
        (void)snprintf(out, NAME_BYTES, STR_FMT ", %s %.3f", STR_ARG(str_head(c->name, 60)), what,
                       value);
}

/* Close enough that it is a curve where the axis is logarithmic. */
static const double chance[] = {0,    1e-4, 1.5e-4, 2e-4, 3e-4, 5e-4, 7e-4, 1e-3, 1.5e-3, 2e-3,
                                3e-3, 5e-3, 7e-3,   0.01, 0.02, 0.03, 0.05, 0.07, 0.1,    0.15,
                                0.2,  0.3,  0.4,    0.5,  0.6,  0.7,  0.8,  0.9,  1};
static const struct chart_series diagonal = {
    .name = "by chance", .x = chance, .y = chance, .n = COUNT(chance), .dashed = true};
static const struct chart_series honest = {.name = "as it should be",
                                           .x = (const double[]){0, 1},
                                           .y = (const double[]){0, 1},
                                           .n = 2,
                                           .dashed = true};

struct drawing {
    struct curve curve[CHART_SERIES_MAX];
    struct chart_series series[CHART_SERIES_MAX];
    char name[CHART_SERIES_MAX][NAME_BYTES];
    size_t n;
};

static void add_curve(struct drawing *d, const struct curve *c, bool dots)
{
    d->series[d->n] = (struct chart_series){
        .name = d->name[d->n], .x = c->x, .y = c->y, .n = c->n, .dots = dots, .dashed = dots};
    d->n++;
}

/* By the place in enum model_picture. */
static const struct chart frame[MODEL_PICTURES] = {
    [PICTURE_ROC] = {.title = "Attacks found against false alarms (ROC)",
                     .x_title = "part of normal rows called attacks",
                     .y_title = "part of attacks found",
                     .x_max = 1,
                     .y_max = 1},
    [PICTURE_PR] = {.title = "Precision and recall",
                    .x_title = "part of attacks found (recall)",
                    .y_title = "part of alarms that are attacks",
                    .x_max = 1,
                    .y_max = 1},
    [PICTURE_RELIABILITY] = {.title = "Are scores probabilities?",
                             .x_title = "mean score",
                             .y_title = "part that are attacks",
                             .x_max = 1,
                             .y_max = 1}};
static const char *const file_name[MODEL_PICTURES] = {"roc", "pr", "reliability"};

static status save_curves(const char *folder, enum model_picture which, struct drawing *d,
                          const char *subtitle, struct error *err)
{
    struct chart c = frame[which];
    if (which != PICTURE_PR && d->n < CHART_SERIES_MAX)
        d->series[d->n++] = which == PICTURE_ROC ? diagonal : honest;
    c.subtitle = subtitle;
    c.series = d->series;
    c.series_count = d->n;
    status st = picture_save(folder, file_name[which], &c, err);
    if (which == PICTURE_ROC &&
        st == ST_OK) { /* where thresholds are set, it is the left edge that counts */
        c.x_log = true;
        c.x_min = 1e-4;
        st = picture_save(folder, "roc_log", &c, err);
    }
    return st;
}

static void curve_of_seat(const struct panel *p, size_t i, enum model_picture which,
                          struct curve *out)
{
    const struct panel_seat *s = &p->seat[i];
    if (which == PICTURE_ROC)
        eval_roc(s->score, p->label, p->n, out);
    else if (which == PICTURE_PR)
        eval_pr(s->score, p->label, p->n, out);
    else
        eval_reliability(s->score, p->label, p->n, RELIABILITY_BINS, out);
}

static status panel_curves(const char *folder, const struct panel *p, enum model_picture which,
                           const char *subtitle, struct error *err)
{
    struct drawing d = {0};
    for (size_t i = 0; i < p->seats && d.n + 1 < CHART_SERIES_MAX; i++) {
        const struct figures *f = &p->seat[i].figures;
        curve_of_seat(p, i, which, &d.curve[d.n]);
        name_of(p->seat[i].model, which == PICTURE_ROC ? "AUC" : "AP",
                which == PICTURE_ROC  ? f->roc_auc.value
                : which == PICTURE_PR ? f->pr_auc.value
                                      : NAN,
                d.name[d.n]);
        add_curve(&d, &d.curve[d.n], which == PICTURE_RELIABILITY);
    }
    status st = save_curves(folder, which, &d, subtitle, err);
    for (size_t i = 0; i < COUNT(d.curve); i++)
        curve_done(&d.curve[i]);
    return st;
}

/* ---- how scores lie ---- */

static status save_histogram(const char *folder, const struct panel *p, struct error *err)
{
    double middle[HISTOGRAM_BINS], count[2][HISTOGRAM_BINS] = {0};
    for (size_t b = 0; b < HISTOGRAM_BINS; b++)
        middle[b] = ((double)b + 0.5) / HISTOGRAM_BINS;
    for (size_t i = 0; i < p->n; i++) {
        double s = fmin(1, fmax(0, (double)p->seat[0].score[i]));
        size_t bin = (size_t)fmin(s * HISTOGRAM_BINS, HISTOGRAM_BINS - 1);
        if (p->label[i] <= LABEL_ATTACK)
            count[p->label[i]][bin]++;
    }
    const struct chart_series series[] = {
        {.name = "normal", .x = middle, .y = count[LABEL_NORMAL], .n = HISTOGRAM_BINS},
        {.name = "attack", .x = middle, .y = count[LABEL_ATTACK], .n = HISTOGRAM_BINS}};
    const struct chart c = {.kind = CHART_HISTOGRAM,
                            .title = "Scores of normal rows and of attacks",
                            .x_title = "score",
                            .y_title = "rows",
                            .x_max = 1,
                            .y_log = true,
                            .series = series,
                            .series_count = COUNT(series)};
    return picture_save(folder, "scores", &c, err);
}

static status save_importance(const char *folder, const struct model *m, struct error *err)
{
    struct arena arena;
    struct chart c;
    status st = ST_OK;
    arena_init(&arena, 4 << 20);
    if (importance_chart(m, &arena, &c))
        st = picture_save(folder, "importance", &c, err);
    arena_done(&arena);
    return st;
}

status picture_panel(const char *folder, const struct panel *p, struct error *err)
{
    char subtitle[96], rows[GROUPED_SIZE], attacks[GROUPED_SIZE];
    format_grouped(p->seat[0].figures.rows, rows);
    format_grouped(p->seat[0].figures.positives, attacks);
    (void)snprintf(subtitle, sizeof subtitle, "%s rows, %s of them attacks", rows, attacks);
    status st = ST_OK;
    for (int w = 0; w < MODEL_PICTURES && st == ST_OK; w++)
        st = panel_curves(folder, p, (enum model_picture)w, subtitle, err);
    if (st == ST_OK)
        st = save_histogram(folder, p, err);
    return st == ST_OK && p->seats == 1 ? save_importance(folder, p->seat[0].model, err) : st;
}

status picture_card(const char *folder, const struct model *m, struct error *err)
{
    const struct model_card *card = model_card(m);
    char subtitle[96];
    (void)snprintf(subtitle, sizeof subtitle, "%zu rows that it was not trained with",
                   card->figures.rows);
    status st = ST_OK;
    for (int w = 0; w < MODEL_PICTURES && st == ST_OK; w++) {
        const struct curve *c = model_curve(m, (enum model_picture)w);
        struct drawing d = {0};
        if (!c || c->n == 0)
            continue;
        name_of(m, w == PICTURE_ROC ? "AUC" : "AP",
                w == PICTURE_ROC  ? card->figures.roc_auc.value
                : w == PICTURE_PR ? card->figures.pr_auc.value
                                  : NAN,
                d.name[0]);
        add_curve(&d, c, w == PICTURE_RELIABILITY);
        st = save_curves(folder, (enum model_picture)w, &d, subtitle, err);
    }
    return st == ST_OK ? save_importance(folder, m, err) : st;
}
