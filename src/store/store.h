/* SPDX-License-Identifier: Apache-2.0 */
/* store.h - the records that are kept, on SQLite or PostgreSQL.
 *
 * All SQL is in this folder.  A driver (driver.def, store_int.h) knows connections, statements and
 * transactions; what is asked of it is written once, in the record files: account.h (tenants, users,
 * sessions, keys), alert.h (alerts and how far each source was read), ledger.h (audit, usage).
 *
 * Every call is one transaction.  Outputs live in the arena given.  Statuses: ST_NOT_FOUND, ST_CONFLICT (it exists),
 * ST_UNAVAILABLE (locked past the patience, server gone: try again later; the next call connects anew; a write whose connection was
 * lost at its very end may have happened), ST_LIMIT
 * (the arena's), ST_IO (disk full and the like, with the system's words).  Thread-safe; may block. */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "base/arena.h"
#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

struct store; /* opaque */

struct store_options {
    str url;              /* "sqlite:PATH" or "postgres://…" / "postgresql://…" (libpq's URI) */
    unsigned readers;     /* connections for reading; 0: 4 */
    uint32_t patience_ms; /* longest wait for a lock or a connection; 0: 2,000 */
    bool
        relaxed; /* SQLite: a commit may be lost with the machine's power, though not with the process */
};

/* Opens, and brings the schema forwards.  ST_UNSUPPORTED: made by a newer version, or a migration that ran
 * once was changed since (its checksum differs). */
CHECKED status store_open(const struct store_options *options, struct store **out,
                          struct error *err);
void store_close(struct store *s); /* NULL is fine */

const char *store_kind(const struct store *s); /* "sqlite" or "postgresql" */
int store_schema_version(const struct store *s);
/* Reads one row and writes nothing: is it there? */
CHECKED status store_ping(struct store *s, struct error *err);
uint64_t store_size_bytes(struct store *s); /* 0 when unknown */

/* A consistent copy while everything goes on.  SQLite: a database file, written beside `path` and moved there when
 * whole.  ST_UNSUPPORTED on PostgreSQL: use pg_dump. */
CHECKED status store_backup(struct store *s, const char *path, struct error *err);

/* What is older than this is removed, a bounded number of rows a call; 0: kept for ever. */
struct store_retention {
    int64_t now_ms;
    int64_t closed_alerts_ms, open_alerts_ms; /* by when they were last seen */
    int64_t audit_ms, usage_ms;
    int64_t positions_ms; /* of idempotency keys */
};
/* *removed: rows; *more: call again. */
CHECKED status store_expire(struct store *s, const struct store_retention *r, uint64_t *removed,
                            bool *more, struct error *err);

#endif
