/* SPDX-License-Identifier: Apache-2.0 */
#include "rule/window.h"

#include <assert.h>
#include <math.h>

/* ---- what kind of judgement ---- */

static bool has_not(const struct image *im, uint32_t node)
{
    const struct node_row *n = &im->node.at[node];
    if (n->kind == NODE_NOT)
        return true;
    for (uint32_t i = 0; i < n->child.count; i++)
        if (has_not(im, im->child.at[n->child.first + i]))
            return true;
    return false;
}

static bool closes(const struct image *im, const struct correlation_row *row)
{
    const unsigned only_lower = 1u << BOUND_GT | 1u << BOUND_GTE;
    if (row->type >= CORRELATE_VALUE_AVG || (row->bound_mask & ~only_lower))
        return true;
    return row->condition != ROW_NONE && has_not(im, row->condition);
}

/* The least count that satisfies the lower bounds. */
static uint32_t least(const struct correlation_row *row)
{
    double n = 1;
    if (row->bound_mask & 1u << BOUND_GTE)
        n = fmax(n, ceil(row->bound[BOUND_GTE]));
    if (row->bound_mask & 1u << BOUND_GT)
        n = fmax(n, floor(row->bound[BOUND_GT]) + 1);
    return n < WINDOW_ENTRIES_MAX ? (uint32_t)n : WINDOW_ENTRIES_MAX;
}

struct window_rule window_rule_of(const struct image *im, const struct correlation_row *row)
{
    struct window_rule r = {im, row, closes(im, row), WINDOW_ENTRIES_MAX};
    bool counts = row->type == CORRELATE_EVENT_COUNT || row->type == CORRELATE_VALUE_COUNT;
    if (!r.closes && counts)
        r.keep = least(row);
    return r;
}

/* ---- entries ---- */

static void drop_first(struct window *w, uint32_t n)
{
    w->n -= n;
    memmove(w->entry, w->entry + n, w->n * sizeof *w->entry);
}

static void append(struct window *w, struct entry e)
{
    if (w->n == w->room) {
        w->room = w->room ? w->room * 2 : 2;
        w->entry = mem_resize(w->entry, size_mul(w->room, sizeof *w->entry));
    }
    w->entry[w->n++] = e;
}

/* Forget what is older than the timespan (sliding windows only). */
static void prune(const struct window_rule *r, struct window *w, int64_t now_ms)
{
    uint32_t old = 0;
    while (old < w->n && now_ms - w->entry[old].time_ms > r->row->timespan_ms)
        old++;
    if (old)
        drop_first(w, old);
}

/* Append, or move the entry of the same value to the end. */
static void append_distinct(struct window *w, struct entry e)
{
    for (uint32_t i = w->n; i-- > 0;)
        if (w->entry[i].value == e.value) {
            memmove(w->entry + i, w->entry + i + 1, (w->n - i - 1) * sizeof e);
            w->entry[w->n - 1] = e;
            return;
        }
    append(w, e);
}

/* Sequences: entry k holds when the latest chain of rules 0..k began; TIME_NONE: there is none. */
static void extend_chain(const struct window_rule *r, struct window *w, int64_t time_ms,
                         uint32_t position)
{
    while (w->n < r->row->rule.count)
        append(w, (struct entry){.time_ms = TIME_NONE});
    if (position == 0) {
        w->entry[0].time_ms = time_ms;
        return;
    }
    int64_t begun = w->entry[position - 1].time_ms;
    if (begun != TIME_NONE && time_ms - begun <= r->row->timespan_ms &&
        begun > w->entry[position].time_ms)
        w->entry[position].time_ms = begun;
}

uint32_t rule_window_add(const struct window_rule *r, struct window *w, int64_t time_ms,
                         uint32_t position, uint64_t value, double number)
{
    if (w->count++ == 0)
        w->start_ms = time_ms;
    w->last_ms = time_ms;
    if (r->row->type == CORRELATE_TEMPORAL_ORDERED) {
        extend_chain(r, w, time_ms, position);
        return 0;
    }
    if (!r->closes)
        prune(r, w, time_ms);
    struct entry e = {.time_ms = time_ms};
    if (r->row->type == CORRELATE_TEMPORAL)
        e.value = position;
    else if (r->row->type == CORRELATE_VALUE_COUNT)
        e.value = value;
    else
        e.number = number;
    if (r->row->type == CORRELATE_TEMPORAL || r->row->type == CORRELATE_VALUE_COUNT)
        append_distinct(w, e);
    else if (!(r->closes && r->row->type == CORRELATE_EVENT_COUNT))
        append(w, e);
    if (w->n <= r->keep)
        return 0;
    uint32_t over = w->n - r->keep;
    drop_first(w, over);
    return r->keep == WINDOW_ENTRIES_MAX ? over : 0; /* below that, the rest is never asked for */
}

/* ---- judgement ---- */

static int by_number(const void *x, const void *y)
{
    double a = ((const struct entry *)x)->number, b = ((const struct entry *)y)->number;
    return (a > b) - (a < b);
}

/* Percentile with linear interpolation between closest ranks (Hyndman and Fan 1996, type 7). */
static double percentile(struct window *w, double p)
{
    qsort(w->entry, w->n, sizeof *w->entry, by_number); /* the window is closing: order is free */
    double rank = p / 100 * (w->n - 1);
    uint32_t below = (uint32_t)rank, above = below + 1 < w->n ? below + 1 : below;
    double part = rank - below;
    return w->entry[below].number * (1 - part) + w->entry[above].number * part;
}

static double sum(const struct window *w)
{
    double total = 0;
    for (uint32_t i = 0; i < w->n; i++)
        total += w->entry[i].number;
    return total;
}

/* Bit k: rule k has been seen (in order, for sequences) and still counts. */
static uint64_t seen(const struct window_rule *r, const struct window *w)
{
    uint64_t mask = 0;
    for (uint32_t i = 0; i < w->n; i++) {
        if (r->row->type == CORRELATE_TEMPORAL)
            mask |= (uint64_t)1 << w->entry[i].value;
        else if (w->entry[i].time_ms != TIME_NONE &&
                 (r->closes || w->last_ms - w->entry[i].time_ms <= r->row->timespan_ms))
            mask |= (uint64_t)1 << i;
    }
    return mask;
}

double window_figure(const struct window_rule *r, struct window *w)
{
    switch ((enum correlation_type)r->row->type) {
    case CORRELATE_EVENT_COUNT:
        return r->closes ? (double)w->count : w->n;
    case CORRELATE_VALUE_COUNT:
        return w->n;
    case CORRELATE_TEMPORAL:
    case CORRELATE_TEMPORAL_ORDERED:
        return __builtin_popcountll(seen(r, w));
    case CORRELATE_VALUE_SUM:
        return sum(w);
    case CORRELATE_VALUE_AVG:
        return w->n ? sum(w) / w->n : 0;
    case CORRELATE_VALUE_PERCENTILE:
        return w->n ? percentile(w, r->row->percentile) : 0;
    case CORRELATE_VALUE_MEDIAN:
        return w->n ? percentile(w, 50) : 0;
    }
    return 0;
}

static bool holds(const struct image *im, uint32_t node, uint64_t mask)
{
    const struct node_row *n = &im->node.at[node];
    if (n->kind == NODE_TEST)
        return mask >> n->test & 1;
    if (n->kind == NODE_NOT)
        return !holds(im, im->child.at[n->child.first], mask);
    for (uint32_t i = 0; i < n->child.count; i++)
        if (holds(im, im->child.at[n->child.first + i], mask) != (n->kind == NODE_AND))
            return n->kind == NODE_OR;
    return n->kind == NODE_AND;
}

static bool in_bounds(const struct correlation_row *row, double x)
{
    const double *b = row->bound;
    bool ok[BOUND_COUNT] = {
        [BOUND_LT] = x<b[BOUND_LT], [BOUND_LTE] = x <= b[BOUND_LTE], [BOUND_GT] = x> b[BOUND_GT],
        [BOUND_GTE] = x >= b[BOUND_GTE],
        [BOUND_EQ] = !(x < b[BOUND_EQ]) && !(x > b[BOUND_EQ]),
        [BOUND_NEQ] = x < b[BOUND_NEQ] || x > b[BOUND_NEQ],
    };
    for (unsigned i = 0; i < BOUND_COUNT; i++)
        if ((row->bound_mask >> i & 1) && !ok[i])
            return false;
    return true;
}

bool window_met(const struct window_rule *r, struct window *w)
{
    const struct correlation_row *row = r->row;
    bool temporal = row->type == CORRELATE_TEMPORAL || row->type == CORRELATE_TEMPORAL_ORDERED;
    if (row->type >= CORRELATE_VALUE_SUM && w->n == 0)
        return false;
    if (row->condition != ROW_NONE)
        return holds(r->image, row->condition, seen(r, w));
    if (temporal && row->bound_mask == 0)
        return window_figure(r, w) >= row->rule.count;
    return in_bounds(row, window_figure(r, w));
}

void window_reported(const struct window_rule *r, struct window *w)
{
    w->fired = true;
    if (r->row->type != CORRELATE_TEMPORAL_ORDERED)
        return;
    for (uint32_t i = 0; i < w->n; i++)
        w->entry[i].time_ms = TIME_NONE;
    w->fired = false;
}

void window_done(struct window *w)
{
    mem_free(w->entry);
    *w = (struct window){0};
}
