/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/flate.h"

#include <assert.h>
#include <zlib.h>

enum { STEP = 4096, TAIL = 4, BETWEEN_BLOCKS = 128 };

/* The smallest window that sees the whole message: zlib's memory, which has to be touched for
 * every message anew, grows with it (268 kB for 15 bits, 36 kB for 12). */
static int window_for(size_t n)
{
    int bits = 9;
    while (bits < 15 && (size_t)1 << bits < n)
        bits++;
    return bits;
}

void flate_message(str in, struct sbuf *out)
{
    z_stream z = {0};
    int bits = window_for(in.n);
    int rc = deflateInit2(&z, 6, Z_DEFLATED, -bits, bits > 12 ? 8 : 5, Z_DEFAULT_STRATEGY);
    assert(rc == Z_OK && in.n <= UINT32_MAX / 2);
    size_t room = deflateBound(&z, (uLong)in.n) + 64; /* and the flush */
    char *to = sbuf_space(out, room);
    if (to) {
        z.next_in = (Bytef *)(uintptr_t)in.p;
        z.avail_in = (uInt)in.n;
        z.next_out = (Bytef *)to;
        z.avail_out = (uInt)room;
        rc = deflate(&z, Z_SYNC_FLUSH);
        assert(rc == Z_OK && z.avail_in == 0 && z.avail_out > 0);
        sbuf_grew(out, room - z.avail_out - TAIL);
    }
    (void)deflateEnd(&z); /* says that there could have been more */
}

/* Inflate z's input onto `out`; Z_BUF_ERROR (nothing more to read) is the good end.  *between: nothing is
 * under way there, it is between two blocks.  A message may be made of several streams (RFC 7692,
 * section 7.2.3.4). */
static int inflate_onto(z_stream *z, struct sbuf *out, bool *between)
{
    int rc = Z_OK;
    while (rc == Z_OK || rc == Z_STREAM_END) {
        size_t left = out->cap - out->n, room = left < STEP ? left : STEP;
        unsigned char beyond; /* is there more than fits? */
        char *to = room ? sbuf_space(out, room) : (char *)&beyond;
        z->next_out = (Bytef *)to;
        z->avail_out = room ? (uInt)room : 1;
        rc = inflate(z, Z_SYNC_FLUSH);
        if (!room && z->avail_out == 0)
            return Z_MEM_ERROR;
        if (room)
            sbuf_grew(out, room - z->avail_out);
        if (rc != Z_BUF_ERROR) /* which does away with what zlib knew */
            *between = (z->data_type & BETWEEN_BLOCKS) != 0;
        if (rc == Z_STREAM_END)
            (void)inflateReset(z); /* it was good */
    }
    return rc;
}

status unflate_message(str in, struct sbuf *out, struct error *err)
{
    static const unsigned char tail[TAIL] = {0, 0, 0xff, 0xff};
    z_stream z = {0};
    bool between = false;
    int rc = inflateInit2(&z, -15);
    assert(rc == Z_OK && in.n <= UINT32_MAX && !out->full);
    z.next_in = (Bytef *)(uintptr_t)in.p;
    z.avail_in = (uInt)in.n;
    rc = in.n ? inflate_onto(&z, out, &between) : Z_BUF_ERROR;
    if (rc == Z_BUF_ERROR && z.avail_in == 0) {
        z.next_in = (Bytef *)(uintptr_t)tail;
        z.avail_in = TAIL;
        rc = inflate_onto(&z, out, &between);
    }
    bool whole = rc == Z_BUF_ERROR && z.avail_in == 0 && between;
    (void)inflateEnd(&z);
    if (rc == Z_MEM_ERROR)
        return fail(err, ST_LIMIT, "the message is longer than %zu bytes", out->cap);
    return whole ? ST_OK : fail(err, ST_INVALID, "the message's compressed data is corrupt");
}
