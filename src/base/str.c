/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"

#include <errno.h>
#include <limits.h>

static bool same_folded(const char *a, const char *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (ascii_lower(a[i]) != ascii_lower(b[i]))
            return false;
    return true;
}

bool str_ieq(str a, str b)
{
    return a.n == b.n && same_folded(a.p, b.p, a.n);
}

bool str_istarts(str s, str prefix)
{
    return s.n >= prefix.n && same_folded(s.p, prefix.p, prefix.n);
}

bool str_iends(str s, str suffix)
{
    return s.n >= suffix.n && same_folded(s.p + s.n - suffix.n, suffix.p, suffix.n);
}

bool str_contains(str s, str needle)
{
    return needle.n == 0 || (s.n >= needle.n && memmem(s.p, s.n, needle.p, needle.n));
}

bool str_icontains(str s, str needle)
{
    if (needle.n == 0)
        return true;
    for (size_t i = 0; needle.n <= s.n && i <= s.n - needle.n; i++)
        if (same_folded(s.p + i, needle.p, needle.n))
            return true;
    return false;
}

int str_cmp(str a, str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int c = n ? memcmp(a.p, b.p, n) : 0;
    return c ? c : (a.n > b.n) - (a.n < b.n);
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

str str_trim(str s)
{
    while (s.n && is_space(s.p[0]))
        s.p++, s.n--;
    while (s.n && is_space(s.p[s.n - 1]))
        s.n--;
    return s;
}

size_t str_find(str s, char c)
{
    const char *hit = s.n ? memchr(s.p, c, s.n) : NULL;
    return hit ? (size_t)(hit - s.p) : s.n;
}

str str_cut(str *s, char c)
{
    size_t at = str_find(*s, c);
    str head = {s->p, at};
    *s = at < s->n ? (str){s->p + at + 1, s->n - at - 1} : (str){NULL, 0};
    return head;
}

/* Digits of `s` in `base` to *out, refusing anything but 1..max digits. */
static bool digits(str s, unsigned base, uint64_t *out)
{
    uint64_t v = 0;
    if (s.n == 0)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        char c = ascii_lower(s.p[i]);
        unsigned d = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                     : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a' + 10)
                                            : 99;
        if (d >= base || __builtin_mul_overflow(v, base, &v) || __builtin_add_overflow(v, d, &v))
            return false;
    }
    *out = v;
    return true;
}

bool str_to_u64(str s, uint64_t *out)
{
    if (str_istarts(s, STR("0x")))
        return digits(str_from(s, 2), 16, out);
    return digits(s, 10, out);
}

bool str_to_i64(str s, int64_t *out)
{
    bool minus = s.n && s.p[0] == '-';
    uint64_t v;
    if (!str_to_u64(str_from(s, minus), &v) || v > (uint64_t)INT64_MAX + minus)
        return false;
    *out = minus ? (int64_t)(0 - v) : (int64_t)v;
    return true;
}

bool str_to_f64(str s, double *out)
{
    char buf[64];
    char *end;
    if (s.n == 0 || s.n >= sizeof buf || is_space(s.p[0]))
        return false;
    memcpy(buf, s.p, s.n);
    buf[s.n] = '\0';
    double v = strtod(buf, &end);
    if (end != buf + s.n)
        return false;
    *out = v;
    return true;
}
