/* SPDX-License-Identifier: Apache-2.0 */
/* describe.h - for files in rule/ only: tests and values in words.
 *
 * Text from rules and events is made safe for a terminal: control characters
 * become blanks, and what is long is cut between characters. */
#ifndef RULE_DESCRIBE_H
#define RULE_DESCRIBE_H

#include "rule/evaluate.h"

/* `text` in single quotes, at most `width` bytes of it. */
void describe_value(struct sbuf *out, str text, size_t width);

/* "contains", "is below"…; for JSON and sentences alike. */
const char *test_verb(const struct test_row *row);

/* The value a test wants, as a reader would write it (globs without their escapes); in `arena`
 * or the image.  Empty where the verb says all. */
str test_wants(const struct image *im, const struct test_row *row, struct arena *arena);

/* "process.command_line contains '-enc'"; the field by its name in events. */
void describe_test(struct sbuf *out, const struct rule_set *set, uint32_t test,
                   struct test_fields fields, struct arena *arena);

#endif
