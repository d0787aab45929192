/* SPDX-License-Identifier: Apache-2.0 */
/* Is it the same person's mouse?
 *
 * A movement is what is between two rests or clicks; what is told of it goes back to Gamboa and Fred ("A behavioral
 * biometric system based on human-computer interaction", SPIE 2004) and Feher, Elovici, Moskovitch, Rokach,
 * Schclar ("User identity verification via mouse dynamics", Information Sciences 2012): speeds, curvature,
 * deviation from the straight line.
 *
 * One movement says little, how many of them are distributed says more: a feature is put into bins that have a tenth of the
 * person's own movements each, and a session's histogram is compared with that by the root of the triangular
 * discrimination (Topsøe, "Some inequalities for information divergence", IEEE Trans. Information Theory 2000), less
 * what as many movements of the same person would show by chance.  The mean over the features is the
 * distance.  Nothing has to be known of other people.
 *
 * Balabit (22 sessions of 10 people; enrolled with all but one session of a person, the one left out against all
 * sessions of the others, one threshold for all): area under the ROC 0.93 and equal error rate 16 % for whole sessions, 0.87 and
 * 20 % for 100 movements.  tests/unit/dynamics_data_test.c measures it. */
#include "base/mem.h"
#include "dynamics/dynamics_int.h"

#include <math.h>

enum { BLOCK = 100, BLOCKS_MAX = 50, EVENTS_MIN = 4, PIXELS_MAX = 1000 * 1000 };
#define REST_SECONDS    0.5
#define STEP_SECONDS    0.001 /* clocks are no finer */
#define USUAL_DISTANCE  0.2   /* of 100 movements of the same person on another day */
#define USUAL_DEVIATION 0.3   /* of it, by it */
static const char magic[] = "BGMOUSE1";

const struct mouse_feature_info mouse_feature_info[MOUSE_FEATURES] = {
#define X(NAME, name, doc) [MOUSE_##NAME] = {name, doc},
#include "dynamics/mouse.def"
};

/* ---- movements ---- */

struct step { /* between two events */
    double seconds, dx, dy, length, speed;
};

static struct step step_of(const struct mouse_event *a, const struct mouse_event *b)
{
    struct step s = {.seconds = fmax(b->seconds - a->seconds, STEP_SECONDS),
                     .dx = (double)b->x - (double)a->x,
                     .dy = (double)b->y - (double)a->y};
    s.length = hypot(s.dx, s.dy);
    s.speed = s.length / s.seconds;
    return s;
}

/* Speeds, and how they change. */
static void tell_speeds(const struct mouse_event *e, size_t n, struct mouse_movement *out)
{
    double peak = -1, last = 0, push = -INFINITY, brake = INFINITY;
    size_t peak_at = 0, back = 0;
    int side = 0;
    for (size_t i = 0; i + 1 < n; i++) {
        struct step s = step_of(&e[i], &e[i + 1]);
        int now = (s.dx > 0) - (s.dx < 0);
        if (s.speed > peak) {
            peak = s.speed;
            peak_at = i;
        }
        if (i == 0) {
            out->at[MOUSE_FIRST_SPEED] = (float)s.speed;
        } else {
            push = fmax(push, (s.speed - last) / s.seconds);
            brake = fmin(brake, (s.speed - last) / s.seconds);
            back += now != side;
        }
        last = s.speed;
        side = now;
    }
    double steps = (double)(n - 1);
    out->at[MOUSE_LAST_SPEED] = (float)last;
    out->at[MOUSE_PEAK] = (float)((double)peak_at / steps);
    out->at[MOUSE_PUSH] = (float)push;
    out->at[MOUSE_BRAKE] = (float)brake;
    out->at[MOUSE_BACK] = (float)((double)back / steps);
}

static void tell_turns(const struct mouse_event *e, size_t n, struct mouse_movement *out)
{
    double before = NAN, sum = 0, most = 0;
    size_t turns = 0;
    for (size_t i = 0; i + 1 < n; i++) {
        struct step s = step_of(&e[i], &e[i + 1]);
        if (s.length <= 0)
            continue;
        double direction = atan2(s.dy, s.dx);
        if (!isnan(before)) {
            double turn = fabs(remainder(direction - before, 2 * 3.14159265358979323846));
            sum += turn;
            most = fmax(most, turn);
            turns++;
        }
        before = direction;
    }
    out->at[MOUSE_TURN] = (float)(turns ? sum / (double)turns : 0);
    out->at[MOUSE_TURN_MOST] = (float)most;
}

/* False: it went nowhere. */
static bool tell_path(const struct mouse_event *e, size_t n, struct mouse_movement *out)
{
    struct step whole = step_of(&e[0], &e[n - 1]);
    double path = 0, bulge = 0;
    for (size_t i = 0; i + 1 < n; i++) {
        struct step to = step_of(&e[0], &e[i + 1]);
        path += step_of(&e[i], &e[i + 1]).length;
        bulge =
            fmax(bulge, whole.length > 0 ? fabs(whole.dx * to.dy - whole.dy * to.dx) / whole.length
                                         : to.length);
    }
    if (path <= 0)
        return false;
    out->at[MOUSE_PATH] = (float)path;
    out->at[MOUSE_STRAIGHT] = (float)(whole.length / path);
    out->at[MOUSE_BULGE] = (float)bulge;
    out->at[MOUSE_BULGE_PART] = (float)(bulge / path);
    return true;
}

static bool possible(const struct mouse_event *e)
{
    return isfinite(e->seconds) && fabs(e->seconds) < 1e12 && fabsf(e->x) < PIXELS_MAX &&
           fabsf(e->y) < PIXELS_MAX; /* NaN is not */
}

struct movements {
    struct mouse_event *part; /* of the present one */
    size_t parts, n, max;
    struct mouse_movement *out;
};

static void end(struct movements *m)
{
    struct mouse_movement *out = &m->out[m->n];
    if (m->parts >= EVENTS_MIN && m->n < m->max && tell_path(m->part, m->parts, out)) {
        tell_speeds(m->part, m->parts, out);
        tell_turns(m->part, m->parts, out);
        m->n++;
    }
    m->parts = 0;
}

static void moved(struct movements *m, const struct mouse_event *e)
{
    if (m->parts && e->seconds - m->part[m->parts - 1].seconds > REST_SECONDS)
        end(m);
    struct mouse_event *last = m->parts ? &m->part[m->parts - 1] : NULL;
    if (!last || e->seconds > last->seconds)
        m->part[m->parts++] = *e;
    else if (e->seconds >= last->seconds) /* two at once: where it came to */
        *last = *e;
}

size_t mouse_movements(const struct mouse_event *e, size_t n, struct mouse_movement *out,
                       size_t max)
{
    struct movements m = {.part = mem_array(struct mouse_event, n + 1), .out = out, .max = max};
    for (size_t i = 0; i < n && m.n < max; i++) {
        if (!possible(&e[i]))
            continue;
        if (e[i].what == MOUSE_MOVE || e[i].what == MOUSE_DRAG)
            moved(&m, &e[i]);
        else if (e[i].what == MOUSE_PRESS || e[i].what == MOUSE_RELEASE)
            end(&m);
    }
    if (m.n < max)
        end(&m);
    mem_free(m.part);
    return m.n;
}

/* ---- templates ---- */

static int by_value(const void *a, const void *b)
{
    const float *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static unsigned bin_of(const float edge[static MOUSE_BINS - 1], float v)
{
    unsigned i = 0;
    while (i < MOUSE_BINS - 1 && v >= edge[i])
        i++;
    return i;
}

static void put_edges(struct mouse_template *t, const struct mouse_movement *m, size_t n,
                      unsigned f)
{
    float *v = mem_array(float, n);
    for (size_t i = 0; i < n; i++)
        v[i] = m[i].at[f];
    qsort(v, n, sizeof *v, by_value);
    for (unsigned b = 1; b < MOUSE_BINS; b++)
        t->edge[f][b - 1] = v[b * n / MOUSE_BINS];
    mem_free(v);
}

struct histogram {
    uint32_t n[MOUSE_FEATURES][MOUSE_BINS];
};

static void count(const struct mouse_template *t, const struct mouse_movement *m, size_t n,
                  struct histogram *h)
{
    *h = (struct histogram){0};
    for (size_t i = 0; i < n; i++)
        for (unsigned f = 0; f < MOUSE_FEATURES; f++)
            h->n[f][bin_of(t->edge[f], m[i].at[f])]++;
}

/* Parts of the n movements of `h` without those k of `less`; one movement more is spread over all bins. */
static void put_parts(struct mouse_template *t, const struct histogram *h, size_t n,
                      const struct histogram *less, size_t k)
{
    for (unsigned f = 0; f < MOUSE_FEATURES; f++)
        for (unsigned b = 0; b < MOUSE_BINS; b++) {
            double here = (double)h->n[f][b] - (double)less->n[f][b] + 1.0 / MOUSE_BINS;
            t->part[f][b] = (float)(here / ((double)(n - k) + 1));
        }
}

static double distance(const struct mouse_template *t, const struct histogram *h, size_t n)
{
    double sum = 0;
    /* The expected value where nothing differs: (bins - 1)/2n, from the variance of multinomial parts. */
    double chance = (MOUSE_BINS - 1) / 2.0 * (1 / (double)n + 1 / fmax(t->movements, 1));
    for (unsigned f = 0; f < MOUSE_FEATURES; f++) {
        double differ = 0;
        for (unsigned b = 0; b < MOUSE_BINS; b++) {
            double p = (double)t->part[f][b], q = (double)h->n[f][b] / (double)n;
            differ += p + q > 0 ? (p - q) * (p - q) / (p + q) : 0;
        }
        sum += sqrt(fmax(differ - chance, 0));
    }
    return sum / MOUSE_FEATURES;
}

/* The mean distance of blocks of the person's own movements from the rest of them.  Blocks of the same days are alike, so half
 * of it is what is usual for people; and so is its deviation, which these blocks would show too small. */
static void calibrate(struct mouse_template *t, const struct mouse_movement *m, size_t n,
                      const struct histogram *all)
{
    struct mouse_template rest = *t;
    size_t blocks = n / BLOCK < BLOCKS_MAX ? n / BLOCK : BLOCKS_MAX;
    double sum = 0;
    for (size_t i = 0; i < blocks; i++) {
        struct histogram own;
        count(t, m + i * (n / blocks), BLOCK, &own);
        put_parts(&rest, all, n, &own, BLOCK);
        sum += distance(&rest, &own, BLOCK);
    }
    t->usual = (float)((sum / (double)blocks + USUAL_DISTANCE) / 2);
    t->deviation = (float)USUAL_DEVIATION * t->usual;
}

status mouse_fit(const struct mouse_movement *m, size_t n, struct mouse_template *out,
                 struct error *err)
{
    struct mouse_template t = {.movements = (uint32_t)n};
    struct histogram all, none = {0};
    if (n < MOUSE_ENROL_MIN || n > UINT32_MAX)
        return fail(err, ST_INVALID, "%zu movements; at least %d are needed to know a person by", n,
                    MOUSE_ENROL_MIN);
    for (unsigned f = 0; f < MOUSE_FEATURES; f++)
        put_edges(&t, m, n, f);
    count(&t, m, n, &all);
    put_parts(&t, &all, n, &none, 0);
    calibrate(&t, m, n, &all);
    *out = t;
    return ST_OK;
}

double mouse_distance(const struct mouse_template *t, const struct mouse_movement *m, size_t n)
{
    struct histogram h;
    if (n == 0)
        return 0;
    count(t, m, n, &h);
    return distance(t, &h, n);
}

double mouse_score(const struct mouse_template *t, double d, size_t n)
{
    double sure = fmin((double)n / BLOCK, 1);
    double score = dynamics_score(d, (double)t->usual, (double)t->deviation);
    return 0.5 + (score - 0.5) * sure;
}

/* ---- bytes: movements, usual, deviation, edges, parts ---- */

void mouse_write(const struct mouse_template *t, struct sbuf *out)
{
    size_t start = out->n;
    sbuf_addz(out, magic);
    put_u32(out, t->movements);
    put_floats(out, (const float[]){t->usual, t->deviation}, 2);
    put_floats(out, t->edge[0], sizeof t->edge / sizeof(float));
    put_floats(out, t->part[0], sizeof t->part / sizeof(float));
    dynamics_seal(out, start);
}

static bool sane(const struct mouse_template *t)
{
    bool ok = isfinite(t->usual) && t->usual >= 0 && isfinite(t->deviation) && t->deviation >= 0;
    for (unsigned f = 0; f < MOUSE_FEATURES && ok; f++) {
        for (unsigned b = 0; b + 1 < MOUSE_BINS && ok; b++)
            ok = isfinite(t->edge[f][b]) && (b == 0 || t->edge[f][b] >= t->edge[f][b - 1]);
        for (unsigned b = 0; b < MOUSE_BINS && ok; b++)
            ok = t->part[f][b] >= 0 && t->part[f][b] <= 1; /* NaN is not */
    }
    return ok;
}

status mouse_read(str bytes, struct mouse_template *out, struct error *err)
{
    struct reader r;
    struct mouse_template t;
    float distance_of[2];
    if (!dynamics_unseal(bytes, magic, &r))
        return fail(err, ST_INVALID, "these %zu bytes are no template of a mouse", bytes.n);
    t.movements = get_u32(&r);
    get_floats(&r, distance_of, 2);
    t.usual = distance_of[0];
    t.deviation = distance_of[1];
    get_floats(&r, t.edge[0], sizeof t.edge / sizeof(float));
    get_floats(&r, t.part[0], sizeof t.part / sizeof(float));
    if (!r.ok || rd_left(&r) || !sane(&t))
        return fail(err, ST_INVALID, "a template of a mouse with numbers that can not be");
    *out = t;
    return ST_OK;
}
