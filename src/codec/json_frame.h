/* SPDX-License-Identifier: Apache-2.0 */
/* json_frame.h - where one JSON value ends in a stream that comes in pieces.
 *
 * For input that is not one value a line: pretty-printed, one after the other,
 * or one huge array.  The frame only counts brackets and quotes; whether a
 * value is good JSON is json_scan's to say.  Text that is no JSON comes out as
 * "values" too, cut at white space, to be refused one by one.
 *
 * All-zero is a valid new frame.  One thread at a time. */
#ifndef CODEC_JSON_FRAME_H
#define CODEC_JSON_FRAME_H

#include "base/str.h"

struct json_frame {
    bool unwrap;    /* set it to take the elements of top-level arrays as the values */
    bool open;      /* inside a value */
    bool scalar;    /* private: ... that began with no bracket and no quote */
    bool in_string; /* private */
    uint32_t depth; /* private: brackets open in the value */
    size_t at;      /* private: bytes of the value already looked at */
};

/* `buffer` holds the stream from where the last call left it: what *used said
 * was dropped, what was not is still there (perhaps moved), more may follow it.
 * `last`: nothing will ever follow.
 * True: *value is the next whole value, inside `buffer`.  False: more bytes
 * are needed, or with `last` there is no more value than an unfinished one
 * (frame->open).  Either way drop *used bytes before the next call; each byte
 * is looked at once.  To give up on a value that is too long: clear the frame
 * (keep `unwrap`) and drop what is wanted. */
bool json_frame_next(struct json_frame *frame, str buffer, bool last, str *value, size_t *used);

#endif
