/* SPDX-License-Identifier: Apache-2.0 */
/* value.h - for files in rule/ only: one value of a rule on its way to a test.
 *
 * While it is worked on, a value is a *pattern*: bytes and wildcards as 16-bit
 * symbols, so that escaping is dealt with once, at the door.  Steps (windash,
 * base64, wide…) turn each pattern into one or more. */
#ifndef RULE_VALUE_H
#define RULE_VALUE_H

#include "rule/modifier.h"

enum { SYMBOL_STAR = 256, SYMBOL_QUESTION = 257 }; /* below: a byte */

struct pattern {
    const uint16_t *at; /* in scratch, or static */
    size_t n;
};

struct value {
    struct rule_read *read;
    const struct modifiers *mods;
    const struct yaml_node *yaml;
    VEC(struct pattern) form; /* owned */
};

/* The forms of `text` after all steps of v->mods.  `raw`: it is a regular expression, without
 * Sigma's escaping.  No forms at all when a placeholder has no values. */
bool value_forms(struct value *v, str text, bool raw);
void value_done(struct value *v);

/* The pattern's bytes, wildcards left out, in scratch; p is NULL past its cap. */
str value_bytes(struct value *v, struct pattern p);

#endif
