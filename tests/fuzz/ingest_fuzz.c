/* SPDX-License-Identifier: Apache-2.0 */
/* Any file, cut in batches of any size, gives the same text and the same number of rejects; with
 * a small record limit no batch is larger than that, and nothing comes out that did not go in. */
#include "base/sbuf.h"
#include "ingest/ingest.h"

#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char path[32];
static int file = -1;

static void write_file(const uint8_t *data, size_t size)
{
    if (file < 0)
        file = memfd_create("input", MFD_CLOEXEC);
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    if (ftruncate(file, 0) != 0 || pwrite(file, data, size, 0) != (ssize_t)size)
        abort();
}

struct taken {
    struct sbuf bytes;
    uint64_t rejected;
    size_t problems;
};

static struct taken take(const struct ingest_options *options)
{
    const char *paths[] = {path};
    struct taken t = {0};
    struct ingest *in;
    sbuf_init(&t.bytes, SIZE_MAX);
    if (ingest_open(paths, 1, options, &in, NULL) != ST_OK)
        abort();
    struct batch b;
    batch_init(&b, 1 << 20);
    const struct parse_stream *stream;
    while (ingest_next(in, &b, &stream)) {
        if (b.n == 0 && b.read == 0)
            abort();
        if (b.n > options->limits.record_bytes + 128 && b.n > options->batch_bytes + 128)
            abort();
        sbuf_add(&t.bytes, (str){b.bytes, b.n});
        t.rejected += b.rejected;
    }
    t.problems = ingest_problem_count(in);
    batch_done(&b);
    ingest_close(in);
    return t;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3)
        return 0;
    struct ingest_options options = {
        .limits = {.record_bytes = 1 << 20, .depth = 64, .fields = 4096},
        .forced = data[0] % 4 != 0,
        .format = data[0] % PARSE_FORMAT_COUNT,
        .batch_bytes = 1 << 20,
    };
    write_file(data + 3, size - 3);
    struct taken whole = take(&options);
    options.batch_bytes = 1 + data[1];
    struct taken pieces = take(&options);
    if (!str_eq(sbuf_str(&whole.bytes), sbuf_str(&pieces.bytes)) && !whole.problems)
        abort();
    if (whole.rejected != pieces.rejected)
        abort();
    options.limits.record_bytes = 1 + data[2];
    struct taken some = take(&options);
    if (some.bytes.n > whole.bytes.n && !whole.problems)
        abort();
    sbuf_done(&whole.bytes);
    sbuf_done(&pieces.bytes);
    sbuf_done(&some.bytes);
    return 0;
}
