/* SPDX-License-Identifier: Apache-2.0 */
/* Any file of resting entities is refused, or taken over as far as it is whole; what is in it can be saved and read. */
#include "base/hash.h"
#include "base/mem.h"
#include "behavior/behavior.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HEAD = 16, RECORD_HEAD = 16 };

/* Checksums as they should be: u32 length | u32 kind | u64 checksum | bytes. */
static void mend(char *p, size_t n)
{
    size_t at = HEAD;
    while (at + RECORD_HEAD <= n) {
        uint32_t length, kind;
        memcpy(&length, p + at, 4);
        memcpy(&kind, p + at + 4, 4);
        if (length > n - at - RECORD_HEAD)
            return;
        uint64_t sum = hash_bytes((str){p + at + RECORD_HEAD, length}, kind);
        memcpy(p + at + 8, &sum, 8);
        at += RECORD_HEAD + length;
    }
}

static void put_file(const char *path, const char *p, size_t n)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || write(fd, p, n) != (ssize_t)n)
        abort();
    close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char folder[] = "/tmp/rest-fuzz-XXXXXX", path[64], first[80];
    if (!*path) {
        if (!mkdtemp(folder))
            abort();
        snprintf(path, sizeof path, "%s/rest", folder);
        snprintf(first, sizeof first, "%s.0", path);
    }
    char *bytes = mem_zero(size + 1);
    if (size)
        memcpy(bytes, data, size);
    mend(bytes, size);
    put_file(first, bytes, size);
    struct behavior *b = behavior_new(&(struct behavior_options){.entities = 16, .seed = 1});
    status st = behavior_rest(b, path, 1 << 20, NULL);
    struct behavior_entity who = {BEHAVIOR_USER, STR("alice")};
    size_t forgot = behavior_forget(b, STR("default"), &who);
    struct behavior_stats stats = behavior_stats(b);
    if (st == ST_OK && forgot > stats.spilled + size)
        abort();
    (void)behavior_forget(b, STR("default"), NULL);
    behavior_free(b);
    mem_free(bytes);
    unlink(first);
    return 0;
}
