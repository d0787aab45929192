/* SPDX-License-Identifier: Apache-2.0 */
/* modifier.h - for files in rule/ only: `Field|modifier|modifier: value` → nodes. */
#ifndef RULE_MODIFIER_H
#define RULE_MODIFIER_H

#include "rule/rule_int.h"

enum modifier {
#define X(NAME, name, KIND) MODIFIER_##NAME,
#include "rule/modifier.def"
    MODIFIER_COUNT
};

enum { MODIFIER_STEPS_MAX = 8 };

/* The left side of a field's test. */
struct modifiers {
    str field;           /* empty: keywords */
    unsigned char test;  /* enum modifier of what is done: `re`, `cidr`, `lt`…; or none */
    unsigned char place; /* contains, startswith, endswith; or none */
    unsigned char unit;  /* minute…year; or none */
    bool all, neq;
    uint16_t flags;                         /* enum test_flag: TEST_CASED and those of `re` */
    bool nocase;                            /* `re|i` */
    unsigned char step[MODIFIER_STEPS_MAX]; /* what is done to the value, in order */
    unsigned char step_count;
};

/* `key`, as a mapping at node `at` has it. False with r->why when the modifiers are not known or
 * mean nothing together. */
bool modifiers_parse(struct rule_read *r, const struct yaml_node *at, str key,
                     struct modifiers *out);

/* The node for one value (a scalar); several forms of it become an OR.  `all` and `neq` are the
 * caller's to apply. */
bool modifiers_apply(struct rule_read *r, const struct modifiers *m, const struct yaml_node *value,
                     uint32_t *node);

#endif
