/* SPDX-License-Identifier: Apache-2.0 */
/* The same bytes over a connection, however they are cut, are the same messages; none is empty or
 * longer than the limit. */
#include "ingest/syslog_frame.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void add(struct sbuf *out, str message, bool cut, size_t most)
{
    if (message.n == 0 || message.n > most)
        abort();
    sbuf_addf(out, "%zu %d ", message.n, cut);
    sbuf_add(out, message);
}

static struct sbuf run(str in, size_t piece, size_t most)
{
    struct sbuf out;
    sbuf_init(&out, SIZE_MAX);
    struct syslog_framer f;
    syslog_framer_init(&f, most);
    str message;
    bool cut;
    for (size_t at = 0; at < in.n; at += piece) {
        str some = str_head(str_from(in, at), piece);
        while (syslog_framer_next(&f, &some, &message, &cut))
            add(&out, message, cut, most);
        if (some.n)
            abort();
    }
    if (syslog_framer_end(&f, &message, &cut))
        add(&out, message, cut, most);
    syslog_framer_done(&f);
    return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3)
        return 0;
    str in = {(const char *)data + 2, size - 2};
    size_t most = 1 + data[1];
    struct sbuf whole = run(in, in.n, most), pieces = run(in, 1 + data[0], most);
    if (!str_eq(sbuf_str(&whole), sbuf_str(&pieces)))
        abort();
    sbuf_done(&whole);
    sbuf_done(&pieces);
    return 0;
}
