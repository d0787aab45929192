/* SPDX-License-Identifier: Apache-2.0 */
#include "rule/build.h"

#include <assert.h>

enum { KEY_BYTES_MAX = 1 << 24 };

void *program_keep(struct program *p, const void *at, size_t n, size_t size)
{
    void *out = arena_alloc(&p->arena, n, size, alignof(max_align_t));
    assert(out); /* the arena has no cap: the image it is made of does */
    if (n)
        memcpy(out, at, size_mul(n, size));
    return out;
}

/* ---- walking ---- */

bool build_detects(const struct rule_row *row)
{
    return !(row->flags & RULE_CORRELATION) && row->root != ROW_NONE;
}

void build_visit(struct build *b, uint32_t node, void (*each)(struct build *, uint32_t, void *),
                 void *arg)
{
    const struct node_row *row = &b->image->node.at[node];
    if (row->kind == NODE_TEST) {
        each(b, node, arg);
        return;
    }
    for (uint32_t i = 0; i < row->child.count; i++)
        build_visit(b, b->image->child.at[row->child.first + i], each, arg);
}

void build_note_node(struct build *b, uint32_t node, void *arg)
{
    struct rule_visit *v = arg;
    b->of_node[node] = b->order.at[v->next++];
}

/* ---- wake lists ---- */

static void add_pairs(struct build *b, const struct wake_set *set, uint32_t rule)
{
    for (size_t i = 0; i < set->n; i++) {
        if (b->pairs == b->pair_room)
            b->pair = vec_grown(b->pair, &b->pair_room, sizeof *b->pair);
        b->pair[b->pairs++] = (struct wake_pair){set->at[i], rule};
        b->program->predicate[set->at[i]].wakes = true;
    }
}

static int by_predicate(const void *x, const void *y)
{
    const struct wake_pair *a = x, *b = y;
    if (a->predicate != b->predicate)
        return a->predicate < b->predicate ? -1 : 1;
    return (a->rule > b->rule) - (a->rule < b->rule);
}

static void choose_wakes(struct build *b)
{
    struct program *p = b->program;
    struct tree tree = {p, b->of_node};
    struct rule_visit v = {.next = 0};
    struct wake_set set = {0};
    for (uint32_t r = 0; r < b->image->rule.n; r++) {
        const struct rule_row *row = &b->image->rule.at[r];
        if (!build_detects(row))
            continue;
        build_visit(b, row->root, build_note_node, &v);
        set.n = 0;
        p->always[r] = !wake_choose(&tree, row->root, &set);
        add_pairs(b, &set, r);
    }
    vec_done(&set);
}

static void build_wakes(struct build *b)
{
    struct program *p = b->program;
    if (b->pairs)
        qsort(b->pair, b->pairs, sizeof *b->pair, by_predicate);
    p->wake_rule = arena_array(&p->arena, uint32_t, b->pairs);
    p->wake = arena_array(&p->arena, struct span, p->predicate_count);
    assert(p->wake && p->wake_rule);
    uint32_t n = 0;
    for (size_t i = 0; i < b->pairs; i++) {
        if (i && by_predicate(&b->pair[i], &b->pair[i - 1]) == 0)
            continue;
        struct span *wake = &p->wake[b->pair[i].predicate];
        if (wake->count++ == 0)
            wake->first = n;
        p->wake_rule[n++] = b->pair[i].rule;
    }
}

/* ---- eager or asked ---- */

static bool is_eager(const struct program *p, const struct predicate *q)
{
    if (q->keyword)
        return q->fragment || q->wakes;
    if (q->fields.field == FIELD_OVERFLOW)
        return false;
    switch ((enum test_op)q->op) {
    case TEST_NULL:
    case TEST_FIELD:
        return false;
    case TEST_EXISTS:
        return p->set->image.test.at[q->test].number != 0;
    case TEST_GLOB:
    case TEST_REGEX:
        return q->fragment || q->wakes;
    default:
        return true;
    }
}

/* ---- the whole ---- */

static status build(struct build *b)
{
    build_predicates(b);
    choose_wakes(b);
    build_wakes(b);
    for (uint32_t i = 0; i < b->program->predicate_count; i++)
        b->program->predicate[i].eager = is_eager(b->program, &b->program->predicate[i]);
    build_steps(b);
    status s = build_regexes(b);
    s = s == ST_OK ? build_lanes(b) : s;
    return s == ST_OK ? build_keywords(b) : s;
}

static void build_done(struct build *b)
{
    map_done(&b->seen);
    sbuf_done(&b->key);
    vec_done(&b->predicate);
    vec_done(&b->order);
    vec_done(&b->step);
    vec_done(&b->regex);
    mem_free(b->of_node);
    mem_free(b->pair);
}

status program_build(struct rule_set *set, str databases, struct error *err)
{
    struct program *p = mem_new(struct program);
    p->set = set;
    arena_init(&p->arena, SIZE_MAX / 2);
    p->sources = sources_new(&set->image);
    p->source = arena_array(&p->arena, uint32_t, set->image.rule.n);
    p->code = arena_array(&p->arena, struct span, set->image.rule.n);
    p->always = arena_array(&p->arena, bool, set->image.rule.n);
    struct build b = {.program = p, .image = &set->image, .err = err, .cache = {databases}};
    sbuf_init(&b.key, KEY_BYTES_MAX);
    b.of_node = mem_array(uint32_t, set->image.node.n);
    status s = build(&b);
    build_done(&b);
    if (s != ST_OK) {
        program_free(p);
        return s;
    }
    set->program = p;
    return ST_OK;
}

void program_free(struct program *p)
{
    if (!p)
        return;
    for (uint32_t i = 0; i < p->lane_count; i++)
        literal_db_free(p->lane[i].literal.db);
    for (uint32_t i = 0; i < p->keywords_count; i++)
        literal_db_free(p->keywords[i].literal.db);
    for (uint32_t i = 0; i < p->regex_count; i++)
        if (p->regex[i].owner)
            regex_free(p->regex[i].regex);
    sources_free(p->sources);
    arena_done(&p->arena);
    mem_free(p);
}
