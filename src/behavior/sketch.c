/* SPDX-License-Identifier: Apache-2.0 */
#include "behavior/sketch.h"

#include "base/mem.h"

#include <assert.h>
#include <math.h>

size_t sketch_bytes(const struct sketch *s)
{
    return s ? sizeof *s + s->room * sizeof s->slot[0] : 0;
}

static unsigned find(const struct sketch *s, uint32_t hash)
{
    unsigned n = s ? s->used : 0;
    for (unsigned i = 0; i < n; i++) /* what is frequent mostly came first */
        if (s->slot[i].hash == hash)
            return i;
    return SKETCH_SLOTS;
}

const struct sketch_slot *sketch_find(const struct sketch *s, uint32_t hash)
{
    unsigned i = find(s, hash + (hash == 0));
    return i < SKETCH_SLOTS ? &s->slot[i] : NULL;
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

static struct sketch *grown(struct sketch *s)
{
    unsigned room = s ? s->room + (s->room + 1u) / 2 : 1; /* 1 2 3 5 8 12 16 */
    if (room > SKETCH_SLOTS)
        room = SKETCH_SLOTS;
    bool new = !s;
    s = mem_resize(s, sizeof *s + room * sizeof s->slot[0]);
    if (new)
        *s = (struct sketch){0};
    s->room = (uint8_t)room;
    return s;
}

/* Where a new value goes; its count is that of the one before it. */
static unsigned place(struct sketch **at)
{
    struct sketch *s = *at;
    assert(!s || s->used <= s->room);
    if (!s || (s->used == s->room && s->room < SKETCH_SLOTS))
        s = *at = grown(s);
    if (s->used < s->room) {
        s->slot[s->used] = (struct sketch_slot){0};
        return s->used++;
    }
    unsigned rarest = 0;
    for (unsigned i = 1; i < s->used; i++)
        if (s->slot[i].count < s->slot[rarest].count)
            rarest = i;
    s->full = true;
    return rarest;
}

size_t sketch_add(struct sketch **at, uint32_t hash, str text, float weight, unsigned day)
{
    hash += hash == 0;
    unsigned i = find(*at, hash);
    size_t more = 0;
    if (i == SKETCH_SLOTS) {
        more = sketch_bytes(*at);
        i = place(at);
        assert(*at);
        more = sketch_bytes(*at) - more;
        struct sketch_slot *slot = &(*at)->slot[i];
        slot->error = slot->count;
        slot->hash = hash;
        slot->day = 0;
        put_text(slot->text, text);
        (*at)->fresh += weight;
    }
    struct sketch *s = *at;
    s->total += weight;
    s->slot[i].count += weight;
    if (day > s->slot[i].day)
        s->slot[i].day = (uint16_t)day;
    return more;
}

double sketch_share(const struct sketch *s, uint32_t hash)
{
    const struct sketch_slot *slot = sketch_find(s, hash);
    if (!slot || s->total <= 0)
        return 0;
    double sure = (double)slot->count - (double)slot->error;
    return sure > 0 ? fmin(sure / (double)s->total, 1) : 0;
}

double sketch_novelty(const struct sketch *s)
{
    return s && s->total > 0 ? fmin((double)s->fresh / (double)s->total, 1) : 1;
}

double sketch_entropy(const struct sketch *s)
{
    double bits = 0, sum = 0;
    unsigned n = s ? s->used : 0;
    for (unsigned i = 0; i < n; i++)
        sum += (double)s->slot[i].count;
    for (unsigned i = 0; i < n && sum > 0; i++) {
        double p = (double)s->slot[i].count / sum;
        bits -= p > 0 ? p * log2(p) : 0;
    }
    return bits;
}

const struct sketch_slot *sketch_top(const struct sketch *s)
{
    const struct sketch_slot *top = NULL;
    unsigned n = s ? s->used : 0;
    for (unsigned i = 0; i < n; i++)
        if (!top || s->slot[i].count > top->count)
            top = &s->slot[i];
    return top;
}

void sketch_scale(struct sketch *s, float by)
{
    for (unsigned i = 0; i < s->used; i++) {
        s->slot[i].count *= by;
        s->slot[i].error *= by;
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
    bool ok = sane(s->total) && sane(s->fresh) && s->used <= s->room && s->room <= SKETCH_SLOTS;
    for (unsigned i = 0; i < s->used && ok; i++) {
        const struct sketch_slot *slot = &s->slot[i];
        ok = sane(slot->count) && sane(slot->error) && slot->hash != 0 &&
             slot->text[SKETCH_TEXT - 1] == '\0';
    }
    return ok;
}
