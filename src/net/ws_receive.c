/* SPDX-License-Identifier: Apache-2.0 */
/* wslay takes frames apart and unmasks them; which frames may follow which, and what a message
 * is, is here (RFC 6455, section 5).
 *
 * wslay's own message layer is not used: it allocates for every empty fragment, queues an answer to
 * every ping without limit, and knows no compression. */
#include "net/ws_int.h"

#include "base/mem.h"
#include "codec/flate.h"
#include "codec/utf.h"

#include <assert.h>
#include <wslay/wslay.h>

enum { DEFLATE_SLACK = 64 }; /* what compression may add to a message as long as allowed */

struct ws_receiver {
    wslay_frame_context_ptr frames;
    struct ws_receive receive;
    size_t message_bytes;
    bool deflate, stopped;

    str in;           /* of the feed under way: not yet taken by wslay */
    bool in_frame;    /* some of a frame's payload has come */
    bool in_message;  /* a first frame came, the final one did not */
    bool compressed;  /* the message is */
    uint64_t got;     /* payload bytes of this frame */
    struct sbuf text; /* of the message so far, as sent */
    size_t control_n;
    char control[WS_CONTROL_MAX];
};

static ssize_t give(uint8_t *to, size_t room, int flags, void *user)
{
    struct ws_receiver *r = user;
    (void)flags;
    str piece = str_head(r->in, room);
    r->in = str_from(r->in, piece.n);
    if (piece.n)
        memcpy(to, piece.p, piece.n);
    return (ssize_t)piece.n; /* 0: come again when there is more */
}

struct ws_receiver *ws_receiver_new(size_t message_bytes, bool deflate,
                                    const struct ws_receive *receive)
{
    static const struct wslay_frame_callbacks callbacks = {.recv_callback = give};
    struct ws_receiver *r = mem_new(struct ws_receiver);
    r->receive = *receive;
    r->message_bytes = message_bytes;
    r->deflate = deflate;
    sbuf_init(&r->text, message_bytes + (deflate ? DEFLATE_SLACK : 0));
    int rc = wslay_frame_context_init(&r->frames, &callbacks, r);
    assert(rc == 0); /* or there was no memory */
    (void)rc;
    return r;
}

void ws_receiver_free(struct ws_receiver *r)
{
    if (!r)
        return;
    wslay_frame_context_free(r->frames);
    sbuf_done(&r->text);
    mem_free(r);
}

void ws_receiver_stop(struct ws_receiver *r)
{
    r->stopped = true;
}

/* May this frame stand here?  0 or the code to close with. */
static int judge_frame(const struct ws_receiver *r, const struct wslay_frame_iocb *f)
{
    bool first = f->opcode == WS_TEXT || f->opcode == WS_BINARY;
    uint8_t allowed = r->deflate && first ? WSLAY_RSV1_BIT : WSLAY_RSV_NONE;
    if (!f->mask || (f->rsv & ~allowed))
        return WS_PROTOCOL_ERROR;
    switch (f->opcode) {
    case WS_CLOSE:
    case WS_PING:
    case WS_PONG:
        return 0; /* length and FIN: wslay */
    case WS_TEXT:
    case WS_CONTINUATION:
        break;
    case WS_BINARY:
        return r->in_message ? WS_PROTOCOL_ERROR : WS_UNSUPPORTED;
    default:
        return WS_PROTOCOL_ERROR;
    }
    if (first == r->in_message)
        return WS_PROTOCOL_ERROR;
    return f->payload_length > r->text.cap - r->text.n ? WS_TOO_LONG : 0;
}

static int begin_frame(struct ws_receiver *r, const struct wslay_frame_iocb *f)
{
    int code = judge_frame(r, f);
    if (code)
        return code;
    r->got = 0;
    if (wslay_is_ctrl_frame(f->opcode)) {
        r->control_n = 0;
    } else {
        if (f->opcode == WS_TEXT)
            r->compressed = f->rsv != 0;
        r->in_message = true;
    }
    return 0;
}

static int end_compressed(struct ws_receiver *r)
{
    struct sbuf plain;
    int code = 0;
    sbuf_init(&plain, r->message_bytes);
    status st = unflate_message(sbuf_str(&r->text), &plain, NULL);
    if (st != ST_OK)
        code = st == ST_LIMIT ? WS_TOO_LONG : WS_BAD_DATA;
    else if (!utf8_valid(sbuf_str(&plain)))
        code = WS_BAD_DATA;
    else
        r->receive.message(r->receive.arg, sbuf_str(&plain));
    sbuf_done(&plain);
    return code;
}

/* The memory goes back: an idle client holds none. */
static int end_message(struct ws_receiver *r)
{
    int code = 0;
    r->in_message = false;
    if (r->compressed)
        code = end_compressed(r);
    else if (r->text.n > r->message_bytes)
        code = WS_TOO_LONG;
    else if (!utf8_valid(sbuf_str(&r->text)))
        code = WS_BAD_DATA;
    else
        r->receive.message(r->receive.arg, sbuf_str(&r->text));
    sbuf_done(&r->text);
    return code;
}

/* Sections 7.4.1 and 7.4.2, and IANA's registry for 1012 to 1014. */
static bool close_code_ok(int code)
{
    return (code >= 1000 && code <= 1014 && code != 1004 && code != WS_NO_STATUS &&
            code != WS_ABNORMAL) ||
           (code >= 3000 && code <= 4999);
}

static int end_close(struct ws_receiver *r)
{
    str reason = str_from((str){r->control, r->control_n}, 2);
    int code = WS_NO_STATUS;
    if (r->control_n == 1)
        return WS_PROTOCOL_ERROR;
    if (r->control_n)
        code = (unsigned char)r->control[0] << 8 | (unsigned char)r->control[1];
    if (r->control_n && !close_code_ok(code))
        return WS_PROTOCOL_ERROR;
    if (!utf8_valid(reason))
        return WS_BAD_DATA;
    r->stopped = true;
    r->receive.close(r->receive.arg, code, reason);
    return 0;
}

static int end_frame(struct ws_receiver *r, const struct wslay_frame_iocb *f)
{
    str control = {r->control, r->control_n};
    switch (f->opcode) {
    case WS_CLOSE:
        return end_close(r);
    case WS_PING:
        r->receive.ping(r->receive.arg, control);
        return 0;
    case WS_PONG:
        r->receive.pong(r->receive.arg, control);
        return 0;
    default:
        return f->fin ? end_message(r) : 0;
    }
}

/* A piece of a frame: its first, its last, or both. */
static int take_piece(struct ws_receiver *r, const struct wslay_frame_iocb *f)
{
    int code = r->in_frame ? 0 : begin_frame(r, f);
    if (code)
        return code;
    str piece = {(const char *)f->data, f->data_length};
    if (!wslay_is_ctrl_frame(f->opcode)) {
        sbuf_add(&r->text, piece);
        assert(!r->text.full);
    } else if (piece.n) {
        assert(r->control_n + piece.n <= WS_CONTROL_MAX);
        memcpy(r->control + r->control_n, piece.p, piece.n);
        r->control_n += piece.n;
    }
    r->got += piece.n;
    r->in_frame = r->got < f->payload_length;
    return r->in_frame ? 0 : end_frame(r, f);
}

int ws_receiver_feed(struct ws_receiver *r, str bytes)
{
    int code = 0;
    r->in = bytes;
    while (!r->stopped && code == 0) {
        struct wslay_frame_iocb f = {0};
        ssize_t n = wslay_frame_recv(r->frames, &f);
        if (n == WSLAY_ERR_WANT_READ)
            break;
        code = n < 0 ? WS_PROTOCOL_ERROR : take_piece(r, &f);
    }
    r->stopped |= code != 0;
    r->in = (str){NULL, 0};
    return code;
}
