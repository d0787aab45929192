/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses, URLs and hashes somewhere in a text.
 *
 * Nearly all texts hold none, so the first pass only asks, sixteen bytes at a
 * time, where one could be: a dot or a slash, or sixteen hexadecimal digits (every
 * hash of 32 covers such a block whole).  Only there is anything looked at closely. */
#include "codec/hex.h"
#include "intel/intel_int.h"
#include "intel/wide.h"

enum { URL_MAX = 1024 };

struct finder {
    str text;
    size_t done; /* nothing before this is looked at again */
    unsigned found;
    bool escaped; /* JSON as it was read */
    bool unclear; /* and there is a URL with escapes in it */
    intel_found_fn *call;
    void *arg;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_word(char c)
{
    char l = ascii_lower(c);
    return is_digit(c) || (l >= 'a' && l <= 'z') || c == '_' || (unsigned char)c >= 0x80;
}

/* Nothing before `begin` belongs to what begins there; the n of \n does not. */
static bool begins(const struct finder *f, size_t begin)
{
    const char *p = f->text.p + begin;
    return begin == 0 || !is_word(p[-1]) || (f->escaped && begin > 1 && p[-2] == '\\');
}

static void report(struct finder *f, size_t begin, size_t end)
{
    f->done = end;
    if (f->found++ < INTEL_SCAN_FOUND_MAX) /* a block may hold several */
        f->call(f->arg, (str){f->text.p + begin, end - begin});
}

/* Around a dot at `at`: 1.2.3.4 and nothing longer. */
static void try_address(struct finder *f, size_t at)
{
    str t = f->text;
    size_t begin = at, end = at, dots = 0;
    while (begin > f->done && is_digit(t.p[begin - 1]))
        begin--;
    for (; end < t.n && (is_digit(t.p[end]) || t.p[end] == '.'); end++)
        dots += t.p[end] == '.';
    if (t.p[end - 1] == '.') { /* the end of a sentence */
        end--;
        dots--;
    }
    bool apart = begins(f, begin) && (end == t.n || !is_word(t.p[end]));
    if (apart && dots == 3 && end - begin >= 7 && end - begin <= 15)
        report(f, begin, end);
    else
        f->done = end;
}

static bool ends_url(char c)
{
    return (unsigned char)c <= ' ' || c == '"' || c == '\'' || c == '<' || c == '>' || c == '`' ||
           c == '|' || c == '\\' || c == '^' || c == '{' || c == '}';
}

/* Around the colon of "://" at `at`. */
static void try_url(struct finder *f, size_t at)
{
    str t = f->text;
    size_t begin = at, end = at + 3;
    while (begin > f->done && at - begin < 8 && is_word(t.p[begin - 1]))
        begin--;
    if (f->escaped && begin > 0 && begin < at && t.p[begin - 1] == '\\')
        begin++;
    while (end < t.n && end - begin < URL_MAX && !ends_url(t.p[end]))
        end++;
    if (f->escaped && end + 1 < t.n && t.p[end] == '\\')
        f->unclear |= t.p[end + 1] == 'u' || t.p[end + 1] == '/'; /* \u0026 is an & */
    while (end > at + 3 && strchr(".,;:!?)]", t.p[end - 1]))
        end--;
    if (begin < at && end > at + 3)
        report(f, begin, end);
}

/* Around a block of hexadecimal digits at `at`: 32, 40 or 64 of them and no more. */
static void try_hash(struct finder *f, size_t at)
{
    str t = f->text;
    size_t begin = at, end = at;
    while (begin > f->done && hex_digit(t.p[begin - 1]) >= 0)
        begin--;
    while (end < t.n && hex_digit(t.p[end]) >= 0)
        end++;
    size_t n = end - begin;
    bool apart = begins(f, begin) && (end == t.n || !is_word(t.p[end]));
    if (apart && (n == 32 || n == 40 || n == 64))
        report(f, begin, end);
    else
        f->done = end;
}

static void try_places(struct finder *f, size_t block, unsigned bits)
{
    str t = f->text;
    for (; bits; bits &= bits - 1) {
        size_t at = block + (unsigned)__builtin_ctz(bits);
        if (at < f->done || at == 0 || at + 1 >= t.n)
            continue;
        if (t.p[at] == '/' && t.p[at - 1] == ':' && t.p[at + 1] == '/')
            try_url(f, at - 1);
        else if (t.p[at] == '/' && t.p[at - 1] == '\\' && at > 1 && t.p[at - 2] == ':')
            f->unclear = true;
        else if (t.p[at] == '.' && is_digit(t.p[at - 1]) && is_digit(t.p[at + 1]))
            try_address(f, at);
    }
}

/* Dots with a digit on either side, slashes after a colon or a backslash; at the ends of the
 * block, where the neighbour is not seen, all of them. */
static unsigned likely_places(wide v)
{
    unsigned last = 1u << (WIDE - 1);
    unsigned digits = wide_bits(wide_in(v, '0', '9'));
    unsigned before = wide_bits(wide_is(v, ':') | wide_is(v, '\\'));
    unsigned dots = wide_bits(wide_is(v, '.')) & (digits << 1 | 1) & (digits >> 1 | last);
    return dots | (wide_bits(wide_is(v, '/')) & (before << 1 | 1));
}

static bool is_all_hex(wide v)
{
    wide hex = wide_in(v, '0', '9') | wide_in(v | wide_of(0x20), 'a', 'f');
    return wide_bits(hex) == 0xffff;
}

/* Of a block three bytes are asked first: in words they are rarely all hexadecimal. */
static unsigned is_hex(char c)
{
    return ((unsigned)(c - '0') < 10) | ((unsigned)((c | 0x20) - 'a') < 6);
}

static bool may_be_hex(const char *p, size_t n)
{
    return n >= WIDE && is_hex(p[2]) & is_hex(p[7]) & is_hex(p[12]);
}

bool intel_scan(str text, bool escaped, intel_found_fn *found, void *arg)
{
    struct finder f = {.text = str_head(text, INTEL_SCAN_MAX), .call = found, .arg = arg};
    size_t n = f.text.n;
    f.escaped = escaped;
    for (size_t i = 0; i < n && f.found < INTEL_SCAN_FOUND_MAX; i += WIDE) {
        const char *p = f.text.p + i;
        wide v = wide_load(p, n - i);
        if (UNLIKELY(may_be_hex(p, n - i)) && i >= f.done && is_all_hex(v))
            try_hash(&f, i);
        unsigned bits = wide_bits(wide_is(v, '.') | wide_is(v, '/'));
        if (bits)
            bits = likely_places(v);
        if (bits)
            try_places(&f, i, bits);
    }
    return !(escaped && f.unclear);
}
