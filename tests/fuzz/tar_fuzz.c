/* SPDX-License-Identifier: Apache-2.0 */
/* The files of any archive lie inside it, one after the other, and reading ends. */
#include "codec/tar.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tar t;
    struct tar_entry e;
    str archive = {(const char *)data, size};
    const char *from = archive.p;
    tar_init(&t, archive);
    while (tar_next(&t, &e, NULL) == ST_OK) {
        assert(e.name.n < TAR_NAME_MAX && strlen(e.name.p) == e.name.n);
        assert(e.bytes.p >= from + 512 && e.bytes.p + e.bytes.n <= archive.p + size);
        from = e.bytes.p + e.bytes.n;
    }
    return 0;
}
