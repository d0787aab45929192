/* SPDX-License-Identifier: Apache-2.0 */
/* Only quotes, backslashes and brackets matter.  With bit 5 set, [ \ ] become
 * { | }, three neighbours, so one comparison finds six characters (and a '|',
 * which is ignored). */
#include "codec/json_frame.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum { BLOCK = 16 };

static bool is_separator(const struct json_frame *f, char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t' ||
           (f->unwrap && (c == '[' || c == ']' || c == ','));
}

/* Bit i: byte i of the `n` (at most BLOCK) at `p` may matter. */
static uint32_t special_bits(const char *p, size_t n)
{
#ifdef __SSE2__
    if (n == BLOCK) {
        __m128i x = _mm_loadu_si128((const __m128i *)(const void *)p);
        __m128i y = _mm_sub_epi8(_mm_or_si128(x, _mm_set1_epi8(0x20)), _mm_set1_epi8('{'));
        __m128i bracket = _mm_cmpeq_epi8(_mm_min_epu8(y, _mm_set1_epi8(2)), y);
        return (uint32_t)_mm_movemask_epi8(
            _mm_or_si128(bracket, _mm_cmpeq_epi8(x, _mm_set1_epi8('"'))));
    }
#endif
    uint32_t bits = 0;
    for (size_t i = 0; i < n; i++)
        bits |= (uint32_t)(p[i] == '"' || ((p[i] | 0x20) >= '{' && (p[i] | 0x20) <= '}')) << i;
    return bits;
}

/* Take one special byte into account; true when the value ends with it. */
static inline bool step(struct json_frame *f, char c)
{
    if (c == '"') {
        f->in_string = !f->in_string;
        return !f->in_string && f->depth == 0;
    }
    if (f->in_string)
        return false;
    if (c == '{' || c == '[')
        f->depth++;
    return (c == '}' || c == ']') && --f->depth == 0;
}

/* Go on from frame->at; the length of the value, or 0 when it is unfinished. */
static size_t value_size(struct json_frame *f, str s)
{
    while (f->at < s.n) {
        size_t n = s.n - f->at < BLOCK ? s.n - f->at : BLOCK;
        const char *block = s.p + f->at;
        f->at += n;
        for (uint32_t bits = special_bits(block, n); bits; bits &= bits - 1) {
            unsigned i = (unsigned)__builtin_ctz(bits);
            if (block[i] == '\\' && f->in_string) {
                if (i + 1 >= n)
                    f->at++; /* what it escapes is in the next block, or to come */
                bits &= ~((bits & (0 - bits)) << 1);
            } else if (step(f, block[i])) {
                return (size_t)(block - s.p) + i + 1;
            }
        }
    }
    return 0;
}

static size_t scalar_size(struct json_frame *f, str s, bool last)
{
    const str stop = STR(" \n\r\t,[]{}\"");
    for (f->at = f->at ? f->at : 1; f->at < s.n; f->at++)
        if (str_find(stop, s.p[f->at]) < stop.n)
            return f->at;
    return last ? s.n : 0;
}

bool json_frame_next(struct json_frame *f, str buffer, bool last, str *value, size_t *used)
{
    size_t skip = 0;
    if (!f->open) {
        while (skip < buffer.n && is_separator(f, buffer.p[skip]))
            skip++;
        *used = skip;
        if (skip == buffer.n)
            return false;
        f->open = true;
        f->scalar = str_find(STR("{[\""), buffer.p[skip]) == 3;
    }
    str s = str_from(buffer, skip);
    *used = skip;
    size_t n = f->scalar ? scalar_size(f, s, last) : value_size(f, s);
    if (n == 0)
        return false;
    *value = str_head(s, n);
    *used += n;
    *f = (struct json_frame){.unwrap = f->unwrap};
    return true;
}
