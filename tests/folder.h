/* SPDX-License-Identifier: Apache-2.0 */
/* folder.h - a folder of its own for a group of tests: made before, gone after. */
#ifndef TESTS_FOLDER_H
#define TESTS_FOLDER_H

#include "base/str.h"

#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder_name[64];

/* `name` inside the folder; good until the fourth call after. */
static inline const char *folder_path(const char *name)
{
    static char path[4][256];
    static unsigned next;
    char *p = path[next++ % COUNT(path)];
    (void)snprintf(p, sizeof path[0], "%s/%s", folder_name, name); /* names here are short */
    return p;
}

static inline void folder_write(const char *name, str bytes)
{
    (void)unlink(folder_path(name)); /* some file systems wait for the disk on a file rewritten */
    FILE *f = fopen(folder_path(name), "wb");
    if (!f || fwrite(bytes.p, 1, bytes.n, f) != bytes.n || fclose(f) != 0)
        abort();
}

/* Group set-up and tear-down for cmocka. */
static inline int folder_make(void **state)
{
    (void)state;
    (void)snprintf(folder_name, sizeof folder_name, "/tmp/bguard-test-XXXXXX");
    return mkdtemp(folder_name) ? 0 : -1;
}

static inline int folder_drop(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st, (void)type, (void)at;
    return remove(path);
}

static inline int folder_remove(void **state)
{
    (void)state;
    return nftw(folder_name, folder_drop, 16, FTW_DEPTH | FTW_PHYS);
}

#endif
