/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "cli/model_int.h"
#include "os/clock.h"
#include "os/stop.h"

#include <math.h>

enum { TIMED_ROWS = 20000, TIMED_RUNS = 3, ARENA_MAX = 16 << 20, CLASSES_MAX = 10000 };

void panel_init(struct panel *p, unsigned threads)
{
    *p = (struct panel){.threads = threads};
    arena_init(&p->arena, ARENA_MAX);
}

void panel_done(struct panel *p)
{
    for (size_t i = 0; i < p->seats; i++)
        mem_free(p->seat[i].score);
    mem_free(p->label);
    mem_free(p->klass);
    vec_done(&p->class_name);
    arena_done(&p->arena);
    *p = (struct panel){0};
}

status panel_seat(struct panel *p, const struct model *m, struct error *err)
{
    if (p->seats == PANEL_MAX)
        return fail(err, ST_LIMIT, "more than %d models at once", PANEL_MAX);
    p->seat[p->seats++] = (struct panel_seat){.model = m, .us_per_row = NAN, .person_eer = NAN};
    return ST_OK;
}

/* ---- rows of one file ---- */

static void make_room(struct panel *p, size_t more)
{
    if (p->n + more <= p->room)
        return;
    p->room = (p->n + more) * 3 / 2;
    p->label = mem_resize(p->label, p->room);
    p->klass = mem_resize(p->klass, size_mul(p->room, sizeof *p->klass));
    for (size_t i = 0; i < p->seats; i++)
        p->seat[i].score =
            mem_resize(p->seat[i].score, size_mul(p->room, sizeof *p->seat[i].score));
}

/* The panel's number of a name; past a great many, of the first. */
static uint32_t class_number(struct panel *p, str name)
{
    for (size_t i = 0; i < p->class_name.n; i++)
        if (str_eq(p->class_name.at[i], name))
            return (uint32_t)i;
    str copy = p->class_name.n < CLASSES_MAX ? arena_str(&p->arena, name) : (str){0};
    if (!copy.p)
        return 0;
    *vec_push(&p->class_name) = copy;
    return (uint32_t)(p->class_name.n - 1);
}

/* How long a row takes on one thread: the best of some runs over the first rows, or over all of a small set. */
static status take_time(struct panel_seat *s, const struct dataset *d, struct model_answer *answer,
                        struct error *err)
{
    struct dataset few = {0};
    const struct dataset *timed = d;
    status st = ST_OK;
    if (d->rows > TIMED_ROWS) {
        uint32_t *index = mem_array(uint32_t, TIMED_ROWS);
        for (uint32_t i = 0; i < TIMED_ROWS; i++)
            index[i] = i;
        dataset_take(d, index, TIMED_ROWS, &few);
        mem_free(index);
        timed = &few;
    }
    for (int run = 0; run < TIMED_RUNS && st == ST_OK; run++) {
        uint64_t start = clock_ns();
        st = model_score_set(s->model, timed, 1, answer, err);
        double us = clock_since(start) * 1e6 / (double)timed->rows;
        if (isnan(s->us_per_row) || us < s->us_per_row)
            s->us_per_row = us;
        if (us * (double)timed->rows > 1e6)
            break; /* long enough to be true the first time */
    }
    dataset_done(&few);
    return st;
}

static status score_rows(struct panel *p, struct panel_seat *s, const struct dataset *d,
                         struct error *err)
{
    struct model_answer *answer = mem_array(struct model_answer, d->rows + 1);
    status st = isnan(s->us_per_row) ? take_time(s, d, answer, err) : ST_OK;
    if (st == ST_OK)
        st = model_score_set(s->model, d, p->threads, answer, err);
    size_t n = p->n;
    for (size_t i = 0; i < d->rows && st == ST_OK; i++) {
        if (d->label[i] == LABEL_NONE)
            continue;
        s->score[n++] = answer[i].score_01;
        s->unanswered += answer[i].missing != 0;
    }
    mem_free(answer);
    return st;
}

static status use_rows(void *arg, const struct dataset *d, struct error *err)
{
    struct panel *p = arg;
    status st = ST_OK;
    make_room(p, d->rows);
    for (size_t i = 0; i < p->seats && st == ST_OK; i++)
        st = score_rows(p, &p->seat[i], d, err);
    if (st != ST_OK)
        return st;
    uint32_t *number = mem_array(uint32_t, d->class_names + 1);
    for (uint32_t k = 0; k < d->class_names; k++)
        number[k] = class_number(p, d->class_name[k]);
    for (size_t i = 0; i < d->rows; i++) {
        p->unlabelled += d->label[i] == LABEL_NONE;
        if (d->label[i] == LABEL_NONE)
            continue;
        p->klass[p->n] = number[d->klass[i]];
        p->label[p->n++] = d->label[i];
    }
    mem_free(number);
    return stop_requested() ? fail(err, ST_UNAVAILABLE, "stopped") : ST_OK;
}

/* ---- keystroke: every row is tried as every person ---- */

static status use_trials(void *arg, const struct dataset *d, struct error *err)
{
    struct panel *p = arg;
    for (size_t i = 0; i < p->seats; i++) {
        struct panel_seat *s = &p->seat[i];
        struct model_judgement j = {0};
        uint64_t start = clock_ns();
        status st = model_judge(s->model, d, 1, NAN, &j, err);
        if (st != ST_OK)
            return st;
        s->us_per_row = clock_since(start) * 1e6 / (double)j.n;
        s->score = j.score;
        s->persons = j.persons;
        s->person_eer = j.equal_error_rate;
        p->unlabelled = j.unlabelled;
        bool first = i == 0, same = !first && j.n == p->n && memcmp(j.label, p->label, j.n) == 0;
        if (first) {
            p->label = j.label;
            p->n = j.n;
            continue;
        }
        mem_free(j.label);
        if (!same)
            return fail(err, ST_INVALID, "these models know different persons");
    }
    return ST_OK;
}

/* ---- all of it ---- */

status panel_run(struct panel *p, struct model_input *in, double threshold, struct error *err)
{
    size_t typing = 0, labelled = 0;
    for (size_t i = 0; i < p->seats; i++)
        typing += model_persons(p->seat[i].model) > 0;
    if (typing && typing < p->seats)
        return fail(err, ST_INVALID, "keystroke models cannot be compared with others");
    in->whole = typing > 0;
    status st = model_input_each(in, typing ? use_trials : use_rows, p, err);
    for (size_t i = 0; i < p->n; i++)
        labelled += p->label[i] <= LABEL_ATTACK;
    if (st == ST_OK && labelled == 0)
        st = fail(err, ST_INVALID,
                  "no row has a label; say which are which with --positive and "
                  "--negative, or name their column with --label");
    for (size_t i = 0; i < p->seats && st == ST_OK; i++) {
        struct panel_seat *s = &p->seat[i];
        double at = isnan(threshold) ? model_card(s->model)->threshold : threshold;
        eval_figures(s->score, p->label, p->n, at, &s->figures);
    }
    return st;
}

static int by_rows(const void *a, const void *b)
{
    const struct class_count *x = a, *y = b;
    return (x->rows < y->rows) - (x->rows > y->rows);
}

size_t panel_classes(const struct panel *p, size_t seat, struct class_count *out)
{
    const struct panel_seat *s = &p->seat[seat];
    size_t n = 0;
    for (size_t k = 0; k < p->class_name.n; k++)
        out[k] = (struct class_count){.name = p->class_name.at[k]};
    for (size_t i = 0; i < p->n && p->klass; i++) {
        if (p->label[i] != LABEL_ATTACK)
            continue;
        out[p->klass[i]].rows++;
        out[p->klass[i]].found += (double)s->score[i] >= s->figures.threshold;
    }
    for (size_t k = 0; k < p->class_name.n; k++)
        if (out[k].rows)
            out[n++] = out[k];
    qsort(out, n, sizeof *out, by_rows);
    return n;
}
