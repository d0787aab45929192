/* SPDX-License-Identifier: Apache-2.0 */
/* Counting: how often did this event follow the last few?
 *
 * Interpolated Kneser-Ney (Kneser and Ney, ICASSP 1995; Chen and Goodman 1999, with one discount for each order): the
 * longest context that was seen speaks first, and what it leaves undecided goes to the one shorter by an event.
 * Shorter ones count not how often a run was seen but after how many different events.
 *
 * Runs of 1 … order symbols are nodes of one hash table.  The key of a run is folded from its last symbol backwards, so
 * the key of what stands before position i is also the key of a run that ends at i-1; a node serves as both: `value` is
 * the count of it as a run, `total` and `kinds` what followed it.  A run that starts with BEGIN, or is as long as can
 * be, has its true count; the others have the number of different symbols before.  So one step adds to the longest
 * run, and only when that is new goes on to the next shorter.
 *
 * The table grows up to NODES_MAX; past that new runs are not added, which shortens contexts. */
#include "base/hash.h"
#include "base/mem.h"
#include "nn/sequence_int.h"

#include <math.h>

enum { ORDER_DEFAULT = 11, ORDER_MAX = 16, NODES_MAX = 2 << 20, NODE_BYTES = 24 };

struct node {
    uint64_t key; /* 0: empty */
    uint32_t value, total, kinds;
};
struct markov {
    uint32_t vocabulary, order;
    struct node root; /* what follows nothing: each event by itself */
    struct node *node;
    size_t nodes, slots; /* slots: a power of two */
    uint64_t seed;       /* of places in the table: keys in a file may mean to collide */
    float discount[ORDER_MAX + 1];
};

static const uint64_t root_key = 0x8f1b2c3d4e5f6071u;

/* The key of the run `key` with one symbol more before it. */
static uint64_t before(uint64_t key, uint32_t symbol)
{
    return hash_mix(key, symbol + 1u) | 1;
}

static struct node *slot_of(const struct markov *m, uint64_t key)
{
    size_t i = (size_t)hash_mix(key, m->seed) & (m->slots - 1);
    while (m->node[i].key && m->node[i].key != key)
        i = (i + 1) & (m->slots - 1);
    return &m->node[i];
}

static const struct node *find(const struct markov *m, uint64_t key)
{
    const struct node *n = slot_of(m, key);
    return n->key ? n : NULL;
}

static void resize(struct markov *m, size_t slots)
{
    struct node *old = m->node;
    size_t had = m->slots;
    m->node = mem_array(struct node, slots);
    m->slots = slots;
    for (size_t i = 0; i < had; i++) {
        if (old[i].key)
            *slot_of(m, old[i].key) = old[i];
    }
    mem_free(old);
}

/* The node of `key`, made when it is new; NULL when there is no more room. */
static struct node *touch(struct markov *m, uint64_t key)
{
    struct node *n = slot_of(m, key);
    if (n->key)
        return n;
    if (m->nodes == NODES_MAX)
        return NULL;
    if ((m->nodes + 1) * 2 > m->slots) {
        resize(m, m->slots * 2);
        n = slot_of(m, key);
    }
    m->nodes++;
    n->key = key;
    return n;
}

/* The symbol at `i` of BEGIN e0 … e(n-1) END. */
static uint32_t symbol_at(const struct markov *m, const uint32_t *event, size_t n, size_t i)
{
    return i == 0 ? m->vocabulary + 1 : i <= n ? event[i - 1] : m->vocabulary;
}

/* Keys of the runs that end at i, key[k] of k symbols, at most `most` of them; returns how many there are. */
static size_t keys_at(const struct markov *m, const uint32_t *event, size_t i, size_t most,
                      uint64_t *key)
{
    size_t n = i + 1 < most ? i + 1 : most;
    key[0] = root_key;
    for (size_t k = 1; k <= n; k++)
        key[k] = before(key[k - 1], i + 1 - k ? event[i - k] : m->vocabulary + 1);
    return n;
}

static void count_position(struct markov *m, const uint32_t *event, size_t n, size_t i)
{
    uint64_t context[ORDER_MAX + 1];
    size_t longest = keys_at(m, event, i - 1, m->order - 1, context);
    uint32_t symbol = symbol_at(m, event, n, i);
    uint64_t run[ORDER_MAX + 1];
    run[0] = before(root_key, symbol);
    for (size_t k = 1; k <= longest; k++)
        run[k] = before(run[k - 1], symbol_at(m, event, n, i - k));
    for (size_t k = longest + 1; k-- > 0;) {
        struct node *r = touch(m, run[k]);
        if (!r)
            continue;
        bool fresh = r->value++ == 0;
        struct node *c = k ? touch(m, context[k]) : &m->root;
        if (c) {
            c->total++;
            c->kinds += fresh;
        }
        if (!fresh)
            break;
    }
}

/* Chen and Goodman's estimate from how many runs were counted once and twice. */
static void set_discounts(struct markov *m, const size_t *once, const size_t *twice)
{
    for (size_t k = 0; k <= ORDER_MAX; k++) {
        double d = once[k] ? (double)once[k] / (double)(once[k] + 2 * twice[k]) : 0.5;
        m->discount[k] = (float)(d < 0.1 ? 0.1 : d > 0.95 ? 0.95 : d);
    }
}

/* A node does not know its order, so walk the data again, each run being taken once. */
static void estimate_discounts(struct markov *m, const struct sequences *data)
{
    size_t once[ORDER_MAX + 1] = {0}, twice[ORDER_MAX + 1] = {0};
    uint8_t *done = mem_zero(m->slots);
    for (size_t s = 0; s < data->count; s++) {
        const uint32_t *event = data->event + data->start[s];
        size_t n = data->start[s + 1] - data->start[s];
        for (size_t i = 1; i <= n + 1; i++) {
            uint64_t key = root_key;
            for (size_t k = 0; k < m->order && k <= i; k++) {
                key = before(key, symbol_at(m, event, n, i - k));
                const struct node *r = find(m, key);
                if (!r || done[r - m->node]++)
                    continue;
                done[r - m->node] = 1;
                once[k] += r->value == 1;
                twice[k] += r->value == 2;
            }
        }
    }
    mem_free(done);
    set_discounts(m, once, twice);
}

static void markov_free(void *net)
{
    struct markov *m = net;
    if (!m)
        return;
    mem_free(m->node);
    mem_free(m);
}

static status markov_train(const struct sequence_shape *s, const struct nn_training *t,
                           const struct sequences *data, const struct sequences *held, void **net,
                           struct error *err)
{
    (void)held;
    size_t order = s->context ? s->context + 1 : ORDER_DEFAULT;
    if (order > ORDER_MAX)
        return fail(err, ST_INVALID, "a context of '%zu' events; markov counts at most %d",
                    s->context, ORDER_MAX - 1);
    struct markov *m = mem_new(struct markov);
    m->vocabulary = data->vocabulary;
    m->order = (uint32_t)order;
    m->seed = hash_seed();
    resize(m, 1024);
    for (size_t i = 0; i < data->count; i++) {
        const uint32_t *event = data->event + data->start[i];
        size_t n = data->start[i + 1] - data->start[i];
        for (size_t k = 1; k <= n + 1; k++)
            count_position(m, event, n, k);
        if (t->progress && i % 64 == 0 &&
            !t->progress(t->arg, 0, 1, (double)i / (double)data->count, 0)) {
            markov_free(m);
            return fail(err, ST_UNAVAILABLE, "training was stopped");
        }
    }
    estimate_discounts(m, data);
    *net = m;
    return ST_OK;
}

/* The nodes of the contexts before `at`, from none to the longest; NULL where one was not seen. */
static size_t contexts_at(const struct markov *m, const uint32_t *event, size_t at,
                          const struct node **context)
{
    uint64_t key[ORDER_MAX + 1];
    size_t n = keys_at(m, event, at, m->order - 1, key);
    context[0] = &m->root;
    for (size_t k = 1; k <= n; k++) {
        context[k] = find(m, key[k]);
        if (!context[k])
            return k; /* what is longer was not seen either */
    }
    return n + 1;
}

/* Each context's word on `symbol`, the shortest first; `symbol` then `event` backwards from at-1. */
static double probability(const struct markov *m, const uint32_t *event, size_t at, uint32_t symbol,
                          const struct node *const *context, size_t contexts)
{
    double p = 1.0 / (m->vocabulary + 1.0);
    uint64_t key = before(root_key, symbol);
    bool known = true;
    for (size_t k = 0; k < contexts; k++) {
        if (k)
            key = before(key, at + 1 - k ? event[at - k] : m->vocabulary + 1);
        double total = context[k]->total;
        if (total == 0)
            continue;
        const struct node *run = known ? find(m, key) : NULL;
        known = run != NULL;
        double d = m->discount[k];
        double own = run && run->value > d ? run->value - d : 0;
        p = own / total + d * context[k]->kinds / total * p;
    }
    return p < 1e-30 ? 1e-30 : p > 1 ? 1 : p;
}

static void markov_predict(const void *net, const uint32_t *event, size_t at, float *log_p)
{
    const struct markov *m = net;
    const struct node *context[ORDER_MAX + 1];
    size_t n = contexts_at(m, event, at, context);
    for (uint32_t s = 0; s <= m->vocabulary; s++)
        log_p[s] = (float)log(probability(m, event, at, s, context, n));
}

static void markov_surprise(const void *net, const uint32_t *event, size_t n, float *surprise,
                            uint32_t *rank)
{
    const struct markov *m = net;
    float *log_p = rank ? mem_array(float, m->vocabulary + 1u) : NULL;
    for (size_t i = 0; i <= n; i++) {
        uint32_t symbol = i < n ? event[i] : m->vocabulary;
        const struct node *context[ORDER_MAX + 1];
        size_t contexts = contexts_at(m, event, i, context);
        surprise[i] = -(float)log(probability(m, event, i, symbol, context, contexts));
        if (rank) {
            markov_predict(m, event, i, log_p);
            rank[i] = sequence_rank(log_p, m->vocabulary + 1u, symbol);
        }
    }
    mem_free(log_p);
}

static int by_key(const void *a, const void *b)
{
    uint64_t x = (*(const struct node *const *)a)->key, y = (*(const struct node *const *)b)->key;
    return (x > y) - (x < y);
}

/* order, nodes, the root's and the discounts, then of each node: key, value, total, kinds.  By their keys: what was read is
 * written as it was, wherever the nodes lie in memory. */
static void markov_write(const void *net, struct sbuf *out)
{
    const struct markov *m = net;
    put_u64(out, m->order);
    put_u64(out, m->nodes);
    put_u64(out, m->root.total);
    put_u64(out, m->root.kinds);
    put_floats(out, m->discount, ORDER_MAX + 1);
    const struct node **sorted = mem_zero(size_mul(m->nodes + 1, sizeof *sorted));
    size_t nodes = 0;
    for (size_t i = 0; i < m->slots; i++)
        if (m->node[i].key)
            sorted[nodes++] = &m->node[i];
    qsort(sorted, nodes, sizeof *sorted, by_key);
    for (size_t i = 0; i < nodes; i++) {
        put_u64(out, sorted[i]->key);
        put_u64(out, (uint64_t)sorted[i]->total << 32 | sorted[i]->value);
        put_u64(out, sorted[i]->kinds);
    }
    mem_free(sorted);
}

static bool read_nodes(struct markov *m, struct reader *r, uint64_t nodes)
{
    for (uint64_t i = 0; i < nodes; i++) {
        uint64_t key = take_u64(r), both = take_u64(r), kinds = take_u64(r);
        if (!r->ok || !(key & 1) || kinds > both >> 32)
            return false;
        struct node *n = touch(m, key);
        if (!n || n->value || n->total)
            return false; /* twice */
        n->value = (uint32_t)both;
        n->total = (uint32_t)(both >> 32);
        n->kinds = (uint32_t)kinds;
    }
    return true;
}

static status markov_read(struct reader *r, uint32_t vocabulary, void **net, struct error *err)
{
    uint64_t order = take_u64(r), nodes = take_u64(r), total = take_u64(r), kinds = take_u64(r);
    if (!r->ok || order < 1 || order > ORDER_MAX || nodes > rd_left(r) / NODE_BYTES ||
        nodes > NODES_MAX || total > UINT32_MAX || kinds > total)
        return fail(err, ST_INVALID, "a counter of order '%llu' with '%llu' runs can not be",
                    (unsigned long long)order, (unsigned long long)nodes);
    struct markov *m = mem_new(struct markov);
    m->vocabulary = vocabulary;
    m->order = (uint32_t)order;
    m->root.total = (uint32_t)total;
    m->root.kinds = (uint32_t)kinds;
    m->seed = hash_seed();
    resize(m, 1024);
    bool good = take_floats(r, m->discount, ORDER_MAX + 1);
    for (size_t k = 0; good && k <= ORDER_MAX; k++)
        good = m->discount[k] > 0 && m->discount[k] <= 1;
    if (!good || !read_nodes(m, r, nodes)) {
        markov_free(m);
        return fail(err, ST_INVALID, "the counts are cut short or can not be");
    }
    *net = m;
    return ST_OK;
}

const struct learner learner_markov = {
    .name = "markov",
    .folds = true,
    .train = markov_train,
    .free = markov_free,
    .surprise = markov_surprise,
    .predict = markov_predict,
    .write = markov_write,
    .read = markov_read,
};
