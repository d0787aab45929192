/* SPDX-License-Identifier: Apache-2.0 */
/* Nested ranges cut into disjoint intervals, so that finding the narrowest range
 * around an address is one binary search however many lengths there are. */
#include "base/mem.h"
#include "intel/intel_int.h"

enum {
    NESTED_MAX = 129, /* prefixes of 128 bits nest no deeper */
    FROM_BITS_MAX = 20
};

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

/* IPv4 in eight bytes an interval, found by its first bits: there are about as many places in
 * `from` as intervals, so that a search is a step or two. */
static void narrow(struct intel_ranges *r)
{
    if (r->start[r->count - 1] > UINT32_MAX) /* what is after 255.255.255.255 */
        r->count--;
    unsigned bits = 1;
    while (bits < FROM_BITS_MAX && (size_t)1 << bits < r->count)
        bits++;
    r->shift = 32 - bits;
    r->v4 = mem_array(uint64_t, r->count);
    r->from = mem_array(uint32_t, ((size_t)1 << bits) + 1);
    size_t place = 0;
    for (size_t i = 0; i < r->count; i++) {
        uint32_t start = (uint32_t)r->start[i];
        r->v4[i] = (uint64_t)start << 32 | r->owner[i];
        for (; place <= start >> r->shift; place++)
            r->from[place] = (uint32_t)i;
    }
    for (; place <= (size_t)1 << bits; place++)
        r->from[place] = (uint32_t)r->count;
    mem_free(r->start);
    mem_free(r->owner);
    r->start = NULL;
    r->owner = NULL;
}

void intel_ranges_build(struct intel_ranges *r, struct intel_range *range, size_t n, bool v4)
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
    if (v4)
        narrow(r);
}

void intel_ranges_done(struct intel_ranges *r)
{
    mem_free(r->start);
    mem_free(r->v4);
    mem_free(r->from);
    mem_free(r->owner);
    *r = (struct intel_ranges){0};
}

/* Owner of the last interval that begins at or before `address`. */
static intel_ref find4(const struct intel_ranges *r, uint32_t address)
{
    uint64_t limit = (uint64_t)address << 32 | UINT32_MAX;
    size_t place = address >> r->shift;
    /* It may have begun in an earlier place. */
    size_t low = r->from[place], high = r->from[place + 1];
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (r->v4[middle] <= limit)
            low = middle + 1;
        else
            high = middle;
    }
    return low ? (intel_ref)r->v4[low - 1] : 0;
}

static intel_ref find6(const struct intel_ranges *r, u128 address)
{
    const u128 *base = r->start;
    if (address < base[0])
        return 0;
    for (size_t n = r->count; n > 1;) {
        size_t half = n / 2;
        base += base[half] <= address ? half : 0; /* a conditional move, not a jump */
        n -= half;
    }
    return r->owner[base - r->start];
}

intel_ref intel_ranges_find(const struct intel_ranges *r, str address)
{
    if (r->count == 0)
        return 0;
    u128 number = intel_address(address);
    return r->v4 ? find4(r, (uint32_t)number) : find6(r, number);
}
