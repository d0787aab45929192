/* SPDX-License-Identifier: Apache-2.0 */
/* window.h - what was seen of a flow's source, target, pair and service just before it.
 *
 * KDD's last two seconds and last connections (Lee and Stolfo, "A framework for constructing features and models for
 * intrusion detection systems", 2000), UNSW-NB15's last hundred (Moustafa and Slay, 2015), and the last minute.  A flow
 * counts itself.  The seconds go in steps of a quarter of the span: "2 s" is 1.5 to 2 s, "a minute" 45 to 60 s.
 *
 * Flows come in the order of their log, not of their beginnings, so time is the latest that was seen; one that jumps back by
 * more than an hour sets it anew.  Constant time a flow.  Memory is one block of a fixed size: the keys and tenants idle longest
 * make room, and are counted.  The same flows and seed give the same aggregates, bit for bit.  Tenants see nothing of each other
 * (but that they share the room).  One thread at a time. */
#ifndef FLOW_WINDOW_H
#define FLOW_WINDOW_H

#include "flow/flow.h"

enum { AGGREGATES = FEATURE_PAIR_60S_GAP_DEV - FEATURE_TARGET_2S + 1 };
struct aggregates {
    float
        x[AGGREGATES]; /* features TARGET_2S to PAIR_60S_GAP_DEV, in their order; NaN: not known */
};

struct
    window_options { /* how many are remembered, rounded up to a power of two; 0: 65,536, 28 MiB in all */
    size_t hosts; /* sources and targets */
    size_t pairs;
    size_t services; /* services, targets, and targets' services */
    size_t tenants;  /* 0: 64 */
    /* Of where keys are kept: who does not know it cannot choose addresses that push out another's.  While there is room
     * aggregates do not depend on it, but for keys that are mistaken for others (window.c). */
    uint64_t seed;
};
struct window;                                             /* opaque */
struct window *window_new(const struct window_options *o); /* NULL: the usual */
void window_free(struct window *w);                        /* NULL is fine */

/* Count a flow and say what is known with it.  `tenant`: any number that is the tenant's own.  Flows without a time are at
 * the latest that was seen. */
void window_add(struct window *w, uint64_t tenant, const struct flow *f, struct aggregates *out);

struct window_stats {
    uint64_t flows;
    /* That were still of use: */
    uint64_t evicted_hosts, evicted_pairs, evicted_services, evicted_tenants;
    size_t bytes;
};
struct window_stats window_stats(const struct window *w);

#endif
