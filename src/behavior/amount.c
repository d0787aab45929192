/* SPDX-License-Identifier: Apache-2.0 */
#include "behavior/amount.h"

#include "base/hash.h"
#include "base/mem.h"

#include <math.h>

#define BASE_LN 0.09531017980432487 /* ln 1.1 */
enum { BITS = 256 };

/* ---- quantiles ---- */

size_t amounts_bytes(const struct amounts *a)
{
    return a ? sizeof *a + a->room * sizeof a->bin[0] : 0;
}

static int16_t bin_of(double value)
{
    double i = value > 1 ? ceil(log(value) / BASE_LN) : 0;
    return (int16_t)(i < AMOUNT_BIN_MAX ? i : AMOUNT_BIN_MAX);
}

static struct amounts *grown(struct amounts *a)
{
    unsigned room = a ? a->room * 2u : 2;
    bool new = !a;
    if (room > AMOUNT_BINS)
        room = AMOUNT_BINS;
    a = mem_resize(a, sizeof *a + room * sizeof a->bin[0]);
    if (new)
        *a = (struct amounts){0};
    a->room = (uint8_t)room;
    return a;
}

static void put_value(struct amounts *a, double value, float weight)
{
    int16_t bin = bin_of(value);
    unsigned i = 0;
    a->total += weight;
    a->seen += a->seen < UINT32_MAX;
    while (i < a->used && a->bin[i].at < bin)
        i++;
    if (i < a->used && a->bin[i].at == bin) {
        a->bin[i].count += weight;
        return;
    }
    if (a->used == a->room) { /* the lowest two become one */
        if (i <= 1) {
            a->bin[0].count += weight;
            return;
        }
        a->bin[1].count += a->bin[0].count;
        memmove(a->bin, a->bin + 1, (size_t)(i - 1) * sizeof a->bin[0]);
        a->bin[i - 1] = (struct amount_bin){bin, weight};
        return;
    }
    memmove(a->bin + i + 1, a->bin + i, (size_t)(a->used - i) * sizeof a->bin[0]);
    a->bin[i] = (struct amount_bin){bin, weight};
    a->used++;
}

size_t amounts_add(struct amounts **at, double value, float weight)
{
    size_t before = amounts_bytes(*at);
    if (!*at || ((*at)->used == (*at)->room && (*at)->room < AMOUNT_BINS))
        *at = grown(*at);
    put_value(*at, value, weight);
    return amounts_bytes(*at) - before;
}

double amounts_quantile(const struct amounts *a, double part_01)
{
    double sum = 0, wanted = a ? part_01 * (double)a->total : 0;
    for (unsigned i = 0; a && i < a->used; i++) {
        sum += (double)a->bin[i].count;
        if (sum >= wanted || i + 1 == a->used) /* the middle of the bin, as the paper has it */
            return a->bin[i].at ? 2 * exp(BASE_LN * a->bin[i].at) / 2.1 : 0.5;
    }
    return 0;
}

void amounts_scale(struct amounts *a, float by)
{
    for (unsigned i = 0; i < a->used; i++)
        a->bin[i].count *= by;
    a->total *= by;
}

bool amounts_sane(const struct amounts *a)
{
    bool ok = isfinite(a->total) && a->total >= 0 && a->used <= a->room && a->room <= AMOUNT_BINS;
    for (unsigned i = 0; i < a->used && ok; i++)
        ok = isfinite(a->bin[i].count) && a->bin[i].count >= 0 && a->bin[i].at >= 0 &&
             a->bin[i].at <= AMOUNT_BIN_MAX && (i == 0 || a->bin[i].at > a->bin[i - 1].at);
    return ok;
}

/* ---- how many ---- */

bool spread_add(struct spread *s, uint32_t hash)
{
    uint64_t h = hash_mix(hash, 0x5bd1e995);
    uint64_t *word = &s->bit[h >> 62], bit = 1ull << (h & 63);
    bool new = !(*word & bit);
    *word |= bit;
    return new;
}

double spread_estimate(const struct spread *s)
{
    int set = 0;
    for (int i = 0; i < 4; i++)
        set += __builtin_popcountll(s->bit[i]);
    return set < BITS ? -(double)BITS * log1p(-(double)set / BITS) : BITS * 6.0;
}

void spread_turn(struct spread *s)
{
    double x = log1p(spread_estimate(s));
    s->hours += s->hours < UINT32_MAX;
    /* The newest hours count most, a two-hundredth at least: about a week of active ones. */
    double alpha = fmax(1.0 / s->hours, 0.005), delta = x - (double)s->mean;
    s->mean += (float)(alpha * delta);
    s->var = (float)((1 - alpha) * ((double)s->var + alpha * delta * delta));
    memset(s->bit, 0, sizeof s->bit);
}

bool spread_sane(const struct spread *s)
{
    return isfinite(s->mean) && s->mean >= 0 && isfinite(s->var) && s->var >= 0;
}
