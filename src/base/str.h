/* SPDX-License-Identifier: Apache-2.0 */
/* str.h - a borrowed run of bytes.  Never owns, never NUL terminated.
 * Case folding is ASCII only throughout: logs are bytes, not locales. */
#ifndef BASE_STR_H
#define BASE_STR_H

#include "base/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct {
    const char *p;
    size_t n;
} str;

#define STR(lit)   ((str){"" lit, sizeof(lit) - 1})
#define STR_FMT    "%.*s"
#define STR_ARG(s) (int)(s).n, (s).p

static inline str str_z(const char *z) /* of a NUL-terminated string; NULL is empty */
{
    return (str){z, z ? strlen(z) : 0};
}

static inline bool str_eq(str a, str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool str_starts(str s, str prefix)
{
    return s.n >= prefix.n && (prefix.n == 0 || memcmp(s.p, prefix.p, prefix.n) == 0);
}

static inline bool str_ends(str s, str suffix)
{
    return s.n >= suffix.n &&
           (suffix.n == 0 || memcmp(s.p + s.n - suffix.n, suffix.p, suffix.n) == 0);
}

/* From byte `at` (clamped) to the end. */
static inline str str_from(str s, size_t at)
{
    if (s.n == 0)
        return s; /* its p may be NULL, to which nothing may be added */
    return at < s.n ? (str){s.p + at, s.n - at} : (str){s.p + s.n, 0};
}

/* The first `n` bytes (clamped). */
static inline str str_head(str s, size_t n)
{
    return (str){s.p, n < s.n ? n : s.n};
}

static inline char ascii_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

bool str_ieq(str a, str b); /* equal, ASCII case ignored */
bool str_istarts(str s, str prefix);
bool str_iends(str s, str suffix);
bool str_contains(str s, str needle); /* empty needle: true */
bool str_icontains(str s, str needle);
int str_cmp(str a, str b); /* bytewise order, shorter first */
str str_trim(str s);       /* without ASCII white space at both ends */

/* Index of the first `c`, or s.n. */
size_t str_find(str s, char c);

/* Cut `s` at the first `c`: returns what stands before it and leaves what
 * follows in *s.  Without `c` returns all and leaves *s empty with p == NULL. */
str str_cut(str *s, char c);

/* Whole-string decimal / hexadecimal-with-0x / float.  False (out untouched)
 * when `s` is anything else or out of range. */
bool str_to_i64(str s, int64_t *out);
bool str_to_u64(str s, uint64_t *out);
bool str_to_f64(str s, double *out);

#include "base/banned.h"

#endif
