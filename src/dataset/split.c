/* SPDX-License-Identifier: Apache-2.0 */
/* Rows put aside.  Groups are the unit throughout: they are brought into an order, by chance or by time, and each goes to where
 * rows of its class are most wanted. */
#include "base/random.h"
#include "dataset/dataset_int.h"

#include <assert.h>
#include <math.h>

const char *split_name(enum split_kind k)
{
    static const char *const names[] = {"auto", "random", "time", "group"};
    return names[k];
}

struct part {             /* of the rows: a group */
    uint32_t first, rows; /* in `row` */
    uint32_t klass;       /* of most of its rows */
    double time_ms;       /* mean */
};
struct parts {
    uint32_t *row; /* owned; by group */
    VEC(struct part) part;
};

static int by_number(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* The class of more than half of the rows, if there is one (Boyer, Moore, "MJRTY", 1991), else one of them. */
static uint32_t most_common(const struct dataset *d, const uint32_t *row, uint32_t n)
{
    uint32_t klass = 0, lead = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t k = d->klass[row[i]];
        if (lead == 0)
            klass = k;
        lead = k == klass ? lead + 1 : lead - 1;
    }
    return klass;
}

static void parts_init(struct parts *p, const struct dataset *d)
{
    uint64_t *key = mem_array(uint64_t, d->rows + 1);
    *p = (struct parts){.row = mem_array(uint32_t, d->rows + 1)};
    for (size_t i = 0; i < d->rows; i++)
        key[i] = (uint64_t)d->group[i] << 32 | i;
    qsort(key, d->rows, sizeof *key, by_number);
    for (uint32_t i = 0; i < d->rows; i++) {
        p->row[i] = (uint32_t)key[i];
        if (i == 0 || key[i] >> 32 != key[i - 1] >> 32)
            *vec_push(&p->part) = (struct part){.first = i};
        struct part *last = &p->part.at[p->part.n - 1];
        last->rows++;
        last->time_ms += ((double)d->time_ms[p->row[i]] - last->time_ms) / (double)last->rows;
    }
    mem_free(key);
    for (size_t i = 0; i < p->part.n; i++)
        p->part.at[i].klass = most_common(d, p->row + p->part.at[i].first, p->part.at[i].rows);
}

static void parts_done(struct parts *p)
{
    mem_free(p->row);
    vec_done(&p->part);
}

static void put(const struct parts *p, const struct part *part, uint8_t where, uint8_t *out)
{
    for (uint32_t i = 0; i < part->rows; i++)
        out[p->row[part->first + i]] = where;
}

static int latest_first(const void *a, const void *b)
{
    const struct part *x = a, *y = b;
    if (x->time_ms < y->time_ms || x->time_ms > y->time_ms)
        return x->time_ms < y->time_ms ? 1 : -1;
    return (x->first < y->first) - (x->first > y->first);
}

/* The latest, as long as they fit: one connection pair can be most of the rows. */
static void split_time(struct parts *p, size_t wanted, uint8_t *side)
{
    size_t got = 0;
    if (p->part.n)
        qsort(p->part.at, p->part.n, sizeof *p->part.at, latest_first);
    for (size_t i = 0; i < p->part.n && got < wanted; i++) {
        const struct part *part = &p->part.at[i];
        if (part->rows > wanted - got)
            continue;
        put(p, part, 1, side);
        got += part->rows;
    }
}

static uint32_t *shuffled(const struct parts *p, uint64_t seed)
{
    struct random random;
    uint32_t n = (uint32_t)p->part.n;
    uint32_t *order = mem_array(uint32_t, n + 1);
    for (uint32_t i = 0; i < n; i++)
        order[i] = i;
    random_init(&random, seed, 0x5b117);
    random_shuffle(&random, order, n);
    return order;
}

/* Of each class as near to the part as it can be, all the way. */
static void split_chance(const struct parts *p, const struct dataset *d, double part_01,
                         uint64_t seed, uint8_t *side)
{
    double *seen = mem_array(double, d->class_names + 1),
           *got = mem_array(double, d->class_names + 1);
    uint32_t *order = shuffled(p, seed);
    for (size_t i = 0; i < p->part.n; i++) {
        const struct part *part = &p->part.at[order[i]];
        double rows = part->rows, *have = &got[part->klass];
        seen[part->klass] += rows;
        double wanted = part_01 * seen[part->klass];
        if (fabs(*have + rows - wanted) >= fabs(*have - wanted))
            continue;
        put(p, part, 1, side);
        *have += rows;
    }
    mem_free(order);
    mem_free(seen);
    mem_free(got);
}

enum split_kind dataset_split(const struct dataset *d, enum split_kind kind, double part_01,
                              uint64_t seed, uint8_t *side)
{
    struct parts p;
    parts_init(&p, d);
    if (kind == SPLIT_AUTO)
        kind = d->timed ? SPLIT_TIME : p.part.n < d->rows ? SPLIT_GROUP : SPLIT_RANDOM;
    memset(side, 0, d->rows);
    if (kind == SPLIT_TIME)
        split_time(&p, (size_t)llround(part_01 * (double)d->rows), side);
    else
        split_chance(&p, d, part_01, seed, side);
    parts_done(&p);
    return kind;
}

/* Where fewest rows of the class are, and of those where fewest rows are. */
static unsigned emptiest(const uint64_t *of_class, const uint64_t *rows, unsigned folds)
{
    unsigned best = 0;
    for (unsigned i = 1; i < folds; i++)
        if (of_class[i] < of_class[best] || (of_class[i] == of_class[best] && rows[i] < rows[best]))
            best = i;
    return best;
}

void dataset_folds(const struct dataset *d, unsigned folds, uint64_t seed, uint8_t *fold)
{
    struct parts p;
    assert(folds > 0 && folds <= UINT8_MAX);
    parts_init(&p, d);
    uint64_t *of_class = mem_array(uint64_t, size_mul(d->class_names + 1, folds));
    uint64_t *rows = mem_array(uint64_t, folds);
    uint32_t *order = shuffled(&p, seed);
    /* The large ones first: the small ones even them out. */
    for (int large = 1; large >= 0; large--)
        for (size_t i = 0; i < p.part.n; i++) {
            const struct part *part = &p.part.at[order[i]];
            if ((part->rows > d->rows / folds / 8) != (large == 1))
                continue;
            uint64_t *mine = of_class + (size_t)part->klass * folds;
            unsigned at = emptiest(mine, rows, folds);
            mine[at] += part->rows;
            rows[at] += part->rows;
            put(&p, part, (uint8_t)at, fold);
        }
    mem_free(order);
    mem_free(of_class);
    mem_free(rows);
    parts_done(&p);
}
