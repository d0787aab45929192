/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "intel/intel_int.h"

#include <assert.h>
#include <sys/random.h>

enum { NAMES_MAX = 1 << 20 };

struct intel_set *intel_set_new(const struct intel_options *options)
{
    struct intel_set *set = mem_new(struct intel_set);
    if (options)
        set->options = *options;
    set->budget.max = set->options.max_bytes ? set->options.max_bytes : (size_t)1 << 30;
    if (getrandom(&set->seed, sizeof set->seed, GRND_NONBLOCK) != sizeof set->seed)
        set->seed = (uintptr_t)set; /* early in boot; the seed only spoils crafted collisions */
    intel_metas_init(&set->metas);
    arena_init(&set->names, NAMES_MAX);
    return set;
}

static void side_done(struct intel_side *side)
{
    mem_free(side->table.slot);
    intel_shelf_done(&side->shelf);
    intel_ranges_done(&side->v4);
    intel_ranges_done(&side->v6);
}

void intel_set_free(struct intel_set *set)
{
    if (!set)
        return;
    side_done(&set->bad);
    side_done(&set->good);
    intel_pool_done(&set->pool);
    intel_metas_done(&set->metas);
    intel_patterns_free(set->patterns);
    vec_done(&set->problem);
    arena_done(&set->names);
    mem_free(set);
}

status intel_full(struct intel_set *set, struct error *err)
{
    set->full = true;
    return fail(err, ST_LIMIT, "indicators need more than %zu bytes", set->budget.max);
}

/* Of two feeds naming one value the surer one is kept; an allowed name is allowed as widely
 * as any list says. */
static void merge(struct intel_set *set, intel_ref ref, uint32_t meta, unsigned flags)
{
    struct intel_entry *have = intel_pool_at(&set->pool, ref);
    const struct intel_meta *at = set->metas.meta.at;
    if (at[meta].confidence_01 > at[have->meta].confidence_01)
        have->meta = meta;
    if (!(flags & INTEL_EXACT))
        have->what &= (uint8_t) ~(INTEL_EXACT << INTEL_FLAG_SHIFT);
    set->stats.duplicates++;
}

static bool add_new(struct intel_set *set, struct intel_side *side, const struct intel_entry *e,
                    const struct intel_key *key, uint64_t hash)
{
    bool range = key->kind == INTEL_RANGE;
    if (!intel_table_reserve(&side->table, &set->pool, set->seed, &set->budget) ||
        (range && !intel_budget_take(&set->budget, INTEL_RANGE_COST)))
        return false;
    intel_ref ref = intel_pool_add(&set->pool, e, key->byte, &set->budget);
    if (!ref)
        return false;
    intel_table_add(&side->table, hash, ref);
    side->kind[key->kind]++;
    if (side == &set->good)
        set->stats.allowed++;
    else
        set->stats.indicators++;
    return true;
}

static status put(struct intel_set *set, const struct indicator *item, const struct intel_key *key,
                  unsigned flags, struct error *err)
{
    struct intel_side *side = flags & INTEL_ALLOW ? &set->good : &set->bad;
    str identity = intel_key_identity(key->kind, (str){key->byte, key->n});
    uint64_t hash = intel_hash(key->kind, identity, set->seed);
    uint32_t meta;
    if (!intel_metas_add(&set->metas, item, &set->budget, &meta))
        return intel_full(set, err);
    intel_ref ref = intel_table_find(&side->table, &set->pool, hash, key->kind, identity);
    if (ref) {
        merge(set, ref, meta, flags);
        return ST_OK;
    }
    struct intel_entry e = {
        .meta = meta,
        .n = (uint16_t)key->n,
        .what = (uint8_t)(key->kind | flags << INTEL_FLAG_SHIFT),
    };
    return add_new(set, side, &e, key, hash) ? ST_OK : intel_full(set, err);
}

status intel_add(struct intel_set *set, const struct indicator *item, unsigned flags,
                 struct error *err)
{
    assert(!set->frozen);
    struct intel_key key;
    if (!intel_key_parse(item->value, item->kind, &key)) {
        set->stats.rejected++;
        str shown = str_head(item->value, 80);
        if (item->kind == INTEL_KIND_COUNT)
            return fail(err, ST_INVALID, "'" STR_FMT "' is no indicator", STR_ARG(shown));
        return fail(err, ST_INVALID, "'" STR_FMT "' is not of kind %s", STR_ARG(shown),
                    intel_kinds[item->kind]->name);
    }
    const struct intel_kind_ops *ops = intel_kinds[key.kind];
    const char *why =
        ops->objection ? ops->objection((str){key.byte, key.n}, flags & INTEL_ALLOW) : NULL;
    if (why) {
        set->stats.rejected++;
        str shown = str_head(item->value, 80);
        return fail(err, ST_INVALID, "'" STR_FMT "' is refused: %s", STR_ARG(shown), why);
    }
    if (item->expires_ms && item->expires_ms <= set->options.now_ms) {
        set->stats.expired++;
        return ST_OK;
    }
    return put(set, item, &key, flags, err);
}

status intel_set_add(struct intel_set *set, const struct indicator *item, bool allow,
                     struct error *err)
{
    return intel_add(set, item, allow ? INTEL_ALLOW : 0, err);
}

static struct intel_range range_of(const struct intel_entry *e, intel_ref ref)
{
    str bytes = intel_entry_bytes(e);
    unsigned host_bits = (unsigned)(bytes.n - 1) * 8 - (uint8_t)bytes.p[0]; /* never 0 */
    u128 first = intel_address(str_from(bytes, 1));
    u128 last = first | (((u128)1 << (host_bits - 1)) * 2 - 1); /* 1 << 128 is undefined */
    return (struct intel_range){first, last, ref};
}

static void freeze_ranges(struct intel_side *side)
{
    size_t n = side->kind[INTEL_RANGE], n4 = 0, n6 = 0;
    if (n == 0)
        return;
    struct intel_range *v4 = mem_array(struct intel_range, n);
    struct intel_range *v6 = mem_array(struct intel_range, n);
    for (uint32_t at = 1; at < side->shelf.words;) {
        const struct intel_entry *e = intel_shelf_at(&side->shelf, at);
        if (intel_entry_kind(e) == INTEL_RANGE)
            *(e->n == 5 ? &v4[n4++] : &v6[n6++]) = range_of(e, at);
        at += (uint32_t)(intel_entry_size(e->n) / sizeof(uint32_t));
    }
    intel_ranges_build(&side->v4, v4, n4, true);
    intel_ranges_build(&side->v6, v6, n6, false);
    mem_free(v4);
    mem_free(v6);
}

static void free_table(struct intel_set *set, struct intel_side *side)
{
    set->budget.used -= side->table.room * sizeof *side->table.slot;
    mem_free(side->table.slot);
    side->table = (struct intel_table){.slot = NULL};
}

void intel_set_freeze(struct intel_set *set)
{
    if (set->frozen)
        return;
    size_t bad = set->bad.table.count, good = set->good.table.count;
    free_table(set, &set->bad); /* before more is taken */
    free_table(set, &set->good);
    intel_shelf_build(&set->bad.shelf, &set->pool, false, bad, set->seed);
    intel_shelf_build(&set->good.shelf, &set->pool, true, good, set->seed);
    set->budget.used -= intel_pool_bytes(&set->pool);
    set->budget.used += intel_shelf_bytes(&set->bad.shelf) + intel_shelf_bytes(&set->good.shelf);
    intel_pool_done(&set->pool);
    freeze_ranges(&set->bad);
    freeze_ranges(&set->good);
    intel_patterns_freeze(set->patterns);
    set->frozen = true;
}

struct intel_stats intel_set_stats(const struct intel_set *set)
{
    struct intel_stats s = set->stats;
    s.bytes = set->budget.used;
    return s;
}

size_t intel_set_problem_count(const struct intel_set *set)
{
    return set->problem.n;
}

const struct intel_problem *intel_set_problem(const struct intel_set *set, size_t i)
{
    assert(i < set->problem.n);
    return &set->problem.at[i];
}
