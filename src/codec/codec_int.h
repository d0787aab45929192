/* SPDX-License-Identifier: Apache-2.0 */
/* codec_int.h - for files in codec/ and their tests only. */
#ifndef CODEC_CODEC_INT_H
#define CODEC_CODEC_INT_H

#include "base/str.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

struct json_fault {
    const char *at, *problem;
};

/* From inside a JSON string, `p` up to `end`: the place of its closing quote.
 * Sets *escaped when there is a backslash.  NULL when the string is bad, with
 * the place and the words in *fault.  The plain loop is what defines it; the
 * other two answer the same. */
const char *json_string_end(const char *p, const char *end, bool *escaped,
                            struct json_fault *fault);
const char *json_string_end_plain(const char *p, const char *end, bool *escaped,
                                  struct json_fault *fault);
#ifdef __SSE2__
const char *json_string_end_sse2(const char *p, const char *end, bool *escaped,
                                 struct json_fault *fault);

/* Bit i: byte i of the 16 at `p` is a quote, a backslash or a control. */
static inline unsigned json_special16(const char *p)
{
    __m128i x = _mm_loadu_si128((const __m128i *)(const void *)p);
    __m128i quote = _mm_cmpeq_epi8(x, _mm_set1_epi8('"'));
    __m128i slash = _mm_cmpeq_epi8(x, _mm_set1_epi8('\\'));
    __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(x, _mm_set1_epi8(0x1f)), x);
    return (unsigned)_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quote, slash), control));
}
#endif

#endif
