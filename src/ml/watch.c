/* SPDX-License-Identifier: Apache-2.0 */
#include "ml/watch.h"

#include "base/mem.h"
#include "os/lock.h"

#include <math.h>
#include <stdatomic.h>

enum { SLOW_BATCHES = 3, FLOOR_NS = 2000000 };
static const uint64_t second_ns = 1000 * 1000 * 1000;

const double watch_time_bound[WATCH_TIMES] = {1e-6, 2e-6, 5e-6, 1e-5, 2e-5, 5e-5, 1e-4,
                                              2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 1e-1};

/* Counts of this window and of the one before. */
struct distance {
    struct drift_reference reference;
    struct drift_count now, before;
};

struct watch {
    struct lock lock;
    /* under the lock: */
    struct watch_state state;
    struct distance score, column[WATCH_COLUMNS];
    uint64_t in_window;
    unsigned slow_in_a_row;
    uint64_t rests_until_ns, rest_ns; /* 0: it does not */

    struct watch_limits limits;
    float threshold;
    enum feature feature[WATCH_COLUMNS];
    atomic_uint references;
};

/* ---- life ---- */

static void watch_column(struct watch *w, const struct model *m, size_t i)
{
    size_t n;
    const struct dataset_column *c = &model_columns(m, &n)[i];
    size_t k = w->state.columns++;
    (void)snprintf(w->state.column[k].name, sizeof w->state.column[k].name, STR_FMT,
                   STR_ARG(str_head(c->name, 63)));
    w->column[k].reference = *model_column_reference(m, i);
    w->feature[k] = c->feature;
}

/* The columns that count most, of those that flows have. */
static void choose_columns(struct watch *w, const struct model *m)
{
    size_t n;
    const struct dataset_column *c = model_columns(m, &n);
    double *part = mem_array(double, n + 1);
    bool says = model_importance(m, part);
    for (size_t i = 0; !says && i < n; i++)
        part[i] = 1;
    while (w->state.columns < WATCH_COLUMNS) {
        size_t best = n;
        for (size_t i = 0; i < n; i++)
            if (c[i].feature < FEATURE_COUNT && part[i] > 0 && model_column_reference(m, i) &&
                (best == n || part[i] > part[best]))
                best = i;
        if (best == n)
            break;
        watch_column(w, m, best);
        part[best] = 0;
    }
    mem_free(part);
}

struct watch *watch_new(const char *name, const struct model *m, const struct watch_limits *limits)
{
    struct watch *w = mem_new(struct watch);
    const struct model_card *card = model_card(m);
    lock_init(&w->lock, LOCK_WATCH);
    atomic_init(&w->references, 1);
    w->limits = *limits;
    w->limits.drift_psi = limits->drift_psi > 0 ? limits->drift_psi : 0.25;
    w->limits.precision_margin = limits->precision_margin > 0 ? limits->precision_margin : 0.1;
    w->threshold = (float)card->threshold;
    (void)snprintf(w->state.name, sizeof w->state.name, "%.63s", name);
    (void)snprintf(w->state.version, sizeof w->state.version, STR_FMT,
                   STR_ARG(str_head(card->version, 15)));
    w->state.precision = NAN;
    w->state.card_precision = card->figures.rows ? card->figures.precision.value : NAN;
    if (model_score_reference(m))
        w->score.reference = *model_score_reference(m);
    if (model_kind_shape(card->kind) == DATASET_TABLE)
        choose_columns(w, m);
    return w;
}

struct watch *watch_ref(struct watch *w)
{
    atomic_fetch_add_explicit(&w->references, 1, memory_order_relaxed);
    return w;
}

void watch_unref(struct watch *w)
{
    if (!w || atomic_fetch_sub_explicit(&w->references, 1, memory_order_acq_rel) != 1)
        return;
    lock_done(&w->lock);
    mem_free(w);
}

/* ---- time ---- */

bool watch_allows(struct watch *w, uint64_t rows, uint64_t now_ns)
{
    lock_take(&w->lock);
    bool allowed = w->rests_until_ns == 0 || now_ns >= w->rests_until_ns;
    if (!allowed)
        w->state.skipped += rows;
    else if (
        w->rests_until_ns) /* this one shows whether it does better; the others wait for that */
        w->rests_until_ns = now_ns + w->rest_ns;
    lock_drop(&w->lock);
    return allowed;
}

static void judge_time_locked(struct watch *w, const struct watch_batch *b)
{
    uint64_t most = w->limits.budget_ns * b->n;
    if (w->limits.budget_ns == 0 || b->ns <= (most > FLOOR_NS ? most : FLOOR_NS)) {
        w->slow_in_a_row = 0;
        w->rests_until_ns = w->rest_ns = 0;
        return;
    }
    w->state.slow++;
    if (++w->slow_in_a_row < SLOW_BATCHES)
        return;
    uint64_t longer = w->rest_ns ? 2 * w->rest_ns : 10 * second_ns;
    w->rest_ns = longer < 300 * second_ns ? longer : 300 * second_ns;
    w->rests_until_ns = b->now_ns + w->rest_ns;
}

static void count_time_locked(struct watch *w, const struct watch_batch *b)
{
    double each = (double)b->ns / 1e9 / (double)b->n;
    size_t i = 0;
    while (i < WATCH_TIMES && each > watch_time_bound[i])
        i++;
    w->state.time_rows[i] += b->n;
    w->state.seconds += (double)b->ns / 1e9;
}

/* ---- scores and columns ---- */

static void turn_locked(struct watch *w)
{
    struct distance *d = w->column;
    w->in_window = 0;
    for (size_t i = 0; i <= w->state.columns; i++) {
        struct distance *one = i < w->state.columns ? &d[i] : &w->score;
        one->before = one->now;
        one->now = (struct drift_count){.missing = 0};
    }
}

static void count_row_locked(struct watch *w, const struct watch_batch *b, size_t i)
{
    const struct model_answer *a = &b->answer[i];
    float at = a->score_01 * WATCH_SCORES;
    size_t bin = at > 0 ? (size_t)at : 0;
    if (!isnan(at))
        w->state.score_rows[bin < WATCH_SCORES ? bin : WATCH_SCORES - 1]++;
    w->state.alarms += a->score_01 >= w->threshold;
    w->state.incomplete += a->missing > 0;
    drift_add(&w->score.reference, &w->score.now, a->score_01);
    for (size_t k = 0; b->x && k < w->state.columns; k++)
        drift_add(&w->column[k].reference, &w->column[k].now,
                  b->x[i * b->stride + (size_t)w->feature[k]]);
    if (++w->in_window >= WATCH_WINDOW)
        turn_locked(w);
}

void watch_scored(struct watch *w, const struct watch_batch *b)
{
    if (b->n == 0)
        return;
    lock_take(&w->lock);
    w->state.batches++;
    w->state.rows += b->n;
    count_time_locked(w, b);
    judge_time_locked(w, b);
    for (size_t i = 0; i < b->n; i++)
        count_row_locked(w, b, i);
    lock_drop(&w->lock);
}

/* ---- verdicts ---- */

void watch_judged(struct watch *w, uint64_t true_positive, uint64_t false_positive)
{
    lock_take(&w->lock);
    w->state.true_positive = true_positive;
    w->state.false_positive = false_positive;
    lock_drop(&w->lock);
}

/* ---- what it comes to ---- */

static struct drift distance_of(const struct distance *d)
{
    struct drift_count both = d->now;
    for (size_t i = 0; i < DRIFT_BINS; i++)
        both.bin[i] += d->before.bin[i];
    both.missing += d->before.missing;
    return drift_of(&d->reference, &both);
}

/* Scores alone move whenever the rows that training held back were others than the whole, so that what is seen must have
 * moved as well; of a model without columns that flows have, the score is all there is. */
static bool sees_other_things(const struct watch_state *s, double most)
{
    bool other = s->columns == 0;
    for (size_t i = 0; i < s->columns && !other; i++)
        other = s->column[i].drift.rows >= WATCH_ROWS_MIN && s->column[i].drift.psi > most;
    return other && s->score.rows >= WATCH_ROWS_MIN && s->score.psi > most;
}

void watch_state(struct watch *w, struct watch_state *out)
{
    lock_take(&w->lock);
    *out = w->state;
    out->rests = w->rests_until_ns != 0;
    out->score = distance_of(&w->score);
    for (size_t i = 0; i < out->columns; i++)
        out->column[i].drift = distance_of(&w->column[i]);
    lock_drop(&w->lock);
    uint64_t judged = out->true_positive + out->false_positive;
    if (judged)
        out->precision = (double)out->true_positive / (double)judged;
    out->drifts = sees_other_things(out, w->limits.drift_psi);
    out->sinks = judged >= WATCH_VERDICTS_MIN && !isnan(out->card_precision) &&
                 out->precision < out->card_precision - w->limits.precision_margin;
}

/* ---- for Prometheus ---- */

static void head(struct sbuf *out, const char *name, const char *type, const char *doc)
{
    sbuf_addf(out, "# HELP %s %s\n# TYPE %s %s\n", name, doc, name, type);
}

static void line(struct sbuf *out, const char *name, const struct watch_state *s, double v)
{
    if (!isnan(v))
        sbuf_addf(out, "%s{model=\"%s\",version=\"%s\"} %.9g\n", name, s->name, s->version, v);
}

#define METRIC(name, type, doc, value)                                                             \
    do {                                                                                           \
        head(out, name, type, doc);                                                                \
        for (size_t i = 0; i < n; i++)                                                             \
            line(out, name, &s[i], (double)(value));                                               \
    } while (0)

static void write_times(const struct watch_state *s, size_t n, struct sbuf *out)
{
    static const char name[] = "bguard_model_row_seconds";
    head(out, name, "histogram", "time to score one row");
    for (size_t i = 0; i < n; i++) {
        uint64_t seen = 0;
        for (size_t k = 0; k < WATCH_TIMES; k++) {
            seen += s[i].time_rows[k];
            sbuf_addf(out, "%s_bucket{model=\"%s\",version=\"%s\",le=\"%g\"} %llu\n", name,
                      s[i].name, s[i].version, watch_time_bound[k], (unsigned long long)seen);
        }
        sbuf_addf(out, "%s_bucket{model=\"%s\",version=\"%s\",le=\"+Inf\"} %llu\n", name, s[i].name,
                  s[i].version, (unsigned long long)s[i].rows);
        line(out, "bguard_model_row_seconds_sum", &s[i], s[i].seconds);
        line(out, "bguard_model_row_seconds_count", &s[i], (double)s[i].rows);
    }
}

static void write_scores(const struct watch_state *s, size_t n, struct sbuf *out)
{
    static const char name[] = "bguard_model_score_rows_total";
    head(out, name, "counter", "rows by the score they got; from: the lower end of a bin");
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < WATCH_SCORES; k++)
            sbuf_addf(out, "%s{model=\"%s\",version=\"%s\",from=\"%.2f\"} %llu\n", name, s[i].name,
                      s[i].version, (double)k / WATCH_SCORES,
                      (unsigned long long)s[i].score_rows[k]);
}

static void write_columns(const struct watch_state *s, size_t n, struct sbuf *out)
{
    static const char name[] = "bguard_model_column_drift_psi";
    head(out, name, "gauge", "population stability index of a column against training");
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < s[i].columns; k++)
            if (s[i].column[k].drift.rows >= WATCH_ROWS_MIN)
                sbuf_addf(out, "%s{model=\"%s\",version=\"%s\",column=\"%s\"} %.6g\n", name,
                          s[i].name, s[i].version, s[i].column[k].name, s[i].column[k].drift.psi);
}

static double known(const struct watch_state *s, double v)
{
    return s->score.rows >= WATCH_ROWS_MIN ? v : NAN;
}

void watch_write_metrics(const struct watch_state *s, size_t n, struct sbuf *out)
{
    if (n == 0)
        return;
    METRIC("bguard_model_rows_total", "counter", "rows scored", s[i].rows);
    METRIC("bguard_model_alarms_total", "counter", "rows at or above the threshold", s[i].alarms);
    METRIC("bguard_model_incomplete_total", "counter",
           "rows for which a member of the ensemble did not answer", s[i].incomplete);
    METRIC("bguard_model_slow_total", "counter", "batches that took longer than the budget",
           s[i].slow);
    METRIC("bguard_model_skipped_total", "counter", "rows not scored because the model was slow",
           s[i].skipped);
    METRIC("bguard_model_score_drift_psi", "gauge",
           "population stability index of scores against training", known(&s[i], s[i].score.psi));
    METRIC("bguard_model_score_drift_ks", "gauge",
           "Kolmogorov-Smirnov distance of scores from training", known(&s[i], s[i].score.ks));
    METRIC("bguard_model_precision", "gauge", "part of alerts closed as true positives",
           s[i].precision);
    METRIC("bguard_model_card_precision", "gauge", "precision on rows kept back in training",
           s[i].card_precision);
    write_times(s, n, out);
    write_scores(s, n, out);
    write_columns(s, n, out);
}
