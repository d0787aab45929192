/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "base/random.h"
#include "os/team.h"
#include "tree/iforest_int.h"

#include <assert.h>
#include <float.h>
#include <math.h>

struct range {
    uint32_t begin, end, depth;
};
struct grower {
    struct random random;
    struct iforest_tree *tree;
    uint32_t columns, rows, parts; /* parts: of a split, at most */
    unsigned deepest;
    float *value;     /* (columns, rows): the sample, infinities cut off */
    uint32_t *index;  /* (rows): put in order node by node */
    uint32_t *column; /* (columns): a permutation */
    float *row;       /* (columns) */
    VEC(struct range) range;
};

/* ---- the sample ---- */

/* `rows` different ones of n (Floyd; Bentley, "Programming pearls: a sample of brilliance", 1987). */
static void draw(struct grower *g, size_t n, uint32_t *out)
{
    uint32_t size = 1;
    while (size < 2 * g->rows)
        size *= 2;
    uint32_t *table = mem_array(uint32_t, size); /* 0: free */
    for (uint32_t k = 0; k < g->rows; k++) {
        uint32_t last = (uint32_t)(n - g->rows) + k, pick = random_below(&g->random, last + 1);
        for (;;) {
            uint32_t at = pick * 2654435761U & (size - 1);
            while (table[at] && table[at] != pick + 1)
                at = (at + 1) & (size - 1);
            if (!table[at]) {
                table[at] = out[k] = pick + 1;
                break;
            }
            pick = last; /* which is in nobody's way yet */
        }
    }
    mem_free(table);
}

static void take_sample(struct grower *g, const float *x, size_t n, size_t stride)
{
    draw(g, n, g->index);
    for (uint32_t i = 0; i < g->rows; i++) {
        const float *from = x + (size_t)(g->index[i] - 1) * stride;
        for (uint32_t c = 0; c < g->columns; c++)
            g->value[(size_t)c * g->rows + i] =
                isnan(from[c]) ? from[c] : fmaxf(fminf(from[c], FLT_MAX), -FLT_MAX);
    }
    for (uint32_t i = 0; i < g->rows; i++)
        g->index[i] = i;
}

/* ---- splits ---- */

/* Of the values that are there; false: they do not differ. */
static bool limits(const struct grower *g, uint32_t column, struct range r, float *least,
                   float *most)
{
    const float *v = g->value + (size_t)column * g->rows;
    *least = FLT_MAX;
    *most = -FLT_MAX;
    for (uint32_t i = r.begin; i < r.end; i++) {
        float x = v[g->index[i]];
        *least = x < *least ? x : *least; /* not for NaN */
        *most = x > *most ? x : *most;
    }
    return *least < *most;
}

/* least < result <= most */
static float between(struct grower *g, float least, float most)
{
    double at = (double)least + random_01(&g->random) * ((double)most - (double)least);
    float f = (float)at;
    return f > least && f <= most ? f : most;
}

/* Random columns whose values differ, and where each is cut. */
static uint32_t choose(struct grower *g, struct range r, struct iforest_part *part)
{
    uint32_t found = 0;
    for (uint32_t tried = 0; tried < g->columns && found < g->parts; tried++) {
        uint32_t other = tried + random_below(&g->random, g->columns - tried);
        uint32_t column = g->column[other];
        float least, most;
        g->column[other] = g->column[tried];
        g->column[tried] = column;
        if (!limits(g, column, r, &least, &most))
            continue;
        part[found] = (struct iforest_part){column, 1, between(g, least, most)};
        if (g->parts > 1) { /* by its range, so that no column drowns the others */
            double weight = random_normal(&g->random) / ((double)most - (double)least);
            part[found].weight = (float)fmax(fmin(weight, (double)FLT_MAX), (double)-FLT_MAX);
        }
        found++;
    }
    return found;
}

/* Put the rows that go left before those that go right, and those with missing values between: first of the right. */
static void divide(struct grower *g, struct range r, const struct iforest_node *n,
                   const struct iforest_part *part, uint32_t *left_end, uint32_t *missing_end)
{
    uint32_t left = r.begin, end = r.end, missing = left;
    for (uint32_t i = r.begin; i < end;) {
        uint32_t row = g->index[i];
        bool lacks = false;
        for (uint32_t k = 0; k < n->parts; k++) {
            float v = g->value[(size_t)part[k].column * g->rows + row];
            lacks |= isnan(v);
            g->row[part[k].column] = v;
        }
        if (!lacks && !iforest_goes_left(n, part, g->row)) {
            g->index[i] = g->index[--end];
            g->index[end] = row;
            continue;
        }
        if (!lacks) {
            g->index[i] = g->index[missing];
            g->index[missing] = g->index[left];
            g->index[left++] = row;
        }
        missing++;
        i++;
    }
    *left_end = left;
    *missing_end = missing;
}

enum { TRIES = 8 };

/* A split with rows on both sides; false: none was found. */
static bool split(struct grower *g, uint32_t at, struct range r, uint32_t *middle)
{
    struct iforest_part few[8], *part = few;
    struct iforest_node n = {0};
    bool ok = false;
    if (g->parts > COUNT(few))
        part = mem_array(struct iforest_part, g->parts);
    for (unsigned tries = 0; tries < TRIES && !ok; tries++) {
        uint32_t left, missing;
        n.parts = choose(g, r, part);
        if (!n.parts)
            break;
        divide(g, r, &n, part, &left, &missing);
        n.default_left = left - r.begin > r.end - missing;
        *middle = n.default_left ? missing : left;
        ok = *middle > r.begin && *middle < r.end;
    }
    for (uint32_t k = 0; ok && k < n.parts; k++)
        *vec_push(&g->tree->parts) = part[k];
    if (ok) {
        struct iforest_node *node = &g->tree->nodes.at[at];
        node->parts = n.parts;
        node->part = (uint32_t)g->tree->parts.n - n.parts;
        node->default_left = n.default_left;
    }
    if (part != few)
        mem_free(part);
    return ok;
}

static void push(struct grower *g, struct range r)
{
    *vec_push(&g->tree->nodes) = (struct iforest_node){.count = r.end - r.begin};
    *vec_push(&g->range) = r;
}

static void grow(struct grower *g)
{
    push(g, (struct range){0, g->rows, 0});
    for (uint32_t i = 0; i < g->tree->nodes.n; i++) {
        struct range r = g->range.at[i];
        uint32_t middle;
        if (r.end - r.begin < 2 || r.depth == g->deepest || !split(g, i, r, &middle))
            continue;
        g->tree->nodes.at[i].left = (uint32_t)g->tree->nodes.n;
        push(g, (struct range){r.begin, middle, r.depth + 1});
        push(g, (struct range){middle, r.end, r.depth + 1});
    }
}

/* ---- the forest ---- */

struct job {
    const struct iforest_options *o;
    struct iforest *f;
    const float *x;
    size_t n, stride;
    unsigned deepest;
};

static void one_tree(void *arg, size_t task, unsigned worker)
{
    const struct job *j = arg;
    (void)worker;
    struct grower g = {
        .tree = &j->f->tree[task],
        .columns = j->f->columns,
        .rows = j->f->sample,
        .parts = j->f->extension + 1,
        .deepest = j->deepest,
        .value = mem_array(float, size_mul(j->f->columns, j->f->sample)),
        .index = mem_array(uint32_t, j->f->sample),
        .column = mem_array(uint32_t, j->f->columns),
        .row = mem_array(float, j->f->columns),
    };
    random_init(&g.random, j->o->seed, task);
    for (uint32_t c = 0; c < g.columns; c++)
        g.column[c] = c;
    take_sample(&g, j->x, j->n, j->stride);
    grow(&g);
    mem_free(g.value);
    mem_free(g.index);
    mem_free(g.column);
    mem_free(g.row);
    vec_done(&g.range);
}

static uint32_t most(size_t wish, size_t otherwise, size_t limit)
{
    wish = wish ? wish : otherwise;
    return (uint32_t)(wish < limit ? wish : limit);
}

void iforest_train(const struct iforest_options *o, const float *x, size_t n, size_t d,
                   size_t stride, struct team *team, struct iforest **out)
{
    assert(n > 0 && n <= UINT32_MAX && d > 0 && d <= IFOREST_COLUMNS_MAX);
    struct iforest *f = mem_new(struct iforest);
    f->columns = (uint32_t)d;
    f->trees = most(o->trees, 200, IFOREST_TREES_MAX);
    f->sample = most(o->sample, 256, n < IFOREST_SAMPLE_MAX ? n : IFOREST_SAMPLE_MAX);
    f->extension = o->extension < d ? o->extension : (uint32_t)d - 1;
    f->tree = mem_array(struct iforest_tree, f->trees);
    struct job j = {.o = o, .f = f, .x = x, .n = n, .stride = stride};
    while ((1U << j.deepest) < f->sample)
        j.deepest++;
    team_run(team, f->trees, one_tree, &j);
    status st = iforest_finish(f, NULL);
    assert(st == ST_OK);
    (void)st; /* what was grown is a tree */
    *out = f;
}
