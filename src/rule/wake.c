/* SPDX-License-Identifier: Apache-2.0 */
/* Which predicates wake a rule.  Any one child of an AND will do, so the least
 * likely is taken; of an OR all are needed.  A NOT turns the tree below it
 * around.  An absence wakes nobody: it is true of nearly every event.
 *
 * How likely a predicate is, nobody knows before the events come.  What is
 * used: long literals are rarer than short ones, and what many rules ask (the
 * shell, the Windows folder) is what is often there. */
#include "base/mem.h"
#include "rule/compile.h"

static const float NEVER_SURE = 1e9f; /* no set of predicates */

static float literal_chance(size_t n)
{
    float c = 0.5f;
    for (size_t i = 0; i < n && i < 16; i++)
        c *= 0.62f;
    return c + 0.0002f;
}

/* Fields with few values, all of them common. */
static bool has_few_values(field_id f)
{
    static const field_id few[] = {FIELD_EVENT_CODE,        FIELD_WINLOG_CHANNEL,
                                   FIELD_WINLOG_PROVIDER,   FIELD_HTTP_METHOD,
                                   FIELD_HTTP_STATUS,       FIELD_NETWORK_INITIATED,
                                   FIELD_WINLOG_LOGON_TYPE, FIELD_DESTINATION_PORT};
    for (size_t i = 0; i < COUNT(few); i++)
        if (few[i] == f)
            return true;
    return false;
}

static float pattern_chance(const struct predicate *q)
{
    return q->fragment ? literal_chance(q->fragment) : 0.6f;
}

static float equal_chance(const struct predicate *q, str value, unsigned flags)
{
    if (has_few_values(q->fields.field) || str_ieq(value, STR("true")) ||
        str_ieq(value, STR("false")))
        return 0.2f;
    return flags & TEST_NUMBER ? 0.05f : literal_chance(value.n + 4);
}

float predicate_chance(const struct program *p, const struct predicate *q, uint32_t asked)
{
    const struct image *im = &p->set->image;
    const struct test_row *row = &im->test.at[q->test];
    str value = image_str(im, row->value);
    float often = 2.0f * (float)q->uses / (float)(asked + 50);
    if (q->keyword)
        return pattern_chance(q) + often;
    switch ((enum test_op)q->op) {
    case TEST_EQUAL:
        return equal_chance(q, value, row->flags) + often;
    case TEST_CONTAINS:
        return literal_chance(value.n) + often;
    case TEST_STARTS:
        return 1.5f * literal_chance(value.n) + often;
    case TEST_ENDS:
        return literal_chance(value.n + 2) + often;
    case TEST_GLOB:
    case TEST_REGEX:
        return pattern_chance(q) + often;
    case TEST_CIDR:
    case TEST_TIME:
    case TEST_LESS:
    case TEST_LESS_EQUAL:
    case TEST_GREATER:
    case TEST_GREATER_EQUAL:
        return 0.3f;
    case TEST_PRESENT:
    case TEST_EXISTS:
        return 0.9f;
    case TEST_NULL:
    case TEST_FIELD:
    case TEST_OP_COUNT:
        break;
    }
    return 0.5f;
}

static bool can_wake(const struct program *p, const struct predicate *q)
{
    const struct test_row *row = &p->set->image.test.at[q->test];
    if (q->keyword)
        return true;
    return q->op != TEST_NULL && q->op != TEST_FIELD && (q->op != TEST_EXISTS || row->number != 0);
}

static bool is_never(const struct predicate *q)
{
    return !q->keyword && q->fields.field == FIELD_OVERFLOW;
}

static float test_cost(const struct program *p, const struct predicate *q, bool holds)
{
    if (is_never(q))
        return holds ? 0 : NEVER_SURE;
    return holds && can_wake(p, q) ? q->chance : NEVER_SURE;
}

/* Of the best set for `node` to hold (or, below a NOT, not to). */
static float cost(const struct tree *t, uint32_t node, bool holds)
{
    const struct image *im = &t->program->set->image;
    const struct node_row *row = &im->node.at[node];
    const uint32_t *child = im->child.at + row->child.first;
    if (row->kind == NODE_TEST)
        return test_cost(t->program, &t->program->predicate[t->of_node[node]], holds);
    if (row->kind == NODE_NOT)
        return cost(t, child[0], !holds);
    bool any = (row->kind == NODE_AND) == holds; /* one child is enough to wake by */
    float sum = 0, least = NEVER_SURE;
    for (uint32_t i = 0; i < row->child.count; i++) {
        float c = cost(t, child[i], holds);
        sum += c;
        least = c < least ? c : least;
    }
    return any ? least : sum < NEVER_SURE ? sum : NEVER_SURE;
}

static void collect(const struct tree *t, uint32_t node, bool holds, struct wake_set *out)
{
    const struct image *im = &t->program->set->image;
    const struct node_row *row = &im->node.at[node];
    const uint32_t *child = im->child.at + row->child.first;
    if (row->kind == NODE_TEST) {
        if (!is_never(&t->program->predicate[t->of_node[node]]))
            *vec_push(out) = t->of_node[node];
        return;
    }
    if (row->kind == NODE_NOT) {
        collect(t, child[0], !holds, out);
        return;
    }
    bool any = (row->kind == NODE_AND) == holds;
    uint32_t best = 0;
    float least = NEVER_SURE;
    for (uint32_t i = 0; i < row->child.count; i++) {
        if (!any) {
            collect(t, child[i], holds, out);
            continue;
        }
        float c = cost(t, child[i], holds);
        if (c < least) {
            least = c;
            best = i;
        }
    }
    if (any)
        collect(t, child[best], holds, out);
}

bool wake_choose(const struct tree *t, uint32_t node, struct wake_set *out)
{
    if (cost(t, node, true) >= NEVER_SURE)
        return false;
    collect(t, node, true, out);
    return true;
}
