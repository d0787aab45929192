/* SPDX-License-Identifier: Apache-2.0 */
/* scan.h - for files in rule/ only: many literals at once (Vectorscan, wrapped).
 *
 * A database is immutable and shared; a scratch belongs to one thread and must
 * fit every database it is used with. */
#ifndef RULE_SCAN_H
#define RULE_SCAN_H

#include "base/sbuf.h"
#include "base/status.h"

struct literal_db; /* opaque */

enum { LITERAL_BYTES_MAX = 256 }; /* longer ones are the caller's to cut */

/* Literals 0..n-1, distinct, each of 1..LITERAL_BYTES_MAX bytes.
 * `cached` is what literal_db_write wrote for the same key, or empty: then, or when it does
 * not suit this machine or library, the database is compiled.  NULL with a reason. */
struct literal_db *literal_db_new(const str *literal, size_t n, bool caseless, str cached,
                                  struct error *err);
void literal_db_free(struct literal_db *db); /* NULL is fine */

/* Names the contents: equal literals, equal key. */
uint64_t literal_db_key(const str *literal, size_t n, bool caseless);

/* Append the database's serialised bytes; nothing when there is no memory for them. */
void literal_db_write(const struct literal_db *db, struct sbuf *out);

struct literal_scratch {
    void *data; /* owned */
};
CHECKED status literal_scratch_fit(struct literal_scratch *s, const struct literal_db *db);
void literal_scratch_done(struct literal_scratch *s);

/* Called at every end of a literal in the text, `end` bytes from its beginning; a literal may
 * come several times.  Returns 0 to go on. */
typedef int literal_fn(unsigned literal, unsigned long long begin, unsigned long long end,
                       unsigned flags, void *arg);
void literal_scan(const struct literal_db *db, const struct literal_scratch *s, str text,
                  literal_fn *fn, void *arg);

#endif
