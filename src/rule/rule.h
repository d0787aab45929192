/* SPDX-License-Identifier: Apache-2.0 */
/* rule.h - Sigma detections and correlations (Sigma specification 2.1).
 *
 *   files ──read──▶ rules ──compile──▶ rule_set (frozen) ──▶ rule_matcher (one a worker)
 *                                                       └──▶ correlator   (one a run)
 *
 * A set is built by one thread, then immutable and shared by all.  A rule that
 * does not compile is reported and left out; the rest load.
 *
 * Matching: identical predicates of all rules are one predicate; the literals
 * of a field are one Vectorscan database; a rule is looked at only when a
 * predicate that it cannot do without has fired on an event of its log source. */
#ifndef RULE_RULE_H
#define RULE_RULE_H

#include "base/sbuf.h"
#include "base/status.h"
#include "event/batch.h"
#include "event/dict.h"
#include "event/finding.h"

struct rule_set; /* opaque */

/* What a caller may know of a rule; all text lives in the set. */
struct rule_info {
    str id, title, description, status, author, file;
    uint32_t line; /* of the document in the file */
    enum level level;
    bool correlation;
    str product, category, service; /* log source; empty where not given */
    const str *technique;           /* ATT&CK technique ids, upper case */
    uint32_t technique_count;
    const str *tag;
    uint32_t tag_count;
    const str *falsepositive;
    uint32_t falsepositive_count;
    const str *reference;
    uint32_t reference_count;
};

struct rule_problem {
    str file;
    uint32_t line; /* 0 when the whole file is meant */
    char reason[200];
};

/* What `%name%` stands for in values with the modifier `expand`.  A placeholder that has no
 * values here never matches; values may hold wildcards. */
struct rule_placeholder {
    str name;
    const str *value;
    size_t count;
};

struct rule_options {
    const char *cache_dir; /* NULL: no cache.  Created 0700 when absent; must be ours */
    size_t max_bytes;      /* text and tables of the set; 0: 512 MiB */
    const struct rule_placeholder *placeholder;
    size_t placeholder_count;
};

/* Read and compile all rules below `path` (files, folders of *.yml / *.yaml, searched
 * recursively and in name order; *.test.yml there are test cases and no rules).  Compile failures are in the set (rule_set_problem), not an
 * error; ST_NOT_FOUND when a path does not exist, ST_LIMIT past max_bytes.
 * *out is the caller's: rule_set_free. */
CHECKED status rule_set_load(const char *const *path, size_t count, struct dict *dict,
                             const struct rule_options *options, struct rule_set **out,
                             struct error *err);
/* The same from text, for tests and tools; `name` stands for the file. */
CHECKED status rule_set_parse(str name, str yaml, struct dict *dict,
                              const struct rule_options *options, struct rule_set **out,
                              struct error *err);
void rule_set_free(struct rule_set *set); /* NULL is fine */

size_t rule_set_count(const struct rule_set *set); /* detections and correlations, by number */
/* Those of them that can fire: a correlation that listens to a rule that is not there keeps its
 * number but is a problem.  O(count). */
size_t rule_set_loaded(const struct rule_set *set);
const struct rule_info *rule_set_info(const struct rule_set *set, uint32_t rule);
size_t rule_set_problem_count(const struct rule_set *set);
const struct rule_problem *rule_set_problem(const struct rule_set *set, size_t i);
bool rule_set_from_cache(const struct rule_set *set);
/* Index of the rule with this id (or `name`), or UINT32_MAX. */
uint32_t rule_set_find(const struct rule_set *set, str id);

/* ---- matching: one matcher a worker ---- */

struct rule_hit {
    uint32_t rule;
    uint32_t event; /* index in the batch */
};

/* Hits of a batch, in event order, then rule order.  Owner of its array; all-zero is empty. */
struct rule_hits {
    struct rule_hit *at;
    size_t n, room;
};
void rule_hits_done(struct rule_hits *h);

struct rule_matcher; /* opaque; one thread at a time */
struct rule_matcher *rule_matcher_new(const struct rule_set *set);
void rule_matcher_free(struct rule_matcher *m); /* NULL is fine */

/* Append the hits of every event in `b` to `out`: detections only, including those that exist
 * just to feed a correlation. */
void rule_match(struct rule_matcher *m, struct batch *b, struct rule_hits *out);

/* True when a hit of this rule alone is worth a finding (false: it only feeds a correlation). */
bool rule_reports(const struct rule_set *set, uint32_t rule);
/* True when some correlation listens to this rule. */
bool rule_feeds(const struct rule_set *set, uint32_t rule);

/* The finding for a hit; texts go to `arena`.  Returns NULL past the arena's cap. */
struct finding *rule_finding(struct rule_matcher *m, const struct batch *b,
                             const struct rule_hit *hit, struct arena *arena);

/* For one rule and one event: the tree of what matched and what did not, and why,
 * one line a node, as text or as a JSON object.  Works for any rule, woken or not. */
void rule_explain(struct rule_matcher *m, uint32_t rule, struct event *e, bool json,
                  struct sbuf *out);

/* ---- correlation: one correlator a run, fed in input order ---- */

struct correlator; /* opaque; one thread at a time */

struct correlator_limits {
    size_t max_bytes;    /* state of all groups and of samples held back; 0: 64 MiB */
    int64_t lateness_ms; /* how long, in event time, samples are held back so that late ones can
                            still take their place; 0: as long as max_bytes allows (for files) */
};

struct correlator_stats {
    uint64_t groups;  /* held now */
    uint64_t evicted; /* groups thrown out to stay inside the limit */
    uint64_t late;    /* hits too late to count */
    uint64_t lost;    /* findings the arena had no room for */
    size_t bytes;
};

struct correlator *correlator_new(const struct rule_set *set, const struct correlator_limits *l);
void correlator_free(struct correlator *c); /* NULL is fine */

/* What a correlation needs to know of a hit, copied out of its batch by a worker so that the
 * ordered part of the run need not hold the batch.  Lives in `arena`.  NULL when no
 * correlation listens, or past the arena's cap. */
struct sample;
struct sample *rule_sample(const struct rule_set *set, const struct batch *b,
                           const struct rule_hit *hit, struct arena *arena);

/* Feed one sample; findings that it completes are passed to `emit` (their texts live in
 * `arena`, which `emit` may clear when it is done with them). */
typedef void correlation_fn(void *arg, const struct finding *f);
void correlator_feed(struct correlator *c, const struct sample *s, struct arena *arena,
                     correlation_fn *emit, void *arg);
/* End of input: windows that wait for more answer now. */
void correlator_finish(struct correlator *c, struct arena *arena, correlation_fn *emit, void *arg);
/* It is `wall_ms` (Unix ms) by the clock on the wall; for runs without an end, with lateness_ms.
 * Event time has gone on by as much as the wall's has since the newest sample came, so samples
 * that have waited long enough leave, and windows that are over answer, though nothing arrives;
 * events of last year stay as far in the past as they are.  From the first tick on, a sample that
 * is further ahead of `wall_ms` than lateness_ms counts as of now. */
void correlator_tick(struct correlator *c, int64_t wall_ms, struct arena *arena,
                     correlation_fn *emit, void *arg);
/* Hold nothing back any longer; windows stay open.  For the last words before a restart. */
void correlator_settle(struct correlator *c, struct arena *arena, correlation_fn *emit, void *arg);
/* Shrink to at most `bytes`: samples stop waiting, then the stalest groups go (evicted). */
void correlator_trim(struct correlator *c, size_t bytes, struct arena *arena, correlation_fn *emit,
                     void *arg);
struct correlator_stats correlator_stats(const struct correlator *c);

#endif
