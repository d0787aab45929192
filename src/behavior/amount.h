/* SPDX-License-Identifier: Apache-2.0 */
/* amount.h - for files in behavior/ and its tests: how much, and how many different ones.
 *
 * One thread at a time; NULL is empty. */
#ifndef BEHAVIOR_AMOUNT_H
#define BEHAVIOR_AMOUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Quantiles of amounts that span many orders: DDSketch (Masson, Rim, Lee, "DDSketch: A fast and fully-mergeable quantile sketch
 * with relative-error guarantees", VLDB 2019).  Bin i counts what is in (1.1^(i-1), 1.1^i], so answers are 5 % off at most;
 * past 48 bins the lowest two become one, so that the upper quantiles stay.  Begins with two bins. */
enum { AMOUNT_BINS = 48, AMOUNT_BIN_MAX = 700 /* 1.1^700 is 9e28 */ };
struct amount_bin {
    int16_t at;
    float count;
};
struct amounts {
    float total;
    uint32_t seen; /* not faded */
    uint8_t room, used;
    struct amount_bin bin[]; /* ascending */
};
size_t amounts_add(struct amounts **a, double value,
                   float weight); /* value >= 0; returns by how many bytes it grew */
double amounts_quantile(const struct amounts *a, double part_01); /* 0: nothing there */
void amounts_scale(struct amounts *a, float by);
size_t amounts_bytes(const struct amounts *a);
bool amounts_sane(const struct amounts *a);

/* How many different ones in an hour: linear counting (Whang, Vander-Zanden, Taylor, "A linear-time probabilistic
 * counting algorithm for database applications", 1990) with 256 bits, good to some percent up to 500; and mean and variance of
 * ln(1 + that) over the hours. */
struct spread {
    uint64_t bit[4];
    float mean, var;
    uint32_t hours;
};
bool spread_add(struct spread *s, uint32_t hash); /* true: surely new in this hour */
double spread_estimate(const struct spread *s);
void spread_turn(struct spread *s); /* the hour is over */
bool spread_sane(const struct spread *s);

#endif
