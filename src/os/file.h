/* SPDX-License-Identifier: Apache-2.0 */
/* file.h - opening and reading files, pipes and devices. */
#ifndef OS_FILE_H
#define OS_FILE_H

#include "base/sbuf.h"
#include "base/status.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum file_kind { FILE_REGULAR, FILE_FOLDER, FILE_OTHER };

struct file_info {
    enum file_kind kind;
    uint64_t size;          /* bytes; 0 unless regular */
    uint64_t device, inode; /* which file it is, whatever it is called */
    unsigned mode;          /* permission bits */
};

/* What `path` is, symbolic links followed.  ST_NOT_FOUND or ST_IO: "'path': why". */
CHECKED status file_stat(const char *path, struct file_info *out, struct error *err);

enum file_flag {
    FILE_ANY = 0,
    FILE_ONLY_REGULAR = 1 << 0 /* refuse, without waiting, what is no regular file */
};

/* Open for reading; close with file_close.  Fails as file_stat does; ST_UNSUPPORTED when it is
 * not a regular file and that was asked for, or a folder. */
CHECKED status file_open(const char *path, unsigned flags, int *fd, struct error *err);
void file_close(int fd); /* negative: nothing to do */

/* What is open as `fd`. */
CHECKED status file_fstat(int fd, struct file_info *out, struct error *err);

/* Read up to `room` bytes; *n is 0 only at the end.  Goes on after signals.  ST_IO: why. */
CHECKED status file_read(int fd, char *out, size_t room, size_t *n, struct error *err);

/* The whole of a regular file, appended to `out`.  ST_LIMIT: it does not fit into out's cap, which
 * must leave 64 KiB to spare.  Else fails as file_open does, or ST_IO. */
CHECKED status file_read_all(const char *path, struct sbuf *out, struct error *err);

/* A new file of these bytes and permission bits, on the disk whole or not at all: of processes that
 * make the same one together, one wins.  ST_CONFLICT: it exists.  Else fails as file_stat does. */
CHECKED status file_create(const char *path, unsigned mode, str bytes, struct error *err);
/* The same, but in the place of the one that may be there: a crash leaves the old one or the new. */
CHECKED status file_replace(const char *path, unsigned mode, str bytes, struct error *err);

/* Wait up to `timeout_ms` for something to read, or the end; true when there is. */
bool file_wait(int fd, int timeout_ms);

#endif
