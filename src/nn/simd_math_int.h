/* SPDX-License-Identifier: Apache-2.0 */
/* simd_math_int.h - all kernels but the matrix product, written once for vectors of any length: see simd_gemm_int.h.
 *
 * exp: x = n·ln 2 + r, and a polynomial for eʳ; tanh: a polynomial near 0, else from exp.  The polynomials are those of
 * Moshier's Cephes library (expf, tanhf).  Measured on two million points against double: tanh is within 1.4e-7 of its value,
 * sigmoid within 1.6e-7 from -85 on, gelu within 2e-7 above 0 and by 5e-8 below. */
#ifdef VARIANT

/* ---- functions of a vector ---- */

INLINE vec v_exp(vec x) /* 0 below -87.3, e⁸⁸ from 88 on, NaN for NaN */
{
    vec least = v_set(-87.3f), in = x;
    x = v_max(least, v_min(v_set(88.0f), x));
    vec n = v_round(v_mul(x, v_set(1.44269504f)));
    vec r = v_fma(n, v_set(-0.693359375f), x);
    r = v_fma(n, v_set(2.12194440e-4f), r);
    vec p = v_set(1.9875691500e-4f);
    p = v_fma(p, r, v_set(1.3981999507e-3f));
    p = v_fma(p, r, v_set(8.3334519073e-3f));
    p = v_fma(p, r, v_set(4.1665795894e-2f));
    p = v_fma(p, r, v_set(1.6666665459e-1f));
    p = v_fma(p, r, v_set(5.0000001201e-1f));
    p = v_add(v_fma(p, v_mul(r, r), r), v_set(1));
    return v_less(in, least, v_set(0), v_scale(p, n));
}

INLINE vec v_sigmoid(vec x)
{
    vec one = v_set(1);
    return v_div(one, v_add(one, v_exp(v_sub(v_set(0), x))));
}

INLINE vec v_tanh(vec x)
{
    vec a = v_abs(x), one = v_set(1), s = v_mul(x, x);
    vec p = v_set(-5.70498872745e-3f);
    p = v_fma(p, s, v_set(2.06390887954e-2f));
    p = v_fma(p, s, v_set(-5.37397155531e-2f));
    p = v_fma(p, s, v_set(1.33314422036e-1f));
    p = v_fma(p, s, v_set(-3.33332819422e-1f));
    vec small = v_fma(v_mul(p, s), x, x);
    vec large = v_sub(one, v_div(v_set(2), v_add(v_exp(v_add(a, a)), one)));
    return v_less(a, v_set(0.625f), small, v_sign(large, x));
}

/* 2·√(2/π)·(x + 0.044715 x³), whose sigmoid times x is gelu: no difference of nearly equal numbers. */
INLINE vec v_gelu_in(vec x)
{
    vec s = v_mul(x, x);
    return v_mul(x, v_fma(s, v_set(0.0713548162726f), v_set(1.59576912161f)));
}
INLINE vec v_gelu(vec x)
{
    return v_mul(x, v_sigmoid(v_gelu_in(x)));
}
INLINE vec v_gelu_slope(vec x)
{
    vec s = v_sigmoid(v_gelu_in(x)),
        in = v_fma(v_mul(x, x), v_set(0.214064448818f), v_set(1.59576912161f));
    return v_fma(v_mul(v_mul(x, in), s), v_sub(v_set(1), s), s);
}
INLINE vec v_relu(vec x)
{
    return v_max(v_set(0), x);
}

/* ---- loops ---- */

/* NAME(x…, n): `body`, with x…[i] as vectors, goes where the first is. */
#define EACH1(NAME, x, body)                                                                       \
    TARGET static void NAME(float *x##_at, size_t n)                                               \
    {                                                                                              \
        for (; n >= LANES; n -= LANES, x##_at += LANES) {                                          \
            vec x = v_load(x##_at);                                                                \
            v_store(x##_at, body);                                                                 \
        }                                                                                          \
        if (n) {                                                                                   \
            part some = v_part(n);                                                                 \
            vec x = v_load_part(x##_at, some);                                                     \
            v_store_part(x##_at, some, body);                                                      \
        }                                                                                          \
    }
#define EACH2(NAME, y, x, body)                                                                    \
    TARGET static void NAME(float *y##_at, const float *x##_at, size_t n)                          \
    {                                                                                              \
        for (; n >= LANES; n -= LANES, y##_at += LANES, x##_at += LANES) {                         \
            vec y = v_load(y##_at), x = v_load(x##_at);                                            \
            v_store(y##_at, body);                                                                 \
        }                                                                                          \
        if (n) {                                                                                   \
            part some = v_part(n);                                                                 \
            vec y = v_load_part(y##_at, some), x = v_load_part(x##_at, some);                      \
            v_store_part(y##_at, some, body);                                                      \
        }                                                                                          \
    }

EACH1(k_relu, x, v_relu(x))
EACH1(k_tanh, x, v_tanh(x))
EACH1(k_sigmoid, x, v_sigmoid(x))
EACH1(k_gelu, x, v_gelu(x))
EACH2(k_add, y, x, v_add(y, x))
EACH2(k_mul, y, x, v_mul(y, x))
EACH2(k_relu_back, d, y, v_less(v_set(0), y, d, v_set(0)))
EACH2(k_tanh_back, d, y, v_mul(d, v_sub(v_set(1), v_mul(y, y))))
EACH2(k_sigmoid_back, d, y, v_mul(d, v_mul(y, v_sub(v_set(1), y))))
EACH2(k_gelu_back, d, x, v_mul(d, v_gelu_slope(x)))

INLINE size_t lanes(size_t left)
{
    return left < LANES ? left : LANES;
}

TARGET static void k_axpy(float *y, float f, const float *x, size_t n)
{
    vec factor = v_set(f);
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        v_store(y + i, v_fma(factor, v_load(x + i), v_load(y + i)));
    if (i < n) {
        part some = v_part(n - i);
        vec old = v_load_part(y + i, some);
        v_store_part(y + i, some, v_fma(factor, v_load_part(x + i, some), old));
    }
}

TARGET static void k_mul_add(float *y, const float *a, const float *b, size_t n)
{
    for (size_t i = 0; i < n; i += LANES) {
        part some = v_part(lanes(n - i));
        vec old = v_load_part(y + i, some), x = v_load_part(a + i, some);
        v_store_part(y + i, some, v_fma(x, v_load_part(b + i, some), old));
    }
}

TARGET static float k_square_gap(float *each, const float *x, const float *y, size_t n)
{
    vec total = v_set(0);
    for (size_t i = 0; i < n; i += LANES) {
        part some = v_part(lanes(n - i));
        vec gap = v_sub(v_load_part(x + i, some), v_load_part(y + i, some));
        total = v_fma(gap, gap, total);
        if (each)
            v_store_part(each + i, some, v_mul(gap, gap));
    }
    return v_sum(total);
}

/* ---- rows ---- */

TARGET static float row_top(const float *x, size_t n)
{
    vec top = v_set(-INFINITY);
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        top = v_max(top, v_load(x + i));
    float most = v_top(top);
    for (; i < n; i++)
        most = x[i] > most ? x[i] : most;
    return most;
}

TARGET static void k_softmax(float *x, size_t n)
{
    vec top = v_set(row_top(x, n)), total = v_set(0);
    for (size_t i = 0; i < n; i += LANES) {
        part some = v_part(lanes(n - i));
        vec e = v_exp(v_sub(v_load_part(x + i, some), top));
        v_store_part(x + i, some, e);
        total = v_add(total, v_only(some, e));
    }
    vec over = v_set(1 / v_sum(total));
    for (size_t i = 0; i < n; i += LANES) {
        part some = v_part(lanes(n - i));
        v_store_part(x + i, some, v_mul(v_load_part(x + i, some), over));
    }
}

TARGET static void k_log_softmax(float *x, size_t n)
{
    float most = row_top(x, n);
    vec top = v_set(most), total = v_set(0);
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        total = v_add(total, v_exp(v_sub(v_load(x + i), top)));
    if (i < n) {
        part some = v_part(n - i);
        total = v_add(total, v_only(some, v_exp(v_sub(v_load_part(x + i, some), top))));
    }
    vec off = v_set(most + logf(v_sum(total)));
    for (i = 0; i < n; i += LANES) {
        part some = v_part(lanes(n - i));
        v_store_part(x + i, some, v_sub(v_load_part(x + i, some), off));
    }
}

TARGET static float row_sum(const float *x, size_t n)
{
    vec total = v_set(0);
    for (size_t i = 0; i < n; i += LANES)
        total = v_add(total, v_load_part(x + i, v_part(lanes(n - i))));
    return v_sum(total);
}

TARGET static void k_layer_norm(const struct nn_norm *l, const float *x, float *y, float *keep)
{
    float mean = row_sum(x, l->n) / (float)l->n, squares = 0;
    vec middle = v_set(mean);
    for (size_t i = 0; i < l->n; i += LANES)
        v_store_part(y + i, v_part(lanes(l->n - i)),
                     v_sub(v_load_part(x + i, v_part(lanes(l->n - i))), middle));
    squares = dot(y, y, l->n);
    float scale = 1 / sqrtf(squares / (float)l->n + NN_NORM_EPSILON);
    for (size_t i = 0; i < l->n; i += LANES) {
        part some = v_part(lanes(l->n - i));
        vec h = v_mul(v_load_part(y + i, some), v_set(scale));
        vec bias = v_load_part(l->bias + i, some);
        v_store_part(y + i, some, v_fma(h, v_load_part(l->gain + i, some), bias));
    }
    if (keep) {
        keep[0] = mean;
        keep[1] = scale;
    }
}

/* With h = (x - mean)·scale and g = dy·gain: dx = scale·(g - mean(g) - h·mean(g·h)). */
TARGET static void k_layer_norm_back(const struct nn_norm *l, const float *x, const float *keep,
                                     const float *dy, float *dx)
{
    vec mean = v_set(keep[0]), scale = v_set(keep[1]), total = v_set(0), along = v_set(0);
    for (size_t i = 0; i < l->n; i += LANES) {
        part some = v_part(lanes(l->n - i));
        vec d = v_load_part(dy + i, some), g = v_mul(d, v_load_part(l->gain + i, some));
        vec h = v_mul(v_sub(v_load_part(x + i, some), mean), scale);
        v_store_part(l->gain_d + i, some, v_fma(d, h, v_load_part(l->gain_d + i, some)));
        v_store_part(l->bias_d + i, some, v_add(d, v_load_part(l->bias_d + i, some)));
        total = v_add(total, g);
        along = v_fma(g, h, along);
    }
    vec g_mean = v_set(v_sum(total) / (float)l->n), gh_mean = v_set(v_sum(along) / (float)l->n);
    for (size_t i = 0; i < l->n; i += LANES) {
        part some = v_part(lanes(l->n - i));
        vec g = v_mul(v_load_part(dy + i, some), v_load_part(l->gain + i, some));
        vec h = v_mul(v_sub(v_load_part(x + i, some), mean), scale);
        v_store_part(dx + i, some, v_mul(scale, v_sub(v_sub(g, g_mean), v_mul(h, gh_mean))));
    }
}

TARGET static void k_adam(const struct nn_adam *a, const struct adam_rates *r)
{
    vec b1 = v_set(r->beta1), b2 = v_set(r->beta2), c1 = v_set(1 - r->beta1),
        c2 = v_set(1 - r->beta2), one1 = v_set(r->correct1), one2 = v_set(r->correct2),
        least = v_set(ADAM_LEAST);
    for (size_t i = 0; i < a->n; i += LANES) {
        part some = v_part(lanes(a->n - i));
        vec g = v_mul(v_load_part(a->gradient + i, some), v_set(r->scale));
        vec m = v_fma(b1, v_load_part(a->m + i, some), v_mul(c1, g));
        vec v = v_fma(b2, v_load_part(a->v + i, some), v_mul(c2, v_mul(g, g)));
        m = v_less(v_abs(m), least, v_set(0), m);
        v = v_less(v, least, v_set(0), v);
        v_store_part(a->m + i, some, m);
        v_store_part(a->v + i, some, v);
        vec under = v_add(v_sqrt(v_mul(v, one2)), v_set(r->epsilon));
        vec x = v_load_part(a->value + i, some);
        vec by = v_fma(v_set(r->decay), x, v_div(v_mul(m, one1), under));
        v_store_part(a->value + i, some, v_fma(v_set(-r->rate), by, x));
        v_store_part(a->gradient + i, some, v_set(0));
    }
}

const struct kernels VARIANT = {VARIANT_NAME,
                                gemm,
                                k_add,
                                k_axpy,
                                k_mul,
                                k_mul_add,
                                k_relu,
                                k_tanh,
                                k_sigmoid,
                                k_gelu,
                                k_relu_back,
                                k_tanh_back,
                                k_sigmoid_back,
                                k_gelu_back,
                                k_softmax,
                                k_log_softmax,
                                dot,
                                k_layer_norm,
                                k_layer_norm_back,
                                k_square_gap,
                                k_adam};

#endif
