/* SPDX-License-Identifier: Apache-2.0 */
/* The schema: how it comes forwards, what it refuses, and its tables by month. */
#include "os/thread.h"
#include "store/store_int.h"
#include "tests/store_bed.h"

/* Open `url` anew at schema `upto`. */
static status reopen(const char *url, int upto)
{
    store_close(bed);
    bed = NULL;
    struct store_options o = {.url = str_z(url)};
    return store_open_at(&o, upto, &bed, &bed_err);
}

/* An empty database, which has no schema yet. */
static int empty_sqlite(void **state)
{
    static char url[512];
    static unsigned number;
    char name[32];
    (void)snprintf(name, sizeof name, "empty-%u.db", number++);
    (void)snprintf(url, sizeof url, "sqlite:%s", folder_path(name));
    *state = url;
    arena_init(&bed_arena, 1 << 20);
    return 0;
}

static int empty_postgresql(void **state)
{
    static char url[256];
    static unsigned number;
    char name[32];
    (void)snprintf(name, sizeof name, "empty%u", number++);
    postgres_database(&bed_server, name);
    postgres_url(&bed_server, name, url);
    *state = url;
    arena_init(&bed_arena, 1 << 20);
    return 0;
}

static void brings_every_older_schema_forwards(void **state)
{
    OK(reopen(*state, 1));
    bed_tenant("acme");
    for (int version = 1; version <= migration_count(); version++) {
        OK(reopen(*state, version));
        assert_int_equal(store_schema_version(bed), version);
        struct tenant_record got;
        OK(store_tenant_get(bed, &bed_arena, STR("acme"), &got, &bed_err));
    }
    struct store_retention keep = {.now_ms = bed_now};
    uint64_t removed;
    bool more;
    OK(store_expire(bed, &keep, &removed, &more, &bed_err));
}

static void refuses_a_schema_from_the_future(void **state)
{
    OK(reopen(*state, migration_count()));
    assert_true(bed_raw(*state, "INSERT INTO migration VALUES (99, 'later', 1, 1)"));
    IS(ST_UNSUPPORTED, reopen(*state, migration_count()));
    assert_non_null(strstr(bed_err.text, "newer version"));
}

static void refuses_a_migration_that_was_changed(void **state)
{
    OK(reopen(*state, migration_count()));
    assert_true(bed_raw(*state, "UPDATE migration SET checksum = checksum + 1 WHERE number = 2"));
    IS(ST_UNSUPPORTED, reopen(*state, migration_count()));
    assert_non_null(strstr(bed_err.text, "migration 2"));
}

static void leaves_nothing_of_a_migration_that_failed(void **state)
{
    OK(reopen(*state, 1));
    assert_true(
        bed_raw(*state, "CREATE TABLE source_position (x BIGINT)")); /* in the way of the second */
    assert_int_not_equal(reopen(*state, migration_count()), ST_OK);
    assert_non_null(strstr(bed_err.text, "migration 2"));
    assert_false(bed_raw(*state, "SELECT * FROM counter"));
    assert_true(bed_raw(*state, "DROP TABLE source_position"));
    OK(reopen(*state, migration_count()));
}

enum { OPENERS = 4 };
struct opener {
    const char *url;
    struct store *store;
    struct error err;
};

static void open_one(void *arg)
{
    struct opener *o = arg;
    struct store_options options = {.url = str_z(o->url), .patience_ms = 60000};
    if (store_open(&options, &o->store, &o->err) != ST_OK)
        o->store = NULL;
}

static void is_safe_to_open_from_many_at_once(void **state)
{
    struct opener o[OPENERS] = {0};
    struct thread t[OPENERS];
    for (unsigned i = 0; i < OPENERS; i++) {
        o[i].url = *state;
        OK(thread_start(&t[i], "opener", open_one, &o[i], &bed_err));
    }
    for (unsigned i = 0; i < OPENERS; i++) {
        thread_join(&t[i]);
        if (!o[i].store)
            print_error("%s\n", o[i].err.text);
        assert_non_null(o[i].store);
        store_close(o[i].store);
    }
}

static void lets_nobody_change_or_cut_the_audit_log(void **state)
{
    struct audit_record r = {.time_ms = 5, .tenant = STR("acme"), .actor = STR("ann")}, *list;
    OK(store_audit_add(bed, &r, &bed_err));
    OK(store_audit_add(bed, &r, &bed_err));
    assert_false(bed_raw(*state, "UPDATE audit SET actor = 'eve'"));
    assert_false(bed_raw(*state, "DELETE FROM audit WHERE number = 1"));
    assert_false(bed_raw(*state, "INSERT INTO audit VALUES (1, 5, 'acme', 'eve', '', '', '', '', 1)"
                                 " ON CONFLICT (number) DO UPDATE SET actor = 'eve'"));
    struct store_retention keep = {.now_ms = 100, .audit_ms = 95};
    uint64_t removed = 9;
    bool more;
    OK(store_expire(bed, &keep, &removed, &more, &bed_err)); /* what is of this very moment stays */
    assert_int_equal(removed, 0);
    size_t n;
    OK(store_audit_list(bed, &bed_arena, STR("acme"), 0, 10, &list, &n, &bed_err));
    assert_int_equal(n, 2);
    assert_str(list[1].actor, "ann");
    keep.audit_ms = 94;
    OK(store_expire(bed, &keep, &removed, &more, &bed_err));
    assert_int_equal(removed, 2);
    assert_false(bed_raw(*state, "SELECT * FROM no_such_table")); /* bed_raw tells */
}

static void replaces_no_audit_record(void **state)
{
    struct audit_record r = {.time_ms = 5, .tenant = STR("acme"), .actor = STR("ann")};
    OK(store_audit_add(bed, &r, &bed_err));
    assert_false(
        bed_raw(*state, "REPLACE INTO audit VALUES (1, 5, 'acme', 'eve', '', '', '', '', 1)"));
}

static void truncates_no_audit_log(void **state)
{
    assert_false(bed_raw(*state, "TRUNCATE audit"));
}

/* ---- months ---- */

static void commit_at(int64_t now_ms, const char *group, struct commit_result *out)
{
    struct alert_record f = an_alert("acme", group, now_ms);
    struct alert_event e = {.id = STR("e")};
    struct store_commit c = {.now_ms = now_ms,
                             .group_ms = BED_HOUR,
                             .alert = &f,
                             .event = &e,
                             .alert_count = 1,
                             .first_seq = bed_seq++};
    OK(store_commit(bed, &c, out, &bed_err));
}

static int months(const char *url)
{
    PGconn *c = PQconnectdb(url);
    PGresult *r = PQexec(c, "SELECT 1 FROM pg_inherits WHERE inhparent = 'alert'::regclass");
    int n = PQntuples(r);
    PQclear(r);
    PQfinish(c);
    return n;
}

static void drops_a_month_of_alerts_when_none_must_be_kept(void **state)
{
    enum { DAYS = 24 };
    const int64_t day = DAYS * (int64_t)BED_HOUR, year = 365 * day;
    const int64_t start = bed_now + 20 * year; /* later than every id of another test */
    struct commit_result r[4];
    for (int64_t i = 0; i < 4; i++)
        commit_at(start + i * 31 * day, "g", &r[i]);
    assert_int_equal(months(*state), 5); /* and the one after */
    struct alert_record got, d = {.id = str_z(r[1].id),
                                  .tenant = STR("acme"),
                                  .status = ALERT_FALSE_POSITIVE,
                                  .decided_ms = 1};
    OK(store_alert_decide(bed, &bed_arena, &d, &got, &bed_err));
    struct store_retention keep = {
        .now_ms = start + 93 * day, .closed_alerts_ms = 10 * day, .open_alerts_ms = 70 * day};
    uint64_t removed;
    bool more = true;
    while (more)
        OK(store_expire(bed, &keep, &removed, &more, &bed_err));
    assert_int_equal(months(*state),
                     3); /* the first was too old, the second's only alert was closed */
    IS(ST_NOT_FOUND, store_alert_get(bed, &bed_arena, STR("acme"), str_z(r[0].id), &got, &bed_err));
    IS(ST_NOT_FOUND, store_alert_get(bed, &bed_arena, STR("acme"), str_z(r[1].id), &got, &bed_err));
    OK(store_alert_get(bed, &bed_arena, STR("acme"), str_z(r[2].id), &got, &bed_err));
    struct alert_filter f = {.tenant = STR("acme"), .entity = STR("ann"), .limit = 10};
    struct alert_record *list;
    size_t n;
    str next;
    OK(store_alert_list(bed, &bed_arena, &f, &list, &n, &next, &bed_err));
    assert_int_equal(n, 2);
}

#define EMPTY_SQLITE(test)                                                                         \
    {                                                                                              \
#test ".sqlite", test, empty_sqlite, bed_close, NULL                                       \
    }
#define EMPTY_POSTGRESQL(test)                                                                     \
    {                                                                                              \
#test ".postgresql", test, empty_postgresql, bed_close, NULL                               \
    }
#define EMPTY(test) EMPTY_SQLITE(test), EMPTY_POSTGRESQL(test)

int main(void)
{
    const struct CMUnitTest both[] = {
        EMPTY(brings_every_older_schema_forwards),
        EMPTY(refuses_a_schema_from_the_future),
        EMPTY(refuses_a_migration_that_was_changed),
        EMPTY(leaves_nothing_of_a_migration_that_failed),
        EMPTY(is_safe_to_open_from_many_at_once),
        ON(lets_nobody_change_or_cut_the_audit_log),
        ON_SQLITE(replaces_no_audit_record),
        ON_POSTGRESQL(truncates_no_audit_log),
        ON_POSTGRESQL(drops_a_month_of_alerts_when_none_must_be_kept),
    };
    return bed_run(both, COUNT(both));
}
