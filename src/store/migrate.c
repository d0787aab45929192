/* SPDX-License-Identifier: Apache-2.0 */
/* Bringing the schema forwards: numbered steps, each run once, in one transaction, and never changed after.
 *
 * The table `migration` says which ran and the checksum of their text.  A step that ran with
 * another text, or one this program does not know, means that the database is not what we think it is: then nothing is
 * touched.  Two processes that start at once take turns: SQLite's write lock, PostgreSQL's advisory lock. */
#include "base/mem.h"
#include "os/clock.h"
#include "store/store_int.h"

#include <assert.h>

enum { STATEMENT_MAX = 16384 };

enum { STEPS = 3 };
static const struct migration *const steps[STEPS] = {&migration_001, &migration_002,
                                                     &migration_003};

int migration_count(void)
{
    return STEPS;
}

/* FNV-1a, 64 bits (Fowler, Noll, Vo): stable for ever, and only to notice accidents. */
static uint64_t fnv(uint64_t h, const char *z)
{
    for (; *z; z++)
        h = (h ^ (unsigned char)*z) * 0x100000001b3u;
    return (h ^ 0xff) * 0x100000001b3u;
}

static uint64_t fnv_all(uint64_t h, const char *const *sql)
{
    for (; sql && *sql; sql++)
        h = fnv(h, *sql);
    return h;
}

static int64_t checksum(const struct migration *m)
{
    uint64_t h = fnv_all(0xcbf29ce484222325u, m->sql);
    h = fnv_all(h, m->sqlite);
    return (int64_t)(fnv_all(h, m->postgresql) >> 1); /* a BIGINT has a sign */
}

static status run_script(struct conn *c, const char *const *sql, struct error *err)
{
    struct sbuf text;
    sbuf_init(&text, STATEMENT_MAX);
    status st = ST_OK;
    for (; sql && *sql && st == ST_OK; sql++) {
        sbuf_clear(&text);
        st = sql_translate(c->ops, str_z(*sql), &text, err);
        if (st == ST_OK)
            st = c->ops->script(c->db, text.p, err);
    }
    sbuf_done(&text);
    return st;
}

/* What step `number` was when it ran. *found: it did. */
static status check_step(struct conn *c, int number, bool *found, struct error *err)
{
    int64_t was = 0;
    status st =
        ask_numbers(c, ASK("SELECT checksum FROM migration WHERE number = ?1", VALUES(INT(number))),
                    &was, 1, found, err);
    if (st == ST_OK && *found && was != checksum(steps[number - 1]))
        return fail(err, ST_UNSUPPORTED,
                    "migration %d (%s) ran with another text than this program's", number,
                    steps[number - 1]->title);
    return st;
}

static status run_step(struct conn *c, int number, struct error *err)
{
    const struct migration *m = steps[number - 1];
    bool found = false;
    status st = check_step(c, number, &found, err);
    if (st != ST_OK || found)
        return st;
    st = run_script(c, m->sql, err);
    if (st == ST_OK)
        st = run_script(c, c->ops->partitioned ? m->postgresql : m->sqlite, err);
    if (st == ST_OK)
        st = ask_run(
            c,
            ASK("INSERT INTO migration (number, title, checksum, time_ms)"
                " VALUES (?1, ?2, ?3, ?4)",
                VALUES(INT(number), TEXT(str_z(m->title)), INT(checksum(m)), INT(clock_wall_ms()))),
            NULL, err);
    return st == ST_OK ? ST_OK : fail_prefix(err, st, "migration %d (%s)", number, m->title);
}

static status check_newer(struct conn *c, struct error *err)
{
    int64_t newest = 0;
    bool found = false;
    status st = ask_numbers(c, ASK("SELECT number FROM migration ORDER BY number DESC LIMIT 1"),
                            &newest, 1, &found, err);
    if (st == ST_OK && found && newest > migration_count())
        return fail(
            err, ST_UNSUPPORTED,
            "the database was made by a newer version: its schema is %d, the last one known is %d",
            (int)newest, migration_count());
    return st;
}

/* Number 0: the table of migrations.  A step that ran already writes nothing. */
static status run_stage(struct conn *c, void *arg, struct error *err)
{
    static const char *const table[] = {
        "CREATE TABLE IF NOT EXISTS migration (number BIGINT PRIMARY KEY, title {text} NOT NULL,"
        " checksum BIGINT NOT NULL, time_ms BIGINT NOT NULL)",
        NULL};
    static const char *const alone[] = {"SELECT pg_advisory_xact_lock(7021937746210811)", NULL};
    int number = *(const int *)arg;
    status st = c->ops->partitioned ? run_script(c, alone, err) : ST_OK;
    if (st == ST_OK && !number)
        st = run_script(c, table, err);
    if (st == ST_OK)
        st = check_newer(c, err);
    if (st == ST_OK && number)
        st = run_step(c, number, err);
    return st;
}

status migrate(struct store *s, int upto, int *version, struct error *err)
{
    assert(upto <= migration_count());
    for (int number = 0; number <= upto; number++) {
        status st = store_write(s, run_stage, &number, err);
        if (st != ST_OK)
            return st;
    }
    *version = upto;
    return ST_OK;
}
