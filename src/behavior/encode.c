/* SPDX-License-Identifier: Apache-2.0 */
/* An entity as bytes: its numbers as they are, then what it has of hours, sketches and amounts, each with a count before
 * it.  What is read is checked as if somebody had made it up. */
#include "base/hash.h"
#include "base/mem.h"
#include "behavior/behavior_int.h"

#include <math.h>

/* ---- writing ---- */

static void put(struct sbuf *b, const void *p, size_t n)
{
    sbuf_add(b, (str){p, n});
}

static void put_sketch(struct sbuf *b, const struct sketch *s)
{
    put(b, &s->total, sizeof s->total);
    put(b, &s->fresh, sizeof s->fresh);
    put(b, &s->used, 1);
    put(b, &s->full, 1);
    for (unsigned i = 0; i < s->used; i++) {
        const struct sketch_slot *slot = &s->slot[i];
        uint8_t n = (uint8_t)strlen(slot->text);
        put(b, &slot->hash, sizeof slot->hash);
        put(b, &slot->count, sizeof slot->count);
        put(b, &slot->error, sizeof slot->error);
        put(b, &slot->day, sizeof slot->day);
        put(b, &n, 1);
        put(b, slot->text, n);
    }
}

static void put_week(struct sbuf *b, const struct week *w)
{
    uint8_t used = 0;
    for (unsigned i = 0; w && i < WEEK_HOURS; i++)
        used = (uint8_t)(used + (w->n[i] != 0));
    put(b, &used, 1);
    for (unsigned i = 0; w && i < WEEK_HOURS; i++) {
        uint8_t at = (uint8_t)i;
        if (!w->n[i])
            continue;
        put(b, &at, 1);
        put(b, &w->n[i], 1);
        put(b, &w->mean[i], sizeof w->mean[i]);
        put(b, &w->var[i], sizeof w->var[i]);
    }
}

static void put_amounts(struct sbuf *b, const struct entity *e)
{
    uint8_t bins = e->bytes ? e->bytes->used : 0, peers = e->peers != NULL;
    put(b, &e->hour_bytes, sizeof e->hour_bytes);
    put(b, &bins, 1);
    if (bins) {
        put(b, &e->bytes->total, sizeof e->bytes->total);
        put(b, &e->bytes->seen, sizeof e->bytes->seen);
        for (unsigned i = 0; i < bins; i++) {
            put(b, &e->bytes->bin[i].at, sizeof e->bytes->bin[i].at);
            put(b, &e->bytes->bin[i].count, sizeof e->bytes->bin[i].count);
        }
    }
    put(b, &peers, 1);
    if (peers)
        put(b, e->peers, sizeof *e->peers);
}

void entity_put(struct sbuf *b, const struct entity *e)
{
    uint8_t kept = e->kept;
    uint16_t mask = 0;
    put(b, &e->key_n, sizeof e->key_n);
    put(b, e->key, e->key_n); /* its first byte is the type */
    put(b, &kept, 1);
    put(b, &e->first_hour, sizeof e->first_hour);
    put(b, &e->hour, sizeof e->hour);
    put(b, &e->landmark, sizeof e->landmark);
    put(b, &e->found_hour, sizeof e->found_hour);
    put(b, &e->hour_count, sizeof e->hour_count);
    put(b, &e->last_kind, sizeof e->last_kind);
    put(b, &e->weight, sizeof e->weight);
    put(b, &e->total, sizeof e->total);
    put(b, &e->events, sizeof e->events);
    put_week(b, e->week);
    put_amounts(b, e);
    for (unsigned i = 0; i < ASPECT_COUNT; i++)
        mask = (uint16_t)(mask | (unsigned)(e->aspect[i] != NULL) << i);
    put(b, &mask, sizeof mask);
    for (unsigned i = 0; i < ASPECT_COUNT; i++)
        if (e->aspect[i])
            put_sketch(b, e->aspect[i]);
}

/* ---- reading ---- */

static void get(struct reader *r, void *out, size_t n)
{
    str s = rd_take(r, n);
    memset(out, 0, n);
    if (s.n)
        memcpy(out, s.p, s.n);
}

static bool get_slot(struct reader *r, struct sketch_slot *slot)
{
    uint8_t n;
    *slot = (struct sketch_slot){0};
    get(r, &slot->hash, sizeof slot->hash);
    get(r, &slot->count, sizeof slot->count);
    get(r, &slot->error, sizeof slot->error);
    get(r, &slot->day, sizeof slot->day);
    get(r, &n, 1);
    str text = rd_take(r, n);
    if (!r->ok || text.n >= SKETCH_TEXT || memchr(text.p, '\0', text.n))
        return false;
    if (text.n)
        memcpy(slot->text, text.p, text.n);
    return true;
}

static bool get_sketch(struct reader *r, struct sketch **out)
{
    struct sketch head = {0};
    get(r, &head.total, sizeof head.total);
    get(r, &head.fresh, sizeof head.fresh);
    get(r, &head.used, 1);
    get(r, &head.full, 1);
    if (!r->ok || head.used > SKETCH_SLOTS || head.full > 1)
        return false;
    head.room = head.used ? head.used : 1;
    struct sketch *s = *out = mem_zero(sizeof head + head.room * sizeof s->slot[0]);
    *s = head;
    for (unsigned i = 0; i < s->used; i++)
        if (!get_slot(r, &s->slot[i]))
            return false;
    return sketch_sane(s);
}

static bool get_week(struct reader *r, struct entity *e)
{
    uint8_t used, at;
    get(r, &used, 1);
    if (used)
        e->week = mem_new(struct week);
    for (unsigned i = 0; i < used; i++) {
        get(r, &at, 1);
        if (!r->ok || at >= WEEK_HOURS)
            return false;
        get(r, &e->week->n[at], 1);
        get(r, &e->week->mean[at], sizeof e->week->mean[at]);
        get(r, &e->week->var[at], sizeof e->week->var[at]);
    }
    return r->ok;
}

static bool get_amounts(struct reader *r, struct entity *e)
{
    uint8_t bins, peers;
    get(r, &e->hour_bytes, sizeof e->hour_bytes);
    get(r, &bins, 1);
    if (!r->ok || !isfinite(e->hour_bytes) || e->hour_bytes < 0 || bins > AMOUNT_BINS)
        return false;
    if (bins) {
        struct amounts *a = e->bytes = mem_zero(sizeof *a + bins * sizeof a->bin[0]);
        a->room = a->used = bins;
        get(r, &a->total, sizeof a->total);
        get(r, &a->seen, sizeof a->seen);
        for (unsigned i = 0; i < bins; i++) {
            get(r, &a->bin[i].at, sizeof a->bin[i].at);
            get(r, &a->bin[i].count, sizeof a->bin[i].count);
        }
        if (!amounts_sane(a))
            return false;
    }
    get(r, &peers, 1);
    if (!r->ok || peers > 1)
        return false;
    if (peers) {
        e->peers = mem_new(struct spread);
        get(r, e->peers, sizeof *e->peers);
    }
    return r->ok && (!peers || spread_sane(e->peers));
}

static bool hour_sane(int64_t hour)
{
    return hour >= -HOUR_ABS_MAX && hour <= HOUR_ABS_MAX;
}

static bool hours_sane(const struct entity *e)
{
    if (e->found_hour != INT64_MIN && !hour_sane(e->found_hour))
        return false;
    if (e->hour == INT64_MIN)
        return e->first_hour == INT64_MIN && e->landmark == 0;
    return hour_sane(e->hour) && hour_sane(e->first_hour) && e->first_hour <= e->hour &&
           hour_sane(e->landmark) && e->landmark <= e->hour;
}

static bool get_numbers(struct reader *r, struct entity *e)
{
    uint8_t kept;
    get(r, &kept, 1);
    get(r, &e->first_hour, sizeof e->first_hour);
    get(r, &e->hour, sizeof e->hour);
    get(r, &e->landmark, sizeof e->landmark);
    get(r, &e->found_hour, sizeof e->found_hour);
    get(r, &e->hour_count, sizeof e->hour_count);
    get(r, &e->last_kind, sizeof e->last_kind);
    get(r, &e->weight, sizeof e->weight);
    get(r, &e->total, sizeof e->total);
    get(r, &e->events, sizeof e->events);
    e->kept = kept == 1;
    return r->ok && kept <= 1 && hours_sane(e) && isfinite(e->weight) && e->weight >= 1 &&
           isfinite(e->total) && e->total >= 0;
}

static bool get_state(struct reader *r, struct entity *e)
{
    uint16_t mask;
    if (!get_numbers(r, e) || !get_week(r, e) || !get_amounts(r, e))
        return false;
    get(r, &mask, sizeof mask);
    if (mask >> ASPECT_COUNT)
        return false;
    for (unsigned i = 0; i < ASPECT_COUNT && r->ok; i++)
        if ((mask >> i & 1) && !get_sketch(r, &e->aspect[i]))
            return false;
    return r->ok;
}

struct entity *entity_get(struct reader *r, uint64_t seed)
{
    uint16_t n;
    get(r, &n, sizeof n);
    str key = rd_take(r, n);
    if (!r->ok || key.n < 2 || key.n > KEY_MAX_BYTES || (unsigned char)key.p[0] > KEY_GROUP)
        return NULL;
    struct entity *e = entity_new(key, hash_bytes(key, seed), (unsigned char)key.p[0]);
    if (get_state(r, e)) {
        e->bytes_held = entity_bytes(e);
        return e;
    }
    entity_free(e);
    return NULL;
}
