/* SPDX-License-Identifier: Apache-2.0 */
/* A tree stays inside its limits: no node is nested deeper, stands for more
 * nodes or claims more memory than allowed, keys are unique, and walking it
 * takes as many steps as its size says. */
#include "codec/yaml.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct yaml_limits limits = {.bytes = 4096, .nodes = 500, .depth = 8};

static size_t walk(const struct yaml_node *n, size_t depth)
{
    size_t steps = 1;
    assert(depth <= 2 * limits.depth && n->line >= 1); /* an alias hangs a tree into another */
    for (uint32_t i = 0; n->kind == YAML_SEQ && i < n->count; i++)
        steps += walk(&n->item[i], depth + 1);
    for (uint32_t i = 0; n->kind == YAML_MAP && i < n->count; i++) {
        assert(yaml_find(n, n->pair[i].key) == &n->pair[i].value);
        steps += 1 + walk(&n->pair[i].value, depth + 1);
    }
    return steps;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct yaml_docs docs;
    size_t steps = 0;
    arena_init(&arena, 1 << 18);
    if (yaml_parse((str){(const char *)data, size}, &limits, &arena, &docs, NULL) == ST_OK)
        for (size_t i = 0; i < docs.count; i++) {
            steps += walk(&docs.doc[i], 1);
            assert(steps <= limits.nodes);
        }
    arena_done(&arena);
    return 0;
}
