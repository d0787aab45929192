/* SPDX-License-Identifier: Apache-2.0 */
/* tally.h - findings counted by rule, entity, technique and time, in bounded memory.
 *
 * What the summary, the table's foot and the report page are made of.  Past the
 * limits findings are still counted in all, but get no row of their own.
 *
 * One thread at a time. */
#ifndef REPORT_TALLY_H
#define REPORT_TALLY_H

#include "base/sbuf.h"
#include "event/finding.h"

enum { TALLY_RULES_MAX = 20000, TALLY_ENTITIES_MAX = 100000, TALLY_TECHNIQUES_MAX = 2000 };

struct tally_rule {
    str id, title;
    enum level level;
    enum finding_kind kind;
    uint64_t count;
    uint64_t entities;         /* distinct entity_label()s, as far as kept */
    int64_t first_ms, last_ms; /* TIME_NONE when no event had a time */
    str example_reason, example_label, example_path;
    uint64_t example_line; /* or the record's number */
};

struct tally_entity {
    str key, value; /* "host", "WS5" */
    uint64_t count, rules;
    enum level worst;
    float weight;     /* each of its rules counts once, by the square of its score: many kinds of
                   * trouble weigh more than one repeated, and a dozen lows no more than a high */
    uint64_t tactics; /* TACTIC_… bits of what was found */
    str technique;    /* of the worst finding; may be empty */
    int64_t first_ms, last_ms;
};

struct tally_technique {
    str id;
    uint64_t count, rules;
    enum level worst;
};

struct tally; /* opaque */
struct tally *tally_new(void);
void tally_free(struct tally *t); /* NULL is fine */
void tally_add(struct tally *t, const struct finding *f, const char *path);

uint64_t tally_total(const struct tally *t);
uint64_t tally_level(const struct tally *t, enum level l);
/* Findings that have no row of their own in some list, because a limit was reached. */
uint64_t tally_others(const struct tally *t);

/* Rows, worst first; the arrays live until the next call for the same list. */
const struct tally_rule *tally_rules(struct tally *t, size_t *n);
const struct tally_entity *tally_entities(struct tally *t, size_t *n);
const struct tally_technique *tally_techniques(struct tally *t, size_t *n);

/* Findings over time: TALLY_SPANS equal spans from first_ms on, a power of two seconds each. */
enum { TALLY_SPANS = 128 };
struct tally_timeline {
    int64_t start_ms, span_ms; /* span_ms 0: nothing had a time */
    size_t used;               /* spans up to the last finding */
    uint32_t count[LEVEL_COUNT][TALLY_SPANS];
};
const struct tally_timeline *tally_timeline(const struct tally *t);

/* Whom a finding is about, in a few words: "alice@web1 from 192.0.2.7".  Hostile text. */
void entity_label(const struct finding *f, struct sbuf *out);

#endif
