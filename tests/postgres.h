/* SPDX-License-Identifier: Apache-2.0 */
/* postgres.h - a real PostgreSQL server of the test's own: in a folder under /tmp, on a Unix socket there.
 *
 * The server refuses to run as root, so root's tests run it as the user postgres or nobody.  It goes when the test
 * does, even when that is killed. */
#ifndef TESTS_POSTGRES_H
#define TESTS_POSTGRES_H

#include "base/str.h"
#include "os/clock.h"

#include <ftw.h>
#include <glob.h>
#include <libpq-fe.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct postgres {
    char bin[192], folder[64];
    pid_t pid; /* 0: not running */
    uid_t uid;
    gid_t gid;
};

/* False where PostgreSQL's server is not installed. */
static inline bool postgres_find(struct postgres *p)
{
    glob_t found = {0};
    bool ok = glob("/usr/lib/postgresql/*/bin/initdb", 0, NULL, &found) == 0 && found.gl_pathc;
    if (ok) {
        str path = str_z(found.gl_pathv[found.gl_pathc - 1]);
        path.n -= sizeof "/initdb" - 1;
        (void)snprintf(p->bin, sizeof p->bin, STR_FMT, STR_ARG(path));
    }
    globfree(&found);
    return ok;
}

/* Run `program` of the server's with `arguments`, as a user who is not root; returns its pid. */
static inline pid_t postgres_spawn(const struct postgres *p, const char *program,
                                   const char *arguments)
{
    char command[512];
    (void)snprintf(command, sizeof command, "exec %s/%s %s >>log 2>&1", p->bin, program, arguments);
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    if (chdir(p->folder) != 0 || (getuid() == 0 && (setgid(p->gid) != 0 || setuid(p->uid) != 0)))
        _exit(126);
    (void)prctl(PR_SET_PDEATHSIG, SIGQUIT);
    (void)execl("/bin/sh", "sh", "-c", command, (char *)NULL);
    _exit(127);
}

static inline void postgres_url(const struct postgres *p, const char *database,
                                char url[static 256])
{
    (void)snprintf(url, 256, "postgresql://bguard@/%s?host=%s", database, p->folder);
}

static inline void postgres_wait(const struct postgres *p)
{
    char url[256];
    postgres_url(p, "postgres", url);
    uint64_t begun = clock_ns();
    while (PQping(url) != PQPING_OK) {
        if (clock_since(begun) > 60)
            abort();
        (void)poll(NULL, 0, 10);
    }
}

static inline void postgres_start(struct postgres *p)
{
    char arguments[160];
    (void)snprintf(arguments, sizeof arguments, "-D data -F -c max_connections=40 -h '' -k %s",
                   p->folder);
    p->pid = postgres_spawn(p, "postgres", arguments);
    if (p->pid < 0)
        abort();
    postgres_wait(p);
}

/* `signal`: SIGINT ends it in order, SIGQUIT as a crash would. */
static inline void postgres_stop(struct postgres *p, int signal)
{
    if (p->pid <= 0)
        return;
    (void)kill(p->pid, signal);
    (void)waitpid(p->pid, NULL, 0);
    p->pid = 0;
}

static inline void postgres_make(struct postgres *p)
{
    (void)snprintf(p->folder, sizeof p->folder, "/tmp/bguard-pg-XXXXXX");
    const struct passwd *user = getpwnam("postgres");
    if (!user)
        user = getpwnam("nobody");
    p->uid = user ? user->pw_uid : getuid();
    p->gid = user ? user->pw_gid : getgid();
    if (!mkdtemp(p->folder) || (getuid() == 0 && chown(p->folder, p->uid, p->gid) != 0))
        abort();
    pid_t pid = postgres_spawn(p, "initdb",
                               "-D data -U bguard -A trust -E UTF8 --locale=C.UTF-8 --no-sync");
    int how = -1;
    if (waitpid(pid, &how, 0) != pid || how != 0)
        abort();
    postgres_start(p);
}

static inline int postgres_drop(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st, (void)type, (void)at;
    return remove(path);
}

static inline void postgres_remove(struct postgres *p)
{
    postgres_stop(p, SIGINT);
    if (p->folder[0])
        (void)nftw(p->folder, postgres_drop, 16, FTW_DEPTH | FTW_PHYS);
}

/* Run one statement on `database`. */
static inline void postgres_run(const struct postgres *p, const char *database, const char *sql)
{
    char url[256];
    postgres_url(p, database, url);
    PGconn *c = PQconnectdb(url);
    PGresult *r = PQexec(c, sql);
    if (PQresultStatus(r) != PGRES_COMMAND_OK && PQresultStatus(r) != PGRES_TUPLES_OK) {
        (void)fprintf(stderr, "%s: %s", sql, PQerrorMessage(c));
        abort();
    }
    PQclear(r);
    PQfinish(c);
}

static inline void postgres_database(const struct postgres *p, const char *name)
{
    char sql[128];
    (void)snprintf(sql, sizeof sql, "CREATE DATABASE %s", name);
    postgres_run(p, "postgres", sql);
}

#endif
