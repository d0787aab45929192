/* SPDX-License-Identifier: Apache-2.0 */
/* sample.h - for files in rule/ only: what a correlation knows of a hit. */
#ifndef RULE_SAMPLE_H
#define RULE_SAMPLE_H

#include "rule/rule_int.h"

/* A field that some correlation above a rule needs from the rule's events. */
struct need {
    struct text name; /* as the correlation or its alias writes it */
    field_id id;
};

struct plan {
    struct need *need;   /* owned */
    struct span *rule;   /* owned; of need[], one a rule */
    struct span *above;  /* owned; of above_row[], one a rule: correlations that listen to it */
    uint32_t *above_row; /* owned; rule numbers */
};

struct sample {
    int64_t time_ms; /* TIME_NONE when the event has none */
    uint32_t rule;   /* the detection that hit */
    uint32_t entity_count;
    uint32_t value_count;
    struct origin origin;
    char event_id[EVENT_ID_LEN + 1];
    struct pair entity[ENTITY_MAX];
    str value[]; /* as plan->need of the rule; p is NULL where the event has no such field */
};

/* A copy owned by the caller (mem_free), in one piece; *bytes is what it takes. */
struct sample *sample_copy(const struct sample *s, size_t *bytes);

/* What correlation `row` finds in `s` under `name`, when `from` is the rule (a detection or a
 * correlation) through which the sample reached it.  p is NULL when the event has no such field. */
str sample_value(const struct rule_set *set, const struct correlation_row *row, uint32_t from,
                 struct text name, const struct sample *s);

#endif
