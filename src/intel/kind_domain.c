/* SPDX-License-Identifier: Apache-2.0 */
#include "intel/intel_int.h"
#include "intel/wide.h"

enum { DOMAIN_MAX = 253, LABEL_MAX = 63 };

/* The last label of a name has a letter, or it would be an address. */
static bool has_letter(const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if ((p[i] >= 'a' && p[i] <= 'z') || (unsigned char)p[i] >= 0x80)
            return true;
    return false;
}

/* Lower-case 16 bytes of a name to `out`; false when one cannot be in a name.  Bytes above ASCII
 * stand for themselves: a name written in Unicode is not turned into punycode, so it matches only
 * what writes it the same way. */
static bool lower_block(wide v, size_t n, unsigned *dots, char *out)
{
    wide letter = wide_in(v | wide_of(0x20), 'a', 'z');
    wide dot = wide_is(v, '.');
    wide good = letter | dot | wide_in(v, '0', '9') | wide_is(v, '-') | wide_is(v, '_') |
                wide_in(v, (char)0x80, (char)0xff);
    v |= letter & wide_of(0x20);
    memcpy(out, &v, sizeof v);
    unsigned mine = n < WIDE ? (1u << n) - 1 : 0xffff;
    *dots = wide_bits(dot) & mine;
    return (wide_bits(good) & mine) == mine;
}

size_t intel_domain_lower(str name, size_t labels, char *out)
{
    while (name.n && name.p[name.n - 1] == '.')
        name.n--;
    if (name.n == 0 || name.n > DOMAIN_MAX)
        return 0;
    size_t begin = 0, count = 1;
    for (size_t i = 0; i < name.n; i += WIDE) {
        unsigned dots;
        if (!lower_block(wide_load(name.p + i, name.n - i), name.n - i, &dots, out + i))
            return 0;
        for (; dots; dots &= dots - 1) {
            size_t dot = i + (unsigned)__builtin_ctz(dots);
            if (dot == begin || dot - begin > LABEL_MAX)
                return 0;
            begin = dot + 1;
            count++;
        }
    }
    size_t last = name.n - begin;
    if (count < labels || last > LABEL_MAX || !has_letter(out + begin, last))
        return 0;
    return name.n;
}

/* Without ":8080", when that is what it ends in. */
static str without_port(str s)
{
    size_t colon = str_find(s, ':');
    if (colon == s.n)
        return s;
    uint64_t port;
    return str_to_u64(str_from(s, colon + 1), &port) && port < 65536 ? str_head(s, colon) : s;
}

static size_t encode(str in, char out[static INTEL_VALUE_MAX])
{
    if (str_starts(in, STR("*.")))
        in = str_from(in, 2);
    else if (str_starts(in, STR(".")))
        in = str_from(in, 1);
    return intel_domain_lower(without_port(in), 2, out);
}

const struct intel_kind_ops intel_ops_DOMAIN = {
    .name = "domain",
    .noun = "domain",
    .encode = encode,
};
