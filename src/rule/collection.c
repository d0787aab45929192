/* SPDX-License-Identifier: Apache-2.0 */
/* Collections of the time before Sigma 2: one document says what the others of its file have in
 * common.  Mappings are merged key by key; everything else is replaced. */
#include "codec/yaml.h"
#include "rule/read.h"

enum { MERGE_MAX = 1 << 22 };

static bool too_large(struct rule_read *r, const struct yaml_node *at)
{
    return read_refuse(r, at, "the collection grows too large");
}

static struct yaml_pair *pair_of(struct yaml_pair *pair, uint32_t n, str key)
{
    for (uint32_t i = 0; i < n; i++)
        if (str_eq(pair[i].key, key))
            return &pair[i];
    return NULL;
}

/* `over` laid over `under`, without the key `action`. */
static bool merge(struct rule_read *r, const struct yaml_node *under, const struct yaml_node *over,
                  struct arena *arena, struct yaml_node *out)
{
    uint32_t n = 0;
    uint64_t size = 1;
    struct yaml_pair *pair = NULL;
    if ((uint64_t)under->count * over->count < MERGE_MAX)
        pair = arena_array(arena, struct yaml_pair, (size_t)under->count + over->count);
    if (!pair)
        return too_large(r, over);
    for (uint32_t i = 0; i < under->count; i++)
        if (!str_eq(under->pair[i].key, STR("action")))
            pair[n++] = under->pair[i];
    for (uint32_t i = 0; i < over->count; i++) {
        const struct yaml_pair *p = &over->pair[i];
        if (str_eq(p->key, STR("action")))
            continue;
        struct yaml_pair *have = pair_of(pair, n, p->key);
        if (!have)
            pair[n++] = *p;
        else if (have->value.kind != YAML_MAP || p->value.kind != YAML_MAP)
            *have = *p;
        else if (!merge(r, &have->value, &p->value, arena, &have->value))
            return false;
    }
    for (uint32_t i = 0; i < n; i++)
        size += pair[i].value.size;
    if (size > MERGE_MAX)
        return too_large(r, over);
    *out = (struct yaml_node){
        .kind = YAML_MAP, .line = over->line, .count = n, .size = (uint32_t)size, .pair = pair};
    return true;
}

static const struct yaml_node *merged(struct rule_read *r, const struct yaml_node *under,
                                      const struct yaml_node *over, struct arena *arena)
{
    if (!under)
        return over;
    struct yaml_node *out = arena_new(arena, struct yaml_node);
    if (!out)
        (void)too_large(r, over); /* r->why is what the caller answers with */
    return out && merge(r, under, over, arena, out) ? out : NULL;
}

bool collection_next(struct collection *c, struct rule_read *r, const struct yaml_node *doc,
                     struct arena *arena, const struct yaml_node **out)
{
    const struct yaml_node *action = yaml_find(doc, STR("action"));
    str what = yaml_str(action, (str){0});
    *out = NULL;
    if (str_eq(what, STR("reset"))) {
        *c = (struct collection){0};
        return true;
    }
    if (str_eq(what, STR("global"))) {
        const struct yaml_node *global = merged(r, c->global, doc, arena);
        c->global = global ? global : c->global;
        return global != NULL;
    }
    bool repeat = str_eq(what, STR("repeat"));
    if (action && !repeat)
        return read_refuse(r, action, "'action' wants global, reset or repeat, not '%.*s'",
                           STR_ARG(str_head(what, 40)));
    if (repeat && !c->previous)
        return read_refuse(r, action, "there is no rule to repeat");
    *out = merged(r, repeat ? c->previous : c->global, doc, arena);
    c->previous = *out ? *out : c->previous;
    return *out != NULL;
}
