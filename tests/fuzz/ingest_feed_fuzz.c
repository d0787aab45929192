/* SPDX-License-Identifier: Apache-2.0 */
/* The same bytes, pushed in pieces of any size, give the same batches; and with pauses between the
 * pieces the same bytes where records are lines. */
#include "base/sbuf.h"
#include "ingest/feed.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct taken {
    struct sbuf bytes;
    struct sbuf cuts; /* length of each batch */
    uint64_t rejected;
    status failed;
};

static void take(struct taken *t, struct feed *f, enum feed_more more)
{
    struct batch b;
    batch_init(&b, 1 << 20);
    struct parse_stream stream;
    while (feed_next(f, more, &b, &stream)) {
        if (b.n == 0 && b.read == 0)
            abort();
        sbuf_add(&t->bytes, (str){b.bytes, b.n});
        sbuf_addf(&t->cuts, "%zu %llu\n", b.n, (unsigned long long)b.first_line);
        t->rejected += b.rejected;
    }
    batch_done(&b);
}

static struct taken run(const struct feed_options *options, str in, size_t piece, bool idle)
{
    static struct feed *f;
    struct taken t = {0};
    sbuf_init(&t.bytes, SIZE_MAX);
    sbuf_init(&t.cuts, SIZE_MAX);
    if (!f)
        f = feed_new();
    feed_begin(f, options);
    while (in.n) {
        size_t some = piece < in.n ? piece : in.n;
        size_t n = feed_push(f, str_head(in, some));
        if (n > some)
            abort();
        in = str_from(in, n);
        take(&t, f, idle && n == some ? FEED_IDLE : FEED_MORE);
    }
    take(&t, f, FEED_END);
    if (feed_held(f) != 0 && feed_is_plain(f))
        abort();
    t.failed = feed_failed(f, NULL);
    return t;
}

static void done(struct taken *t)
{
    sbuf_done(&t->bytes);
    sbuf_done(&t->cuts);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 4)
        return 0;
    struct feed_options options = {
        .limits = {.record_bytes = data[3] % 4 ? 1u << 20 : 1u + data[3],
                   .depth = 64,
                   .fields = 4096},
        .forced = data[0] % 4 != 0,
        .format = data[0] % PARSE_FORMAT_COUNT,
        .batch_bytes = 1 + data[1] * (size_t)(data[1] % 3 ? 1 : 300),
    };
    str in = {(const char *)data + 4, size - 4};
    struct taken whole = run(&options, in, SIZE_MAX, false);
    struct taken pieces = run(&options, in, 1 + data[2], false);
    if (whole.failed != pieces.failed)
        abort();
    /* How much comes out before the damage is the decompressor's affair. */
    if (whole.failed == ST_OK && (!str_eq(sbuf_str(&whole.cuts), sbuf_str(&pieces.cuts)) ||
                                  !str_eq(sbuf_str(&whole.bytes), sbuf_str(&pieces.bytes)) ||
                                  whole.rejected != pieces.rejected))
        abort();
    struct taken paused = run(&options, in, 1 + data[2], true);
    bool lines = options.forced && parse_framing_of(options.format) == FRAME_LINE;
    if (lines && data[3] % 4 && !str_eq(sbuf_str(&whole.bytes), sbuf_str(&paused.bytes)))
        abort();
    done(&whole);
    done(&pieces);
    done(&paused);
    return 0;
}
