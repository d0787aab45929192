/* SPDX-License-Identifier: Apache-2.0 */
/* What the store does when the world fails it: locks, full disks, servers that go, and its own sudden end. */
#include "base/mem.h"
#include "os/thread.h"
#include "tests/postgres_proxy.h"
#include "tests/store_bed.h"

#include <sys/mount.h>
#include <sys/resource.h>

static status try_commit_again(struct store *s, int64_t number, uint64_t *doubt, struct error *err)
{
    char place[24];
    (void)snprintf(place, sizeof place, "%lld", (long long)number);
    struct alert_record f = an_alert("acme", "g", bed_now);
    struct alert_event e = {.id = STR("e")};
    struct position_record p = {STR("file:x"), str_z(place), bed_now};
    static struct commit_result r; /* what was told of a try in doubt is wanted later */
    struct store_commit c = {.now_ms = bed_now,
                             .group_ms = BED_HOUR,
                             .doubt = doubt,
                             .alert = &f,
                             .event = &e,
                             .alert_count = 1,
                             .position = &p,
                             .position_count = 1,
                             .first_seq = (uint64_t)number};
    status st = store_commit(s, &c, &r, err);
    assert_true(st != ST_OK || (r.count == (uint64_t)number && uid_valid(str_z(r.id))));
    return st;
}

static status try_commit(struct store *s, int64_t number, struct error *err)
{
    return try_commit_again(s, number, NULL, err);
}

/* How many findings were committed, which is also how far the source was read. */
static int64_t committed(struct store *s)
{
    struct alert_filter f = {.tenant = STR("acme"), .limit = 10};
    struct alert_record *list;
    struct position_record p;
    size_t n;
    str next;
    int64_t place = -1;
    OK(store_alert_list(s, &bed_arena, &f, &list, &n, &next, &bed_err));
    if (!n)
        return 0;
    assert_int_equal(n, 1);
    OK(store_position(s, &bed_arena, STR("file:x"), &p, &bed_err));
    assert_true(str_to_i64(p.value, &place));
    assert_int_equal(place, list[0].count);
    return place;
}

/* ---- killed ---- */

/* Commits for ever, and tells of each when the store has acknowledged it. */
static void commit_until_killed(const char *url, int tell)
{
    struct store *s;
    struct store_options o = {.url = str_z(url)};
    struct error err;
    if (store_open(&o, &s, &err) != ST_OK)
        _exit(3);
    for (int64_t i = committed(s) + 1;; i++)
        if (try_commit(s, i, &err) != ST_OK || write(tell, &i, sizeof i) != sizeof i)
            _exit(4);
}

static void loses_nothing_acknowledged_when_killed(void **state)
{
    enum { KILLS = 20, AT_LEAST = 3 };
    int64_t before = 0;
    for (unsigned round = 0; round < KILLS; round++) {
        int pipes[2];
        assert_int_equal(pipe(pipes), 0);
        pid_t pid = fork();
        if (pid == 0)
            commit_until_killed(*state, pipes[1]);
        (void)close(pipes[1]);
        int64_t told = 0;
        for (unsigned i = 0; i < AT_LEAST + round % 4; i++)
            assert_int_equal(read(pipes[0], &told, sizeof told), sizeof told);
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        while (read(pipes[0], &told, sizeof told) == sizeof told)
            continue;
        (void)close(pipes[0]);
        int64_t now = committed(bed);
        assert_true(now == told || now == told + 1); /* one more: killed before it could tell */
        assert_true(now >= before + AT_LEAST);
        before = now;
    }
}

/* ---- locked ---- */

/* Another process that writes: holds the lock until `release` is closed. */
static void hold_lock(const char *path, int tell, int release)
{
    sqlite3 *db = NULL;
    char byte = 0;
    if (sqlite3_open(path, &db) != SQLITE_OK ||
        sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK)
        _exit(3);
    if (write(tell, &byte, 1) != 1 || read(release, &byte, 1) != 0)
        _exit(4);
    _exit(0);
}

static void says_so_while_another_process_holds_the_lock(void **state)
{
    OK(try_commit(bed, 1, &bed_err));
    store_close(bed);
    int tell[2] = {-1, -1}, release[2] = {-1, -1};
    assert_true(pipe(tell) == 0 && pipe(release) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        (void)close(release[1]);
        hold_lock((const char *)*state + 7, tell[1], release[0]);
    }
    (void)close(release[0]);
    struct store_options o = {.url = str_z(*state), .patience_ms = 20};
    char byte;
    assert_int_equal(read(tell[0], &byte, 1), 1);
    IS(ST_UNAVAILABLE, store_open(&o, &bed, &bed_err));
    assert_string_equal(bed_err.text, "database is locked");
    (void)close(release[1]);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    OK(store_open(&o, &bed, &bed_err));
    OK(try_commit(bed, 2, &bed_err));
    assert_int_equal(committed(bed), 2);
    (void)close(tell[0]), (void)close(tell[1]);
}

static void waits_no_longer_than_its_patience_for_a_lock(void **state)
{
    store_close(bed);
    struct store_options o = {.url = str_z(*state), .patience_ms = 20};
    OK(store_open(&o, &bed, &bed_err));
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open((const char *)*state + 7, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    IS(ST_UNAVAILABLE, try_commit(bed, 1, &bed_err));
    assert_string_equal(bed_err.text, "database is locked");
    OK(store_ping(bed, &bed_err)); /* readers do not mind */
    assert_int_equal(sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    OK(try_commit(bed, 1, &bed_err));
    (void)sqlite3_close(db);
}

/* ---- full ---- */

static status commit_much(struct store *s, struct error *err)
{
    enum { MUCH = 1 << 18 };
    char *raw = mem_zero(MUCH);
    struct recent_record r = {STR("acme"), STR("json"), {raw, MUCH}, 1};
    struct store_commit c = {.now_ms = bed_now, .recent = &r, .recent_count = 1};
    status st = store_commit(s, &c, NULL, err);
    mem_free(raw);
    return st;
}

static status fill(struct store *s)
{
    status st = ST_OK;
    for (unsigned i = 0; i < 64 && st == ST_OK; i++)
        st = commit_much(s, &bed_err);
    return st;
}

/* The limit on the size of files does to SQLite what a full disk does. */
static void says_that_the_disk_is_full_and_goes_on_when_it_is_not(void **state)
{
    OK(try_commit(bed, 1, &bed_err));
    struct rlimit before, tight;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    tight = before;
    tight.rlim_cur = 2 << 20;
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
    status full = fill(bed), ping = store_ping(bed, NULL);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    IS(ST_UNAVAILABLE, full);
    assert_non_null(strstr(bed_err.text, "the disk is full"));
    IS(ST_OK, ping); /* still readable */
    OK(commit_much(bed, &bed_err));
    OK(try_commit(bed, 2, &bed_err));
    assert_int_equal(committed(bed), 2);
}

static void fill_disk(const char *path)
{
    FILE *f = fopen(path, "wb");
    char zero[4096] = {0};
    while (f && fwrite(zero, 1, sizeof zero, f) == sizeof zero && fflush(f) == 0)
        continue;
    if (f)
        (void)fclose(f);
}

static int unmount_small(void **state)
{
    (void)umount2(folder_path("small"), MNT_DETACH); /* when the test was skipped there is none */
    return bed_close(state);
}

static void recovers_from_a_disk_that_was_full(void **state)
{
    char url[160];
    (void)snprintf(url, sizeof url, "sqlite:%s", folder_path("small/s.db"));
    assert_int_equal(mkdir(folder_path("small"), 0700), 0);
    if (mount("tmpfs", folder_path("small"), "tmpfs", 0, "size=8m") != 0)
        SKIP_BECAUSE("may not mount a small disk");
    struct store *s;
    struct store_options o = {.url = str_z(url)};
    OK(store_open(&o, &s, &bed_err));
    OK(try_commit(s, 1, &bed_err));
    fill_disk(folder_path("small/blocker"));
    IS(ST_UNAVAILABLE, fill(s));
    assert_non_null(strstr(bed_err.text, "the disk is full"));
    IS(ST_UNAVAILABLE, commit_much(s, &bed_err));
    assert_int_equal(unlink(folder_path("small/blocker")), 0);
    OK(commit_much(s, &bed_err));
    OK(try_commit(s, 2, &bed_err));
    assert_int_equal(committed(s), 2);
    store_close(s);
}

/* ---- copies ---- */

static void write_on(void *arg)
{
    bool *ok = arg;
    for (int64_t i = 2; i < 200; i++)
        *ok &= try_commit(bed, i, &bed_err) == ST_OK;
}

static void copies_itself_while_it_is_written(void **state)
{
    char path[160], url[192];
    bool ok = true;
    struct thread t;
    struct stat st;
    (void)snprintf(path, sizeof path, "%s", folder_path("copy.db"));
    (void)snprintf(url, sizeof url, "sqlite:%s", path);
    folder_write("copy.db", STR("an older one, which is replaced"));
    OK(try_commit(bed, 1, &bed_err));
    OK(thread_start(&t, "writer", write_on, &ok, &bed_err));
    OK(store_backup(bed, path, &bed_err));
    thread_join(&t);
    assert_true(ok);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    struct store *copy;
    struct store_options o = {.url = str_z(url)};
    OK(store_open(&o, &copy, &bed_err));
    assert_in_range(committed(copy), 1, 199);
    store_close(copy);
    IS(ST_IO, store_backup(bed, "/nonexistent/x", &bed_err));
}

static void leaves_backups_to_the_database_server(void **state)
{
    IS(ST_UNSUPPORTED, store_backup(bed, folder_path("x"), &bed_err));
}

static void keeps_its_file_to_itself(void **state)
{
    char url[160];
    struct stat st;
    (void)snprintf(url, sizeof url, "sqlite:%s", folder_path("own/new.db"));
    struct store *s;
    struct store_options o = {.url = str_z(url)};
    OK(store_open(&o, &s, &bed_err));
    OK(try_commit(s, 1, &bed_err));
    static const char *const files[] = {"own/new.db", "own/new.db-wal", "own/new.db-shm"};
    for (size_t i = 0; i < COUNT(files); i++) {
        assert_int_equal(stat(folder_path(files[i]), &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
    }
    assert_int_equal(stat(folder_path("own"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    store_close(s);
}

static void refuses_what_is_no_database(void **state)
{
    static const struct {
        const char *url;
        status status;
    } bad[] = {{"", ST_INVALID},
               {"mysql://u:secret@h/d", ST_INVALID},
               {"sqlite:", ST_INVALID},
               {"sqlite::memory:", ST_INVALID},
               {"sqlite:/tmp", ST_IO},
               {"sqlite:/dev/null", ST_UNSUPPORTED},
               {"sqlite:/nonexistent/x/y.db", ST_IO},
               {"postgresql://u:secret@[::1/x", ST_INVALID},
               {"postgresql://u:secret@h/x?no_such=1", ST_INVALID},
               {"postgresql://u:secret@127.0.0.1:1/x", ST_UNAVAILABLE},
               {"postgresql://u:secret@/x?host=/nonexistent", ST_UNAVAILABLE}};
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct store *s = NULL;
        struct store_options o = {.url = str_z(bad[i].url)};
        IS(bad[i].status, store_open(&o, &s, &bed_err));
        assert_null(strstr(bed_err.text, "secret"));
        assert_null(s);
    }
    char url[160];
    (void)snprintf(url, sizeof url, "sqlite:%s", folder_path("text.db"));
    folder_write("text.db", STR("This is no database but a text of more than sixteen bytes."));
    struct store *s;
    struct store_options o = {.url = str_z(url)};
    IS(ST_IO, store_open(&o, &s, &bed_err));
}

/* ---- the server goes ---- */

static void comes_back_when_the_server_does(void **state)
{
    static const int how[] = {SIGINT, SIGQUIT};
    int64_t number = 1;
    OK(try_commit(bed, number++, &bed_err));
    for (size_t i = 0; i < COUNT(how); i++) {
        postgres_stop(&bed_server, how[i]);
        IS(ST_UNAVAILABLE, try_commit(bed, number, &bed_err));
        IS(ST_UNAVAILABLE, store_ping(bed, &bed_err));
        IS(ST_UNAVAILABLE, try_commit(bed, number, &bed_err));
        postgres_start(&bed_server);
        OK(try_commit(bed, number++, &bed_err));
        OK(store_ping(bed, &bed_err));
        assert_int_equal(committed(bed), number - 1);
    }
}

/* All its connections are cut between two calls: the next one does not notice. */
static void replaces_a_connection_that_was_cut(void **state)
{
    OK(try_commit(bed, 1, &bed_err));
    OK(store_ping(bed, &bed_err));
    for (int64_t i = 2; i < 5; i++) {
        postgres_run(&bed_server, "postgres",
                     "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                     " WHERE application_name = 'bguard'");
        OK(store_ping(bed, &bed_err));
        OK(try_commit(bed, i, &bed_err));
    }
    assert_int_equal(committed(bed), 4);
}

/* Committed or not, the next try finds out which. */
static void counts_once_whose_commit_was_cut_off(void **state)
{
    static const enum proxy_cut cut[] = {CUT_ANSWER, CUT_COMMIT, CUT_ANSWER};
    struct proxy proxy;
    struct store *s;
    char url[256];
    const char *database = strstr(*state, "@/") + 2;
    assert_int_equal(mkdir(folder_path("proxy"), 0700), 0);
    proxy_start(&proxy, folder_path("proxy"), bed_server.folder);
    (void)snprintf(url, sizeof url, "postgresql://bguard@/%.*s?host=%s",
                   (int)strcspn(database, "?"), database, folder_path("proxy"));
    struct store_options o = {.url = str_z(url)};
    OK(store_open(&o, &s, &bed_err));
    OK(try_commit(s, 1, &bed_err));
    for (int64_t i = 0; i < (int64_t)COUNT(cut); i++) {
        uint64_t doubt = 0;
        atomic_store(&proxy.cut, (int)cut[i]);
        IS(ST_UNAVAILABLE, try_commit_again(s, i + 2, &doubt, &bed_err));
        assert_true(doubt);
        assert_int_equal(committed(bed), cut[i] == CUT_ANSWER ? i + 2 : i + 1);
        status st;
        while ((st = try_commit_again(s, i + 2, &doubt, &bed_err)) == ST_UNAVAILABLE)
            assert_true(doubt); /* the server has not seen the end of the connection yet */
        OK(st);
        assert_int_equal(doubt, 0);
        assert_int_equal(committed(bed), i + 2);
    }
    store_close(s);
    proxy_stop(&proxy);
}

static void waits_no_longer_than_its_patience_for_a_row(void **state)
{
    OK(try_commit(bed, 1, &bed_err));
    store_close(bed);
    struct store_options o = {.url = str_z(*state), .patience_ms = 50};
    OK(store_open(&o, &bed, &bed_err));
    PGconn *other = PQconnectdb(*state);
    PQclear(PQexec(other, "BEGIN"));
    PQclear(PQexec(other, "SELECT * FROM alert_open FOR UPDATE"));
    IS(ST_UNAVAILABLE, try_commit(bed, 2, &bed_err));
    assert_string_equal(bed_err.text, "database is locked");
    PQclear(PQexec(other, "ROLLBACK"));
    OK(try_commit(bed, 2, &bed_err));
    PQfinish(other);
    assert_int_equal(committed(bed), 2);
}

int main(void)
{
    const struct CMUnitTest both[] = {
        ON(loses_nothing_acknowledged_when_killed),
        ON_SQLITE(says_so_while_another_process_holds_the_lock),
        ON_SQLITE(waits_no_longer_than_its_patience_for_a_lock),
        ON_SQLITE(says_that_the_disk_is_full_and_goes_on_when_it_is_not),
        {"recovers_from_a_disk_that_was_full.sqlite", recovers_from_a_disk_that_was_full,
         bed_sqlite, unmount_small, NULL},
        ON_SQLITE(copies_itself_while_it_is_written),
        ON_POSTGRESQL(leaves_backups_to_the_database_server),
        ON_SQLITE(keeps_its_file_to_itself),
        ON_SQLITE(refuses_what_is_no_database),
        ON_POSTGRESQL(comes_back_when_the_server_does),
        ON_POSTGRESQL(replaces_a_connection_that_was_cut),
        ON_POSTGRESQL(counts_once_whose_commit_was_cut_off),
        ON_POSTGRESQL(waits_no_longer_than_its_patience_for_a_row),
    };
    return bed_run(both, COUNT(both));
}
