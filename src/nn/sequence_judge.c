/* SPDX-License-Identifier: Apache-2.0 */
/* One number for a session, from the surprise of its events.
 *
 * No single number tells everything: a session that is odd all along has a high mean, one forbidden event in a long
 * usual session is only its largest surprise.  So a few views are taken, and each is turned into how rare it was among
 * normal sessions that were held back, -ln of the part of them that is at least so high.
 *
 * Normal sessions of a kind that training lacked are odd in one respect or another; attacks are odd in all.  So views
 * of the whole count as the least rare of them (the largest p: Wilkinson, Psychological Bulletin 1951).  What stands
 * alone can make up for that only where it is rarer by ALONE, as a weight in Bonferroni's sum does (Genovese, Roeder,
 * Wasserman, Biometrika 2006).  The score is the rarer of the two.
 *
 *   mean    what language models are compared by; Kim et al., "LSTM-based system-call language modeling", 2016
 *   calm    the least mean of CALM_WINDOW events in a row.  Normal sessions have stretches that training knew well
 *           even when the rest is new; attacks often have none
 *   kinds   1 - cosine of the sets of events (Ochiai 1957) with the most alike session of training: the bag of system
 *           calls of Kang, Fuller and Honavar, 2005
 *   lack    the same with a set that need only have what the session has: a process taken over does less than it did
 *           (Tversky's lopsided similarity, Psychological Review 1977)
 *   worst   for the forbidden event, and for a session that ends too early
 *   new     an event that training never had.  How rare that is among normal sessions is how many of training have one
 *           that no other has (Good, Biometrika 1953).  Its -ln counts by a quarter of itself: where one normal session
 *           in fifty has something new it says little; where none of thousands has, nothing says more */
#include "base/mem.h"
#include "nn/sequence_int.h"

#include <math.h>
#include <stdlib.h>

enum { CALM_WINDOW = 100 };
#define ALONE     5.0f
#define SHAPE_MAX 0.2

static int by_value(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* ---- tails ---- */

/* Part of n sessions at or above the i-th, ascending; never none. */
static double part_above(size_t i, size_t n)
{
    return ((double)(n - i) - 0.5) / (double)n;
}

/* Scale and shape of the excess over `u`, ascending in excess (n), by probability-weighted moments.  The shape is held
 * in 0 … SHAPE_MAX: a tail that ends would give all that is past its end the same score, and some tens of values can
 * make it look much heavier than it is. */
static void fit_excess(struct tail *t, const float *excess, size_t n)
{
    double mean = 0, weighted = 0;
    for (size_t i = 0; i < n; i++) {
        mean += excess[i];
        weighted += excess[i] * (1 - ((double)i + 0.65) / (double)n);
    }
    mean /= (double)n;
    weighted /= (double)n;
    double gap = mean - 2 * weighted;
    double shape = gap > 1e-12 ? 2 - mean / gap : 0;
    shape = shape < 0 ? 0 : shape > SHAPE_MAX ? SHAPE_MAX : shape;
    t->shape = (float)shape;
    t->scale = (float)(mean * (1 - shape)); /* so that the mean is right whatever the shape */
}

static size_t distinct(float *x, float *y, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (kept && x[i] <= x[kept - 1])
            continue; /* the first of equals has the right part */
        x[kept] = x[i];
        y[kept++] = y[i];
    }
    return kept;
}

void tail_fit(struct tail *t, const float *value, size_t n)
{
    float *v = mem_array(float, n);
    memcpy(v, value, n * sizeof *v);
    qsort(v, n, sizeof *v, by_value);
    /* The tail is the highest √n, but at least 20 where there are so many. */
    size_t top = (size_t)sqrt((double)n);
    top = top > 20 ? top : n < 40 ? n / 2 : 20;
    size_t body = n - top;
    size_t knots = body < TAIL_KNOTS ? body + 1 : TAIL_KNOTS;
    float x[TAIL_KNOTS], y[TAIL_KNOTS];
    if (body == 0)
        knots = 1;
    for (size_t k = 0; k < knots; k++) {
        size_t i = knots > 1 ? k * (body < n ? body : n - 1) / (knots - 1) : 0;
        while (i > 0 && v[i - 1] >= v[i])
            i--; /* all that are equal are at least so high */
        x[k] = v[i];
        y[k] = (float)-log(part_above(i, n));
    }
    t->knots = (uint32_t)distinct(x, y, knots);
    memcpy(t->x, x, sizeof x);
    memcpy(t->y, y, sizeof y);
    float u = t->x[t->knots - 1];
    size_t first = n;
    while (first > 0 && v[first - 1] > u)
        first--;
    for (size_t i = first; i < n; i++)
        v[i] -= u;
    t->beyond = (uint32_t)(n - first);
    if (first < n)
        fit_excess(t, v + first, n - first);
    /* Where the highest are all the same: a hundredth of the whole range, or of the value. */
    float range = u - v[0];
    float least = 1e-6f + 0.01f * (range > 0 ? range : fabsf(u));
    if (!(t->scale >= least))
        t->scale = least;
    mem_free(v);
}

float tail_of(const struct tail *t, float value)
{
    size_t last = t->knots - 1u;
    if (value >= t->x[last]) {
        float z = (value - t->x[last]) / t->scale;
        return t->y[last] + (t->shape > 1e-4f ? log1pf(t->shape * z) / t->shape : z);
    }
    if (value <= t->x[0])
        return t->y[0];
    size_t a = 0, b = last; /* x[a] < value < x[b] */
    while (b - a > 1) {
        size_t mid = (a + b) / 2;
        if (t->x[mid] <= value)
            a = mid;
        else
            b = mid;
    }
    return t->y[a] + (t->y[b] - t->y[a]) * (value - t->x[a]) / (t->x[b] - t->x[a]);
}

/* ---- sets of events ---- */

static int by_event(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* The different events of a session, ascending, into `out` (n); returns how many. */
static size_t kinds_of(const uint32_t *event, size_t n, uint32_t *out)
{
    if (n == 0)
        return 0;
    memcpy(out, event, n * sizeof *out);
    qsort(out, n, sizeof *out, by_event);
    size_t kept = 1;
    for (size_t i = 1; i < n; i++) {
        if (out[i] != out[kept - 1])
            out[kept++] = out[i];
    }
    return kept;
}

static size_t common(const uint32_t *a, size_t an, const uint32_t *b, size_t bn)
{
    size_t n = 0;
    for (size_t i = 0, j = 0; i < an && j < bn;) {
        n += a[i] == b[j];
        bool less = a[i] <= b[j], more = a[i] >= b[j];
        i += less;
        j += more;
    }
    return n;
}

/* kinds: 1 - the cosine of the most alike set, 0 where the very same is known, 1 where nothing is shared.
 * lack: least of what a set has that is lacking here, and a tenth of what is here but not in the set. */
static void compare(const struct judge *j, const uint32_t *kinds, size_t n, float view[VIEW_COUNT])
{
    float best = 0, lack = (float)n;
    for (uint32_t s = 0; s < j->sets; s++) {
        const uint32_t *set = j->member + j->start[s];
        size_t m = j->start[s + 1] - j->start[s];
        size_t least = m < n ? m : n, most = m < n ? n : m;
        if (sqrtf((float)least / (float)most) <= best && (float)m - (float)least >= lack)
            continue; /* could be no better even if one were part of the other */
        size_t both = common(kinds, n, set, m);
        float cosine = both == most ? 1 : (float)both / sqrtf((float)n * (float)m);
        best = cosine > best ? cosine : best;
        float without = (float)(m - both) + 0.1f * (float)(n - both);
        lack = without < lack ? without : lack;
    }
    view[VIEW_KINDS] = 1 - best;
    view[VIEW_LACK] = lack;
}

/* Is this very set there? */
static bool has_set(const struct judge *j, const uint32_t *kinds, size_t n)
{
    for (uint32_t s = 0; s < j->sets; s++) {
        const uint32_t *set = j->member + j->start[s];
        if (j->start[s + 1] - j->start[s] == n && memcmp(set, kinds, n * sizeof *set) == 0)
            return true;
    }
    return false;
}

void judge_learn_sets(struct judge *j, const struct sequences *data)
{
    size_t longest = 0, room = 0;
    for (size_t i = 0; i < data->count; i++) {
        size_t n = data->start[i + 1] - data->start[i];
        longest = n > longest ? n : longest;
    }
    uint32_t *kinds = mem_array(uint32_t, longest + 1);
    j->start = mem_array(uint32_t, JUDGE_SETS + 1);
    j->sets = 0;
    for (size_t i = 0; i < data->count && j->sets < JUDGE_SETS; i++) {
        size_t n =
            kinds_of(data->event + data->start[i], data->start[i + 1] - data->start[i], kinds);
        if (n == 0 || has_set(j, kinds, n))
            continue;
        uint32_t used = j->start[j->sets];
        if (used + n > room) {
            room = (used + n) * 2;
            j->member = mem_resize(j->member, room * sizeof *j->member);
        }
        memcpy(j->member + used, kinds, n * sizeof *kinds);
        j->start[++j->sets] = used + (uint32_t)n;
    }
    mem_free(kinds);
}

void judge_learn_novelty(struct judge *j, const struct sequences *data)
{
    /* owner: 0 none, or the one session that has the event, + 1; SEQUENCE_NONE: several have it. */
    uint32_t *owner = mem_array(uint32_t, j->vocabulary);
    for (size_t i = 0; i < data->count; i++) {
        for (uint64_t k = data->start[i]; k < data->start[i + 1]; k++) {
            uint32_t *o = &owner[data->event[k]], me = (uint32_t)i + 1;
            *o = *o == 0 || *o == me ? me : SEQUENCE_NONE;
        }
    }
    size_t with = 0;
    for (size_t i = 0; i < data->count; i++) {
        uint64_t k = data->start[i];
        while (k < data->start[i + 1] && owner[data->event[k]] == SEQUENCE_NONE)
            k++;
        with += k < data->start[i + 1];
    }
    mem_free(owner);
    float rare = -logf(((float)with + 0.5f) / ((float)data->count + 1));
    j->novel = rare * rare / 4;
}

void judge_done(struct judge *j)
{
    mem_free(j->start);
    mem_free(j->member);
}

/* ---- views ---- */

static double calmest(const float *surprise, size_t n)
{
    size_t window = n < CALM_WINDOW ? n : CALM_WINDOW;
    double sum = 0;
    for (size_t i = 0; i < window; i++)
        sum += surprise[i];
    double least = sum;
    for (size_t i = window; i < n; i++) {
        sum += (double)surprise[i] - (double)surprise[i - window];
        least = sum < least ? sum : least;
    }
    return least / (double)window;
}

void judge_look(const struct judge *j, const uint32_t *event, size_t n, const float *surprise,
                float view[VIEW_COUNT])
{
    double sum = 0;
    float worst = 0;
    view[VIEW_NEW] = 0;
    for (size_t i = 0; i <= n; i++) {
        sum += surprise[i];
        if (surprise[i] >= SEQUENCE_SURPRISE_MAX) {
            view[VIEW_NEW]++;
            continue;
        }
        worst = surprise[i] > worst ? surprise[i] : worst;
    }
    uint32_t few[64], *kinds = n > 64 ? mem_array(uint32_t, n) : few;
    size_t kept = kinds_of(event, n, kinds);
    view[VIEW_MEAN] = (float)(sum / (double)(n + 1));
    view[VIEW_CALM] = (float)calmest(surprise, n + 1);
    view[VIEW_WORST] = worst;
    view[VIEW_KINDS] = 1;
    view[VIEW_LACK] = 0;
    if (kept)
        compare(j, kinds, kept, view);
    if (kinds != few)
        mem_free(kinds);
}

/* How rare the least rare of the views of the whole is. */
static float whole_of(const struct judge *j, const float view[VIEW_COUNT])
{
    float whole = tail_of(&j->view[0], view[0]);
    for (int v = 1; v < VIEW_WORST; v++)
        whole = fminf(whole, tail_of(&j->view[v], view[v]));
    return whole;
}

/* The sum of the parts that are so high in the one and in the other bounds the part that is in either. */
float judge_score(const struct judge *j, const float view[VIEW_COUNT])
{
    float alone = tail_of(&j->view[VIEW_WORST], view[VIEW_WORST]);
    if (view[VIEW_NEW] > 0)
        alone = fmaxf(alone, j->novel);
    float high = fmaxf(whole_of(j, view), alone - ALONE);
    float a = tail_of(&j->whole, high), b = high + ALONE, less = fminf(a, b);
    return fmaxf(0, less - log1pf(expf(-fabsf(a - b))));
}

/* Where tails were fitted to k values, the error of their scale is about 1/√k of it: take the upper end of
 * what it may be (one in twenty is above). */
float judge_threshold(const struct judge *j, float y)
{
    const struct tail *t = &j->view[VIEW_WORST];
    float known = t->y[t->knots - 1], k = t->beyond > 4 ? (float)t->beyond : 4;
    return y <= known ? y : known + (y - known) * (1 + 1.645f / sqrtf(k));
}

void judge_fit(struct judge *j, const float *view, size_t n)
{
    float *column = mem_array(float, n);
    for (int v = 0; v < VIEW_TAILS; v++) {
        for (size_t i = 0; i < n; i++)
            column[i] = view[i * VIEW_COUNT + (size_t)v];
        tail_fit(&j->view[v], column, n);
    }
    for (size_t i = 0; i < n; i++)
        column[i] = whole_of(j, view + i * VIEW_COUNT);
    tail_fit(&j->whole, column, n);
    /* A part e^-x is so high in one view, so no more than that in all. */
    j->whole.shape = 0;
    j->whole.scale = fminf(j->whole.scale, 1);

    mem_free(column);
}

/* ---- bytes ---- */

static void put_tail(struct sbuf *out, const struct tail *t)
{
    put_u64(out, t->knots);
    put_u64(out, t->beyond);
    put_floats(out, t->x, t->knots);
    put_floats(out, t->y, t->knots);
    put_floats(out, (float[]){t->scale, t->shape}, 2);
}

static bool take_tail(struct reader *r, struct tail *t)
{
    uint64_t knots = take_u64(r), beyond = take_u64(r);
    float last[2];
    if (!r->ok || knots < 1 || beyond > UINT32_MAX || knots > TAIL_KNOTS ||
        !take_floats(r, t->x, knots) || !take_floats(r, t->y, knots) || !take_floats(r, last, 2))
        return false;
    for (size_t i = 1; i < knots; i++) {
        if (!(t->x[i] > t->x[i - 1]) || !(t->y[i] >= t->y[i - 1]))
            return false;
    }
    t->knots = (uint32_t)knots;
    t->beyond = (uint32_t)beyond;
    t->scale = last[0];
    t->shape = last[1];
    /* Within what a fit can make of any surprises: sums stay finite. */
    return t->y[0] >= 0 && t->y[knots - 1] < 1e6f && fabsf(t->x[0]) < 1e9f &&
           fabsf(t->x[knots - 1]) < 1e9f && t->scale >= 1e-7f && t->scale < 1e9f && t->shape >= 0 &&
           t->shape <= 1;
}

/* sets, where each starts, members; then the tails of the views, what new events count, the tail of the whole. */
void judge_write(const struct judge *j, struct sbuf *out)
{
    put_u64(out, j->sets);
    for (uint32_t s = 1; s <= j->sets; s++)
        put_u64(out, j->start[s]);
    for (uint32_t i = 0; j->sets && i < j->start[j->sets]; i++)
        put_u64(out, j->member[i]);
    for (int v = 0; v < VIEW_TAILS; v++)
        put_tail(out, &j->view[v]);
    put_floats(out, &j->novel, 1);
    put_tail(out, &j->whole);
}

static bool take_sets(struct judge *j, struct reader *r)
{
    uint64_t sets = take_u64(r);
    if (!r->ok || sets > JUDGE_SETS)
        return false;
    j->start = mem_array(uint32_t, sets + 1);
    for (uint64_t s = 1; s <= sets; s++) {
        uint64_t start = take_u64(r);
        if (!r->ok || start <= j->start[s - 1] || start > rd_left(r) / 8)
            return false;
        j->start[s] = (uint32_t)start;
    }
    size_t members = j->start[sets];
    j->member = mem_array(uint32_t, members + 1);
    for (uint64_t s = 0; s < sets; s++) {
        for (uint32_t i = j->start[s]; i < j->start[s + 1]; i++) {
            uint64_t event = take_u64(r);
            if (!r->ok || event >= j->vocabulary || (i > j->start[s] && event <= j->member[i - 1]))
                return false;
            j->member[i] = (uint32_t)event;
        }
    }
    j->sets = (uint32_t)sets;
    return true;
}

status judge_read(struct judge *j, struct reader *r, struct error *err)
{
    bool good = take_sets(j, r);
    for (int v = 0; good && v < VIEW_TAILS; v++)
        good = take_tail(r, &j->view[v]);
    good = good && take_floats(r, &j->novel, 1) && j->novel >= 0 && j->novel < 1e6f;
    if (!good || !take_tail(r, &j->whole))
        return fail(err, ST_INVALID, "what normal sessions score is cut short or can not be");
    return ST_OK;
}
