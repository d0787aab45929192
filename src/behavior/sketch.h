/* SPDX-License-Identifier: Apache-2.0 */
/* sketch.h - for files in behavior/ and its tests: how often each value occurred, of the sixteen that occur most.
 *
 * Space-Saving (Metwally, Agrawal, El Abbadi, "Efficient computation of frequent and top-k elements in
 * data streams", ICDT 2005): a value without a place takes that of the rarest and inherits its count as
 * its possible error, so count - error .. count always holds the true one, and whatever is more frequent than
 * total/16 has a place.
 *
 * Counts fade by forward decay (Cormode, Shkapenyuk, Srivastava, Xu, "Forward decay", ICDE 2009): what comes
 * at time t counts 2^((t - landmark)/half life), and only ratios are ever looked at, so nothing has
 * to be touched as time goes by.
 *
 * How likely is a value never seen?  As often as values were new before (Good, "The population frequencies
 * of species", Biometrika 1953): `fresh` counts them.
 *
 * Most things have one value or two: a sketch begins with one place and grows by halves.
 *
 * One thread at a time; NULL is empty. */
#ifndef BEHAVIOR_SKETCH_H
#define BEHAVIOR_SKETCH_H

#include "base/str.h"

enum { SKETCH_SLOTS = 16, SKETCH_TEXT = 22 };

struct sketch_slot {
    uint32_t hash; /* not 0 */
    float count, error;
    uint16_t day;           /* it was last seen, since 1970 */
    char text[SKETCH_TEXT]; /* for people: its beginning, NUL terminated */
};
struct sketch {
    float total, fresh;
    uint8_t room, used;
    uint8_t full; /* a value had to go: not all that were ever seen are here */
    struct sketch_slot slot[];
};

/* Makes *s, or makes it larger, where there is no room; returns by how many bytes.  Free with mem_free. */
size_t sketch_add(struct sketch **s, uint32_t hash, str text, float weight, unsigned day);
/* Its place, or NULL.  It may be NULL itself. */
const struct sketch_slot *sketch_find(const struct sketch *s, uint32_t hash);
size_t sketch_bytes(const struct sketch *s);
/* What surely was `hash`'s part of all, 0..1; 0: it has no place. */
double sketch_share(const struct sketch *s, uint32_t hash);
/* How likely the next value is one not seen before, 0..1. */
double sketch_novelty(const struct sketch *s);
/* Its entropy in bits: what the next value is worth on average. */
double sketch_entropy(const struct sketch *s);
/* The most frequent, or NULL. */
const struct sketch_slot *sketch_top(const struct sketch *s);
void sketch_scale(struct sketch *s, float by);
/* Numbers that can be: finite and not below 0.  For what was read from a file. */
bool sketch_sane(const struct sketch *s);

#endif
