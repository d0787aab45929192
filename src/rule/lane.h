/* SPDX-License-Identifier: Apache-2.0 */
/* lane.h - for files in rule/ only: all predicates on one field, asked at once of one value.
 *
 *   EQUAL                a hash table of whole values
 *   STARTS, ENDS         the same table, keyed by the first or last 16, 8, 4, 2 or 1 bytes
 *   CONTAINS             one literal database; literals of one byte by memchr
 *   GLOB, REGEX          a literal they cannot match without goes into that database,
 *                        and where it is found the pattern itself is run
 *   numbers              a sorted array, beside the table
 *   all others           one by one
 *
 * Everything compares lower case (ASCII) with lower case; what is cased is
 * confirmed on the value as it stands.
 *
 * Immutable and shared; a lane_scan belongs to one thread. */
#ifndef RULE_LANE_H
#define RULE_LANE_H

#include "event/event.h"
#include "rule/scan.h"

struct program;
struct predicate;
struct tester;
struct db_cache;

/* Literals and the predicates they speak for: target[first[i] .. first[i + 1]) for literal i,
 * each predicate << 1 | (1 when finding it is not yet a match). */
struct literal_map {
    struct literal_db *db; /* owned; NULL when there are none */
    uint64_t key;
    uint32_t count;
    str *text; /* as the rest, in the arena it was built with */
    uint32_t *first, *target;
};

struct literal_entry {
    str text; /* of 1..LITERAL_BYTES_MAX bytes */
    uint32_t target;
};
/* Sorts `entry`. */
CHECKED status literal_map_build(struct literal_map *map, struct literal_entry *entry, size_t n,
                                 bool caseless, const struct db_cache *cache, struct arena *arena,
                                 struct error *err);

struct lane_slot {
    uint64_t hash;
    uint32_t first, count; /* in key_target */
};

/* Which parts of a lane may find a predicate. */
enum lane_part {
    LANE_KEYS = 1 << 0,
    LANE_NUMBERS = 1 << 1,
    LANE_LITERALS = 1 << 2, /* single bytes among them */
    LANE_OTHER = 1 << 3
};

struct lane {
    field_id field;
    uint8_t starts, ends;   /* 1 << i: literals of 1 << i bytes or more are keyed by so many */
    struct lane_slot *slot; /* open addressing; count 0 is free */
    uint32_t slot_mask;     /* 0: no table */
    uint32_t *key_target;   /* predicates */
    struct literal_map literal;
    struct lane_byte {
        char byte;
        uint32_t predicate;
    } * byte;
    uint32_t byte_count;
    struct lane_number {
        double number;
        uint32_t predicate;
    } * number; /* ascending */
    uint32_t number_count;
    uint32_t *other;
    uint32_t other_count;
};

/* A lane of these predicates, all on one field and eager. */
CHECKED status lane_build(struct lane *lane, struct program *p, const uint32_t *predicate, size_t n,
                          const struct db_cache *cache, struct error *err);

unsigned lane_parts(const struct program *p, uint32_t predicate);

/* What one thread needs to ask lanes. */
struct lane_scan {
    const struct program *program;
    struct tester *tester;
    struct literal_scratch scratch;
    uint32_t *seen, generation; /* by predicate: asked in this generation */
    char *folded;               /* owned */
    size_t folded_room;
    struct {
        uint32_t *at;
        size_t n, room;
    } hit; /* predicates that hold */

    /* for the value being looked at */
    const struct lane_want *want;
    str text, low;
    enum value_kind kind;
};

/* What a caller wants to know of a lane. */
struct lane_want {
    const struct lane *lane;
    const uint64_t *relevant;          /* bits: the predicates that matter */
    const struct literal_map *literal; /* the lane's, or one narrowed to what is relevant */
    unsigned parts;                    /* lane_parts of the relevant ones */
};

/* A map of only those literals that speak for relevant predicates; false when that would be
 * more than half of them.  For a lane that is asked about a lot of text: it costs
 * milliseconds and makes the scan up to three times as fast. */
bool literal_map_narrow(const struct literal_map *map, const uint64_t *relevant,
                        struct arena *arena, struct literal_map *out);

/* Which of the wanted predicates hold for the value; fills scan->hit. */
void lane_ask(struct lane_scan *scan, const struct lane_want *want, str text, enum value_kind kind);

#endif
