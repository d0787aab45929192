/* SPDX-License-Identifier: Apache-2.0 */
/* Where a pattern matches, one of its fragments stands; and a plain fragment
 * holds no byte that JSON might write otherwise.
 *
 * First byte: bit 0 no case, bit 1 a glob instead of a regular expression,
 * bit 2 plain.  Then pattern, newline, text. */
#include "rule/evaluate.h"
#include "rule/fragment.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool matches(str pattern, str text, bool glob, bool nocase)
{
    struct regex *regex = NULL;
    struct regex_scratch scratch;
    if (glob)
        return glob_match(pattern, text, !nocase, true);
    regex = regex_new(pattern, nocase ? REGEX_NOCASE : 0, NULL);
    if (!regex)
        return false;
    regex_scratch_init(&scratch);
    bool yes = regex_match(regex, &scratch, text);
    regex_scratch_done(&scratch);
    regex_free(regex);
    return yes;
}

static void check_plain(str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < 0x20 || s.p[i] >= 0x7f || strchr("\"\\/", s.p[i]))
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    bool nocase = data[0] & 1, glob = data[0] & 2, plain = data[0] & 4;
    str text = {(const char *)data + 1, size - 1};
    str pattern = str_cut(&text, '\n');
    struct arena arena;
    struct fragments f;
    arena_init(&arena, 1 << 24);
    text = text.p ? text : (str){"", 0};
    if (glob)
        fragments_of_glob(pattern, plain, &arena, &f);
    else
        fragments_of_regex(pattern, nocase, plain, &arena, &f);
    bool found = f.count == 0;
    for (uint32_t i = 0; i < f.count; i++) {
        if (plain)
            check_plain(f.at[i]);
        found |= str_icontains(text, f.at[i]) && str_icontains(text, fragment_sharpened(f.at[i]));
    }
    if (!found && matches(pattern, text, glob, nocase))
        abort();
    arena_done(&arena);
    return 0;
}
