/* SPDX-License-Identifier: Apache-2.0 */
#include "rule/rule_int.h"

#include "base/mem.h"

void image_init(struct image *im, size_t max_bytes)
{
    *im = (struct image){.max_bytes = max_bytes};
    /* Byte 0 is the empty text, so that a zeroed struct text is one too. */
    *vec_push(&im->bytes) = '\0';
}

void image_done(struct image *im)
{
#define A(type, name) vec_done(&im->name);
    IMAGE_ARRAYS(A)
#undef A
}

static size_t bytes_held(const struct image *im)
{
    size_t n = 0;
#define A(type, name) n += im->name.room * sizeof(type);
    IMAGE_ARRAYS(A)
#undef A
    return n;
}

bool image_may_grow(struct image *im, size_t n, size_t room, size_t size)
{
    if (n < room)
        return true;
    if (n >= UINT32_MAX / 2 || bytes_held(im) + (room ? room : 8) * size > im->max_bytes)
        im->full = true;
    return !im->full;
}

struct text image_text(struct image *im, str s)
{
    size_t at = im->bytes.n, need = s.n + 1;
    if (im->full || s.n == 0)
        return (struct text){0};
    if (im->bytes.room - at < need) {
        size_t room = im->bytes.room;
        while (room - at < need && room < UINT32_MAX)
            room *= 2;
        if (room >= UINT32_MAX || bytes_held(im) - im->bytes.room + room > im->max_bytes) {
            im->full = true;
            return (struct text){0};
        }
        im->bytes.at = mem_resize(im->bytes.at, room);
        im->bytes.room = room;
    }
    memcpy(im->bytes.at + at, s.p, s.n);
    im->bytes.at[at + s.n] = '\0';
    im->bytes.n = at + need;
    return (struct text){(uint32_t)at, (uint32_t)s.n};
}

uint32_t image_node(struct image *im, enum node_kind kind, uint32_t line, str label)
{
    struct text text = image_text(im, label);
    struct node_row *row = image_push(im, node);
    if (!row)
        return ROW_NONE;
    *row = (struct node_row){.kind = (uint8_t)kind, .line = line, .test = ROW_NONE, .label = text};
    return (uint32_t)im->node.n - 1;
}

void image_children(struct image *im, uint32_t node, const uint32_t *child, uint32_t n)
{
    if (node == ROW_NONE)
        return;
    struct span span = {(uint32_t)im->child.n, n};
    for (uint32_t i = 0; i < n; i++) {
        uint32_t *at = image_push(im, child);
        if (!at || child[i] == ROW_NONE)
            return;
        *at = child[i];
    }
    im->node.at[node].child = span;
}

struct image_mark image_mark(const struct image *im)
{
    struct image_mark mark = {{0}};
    size_t i = 0;
#define A(type, name) mark.n[i++] = im->name.n;
    IMAGE_ARRAYS(A)
#undef A
    return mark;
}

void image_cut(struct image *im, const struct image_mark *mark)
{
    size_t i = 0;
#define A(type, name) im->name.n = mark->n[i++];
    IMAGE_ARRAYS(A)
#undef A
}

/* ---- checking an image that came from outside ---- */

static bool span_ok(struct span s, size_t n)
{
    return s.count <= n && s.first <= n - s.count;
}

static bool text_ok(const struct image *im, struct text t)
{
    return t.at < im->bytes.n && t.n < im->bytes.n - t.at && im->bytes.at[t.at + t.n] == '\0';
}

static bool texts_ok(const struct image *im, const struct text *t, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!text_ok(im, t[i]))
            return false;
    return true;
}

static bool list_ok(const struct image *im, struct span s)
{
    return span_ok(s, im->list.n);
}

static bool rule_ok(const struct image *im, const struct rule_row *r)
{
    const struct text text[] = {r->id,     r->name, r->title,   r->description, r->status,
                                r->author, r->file, r->product, r->category,    r->service};
    bool correlation = r->flags & RULE_CORRELATION;
    return texts_ok(im, text, COUNT(text)) && r->level < LEVEL_COUNT &&
           r->flags <= (RULE_CORRELATION | RULE_GENERATE | RULE_FED) && list_ok(im, r->tag) &&
           list_ok(im, r->reference) && list_ok(im, r->falsepositive) &&
           list_ok(im, r->technique) &&
           (correlation ? r->correlation < im->correlation.n : r->root < im->node.n);
}

static bool node_ok(const struct image *im, const struct node_row *n)
{
    return n->kind <= NODE_TEST && text_ok(im, n->label) && span_ok(n->child, im->child.n) &&
           (n->kind != NODE_NOT || n->child.count == 1) &&
           (n->kind != NODE_TEST || n->child.count == 0);
}

static bool test_ok(const struct image *im, const struct test_row *t)
{
    return t->op < TEST_OP_COUNT && t->unit <= UNIT_YEAR && text_ok(im, t->field) &&
           text_ok(im, t->value);
}

static bool correlation_ok(const struct image *im, const struct correlation_row *c)
{
    return c->type <= CORRELATE_VALUE_MEDIAN && c->bound_mask < 1u << BOUND_COUNT &&
           c->percentile >= 0 && c->percentile <= 100 && c->timespan_ms > 0 &&
           span_ok(c->rule, im->reference.n) && list_ok(im, c->rule_name) &&
           list_ok(im, c->group_by) && list_ok(im, c->field) && span_ok(c->alias, im->alias.n) &&
           (c->condition == ROW_NONE || c->condition < im->node.n);
}

static bool rows_ok(const struct image *im)
{
    bool ok = im->bytes.n > 0 && im->bytes.at[0] == '\0';
    for (size_t i = 0; ok && i < im->rule.n; i++)
        ok = rule_ok(im, &im->rule.at[i]);
    for (size_t i = 0; ok && i < im->node.n; i++)
        ok = node_ok(im, &im->node.at[i]);
    for (size_t i = 0; ok && i < im->child.n; i++)
        ok = im->child.at[i] < im->node.n;
    for (size_t i = 0; ok && i < im->test.n; i++)
        ok = test_ok(im, &im->test.at[i]);
    for (size_t i = 0; ok && i < im->correlation.n; i++)
        ok = correlation_ok(im, &im->correlation.at[i]);
    for (size_t i = 0; ok && i < im->alias.n; i++)
        ok = text_ok(im, im->alias.at[i].name) && text_ok(im, im->alias.at[i].field) &&
             text_ok(im, im->alias.at[i].rule_name);
    for (size_t i = 0; ok && i < im->reference.n; i++)
        ok = im->reference.at[i] < im->rule.n;
    return ok && texts_ok(im, im->list.at, im->list.n);
}

/* The tree below `node`: no deeper than the reader makes them, its tests below `tests`, and no
 * larger written out than `left` allows.  A circle runs out of depth. */
static bool tree_ok(const struct image *im, uint32_t node, size_t tests, unsigned depth,
                    uint32_t *left)
{
    const struct node_row *row = &im->node.at[node];
    if (depth == 0 || *left == 0)
        return false;
    --*left;
    if (row->kind == NODE_TEST)
        return row->test < tests;
    for (uint32_t i = 0; i < row->child.count; i++)
        if (!tree_ok(im, im->child.at[row->child.first + i], tests, depth - 1, left))
            return false;
    return true;
}

bool image_tree_fits(const struct image *im, uint32_t root)
{
    uint32_t left = IMAGE_TREE_MAX;
    return tree_ok(im, root, im->test.n, IMAGE_DEPTH_MAX, &left);
}

/* Every correlation listens to rules before or behind it, but never to itself in the end. */
static bool chain_ok(const struct image *im, uint32_t rule, unsigned depth, uint32_t *left)
{
    const struct rule_row *row = &im->rule.at[rule];
    if (!(row->flags & RULE_CORRELATION))
        return true;
    if (depth == 0 || *left == 0)
        return false;
    --*left;
    struct span s = im->correlation.at[row->correlation].rule;
    for (uint32_t i = 0; i < s.count; i++)
        if (!chain_ok(im, im->reference.at[s.first + i], depth - 1, left))
            return false;
    return true;
}

bool image_valid(const struct image *im)
{
    if (!rows_ok(im))
        return false;
    for (uint32_t i = 0; i < im->rule.n; i++) {
        const struct rule_row *row = &im->rule.at[i];
        uint32_t left = IMAGE_TREE_MAX;
        if (!(row->flags & RULE_CORRELATION)) {
            if (!tree_ok(im, row->root, im->test.n, IMAGE_DEPTH_MAX, &left))
                return false;
            continue;
        }
        const struct correlation_row *c = &im->correlation.at[row->correlation];
        if (c->condition != ROW_NONE &&
            !tree_ok(im, c->condition, c->rule_name.count, IMAGE_DEPTH_MAX, &left))
            return false;
        left = CORRELATION_HEIGHT_MAX * CORRELATION_WAYS_MAX;
        if (!chain_ok(im, i, CORRELATION_HEIGHT_MAX, &left))
            return false;
    }
    return true;
}
