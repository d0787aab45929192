/* SPDX-License-Identifier: Apache-2.0 */
/* regex.h - for files in rule/ only: regular expressions as rules write them.
 *
 * PCRE syntax, unanchored, UTF-8; bytes that are not UTF-8 simply match no
 * character.  Matching is bounded: past the limits a subject counts as not
 * matching and the scratch counts it, so a rule with a catastrophic pattern
 * costs milliseconds and not the run.
 *
 * A compiled regex is immutable and shared; a scratch belongs to one thread. */
#ifndef RULE_REGEX_H
#define RULE_REGEX_H

#include "base/status.h"
#include "base/str.h"

enum regex_flag {
    REGEX_NOCASE = 1 << 0,
    REGEX_MULTILINE = 1 << 1, /* ^ and $ at line breaks */
    REGEX_DOTALL = 1 << 2,    /* . matches line breaks */
    REGEX_CHECK = 1 << 3      /* only to learn whether it is well formed: not made fast */
};

struct regex; /* opaque */

/* Compile; NULL when the pattern is not well formed, with the reason and place in err. */
struct regex *regex_new(str pattern, unsigned flags, struct error *err);
void regex_free(struct regex *r); /* NULL is fine */

struct regex_scratch {
    void *data;        /* owned */
    void *limits;      /* owned */
    void *stack;       /* owned */
    uint64_t given_up; /* subjects on which a limit was reached */
};
void regex_scratch_init(struct regex_scratch *s);
void regex_scratch_done(struct regex_scratch *s); /* safe when zeroed */

bool regex_match(const struct regex *r, struct regex_scratch *s, str subject);

#endif
