/* SPDX-License-Identifier: Apache-2.0 */
/* Whose typing is it?
 *
 * Each person has a template (dynamics/dynamics.h: centre and spread of every timing, distances cut).  To it the others
 * add two things.  A timing counts by how much more it differs between persons than within one; and a distance to one
 * person means something only beside those to the people most alike: the raw score is the logarithm of their ratio
 * (cohort normalisation, Rosenberg et al., "The use of cohort normalized scores for speaker verification", 1992). */
#include "base/mem.h"
#include "dynamics/dynamics.h"
#include "ml/bytes.h"
#include "ml/train_int.h"

#include <math.h>

enum { PERSONS_MAX = 10000, NAME_BYTES = 256, TEMPLATE_BYTES = 1 << 20, NAMES_BYTES = 16 << 20 };
enum { OPTION_COHORT, OPTION_WEIGHTS, OPTIONS };
static const struct model_option options[OPTIONS] = {
    [OPTION_COHORT] = {"cohort", "people most alike whom a distance is compared with; 0: none", 0,
                       100, 5, true},
    [OPTION_WEIGHTS] = {"weights", "1: timings count by how much they tell people apart", 0, 1, 1,
                        true},
};

struct person {
    str name; /* in the arena */
    struct keystroke_template template;
};
struct people {
    struct arena arena;
    struct person *person; /* owned (persons) */
    size_t persons, columns;
    float *weight; /* owned (columns); sums to `columns` */
    uint32_t cohort;
};
struct own {         /* of a scorer */
    float *each;     /* (columns) */
    float *distance; /* (persons) */
};

static struct people *people_new(size_t persons, size_t columns)
{
    struct people *p = mem_new(struct people);
    arena_init(&p->arena, NAMES_BYTES);
    p->person = mem_array(struct person, persons + 1);
    p->weight = mem_array(float, columns + 1);
    p->columns = columns;
    for (size_t i = 0; i < columns; i++)
        p->weight[i] = 1;
    return p;
}

static void part_free(void *part)
{
    struct people *p = part;
    if (!p)
        return;
    for (size_t i = 0; i < p->persons; i++)
        keystroke_done(&p->person[i].template);
    mem_free(p->person);
    mem_free(p->weight);
    arena_done(&p->arena);
    mem_free(p);
}

size_t model_persons(const struct model *m)
{
    return m->kind == MODEL_KEYSTROKE && m->part ? ((const struct people *)m->part)->persons : 0;
}

str model_person(const struct model *m, size_t i)
{
    return ((const struct people *)m->part)->person[i].name;
}

size_t person_find(const struct model *m, str name)
{
    const struct people *p = m->part;
    for (size_t i = 0; i < p->persons; i++)
        if (str_eq(p->person[i].name, name))
            return i;
    return UINT32_MAX;
}

/* ---- training ---- */

/* Deviation between the persons' centres by the mean spread within one. */
static void weigh(struct people *p)
{
    double total = 0;
    for (size_t j = 0; j < p->columns; j++) {
        double sum = 0, squares = 0, spread = 0;
        size_t n = 0;
        for (size_t i = 0; i < p->persons; i++) {
            const struct keystroke_template *t = &p->person[i].template;
            if (!(t->spread[j] > 0))
                continue;
            sum += t->centre[j];
            squares += (double)t->centre[j] * t->centre[j];
            spread += t->spread[j];
            n++;
        }
        double mean = n ? sum / (double)n : 0, variance = n ? squares / (double)n - mean * mean : 0;
        p->weight[j] = n > 1 && spread > 0
                           ? (float)(sqrt(variance > 0 ? variance : 0) / (spread / (double)n))
                           : 0;
        total += p->weight[j];
    }
    for (size_t j = 0; j < p->columns; j++)
        p->weight[j] = total > 0 ? (float)(p->weight[j] * (double)p->columns / total) : 1;
}

static status enrol(struct people *p, const struct fit *f, uint32_t klass, float *rows,
                    struct error *err)
{
    size_t n = 0;
    for (size_t i = 0; i < f->train.n; i++)
        if (f->d->klass[f->train.index[i]] == klass)
            memcpy(rows + n++ * f->width, f->x + i * f->width, f->width * sizeof *rows);
    if (n < KEYSTROKE_ROWS_MIN)
        return ST_OK; /* nobody can be known by so little */
    struct person *who = &p->person[p->persons];
    status st = keystroke_fit(rows, n, f->width, &who->template, err);
    if (st != ST_OK)
        return fail_prefix(err, st, "'" STR_FMT "'", STR_ARG(f->d->class_name[klass]));
    who->name = arena_str(&p->arena, str_head(f->d->class_name[klass], NAME_BYTES));
    p->persons++;
    return ST_OK;
}

static status train(struct model *m, const struct fit *f, struct error *err)
{
    if (f->d->class_names > PERSONS_MAX)
        return fail(err, ST_LIMIT, "%u persons are more than %d", f->d->class_names, PERSONS_MAX);
    struct people *p = people_new(f->d->class_names, f->width);
    float *rows = mem_array(float, size_mul(f->train.n, f->width));
    status st = ST_OK;
    m->part = p;
    for (uint32_t k = 0; k < f->d->class_names && st == ST_OK; k++)
        st = enrol(p, f, k, rows, err);
    mem_free(rows);
    if (st == ST_OK && p->persons == 0)
        st = fail(err, ST_INVALID, "no person has %d rows to enrol with", KEYSTROKE_ROWS_MIN);
    if (st == ST_OK && p->persons > 1 && f->options.number[OPTION_WEIGHTS] > 0)
        weigh(p);
    p->cohort = (uint32_t)f->options.number[OPTION_COHORT];
    sbuf_addf(f->parameters, "persons=%zu cohort=%u weights=%g", p->persons, p->cohort,
              f->options.number[OPTION_WEIGHTS]);
    return st;
}

/* Own rows, and attempts to be somebody else, as many. */
void keystroke_calibrate(struct model *m, const struct fit *f)
{
    struct trials t;
    m->calibration.kind = CALIBRATION_NONE;
    m->uncalibrated = true;
    trials_of(m, f->d, f->validation, f->team, true, true, &t);
    m->uncalibrated = false;
    fit_calibration(m, f->terms->calibration, t.score, t.label, t.n);
    trials_done(&t);
}

/* ---- use ---- */

static void *scratch_new(const struct model *m)
{
    const struct people *p = m->part;
    struct own *o = mem_new(struct own);
    o->each = mem_array(float, p->columns + 1);
    o->distance = mem_array(float, p->persons + 1);
    return o;
}

static void scratch_free(void *own)
{
    struct own *o = own;
    mem_free(o->each);
    mem_free(o->distance);
    mem_free(o);
}

static float distance_to(const struct people *p, size_t i, const float *x, float *each)
{
    double sum = 0, weight = 0;
    keystroke_each(&p->person[i].template, x, each);
    for (size_t j = 0; j < p->columns; j++) {
        if (isnan(each[j]))
            continue;
        sum += (double)p->weight[j] * each[j];
        weight += p->weight[j];
    }
    return weight > 0 ? (float)(sum / weight) : (float)KEYSTROKE_DISTANCE_MAX;
}

static void distances(const struct people *p, const float *x, struct own *o)
{
    for (size_t i = 0; i < p->persons; i++)
        o->distance[i] = distance_to(p, i, x, o->each);
}

/* Mean of the `cohort` shortest distances to others. */
static float cohort_distance(const struct people *p, const float *distance, size_t self)
{
    float nearest[100];
    size_t n = 0, most = p->cohort;
    for (size_t i = 0; i < p->persons; i++) {
        if (i == self || (n == most && distance[i] >= nearest[n - 1]))
            continue;
        size_t at = n < most ? n++ : n - 1;
        for (; at > 0 && nearest[at - 1] > distance[i]; at--)
            nearest[at] = nearest[at - 1];
        nearest[at] = distance[i];
    }
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += nearest[i];
    return n ? (float)(sum / (double)n) : 1;
}

static float ratio(const struct people *p, const float *distance, size_t person)
{
    float others = p->cohort && p->persons > 1 ? cohort_distance(p, distance, person) : 1;
    return logf(fmaxf(distance[person], 1e-6F) / fmaxf(others, 1e-6F));
}

float person_raw(const struct model *m, void *own, size_t person, const float *x)
{
    struct own *o = own;
    distances(m->part, x, o);
    return ratio(m->part, o->distance, person);
}

/* Is it anybody known? */
static struct answered score(const struct model *m, void *own, const float *x, size_t n, float *raw)
{
    const struct people *p = m->part;
    struct own *o = own;
    for (size_t i = 0; i < n; i++) {
        distances(p, x + i * p->columns, o);
        size_t best = 0;
        for (size_t k = 1; k < p->persons; k++)
            best = o->distance[k] < o->distance[best] ? k : best;
        raw[i] = ratio(p, o->distance, best);
    }
    return (struct answered){1, 0};
}

/* What sets the row apart from the person it is most like. */
static void explain(const struct model *m, void *own, const float *x, double *phi)
{
    const struct people *p = m->part;
    struct own *o = own;
    size_t best = 0;
    distances(p, x, o);
    for (size_t k = 1; k < p->persons; k++)
        best = o->distance[k] < o->distance[best] ? k : best;
    keystroke_each(&p->person[best].template, x, o->each);
    for (size_t j = 0; j < p->columns; j++)
        phi[j] = isnan(o->each[j]) ? 0 : (double)o->each[j] * p->weight[j];
}

static void importance(const struct model *m, double *out)
{
    const struct people *p = m->part;
    for (size_t j = 0; j < p->columns; j++)
        out[j] = p->weight[j];
}

/* ---- file: u32 persons, cohort; weights; for each person a text, and a template as a text ---- */

static void write(const struct model *m, struct sbuf *out)
{
    const struct people *p = m->part;
    struct sbuf one;
    sbuf_init(&one, TEMPLATE_BYTES);
    put_u32(out, (uint32_t)p->persons);
    put_u32(out, p->cohort);
    put_f32s(out, p->weight, p->columns);
    for (size_t i = 0; i < p->persons; i++) {
        put_text(out, p->person[i].name);
        sbuf_clear(&one);
        keystroke_write(&p->person[i].template, &one);
        put_text(out, sbuf_str(&one));
    }
    sbuf_done(&one);
}

static status read_person(struct people *p, struct reader *r, struct error *err)
{
    struct person *who = &p->person[p->persons];
    str name = rd_text(r, NAME_BYTES), bytes = rd_text(r, TEMPLATE_BYTES);
    if (!r->ok)
        return fail(err, ST_INVALID, "its templates are cut off");
    status st = keystroke_read(bytes, &who->template, err);
    if (st != ST_OK)
        return fail_prefix(err, st, "its template %zu", p->persons + 1);
    p->persons++;
    who->name = arena_str(&p->arena, name);
    if (!who->name.p || who->template.columns != p->columns)
        return fail(err, ST_INVALID, "its template %zu is of other columns", p->persons);
    return ST_OK;
}

static status read(struct model *m, str bytes, struct model_host *host, struct error *err)
{
    struct reader r = reader_of(bytes);
    uint32_t persons = rd_count(&r, PERSONS_MAX), cohort = rd_count(&r, 100);
    (void)host;
    if (!r.ok || persons == 0 || persons > rd_left(&r) / 8)
        return fail(err, ST_INVALID, "its templates are damaged");
    struct people *p = people_new(persons, m->encoder.columns);
    m->part = p;
    p->cohort = cohort;
    rd_f32s(&r, p->weight, p->columns);
    for (size_t j = 0; j < p->columns; j++)
        if (!(p->weight[j] >= 0 && p->weight[j] < 1e6F))
            return fail(err, ST_INVALID, "its weights are damaged");
    status st = ST_OK;
    for (uint32_t i = 0; i < persons && st == ST_OK; i++)
        st = read_person(p, &r, err);
    if (st == ST_OK && rd_left(&r))
        st = fail(err, ST_INVALID, "its templates are damaged");
    return st;
}

const struct model_ops model_KEYSTROKE = {
    .style = ENCODE_RAW,
    .calibration = CALIBRATION_ISOTONIC,
    .option = options,
    .options = OPTIONS,
    .train = train,
    .score = score,
    .explain = explain,
    .importance = importance,
    .write = write,
    .read = read,
    .free = part_free,
    .scratch_new = scratch_new,
    .scratch_free = scratch_free,
};
