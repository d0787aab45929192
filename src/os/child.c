/* SPDX-License-Identifier: Apache-2.0 */
#include "os/child.h"

#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PRIORITY = 10, ERROR_TEXT_MAX = 128 };

extern char **environ;

static int open_files(posix_spawn_file_actions_t *f, const struct child_options *o)
{
    const int append = O_WRONLY | O_CREAT | O_APPEND;
    int failed = posix_spawn_file_actions_addopen(f, 0, "/dev/null", O_RDONLY, 0);
    if (!failed)
        failed =
            posix_spawn_file_actions_addopen(f, 1, o->out ? o->out : "/dev/null", append, 0600);
    if (!failed)
        failed =
            posix_spawn_file_actions_addopen(f, 2, o->err ? o->err : "/dev/null", append, 0600);
    return failed ? failed : posix_spawn_file_actions_addclosefrom_np(f, 3);
}

static int set_attributes(posix_spawnattr_t *a)
{
    sigset_t none, all;
    (void)sigemptyset(&none);
    (void)sigfillset(&all);
    int failed = posix_spawnattr_setsigmask(a, &none);
    if (!failed)
        failed = posix_spawnattr_setsigdefault(a, &all);
    if (!failed)
        failed = posix_spawnattr_setpgroup(a, 0);
    return failed ? failed
                  : posix_spawnattr_setflags(a, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                                    POSIX_SPAWN_SETPGROUP);
}

/* What the kernel does not take is no reason not to run. */
static void hold_back(pid_t pid, uint64_t memory_bytes)
{
    struct rlimit most = {memory_bytes, memory_bytes};
    (void)setpriority(PRIO_PROCESS, (id_t)pid, PRIORITY);
    if (memory_bytes)
        (void)prlimit(pid, RLIMIT_AS, &most, NULL);
}

status child_start(const struct child_options *o, struct child *out, struct error *err)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    pid_t pid = 0;
    char *const *argv = (char *const *)(uintptr_t)o->argv; /* which it does not write to */
    int failed = posix_spawn_file_actions_init(&files);
    if (failed)
        return fail(err, ST_IO, "no memory for a program to be started");
    failed = posix_spawnattr_init(&attributes);
    if (!failed) {
        failed = open_files(&files, o);
        if (!failed)
            failed = set_attributes(&attributes);
        if (!failed)
            failed = posix_spawn(&pid, o->argv[0], &files, &attributes, argv, environ);
        (void)posix_spawnattr_destroy(&attributes);
    }
    (void)posix_spawn_file_actions_destroy(&files);
    if (failed) {
        char text[ERROR_TEXT_MAX];
        return fail(err, failed == ENOENT ? ST_NOT_FOUND : ST_IO, "'%s' cannot be started: %s",
                    o->argv[0], strerror_r(failed, text, sizeof text));
    }
    hold_back(pid, o->memory_bytes);
    out->pid = pid;
    return ST_OK;
}

static bool reap(struct child *c, int flags, int *code)
{
    int how = 0;
    pid_t got;
    do
        got = waitpid(c->pid, &how, flags);
    while (got < 0 && errno == EINTR);
    if (got == 0)
        return false;
    *code = got > 0 && WIFEXITED(how) ? WEXITSTATUS(how) : -1;
    c->pid = 0;
    return true;
}

bool child_ended(struct child *c, int *code)
{
    *code = -1;
    return c->pid == 0 || reap(c, WNOHANG, code);
}

void child_stop(struct child *c, bool now)
{
    if (c->pid > 0)
        (void)kill(-c->pid, now ? SIGKILL : SIGTERM);
}

void child_join(struct child *c)
{
    int code;
    if (c->pid > 0)
        (void)reap(c, 0, &code);
}
