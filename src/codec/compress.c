/* SPDX-License-Identifier: Apache-2.0 */
#include <zlib.h>

#include "codec/compress.h"

#include "base/mem.h"

#include <assert.h>

struct compress {
    z_stream z;
};

static void *take(void *opaque, unsigned items, unsigned size)
{
    (void)opaque;
    return mem_array(char, size_mul(items, size));
}

static void give(void *opaque, void *p)
{
    (void)opaque;
    mem_free(p);
}

struct compress *compress_new(int level)
{
    struct compress *c = mem_new(struct compress);
    c->z = (z_stream){.zalloc = take, .zfree = give};
    int rc = deflateInit2(&c->z, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY); /* 16: gzip */
    assert(rc == Z_OK);
    return c;
}

void compress_free(struct compress *c)
{
    if (!c)
        return;
    deflateEnd(&c->z);
    mem_free(c);
}

bool compress_gzip(struct compress *c, str in, struct sbuf *out)
{
    size_t bound = deflateBound(&c->z, in.n);
    char *to = in.n <= UINT32_MAX / 2 ? sbuf_space(out, bound) : NULL;
    if (!to) {
        out->full = false;
        return false;
    }
    c->z.next_in = (z_const Bytef *)(uintptr_t)in.p;
    c->z.avail_in = (uInt)in.n;
    c->z.next_out = (Bytef *)to;
    c->z.avail_out = (uInt)bound;
    int rc = deflate(&c->z, Z_FINISH);
    assert(rc == Z_STREAM_END);
    sbuf_grew(out, bound - c->z.avail_out);
    deflateReset(&c->z);
    return true;
}
