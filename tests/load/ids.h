/* SPDX-License-Identifier: Apache-2.0 */
/* ids.h - who received which messages: every id that anybody saw, and per client what it saw.
 *
 * Ids may jump (other topics, other tenants), so a gap is an id that another client received and
 * this one did not, between its own first and last. */
#ifndef TESTS_LOAD_IDS_H
#define TESTS_LOAD_IDS_H

#include "base/vec.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ids {
    uint64_t *slot; /* a hash set; 0: free */
    size_t room, count;
    VEC(uint64_t) all; /* sorted by ids_done_adding */
};
struct ids_seen {
    uint64_t first, last, count;  /* of ids that grew */
    uint64_t doubles, disordered; /* the same again; less than the last */
};

void ids_free(struct ids *s);
/* `id` (not 0) came to the client of `seen`. */
void ids_add(struct ids *s, struct ids_seen *seen, uint64_t id);
void ids_sort(struct ids *s);
/* After ids_sort: how many of all ids a client lacks within what it received, and after it. */
uint64_t ids_gaps(const struct ids *s, const struct ids_seen *seen);
uint64_t ids_behind(const struct ids *s, const struct ids_seen *seen);

#endif
