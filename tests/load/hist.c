/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/load/hist.h"

/* Below 128 a slot holds one value; from there on slot 128 * e + part holds those of 7 + e bits
 * whose next seven bits are `part`. */
static size_t slot_of(uint64_t v)
{
    if (v < HIST_PARTS)
        return v;
    unsigned shift = 63 - (unsigned)__builtin_clzll(v) - 7;
    return (size_t)(shift + 1) * HIST_PARTS + ((v >> shift) - HIST_PARTS);
}

/* The largest value of a slot. */
static uint64_t top_of(size_t slot)
{
    if (slot < HIST_PARTS)
        return slot;
    unsigned shift = (unsigned)(slot / HIST_PARTS) - 1;
    return ((HIST_PARTS + (uint64_t)(slot % HIST_PARTS) + 1) << shift) - 1;
}

void hist_add(struct hist *h, uint64_t ns)
{
    h->slot[slot_of(ns)]++;
    h->count++;
    h->sum += (double)ns;
    if (ns > h->max)
        h->max = ns;
}

uint64_t hist_quantile(const struct hist *h, double part_01)
{
    double want = part_01 * (double)h->count;
    uint64_t seen = 0;
    for (size_t i = 0; i < HIST_SLOTS; i++) {
        seen += h->slot[i];
        if (seen && (double)seen >= want)
            return top_of(i) < h->max ? top_of(i) : h->max;
    }
    return h->max;
}
