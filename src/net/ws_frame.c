/* SPDX-License-Identifier: Apache-2.0 */
/* Frames from a server are not masked (RFC 6455, section 5.1), so one encoding does for all clients:
 * one without compression, and one with, made when the first client that negotiated it is sent to. */
#include "net/ws_int.h"

#include "base/mem.h"
#include "codec/flate.h"
#include "codec/utf.h"

#include <assert.h>
#include <stdatomic.h>

enum { HEADER_MAX = 10, FIN = 0x80, RSV1 = 0x40, DEFLATE_LEAST = 128 };

struct wire {
    size_t n;
    char bytes[];
};

struct ws_frame {
    atomic_uint refs;
    _Atomic(struct wire *) deflated; /* NULL: not made yet; `plain`: it was no shorter */
    struct wire *plain;
    size_t head; /* bytes of plain before the text */
};

static size_t put_header(char out[static HEADER_MAX], unsigned first, size_t n)
{
    int more = n < 126 ? 0 : n <= UINT16_MAX ? 2 : 8;
    out[0] = (char)first;
    out[1] = (char)(more == 0 ? n : more == 2 ? 126 : 127);
    for (int i = 0; i < more; i++)
        out[2 + i] = (char)(n >> (8 * (more - 1 - i)));
    return 2 + (size_t)more;
}

static struct wire *wire_new(unsigned first, str payload, size_t *head)
{
    char header[HEADER_MAX];
    *head = put_header(header, first, payload.n);
    struct wire *w = mem_zero(size_add(sizeof *w + *head, payload.n));
    w->n = *head + payload.n;
    memcpy(w->bytes, header, *head);
    if (payload.n)
        memcpy(w->bytes + *head, payload.p, payload.n);
    return w;
}

static struct ws_frame *frame_new(enum ws_opcode opcode, str payload)
{
    struct ws_frame *f = mem_new(struct ws_frame);
    atomic_init(&f->refs, 1);
    f->plain = wire_new(FIN | opcode, payload, &f->head);
    atomic_init(&f->deflated, payload.n < DEFLATE_LEAST ? f->plain : NULL);
    return f;
}

struct ws_frame *ws_frame_new(str text)
{
    return frame_new(WS_TEXT, text);
}

struct ws_frame *ws_frame_control(enum ws_opcode opcode, str payload)
{
    assert(opcode >= WS_CLOSE && payload.n <= WS_CONTROL_MAX);
    return frame_new(opcode, payload);
}

struct ws_frame *ws_frame_close(int code, str reason)
{
    char payload[WS_CONTROL_MAX] = {(char)(code >> 8), (char)code};
    size_t n = 0, step;
    if (code == 0 || code == WS_NO_STATUS)
        return frame_new(WS_CLOSE, (str){NULL, 0});
    for (bool ok; n < reason.n; n += step) {
        step = 0;
        (void)utf8_next(str_from(reason, n), &step, &ok);
        if (!ok || n + step > WS_REASON_MAX)
            break;
    }
    if (n)
        memcpy(payload + 2, reason.p, n);
    return frame_new(WS_CLOSE, (str){payload, 2 + n});
}

struct ws_frame *ws_frame_ref(struct ws_frame *f)
{
    atomic_fetch_add_explicit(&f->refs, 1, memory_order_relaxed);
    return f;
}

void ws_frame_unref(struct ws_frame *f)
{
    if (!f || atomic_fetch_sub_explicit(&f->refs, 1, memory_order_acq_rel) != 1)
        return;
    struct wire *deflated = atomic_load_explicit(&f->deflated, memory_order_relaxed);
    if (deflated != f->plain)
        mem_free(deflated);
    mem_free(f->plain);
    mem_free(f);
}

str ws_frame_text(const struct ws_frame *f)
{
    return str_from((str){f->plain->bytes, f->plain->n}, f->head);
}

/* Two threads may both come here first; one's work is thrown away. */
static struct wire *deflate_frame(struct ws_frame *f)
{
    str text = ws_frame_text(f);
    struct sbuf out;
    size_t head;
    struct wire *mine = f->plain, *theirs = NULL;
    sbuf_init(&out, size_add(text.n, text.n) + 256); /* always enough */
    flate_message(text, &out);
    if (!out.full && out.n < text.n)
        mine = wire_new(FIN | RSV1 | WS_TEXT, sbuf_str(&out), &head);
    sbuf_done(&out);
    if (atomic_compare_exchange_strong_explicit(&f->deflated, &theirs, mine, memory_order_acq_rel,
                                                memory_order_acquire))
        return mine;
    if (mine != f->plain)
        mem_free(mine);
    return theirs;
}

str ws_frame_wire(struct ws_frame *f, bool deflated)
{
    struct wire *w = f->plain;
    if (deflated) {
        w = atomic_load_explicit(&f->deflated, memory_order_acquire);
        if (!w)
            w = deflate_frame(f);
    }
    return (str){w->bytes, w->n};
}
