/* SPDX-License-Identifier: Apache-2.0 */
/* store_int.h - for files in store/ only: drivers, statements, transactions.
 *
 * SQL is written once, in words both databases know; where they differ, a word in braces stands for
 * the driver's ({blob}, {greatest}), and ?1 is a value wherever it is bound.  Times are BIGINT of Unix
 * milliseconds, truths BIGINT of 0 and 1; no column is NULL. */
#ifndef STORE_STORE_INT_H
#define STORE_STORE_INT_H

#include "base/map.h"
#include "base/sbuf.h"
#include "os/lock.h"
#include "store/store.h"

/* ---- what is bound, and records ---- */

enum bound_kind { BOUND_INT, BOUND_REAL, BOUND_TEXT, BOUND_BLOB };
struct bound {
    enum bound_kind kind;
    int64_t i;
    double f;
    str s; /* TEXT (UTF-8 without NUL by the time a driver sees it) or BLOB; borrowed until reset */
};
#define INT(x)  ((struct bound){.kind = BOUND_INT, .i = (int64_t)(x)})
#define TEXT(x) ((struct bound){.kind = BOUND_TEXT, .s = (x)})

enum column_kind {
    COLUMN_TEXT, /* str */
    COLUMN_BLOB, /* str */
    COLUMN_I64,
    COLUMN_U64,
    COLUMN_BOOL,
    COLUMN_ENUM, /* any enum of ours */
    COLUMN_F32,
    COLUMN_F64
};
struct column {
    const char *name;
    enum column_kind kind;
    size_t offset; /* of the member */
};
struct record {
    const struct column *column;
    unsigned count;
    size_t size;
};
#define COLUMN(type, KIND, member)                                                                 \
    {                                                                                              \
#member, COLUMN_##KIND, offsetof(struct type, member)                                      \
    }
#define COLUMN_AS(type, KIND, member, name)                                                        \
    {                                                                                              \
        name, COLUMN_##KIND, offsetof(struct type, member)                                         \
    }
#define RECORD(name, type)                                                                         \
    const struct record record_##name = {name##_columns, COUNT(name##_columns), sizeof(struct type)}

#define X(name) extern const struct record record_##name;
#include "store/record.def"

/* ---- drivers ---- */

struct word {
    const char *name, *text;
};
struct store_ops {
    const char *name;
    const char *const *prefix; /* of the URLs it takes; ends with NULL */
    unsigned writers;          /* connections that may write at the same time */
    char placeholder;          /* what stands before a value's number */
    bool partitioned;          /* alerts live in a table a month: partition.c */
    const struct word *word;   /* ends with a NULL name */

    /* A connection, ready for use.  Used by one thread at a time. */
    status (*open)(const struct store_options *o, bool writes, void **db, struct error *err);
    void (*close)(void *db);
    /* After a failure: the connection is of no use any more. */
    bool (*lost)(const void *db);

    status (*begin)(void *db, struct error *err); /* to write; other writers wait */
    status (*commit)(void *db, struct error *err);
    void (*rollback)(void *db);
    /* Optional.  A transaction that may or may not have been committed when the connection was lost; 0: there is none. */
    uint64_t (*doubt)(const void *db);
    /* What came of it, asked on another connection.  ST_UNAVAILABLE also when that is not decided yet. */
    status (*settle)(void *db, uint64_t doubt, bool *happened, struct error *err);
    status (*script)(void *db, const char *sql, struct error *err); /* statements without values */

    status (*prepare)(void *db, const char *sql, void **statement, struct error *err);
    void (*finish)(void *statement);
    void (*bind)(void *statement, unsigned at, const struct bound *v); /* at: from 1 */
    status (*step)(void *statement, bool *row, struct error *err);
    /* Run it some time before the commit, which fails when it did; NULL: as step. */
    status (*send)(void *statement, struct error *err);
    int64_t (*column_int)(void *statement, unsigned at); /* at: from 0 */
    double (*column_real)(void *statement, unsigned at);
    str (*column_bytes)(void *statement, unsigned at); /* until the next step */
    uint64_t (*changed)(void *statement);              /* rows, by the last step */
    void (*reset)(void *statement);

    /* Optional. */
    status (*backup)(const struct store_options *o, const char *path, struct error *err);
    status (*size)(void *db, uint64_t *bytes, struct error *err);
};
#define X(name) extern const struct store_ops store_##name;
#include "store/driver.def"

/* ---- a connection with its statements ---- */

enum { STATEMENTS_MAX = 256 }; /* prepared on one connection; others are prepared each time */
struct statement {
    void *handle;
    bool kept;
};
struct conn {
    const struct store_ops *ops;
    void *db;
    struct map known; /* text as written → place in statement[] */
    struct statement *statement;
    size_t count;
    struct arena text;    /* keys of `known` */
    struct arena scratch; /* what had to be mended to be bound */
};
CHECKED status conn_open(const struct store_ops *ops, const struct store_options *o, bool writes,
                         struct conn **out, struct error *err);
void conn_close(struct conn *c);
/* Replace words, records and placeholders.  ST_LIMIT: longer than 16 KiB. */
CHECKED status sql_translate(const struct store_ops *ops, str sql, struct sbuf *out,
                             struct error *err);

/* ---- asking ---- */

/* A statement and what is bound to it: first the columns of `from`, then the values. */
struct ask {
    const char *sql;
    const struct record *record; /* of `from`, or of the rows that are read */
    const void *from;
    const struct bound *value;
    size_t count;
};
#define VALUES(...)                                                                                \
    .value = (const struct bound[]){__VA_ARGS__},                                                  \
    .count = COUNT(((const struct bound[]){__VA_ARGS__}))
#define ASK(...) (&(const struct ask){.sql = __VA_ARGS__})

/* *changed (may be NULL): rows. */
CHECKED status ask_run(struct conn *c, const struct ask *q, uint64_t *changed, struct error *err);
/* Nothing is wanted back; a failure may only show at the commit. */
CHECKED status ask_send(struct conn *c, const struct ask *q, struct error *err);
/* The first row into `out`.  ST_NOT_FOUND: there is none. */
CHECKED status ask_one(struct conn *c, struct arena *a, const struct ask *q, void *out,
                       struct error *err);
/* All rows; the array and what it points to in `a`. */
CHECKED status ask_list(struct conn *c, struct arena *a, const struct ask *q, void *out, size_t *n,
                        struct error *err);
/* The integers of the first row.  *found (NULL: ST_NOT_FOUND): is there one? */
CHECKED status ask_numbers(struct conn *c, const struct ask *q, int64_t *out, unsigned count,
                           bool *found, struct error *err);

/* ---- transactions ---- */

typedef status tx_fn(struct conn *c, void *arg, struct error *err);
/* Run `fn` and commit, or undo all when it fails.  It may run twice: a connection that was lost before anything was
 * committed is replaced once. */
CHECKED status store_write(struct store *s, tx_fn *fn, void *arg, struct error *err);
/* The same; a failure sets *doubt when it may have been committed all the same (0: it was not). */
CHECKED status store_write_or_doubt(struct store *s, tx_fn *fn, void *arg, uint64_t *doubt,
                                    struct error *err);
/* *happened: what was in doubt was committed. */
CHECKED status store_settle(struct store *s, uint64_t doubt, bool *happened, struct error *err);
/* Run `fn`, which only reads; not in one transaction. */
CHECKED status store_read(struct store *s, tx_fn *fn, void *arg, struct error *err);

/* One statement. */
CHECKED status store_run(struct store *s, const struct ask *q, uint64_t *changed,
                         struct error *err);
CHECKED status store_one(struct store *s, struct arena *a, const struct ask *q, void *out,
                         struct error *err);
CHECKED status store_list(struct store *s, struct arena *a, const struct ask *q, void *out,
                          size_t *n, struct error *err);
CHECKED status store_numbers(struct store *s, const struct ask *q, int64_t *out, unsigned count,
                             bool *found, struct error *err);
/* As store_run; ST_NOT_FOUND "no WHAT 'NAME'" when no row was changed. */
CHECKED status store_change(struct store *s, const struct ask *q, const char *what, str name,
                            struct error *err);

/* ---- the schema ---- */

struct migration {
    const char *title;
    const char *const *sql;    /* for both */
    const char *const *sqlite; /* after them, for one; may be NULL; end with NULL, as all these */
    const char *const *postgresql;
};
extern const struct migration migration_001, migration_002, migration_003;
/* How many this program knows. */
int migration_count(void);
/* Bring the schema up to `upto` (at most migration_count()); *version: what it is then. */
CHECKED status migrate(struct store *s, int upto, int *version, struct error *err);
/* store_open, for a schema no newer than `upto`. */
CHECKED status store_open_at(const struct store_options *options, int upto, struct store **out,
                             struct error *err);

/* ---- shared by the records ---- */

struct alert_record;
/* What a tenant's alert is found by besides its columns: the values of its entities, at most ENTITIES_MAX of at most
 * ENTITY_LEN_MAX bytes. */
enum { ENTITIES_MAX = 16, ENTITY_LEN_MAX = 512 };
CHECKED status entity_add(struct conn *c, str entity_json, str tenant, str alert,
                          struct error *err);
CHECKED status entity_remove(struct conn *c, str entity_json, str tenant, str alert,
                             struct error *err);

/* Make sure that the month of alert `id` and the one after have their tables; at once when they were seen. */
CHECKED status partition_ensure(struct store *s, const char *id, struct error *err);
/* Drop the oldest month of alerts when none of them must be kept; *dropped: it was. */
CHECKED status partition_drop(struct store *s, const struct store_retention *r, bool *dropped,
                              struct error *err);

/* ---- the store ---- */

struct pool {
    struct lock lock;
    struct condition freed;
    struct conn **idle;
    unsigned idle_count, open, max;
};
struct store {
    const struct store_ops *ops;
    struct store_options options; /* url: ours */
    struct pool writers, readers;
    int version;
    _Atomic int64_t month; /* the latest whose tables were seen, counted from year 0 */
};

#endif
