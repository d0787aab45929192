/* SPDX-License-Identifier: Apache-2.0 */
#include "intel/intel_int.h"

enum { LOCAL_MAX = 64 };

/* RFC 5322 atext and the dot.  Quoted local parts do not occur in feeds. */
static bool local_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (unsigned char)c >= 0x80 ||
           (c && strchr(".!#$%&*+-=?^_{|}~", c));
}

/* Mail systems that tell case apart do not exist in practice, so the whole is lower case. */
static size_t encode(str in, char out[static INTEL_VALUE_MAX])
{
    if (str_istarts(in, STR("mailto:")))
        in = str_from(in, 7);
    size_t at = str_find(in, '@');
    if (at == 0 || at == in.n || at > LOCAL_MAX)
        return 0;
    for (size_t i = 0; i < at; i++) {
        out[i] = ascii_lower(in.p[i]);
        if (!local_byte(out[i]))
            return 0;
    }
    out[at] = '@';
    size_t n = intel_domain_lower(str_from(in, at + 1), 2, out + at + 1);
    return n ? at + 1 + n : 0;
}

const struct intel_kind_ops intel_ops_EMAIL = {
    .name = "email",
    .noun = "e-mail address",
    .encode = encode,
};
