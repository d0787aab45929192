/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "base/vec.h"
#include "ml/bytes.h"
#include "ml/ngram_int.h"

#include <math.h>
#include <stdlib.h>

enum { KEYS_MAX = 1 << 26 }; /* that are counted when runs are chosen: 512 MiB */

struct keys {
    VEC(uint64_t) key; /* run, and the label in the lowest bit */
};

struct candidate {
    struct run run;
    double worth;
};

void runs_done(struct runs *r)
{
    mem_free(r->at);
    *r = (struct runs){0};
}

static int by_number(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static int by_key(const void *a, const void *b)
{
    const struct run *x = a, *y = b;
    return (x->key > y->key) - (x->key < y->key);
}

static int by_worth(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    if (x->worth > y->worth || x->worth < y->worth)
        return x->worth < y->worth ? 1 : -1;
    return by_key(&x->run, &y->run);
}

/* The run that starts at `event` and is one event longer than `key`, of `length` events. */
static uint64_t longer(uint64_t key, uint32_t event, size_t length)
{
    return key | (uint64_t)(event + 1) << (RUN_BITS * length);
}

/* ---- choosing ---- */

/* Each run of one session once. */
static void add_session(struct keys *k, const uint32_t *event, size_t n, uint8_t label,
                        uint64_t *room)
{
    size_t runs = 0;
    for (size_t i = 0; i < n; i++) {
        uint64_t key = 0;
        for (size_t length = 0; length < RUN_EVENTS && i + length < n; length++)
            room[runs++] = key = longer(key, event[i + length], length);
    }
    if (runs)
        qsort(room, runs, sizeof *room, by_number);
    for (size_t i = 0; i < runs; i++)
        if (i == 0 || room[i] != room[i - 1])
            *vec_push(&k->key) = room[i] << 1 | label;
}

/* Of very many sessions every so manieth: how often a run occurs shows in those too. */
static void collect(struct keys *k, const struct sequences *s, const uint8_t *label,
                    size_t sessions[2])
{
    uint64_t longest = 0, step = 1 + (s->start[s->count] - s->start[0]) * RUN_EVENTS / KEYS_MAX;
    for (size_t i = 0; i < s->count; i++) {
        uint64_t n = s->start[i + 1] - s->start[i];
        longest = n > longest ? n : longest;
    }
    uint64_t *room = mem_array(uint64_t, size_mul(longest + 1, RUN_EVENTS));
    for (size_t i = 0; i < s->count; i += step) {
        add_session(k, s->event + s->start[i], s->start[i + 1] - s->start[i], label[i], room);
        sessions[label[i]]++;
    }
    mem_free(room);
}

/* How far the parts of both labels that have it are apart, in deviations of what chance makes of it (as the chi-squared statistic
 * of a table of four). */
static struct candidate candidate_of(uint64_t key, const size_t in[2], const size_t sessions[2])
{
    double n0 = sessions[0] ? (double)sessions[0] : 1, n1 = sessions[1] ? (double)sessions[1] : 1;
    double normal = (double)in[0] / n0, attack = (double)in[1] / n1;
    double all = (double)(in[0] + in[1] + 1) / (n0 + n1 + 2);
    return (struct candidate){.run = {key, (float)normal, (float)attack},
                              .worth = fabs(normal - attack) /
                                       sqrt(all * (1 - all) * (1 / n0 + 1 / n1))};
}

void runs_choose(struct runs *r, const struct sequences *s, const uint8_t *label,
                 size_t sessions_min, size_t most)
{
    struct keys k = {0};
    struct {
        struct candidate *at;
        size_t n, room;
    } c = {0};
    size_t sessions[2] = {0};
    collect(&k, s, label, sessions);
    if (k.key.n)
        qsort(k.key.at, k.key.n, sizeof *k.key.at, by_number);
    for (size_t i = 0, end; i < k.key.n; i = end) {
        size_t in[2] = {0};
        for (end = i; end < k.key.n && k.key.at[end] >> 1 == k.key.at[i] >> 1; end++)
            in[k.key.at[end] & 1]++;
        if (in[0] + in[1] >= sessions_min)
            *vec_push(&c) = candidate_of(k.key.at[i] >> 1, in, sessions);
    }
    if (c.n > most)
        qsort(c.at, c.n, sizeof *c.at, by_worth);
    r->n = (uint32_t)(c.n < most ? c.n : most);
    r->at = mem_array(struct run, (size_t)r->n + 1);
    for (uint32_t i = 0; i < r->n; i++)
        r->at[i] = c.at[i].run;
    qsort(r->at, r->n, sizeof *r->at, by_key);
    vec_done(&c);
    vec_done(&k.key);
}

/* ---- use ---- */

static uint32_t place_of(const struct runs *r, uint64_t key)
{
    uint32_t low = 0, n = r->n;
    while (n > 1) { /* without a branch that could be guessed wrong */
        uint32_t half = n / 2;
        low += r->at[low + half].key <= key ? half : 0;
        n -= half;
    }
    return n && r->at[low].key == key ? low : r->n;
}

size_t runs_count(const struct runs *r, const uint32_t *event, size_t n, uint32_t *times)
{
    size_t found = 0;
    memset(times, 0, r->n * sizeof *times);
    for (size_t i = 0; i < n; i++) {
        uint64_t key = 0;
        for (size_t length = 0; length < RUN_EVENTS && i + length < n; length++) {
            key = longer(key, event[i + length], length);
            uint32_t at = place_of(r, key);
            if (at < r->n)
                found += times[at]++ == 0;
        }
    }
    return found;
}

void runs_share(const uint32_t *times, size_t n, float *row)
{
    double squares = 0;
    for (size_t i = 0; i < n; i++) {
        row[i] = times[i] ? 1 + logf((float)times[i]) : 0;
        squares += (double)row[i] * (double)row[i];
    }
    float scale = squares > 0 ? (float)(1 / sqrt(squares)) : 0;
    for (size_t i = 0; i < n; i++)
        row[i] *= scale;
}

size_t run_events(uint64_t key, uint32_t event[static RUN_EVENTS])
{
    size_t n = 0;
    for (; key && n < RUN_EVENTS; key >>= RUN_BITS)
        event[n++] = (uint32_t)(key & ((1U << RUN_BITS) - 1)) - 1;
    return n;
}

/* ---- file ---- */

void runs_write(const struct runs *r, struct sbuf *out)
{
    put_u32(out, r->n);
    for (uint32_t i = 0; i < r->n; i++) {
        put_u64(out, r->at[i].key);
        put_f32(out, r->at[i].normal);
        put_f32(out, r->at[i].attack);
    }
}

static bool is_part(float v)
{
    return v >= 0 && v <= 1;
}

/* Events of the vocabulary, and nothing behind where it ends. */
static bool is_run(uint64_t key, uint32_t vocabulary)
{
    size_t n = 0;
    for (; key; key >>= RUN_BITS, n++) {
        uint64_t event = key & ((1U << RUN_BITS) - 1);
        if (event == 0 || event > vocabulary)
            return false;
    }
    return n >= 1 && n <= RUN_EVENTS;
}

bool runs_read(struct runs *r, struct reader *in, uint32_t vocabulary)
{
    uint32_t n = rd_count(in, RUN_COLUMNS_MAX);
    if (n > rd_left(in) / 16)
        return false;
    r->at = mem_array(struct run, (size_t)n + 1);
    for (; r->n < n; r->n++) {
        struct run *run = &r->at[r->n];
        run->key = rd_u64(in);
        run->normal = rd_f32(in);
        run->attack = rd_f32(in);
        if (!is_run(run->key, vocabulary) || (r->n && run->key <= run[-1].key) ||
            !is_part(run->normal) || !is_part(run->attack))
            return false;
    }
    return in->ok;
}
