/* SPDX-License-Identifier: Apache-2.0 */
/* store_bed.h - a fresh store for each test, on each database. */
#ifndef TESTS_STORE_BED_H
#define TESTS_STORE_BED_H

#include "store/account.h"
#include "store/alert.h"
#include "store/ledger.h"
#include "tests/folder.h"
#include "tests/postgres.h"
#include "tests/test.h"

#include <assert.h>
#include <sqlite3.h>

static struct store *bed; /* of the running test */
static struct arena bed_arena;
static struct error bed_err;

#define OK(call)    bed_is((call), ST_OK, #call, __LINE__)
#define IS(s, call) bed_is((call), (s), #call, __LINE__)
static inline void bed_is(status got, status wanted, const char *call, int line)
{
    if (got != wanted)
        print_error("line %d: %s: %s: %s\n", line, call, status_text(got), bed_err.text);
    assert_int_equal(got, wanted);
}

#define assert_str(s, lit) assert_true(str_eq((s), STR(lit)))

static inline int bed_open(const char *url)
{
    arena_init(&bed_arena, 64 << 20);
    struct store_options o = {.url = str_z(url), .relaxed = true};
    if (store_open(&o, &bed, &bed_err) == ST_OK)
        return 0;
    print_error("%s\n", bed_err.text);
    return -1;
}

static inline int bed_sqlite(void **state)
{
    static unsigned number;
    static char url[512];
    char name[32];
    (void)snprintf(name, sizeof name, "bed-%u.db", number++);
    (void)snprintf(url, sizeof url, "sqlite:%s", folder_path(name));
    *state = url;
    return bed_open(url);
}

static struct postgres bed_server;

/* A database of its own on bed_server. */
static inline int bed_postgresql(void **state)
{
    static unsigned number;
    static char url[256];
    char name[32];
    (void)snprintf(name, sizeof name, "bed%u", number++);
    postgres_database(&bed_server, name);
    postgres_url(&bed_server, name, url);
    *state = url;
    return bed_open(url);
}

/* Group set-up and tear-down. */
static inline int bed_make(void **state)
{
    if (postgres_find(&bed_server))
        postgres_make(&bed_server);
    return folder_make(state);
}

static inline int bed_remove(void **state)
{
    postgres_remove(&bed_server);
    return folder_remove(state);
}

static inline int bed_close(void **state)
{
    (void)state;
    store_close(bed);
    bed = NULL;
    arena_done(&bed_arena);
    return 0;
}

/* ---- running on all of them ---- */

static inline void runs_on_postgresql_too(void **state)
{
    (void)state;
    if (!bed_server.pid)
        SKIP_BECAUSE("PostgreSQL's server is not installed");
}

#define ON_SQLITE(test)                                                                            \
    {                                                                                              \
#test ".sqlite", test, bed_sqlite, bed_close, NULL                                         \
    }
#define ON_POSTGRESQL(test)                                                                        \
    {                                                                                              \
#test ".postgresql", test, bed_postgresql, bed_close, NULL                                 \
    }
#define ON(test) ON_SQLITE(test), ON_POSTGRESQL(test)

enum { BED_TESTS_MAX = 128 };
static inline int bed_run(const struct CMUnitTest *all, size_t count)
{
    static struct CMUnitTest tests[BED_TESTS_MAX]; /* cmocka passes over what has no function */
    assert(count < BED_TESTS_MAX);
    bool here = postgres_find(&bed_server);
    size_t n = 0;
    for (size_t i = 0; i < count; i++)
        if (here || str_ends(str_z(all[i].name), STR(".sqlite")))
            tests[n++] = all[i];
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(runs_on_postgresql_too);
    return cmocka_run_group_tests(tests, bed_make, bed_remove);
}

/* One statement past the store: to SQLite's file or to PostgreSQL.  True when it was taken. */
static inline bool bed_raw(const char *url, const char *sql)
{
    if (str_starts(str_z(url), STR("sqlite:"))) {
        sqlite3 *db = NULL;
        bool ok = sqlite3_open(url + 7, &db) == SQLITE_OK &&
                  sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK;
        (void)sqlite3_close(db);
        return ok;
    }
    PGconn *c = PQconnectdb(url);
    PGresult *r = PQexec(c, sql);
    bool ok = PQresultStatus(r) == PGRES_COMMAND_OK || PQresultStatus(r) == PGRES_TUPLES_OK;
    PQclear(r);
    PQfinish(c);
    return ok;
}

/* ---- things to put in ---- */

static inline struct alert_record an_alert(const char *tenant, const char *group, int64_t time_ms)
{
    return (struct alert_record){.tenant = str_z(tenant),
                                 .group = str_z(group),
                                 .kind = FINDING_RULE,
                                 .level = LEVEL_MEDIUM,
                                 .score_01 = 0.5f,
                                 .rule = STR("rule-1"),
                                 .title = STR("Something odd"),
                                 .reason = STR("it is odd"),
                                 .entity = STR("{\"user\":\"ann\",\"source.ip\":\"10.0.0.7\"}"),
                                 .technique = STR("[\"T1059\"]"),
                                 .evidence = STR("{\"a\":\"1\"}"),
                                 .source = STR("file:/var/log/x"),
                                 .first_ms = time_ms,
                                 .last_ms = time_ms};
}

enum { BED_HOUR = 3600000 };
static const int64_t bed_now = 1790000000000;
static uint64_t bed_seq = 1;

/* Commit `n` findings with an event each. */
static inline status bed_commit(const struct alert_record *alert, size_t n,
                                struct commit_result *out)
{
    struct alert_event event[64] = {0};
    assert_true(n <= COUNT(event));
    for (size_t i = 0; i < n; i++)
        event[i] =
            (struct alert_event){STR("event"), alert[i].last_ms, {"raw \0 \xff", 7}, STR("json")};
    struct store_commit c = {.now_ms = bed_now,
                             .group_ms = 24 * BED_HOUR,
                             .alert = alert,
                             .event = event,
                             .alert_count = n,
                             .first_seq = bed_seq};
    bed_seq += n;
    return store_commit(bed, &c, out, &bed_err);
}

static inline void bed_tenant(const char *id)
{
    OK(store_tenant_add(bed, &(struct tenant_record){str_z(id), STR("T"), 1, false}, &bed_err));
}

#endif
