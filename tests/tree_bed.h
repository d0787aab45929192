/* SPDX-License-Identifier: Apache-2.0 */
/* tree_bed.h - what tests and benches of trees share: files of numbers, and the reference programs. */
#ifndef TESTS_TREE_BED_H
#define TESTS_TREE_BED_H

#include "base/mem.h"
#include "base/sbuf.h"
#include "os/file.h"
#include "tests/folder.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static inline void bed_needs(bool ok, const char *what)
{
    if (!ok) {
        (void)fprintf(stderr, "%s\n", what);
        abort();
    }
}

/* What is in the folder's file, which must be there. */
static inline struct sbuf file_bytes(const char *name)
{
    struct sbuf out;
    struct error err;
    sbuf_init(&out, 256 << 20);
    bed_needs(file_read_all(folder_path(name), &out, &err) == ST_OK, name);
    return out;
}

static inline float *file_floats(const char *name, size_t n)
{
    struct sbuf bytes = file_bytes(name);
    bed_needs(bytes.n == n * sizeof(float), name);
    float *out = mem_array(float, n + 1);
    memcpy(out, bytes.p, bytes.n);
    sbuf_done(&bytes);
    return out;
}

/* Run tests/reference/SCRIPT in the folder; false: what it needs is not there. */
static inline bool run_reference(const char *script, const char *const *more)
{
    char path[128];
    const char *argv[40] = {"/usr/bin/python3", path, folder_name};
    int how = 0;
    (void)snprintf(path, sizeof path, "tests/reference/%s", script);
    for (size_t i = 0; more && more[i] && i < 36; i++)
        argv[3 + i] = more[i];
    pid_t pid = fork();
    if (pid == 0) {
        (void)execv(argv[0], (char *const *)(uintptr_t)argv);
        _exit(77);
    }
    bed_needs(pid > 0 && waitpid(pid, &how, 0) == pid, script);
    bed_needs(WIFEXITED(how) && (WEXITSTATUS(how) == 0 || WEXITSTATUS(how) == 77), script);
    return WEXITSTATUS(how) == 0;
}

#endif
