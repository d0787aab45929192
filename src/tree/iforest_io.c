/* SPDX-License-Identifier: Apache-2.0 */
/* Isolation forests as bytes, all numbers little-endian:
 *
 *     "bgifor01"  u32 columns, trees, sample, extension
 *     each tree:  u32 nodes; each node: u32 left (0: a leaf), count
 *     each split: u8 default_left, u32 parts; each part: u32 column, f32 weight, point
 *
 * Lengths of paths are not kept: they follow from counts and depths. */
#include "base/mem.h"
#include "base/reader.h"
#include "tree/iforest_int.h"

#include <math.h>

static const char magic[8] = "bgifor01";

static void put_u32(struct sbuf *o, uint32_t v)
{
    const char bytes[4] = {(char)(v & 0xff), (char)(v >> 8 & 0xff), (char)(v >> 16 & 0xff),
                           (char)(v >> 24)};
    sbuf_add(o, (str){bytes, 4});
}

static void put_f32(struct sbuf *o, float f)
{
    uint32_t v;
    memcpy(&v, &f, sizeof v);
    put_u32(o, v);
}

static void put_node(struct sbuf *o, const struct iforest_node *n, const struct iforest_part *part)
{
    put_u32(o, n->left);
    put_u32(o, n->count);
    if (!n->left)
        return;
    sbuf_addc(o, n->default_left ? 1 : 0);
    put_u32(o, n->parts);
    for (uint32_t i = 0; i < n->parts; i++) {
        put_u32(o, part[i].column);
        put_f32(o, part[i].weight);
        put_f32(o, part[i].point);
    }
}

void iforest_write(const struct iforest *f, struct sbuf *out)
{
    sbuf_add(out, (str){magic, sizeof magic});
    put_u32(out, f->columns);
    put_u32(out, f->trees);
    put_u32(out, f->sample);
    put_u32(out, f->extension);
    for (uint32_t i = 0; i < f->trees; i++) {
        const struct iforest_tree *t = &f->tree[i];
        put_u32(out, (uint32_t)t->nodes.n);
        for (uint32_t k = 0; k < t->nodes.n; k++)
            put_node(out, &t->nodes.at[k], t->parts.at + t->nodes.at[k].part);
    }
}

static uint32_t get_u32(struct reader *r)
{
    str s = rd_take(r, 4);
    uint32_t v = 0;
    for (size_t i = s.n; i-- > 0;)
        v = v << 8 | (uint8_t)s.p[i];
    return v;
}

static float get_f32(struct reader *r)
{
    uint32_t v = get_u32(r);
    float f;
    memcpy(&f, &v, sizeof f);
    return f;
}

/* Node `i` of a tree whose nodes up to `*next` have a parent. */
static bool get_node(struct reader *r, const struct iforest *f, struct iforest_tree *t, uint32_t i,
                     uint32_t nodes, uint32_t *next)
{
    struct iforest_node n = {.left = get_u32(r), .count = get_u32(r)};
    n.part = (uint32_t)t->parts.n;
    if (i >= *next || !n.count)
        return false;
    if (n.left) {
        str flag = rd_take(r, 1);
        n.default_left = flag.n && *flag.p == 1;
        n.parts = get_u32(r);
        if (!flag.n || (uint8_t)*flag.p > 1 || n.left != *next || n.left > nodes - 2 || !n.parts ||
            n.parts > f->extension + 1)
            return false;
        *next += 2;
        for (uint32_t k = 0; k < n.parts && r->ok; k++) {
            struct iforest_part p = {get_u32(r), get_f32(r), get_f32(r)};
            if (p.column >= f->columns || !isfinite(p.weight) || !isfinite(p.point) ||
                (f->extension == 0 && p.weight != 1))
                return false;
            *vec_push(&t->parts) = p;
        }
    }
    *vec_push(&t->nodes) = n;
    return r->ok;
}

static status get_tree(struct reader *r, const struct iforest *f, uint32_t number,
                       struct error *err)
{
    uint32_t nodes = get_u32(r), next = 1;
    bool ok = r->ok && nodes > 0 && nodes <= 2 * f->sample - 1 && nodes <= rd_left(r) / 8;
    for (uint32_t i = 0; ok && i < nodes; i++)
        ok = get_node(r, f, &f->tree[number], i, nodes, &next);
    return ok && next == nodes ? ST_OK : fail(err, ST_INVALID, "tree %u is damaged", number);
}

static bool get_head(struct reader *r, struct iforest *f)
{
    rd_expect(r, (str){magic, sizeof magic});
    f->columns = get_u32(r);
    f->trees = get_u32(r);
    f->sample = get_u32(r);
    f->extension = get_u32(r);
    return r->ok && f->columns && f->columns <= IFOREST_COLUMNS_MAX && f->trees &&
           f->trees <= IFOREST_TREES_MAX && f->trees <= rd_left(r) / 12 && f->sample &&
           f->sample <= IFOREST_SAMPLE_MAX && f->extension < f->columns;
}

status iforest_read(str bytes, struct iforest **out, struct error *err)
{
    struct reader r = reader_of(bytes);
    struct iforest *f = mem_new(struct iforest);
    status st = get_head(&r, f) ? ST_OK : fail(err, ST_INVALID, "this is no isolation forest");
    if (!st)
        f->tree = mem_array(struct iforest_tree, f->trees);
    for (uint32_t i = 0; i < f->trees && !st; i++)
        st = get_tree(&r, f, i, err);
    if (!st && rd_left(&r))
        st = fail(err, ST_INVALID, "something follows the isolation forest");
    if (!st)
        st = iforest_finish(f, err);
    if (st) {
        iforest_free(f);
        return st;
    }
    *out = f;
    return ST_OK;
}
