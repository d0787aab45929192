/* SPDX-License-Identifier: Apache-2.0 */
/* syslog_frame.h - syslog messages out of a stream of bytes (RFC 6587, RFC 5425).
 *
 *     131 <34>1 2003-10-11T22:14:15.003Z …      octet counting: so many bytes follow the blank
 *     <34>Oct 11 22:14:15 mymachine su: …\n     non-transparent framing: up to a line feed (or NUL)
 *
 * Each message is told by its first byte, so that both may come over one connection.  What is
 * longer than the limit is cut there.  One thread at a time. */
#ifndef INGEST_SYSLOG_FRAME_H
#define INGEST_SYSLOG_FRAME_H

#include "base/sbuf.h"

enum syslog_place { SYSLOG_BETWEEN, SYSLOG_COUNT, SYSLOG_COUNTED, SYSLOG_LINE };

struct syslog_framer {
    enum syslog_place place;
    size_t message_max;
    size_t left;         /* SYSLOG_COUNT: the number so far; SYSLOG_COUNTED: bytes to come */
    bool cut;            /* the message under way is longer than message_max */
    bool handed;         /* `partial` was handed out: empty it before the next */
    struct sbuf partial; /* owned; what came of the message before */
};

void syslog_framer_init(struct syslog_framer *f, size_t message_max);
void syslog_framer_done(struct syslog_framer *f); /* safe when zeroed */

/* Take from the front of *in up to the end of a message: *message, without its frame, lives until
 * the next call or as long as the bytes of `in`.  False: *in was taken, none is complete. */
bool syslog_framer_next(struct syslog_framer *f, str *in, str *message, bool *cut);
/* Nothing will follow: what is there of a message.  False: nothing. */
bool syslog_framer_end(struct syslog_framer *f, str *message, bool *cut);

#endif
