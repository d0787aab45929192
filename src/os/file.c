/* SPDX-License-Identifier: Apache-2.0 */
#include "os/file.h"

#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_SIZE = 64 << 10 };

static status fail_errno(struct error *err, int number)
{
    char text[128];
    bool absent = number == ENOENT || number == ENOTDIR;
    return fail(err, absent ? ST_NOT_FOUND : ST_IO, "%s",
                strerror_r(number, text, sizeof text)); /* the GNU one, which returns the text */
}

static struct file_info info_of(const struct stat *st)
{
    struct file_info info = {.kind = FILE_OTHER, .device = st->st_dev, .inode = st->st_ino};
    info.mode = st->st_mode & 07777;
    if (S_ISDIR(st->st_mode))
        info.kind = FILE_FOLDER;
    if (S_ISREG(st->st_mode)) {
        info.kind = FILE_REGULAR;
        info.size = (uint64_t)st->st_size;
    }
    return info;
}

status file_stat(const char *path, struct file_info *out, struct error *err)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return fail_prefix(err, fail_errno(err, errno), "'%s'", path);
    *out = info_of(&st);
    return ST_OK;
}

status file_fstat(int fd, struct file_info *out, struct error *err)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return fail_errno(err, errno);
    *out = info_of(&st);
    return ST_OK;
}

/* Opened without waiting, so that a pipe that took a file's place cannot hold us up. */
static status check_kind(int fd, const char *path, unsigned flags, struct error *err)
{
    struct file_info info = {0};
    status st = file_fstat(fd, &info, err);
    if (st != ST_OK)
        return fail_prefix(err, st, "'%s'", path);
    if (info.kind == FILE_FOLDER)
        return fail(err, ST_UNSUPPORTED, "'%s': is a folder", path);
    if ((flags & FILE_ONLY_REGULAR) && info.kind != FILE_REGULAR)
        return fail(err, ST_UNSUPPORTED, "'%s': is not a regular file", path);
    return ST_OK;
}

status file_open(const char *path, unsigned flags, int *fd, struct error *err)
{
    int mode = O_RDONLY | O_CLOEXEC | O_NOCTTY;
    if (flags & FILE_ONLY_REGULAR)
        mode |= O_NONBLOCK; /* means nothing to a regular file */
    int got;
    do
        got = open(path, mode);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return fail_prefix(err, fail_errno(err, errno), "'%s'", path);
    status st = check_kind(got, path, flags, err);
    if (st != ST_OK) {
        file_close(got);
        return st;
    }
    (void)posix_fadvise(got, 0, 0, POSIX_FADV_SEQUENTIAL); /* a hint; pipes refuse it */
    *fd = got;
    return ST_OK;
}

void file_close(int fd)
{
    if (fd >= 0)
        (void)close(fd); /* only ever read from: there is nothing left to fail */
}

status file_read(int fd, char *out, size_t room, size_t *n, struct error *err)
{
    ssize_t got;
    do
        got = read(fd, out, room);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return fail_errno(err, errno);
    *n = (size_t)got;
    return ST_OK;
}

status file_read_all(const char *path, struct sbuf *out, struct error *err)
{
    int fd = -1;
    status s = file_open(path, FILE_ONLY_REGULAR, &fd, err);
    for (size_t n = 1; s == ST_OK && n;) {
        char *room = sbuf_space(out, READ_SIZE);
        s = room ? file_read(fd, room, READ_SIZE, &n, err)
                 : fail(err, ST_LIMIT, "'%s': the file is too large", path);
        if (s == ST_OK)
            sbuf_grew(out, n);
    }
    file_close(fd);
    return s;
}

static bool write_all(int fd, str bytes)
{
    while (bytes.n) {
        ssize_t n = write(fd, bytes.p, bytes.n);
        if (n < 0 && errno != EINTR)
            return false;
        bytes = str_from(bytes, n > 0 ? (size_t)n : 0);
    }
    return fsync(fd) == 0;
}

/* A whole file under a name of its own, then given `path` by place(): link, which replaces nothing, or rename. */
static status write_beside(const char *path, unsigned mode, str bytes,
                           int (*place)(const char *from, const char *to), struct error *err)
{
    char beside[4096];
    if (snprintf(beside, sizeof beside, "%s.XXXXXX", path) >= (int)sizeof beside)
        return fail(err, ST_IO, "'%.100s…': the path is too long", path);
    int fd = mkostemp(beside, O_CLOEXEC); /* 0600 until it is whole */
    if (fd < 0)
        return fail_prefix(err, fail_errno(err, errno), "'%s'", path);
    bool made = fchmod(fd, mode) == 0 && write_all(fd, bytes) && place(beside, path) == 0;
    int number = errno;
    (void)close(fd);
    if (!made || place == link)
        (void)unlink(beside);
    if (made)
        return ST_OK;
    if (number == EEXIST)
        return fail(err, ST_CONFLICT, "'%s' exists", path);
    return fail_prefix(err, fail_errno(err, number), "'%s'", path);
}

status file_create(const char *path, unsigned mode, str bytes, struct error *err)
{
    return write_beside(path, mode, bytes, link, err);
}

status file_replace(const char *path, unsigned mode, str bytes, struct error *err)
{
    return write_beside(path, mode, bytes, rename, err);
}

bool file_wait(int fd, int timeout_ms)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, timeout_ms) > 0;
}
