/* SPDX-License-Identifier: Apache-2.0 */
/* dict.h - field names to field ids.
 *
 * One dictionary a process.  Thread-safe: looking up takes a read lock and
 * adding a write lock, so hot paths keep the ids they were given. */
#ifndef EVENT_DICT_H
#define EVENT_DICT_H

#include "event/event.h"

struct dict; /* opaque */

struct dict *dict_new(void);
void dict_free(struct dict *d); /* NULL is fine */

/* The id of `name` as `family` uses it: the ECS field by alias.def or by its own name,
 * else the name itself, interned.  FIELD_OVERFLOW once 65,000 names are in. */
field_id dict_resolve(struct dict *d, enum family family, str name);

/* All ids a record of unknown source files `name` under: its own first, then
 * what any family calls it.  Returns how many (1..max). */
enum { DICT_IDS_MAX = 4 };
size_t dict_resolve_all(struct dict *d, str name, field_id out[static DICT_IDS_MAX]);

/* Name of an id given out; lives as long as the dictionary. */
str dict_name(const struct dict *d, field_id id);

/* How many ids there are, known ones included, and names turned away. */
size_t dict_count(const struct dict *d);
uint64_t dict_overflowed(const struct dict *d);

enum field_type field_type_of(field_id id); /* FIELD_KEYWORD for interned names */

#endif
