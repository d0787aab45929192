/* SPDX-License-Identifier: Apache-2.0 */
#include "detect/detect_int.h"

#include "base/mem.h"

#include <assert.h>

struct snapshot_ref *snapshot_ref_new(struct dict *dict, struct rule_set *rules,
                                      struct intel_set *intel)
{
    assert(dict);
    struct snapshot_ref *s = mem_new(struct snapshot_ref);
    atomic_init(&s->references, 1);
    s->detectors = (struct snapshot){.dict = dict, .rules = rules, .intel = intel};
    s->rules = rules;
    s->intel = intel;
    s->rank = rule_ranks(rules);
    return s;
}

struct snapshot_ref *snapshot_ref_take(struct snapshot_ref *s)
{
    atomic_fetch_add_explicit(&s->references, 1, memory_order_relaxed);
    return s;
}

void snapshot_ref_drop(struct snapshot_ref *s)
{
    if (!s || atomic_fetch_sub_explicit(&s->references, 1, memory_order_acq_rel) != 1)
        return;
    rule_set_free(s->rules);
    intel_set_free(s->intel);
    mem_free(s->rank);
    mem_free(s);
}

const struct snapshot *snapshot_of(const struct snapshot_ref *s)
{
    return &s->detectors;
}
