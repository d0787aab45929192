/* SPDX-License-Identifier: Apache-2.0 */
/* What a feed says besides the value is nearly always said of many values, so it
 * is kept once and referred to by number. */
#include "base/hash.h"
#include "base/mem.h"
#include "intel/intel_int.h"

enum {
    META_START = 64,
    TEXT_MAX = 240,      /* bytes of a description */
    TEXTS_MAX = 1 << 18, /* different texts; descriptions past it are left out */
    TEXT_OVERHEAD = 128, /* what a map and a list cost for each */
};

void intel_metas_init(struct intel_metas *m)
{
    *m = (struct intel_metas){0};
    arena_init(&m->arena, SIZE_MAX / 2); /* the budget is the limit */
    *vec_push(&m->text) = STR("");
    *vec_push(&m->techniques) = (struct intel_techniques){NULL, 0};
}

void intel_metas_done(struct intel_metas *m)
{
    vec_done(&m->meta);
    vec_done(&m->text);
    vec_done(&m->techniques);
    mem_free(m->slot);
    map_done(&m->text_id);
    map_done(&m->techniques_id);
    arena_done(&m->arena);
    *m = (struct intel_metas){0};
}

static bool text_id(struct intel_metas *m, str s, bool optional, struct intel_budget *budget,
                    uint32_t *out)
{
    s = str_head(s, TEXT_MAX);
    *out = 0;
    if (s.n == 0)
        return true;
    uint32_t *have = map_find(&m->text_id, s);
    if (have) {
        *out = *have;
        return true;
    }
    if (optional && m->text.n >= TEXTS_MAX) {
        m->overflowed = true;
        return true;
    }
    if (!intel_budget_take(budget, s.n + 1 + TEXT_OVERHEAD))
        return false;
    str copy = arena_str(&m->arena, s);
    *out = (uint32_t)m->text.n;
    map_add(&m->text_id, copy, *out, NULL);
    *vec_push(&m->text) = copy;
    return true;
}

/* All ids after each other are the name of the list. */
static str list_name(const struct indicator *item, char *buf, size_t room)
{
    size_t n = 0;
    for (uint32_t i = 0; i < item->technique_count && i < INTEL_TECHNIQUES_MAX; i++) {
        str t = item->technique[i];
        if (t.n + 1 > room - n)
            break;
        memcpy(buf + n, t.p, t.n);
        buf[n + t.n] = ',';
        n += t.n + 1;
    }
    return (str){buf, n};
}

static struct intel_techniques split(struct arena *a, str name)
{
    struct intel_techniques t = {NULL, 0};
    for (size_t i = 0; i < name.n; i++)
        t.count += name.p[i] == ',';
    str *at = arena_array(a, str, t.count);
    for (uint32_t i = 0; i < t.count; i++)
        at[i] = str_cut(&name, ',');
    t.at = at;
    return t;
}

static bool techniques_id(struct intel_metas *m, const struct indicator *item,
                          struct intel_budget *budget, uint32_t *out)
{
    char buf[512];
    str name = list_name(item, buf, sizeof buf);
    *out = 0;
    if (name.n == 0)
        return true;
    uint32_t *have = map_find(&m->techniques_id, name);
    if (have) {
        *out = *have;
        return true;
    }
    if (!intel_budget_take(budget,
                           name.n + 1 + item->technique_count * sizeof(str) + TEXT_OVERHEAD))
        return false;
    str copy = arena_str(&m->arena, name);
    *out = (uint32_t)m->techniques.n;
    map_add(&m->techniques_id, copy, *out, NULL);
    *vec_push(&m->techniques) = split(&m->arena, copy);
    return true;
}

static uint32_t bits_of(float f)
{
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    return bits;
}

static uint64_t meta_hash(const struct intel_meta *meta)
{
    uint32_t confidence = bits_of(meta->confidence_01);
    uint64_t a = (uint64_t)meta->source << 32 | meta->description;
    uint64_t b = (uint64_t)meta->techniques << 32 | confidence;
    return hash_mix(hash_mix(a, b), (uint64_t)meta->expires_ms);
}

static bool meta_same(const struct intel_meta *a, const struct intel_meta *b)
{
    return a->source == b->source && a->description == b->description &&
           a->techniques == b->techniques && a->expires_ms == b->expires_ms &&
           bits_of(a->confidence_01) == bits_of(b->confidence_01); /* NaN and -0 as well */
}

static bool meta_grow(struct intel_metas *m, struct intel_budget *budget)
{
    if ((m->meta.n + 1) * 4 <= m->room * 3)
        return true;
    size_t room = m->room ? m->room * 2 : META_START;
    if (!intel_budget_take(budget, (room - m->room) * (sizeof *m->slot + sizeof *m->meta.at)))
        return false;
    mem_free(m->slot);
    m->slot = mem_array(uint32_t, room);
    m->room = room;
    for (size_t i = 0; i < m->meta.n; i++) {
        size_t at = (size_t)meta_hash(&m->meta.at[i]) & (room - 1);
        while (m->slot[at])
            at = (at + 1) & (room - 1);
        m->slot[at] = (uint32_t)i + 1;
    }
    return true;
}

static bool meta_id(struct intel_metas *m, const struct intel_meta *meta,
                    struct intel_budget *budget, uint32_t *out)
{
    if (!meta_grow(m, budget))
        return false;
    size_t at = (size_t)meta_hash(meta) & (m->room - 1);
    for (; m->slot[at]; at = (at + 1) & (m->room - 1)) {
        *out = m->slot[at] - 1;
        if (meta_same(&m->meta.at[*out], meta))
            return true;
    }
    *out = (uint32_t)m->meta.n;
    *vec_push(&m->meta) = *meta;
    m->slot[at] = *out + 1;
    return true;
}

bool intel_metas_add(struct intel_metas *m, const struct indicator *item,
                     struct intel_budget *budget, uint32_t *out)
{
    struct intel_meta meta = {
        .confidence_01 = item->confidence_01,
        .expires_ms = item->expires_ms,
    };
    return text_id(m, item->source, false, budget, &meta.source) &&
           text_id(m, item->description, true, budget, &meta.description) &&
           techniques_id(m, item, budget, &meta.techniques) && meta_id(m, &meta, budget, out);
}
