/* SPDX-License-Identifier: Apache-2.0 */
/* match.h - for files in rule/ only: the inside of a matcher.
 *
 *     fields of the event ──lane──▶ memo, else lane_ask ──▶ predicates that hold, rules they wake
 *     nobody woken: done
 *     mark the predicates, try each woken rule once
 */
#ifndef RULE_MATCH_H
#define RULE_MATCH_H

#include "rule/compile.h"
#include "rule/memo.h"

/* What the events of one route need. */
struct view {
    bool used;          /* some rule applies */
    uint16_t *lane_of;  /* by field id, below program->lane_fields; 0: nobody asks */
    uint64_t *relevant; /* bits: predicates of the rules that apply */
    uint32_t *always;   /* rules without a wake list */
    uint32_t always_count;
    const struct keywords **keywords;
    uint32_t keywords_count;
};

/* What holds for one value: in the memo, or in `spill` when that has no room for it. */
struct found {
    const uint32_t *at; /* NULL: spill.at + spill_at */
    uint32_t spill_at, predicates, rules;
};

struct numbers {
    uint32_t *at;
    size_t n, room;
};

struct match_stats {
    uint64_t values, remembered; /* looked at; answered by the memo */
    uint64_t bytes;              /* of values that were decoded and scanned */
    uint64_t tried;              /* rules woken */
};

struct rule_matcher {
    const struct rule_set *set;
    const struct program *program;
    struct router *router;
    struct tester tester;
    struct lane_scan scan;
    struct memo memo;
    bool use_memo;
    struct {
        struct view **at; /* by route index; NULL until met */
        size_t n, room;
    } view;
    struct arena arena; /* the views */

    uint32_t *mark; /* by predicate: generation << 1 | whether it holds, once that is known */
    uint32_t *ran;  /* by rule: generation */
    uint32_t generation;
    struct event *event;
    struct {
        struct found *at;
        size_t n, room;
    } found;
    struct numbers spill, woken, fired, candidate;
    struct sbuf text; /* decoded value, or values, being scanned */
    const struct route *route;
    struct match_stats stats;
};

#endif
