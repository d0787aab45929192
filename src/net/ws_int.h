/* SPDX-License-Identifier: Apache-2.0 */
/* ws_int.h - the parts of a WebSocket that need no socket. */
#ifndef NET_WS_INT_H
#define NET_WS_INT_H

#include "net/ws.h"

enum ws_code { /* RFC 6455, section 7.4.1 */
               WS_NORMAL = 1000,
               WS_GOING_AWAY = 1001,
               WS_PROTOCOL_ERROR = 1002,
               WS_UNSUPPORTED = 1003,
               WS_NO_STATUS = 1005, /* never sent */
               WS_ABNORMAL = 1006,  /* never sent */
               WS_BAD_DATA = 1007,
               WS_POLICY = 1008,
               WS_TOO_LONG = 1009,
               WS_TRY_LATER = 1013
};
enum ws_opcode {
    WS_CONTINUATION = 0x0,
    WS_TEXT = 0x1,
    WS_BINARY = 0x2,
    WS_CLOSE = 0x8,
    WS_PING = 0x9,
    WS_PONG = 0xa
};
enum { WS_CONTROL_MAX = 125, WS_REASON_MAX = 123 };

/* ---- the handshake (ws_handshake.c) ---- */

/* Is `token` in the comma-separated list, ASCII case ignored? */
bool ws_list_has(str list, str token);
/* A Sec-WebSocket-Key: 16 bytes in base64. */
bool ws_key_ok(str key);
enum { WS_ACCEPT_SIZE = 28 };
void ws_accept(str key, char out[static WS_ACCEPT_SIZE]);
/* Does a Sec-WebSocket-Extensions value offer permessage-deflate in a way that we can do: any window
 * of the client's, the full window and no context takeover for ours?  (RFC 7692, section 7.1) */
bool ws_offers_deflate(str extensions);

/* ---- frames out (ws_frame.c) ---- */

/* The bytes that go out, header and payload; `deflated`: compressed, when that is shorter (made at the
 * first asking).  Live as long as the frame. */
str ws_frame_wire(struct ws_frame *f, bool deflated);
/* Ping, pong or close with a payload of at most WS_CONTROL_MAX bytes. */
struct ws_frame *ws_frame_control(enum ws_opcode opcode, str payload);
/* A close frame; 0 or WS_NO_STATUS: without a code.  The reason is cut to WS_REASON_MAX bytes of whole
 * characters. */
struct ws_frame *ws_frame_close(int code, str reason);

/* ---- frames in (ws_receive.c) ---- */

/* What comes of the client's bytes.  A call may not free the receiver; ws_receiver_stop is allowed. */
struct ws_receive {
    void (*message)(void *arg, str text); /* UTF-8 */
    void (*ping)(void *arg, str payload);
    void (*pong)(void *arg, str payload);
    void (*close)(void *arg, int code,
                  str reason); /* WS_NO_STATUS: none was given; the last call */
    void *arg;
};
struct ws_receiver;
struct ws_receiver *ws_receiver_new(size_t message_bytes, bool deflate,
                                    const struct ws_receive *receive);
void ws_receiver_free(struct ws_receiver *r); /* NULL is fine */
/* Take the client's next bytes.  0, or the code to close with: what came was against the rules, and
 * nothing more is taken. */
int ws_receiver_feed(struct ws_receiver *r, str bytes);
/* Take nothing more. */
void ws_receiver_stop(struct ws_receiver *r);

#endif
