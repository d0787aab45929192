/* SPDX-License-Identifier: Apache-2.0 */
/* fragment.h - for files in rule/ only: literals that a text must contain for a pattern to match.
 *
 * The prefilter of patterns: where none of the fragments occurs (compared in
 * lower case), the pattern cannot match.  Wherever a pattern says something
 * this does not understand, it answers with fewer fragments or none. */
#ifndef RULE_FRAGMENT_H
#define RULE_FRAGMENT_H

#include "base/arena.h"

enum { FRAGMENTS_MAX = 16 };

struct fragments {
    str at[FRAGMENTS_MAX]; /* in lower case, of 2 bytes or more; one of them must be there */
    uint32_t count;        /* 0: nothing is known */
};

/* `plain`: use only bytes that JSON writes in one way, so that the fragment can be looked for
 * in a record before it is decoded. */
void fragments_of_regex(str pattern, bool nocase, bool plain, struct arena *arena,
                        struct fragments *out);
void fragments_of_glob(str pattern, bool plain, struct arena *arena, struct fragments *out);
void fragments_of_literal(str literal, bool plain, struct arena *arena, struct fragments *out);

/* A shorter fragment that is found faster: it ends where the text is least like text, and
 * fragments that begin alike may become one. */
str fragment_sharpened(str fragment);

#endif
