/* SPDX-License-Identifier: Apache-2.0 */
/* memo.h - for files in rule/ only: what was found out about a value before.
 *
 * Logs say the same things over and over, so most values need not be decoded
 * or scanned again.  An entry is found by the value's bytes as they stand in
 * the record and holds those bytes: a hash alone could be made to collide.
 *
 * Entries lie one behind the other in a pool of fixed size.  When it is full,
 * all are forgotten: a few thousand values are learnt again in a millisecond.
 *
 * One thread at a time. */
#ifndef RULE_MEMO_H
#define RULE_MEMO_H

#include "base/str.h"

enum { MEMO_TEXT_MAX = 1024 }; /* longer values are not kept */

struct memo_key {
    uint32_t route;
    uint16_t lane;
    uint8_t kind, flags; /* of the field */
    str text;
};

/* What holds for the value: predicates, then the rules they wake. */
struct memo_entry {
    uint32_t route;
    uint16_t lane;
    uint8_t kind, flags;
    uint32_t text_bytes;
    uint32_t predicates, rules;
    uint32_t at[]; /* predicates, rules, then the text */
};

struct memo {
    struct memo_bucket *bucket; /* owned */
    uint32_t *pool;             /* owned */
    uint32_t mask, used;        /* of buckets; words of the pool */
    bool full;                  /* an entry did not fit: clear when no entry is in use */
    uint64_t seed;
};

void memo_init(struct memo *m);
void memo_done(struct memo *m);  /* safe when zeroed */
void memo_clear(struct memo *m); /* entries given out are void */

/* Hash of a key, for the two calls below. */
uint64_t memo_hash(const struct memo *m, const struct memo_key *key);
const struct memo_entry *memo_find(const struct memo *m, const struct memo_key *key, uint64_t hash);

/* A new entry with `predicates` and `rules` numbers to be filled in; NULL (and full) when there
 * is no room. */
struct memo_entry *memo_add(struct memo *m, const struct memo_key *key, uint64_t hash,
                            size_t predicates, size_t rules);

#endif
