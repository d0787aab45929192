/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "eval/eval_int.h"

#include <math.h>

/* place (n): for an attack the part of normal rows below it, for a normal row that of attacks above, a tie counting half: the
 * structural components of DeLong et al. (1988), from one sort (Sun and Xu 2014).  The mean of either class is the AUC. */
static void places_of(const float *score, const uint8_t *label, size_t n, double *place)
{
    struct ranked r;
    double attacks = 0, normals = 0, above = 0, below;
    ranked_init(&r, score, label, n);
    for (size_t i = 0; i < r.n; i++)
        *(label[ranked_row(&r, i)] ? &attacks : &normals) += 1;
    below = normals;
    for (size_t i = 0, end; i < r.n; i = end) {
        double attack = 0, normal = 0;
        for (end = i; end < r.n && (end == i || ranked_tied(&r, end)); end++)
            *(label[ranked_row(&r, end)] ? &attack : &normal) += 1;
        below -= normal;
        for (size_t k = i; k < end; k++) {
            uint32_t row = ranked_row(&r, k);
            place[row] =
                label[row] ? (below + normal / 2) / normals : (above + attack / 2) / attacks;
        }
        above += attack;
    }
    ranked_done(&r);
}

/* Mean of a class's differences, and that mean's variance. */
static double mean_of(const double *d, const uint8_t *label, size_t n, uint8_t class,
                      double *variance)
{
    double sum = 0, square = 0, count = 0;
    for (size_t i = 0; i < n; i++) {
        sum += label[i] == class ? d[i] : 0;
        count += label[i] == class;
    }
    double mean = sum / count;
    for (size_t i = 0; i < n; i++)
        square += label[i] == class ? (d[i] - mean) * (d[i] - mean) : 0;
    *variance = square / (count - 1) / count;
    return mean;
}

double eval_delong(const float *a, const float *b, const uint8_t *label, size_t n)
{
    double *of_a = mem_array(double, n + 1), *of_b = mem_array(double, n + 1), v10, v01;
    places_of(a, label, n, of_a);
    places_of(b, label, n, of_b);
    for (size_t i = 0; i < n; i++)
        of_a[i] -= of_b[i];
    double difference = mean_of(of_a, label, n, 1, &v10);
    (void)mean_of(of_a, label, n, 0, &v01);
    mem_free(of_a);
    mem_free(of_b);
    double variance = v10 + v01;
    if (!isfinite(variance))
        return NAN; /* fewer than two rows of a class */
    if (fabs(difference) < 1e-14)
        return 1;
    return erfc(fabs(difference) / sqrt(2 * variance));
}

/* Part of the throws of a fair coin, `n` of them, that show at most `least` heads. */
static double fair_tail(double least, double n)
{
    double sum = 0,
           log_term = lgamma(n + 1) - lgamma(least + 1) - lgamma(n - least + 1) - n * M_LN2;
    double term = exp(log_term);
    for (double k = least; k >= 0 && term > 0; k--) {
        sum += term;
        term *= k / (n - k + 1);
        if (term < sum * 1e-17)
            break;
    }
    return sum;
}

double eval_mcnemar(const uint8_t *a, const uint8_t *b, const uint8_t *label, size_t n)
{
    double only_a = 0, only_b = 0, rows = 0;
    for (size_t i = 0; i < n; i++) {
        if (label[i] > 1)
            continue;
        bool a_right = (a[i] != 0) == label[i], b_right = (b[i] != 0) == label[i];
        only_a += a_right && !b_right;
        only_b += b_right && !a_right;
        rows++;
    }
    if (rows == 0)
        return NAN;
    return fmin(1, 2 * fair_tail(fmin(only_a, only_b), only_a + only_b));
}
