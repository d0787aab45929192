/* SPDX-License-Identifier: Apache-2.0 */
#include "rule/build.h"

struct child_order {
    uint32_t node;
    float chance;
    bool lazy;
};

/* How likely the node is, and whether asking it may cost more than a look at a bit. */
static struct child_order judge(struct build *b, uint32_t node)
{
    const struct node_row *row = &b->image->node.at[node];
    struct child_order out = {.node = node, .chance = row->kind == NODE_AND ? 1.0f : 0.0f};
    if (row->kind == NODE_TEST) {
        const struct predicate *q = &b->program->predicate[b->of_node[node]];
        out.chance = q->chance < 1 ? q->chance : 1;
        out.lazy = !q->eager || q->keyword;
        return out;
    }
    for (uint32_t i = 0; i < row->child.count; i++) {
        struct child_order c = judge(b, b->image->child.at[row->child.first + i]);
        out.lazy |= c.lazy;
        if (row->kind == NODE_AND)
            out.chance *= c.chance;
        else
            out.chance = row->kind == NODE_NOT ? 1 - c.chance : out.chance + c.chance;
    }
    out.chance = out.chance < 1 ? out.chance : 1;
    return out;
}

static int unlikely_first(const void *x, const void *y)
{
    const struct child_order *a = x, *b = y;
    if (a->lazy != b->lazy)
        return a->lazy - b->lazy;
    if (a->chance != b->chance)
        return a->chance < b->chance ? -1 : 1;
    return (a->node > b->node) - (a->node < b->node);
}

static int likely_first(const void *x, const void *y)
{
    const struct child_order *a = x, *b = y;
    if (a->lazy != b->lazy)
        return a->lazy - b->lazy;
    if (a->chance != b->chance)
        return a->chance > b->chance ? -1 : 1;
    return (a->node > b->node) - (a->node < b->node);
}

static void emit_test(struct build *b, uint32_t node)
{
    uint32_t number = b->of_node[node];
    const struct predicate *q = &b->program->predicate[number];
    bool never = !q->keyword && q->fields.field == FIELD_OVERFLOW;
    enum step_kind kind = never        ? STEP_NEVER
                          : !q->eager  ? STEP_ASK
                          : q->keyword ? STEP_KEYWORD
                                       : STEP_FIRED;
    *vec_push(&b->step) = (struct step){kind, number};
}

static void emit(struct build *b, uint32_t node)
{
    const struct node_row *row = &b->image->node.at[node];
    uint32_t n = row->child.count;
    if (row->kind == NODE_TEST) {
        emit_test(b, node);
        return;
    }
    if (row->kind != NODE_NOT && n == 1) {
        emit(b, b->image->child.at[row->child.first]);
        return;
    }
    struct child_order *child = mem_array(struct child_order, n);
    for (uint32_t i = 0; i < n; i++)
        child[i] = judge(b, b->image->child.at[row->child.first + i]);
    if (n)
        qsort(child, n, sizeof *child, row->kind == NODE_AND ? unlikely_first : likely_first);
    size_t at = b->step.n;
    *vec_push(&b->step) = (struct step){row->kind == NODE_AND  ? STEP_AND
                                        : row->kind == NODE_OR ? STEP_OR
                                                               : STEP_NOT,
                                        0};
    for (uint32_t i = 0; i < n; i++)
        emit(b, child[i].node);
    b->step.at[at].arg = (uint32_t)b->step.n;
    mem_free(child);
}

void build_steps(struct build *b)
{
    struct program *p = b->program;
    struct rule_visit v = {.next = 0};
    for (uint32_t r = 0; r < b->image->rule.n; r++) {
        const struct rule_row *row = &b->image->rule.at[r];
        p->source[r] = source_of(p->sources, r);
        if (!build_detects(row))
            continue;
        build_visit(b, row->root, build_note_node, &v);
        p->code[r].first = (uint32_t)b->step.n;
        emit(b, row->root);
        p->code[r].count = (uint32_t)b->step.n - p->code[r].first;
    }
    p->step_count = (uint32_t)b->step.n;
    p->step = program_keep(p, b->step.at, b->step.n, sizeof *b->step.at);
}
