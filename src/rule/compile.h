/* SPDX-License-Identifier: Apache-2.0 */
/* compile.h - for files in rule/ only: the program, which is what the matcher runs.
 *
 *   tests of all rules ──equal ones are one──▶ predicates ──by field──▶ lanes
 *   tree of a rule     ──────────────────────▶ steps, the cheap and rare first
 *   tree of a rule     ──what it cannot do without──▶ wake list of a few predicates
 *
 * A *lane* answers, for one value of its field, which of all predicates on
 * that field hold (lane.h).  Predicates that a lane can find are *eager*; the
 * others (absence, two fields compared, patterns without a literal in them)
 * are asked for when a rule that is awake needs them.
 *
 * A rule is *woken* by any predicate of its wake list; it cannot hold unless
 * one of them does.  Rules without such a list are tried on every event of
 * their source.
 *
 * A program is immutable and shared by all matchers. */
#ifndef RULE_COMPILE_H
#define RULE_COMPILE_H

#include "rule/evaluate.h"
#include "rule/lane.h"
#include "rule/route.h"

struct predicate {
    uint32_t test;     /* the first row of image.test that says it */
    uint32_t uses;     /* rules that ask it */
    uint32_t last_use; /* while building: the last of them */
    struct test_fields fields;
    uint8_t op;       /* enum test_op */
    uint8_t fragment; /* GLOB, REGEX, keywords: bytes of the shortest fragment; 0: none */
    bool eager, keyword, wakes;
    float chance; /* guess of the share of events of its sources on which it holds */
    str folded;   /* value in lower case where case does not count; else p is NULL */
};

enum step_kind {
    STEP_AND, /* `arg`: the step after its last child, which are the steps behind it */
    STEP_OR,
    STEP_NOT,
    STEP_FIRED,   /* `arg`: an eager predicate on a field */
    STEP_KEYWORD, /* `arg`: an eager keyword: false, unless a fragment of it was found */
    STEP_ASK,     /* `arg`: any other */
    STEP_NEVER    /* a field that the dictionary had no room for */
};

struct step {
    uint32_t kind, arg;
};

/* Among the literals of keywords: JSON may write any ASCII character as \u00xx, and then the
 * fragments cannot be seen in the record. */
#define KEYWORD_ESCAPE STR("\\u00")
enum { KEYWORD_ESCAPE_TARGET = 0xffffffffu >> 1 };

/* The keyword predicates of one source that a scan of the whole record finds candidates for. */
struct keywords {
    uint32_t source;
    struct literal_map literal; /* fragments that JSON cannot write in two ways; any case */
    uint32_t *unfiltered;       /* predicates without such a fragment */
    uint32_t unfiltered_count;
};

struct program {
    const struct rule_set *set; /* borrowed: the program is its */
    struct arena arena;
    struct sources *sources; /* owned */

    struct predicate *predicate; /* owned, as all arrays below that are not in arena */
    uint32_t predicate_count;
    struct span *wake; /* of a predicate, in wake_rule */
    uint32_t *wake_rule;

    struct step *step;
    uint32_t step_count;
    struct span *code; /* of a rule; none for correlations */
    uint32_t *source;  /* of a rule */
    bool *always;      /* of a rule: has no wake list */

    struct lane *lane; /* lane[0] is none */
    uint32_t lane_count;
    uint16_t *lane_of; /* by field id, below lane_fields */
    uint32_t lane_fields;

    struct keywords *keywords;
    uint32_t keywords_count;

    struct test_regex { /* sorted by test */
        uint32_t test;
        struct regex *regex; /* owned by the row that has `owner` */
        bool owner;
    } * regex;
    uint32_t regex_count;
};

/* The compiled pattern of a TEST_REGEX row. */
const struct regex *program_regex(const struct program *p, uint32_t test);

/* Serialised databases by their key; see program_build. */
struct db_cache {
    str bytes;
};
str db_cache_find(const struct db_cache *cache, uint64_t key);

/* A copy in the program's arena. */
void *program_keep(struct program *p, const void *at, size_t n, size_t size);

/* ---- wake.c ---- */

/* One rule's tree, with predicates in place of tests. */
struct tree {
    const struct program *program;
    const uint32_t *of_node; /* predicate of each NODE_TEST of the rule */
};

/* A guess of predicate.chance; `asked` is how often rules ask about its field. */
float predicate_chance(const struct program *p, const struct predicate *q, uint32_t asked);

struct wake_set {
    uint32_t *at; /* owned */
    size_t n, room;
};
/* Add predicates one of which must hold for `node` to: the least likely such set.  False, and
 * nothing added, when there is none. */
bool wake_choose(const struct tree *t, uint32_t node, struct wake_set *out);

#endif
