/* SPDX-License-Identifier: Apache-2.0 */
/* SQLite: one file, write-ahead log, one connection that writes.
 *
 * A commit is on the disk when it returns (synchronous=FULL) unless the store is relaxed.  Failures that pass by
 * themselves - another process holds the lock, the disk is full - are ST_UNAVAILABLE: nothing was changed, and
 * the next call works as soon as the cause is gone. */
#include "base/mem.h"
#include "store/store_int.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_MAX_LEN = 4000, BACKUP_PAGES = 512 };

static const char *const prefixes[] = {"sqlite:", NULL};

static const struct word words[] = {
    {"text", "TEXT"},    {"blob", "BLOB"}, {"serial", "INTEGER PRIMARY KEY AUTOINCREMENT"},
    {"greatest", "max"}, {"least", "min"}, {"clustered", "WITHOUT ROWID"},
    {"by_id", ""},       {"by_alert", ""}, {"clustered_by_alert", "WITHOUT ROWID"},
    {"like", "LIKE"},    {NULL, NULL},
};

struct sqlite_db {
    sqlite3 *sqlite;
};

struct sqlite_statement {
    sqlite3_stmt *stmt;
    sqlite3 *sqlite;
};

/* ---- statuses ---- */

/* Called before errno can change: SQLite keeps the number of a write that failed, but not of one in COMMIT. */
static bool is_disk_full(sqlite3 *db, int rc)
{
    int number = errno;
    if (db && sqlite3_system_errno(db))
        number = sqlite3_system_errno(db);
    return (rc & 0xff) == SQLITE_FULL ||
           ((rc & 0xff) == SQLITE_IOERR &&
            (number == ENOSPC || number == EDQUOT || number == EFBIG));
}

static status constraint(sqlite3 *db, int rc, struct error *err)
{
    const char *text = sqlite3_errmsg(db);
    if (rc == SQLITE_CONSTRAINT_TRIGGER)
        return fail(err, ST_FORBIDDEN, "%s", text);
    if (rc == SQLITE_CONSTRAINT_FOREIGNKEY)
        return fail(err, ST_INVALID, "it belongs to something that does not exist");
    if (rc == SQLITE_CONSTRAINT_UNIQUE || rc == SQLITE_CONSTRAINT_PRIMARYKEY)
        return fail(err, ST_CONFLICT, "it exists already");
    return fail(err, ST_INVALID, "%s", text);
}

static status sqlite_fail(sqlite3 *db, int rc, struct error *err)
{
    const char *text = db ? sqlite3_errmsg(db) : sqlite3_errstr(rc);
    if (is_disk_full(db, rc))
        return fail(err, ST_UNAVAILABLE, "the disk is full: %s", text);
    switch (rc & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return fail(err, ST_UNAVAILABLE, "database is locked");
    case SQLITE_CONSTRAINT:
        return constraint(db, rc, err);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return fail(err, ST_IO, "the database is damaged, restore it from a backup: %s", text);
    case SQLITE_TOOBIG:
        return fail(err, ST_LIMIT, "too long to be stored");
    default:
        return fail(err, ST_IO, "%s (sqlite %d)", text, rc);
    }
}

/* ---- the file ---- */

static const char *path_of(const struct store_options *o)
{
    return o->url.p + sizeof "sqlite:" - 1;
}

static status make_folder(const char *path, struct error *err)
{
    const char *slash = strrchr(path, '/');
    if (!slash || slash == path)
        return ST_OK;
    char folder[PATH_MAX_LEN];
    (void)snprintf(folder, sizeof folder, "%.*s", (int)(slash - path), path);
    if (mkdir(folder, 0700) == 0 || errno == EEXIST)
        return ST_OK;
    return fail(err, ST_IO, "'%s': cannot be made: errno %d", folder, errno);
}

/* Made by us, so that it is ours alone from its first byte on; SQLite gives its log the same mode. */
static status make_file(const char *path, struct error *err)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600);
    if (fd < 0) {
        int number = errno;
        char text[128];
        return fail(err, number == ENOSPC ? ST_UNAVAILABLE : ST_IO, "'%s': %s", path,
                    strerror_r(number, text, sizeof text));
    }
    struct stat st;
    bool regular = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
    if (regular && (st.st_mode & 077))
        (void)fchmod(fd, 0600); /* not ours: then its owner decided */
    (void)close(fd);
    return regular ? ST_OK : fail(err, ST_UNSUPPORTED, "'%s': is not a regular file", path);
}

static status check_path(const char *path, struct error *err)
{
    if (!*path || *path == ':')
        return fail(err, ST_INVALID, "'sqlite:%s': needs the path of a file", path);
    if (strlen(path) >= PATH_MAX_LEN - 8)
        return fail(err, ST_INVALID, "the database's path is too long");
    status st = make_folder(path, err);
    return st != ST_OK ? st : make_file(path, err);
}

/* ---- connections ---- */

static status script(void *db, const char *sql, struct error *err)
{
    sqlite3 *sqlite = ((struct sqlite_db *)db)->sqlite;
    errno = 0; /* see is_disk_full */
    int rc = sqlite3_exec(sqlite, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK ? ST_OK : sqlite_fail(sqlite, sqlite3_extended_errcode(sqlite), err);
}

/* 1 MiB of cache a connection, 16 MiB mapped (shared by all): a service at rest stays small.  A log that
 * grew is cut back to 64 MiB. */
static status set_up(struct sqlite_db *d, const struct store_options *o, bool writes,
                     struct error *err)
{
    (void)sqlite3_extended_result_codes(d->sqlite, 1);
    (void)sqlite3_busy_timeout(d->sqlite, (int)o->patience_ms);
    status st = script(d,
                       "PRAGMA trusted_schema=OFF; PRAGMA foreign_keys=ON; PRAGMA cache_size=-2048;"
                       "PRAGMA mmap_size=16777216; PRAGMA journal_size_limit=67108864;"
                       "PRAGMA temp_store=MEMORY; PRAGMA journal_mode=WAL;",
                       err);
    if (st != ST_OK)
        return st;
    if (!writes)
        return script(d, "PRAGMA query_only=ON", err);
    return script(d, o->relaxed ? "PRAGMA synchronous=NORMAL" : "PRAGMA synchronous=FULL", err);
}

static void db_close(void *db)
{
    struct sqlite_db *d = db;
    (void)sqlite3_close_v2(d->sqlite); /* never refuses */
    mem_free(d);
}

static status db_open(const struct store_options *o, bool writes, void **db, struct error *err)
{
    const char *path = path_of(o);
    status st = check_path(path, err);
    if (st != ST_OK)
        return st;
    struct sqlite_db *d = mem_new(struct sqlite_db);
    int rc = sqlite3_open_v2(path, &d->sqlite, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    st = rc == SQLITE_OK ? set_up(d, o, writes, err) : sqlite_fail(d->sqlite, rc, err);
    if (st != ST_OK) {
        db_close(d);
        return fail_prefix(err, st, "'%s'", path);
    }
    *db = d;
    return ST_OK;
}

static bool lost(const void *db)
{
    (void)db; /* a file does not go away under us */
    return false;
}

static status begin(void *db, struct error *err)
{
    return script(db, "BEGIN IMMEDIATE", err);
}

static status commit(void *db, struct error *err)
{
    return script(db, "COMMIT", err);
}

static void rollback(void *db)
{
    struct sqlite_db *d = db;
    if (!sqlite3_get_autocommit(d->sqlite)) /* else SQLite undid it by itself */
        (void)script(db, "ROLLBACK", NULL);
}

/* ---- statements ---- */

static status prepare(void *db, const char *sql, void **statement, struct error *err)
{
    struct sqlite_db *d = db;
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v3(d->sqlite, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt, NULL);
    if (rc != SQLITE_OK)
        return sqlite_fail(d->sqlite, rc, err);
    struct sqlite_statement *s = mem_new(struct sqlite_statement);
    *s = (struct sqlite_statement){stmt, d->sqlite};
    *statement = s;
    return ST_OK;
}

static void finish(void *statement)
{
    struct sqlite_statement *s = statement;
    (void)sqlite3_finalize(s->stmt); /* tells again what step told */
    mem_free(s);
}

static void bind(void *statement, unsigned at, const struct bound *v)
{
    sqlite3_stmt *stmt = ((struct sqlite_statement *)statement)->stmt;
    const char *p = v->s.p ? v->s.p : "";
    int rc = SQLITE_OK;
    switch (v->kind) {
    case BOUND_INT:
        rc = sqlite3_bind_int64(stmt, (int)at, v->i);
        break;
    case BOUND_REAL:
        rc = sqlite3_bind_double(stmt, (int)at, v->f);
        break;
    case BOUND_TEXT:
        rc = sqlite3_bind_text64(stmt, (int)at, p, v->s.n, SQLITE_STATIC, SQLITE_UTF8);
        break;
    case BOUND_BLOB:
        rc = sqlite3_bind_blob64(stmt, (int)at, p, v->s.n, SQLITE_STATIC);
        break;
    }
    assert(rc != SQLITE_RANGE); /* else it is too big: it stays NULL, which no column takes */
}

static status step(void *statement, bool *row, struct error *err)
{
    struct sqlite_statement *s = statement;
    errno = 0; /* see is_disk_full */
    int rc = sqlite3_step(s->stmt);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        return sqlite_fail(s->sqlite, rc, err);
    *row = rc == SQLITE_ROW;
    return ST_OK;
}

static int64_t column_int(void *statement, unsigned at)
{
    return sqlite3_column_int64(((struct sqlite_statement *)statement)->stmt, (int)at);
}

static double column_real(void *statement, unsigned at)
{
    return sqlite3_column_double(((struct sqlite_statement *)statement)->stmt, (int)at);
}

static str column_bytes(void *statement, unsigned at)
{
    sqlite3_stmt *stmt = ((struct sqlite_statement *)statement)->stmt;
    const char *p = sqlite3_column_blob(stmt, (int)at); /* of a text: its UTF-8 */
    return (str){p, (size_t)sqlite3_column_bytes(stmt, (int)at)};
}

static uint64_t changed(void *statement)
{
    return (uint64_t)sqlite3_changes64(((struct sqlite_statement *)statement)->sqlite);
}

static void reset(void *statement)
{
    sqlite3_stmt *stmt = ((struct sqlite_statement *)statement)->stmt;
    (void)sqlite3_reset(stmt); /* tells again what step told */
    (void)sqlite3_clear_bindings(stmt);
}

/* ---- copies and size ---- */

static status sync_path(const char *path, struct error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool ok = fd >= 0 && fsync(fd) == 0;
    int number = errno;
    if (fd >= 0)
        (void)close(fd);
    char text[128];
    return ok ? ST_OK : fail(err, ST_IO, "'%s': %s", path, strerror_r(number, text, sizeof text));
}

/* The reading transaction held on `from` keeps all steps on one state of it, whoever writes meanwhile. */
static status copy_pages(struct sqlite_db *from, sqlite3 *to, struct error *err)
{
    status st = script(from, "BEGIN; SELECT count(*) FROM migration", err);
    if (st != ST_OK)
        return st;
    sqlite3_backup *b = sqlite3_backup_init(to, "main", from->sqlite, "main");
    int rc = SQLITE_OK;
    while (b && rc == SQLITE_OK)
        rc = sqlite3_backup_step(b, BACKUP_PAGES);
    int end = sqlite3_backup_finish(b);
    rollback(from);
    if (rc == SQLITE_DONE && end == SQLITE_OK)
        return ST_OK;
    return sqlite_fail(to, sqlite3_extended_errcode(to), err);
}

static status copy_to(const struct store_options *o, const char *path, struct error *err)
{
    void *from = NULL;
    status st = db_open(o, false, &from, err);
    if (st != ST_OK)
        return st;
    assert(from);
    sqlite3 *to = NULL;
    int rc = sqlite3_open_v2(path, &to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    st = rc == SQLITE_OK ? copy_pages(from, to, err) : sqlite_fail(to, rc, err);
    rc = sqlite3_close(to);
    if (st == ST_OK && rc != SQLITE_OK)
        st = sqlite_fail(NULL, rc, err);
    db_close(from);
    return st;
}

static status put_in_place(const char *temporary, const char *path, struct error *err)
{
    status st = sync_path(temporary, err);
    if (st != ST_OK)
        return st;
    if (rename(temporary, path) != 0)
        return fail(err, ST_IO, "'%s': cannot be replaced: errno %d", path, errno);
    char folder[PATH_MAX_LEN] = ".";
    const char *slash = strrchr(path, '/');
    if (slash)
        (void)snprintf(folder, sizeof folder, "%.*s", (int)(slash - path + 1), path);
    return sync_path(folder, err);
}

static status backup(const struct store_options *o, const char *path, struct error *err)
{
    char temporary[PATH_MAX_LEN];
    int n = snprintf(temporary, sizeof temporary, "%s.XXXXXX", path);
    if (n < 0 || (size_t)n >= sizeof temporary)
        return fail(err, ST_INVALID, "the backup's path is too long");
    int fd = mkostemp(temporary, O_CLOEXEC); /* mode 0600 */
    if (fd < 0)
        return fail(err, ST_IO, "'%s': cannot be written beside: errno %d", path, errno);
    (void)close(fd); /* empty */
    status st = copy_to(o, temporary, err);
    if (st == ST_OK)
        st = put_in_place(temporary, path, err);
    if (st != ST_OK)
        (void)unlink(temporary); /* there may be none any more */
    return st;
}

static uint64_t file_bytes(const char *path, const char *suffix)
{
    char name[PATH_MAX_LEN + 8];
    (void)snprintf(name, sizeof name, "%s%s", path, suffix);
    struct stat st;
    return stat(name, &st) == 0 ? (uint64_t)st.st_size : 0;
}

static status size(void *db, uint64_t *bytes, struct error *err)
{
    (void)err;
    const char *path = sqlite3_db_filename(((struct sqlite_db *)db)->sqlite, "main");
    *bytes = file_bytes(path, "") + file_bytes(path, "-wal");
    return ST_OK;
}

const struct store_ops store_sqlite = {
    .name = "sqlite",
    .prefix = prefixes,
    .writers = 1,
    .placeholder = '?',
    .word = words,
    .open = db_open,
    .close = db_close,
    .lost = lost,
    .begin = begin,
    .commit = commit,
    .rollback = rollback,
    .script = script,
    .prepare = prepare,
    .finish = finish,
    .bind = bind,
    .step = step,
    .column_int = column_int,
    .column_real = column_real,
    .column_bytes = column_bytes,
    .changed = changed,
    .reset = reset,
    .backup = backup,
    .size = size,
};
