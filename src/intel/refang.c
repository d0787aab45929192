/* SPDX-License-Identifier: Apache-2.0 */
/* Replacements are made at the end of the text written so far and tried again
 * after each, so the result holds nothing that could be replaced, however the
 * disarming was nested: refanging twice is refanging once. */
#include "intel/intel_int.h"

static const struct {
    str written, meant;
} armour[] = {
#define X(written, meant) {{written, sizeof(written) - 1}, {meant, sizeof(meant) - 1}},
#include "intel/armour.def"
};

static const struct {
    str written, meant;
} schemes[] = {
    {{"hxxps://", 8}, {"https://", 8}}, {{"hxxp://", 7}, {"http://", 7}},
    {{"hxtps://", 8}, {"https://", 8}}, {{"hxtp://", 7}, {"http://", 7}},
    {{"htxps://", 8}, {"https://", 8}}, {{"htxp://", 7}, {"http://", 7}},
    {{"h**ps://", 8}, {"https://", 8}}, {{"h**p://", 7}, {"http://", 7}},
    {{"meows://", 8}, {"https://", 8}}, {{"meow://", 7}, {"http://", 7}},
    {{"fxps://", 7}, {"ftps://", 7}},   {{"fxp://", 6}, {"ftp://", 6}},
};

/* One replacement at the end of out[0..n); the new length, or n when there was none. */
static size_t reduce(char *out, size_t n)
{
    for (size_t i = 0; i < COUNT(armour); i++) {
        if (!str_iends((str){out, n}, armour[i].written))
            continue;
        n -= armour[i].written.n;
        memcpy(out + n, armour[i].meant.p, armour[i].meant.n);
        return n + armour[i].meant.n;
    }
    return n;
}

static bool closes(char c)
{
    return c == ']' || c == ')' || c == '}';
}

static size_t fix_scheme(char *out, size_t n)
{
    for (size_t i = 0; i < COUNT(schemes); i++) {
        str written = schemes[i].written, meant = schemes[i].meant;
        if (!str_istarts((str){out, n}, written))
            continue;
        memcpy(out, meant.p, meant.n); /* never longer than what was written */
        memmove(out + meant.n, out + written.n, n - written.n);
        return n - written.n + meant.n;
    }
    return n;
}

size_t intel_refang(str in, char *out)
{
    size_t n = 0;
    for (size_t i = 0; i < in.n; i++) {
        out[n++] = in.p[i];
        while (closes(out[n - 1])) {
            size_t less = reduce(out, n);
            if (less == n)
                break;
            n = less;
        }
    }
    return fix_scheme(out, n);
}

str intel_unquote(str s)
{
    static const char pairs[][2] = {{'"', '"'}, {'\'', '\''}, {'<', '>'}, {'`', '`'}};
    for (bool again = true; again;) {
        again = false;
        s = str_trim(s);
        for (size_t i = 0; i < COUNT(pairs); i++)
            if (s.n >= 2 && s.p[0] == pairs[i][0] && s.p[s.n - 1] == pairs[i][1]) {
                s = (str){s.p + 1, s.n - 2};
                again = true;
            }
    }
    return s;
}
