/* SPDX-License-Identifier: Apache-2.0 */
#include "eval/eval_int.h"

#include <math.h>

double eval_threshold_f1(const float *score, const uint8_t *label, size_t n)
{
    struct ladder l;
    double attack = 0, normal = 0, best = 0, threshold;
    ladder_init(&l, score, label, n);
    threshold = l.n ? (double)nextafterf(l.step[0].score, INFINITY) : 0;
    for (size_t i = 0; i < l.n && isfinite(l.step[i].score); i++) {
        attack += l.step[i].attack;
        normal += l.step[i].normal;
        double f1 = 2 * attack / (attack + normal + (double)l.attack);
        if (f1 <= best)
            continue;
        double here = (double)l.step[i].score,
               next = i + 1 < l.n ? (double)l.step[i + 1].score : here;
        best = f1;
        threshold = isfinite(next) ? (here + next) / 2 : here;
    }
    ladder_done(&l);
    return threshold;
}

double eval_threshold_fpr(const float *score, const uint8_t *label, size_t n, double fpr)
{
    struct ladder l;
    double normal = 0, threshold = 0;
    ladder_init(&l, score, label, n);
    double most = fpr * (double)l.normal + 1e-9; /* 0.001 of 1,000 is 1, however it is rounded */
    /* Minus infinity is no score, or below all of them: never a threshold. */
    for (size_t i = 0; i < l.n && l.normal && l.step[i].score > -INFINITY; i++) {
        normal += l.step[i].normal;
        if (normal > most) { /* so it must be above this score */
            threshold = (double)nextafterf(l.step[i].score, INFINITY);
            break;
        }
        threshold = (double)l.step[i].score;
    }
    ladder_done(&l);
    return threshold;
}
