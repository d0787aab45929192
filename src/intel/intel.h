/* SPDX-License-Identifier: Apache-2.0 */
/* intel.h - known-bad values, and known-good ones that always win.
 *
 * A set is built by one thread from feeds and allow-lists, frozen, then
 * immutable and shared.  Values are kept in canonical form, so refanged and
 * defanged spellings are one indicator. */
#ifndef INTEL_INTEL_H
#define INTEL_INTEL_H

#include "base/status.h"
#include "event/batch.h"
#include "event/dict.h"
#include "event/finding.h"

enum intel_kind {
#define X(NAME, name, doc) INTEL_##NAME,
#include "intel/kind.def"
    INTEL_KIND_COUNT
};

enum { INTEL_TEXT_MAX = 72 }; /* longest text of an address, range or hash, its NUL included */

struct indicator {
    enum intel_kind kind;
    str value;       /* canonical; lives in the set, or is `text`: a copy does not move it */
    str source;      /* feed's name; lives in the set */
    str description; /* may be empty */
    float confidence_01;
    int64_t expires_ms;   /* Unix time; 0: never */
    const str *technique; /* ATT&CK ids, when the feed says */
    uint32_t technique_count;
    char text[INTEL_TEXT_MAX]; /* for what the set keeps in binary */
};

struct intel_options {
    size_t max_bytes; /* 0: 1 GiB; freezing takes up to as much again, for a moment */
    int64_t now_ms;   /* indicators expired by then are left out and counted */
};

struct intel_stats {
    uint64_t indicators, allowed, expired, duplicates, rejected; /* rejected: lines of no kind */
    size_t bytes;
};

struct intel_set; /* opaque */
struct intel_set *intel_set_new(const struct intel_options *options);
void intel_set_free(struct intel_set *set); /* NULL is fine */

/* Read a feed (file, or folder recursively), its format found by looking: plain list, CSV, hosts
 * file, STIX 2.1 bundle, MISP event or warninglist JSON; gzip, xz and zstd are read directly.
 * `allow`: what it names is known good.  Lines of no kind are counted, sampled in `err`-like
 * reports (intel_set_problem) and do not fail the rest.  ST_LIMIT past max_bytes. */
CHECKED status intel_set_load(struct intel_set *set, const char *path, bool allow,
                              struct error *err);
/* One indicator, of the kind its text shows when kind is INTEL_KIND_COUNT. */
CHECKED status intel_set_add(struct intel_set *set, const struct indicator *item, bool allow,
                             struct error *err);
/* A feed from memory, as intel_set_load reads it from a file, and each indicator that was taken from it is
 * told to `taken` (may be NULL): `item` as the feed spells it, for the call only.  What `taken` fails with ends it. */
typedef status intel_taken_fn(void *arg, const struct indicator *item, struct error *err);
CHECKED status intel_set_read(struct intel_set *set, str source, str text, intel_taken_fn *taken,
                              void *arg, struct error *err);
void intel_set_freeze(struct intel_set *set);
const char *intel_kind_name(enum intel_kind k);
struct intel_stats intel_set_stats(const struct intel_set *set);

struct intel_problem {
    str file;
    uint64_t line;
    char reason[160];
};
size_t intel_set_problem_count(const struct intel_set *set);
const struct intel_problem *intel_set_problem(const struct intel_set *set, size_t i);

/* What is known of `value`: text of any kind and spelling.  False: nothing, or allowed
 * (`*allowed` tells; may be NULL).  Does not allocate; under 200 ns. */
CHECKED bool intel_find(const struct intel_set *set, str value, struct indicator *out,
                        bool *allowed);

/* Per-worker matcher over events: looks at the fields that hold addresses, names, URLs, hashes
 * and e-mail addresses, and at hashes and addresses inside others. */
struct intel_matcher;
struct intel_matcher *intel_matcher_new(const struct intel_set *set, struct dict *dict);
void intel_matcher_free(struct intel_matcher *m); /* NULL is fine */

/* Findings of event `index`, passed to `emit`; texts live in `arena`. */
typedef void intel_fn(void *arg, uint32_t event, const struct finding *f);
void intel_match(struct intel_matcher *m, struct batch *b, struct arena *arena, intel_fn *emit,
                 void *arg);

#endif
