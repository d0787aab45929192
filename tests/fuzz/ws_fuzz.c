/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes a client may send after the handshake: no message is longer than allowed or not UTF-8, no
 * ping too long, no close with a code that may not be sent, nothing comes after a close; and it makes
 * no difference how the bytes are cut.  The first byte says whether compression was agreed on and
 * how to cut. */
#include "base/sbuf.h"
#include "codec/utf.h"
#include "net/ws_int.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MESSAGE_MAX = 5000 };

struct outcome {
    struct sbuf log; /* everything that was delivered */
    bool over;
    int code;
};

static void note(struct outcome *o, char kind, str text)
{
    assert(!o->over);
    sbuf_addf(&o->log, "%c%zu:", kind, text.n);
    sbuf_add(&o->log, text);
}

static void on_message(void *arg, str text)
{
    assert(text.n <= MESSAGE_MAX && utf8_valid(text));
    note(arg, 'm', text);
}

static void on_ping(void *arg, str payload)
{
    assert(payload.n <= WS_CONTROL_MAX);
    note(arg, 'i', payload);
}

static void on_pong(void *arg, str payload)
{
    assert(payload.n <= WS_CONTROL_MAX);
    note(arg, 'o', payload);
}

static void on_close(void *arg, int code, str reason)
{
    struct outcome *o = arg;
    assert(code >= 1000 && code < 5000 && code != WS_ABNORMAL && reason.n <= WS_REASON_MAX);
    assert(utf8_valid(reason));
    note(o, 'c', reason);
    o->over = true;
}

static void feed(struct outcome *o, str in, bool deflate, size_t piece)
{
    const struct ws_receive to = {on_message, on_ping, on_pong, on_close, o};
    struct ws_receiver *r = ws_receiver_new(MESSAGE_MAX, deflate, &to);
    *o = (struct outcome){0};
    sbuf_init(&o->log, SIZE_MAX / 4);
    while (in.n && !o->code) {
        o->code = ws_receiver_feed(r, str_head(in, piece));
        in = str_from(in, piece);
    }
    assert(ws_receiver_feed(r, in) == 0 || !o->over);
    ws_receiver_free(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    str in = {(const char *)data + 1, size - 1};
    struct outcome whole, pieces;
    feed(&whole, in, data[0] & 1, SIZE_MAX);
    feed(&pieces, in, data[0] & 1, (size_t)(data[0] >> 1) % 9 + 1);
    assert(whole.code == pieces.code && whole.over == pieces.over);
    assert(str_eq(sbuf_str(&whole.log), sbuf_str(&pieces.log)));
    sbuf_done(&whole.log);
    sbuf_done(&pieces.log);
    return 0;
}
