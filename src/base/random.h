/* SPDX-License-Identifier: Apache-2.0 */
/* random.h - numbers that look random and are the same for the same seed.  Not for secrets (crypto/crypto.h).
 *
 * xoshiro256** (Blackman, Vigna, "Scrambled linear pseudorandom number generators", ACM TOMS 2021), its
 * state filled by splitmix64 (Steele, Lea, Flood, OOPSLA 2014).  By value: a copy goes its own way. */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stdint.h>

struct random {
    uint64_t s[4];
};

/* One stream of `seed`; streams of other numbers have nothing to do with it. */
void random_init(struct random *r, uint64_t seed, uint64_t stream);
uint64_t random_u64(struct random *r);
/* 0 … n-1, each as likely (Lemire, "Fast random integer generation in an interval", 2019); n > 0. */
uint32_t random_below(struct random *r, uint32_t n);
double random_01(struct random *r);     /* 0 <= x < 1 */
double random_normal(struct random *r); /* mean 0, deviation 1 (Box and Muller, 1958) */
/* Put `n` indices into random order (Fisher, Yates). */
void random_shuffle(struct random *r, uint32_t *index, uint32_t n);

#endif
