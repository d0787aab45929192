/* SPDX-License-Identifier: Apache-2.0 */
#include "app/data.h"

#include "base/str.h"
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ERROR_TEXT_MAX = 128 };

static const char *choose(const char *wanted, char *(*environment)(const char *), struct arena *a)
{
    const char *xdg = environment("XDG_DATA_HOME"), *home = environment("HOME");
    if (*wanted)
        return arena_str(a, str_z(wanted)).p;
    if (geteuid() == 0)
        return "/var/lib/bguard";
    if (xdg && *xdg == '/')
        return arena_fmt(a, "%s/bguard", xdg).p;
    if (home && *home == '/')
        return arena_fmt(a, "%s/.local/share/bguard", home).p;
    return "bguard-data";
}

static status fail_path(struct error *err, const char *what, const char *path)
{
    char text[ERROR_TEXT_MAX];
    int number = errno;
    return fail(err, ST_IO, "the data folder '%s' %s: %s; name another one with --data", path, what,
                strerror_r(number, text, sizeof text));
}

/* Every folder on the way; those made are for us only.  One that was there stays as it is, whoever may
 * read it: each file we put there is for us only. */
static status make_folders(const char *path, struct arena *a, struct error *err)
{
    str copy = arena_str(a, str_z(path));
    char *p = arena_bytes(a, copy.n + 1);
    if (!p)
        return fail(err, ST_LIMIT, "'data' is too long");
    memcpy(p, copy.p, copy.n + 1);
    for (size_t i = 1; i <= copy.n; i++) {
        if (p[i] != '/' && p[i] != '\0')
            continue;
        char kept = p[i];
        p[i] = '\0';
        if (mkdir(p, 0700) != 0 && errno != EEXIST)
            return fail_path(err, "cannot be made", path);
        p[i] = kept;
    }
    struct stat st;
    if (stat(path, &st) != 0)
        return fail_path(err, "cannot be looked at", path);
    if (!S_ISDIR(st.st_mode)) {
        errno = ENOTDIR;
        return fail_path(err, "cannot be used", path);
    }
    return ST_OK;
}

static status lock_folder(struct data_folder *d, struct arena *a, struct error *err)
{
    const char *path = data_path(d, a, "lock");
    d->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (d->lock < 0)
        return fail_path(err, "cannot be written to", d->path);
    if (flock(d->lock, LOCK_EX | LOCK_NB) == 0)
        return ST_OK;
    return fail(err, ST_CONFLICT,
                "the data folder '%s' is in use by another bguard; stop it or name another one "
                "with --data",
                d->path);
}

status data_open(struct data_folder *d, const char *wanted, char *(*environment)(const char *),
                 struct arena *a, struct error *err)
{
    *d = (struct data_folder){.path = choose(wanted, environment, a), .lock = -1};
    if (!d->path)
        return fail(err, ST_LIMIT, "'data' is too long");
    status s = make_folders(d->path, a, err);
    return s == ST_OK ? lock_folder(d, a, err) : s;
}

void data_close(struct data_folder *d)
{
    file_close(d->lock); /* drops the lock */
    d->lock = -1;
}

const char *data_path(const struct data_folder *d, struct arena *a, const char *name)
{
    return arena_fmt(a, "%s/%s", d->path, name).p;
}
