/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "eval/eval_int.h"

#include <assert.h>
#include <math.h>

/* A number that grows as the score falls; the greatest for NaN. */
static uint32_t key_of(float score)
{
    uint32_t bits;
    if (isnan(score))
        return UINT32_MAX;
    score += 0.0F; /* -0 and 0 are one score */
    memcpy(&bits, &score, sizeof bits);
    return bits & 0x80000000U ? bits : ~(bits | 0x80000000U);
}

/* By the high half, 11 bits at a time. */
static void radix_sort(uint64_t *item, uint64_t *spare, size_t n)
{
    enum { BITS = 11, BUCKETS = 1 << BITS };
    size_t *place = mem_array(size_t, BUCKETS);
    for (unsigned shift = 32; shift < 64; shift += BITS) {
        memset(place, 0, BUCKETS * sizeof *place);
        for (size_t i = 0; i < n; i++)
            place[item[i] >> shift & (BUCKETS - 1)]++;
        for (size_t b = 0, sum = 0, count; b < BUCKETS; b++, sum += count) {
            count = place[b];
            place[b] = sum;
        }
        for (size_t i = 0; i < n; i++)
            spare[place[item[i] >> shift & (BUCKETS - 1)]++] = item[i];
        memcpy(item, spare, n * sizeof *item);
    }
    mem_free(place);
}

void ranked_init(struct ranked *r, const float *score, const uint8_t *label, size_t n)
{
    assert(n <= INT32_MAX);
    *r = (struct ranked){.row = mem_array(uint64_t, n + 1)};
    for (size_t i = 0; i < n; i++)
        if (label[i] <= 1)
            r->row[r->n++] = (uint64_t)key_of(score[i]) << 32 | i;
    uint64_t *spare = mem_array(uint64_t, r->n + 1);
    radix_sort(r->row, spare, r->n);
    mem_free(spare);
}

void ranked_done(struct ranked *r)
{
    mem_free(r->row);
    *r = (struct ranked){0};
}

void ladder_init(struct ladder *l, const float *score, const uint8_t *label, size_t n)
{
    struct ranked r;
    ranked_init(&r, score, label, n);
    *l = (struct ladder){.step = mem_array(struct step, r.n + 1)};
    for (size_t i = 0; i < r.n; i++) {
        uint32_t row = ranked_row(&r, i);
        bool none = isnan(score[row]);
        if (i == 0 || !ranked_tied(&r, i))
            l->step[l->n++].score = none ? -INFINITY : score[row];
        struct step *s = &l->step[l->n - 1];
        s->attack += label[row] == 1;
        s->normal += label[row] == 0;
        l->attack += label[row] == 1;
        l->normal += label[row] == 0;
        l->missing += none;
    }
    ranked_done(&r);
}

void ladder_done(struct ladder *l)
{
    mem_free(l->step);
    *l = (struct ladder){0};
}
