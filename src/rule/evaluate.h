/* SPDX-License-Identifier: Apache-2.0 */
/* evaluate.h - for files in rule/ only: one test on one value or event, the plain way.
 *
 * Nothing here is prepared, cached or shared between tests, so it is what the
 * matcher is held against, and what explains a hit after the fact.
 *
 * What tests mean, where rule_int.h leaves room:
 *   - null matches TEST_NULL and TEST_EXISTS only; empty text is a value;
 *   - a field that stands more than once matches when one of its values does;
 *   - numbers are decimal text.  They are equal by value when the rule wrote a
 *     bare number or the event's value is a JSON number;
 *   - a keyword is looked for in every value and, where the record is text and
 *     not JSON or XML, in the whole record.  EQUAL and GLOB keywords need not
 *     cover the whole value. */
#ifndef RULE_EVALUATE_H
#define RULE_EVALUATE_H

#include "rule/regex.h"
#include "rule/rule_int.h"

struct tester { /* one a thread; the set has its program */
    const struct rule_set *set;
    struct regex_scratch regex;
};
void tester_init(struct tester *t, const struct rule_set *set);
void tester_done(struct tester *t); /* safe when zeroed */

/* The field a test row is about, and the one a TEST_FIELD compares with (else FIELD_OVERFLOW). */
struct test_fields {
    field_id field, other;
};
struct test_fields test_fields(const struct rule_set *set, enum family family, uint32_t test);

/* One value.  Not for tests of absence, of two fields or without a field. */
bool test_value(struct tester *t, uint32_t test, str text, enum value_kind kind);

/* A whole event.  *by (may be NULL) becomes the field that matched; NULL where none did, or
 * where it was the record or an absence. */
bool test_event(struct tester *t, uint32_t test, struct test_fields fields, struct event *e,
                struct field **by);

/* A node of the rule's tree. */
bool node_event(struct tester *t, enum family family, uint32_t node, struct event *e);

/* The record is its own text, and not JSON or XML around it. */
bool record_is_text(const struct event *e);

/* `text` against `pattern` as in test_row.value of TEST_GLOB.  `?` is one UTF-8 character.
 * inside: the pattern may match any part of the text. */
bool glob_match(str pattern, str text, bool cased, bool inside);

/* Decimal text, with sign, fraction and exponent at most. */
bool number_parse(str s, double *out);

#endif
