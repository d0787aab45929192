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

/* A lane as the events of one route need it. */
struct view_lane {
    struct lane_want want;
    uint64_t scanned; /* bytes, until it was tried to narrow it */
    struct literal_map narrowed;
};

/* What the events of one route need. */
struct view {
    bool used;         /* some rule applies */
    uint16_t *lane_of; /* by field id, below program->lane_fields: in lane; 0: nobody asks */
    struct {
        struct view_lane *at; /* at[0] is none */
        size_t n, room;
    } lane;
    uint64_t *relevant; /* bits: predicates of the rules that apply */
    uint32_t *always;   /* rules without a wake list */
    uint32_t always_count;
    const struct keywords *keywords; /* of all its sources in one; NULL: none */
};

/* The keywords of several sources as one, so that a record is scanned once. */
struct merged_keywords {
    struct merged_keywords *next;
    uint64_t *sources; /* bits: indexes of program->keywords */
    struct keywords keywords;
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

enum mark { MARK_NONE, MARK_NO, MARK_MAYBE, MARK_YES };

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
        struct view_slot {
            struct view *view; /* NULL until met */
        } * at;                /* by route index */
        size_t n, room;
    } view;
    struct merged_keywords *merged; /* a list; in arena */
    struct arena arena;             /* the views */

    uint32_t *mark; /* by predicate: generation << 2 | enum mark */
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

static inline uint32_t match_mark(const struct rule_matcher *m, enum mark mark)
{
    return m->generation << 2 | mark;
}

/* Whether `rule` may see m->event, which m->route is of.  A rule that holds of almost anything
 * (`not selection`) and whose log source is a certain product's is kept from an event of unknown
 * source that has none of its fields: it would call every line of every file an attack. */
bool match_applies(const struct rule_matcher *m, uint32_t rule);

/* ---- keyword.c ---- */

/* The keywords of the rules that apply; NULL when they have none. */
const struct keywords *keywords_of(struct rule_matcher *m, const struct route *route);
void keywords_done(struct rule_matcher *m);

/* Marks the keywords that m->event may have with MARK_MAYBE and lists them in m->candidate;
 * false when there is none. */
bool keywords_find(struct rule_matcher *m, const struct keywords *k);

#endif
