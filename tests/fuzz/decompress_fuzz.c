/* SPDX-License-Identifier: Apache-2.0 */
/* However the input is cut, the outcome and the bytes are the same as when it
 * is given all together. */
#include "base/sbuf.h"
#include "codec/decompress.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST = 1 << 18 };

static status in_pieces(str in, size_t piece, struct sbuf *out)
{
    struct decompress *d = decompress_open(decompress_kind_of(in));
    status st = ST_OK;
    char block[500];
    for (bool more = true; more && st == ST_OK;) {
        str part = str_head(in, piece);
        size_t given = part.n, n = 0;
        bool last = given == in.n;
        st = decompress_run(d, &part, last, block, sizeof block, &n, NULL);
        in = str_from(in, given - part.n);
        sbuf_add(out, (str){block, st == ST_OK ? n : 0});
        more = !last || in.n || n == sizeof block;
        if (out->full)
            st = ST_LIMIT;
    }
    decompress_close(d);
    return st;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    str in = {(const char *)data, size};
    struct sbuf whole, pieces;
    sbuf_init(&whole, MOST);
    sbuf_init(&pieces, MOST);
    status a = decompress_all(in, &whole, NULL), b = in_pieces(in, size % 7 + 1, &pieces);
    assert((a == ST_OK) == (b == ST_OK));
    assert(a != ST_OK || str_eq(sbuf_str(&whole), sbuf_str(&pieces)));
    sbuf_done(&whole);
    sbuf_done(&pieces);
    return 0;
}
