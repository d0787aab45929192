/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/load/ids.h"

#include <stdlib.h>

void ids_free(struct ids *s)
{
    mem_free(s->slot);
    vec_done(&s->all);
    *s = (struct ids){0};
}

static size_t place_of(const struct ids *s, uint64_t id)
{
    size_t i = (size_t)(id * 0x9e3779b97f4a7c15u >> 20) & (s->room - 1);
    while (s->slot[i] && s->slot[i] != id)
        i = (i + 1) & (s->room - 1);
    return i;
}

static void grow(struct ids *s)
{
    mem_free(s->slot);
    s->room = s->room ? s->room * 2 : 1024;
    s->slot = mem_array(uint64_t, s->room);
    for (size_t i = 0; i < s->all.n; i++)
        s->slot[place_of(s, s->all.at[i])] = s->all.at[i];
}

void ids_add(struct ids *s, struct ids_seen *seen, uint64_t id)
{
    if (s->all.n * 2 >= s->room)
        grow(s);
    size_t i = place_of(s, id);
    if (!s->slot[i]) {
        s->slot[i] = id;
        *vec_push(&s->all) = id;
    }
    if (seen->count && id <= seen->last) {
        if (id == seen->last)
            seen->doubles++;
        else
            seen->disordered++;
        return;
    }
    if (!seen->count)
        seen->first = id;
    seen->last = id;
    seen->count++;
}

static int by_value(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

void ids_sort(struct ids *s)
{
    if (s->all.n)
        qsort(s->all.at, s->all.n, sizeof *s->all.at, by_value);
}

/* How many of all ids are below `id`. */
static size_t below(const struct ids *s, uint64_t id)
{
    size_t low = 0, high = s->all.n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (s->all.at[middle] < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

uint64_t ids_gaps(const struct ids *s, const struct ids_seen *seen)
{
    return seen->count ? below(s, seen->last + 1) - below(s, seen->first) - seen->count : 0;
}

uint64_t ids_behind(const struct ids *s, const struct ids_seen *seen)
{
    return seen->count ? s->all.n - below(s, seen->last + 1) : 0;
}
