/* SPDX-License-Identifier: Apache-2.0 */
#include "behavior/sketch.h"

#include <math.h>

static unsigned find(const struct sketch *s, uint32_t hash)
{
    for (unsigned i = 0; i < SKETCH_SLOTS; i++) /* what is frequent mostly came first */
        if (s->hash[i] == hash)
            return i;
    return SKETCH_SLOTS;
}

static unsigned rarest(const struct sketch *s)
{
    unsigned at = 0;
    for (unsigned i = 0; i < SKETCH_SLOTS; i++) {
        if (s->hash[i] == 0)
            return i;
        if (s->count[i] < s->count[at])
            at = i;
    }
    return at;
}

/* The beginning of it, cut between characters of UTF-8. */
static void put_text(char out[static SKETCH_TEXT], str text)
{
    size_t n = text.n < SKETCH_TEXT ? text.n : SKETCH_TEXT - 1;
    while (n < text.n && n && ((unsigned char)text.p[n] & 0xc0) == 0x80)
        n--;
    memset(out, 0, SKETCH_TEXT);
    if (n)
        memcpy(out, text.p, n);
}

void sketch_add(struct sketch *s, uint32_t hash, str text, float weight)
{
    hash += hash == 0;
    unsigned i = find(s, hash);
    s->total += weight;
    if (i < SKETCH_SLOTS) {
        s->count[i] += weight;
        return;
    }
    i = rarest(s);
    s->error[i] = s->count[i];
    s->count[i] += weight;
    s->hash[i] = hash;
    s->fresh += weight;
    put_text(s->text[i], text);
}

double sketch_share(const struct sketch *s, uint32_t hash)
{
    unsigned i = find(s, hash + (hash == 0));
    if (i == SKETCH_SLOTS || s->total <= 0)
        return 0;
    double sure = (double)s->count[i] - (double)s->error[i];
    return sure > 0 ? fmin(sure / (double)s->total, 1) : 0;
}

double sketch_novelty(const struct sketch *s)
{
    return s->total > 0 ? fmin((double)s->fresh / (double)s->total, 1) : 1;
}

double sketch_entropy(const struct sketch *s)
{
    double bits = 0, sum = 0;
    for (unsigned i = 0; i < SKETCH_SLOTS; i++)
        sum += (double)s->count[i];
    for (unsigned i = 0; i < SKETCH_SLOTS && sum > 0; i++) {
        double p = (double)s->count[i] / sum;
        bits -= p > 0 ? p * log2(p) : 0;
    }
    return bits;
}

void sketch_scale(struct sketch *s, float by)
{
    for (unsigned i = 0; i < SKETCH_SLOTS; i++) {
        s->count[i] *= by;
        s->error[i] *= by;
    }
    s->total *= by;
    s->fresh *= by;
}

static bool sane(float v)
{
    return isfinite(v) && v >= 0;
}

bool sketch_sane(const struct sketch *s)
{
    bool ok = sane(s->total) && sane(s->fresh);
    for (unsigned i = 0; i < SKETCH_SLOTS && ok; i++)
        ok = sane(s->count[i]) && sane(s->error[i]) && s->text[i][SKETCH_TEXT - 1] == '\0';
    return ok;
}
