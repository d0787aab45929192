/* SPDX-License-Identifier: Apache-2.0 */
/* Scores with labels, of any kind of model; thresholds and figures of them. */
#include "base/mem.h"
#include "ml/train_int.h"
#include "nn/sequence.h"
#include "os/team.h"

#include <math.h>

enum { TRIALS_MAX = 20000000 };

void trials_done(struct trials *t)
{
    mem_free(t->score);
    mem_free(t->label);
    mem_free(t->person);
    *t = (struct trials){0};
}

static void of_rows(const struct model *m, const struct dataset *d, struct rows rows,
                    struct team *team, bool unlabelled_normal, struct trials *out)
{
    struct model_answer *a = mem_array(struct model_answer, rows.n + 1);
    model_score_rows(m, d, rows, team, a);
    *out = (struct trials){.score = mem_array(float, rows.n + 1),
                           .label = mem_array(uint8_t, rows.n + 1),
                           .members = UINT8_MAX};
    for (size_t i = 0; i < rows.n; i++) {
        uint8_t label = d->label[rows.index[i]];
        out->unlabelled += label == LABEL_NONE;
        out->members = a[i].members < out->members ? a[i].members : out->members;
        out->missing = a[i].missing > out->missing ? a[i].missing : out->missing;
        if (label == LABEL_NONE && !unlabelled_normal)
            continue;
        out->score[out->n] = a[i].score_01;
        out->label[out->n++] = label == LABEL_ATTACK;
    }
    mem_free(a);
}

struct person_work {
    const struct model *m;
    const struct dataset *d;
    struct rows rows;
    struct model_binding *b;
    struct model_scratch **scratch; /* one for each worker */
    const uint32_t *known; /* the model's person of each class of the set; UINT32_MAX: nobody */
    size_t persons;
    bool balanced;
    struct trials *out; /* each row has its place: row × persons, or row × 2 */
};

static void try_person(const struct person_work *w, struct model_scratch *s, size_t row,
                       size_t place, uint32_t person)
{
    struct model_answer a;
    uint32_t i = w->rows.index[row];
    model_score_person(w->m, w->b, s, w->d->x + (size_t)i * w->d->columns, person, &a);
    w->out->score[place] = a.score_01;
    w->out->label[place] = w->known[w->d->klass[i]] != person;
    w->out->person[place] = person;
}

static void try_row(void *arg, size_t row, unsigned worker)
{
    const struct person_work *w = arg;
    struct model_scratch *s = w->scratch[worker];
    uint32_t self = w->known[w->d->klass[w->rows.index[row]]];
    if (!w->balanced) {
        for (size_t p = 0; p < w->persons; p++)
            try_person(w, s, row, row * w->persons + p, (uint32_t)p);
    } else if (w->persons > 1) {
        size_t other = (self + 1 + row % (w->persons - 1)) % w->persons;
        try_person(w, s, row, row * 2, self);
        try_person(w, s, row, row * 2 + 1, (uint32_t)other);
    } else {
        try_person(w, s, row, row, self);
    }
}

/* Rows of persons that the model knows. */
static struct rows of_known(const struct dataset *d, struct rows rows, const uint32_t *known,
                            uint32_t *index)
{
    size_t n = 0;
    for (size_t i = 0; i < rows.n; i++)
        if (known[d->klass[rows.index[i]]] != UINT32_MAX)
            index[n++] = rows.index[i];
    return (struct rows){index, n};
}

static void of_persons(const struct model *m, const struct dataset *d, struct rows rows,
                       struct team *team, bool balanced, struct trials *out)
{
    size_t persons = model_persons(m);
    uint32_t *known = mem_array(uint32_t, d->class_names + 1);
    uint32_t *index = mem_array(uint32_t, rows.n + 1);
    for (uint32_t k = 0; k < d->class_names; k++)
        known[k] = (uint32_t)person_find(m, d->class_name[k]);
    struct person_work w = {.m = m, .d = d, .known = known, .persons = persons, .out = out};
    w.rows = of_known(d, rows, known, index);
    w.balanced = balanced || w.rows.n > TRIALS_MAX / persons;
    size_t each = !w.balanced ? persons : persons > 1 ? 2 : 1;
    *out = (struct trials){.n = w.rows.n * each,
                           .unlabelled = rows.n - w.rows.n,
                           .members = 1,
                           .score = mem_array(float, w.rows.n *each + 1),
                           .label = mem_array(uint8_t, w.rows.n * each + 1),
                           .person = mem_array(uint32_t, w.rows.n * each + 1)};
    w.b = model_bind(m, d->column, d->columns);
    unsigned workers = team ? team_threads(team) : 1;
    w.scratch = mem_array(struct model_scratch *, workers);
    for (unsigned i = 0; i < workers; i++)
        w.scratch[i] = model_scratch_new(m);
    team_run(team, w.rows.n, try_row, &w);
    for (unsigned i = 0; i < workers; i++)
        model_scratch_free(w.scratch[i]);
    mem_free(w.scratch);
    model_binding_free(w.b);
    mem_free(known);
    mem_free(index);
}

void trials_of(const struct model *m, const struct dataset *d, struct rows rows, struct team *team,
               bool balanced, bool unlabelled_normal, struct trials *out)
{
    if (m->kind == MODEL_KEYSTROKE)
        of_persons(m, d, rows, team, balanced, out);
    else
        of_rows(m, d, rows, team, unlabelled_normal, out);
}

/* Where as many of the others pass as are refused of a person's own. */
static double equal_error(const float *score, const uint8_t *label, size_t n)
{
    struct curve c = {0};
    double found = NAN;
    eval_roc(score, label, n, &c);
    for (size_t i = 1; i < c.n && isnan(found); i++) {
        double before = c.x[i - 1] - (1 - c.y[i - 1]), now = c.x[i] - (1 - c.y[i]);
        if (now >= 0) /* between two points, on the line */
            found =
                c.x[i - 1] + (c.x[i] - c.x[i - 1]) * (now > before ? -before / (now - before) : 1);
    }
    curve_done(&c);
    return found;
}

double trials_person_eer(const struct trials *t, size_t persons)
{
    float *score = mem_array(float, t->n + 1);
    uint8_t *label = mem_array(uint8_t, t->n + 1);
    double sum = 0;
    size_t counted = 0;
    for (size_t p = 0; t->person && p < persons; p++) {
        size_t n = 0, own = 0;
        for (size_t i = 0; i < t->n; i++) {
            if (t->person[i] != p)
                continue;
            score[n] = t->score[i];
            own += t->label[i] == 0;
            label[n++] = t->label[i];
        }
        if (own == 0 || own == n)
            continue;
        sum += equal_error(score, label, n);
        counted++;
    }
    mem_free(score);
    mem_free(label);
    return counted ? sum / (double)counted : NAN;
}

/* ---- thresholds ---- */

static double equal_error_threshold(const struct trials *v)
{
    struct curve c = {0};
    double found = 0.5;
    eval_roc(v->score, v->label, v->n, &c);
    for (size_t i = 1; i < c.n; i++)
        if (c.x[i] >= 1 - c.y[i]) {
            found = c.threshold[i];
            break;
        }
    curve_done(&c);
    return found;
}

static double by_rate(const struct model *m, const struct trials *v, double fpr, struct sbuf *basis)
{
    size_t normal = 0;
    if (model_kind_shape(m->kind) == DATASET_SEQUENCES && !m->ops->labelled) {
        sbuf_addf(basis, "%g of normal sessions, by those that training held back", fpr);
        return model_calibrated(m, sequence_threshold(model_sequence(m), fpr));
    }
    for (size_t i = 0; i < v->n; i++)
        normal += v->label[i] == 0;
    sbuf_addf(basis, "at most %.3g of %zu normal validation rows at or above it", fpr, normal);
    if ((double)normal * fpr < 1)
        sbuf_addz(basis, ", which are too few to show so small a part");
    return eval_threshold_fpr(v->score, v->label, v->n, fpr);
}

/* 4881 → 4,881 */
static void add_grouped(struct sbuf *out, uint64_t n)
{
    uint64_t unit = 1;
    while (n / unit >= 1000)
        unit *= 1000;
    sbuf_addf(out, "%llu", (unsigned long long)(n / unit));
    for (; unit > 1; unit /= 1000)
        sbuf_addf(out, ",%03llu", (unsigned long long)(n % unit / (unit / 1000)));
}

double threshold_of(const struct model *m, const struct model_training *t, const struct trials *v,
                    struct sbuf *basis)
{
    size_t positives = 0;
    for (size_t i = 0; i < v->n; i++)
        positives += v->label[i];
    bool both = positives > 0 && positives < v->n;
    if (t->fpr > 0)
        return by_rate(m, v, t->fpr, basis);
    if (t->alarms_per_day > 0) {
        sbuf_addf(basis, "%.3g false alarms a day of ", t->alarms_per_day);
        add_grouped(basis, (uint64_t)fmin(t->rows_per_day + 0.5, 1e18));
        sbuf_addz(basis, " rows: ");
        return by_rate(m, v, t->alarms_per_day / t->rows_per_day, basis);
    }
    if (m->kind == MODEL_KEYSTROKE && both) {
        sbuf_addz(basis, "as many others pass as own rows are refused, of validation rows");
        return equal_error_threshold(v);
    }
    if (both) {
        sbuf_addz(basis, "best F1 of validation rows");
        return eval_threshold_f1(v->score, v->label, v->n);
    }
    return by_rate(m, v, 0.001, basis);
}

/* ---- for everybody ---- */

void model_judgement_done(struct model_judgement *j)
{
    mem_free(j->score);
    mem_free(j->label);
    *j = (struct model_judgement){0};
}

status model_judge(const struct model *m, const struct dataset *d, unsigned threads,
                   double threshold, struct model_judgement *out, struct error *err)
{
    status st = model_suits(m, d, err);
    if (st != ST_OK)
        return st;
    struct trials t;
    struct team *team = team_new(threads);
    uint32_t *index = rows_all(d->rows);
    trials_of(m, d, (struct rows){index, d->rows}, team, false, false, &t);
    mem_free(index);
    team_free(team);
    if (t.n == 0) {
        trials_done(&t);
        return fail(err, ST_INVALID,
                    m->kind == MODEL_KEYSTROKE ? "no row is of a person whom the model knows"
                                               : "no row has a label to judge by");
    }
    *out = (struct model_judgement){.n = t.n,
                                    .score = t.score,
                                    .label = t.label,
                                    .unlabelled = t.unlabelled,
                                    .members = t.members,
                                    .missing = t.missing,
                                    .threshold = isnan(threshold) ? m->card.threshold : threshold,
                                    .persons = model_persons(m),
                                    .equal_error_rate = trials_person_eer(&t, model_persons(m))};
    mem_free(t.person);
    eval_figures(out->score, out->label, out->n, out->threshold, &out->figures);
    return ST_OK;
}
