/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes, with the checksum they should have, are refused and leave nothing, or are saved and read again
 * with as many entities. */
#include "base/hash.h"
#include "base/mem.h"
#include "base/reader.h"
#include "behavior/behavior.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* As it is made in behavior/keep.c: over the head, and each shard's length and bytes. */
static uint64_t checksum(str body)
{
    struct reader r = reader_of(body);
    uint64_t sum = hash_bytes(rd_take(&r, 24), 0);
    while (r.ok && rd_left(&r)) {
        str length = rd_take(&r, 8);
        uint64_t n = r.ok ? hash_load64(length.p) : 0;
        sum = hash_bytes(rd_take(&r, n), hash_bytes(length, sum));
    }
    return r.ok ? sum : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *bytes = mem_zero(size + 8);
    if (size)
        memcpy(bytes, data, size);
    uint64_t sum = checksum((str){bytes, size});
    memcpy(bytes + size, &sum, 8);
    struct behavior *b = behavior_new(&(struct behavior_options){.entities = 64, .seed = 1});
    status st = behavior_read(b, (str){bytes, size + 8}, NULL);
    struct behavior_stats stats = behavior_stats(b);
    if ((st != ST_OK && stats.entities) || stats.entities > stats.entities_max)
        abort();
    behavior_free(b);
    mem_free(bytes);
    return 0;
}
