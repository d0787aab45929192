/* SPDX-License-Identifier: Apache-2.0 */
/* Which rows are trained with, which calibrate, which judge. */
#include "base/mem.h"
#include "ml/train_int.h"

#include <math.h>

static const double TEST_PART = 0.1, VALIDATION_PART = 0.15;
static const double ENROL_PART = 0.6, PROBE_PART = 0.2; /* of each person's rows */

enum { TRAIN, VALIDATION, TEST };

void parts_done(struct parts *p)
{
    mem_free(p->index);
    *p = (struct parts){0};
}

static void gather(struct parts *p, const uint8_t *side, size_t rows)
{
    struct rows *part[] = {&p->train, &p->validation, &p->test};
    uint32_t *at = p->index = mem_array(uint32_t, rows + 1);
    for (int s = TRAIN; s <= TEST; s++) {
        part[s]->index = at;
        for (size_t i = 0; i < rows; i++)
            if (side[i] == s)
                *at++ = (uint32_t)i;
        part[s]->n = (size_t)(at - part[s]->index);
    }
}

/* The n-th row of a person, in the order of the file, is before or after the part that enrols. */
static void by_person(const struct model_training *t, const struct dataset *d, uint8_t *side)
{
    uint32_t *count = mem_array(uint32_t, d->class_names + 1);
    uint32_t *seen = mem_array(uint32_t, d->class_names + 1);
    for (size_t i = 0; i < d->rows; i++)
        count[d->klass[i]]++;
    double last = t->no_test ? 1 : ENROL_PART + PROBE_PART;
    double first = t->no_test ? ENROL_PART + PROBE_PART : ENROL_PART;
    for (size_t i = 0; i < d->rows; i++) {
        double place = (seen[d->klass[i]]++ + 0.5) / count[d->klass[i]];
        side[i] = place < first ? TRAIN : place < last ? VALIDATION : TEST;
    }
    mem_free(count);
    mem_free(seen);
}

static enum split_kind by_split(const struct model_training *t, const struct dataset *d,
                                enum split_kind kind, uint8_t *side)
{
    uint8_t *more = mem_array(uint8_t, d->rows + 1);
    double test = t->no_test ? 0 : TEST_PART;
    enum split_kind used =
        dataset_split(d, kind, t->no_test ? VALIDATION_PART : test, t->seed, side);
    if (t->no_test) {
        for (size_t i = 0; i < d->rows; i++)
            side[i] = side[i] ? VALIDATION : TRAIN;
    } else {
        /* By time the validation rows are those just before the test rows. */
        double part = used == SPLIT_TIME ? test + VALIDATION_PART : VALIDATION_PART / (1 - test);
        dataset_split(d, used, part, t->seed + 1, more);
        for (size_t i = 0; i < d->rows; i++)
            side[i] = side[i] ? TEST : more[i] ? VALIDATION : TRAIN;
    }
    mem_free(more);
    return used;
}

/* Has every part of each label at least a fifth of its share? */
static bool fair(const struct dataset *d, const uint8_t *side, bool no_test)
{
    size_t count[3][2] = {{0}};
    const double share[3] = {1 - VALIDATION_PART - TEST_PART, VALIDATION_PART, TEST_PART};
    for (size_t i = 0; i < d->rows; i++)
        count[side[i]][d->label[i] == LABEL_ATTACK]++;
    for (int label = 0; label < 2; label++) {
        double all = (double)(count[TRAIN][label] + count[VALIDATION][label] + count[TEST][label]);
        for (int s = TRAIN; s <= (no_test ? VALIDATION : TEST); s++)
            if ((double)count[s][label] < floor(share[s] * all / 5) ||
                (all >= 3 && !count[s][label]))
                return false;
    }
    return true;
}

/* Groups may be so large that keeping them whole leaves a part without attacks, as with one bot that talks to one server all day: then
 * rows are parted by chance, then by time without regard to groups, then anyhow. */
static enum split_kind by_fair_split(const struct model_training *t, const struct dataset *d,
                                     uint8_t *side, struct parts *out)
{
    enum split_kind used = by_split(t, d, t->split, side);
    if (fair(d, side, t->no_test))
        return used;
    if (used == SPLIT_TIME)
        used = by_split(t, d, SPLIT_GROUP, side);
    if (fair(d, side, t->no_test))
        return used;
    struct dataset alone = *d;
    alone.group = rows_all(d->rows);
    out->torn = true;
    used = by_split(t, &alone, d->timed ? SPLIT_TIME : SPLIT_RANDOM, side);
    if (!fair(d, side, t->no_test) && used == SPLIT_TIME)
        used = by_split(t, &alone, SPLIT_RANDOM, side);
    mem_free(alone.group);
    return used;
}

void parts_of(const struct model_training *t, const struct dataset *d, struct parts *out)
{
    uint8_t *side = mem_array(uint8_t, d->rows + 1);
    *out = (struct parts){0};
    const char *how = "each person's first rows";
    if (t->kind == MODEL_KEYSTROKE) {
        by_person(t, d, side);
    } else {
        enum split_kind used = by_fair_split(t, d, side, out);
        how = split_name(used);
    }
    gather(out, side, d->rows);
    (void)snprintf(out->words, sizeof out->words, "%s: %zu train, %zu validation, %zu test", how,
                   out->train.n, out->validation.n, out->test.n); /* fits */
    mem_free(side);
}

void parts_weigh(struct parts *p, const struct dataset *d, uint32_t from, unsigned times)
{
    struct rows *after[] = {&p->validation, &p->test};
    size_t all = size_add(p->train.n, size_add(p->validation.n, p->test.n));
    if (times <= 1)
        return;
    for (size_t i = 0; i < p->train.n; i++)
        all = size_add(all, d->group[p->train.index[i]] >= from ? times - 1 : 0);
    uint32_t *index = mem_array(uint32_t, size_add(all, 1)), *at = index;
    for (size_t i = 0; i < p->train.n; i++)
        for (unsigned n = d->group[p->train.index[i]] >= from ? times : 1; n > 0; n--)
            *at++ = p->train.index[i];
    p->train = (struct rows){index, (size_t)(at - index)};
    for (size_t k = 0; k < COUNT(after); k++) {
        if (after[k]->n)
            memcpy(at, after[k]->index, after[k]->n * sizeof *at);
        after[k]->index = at;
        at += after[k]->n;
    }
    mem_free(p->index);
    p->index = index;
}
