/* SPDX-License-Identifier: Apache-2.0 */
/* Which weights?  Areas under ROC curves have no slope to follow, so weight is moved from one member to another as long as
 * that helps, in ever smaller portions. */
#include "base/mem.h"
#include "ml/ensemble_int.h"

#include <math.h>

/* What an ensemble may be worse than its best member on classes that are known, in points of the area. */
static const double KNOWN_LOSS = 0.0005;
/* Of two ways as good, to this, the one before is kept: equal weights, then the best member alone. */
static const double GAIN_LEAST = 1e-5;

struct ranked {
    float score;
    uint8_t label;
};

static int by_score(const void *a, const void *b)
{
    float x = ((const struct ranked *)a)->score, y = ((const struct ranked *)b)->score;
    return (x > y) - (x < y);
}

/* Part of pairs of an attack and a normal row that are in order, ties half. */
static double area(struct ranked *r, size_t n)
{
    double normal = 0, attacks = 0, ordered = 0;
    qsort(r, n, sizeof *r, by_score);
    for (size_t i = 0; i < n;) {
        double tied[2] = {0, 0};
        size_t j = i;
        for (; j < n && r[j].score == r[i].score; j++)
            tied[r[j].label]++;
        ordered += tied[1] * (normal + tied[0] / 2);
        normal += tied[0];
        attacks += tied[1];
        i = j;
    }
    return normal > 0 && attacks > 0 ? ordered / normal / attacks : 0.5;
}

static double area_of(const struct weighing_set *set, size_t members, enum mix mix,
                      const double *weight, struct ranked *room)
{
    for (size_t i = 0; i < set->n; i++) {
        double v = 0;
        for (size_t k = 0; k < members; k++)
            v += weight[k] * (double)set->term[mix][k][i];
        room[i] = (struct ranked){(float)v, set->label[i]};
    }
    return area(room, set->n);
}

struct search {
    const struct weighing *of;
    enum mix mix;
    struct ranked *room;
    double weight[MEMBERS_MAX], best;
    double known_least; /* area on the known classes below which no weights are worth their while */
    double labelled_most; /* weight of those who learn from labels */
};

static double area_known(const struct search *s, const double *weight)
{
    return area_of(&s->of->set[0], s->of->members, s->mix, weight, s->room);
}

/* What weights that are not allowed have too much. */
static double excess(const struct search *s, const double *weight)
{
    double labelled = 0;
    for (size_t i = 0; i < s->of->members; i++)
        labelled += s->of->labelled[i] ? weight[i] : 0;
    return fmax(0, labelled - s->labelled_most - 1e-9);
}

/* Half the mean over the sets of unseen classes and half the worst of them: which attacks nobody has seen is not for us to
 * choose.  What is lost on the classes that are known, past KNOWN_LOSS, counts tenfold. */
static double worth(const struct search *s, const double *weight)
{
    double known = area_known(s, weight), sum = 0, worst = 1;
    if (s->of->sets == 1)
        return known;
    for (size_t i = 1; i < s->of->sets; i++) {
        double a = area_of(&s->of->set[i], s->of->members, s->mix, weight, s->room);
        sum += a;
        worst = fmin(worst, a);
    }
    return (sum / (double)(s->of->sets - 1) + worst) / 2 - 10 * fmax(0, s->known_least - known) -
           10 * excess(s, weight);
}

static bool move(struct search *s, size_t from, size_t to, double portion)
{
    double before[MEMBERS_MAX];
    double some = fmin(portion, s->weight[from]);
    if (from == to || some <= 0)
        return false;
    memcpy(before, s->weight, sizeof before);
    s->weight[from] -= some;
    s->weight[to] += some;
    double now = worth(s, s->weight);
    if (now > s->best + GAIN_LEAST) {
        s->best = now;
        return true;
    }
    memcpy(s->weight, before, sizeof before);
    return false;
}

static void climb(struct search *s)
{
    static const double portions[] = {0.2, 0.1, 0.05};
    s->best = worth(s, s->weight);
    for (size_t p = 0; p < COUNT(portions); p++)
        for (bool better = true; better;) {
            better = false;
            for (size_t i = 0; i < s->of->members; i++)
                for (size_t k = 0; k < s->of->members; k++)
                    better |= move(s, i, k, portions[p]);
        }
}

/* The best member's. */
static double known_best(struct search *s)
{
    double best = 0;
    for (size_t i = 0; i < s->of->members; i++) {
        double alone[MEMBERS_MAX] = {0};
        alone[i] = 1;
        best = fmax(best, area_known(s, alone));
    }
    return best;
}

/* From equal weights, and from each member alone, in each mix. */
static void search_all(struct search *s, double *weight, enum mix *mix)
{
    size_t members = s->of->members;
    double best = -1e9;
    for (enum mix x = 0; x < MIXES; x++)
        for (size_t start = 0; start <= members; start++) {
            for (size_t i = 0; i < members; i++)
                s->weight[i] = start == members ? 1.0 / (double)members : i == start;
            s->mix = x;
            climb(s);
            if (s->best <= best + GAIN_LEAST)
                continue;
            best = s->best;
            *mix = x;
            memcpy(weight, s->weight, members * sizeof *weight);
        }
}

/* Classes left out of training are still classes that somebody labelled, so those who learn from labels look better on them
 * than on what is new.  So they get half of the say, and more only where known classes would suffer: on NSL-KDD with
 * ten kinds of attack left out altogether, the area for those was 0.9645 without this, with it 0.984, and 0.978 for the
 * best member. */
void weigh_members(const struct weighing *of, double *weight, enum mix *mix)
{
    size_t most = 0;
    for (size_t i = 0; i < of->sets; i++)
        most = of->set[i].n > most ? of->set[i].n : most;
    struct search s = {.of = of, .labelled_most = of->sets == 1 ? 1 : 0.5};
    s.room = mem_array(struct ranked, most + 1);
    s.known_least = known_best(&s) - KNOWN_LOSS;
    for (;; s.labelled_most += 0.1) {
        search_all(&s, weight, mix);
        s.mix = *mix;
        if (s.labelled_most > 0.99 || area_known(&s, weight) >= s.known_least)
            break;
    }
    mem_free(s.room);
}

void weighing_set_done(struct weighing_set *s)
{
    for (size_t x = 0; x < MIXES; x++)
        for (size_t i = 0; i < MEMBERS_MAX; i++)
            mem_free(s->term[x][i]);
    mem_free(s->label);
}
