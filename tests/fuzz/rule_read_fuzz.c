/* SPDX-License-Identifier: Apache-2.0 */
/* Any text gives an image in which every index and tree is in range, whatever was refused on the
 * way; the same text gives the same image again, and a smaller limit at worst a full one. */
#include "rule/read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Read without compiling, which would take most of the time. */
static void read_all(struct rule_set *set, str text, size_t max_bytes)
{
    static const str values[] = {{"a*", 2}, {"%b%", 3}};
    static const struct rule_placeholder placeholder[] = {{{"name", 4}, values, 2}};
    struct rule_options options = {.placeholder = placeholder, .placeholder_count = 1};
    struct reading g;
    arena_init(&set->arena, max_bytes);
    image_init(&set->image, max_bytes);
    reading_init(&g, set, &options);
    read_text(&g, STR("fuzz.yml"), text);
    filters_apply(&g);
    if (!set->image.full)
        link_correlations(set);
    reading_done(&g);
}

static void drop(struct rule_set *set)
{
    image_done(&set->image);
    map_done(&set->by_name);
    vec_done(&set->problem);
    arena_done(&set->arena);
}

static bool same(const struct image *a, const struct image *b)
{
#define A(type, name)                                                                              \
    if (a->name.n != b->name.n)                                                                    \
        return false;
    IMAGE_ARRAYS(A)
#undef A
    return memcmp(a->bytes.at, b->bytes.at, a->bytes.n) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    str text = {(const char *)data + 2, size - 2};
    struct rule_set one = {0}, two = {0}, small = {0};
    read_all(&one, text, 64 << 20);
    read_all(&two, text, 64 << 20);
    read_all(&small, text, (size_t)data[0] * 256 + data[1] + 64);
    if (one.image.full || !image_valid(&one.image) || !same(&one.image, &two.image))
        abort();
    if (!small.image.full && !image_valid(&small.image))
        abort();
    for (size_t i = 0; i < one.problem.n; i++)
        if (one.problem.at[i].reason[0] == '\0')
            abort();
    drop(&one);
    drop(&two);
    drop(&small);
    return 0;
}
