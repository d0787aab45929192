/* SPDX-License-Identifier: Apache-2.0 */
/* Each library is one row of `kinds`.  A step takes what input it can and
 * fills what output it can; it says `whole` when the text may end there. */
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "codec/decompress.h"

#include "base/mem.h"

#include <assert.h>

enum { STEP_MAX = 1 << 30 }; /* zlib counts in 32 bits */

struct decompress {
    const struct kind *kind;
    size_t window_max;
    bool whole; /* between members, streams or frames */
    union {
        z_stream gzip;
        lzma_stream xz;
        ZSTD_DCtx *zstd;
    };
};

/* Where a step reads and writes. */
struct window {
    const char *in;
    size_t in_left;
    char *out;
    size_t out_left;
    bool last; /* no input follows */
};

struct kind {
    const char *name;
    str magic;
    void (*open)(struct decompress *d);
    status (*step)(struct decompress *d, struct window *w, struct error *err);
    void (*close)(struct decompress *d);
};

static status corrupt(struct error *err, const char *name, const char *why)
{
    return fail(err, ST_INVALID, "the %s data is corrupt: %s", name, why);
}

static void *zlib_alloc(void *opaque, unsigned items, unsigned size)
{
    (void)opaque;
    return mem_array(char, size_mul(items, size));
}

static void *lzma_alloc(void *opaque, size_t items, size_t size)
{
    (void)opaque;
    return mem_array(char, size_mul(items, size));
}

static void any_free(void *opaque, void *p)
{
    (void)opaque;
    mem_free(p);
}

static void copy_open(struct decompress *d)
{
    d->whole = true;
}

static status copy_step(struct decompress *d, struct window *w, struct error *err)
{
    (void)d;
    (void)err;
    size_t n = w->in_left < w->out_left ? w->in_left : w->out_left;
    if (n)
        memcpy(w->out, w->in, n);
    w->in += n;
    w->in_left -= n;
    w->out += n;
    w->out_left -= n;
    return ST_OK;
}

static void copy_close(struct decompress *d)
{
    (void)d;
}

static void gzip_open(struct decompress *d)
{
    d->gzip = (z_stream){.zalloc = zlib_alloc, .zfree = any_free};
    int rc = inflateInit2(&d->gzip, 15 + 16); /* 16: gzip only */
    assert(rc == Z_OK);
}

static void zlib_open(struct decompress *d)
{
    d->gzip = (z_stream){.zalloc = zlib_alloc, .zfree = any_free};
    int rc = inflateInit2(&d->gzip, 15);
    assert(rc == Z_OK);
}

/* Another member may follow, or zeros, with which tapes are filled up. */
static status gzip_between(struct decompress *d, struct window *w)
{
    while (w->in_left && *w->in == '\0') {
        w->in++;
        w->in_left--;
    }
    if (w->in_left) {
        inflateReset(&d->gzip);
        d->whole = false;
    }
    return ST_OK;
}

static status gzip_step(struct decompress *d, struct window *w, struct error *err)
{
    if (d->whole)
        return gzip_between(d, w);
    z_stream *z = &d->gzip;
    uInt in = (uInt)(w->in_left < STEP_MAX ? w->in_left : STEP_MAX);
    uInt out = (uInt)(w->out_left < STEP_MAX ? w->out_left : STEP_MAX);
    z->next_in = (z_const Bytef *)(uintptr_t)w->in;
    z->avail_in = in;
    z->next_out = (Bytef *)w->out;
    z->avail_out = out;
    int rc = inflate(z, Z_NO_FLUSH);
    w->in += in - z->avail_in;
    w->in_left -= in - z->avail_in;
    w->out += out - z->avail_out;
    w->out_left -= out - z->avail_out;
    if (rc == Z_STREAM_END)
        d->whole = true;
    else if (rc != Z_OK && rc != Z_BUF_ERROR)
        return corrupt(err, d->kind->name, z->msg ? z->msg : "no dictionary");
    return ST_OK;
}

static void gzip_close(struct decompress *d)
{
    inflateEnd(&d->gzip);
}

static void xz_open(struct decompress *d)
{
    static const lzma_allocator allocator = {.alloc = lzma_alloc, .free = any_free};
    d->xz = (lzma_stream)LZMA_STREAM_INIT;
    d->xz.allocator = &allocator;
    lzma_ret rc = lzma_stream_decoder(&d->xz, d->window_max, LZMA_CONCATENATED);
    assert(rc == LZMA_OK);
}

static status xz_step(struct decompress *d, struct window *w, struct error *err)
{
    lzma_stream *z = &d->xz;
    if (d->whole)
        return w->in_left ? corrupt(err, "xz", "something follows its end") : ST_OK;
    z->next_in = (const uint8_t *)w->in;
    z->avail_in = w->in_left;
    z->next_out = (uint8_t *)w->out;
    z->avail_out = w->out_left;
    lzma_ret rc = lzma_code(z, w->last ? LZMA_FINISH : LZMA_RUN);
    w->in += w->in_left - z->avail_in;
    w->in_left = z->avail_in;
    w->out += w->out_left - z->avail_out;
    w->out_left = z->avail_out;
    if (rc == LZMA_STREAM_END)
        d->whole = true;
    else if (rc == LZMA_MEMLIMIT_ERROR)
        return fail(err, ST_LIMIT, "the xz data needs more than %zu MiB of memory",
                    d->window_max >> 20);
    else if (rc != LZMA_OK && rc != LZMA_BUF_ERROR)
        return corrupt(err, "xz",
                       rc == LZMA_OPTIONS_ERROR  ? "an unknown option"
                       : rc == LZMA_FORMAT_ERROR ? "no header where one belongs"
                                                 : "its check fails");
    return ST_OK;
}

static void xz_close(struct decompress *d)
{
    lzma_end(&d->xz);
}

static void zstd_open(struct decompress *d)
{
    d->zstd = ZSTD_createDCtx();
    assert(d->zstd);
    size_t rc = ZSTD_DCtx_setParameter(d->zstd, ZSTD_d_windowLogMax, __builtin_ctzl(d->window_max));
    assert(!ZSTD_isError(rc));
}

static status zstd_step(struct decompress *d, struct window *w, struct error *err)
{
    if (d->whole && w->in_left == 0)
        return ST_OK; /* asked for more it would begin a frame */
    ZSTD_inBuffer in = {w->in, w->in_left, 0};
    ZSTD_outBuffer out = {w->out, w->out_left, 0};
    size_t rc = ZSTD_decompressStream(d->zstd, &out, &in);
    w->in += in.pos;
    w->in_left -= in.pos;
    w->out += out.pos;
    w->out_left -= out.pos;
    if (!ZSTD_isError(rc)) {
        d->whole = rc == 0;
        return ST_OK;
    }
    if (ZSTD_getErrorCode(rc) == ZSTD_error_frameParameter_windowTooLarge)
        return fail(err, ST_LIMIT, "the zstd data needs more than %zu MiB of memory",
                    d->window_max >> 20);
    return corrupt(err, "zstd", ZSTD_getErrorName(rc));
}

static void zstd_close(struct decompress *d)
{
    ZSTD_freeDCtx(d->zstd);
}

/* clang-format off */
static const struct kind kinds[] = {
    [DECOMPRESS_NONE] = {"plain", {"", 0}, copy_open, copy_step, copy_close},
    [DECOMPRESS_GZIP] = {"gzip", {"\x1f\x8b", 2}, gzip_open, gzip_step, gzip_close},
    [DECOMPRESS_XZ] = {"xz", {"\xfd" "7zXZ\0", 6}, xz_open, xz_step, xz_close},
    [DECOMPRESS_ZSTD] = {"zstd", {"\x28\xb5\x2f\xfd", 4}, zstd_open, zstd_step, zstd_close},
    [DECOMPRESS_ZLIB] = {"zlib", {"", 0}, zlib_open, gzip_step, gzip_close},
};
/* clang-format on */

enum decompress_kind decompress_kind_of(str head)
{
    for (size_t i = COUNT(kinds) - 1; i > 0; i--)
        if (kinds[i].magic.n && str_starts(head, kinds[i].magic))
            return (enum decompress_kind)i;
    return DECOMPRESS_NONE;
}

const char *decompress_kind_name(enum decompress_kind kind)
{
    return kinds[kind].name;
}

struct decompress *decompress_open(enum decompress_kind kind)
{
    return decompress_open_within(kind, DECOMPRESS_WINDOW_MAX);
}

struct decompress *decompress_open_within(enum decompress_kind kind, size_t window_max)
{
    struct decompress *d = mem_new(struct decompress);
    d->kind = &kinds[kind];
    d->window_max = window_max;
    d->kind->open(d);
    return d;
}

void decompress_close(struct decompress *d)
{
    if (!d)
        return;
    d->kind->close(d);
    mem_free(d);
}

status decompress_run(struct decompress *d, str *in, bool last, char *out, size_t room, size_t *n,
                      struct error *err)
{
    assert(room > 0);
    struct window w = {in->p, in->n, out, room, last};
    for (;;) {
        size_t in_left = w.in_left, out_left = w.out_left;
        bool whole = d->whole;
        status st = d->kind->step(d, &w, err);
        bool stuck = in_left == w.in_left && out_left == w.out_left && whole == d->whole;
        if (st == ST_OK && stuck && last && w.out_left && !d->whole)
            st = fail(err, ST_INVALID, "the %s data is cut short", d->kind->name);
        *in = (str){w.in, w.in_left};
        *n = room - w.out_left;
        if (st != ST_OK || stuck || w.out_left == 0)
            return st;
    }
}

/* One block more onto `out`; *more: there is something left to do. */
static status run_block(struct decompress *d, str *in, struct sbuf *out, bool *more,
                        struct error *err)
{
    enum { BLOCK = 64 * 1024 };
    char beyond = 0;
    size_t left = out->full ? 0 : out->cap - out->n, n = 0;
    size_t room = left == 0 ? 1 : left < BLOCK ? left : BLOCK;
    char *p = left ? sbuf_space(out, room) : &beyond;
    status st = decompress_run(d, in, true, p, room, &n, err);
    if (st != ST_OK)
        return st;
    if (n && !left)
        return fail(err, ST_LIMIT, "more than %zu bytes when decompressed", out->cap);
    if (n)
        sbuf_grew(out, n);
    *more = in->n || n == room;
    return ST_OK;
}

status decompress_all(str in, struct sbuf *out, struct error *err)
{
    struct decompress *d = decompress_open(decompress_kind_of(in));
    status st = ST_OK;
    for (bool more = true; more && st == ST_OK;)
        st = run_block(d, &in, out, &more, err);
    decompress_close(d);
    return st;
}
