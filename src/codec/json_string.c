/* SPDX-License-Identifier: Apache-2.0 */
/* Finding the end of a JSON string is most of the time spent on JSON: events
 * are long strings.  Sixteen bytes are looked at together; a backslash is dealt
 * with inside the block it stands in, because Windows paths have one every few
 * bytes and starting over after each would cost more than the search. */
#include "codec/codec_int.h"
#include "codec/hex.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

static const char *fault_at(struct json_fault *fault, const char *at, const char *problem)
{
    *fault = (struct json_fault){at, problem};
    return NULL;
}

static const char *unclosed(struct json_fault *fault, const char *end)
{
    return fault_at(fault, end, "the string is not closed");
}

/* Length of the escape at `p`, a backslash: 2 or 6; 0 when it is none. */
static size_t escape_size(const char *p, const char *end)
{
    static const uint8_t size[256] = {
        ['"'] = 2, ['\\'] = 2, ['/'] = 2, ['b'] = 2, ['f'] = 2,
        ['n'] = 2, ['r'] = 2,  ['t'] = 2, ['u'] = 6,
    };
    if (end - p < 2)
        return 0;
    size_t n = size[(unsigned char)p[1]];
    if (n != 6)
        return n;
    if (end - p < 6)
        return 0;
    for (int i = 2; i < 6; i++)
        if (hex_digit(p[i]) < 0)
            return 0;
    return 6;
}

const char *json_string_end_plain(const char *p, const char *end, bool *escaped,
                                  struct json_fault *fault)
{
    while (p < end && *p != '"') {
        if ((unsigned char)*p < 0x20)
            return fault_at(fault, p, "control character in a string");
        if (*p != '\\') {
            p++;
            continue;
        }
        size_t n = escape_size(p, end);
        if (n == 0)
            return fault_at(fault, p, "bad escape in a string");
        *escaped = true;
        p += n;
    }
    return p < end ? p : unclosed(fault, end);
}

#ifdef __SSE2__

/* Bit i: byte i of the 16 at `p` is a quote, a backslash or a control. */
static inline uint32_t special_bits(const char *p)
{
    __m128i x = _mm_loadu_si128((const __m128i *)(const void *)p);
    __m128i quote = _mm_cmpeq_epi8(x, _mm_set1_epi8('"'));
    __m128i slash = _mm_cmpeq_epi8(x, _mm_set1_epi8('\\'));
    __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(x, _mm_set1_epi8(0x1f)), x);
    return (uint32_t)_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quote, slash), control));
}

const char *json_string_end(const char *p, const char *end, bool *escaped, struct json_fault *fault)
{
    while (end - p >= 16) {
        uint32_t bits = special_bits(p);
        size_t over = 16;
        while (bits) {
            unsigned at = (unsigned)__builtin_ctz(bits);
            const char *hit = p + at;
            if (*hit == '"')
                return hit;
            if (*hit != '\\')
                return fault_at(fault, hit, "control character in a string");
            size_t n = escape_size(hit, end);
            if (n == 0)
                return fault_at(fault, hit, "bad escape in a string");
            *escaped = true;
            if (at + n > 16)
                over = at + n;
            bits &= ~(uint32_t)0 << at << 2;
        }
        p += over;
    }
    return json_string_end_plain(p, end, escaped, fault);
}

#else

const char *json_string_end(const char *p, const char *end, bool *escaped, struct json_fault *fault)
{
    return json_string_end_plain(p, end, escaped, fault);
}

#endif
