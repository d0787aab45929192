/* SPDX-License-Identifier: Apache-2.0 */
/* finding.h - one detector's claim about one event or window.
 *
 * Everything a finding points to lives in the arena it was made in. */
#ifndef EVENT_FINDING_H
#define EVENT_FINDING_H

#include "event/event.h"

enum level {
#define X(NAME, name, score) LEVEL_##NAME,
#include "event/level.def"
    LEVEL_COUNT
};

enum finding_kind {
    FINDING_RULE,
    FINDING_CORRELATION,
    FINDING_INDICATOR,
    FINDING_BEHAVIOR, /* an entity is not as it used to be */
    FINDING_NETWORK,  /* what flows look like together: a scan, a beacon… */
    FINDING_MODEL,    /* a trained model's score is past its threshold */
    FINDING_KIND_COUNT
};

struct pair {
    str name, value;
};

struct finding {
    enum finding_kind kind;
    enum level level;
    float score_01;
    int64_t time_ms;      /* of the event, or of the one that completed the window */
    str id, title;        /* a Sigma rule's own id and title; an indicator's kind and value */
    const str *technique; /* ATT&CK ids, upper case: "T1059.001" */
    uint32_t technique_count;
    const struct pair *entity; /* key → value: user, host, source.ip, … */
    uint32_t entity_count;
    const struct pair *evidence; /* field → value that made it fire */
    uint32_t evidence_count;
    str reason;           /* a sentence */
    struct origin origin; /* of the event that (last) contributed */
    char event_id[EVENT_ID_LEN + 1];
};

const char *level_name(enum level l);
float level_score(enum level l);
/* Parses a level's name; false when it is none. */
bool level_find(str name, enum level *out);
const char *finding_kind_name(enum finding_kind k);

/* Entity keys of `e`, at most `max`, text copied to `arena`.  Returns how many. */
enum { ENTITY_MAX = 5 };
uint32_t event_entity(struct event *e, struct arena *arena, struct pair out[static ENTITY_MAX]);

/* The key (entity.def) that `id` supplies, such as "user"; empty when it supplies none. */
str entity_key(field_id id);

#endif
