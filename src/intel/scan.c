/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses, URLs and hashes somewhere in a text.
 *
 * Nearly all texts hold none, so the first pass only asks, sixteen bytes at a
 * time, where one could be: a dot between digits, a colon before a slash, sixteen
 * hexadecimal digits in a row (every hash of 32 covers such a block whole).
 * Only there is anything looked at closely. */
#include "codec/hex.h"
#include "intel/intel_int.h"
#include "intel/wide.h"

enum { URL_MAX = 1024 };

struct finder {
    str text;
    size_t done; /* nothing before this is looked at again */
    unsigned found;
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

static void report(struct finder *f, size_t begin, size_t end)
{
    f->done = end;
    f->found++;
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
    bool apart = (begin == 0 || !is_word(t.p[begin - 1])) && (end == t.n || !is_word(t.p[end]));
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
    while (end < t.n && end - begin < URL_MAX && !ends_url(t.p[end]))
        end++;
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
    bool apart = (begin == 0 || !is_word(t.p[begin - 1])) && (end == t.n || !is_word(t.p[end]));
    if (apart && (n == 32 || n == 40 || n == 64))
        report(f, begin, end);
    else
        f->done = end;
}

/* Where in a block something could be; bit i for byte i. */
struct marks {
    unsigned dots, colons;
    bool all_hex;
};

static struct marks marks_of(wide v)
{
    wide digit = wide_in(v, '0', '9');
    unsigned digits = wide_bits(digit);
    unsigned slashes = wide_bits(wide_is(v, '/'));
    return (struct marks){
        .dots = wide_bits(wide_is(v, '.')) & (digits << 1 | 1) & (digits >> 1 | 1u << (WIDE - 1)),
        .colons = wide_bits(wide_is(v, ':')) & (slashes >> 1 | 1u << (WIDE - 1)),
        .all_hex = wide_bits(digit | wide_in(v | wide_of(0x20), 'a', 'f')) == 0xffff,
    };
}

static void try_places(struct finder *f, size_t block, struct marks m)
{
    str t = f->text;
    if (m.all_hex && block >= f->done)
        try_hash(f, block);
    for (unsigned bits = m.dots | m.colons; bits; bits &= bits - 1) {
        size_t at = block + (unsigned)__builtin_ctz(bits);
        if (at < f->done || at >= t.n)
            continue;
        if (t.p[at] == ':' && str_starts(str_from(t, at), STR("://")))
            try_url(f, at);
        else if (t.p[at] == '.' && at > 0 && at + 1 < t.n && is_digit(t.p[at - 1]) &&
                 is_digit(t.p[at + 1]))
            try_address(f, at);
    }
}

void intel_scan(str text, intel_found_fn *found, void *arg)
{
    struct finder f = {.text = str_head(text, INTEL_SCAN_MAX), .call = found, .arg = arg};
    size_t n = f.text.n;
    if (n < 7) /* the shortest address */
        return;
    for (size_t i = 0; i < n && f.found < INTEL_SCAN_FOUND_MAX; i += WIDE) {
        struct marks m = marks_of(wide_load(f.text.p + i, n - i));
        if (m.all_hex || m.dots | m.colons)
            try_places(&f, i, m);
    }
}
