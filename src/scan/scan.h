/* SPDX-License-Identifier: Apache-2.0 */
/* scan.h - malware rules (YARA) over bytes, with their digests looked up among indicators.
 *
 * Rules are compiled once from files and folders, then frozen, shared and reference-counted: reading them
 * anew makes a new set.  A file that does not compile is a problem of its own and leaves the others.  `include`
 * in rules is not followed.
 *
 * Thread-safe: each scan has its own scanner. */
#ifndef SCAN_SCAN_H
#define SCAN_SCAN_H

#include "base/arena.h"
#include "base/status.h"
#include "crypto/crypto.h"
#include "event/finding.h"
#include "intel/intel.h"

struct scan_rules; /* opaque; reference-counted */
enum { SCAN_FILES_MAX = 10000, SCAN_FILE_BYTES_MAX = 4 * 1024 * 1024, SCAN_DEPTH_MAX = 16 };

struct scan_problem {
    str file;
    int line; /* 0: the file as a whole */
    str reason;
};
/* All rules in `path`: files, and *.yar and *.yara below folders, in name order.  ST_NOT_FOUND: a path does
 * not exist.  ST_LIMIT: more than SCAN_FILES_MAX.  Files that cannot be read or compiled are problems. */
CHECKED status scan_rules_load(const char *const *path, size_t count, struct scan_rules **out,
                               struct error *err);
struct scan_rules *scan_rules_ref(struct scan_rules *r); /* NULL is fine */
void scan_rules_unref(struct scan_rules *r);             /* NULL is fine */
size_t scan_rules_count(const struct scan_rules *r);     /* of rules; NULL: 0 */
size_t scan_problem_count(const struct scan_rules *r);
const struct scan_problem *scan_problem(const struct scan_rules *r, size_t i); /* lives in `r` */

enum { SCAN_MATCHES_MAX = 200, SCAN_STRINGS_MAX = 32, SCAN_TAGS_MAX = 16, SCAN_SHOWN_BYTES = 64 };
struct scan_string {
    str name;        /* "$a" */
    uint64_t offset; /* of its match in the bytes */
    uint64_t length;
    str bytes; /* the first SCAN_SHOWN_BYTES of it, as they are */
};
struct scan_match {  /* one rule's; all in the arena */
    str rule, space; /* space: the rule's file */
    const str *tag;
    size_t tags;
    const struct pair *meta;
    size_t metas;
    const struct scan_string *string;
    size_t strings;
};
struct scan_result {
    char digest[DIGEST_COUNT][DIGEST_HEX_MAX];
    const struct scan_match *match;
    size_t matches;
    uint64_t more;                        /* rules that matched past SCAN_MATCHES_MAX */
    struct indicator known[DIGEST_COUNT]; /* indicators with such a digest; value in the arena */
    size_t knowns;
    bool allowed; /* a digest is on the allow-list */
};
struct scan_options {
    struct scan_rules *rules;         /* NULL: none */
    const struct intel_set *intel[2]; /* looked up in this order; NULL: none */
    int timeout_s;                    /* 0: 20 */
};
/* ST_BUSY: the rules took longer than the timeout.  ST_LIMIT: the arena's. */
CHECKED status scan_bytes(const struct scan_options *options, str bytes, struct arena *arena,
                          struct scan_result *out, struct error *err);
/* How bad, 0..1: an indicator's confidence, else a rule's `score` (0..100) or 0.7; 0: nothing, or allowed. */
double scan_score(const struct scan_result *r);

#endif
