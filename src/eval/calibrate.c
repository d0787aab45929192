/* SPDX-License-Identifier: Apache-2.0 */
/* Scores to 0..1.
 *
 * Isotonic regression as it is in the books answers steps: all rows of a step get one probability, and the order that
 * the model gave them is gone, most of all at the top, where thresholds are set.  So here each step is one knot, at the
 * mean of its scores, with straight lines between; the first and the last step are drawn on to the lowest
 * and highest score seen, half-way to 0 and 1; and beyond those the curve nears 0 and 1 without reaching
 * them.  One row of the other class is put at each end before, so that no probability is 0 or 1 for want of data.
 *
 * The rank of a score among normal rows has its knots at quantiles that get closer to each other towards
 * the top, and is drawn on in the same way. */
#include "base/mem.h"
#include "eval/eval_int.h"

#include <assert.h>
#include <math.h>

/* ---- Platt ---- */

/* Newton's method with backtracking, as in Lin, Lin, Weng, "A note on Platt's probabilistic outputs for support vector
 * machines" (2007).  On standardised scores, so that their scale does not matter. */
struct platt {
    const struct ladder *l;
    double mean, deviation, high, low; /* targets of attacks and normal rows */
};

static double scaled(const struct platt *p, size_t i)
{
    return ((double)p->l->step[i].score - p->mean) / p->deviation;
}

static double platt_loss(const struct platt *p, double a, double b)
{
    double loss = 0;
    for (size_t i = 0; i < p->l->n; i++) {
        const struct step *s = &p->l->step[i];
        double f = a * scaled(p, i) + b, soft = log1p(exp(-fabs(f))) + fmax(f, 0);
        /* -ln of 1 / (1 + e^f) is `soft`, and that of its complement soft - f */
        loss += s->attack * (soft - (1 - p->high) * f) + s->normal * (soft - (1 - p->low) * f);
    }
    return loss;
}

/* Gradient and Hessian of the loss. */
static void platt_slopes(const struct platt *p, double a, double b, double g[2], double h[3])
{
    g[0] = g[1] = h[1] = 0;
    h[0] = h[2] = 1e-12;
    for (size_t i = 0; i < p->l->n; i++) {
        const struct step *s = &p->l->step[i];
        double x = scaled(p, i), q = 1 / (1 + exp(a * x + b)), rows = (double)s->attack + s->normal;
        double d1 = s->attack * (p->high - q) + s->normal * (p->low - q), d2 = rows * q * (1 - q);
        g[0] += x * d1;
        g[1] += d1;
        h[0] += x * x * d2;
        h[1] += x * d2;
        h[2] += d2;
    }
}

static void platt_solve(const struct platt *p, double *a, double *b)
{
    double g[2], h[3], loss = platt_loss(p, *a, *b);
    for (int round = 0; round < 100; round++) {
        platt_slopes(p, *a, *b, g, h);
        if (fabs(g[0]) < 1e-7 && fabs(g[1]) < 1e-7)
            return;
        double det = h[0] * h[2] - h[1] * h[1];
        double da = -(h[2] * g[0] - h[1] * g[1]) / det, db = -(h[0] * g[1] - h[1] * g[0]) / det;
        double step = 1, slope = g[0] * da + g[1] * db, next;
        for (;; step /= 2) {
            if (step < 1e-10)
                return;
            next = platt_loss(p, *a + step * da, *b + step * db);
            if (next < loss + 1e-4 * step * slope)
                break;
        }
        *a += step * da;
        *b += step * db;
        loss = next;
    }
}

static void fit_platt(struct calibration *c, const struct ladder *l)
{
    double attacks = (double)l->attack, normals = (double)l->normal, all = attacks + normals;
    struct platt p = {.l = l, .high = (attacks + 1) / (attacks + 2), .low = 1 / (normals + 2)};
    double square = 0, a = 0, b = log((normals + 1) / (attacks + 1));
    for (size_t i = 0; i < l->n; i++)
        p.mean += ((double)l->step[i].attack + l->step[i].normal) / all * (double)l->step[i].score;
    for (size_t i = 0; i < l->n; i++) {
        double d = (double)l->step[i].score - p.mean;
        square += ((double)l->step[i].attack + l->step[i].normal) / all * d * d;
    }
    p.deviation = square > 0 ? sqrt(square) : 1;
    platt_solve(&p, &a, &b);
    a = fmin(a, 0); /* scores that are worse than none: the part of attacks for all */
    if (a >= 0)
        b = log(normals / attacks);
    c->a = a / p.deviation;
    c->b = b - c->a * p.mean;
}

/* ---- knots ---- */

static void knot(struct calibration *c, double x, double y)
{
    assert(c->knots < CALIBRATION_KNOTS);
    float fx = (float)x, fy = (float)y;
    if (c->knots && fx <= c->x[c->knots - 1])
        return;
    if (c->knots)
        fy = fmaxf(fy, c->y[c->knots - 1]);
    c->x[c->knots] = fx;
    c->y[c->knots++] = fy;
}

/* How wide is a step outside: the spread of what was seen. */
static void set_tails(struct calibration *c)
{
    double spread = (double)c->x[c->knots - 1] - (double)c->x[0];
    c->a = spread > 0 ? spread : 1;
}

/* ---- isotonic ---- */

struct pool {
    double attack, rows, sum; /* sum: of scores */
};

static double part_of(const struct pool *p)
{
    return p->attack / p->rows;
}

static void pool_into(struct pool *to, const struct pool *p)
{
    to->attack += p->attack;
    to->rows += p->rows;
    to->sum += p->sum;
}

/* Rising scores, the violators pooled; returns how many are left. */
static size_t pool_adjacent(const struct ladder *l, struct pool *pool)
{
    size_t n = 0;
    for (size_t i = l->n; i-- > 0;) {
        const struct step *s = &l->step[i];
        double rows = (double)s->attack + s->normal, attack = s->attack;
        if (i == l->n - 1) { /* an attack with the lowest score, a normal row with the highest */
            rows++;
            attack++;
        }
        rows += i == 0;
        pool[n++] = (struct pool){attack, rows, rows * (double)s->score};
        for (; n > 1 && part_of(&pool[n - 2]) >= part_of(&pool[n - 1]); n--)
            pool_into(&pool[n - 2], &pool[n - 1]);
    }
    return n;
}

/* Pool neighbours whose pooling costs least in squares until at most `most` are left. */
static size_t pool_least(struct pool *pool, size_t n, size_t most)
{
    while (n > most) {
        size_t best = 0;
        double least = INFINITY;
        for (size_t i = 0; i + 1 < n; i++) {
            const struct pool *p = &pool[i], *q = p + 1;
            double gap = part_of(q) - part_of(p),
                   cost = gap * gap * p->rows * q->rows / (p->rows + q->rows);
            if (cost < least) {
                least = cost;
                best = i;
            }
        }
        pool_into(&pool[best], &pool[best + 1]);
        memmove(&pool[best + 1], &pool[best + 2], (n - best - 2) * sizeof *pool);
        n--;
    }
    return n;
}

static void fit_isotonic(struct calibration *c, const struct ladder *l)
{
    struct pool *pool = mem_array(struct pool, l->n);
    size_t n = pool_least(pool, pool_adjacent(l, pool), CALIBRATION_KNOTS - 2);
    knot(c, (double)l->step[l->n - 1].score, part_of(&pool[0]) / 2);
    for (size_t i = 0; i < n; i++)
        knot(c, pool[i].sum / pool[i].rows, part_of(&pool[i]));
    knot(c, (double)l->step[0].score, (1 + part_of(&pool[n - 1])) / 2);
    set_tails(c);
    mem_free(pool);
}

/* ---- rank ---- */

static const double RANK_TOP =
    0.9999; /* of the highest normal row; what is beyond needs room, too */

/* Knots at every 128th part, and above 127/128 at parts of the rest that are halved sixteen times. */
static double quantile(size_t i)
{
    enum { LINEAR = 128, EACH = 4, LAST = LINEAR + 16 * EACH };
    if (i >= LAST)
        return 2; /* no more */
    return i < LINEAR ? (double)i / LINEAR : 1 - exp2(-(double)(i - LINEAR) / EACH) / LINEAR;
}

static void fit_rank(struct calibration *c, const struct ladder *l)
{
    double all = (double)l->normal, below = 0;
    size_t next = 0;
    for (size_t i = l->n; i-- > 0;) {
        const struct step *s = &l->step[i];
        double middle = (below + 0.5 * s->normal) / all;
        below += s->normal;
        bool last = below >= all && s->normal;
        if (s->normal == 0 || (below / all < quantile(next) && !last))
            continue;
        knot(c, (double)s->score, RANK_TOP * (last ? 1 : middle));
        while (quantile(next) <= below / all)
            next++;
    }
    set_tails(c);
}

/* ---- any ---- */

static bool usable(const struct ladder *l, enum calibration_kind *kind)
{
    if (*kind != CALIBRATION_RANK && (l->attack == 0 || l->normal == 0))
        *kind = CALIBRATION_RANK;
    return l->normal > 0;
}

/* Without rows whose score is no number. */
static void finite_only(struct ladder *l)
{
    size_t n = 0;
    l->attack = l->normal = 0;
    for (size_t i = 0; i < l->n; i++) {
        if (!isfinite(l->step[i].score))
            continue;
        l->attack += l->step[i].attack;
        l->normal += l->step[i].normal;
        l->step[n++] = l->step[i];
    }
    l->n = n;
}

void calibration_fit(struct calibration *c, enum calibration_kind kind, const float *score,
                     const uint8_t *label, size_t n)
{
    struct ladder l;
    uint8_t *normal = label ? NULL : mem_array(uint8_t, n + 1);
    *c = (struct calibration){.kind = CALIBRATION_NONE};
    ladder_init(&l, score, label ? label : normal, n);
    mem_free(normal);
    finite_only(&l);
    if (kind != CALIBRATION_NONE && usable(&l, &kind)) {
        c->kind = kind;
        if (kind == CALIBRATION_PLATT)
            fit_platt(c, &l);
        else if (kind == CALIBRATION_ISOTONIC)
            fit_isotonic(c, &l);
        else
            fit_rank(c, &l);
    }
    ladder_done(&l);
}

static double by_knots(const struct calibration *c, double s)
{
    uint32_t low = 0, high = c->knots - 1;
    double first = (double)c->x[0], last = (double)c->x[high];
    if (s <= first)
        return (double)c->y[0] / (1 + (first - s) / c->a);
    if (s >= last)
        return 1 - (1 - (double)c->y[high]) / (1 + (s - last) / c->a);
    while (high - low > 1) {
        uint32_t middle = (low + high) / 2;
        *((double)c->x[middle] <= s ? &low : &high) = middle;
    }
    double x0 = (double)c->x[low], x1 = (double)c->x[high], y0 = (double)c->y[low];
    return y0 + ((double)c->y[high] - y0) * (s - x0) / (x1 - x0);
}

float calibration_apply(const struct calibration *c, float score)
{
    double s = (double)score;
    if (c->kind == CALIBRATION_NONE || isnan(score))
        return score;
    if (c->kind == CALIBRATION_PLATT)
        return (float)(1 / (1 + exp((c->a < 0 ? c->a * s : 0) + c->b))); /* s may be infinite */
    return (float)by_knots(c, s);
}

bool calibration_sane(const struct calibration *c)
{
    if (c->kind == CALIBRATION_NONE)
        return true;
    if (c->kind == CALIBRATION_PLATT)
        return isfinite(c->a) && isfinite(c->b) && c->a <= 0;
    if (c->kind > CALIBRATION_RANK || c->knots == 0 || c->knots > CALIBRATION_KNOTS ||
        !isfinite(c->a) || c->a <= 0)
        return false;
    for (uint32_t i = 0; i < c->knots; i++) {
        bool rises = i == 0 || (c->x[i] > c->x[i - 1] && c->y[i] >= c->y[i - 1]);
        if (!rises || !isfinite(c->x[i]) || !(c->y[i] >= 0 && c->y[i] <= 1))
            return false;
    }
    return true;
}
