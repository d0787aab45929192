/* SPDX-License-Identifier: Apache-2.0 */
/* Nested ranges cut into disjoint intervals, so that finding the narrowest range
 * around an address is one binary search however many lengths there are. */
#include "base/mem.h"
#include "intel/intel_int.h"

enum { NESTED_MAX = 129 }; /* prefixes of 128 bits nest no deeper */

struct builder {
    struct intel_ranges *out;
    const struct intel_range *open[NESTED_MAX]; /* each inside the one before it */
    size_t depth;
};

u128 intel_address(str bytes)
{
    u128 a = 0;
    for (size_t i = 0; i < bytes.n; i++)
        a = a << 8 | (uint8_t)bytes.p[i];
    return a;
}

static int compare(const void *x, const void *y)
{
    const struct intel_range *a = x, *b = y;
    if (a->first != b->first)
        return a->first < b->first ? -1 : 1;
    return (a->last < b->last) - (a->last > b->last); /* the wider first */
}

static void boundary(struct intel_ranges *r, u128 at, intel_ref owner)
{
    if (r->count && r->start[r->count - 1] == at)
        r->count--;
    r->start[r->count] = at;
    r->owner[r->count++] = owner;
}

static void close_top(struct builder *b)
{
    u128 after = b->open[--b->depth]->last + 1;
    if (after != 0) /* else it ends where the addresses do */
        boundary(b->out, after, b->depth ? b->open[b->depth - 1]->ref : 0);
}

void intel_ranges_build(struct intel_ranges *r, struct intel_range *range, size_t n)
{
    if (n == 0)
        return;
    qsort(range, n, sizeof *range, compare);
    r->start = mem_aligned(alignof(u128), size_mul(n * 2, sizeof *r->start));
    r->owner = mem_array(intel_ref, n * 2);
    struct builder b = {.out = r};
    for (size_t i = 0; i < n; i++) {
        while (b.depth && b.open[b.depth - 1]->last < range[i].first)
            close_top(&b);
        boundary(r, range[i].first, range[i].ref);
        b.open[b.depth++] = &range[i];
    }
    while (b.depth)
        close_top(&b);
}

void intel_ranges_done(struct intel_ranges *r)
{
    mem_free(r->start);
    mem_free(r->owner);
    *r = (struct intel_ranges){0};
}

intel_ref intel_ranges_find(const struct intel_ranges *r, u128 address)
{
    if (r->count == 0 || address < r->start[0])
        return 0;
    const u128 *base = r->start;
    for (size_t n = r->count; n > 1;) {
        size_t half = n / 2;
        base += base[half] <= address ? half : 0; /* a conditional move, not a jump */
        n -= half;
    }
    return r->owner[base - r->start];
}
