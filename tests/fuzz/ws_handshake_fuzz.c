/* SPDX-License-Identifier: Apache-2.0 */
/* The header values of a WebSocket handshake: reading them ends and stays inside; an offer of compression is
 * still one when another that nobody understands is put before it or behind it. */
#include "base/sbuf.h"
#include "net/ws_int.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    str in = {(const char *)data, size};
    struct sbuf more;
    char accept[WS_ACCEPT_SIZE];
    sbuf_init(&more, size + 100);
    sbuf_addz(&more, "x-unknown; a=\"1\",");
    sbuf_add(&more, in);
    sbuf_addz(&more, ", y");
    assert(ws_offers_deflate(in) == ws_offers_deflate(sbuf_str(&more)));
    sbuf_done(&more);
    (void)ws_list_has(in, STR("upgrade"));
    if (ws_key_ok(in))
        ws_accept(in, accept);
    return 0;
}
