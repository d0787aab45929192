/* SPDX-License-Identifier: Apache-2.0 */
/* Adam, and numbers in files.
 *
 *     "BGADAM01" | u64 n | u64 step | f32 rate, beta1, beta2, epsilon, decay, clip | f32 value (n), m (n), v (n)
 */
#include "base/mem.h"
#include "nn/nn_int.h"

static const char magic[] = "BGADAM01";

/* ---- bytes ---- */

void put_float(struct sbuf *out, float x)
{
    uint32_t u;
    memcpy(&u, &x, sizeof u);
    char p[4] = {(char)u, (char)(u >> 8), (char)(u >> 16), (char)(u >> 24)};
    sbuf_add(out, (str){p, sizeof p});
}
static float float_at(const char *p)
{
    uint32_t u = 0;
    for (int i = 0; i < 4; i++)
        u |= (uint32_t)(unsigned char)p[i] << 8 * i;
    float x;
    memcpy(&x, &u, sizeof x);
    return x;
}
float take_float(struct reader *r)
{
    str s = rd_take(r, 4);
    return r->ok ? float_at(s.p) : 0;
}
void put_double(struct sbuf *out, double x)
{
    uint64_t u;
    memcpy(&u, &x, sizeof u);
    put_u64(out, u);
}
double take_double(struct reader *r)
{
    uint64_t u = take_u64(r);
    double x;
    memcpy(&x, &u, sizeof x);
    return x;
}
void put_floats(struct sbuf *out, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        put_float(out, x[i]);
}
bool take_floats(struct reader *r, float *x, size_t n)
{
    str s = n <= rd_left(r) / 4 ? rd_take(r, n * 4) : (str){0};
    if (!r->ok || s.n != n * 4)
        return r->ok = false;
    for (size_t i = 0; i < n; i++)
        x[i] = float_at(s.p + i * 4);
    r->ok = nn_finite(x, n);
    return r->ok;
}

/* ---- Adam ---- */

void nn_adam_init(struct nn_adam *a, size_t n, float rate)
{
    *a = (struct nn_adam){
        .n = n, .rate = rate, .beta1 = 0.9f, .beta2 = 0.999f, .epsilon = 1e-8f, .decay = 0};
    size_t each = size_mul((size_add(n, 15) / 16), 16); /* each on a cache line of its own */
    size_t bytes = size_mul(size_mul(each, 4), sizeof(float));
    a->value = mem_aligned(64, bytes);
    memset(a->value, 0, bytes);
    a->gradient = a->value + each;
    a->m = a->gradient + each;
    a->v = a->m + each;
}

void nn_adam_done(struct nn_adam *a)
{
    mem_free(a->value);
    *a = (struct nn_adam){0};
}

/* Length of the gradient; summed in pieces, as a float has but 24 bits. */
static double gradient_length(const struct nn_adam *a)
{
    enum { PIECE = 1024 };
    double sum = 0;
    for (size_t i = 0; i < a->n; i += PIECE) {
        size_t n = a->n - i < PIECE ? a->n - i : PIECE;
        sum += (double)nn_dot(a->gradient + i, a->gradient + i, n);
    }
    return sqrt(sum);
}

void nn_adam_step(struct nn_adam *a)
{
    double length = a->clip > 0 ? gradient_length(a) : 0, t = (double)++a->step;
    struct adam_rates r = {
        .scale = length > (double)a->clip ? (float)((double)a->clip / length) : 1,
        .beta1 = a->beta1,
        .beta2 = a->beta2,
        .correct1 = (float)(1 / (1 - pow((double)a->beta1, t))),
        .correct2 = (float)(1 / (1 - pow((double)a->beta2, t))),
        .rate = a->rate,
        .epsilon = a->epsilon,
        .decay = a->decay,
    };
    kernels_used()->adam(a, &r);
}

void nn_adam_write(const struct nn_adam *a, struct sbuf *out)
{
    sbuf_addz(out, magic);
    put_u64(out, a->n);
    put_u64(out, a->step);
    put_floats(out, (const float[]){a->rate, a->beta1, a->beta2, a->epsilon, a->decay, a->clip}, 6);
    put_floats(out, a->value, a->n);
    put_floats(out, a->m, a->n);
    put_floats(out, a->v, a->n);
}

static bool rates_valid(const float r[6])
{
    bool valid = r[0] >= 0 && r[3] > 0 && r[4] >= 0 && r[5] >= 0;
    return valid && r[1] >= 0 && r[1] < 1 && r[2] >= 0 && r[2] < 1;
}
static bool none_negative(const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (x[i] < 0)
            return false;
    return true;
}

status nn_adam_read(struct nn_adam *a, str bytes, struct error *err)
{
    struct reader r = reader_of(bytes);
    rd_expect(&r, STR("BGADAM01"));
    uint64_t n = take_u64(&r), step = take_u64(&r);
    if (!r.ok || n != a->n)
        return fail(err, ST_INVALID, "not the state of an optimizer of %zu numbers", a->n);
    struct nn_adam b;
    nn_adam_init(&b, a->n, 0);
    float rates[6] = {0};
    bool ok = take_floats(&r, rates, 6) && take_floats(&r, b.value, b.n) &&
              take_floats(&r, b.m, b.n) && take_floats(&r, b.v, b.n);
    if (!ok || rd_left(&r) || !rates_valid(rates) || !none_negative(b.v, b.n)) {
        nn_adam_done(&b);
        return fail(err, ST_INVALID, "the optimizer's state is cut or damaged");
    }
    b.step = step;
    b.rate = rates[0], b.beta1 = rates[1], b.beta2 = rates[2];
    b.epsilon = rates[3], b.decay = rates[4], b.clip = rates[5];
    nn_adam_done(a);
    *a = b;
    return ST_OK;
}
