/* SPDX-License-Identifier: Apache-2.0 */
/* expression.h - small regular expressions that cannot be made to run away; for files in intel/ only.
 *
 * Literals, . [sets] \d \w \s, groups, | * + ? ^ $.  Time is the length of the text times that of
 * the expression at most, and nothing is allocated to match.  Immutable after parse. */
#ifndef INTEL_EXPRESSION_H
#define INTEL_EXPRESSION_H

#include "base/arena.h"

enum { EXPRESSION_STEPS_MAX = 512, EXPRESSION_SETS_MAX = 32, EXPRESSION_DEPTH_MAX = 16 };

struct expression_step {
    uint8_t op;
    uint8_t arg;  /* the byte, or the set's index */
    int16_t x, y; /* where to go on, relative to here */
};

struct expression {
    const struct expression_step *step; /* lives in the arena, as do the sets */
    const uint8_t *set;                 /* 32 bytes each */
    uint16_t count;
    bool fold; /* letters of either case */
};

/* False: it is none, needs what is not in the list above, or is too long. */
CHECKED bool expression_parse(str pattern, bool fold, struct arena *arena, struct expression *out);
/* Does it match somewhere in `text`? */
bool expression_match(const struct expression *r, str text);

#endif
