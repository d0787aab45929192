/* SPDX-License-Identifier: Apache-2.0 */
/* codec_int.h - for files in codec/ and their tests only. */
#ifndef CODEC_CODEC_INT_H
#define CODEC_CODEC_INT_H

#include "base/str.h"

/* From inside a JSON string, `p` up to `end`: the place of its closing quote.
 * *escaped is set when there is a backslash.  On failure NULL, with the place
 * and the words.  json_string_end is the fast one, json_string_end_plain the
 * plain loop that defines it. */
struct json_fault {
    const char *at, *problem;
};
const char *json_string_end(const char *p, const char *end, bool *escaped,
                            struct json_fault *fault);
const char *json_string_end_plain(const char *p, const char *end, bool *escaped,
                                  struct json_fault *fault);

#endif
