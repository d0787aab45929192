/* SPDX-License-Identifier: Apache-2.0 */
#include "intel/intel_int.h"

enum { DOMAIN_MAX = 253, LABEL_MAX = 63 };

/* Bytes above ASCII stand for themselves: a name written in Unicode is not turned into
 * punycode, so it matches only what writes it the same way. */
static bool name_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           (unsigned char)c >= 0x80;
}

/* The last label of a name has a letter, or it would be an address. */
static bool has_letter(const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if ((p[i] >= 'a' && p[i] <= 'z') || (unsigned char)p[i] >= 0x80)
            return true;
    return false;
}

size_t intel_domain_lower(str name, size_t labels, char *out)
{
    while (name.n && name.p[name.n - 1] == '.')
        name.n--;
    if (name.n == 0 || name.n > DOMAIN_MAX)
        return 0;
    size_t begin = 0, count = 1;
    for (size_t i = 0; i < name.n; i++) {
        char c = ascii_lower(name.p[i]);
        out[i] = c;
        if (c == '.') {
            if (i == begin || i - begin > LABEL_MAX)
                return 0;
            begin = i + 1;
            count++;
        } else if (!name_byte(c)) {
            return 0;
        }
    }
    size_t last = name.n - begin;
    if (count < labels || last == 0 || last > LABEL_MAX || !has_letter(out + begin, last))
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
