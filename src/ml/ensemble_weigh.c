/* SPDX-License-Identifier: Apache-2.0 */
/* Which weights?  Areas under ROC curves have no slope to follow, so weight is moved from one member to another as long as
 * that helps, in ever smaller portions. */
#include "base/mem.h"
#include "ml/ensemble_int.h"

#include <math.h>

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

static double worth(const struct weighing_set *set, size_t sets, size_t members, enum mix mix,
                    const double *weight, struct ranked *room)
{
    double sum = 0, importance = 0;
    for (size_t s = 0; s < sets; s++) {
        for (size_t i = 0; i < set[s].n; i++) {
            double v = 0;
            for (size_t k = 0; k < members; k++)
                v += weight[k] * (double)set[s].term[mix][k][i];
            room[i] = (struct ranked){(float)v, set[s].label[i]};
        }
        sum += set[s].importance * area(room, set[s].n);
        importance += set[s].importance;
    }
    return sum / importance;
}

struct search {
    const struct weighing_set *set;
    size_t sets, members;
    enum mix mix;
    struct ranked *room;
    double weight[MEMBERS_MAX], best;
};

static bool move(struct search *s, size_t from, size_t to, double portion)
{
    double before[MEMBERS_MAX];
    double some = fmin(portion, s->weight[from]);
    if (from == to || some <= 0)
        return false;
    memcpy(before, s->weight, sizeof before);
    s->weight[from] -= some;
    s->weight[to] += some;
    double now = worth(s->set, s->sets, s->members, s->mix, s->weight, s->room);
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
    s->best = worth(s->set, s->sets, s->members, s->mix, s->weight, s->room);
    for (size_t p = 0; p < COUNT(portions); p++)
        for (bool better = true; better;) {
            better = false;
            for (size_t i = 0; i < s->members; i++)
                for (size_t k = 0; k < s->members; k++)
                    better |= move(s, i, k, portions[p]);
        }
}

void weigh_members(const struct weighing_set *set, size_t sets, size_t members, double *weight,
                   enum mix *mix)
{
    size_t most = 0;
    double best = -1;
    for (size_t i = 0; i < sets; i++)
        most = set[i].n > most ? set[i].n : most;
    struct search s = {.set = set, .sets = sets, .members = members};
    s.room = mem_array(struct ranked, most + 1);
    for (enum mix x = 0; x < MIXES; x++)
        for (size_t start = 0; start <= members; start++) { /* equal, and each alone */
            for (size_t i = 0; i < members; i++)
                s.weight[i] = start == members ? 1.0 / (double)members : i == start;
            s.mix = x;
            climb(&s);
            if (s.best <= best + GAIN_LEAST)
                continue;
            best = s.best;
            *mix = x;
            memcpy(weight, s.weight, members * sizeof *weight);
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
