/* SPDX-License-Identifier: Apache-2.0 */
/* attack.h - what MITRE ATT&CK calls its techniques, and which tactics they serve.
 *
 * Tables only; thread-safe. */
#ifndef EVENT_ATTACK_H
#define EVENT_ATTACK_H

#include "base/str.h"

enum tactic {
#define X(NAME, id, name) TACTIC_AT_##NAME,
#include "event/tactic.def"
    TACTIC_COUNT
};

enum tactic_bit {
#define X(NAME, id, name) TACTIC_##NAME = 1 << TACTIC_AT_##NAME,
#include "event/tactic.def"
};

struct technique {
    const char *id, *name;
    uint32_t tactics; /* TACTIC_… bits; at least one */
};

const char *tactic_id(enum tactic t);
const char *tactic_name(enum tactic t);

/* The technique with this id ("T1059", "T1059.001"), or NULL when the table has none. */
const struct technique *technique_find(str id);
/* That a sub-technique belongs to; NULL when `id` is none, or its parent is unknown. */
const struct technique *technique_parent(str id);

#endif
