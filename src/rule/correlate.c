/* SPDX-License-Identifier: Apache-2.0 */
/* Samples arrive in input order, which is not time order: logs are rotated,
 * merged, delayed.  They wait in a heap by event time, as long as the lateness
 * and half of the memory allow, and leave it in time order; so everything
 * behind the heap sees time go one way.  A sample older than what has already
 * left is late: counted, not used.
 *
 *     feed ──▶ heap ──(time order)──▶ process ──▶ group ──▶ window ──met──▶ finding
 *                                        ▲                                     │
 *                                        └──────── correlations above ─────────┘
 *
 * A finding of a correlation is fed at once to the correlations that listen to
 * it, with the sample that completed it, whose fields include theirs. */
#include "base/hash.h"
#include "rule/evaluate.h"
#include "rule/group.h"
#include "rule/sample.h"

#include <assert.h>
#include <math.h>

enum { DEFAULT_BYTES = 64 << 20, KEY_MAX = 4096 };

struct waiting {
    int64_t time_ms;
    uint64_t sequence;     /* of arrival: equal times leave in this order */
    struct sample *sample; /* owned */
    size_t bytes;
};

struct watch { /* one correlation */
    uint32_t rule;
    const struct correlation_row *row;
    struct window_rule window;
};

struct correlator {
    const struct rule_set *set;
    struct correlator_limits limits;
    struct watch *watch; /* owned */
    uint32_t watches;
    uint32_t *watch_of; /* owned; rule number → watch */
    struct groups groups;
    VEC(struct waiting) heap;
    size_t heap_bytes;
    uint64_t sequence;
    int64_t newest_ms, done_ms; /* newest fed; newest that has left the heap */
    int64_t clock_ms;           /* event time it is now: the newest, or later by correlator_tick */
    int64_t wall_ms;            /* of the latest tick; TIME_NONE before it */
    int64_t newest_wall_ms;     /* when the newest came, by that clock */
    struct sbuf key;            /* scratch */
    uint64_t evicted, late, lost;

    struct arena *arena; /* of the call in progress */
    correlation_fn *emit;
    void *arg;
};

struct correlator *correlator_new(const struct rule_set *set, const struct correlator_limits *l)
{
    struct correlator *c = mem_new(struct correlator);
    const struct image *im = &set->image;
    c->set = set;
    c->limits = l ? *l : (struct correlator_limits){0};
    if (c->limits.max_bytes == 0)
        c->limits.max_bytes = DEFAULT_BYTES;
    c->watch = mem_array(struct watch, im->correlation.n);
    c->watch_of = mem_array(uint32_t, im->rule.n);
    for (uint32_t r = 0; r < im->rule.n; r++) {
        if (!(im->rule.at[r].flags & RULE_CORRELATION))
            continue;
        const struct correlation_row *row = &im->correlation.at[im->rule.at[r].correlation];
        c->watch_of[r] = c->watches;
        c->watch[c->watches++] = (struct watch){r, row, window_rule_of(im, row)};
    }
    groups_init(&c->groups, c->watches);
    sbuf_init(&c->key, KEY_MAX);
    c->newest_ms = c->done_ms = c->clock_ms = c->wall_ms = c->newest_wall_ms = TIME_NONE;
    return c;
}

void correlator_free(struct correlator *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->heap.n; i++)
        mem_free(c->heap.at[i].sample);
    vec_done(&c->heap);
    groups_done(&c->groups);
    sbuf_done(&c->key);
    mem_free(c->watch);
    mem_free(c->watch_of);
    mem_free(c);
}

struct correlator_stats correlator_stats(const struct correlator *c)
{
    return (struct correlator_stats){.groups = c->groups.count,
                                     .evicted = c->evicted,
                                     .late = c->late,
                                     .lost = c->lost,
                                     .bytes = c->groups.bytes + c->heap_bytes};
}

/* ---- findings ---- */

/* The n-th value of a group's key. */
static str key_value(const struct group *g, uint32_t n)
{
    const char *p = g->key;
    uint32_t len = 0;
    for (;; p += len) {
        memcpy(&len, p, sizeof len);
        p += sizeof len;
        if (n-- == 0)
            return (str){p, len};
    }
}

/* What people call the field a group-by name stands for: "user", "source.ip", else the name. */
static str entity_name(const struct correlator *c, const struct watch *w, struct text name)
{
    const struct image *im = &c->set->image;
    str written = image_str(im, name), key = {0};
    for (uint32_t i = 0; i < w->row->rule.count && !key.n; i++) {
        struct span needs = c->set->plan->rule[im->reference.at[w->row->rule.first + i]];
        for (uint32_t k = 0; k < needs.count && !key.n; k++) {
            const struct need *need = &c->set->plan->need[needs.first + k];
            if (str_eq(image_str(im, need->name), written))
                key = entity_key(need->id);
        }
    }
    return key.n ? key : written;
}

static void fill_entity(const struct correlator *c, const struct watch *w, const struct group *g,
                        const struct sample *s, struct finding *f, struct pair *pair)
{
    const struct image *im = &c->set->image;
    for (uint32_t i = 0; i < w->row->group_by.count; i++) {
        struct text name = im->list.at[w->row->group_by.first + i];
        pair[i] = (struct pair){entity_name(c, w, name), arena_str(c->arena, key_value(g, i))};
    }
    f->entity = pair;
    f->entity_count = w->row->group_by.count;
    if (f->entity_count == 0)
        for (; f->entity_count < s->entity_count; f->entity_count++)
            pair[f->entity_count] =
                (struct pair){s->entity[f->entity_count].name,
                              arena_str(c->arena, s->entity[f->entity_count].value)};
}

static void fill_evidence(const struct correlator *c, const struct watch *w, const struct group *g,
                          double figure, struct finding *f, struct pair *pair)
{
    const struct image *im = &c->set->image;
    uint32_t n = w->row->group_by.count;
    for (uint32_t i = 0; i < n; i++)
        pair[i] = (struct pair){image_str(im, im->list.at[w->row->group_by.first + i]),
                                arena_str(c->arena, key_value(g, i))};
    pair[n] = (struct pair){STR("correlation.value"), arena_fmt(c->arena, "%.15g", figure)};
    f->evidence = pair;
    f->evidence_count = n + 1;
}

static str span_words(struct arena *a, int64_t ms)
{
    static const struct {
        int64_t ms;
        const char *word;
    } units[] = {{86400000, "day"}, {3600000, "hour"}, {60000, "minute"}, {1000, "second"}};
    size_t i = 0;
    while (i + 1 < COUNT(units) && (ms < units[i].ms || ms % units[i].ms))
        i++;
    int64_t n = ms / units[i].ms;
    return arena_fmt(a, "%lld %s%s", (long long)n, units[i].word, n == 1 ? "" : "s");
}

static str reason(const struct correlator *c, const struct watch *w, const struct group *g,
                  double figure)
{
    static const char *const what[] = {
        [CORRELATE_EVENT_COUNT] = "%.15g events",
        [CORRELATE_VALUE_COUNT] = "%.15g different values",
        [CORRELATE_TEMPORAL] = "%.15g of the kinds of event it waits for",
        [CORRELATE_TEMPORAL_ORDERED] = "%.15g kinds of event, in order,",
        [CORRELATE_VALUE_SUM] = "a sum of %.15g",
        [CORRELATE_VALUE_AVG] = "an average of %.15g",
        [CORRELATE_VALUE_PERCENTILE] = "a percentile at %.15g",
        [CORRELATE_VALUE_MEDIAN] = "a median of %.15g",
    };
    const struct image *im = &c->set->image;
    struct sbuf b;
    sbuf_init(&b, 1024);
    char figure_text[96];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(figure_text, sizeof figure_text, what[w->row->type], figure);
#pragma GCC diagnostic pop
    sbuf_addz(&b, figure_text);
    if (w->row->field.count) {
        sbuf_addz(&b, " of ");
        sbuf_add(&b, image_str(im, im->list.at[w->row->field.first]));
    }
    str span = span_words(c->arena, w->row->timespan_ms);
    sbuf_addf(&b, " within %.*s", STR_ARG(span));
    for (uint32_t i = 0; i < w->row->group_by.count; i++) {
        str name = image_str(im, im->list.at[w->row->group_by.first + i]);
        str value = str_head(key_value(g, i), 80);
        sbuf_addf(&b, "%s%.*s %.*s", i ? " and " : " for ", STR_ARG(name), STR_ARG(value));
    }
    str text = arena_str(c->arena, sbuf_str(&b));
    sbuf_done(&b);
    return text;
}

/* Own techniques, else those of the first rule listened to that has any. */
static void fill_techniques(const struct correlator *c, const struct watch *w, struct finding *f)
{
    const struct rule_info *info = rule_set_info(c->set, w->rule);
    const struct image *im = &c->set->image;
    for (uint32_t i = 0; info->technique_count == 0 && i < w->row->rule.count; i++)
        info = rule_set_info(c->set, im->reference.at[w->row->rule.first + i]);
    f->technique = info->technique;
    f->technique_count = info->technique_count;
}

static void report(struct correlator *c, const struct watch *w, const struct group *g,
                   const struct sample *s, int64_t time_ms, double figure)
{
    const struct rule_info *info = rule_set_info(c->set, w->rule);
    uint32_t pairs = w->row->group_by.count + ENTITY_MAX + 1;
    struct finding *f = arena_new(c->arena, struct finding);
    struct pair *entity = arena_array(c->arena, struct pair, pairs);
    struct pair *evidence = arena_array(c->arena, struct pair, pairs);
    if (!f || !entity || !evidence) {
        c->lost++;
        return;
    }
    f->kind = FINDING_CORRELATION;
    f->level = info->level;
    f->score_01 = level_score(info->level);
    f->time_ms = time_ms;
    f->id = info->id.n ? info->id : info->title;
    f->title = info->title;
    f->origin = s->origin;
    memcpy(f->event_id, s->event_id, sizeof f->event_id);
    f->reason = reason(c, w, g, figure);
    fill_techniques(c, w, f);
    fill_entity(c, w, g, s, f, entity);
    fill_evidence(c, w, g, figure, f, evidence);
    c->emit(c->arg, f);
}

/* ---- processing, in time order ---- */

static void process(struct correlator *c, uint32_t from, const struct sample *s, int64_t time_ms);

static void fire(struct correlator *c, struct watch *w, struct group *g, const struct sample *s,
                 int64_t time_ms)
{
    if (rule_reports(c->set, w->rule))
        report(c, w, g, s, time_ms, window_figure(&w->window, &g->window));
    window_reported(&w->window, &g->window);
    if (rule_feeds(c->set, w->rule))
        process(c, w->rule, s, time_ms);
}

/* The group-by values of `s` into c->key; false when one is missing: what cannot be grouped is
 * not correlated, as with GROUP BY on a NULL in the backends Sigma has in mind. */
static bool make_key(struct correlator *c, const struct watch *w, uint32_t from,
                     const struct sample *s)
{
    const struct image *im = &c->set->image;
    sbuf_clear(&c->key);
    for (uint32_t i = 0; i < w->row->group_by.count; i++) {
        str v = sample_value(c->set, w->row, from, im->list.at[w->row->group_by.first + i], s);
        uint32_t n = (uint32_t)v.n;
        if (!v.p)
            return false;
        sbuf_add(&c->key, (str){(const char *)&n, sizeof n});
        sbuf_add(&c->key, v);
    }
    return !c->key.full;
}

/* What the type counts: the hash of the fields' values, or the number in the field.  False when
 * the event does not have it. */
static bool make_value(struct correlator *c, const struct watch *w, uint32_t from,
                       const struct sample *s, uint64_t *value, double *number)
{
    const struct image *im = &c->set->image;
    *value = 0;
    *number = 0;
    for (uint32_t i = 0; i < w->row->field.count; i++) {
        str v = sample_value(c->set, w->row, from, im->list.at[w->row->field.first + i], s);
        if (!v.p)
            return false;
        *value = hash_bytes(v, *value);
        if (w->row->type >= CORRELATE_VALUE_SUM && !(number_parse(v, number) && isfinite(*number)))
            return false;
    }
    return true;
}

static void keep_last(struct group *g, const struct sample *s)
{
    mem_free(g->last);
    g->last = sample_copy(s, &g->last_bytes);
}

static uint32_t position_of(const struct correlator *c, const struct watch *w, uint32_t from)
{
    uint32_t i = 0;
    while (c->set->image.reference.at[w->row->rule.first + i] != from)
        i++;
    return i;
}

static void observe(struct correlator *c, struct watch *w, uint32_t from, const struct sample *s,
                    int64_t time_ms)
{
    uint64_t value;
    double number;
    if (!make_value(c, w, from, s, &value, &number) || !make_key(c, w, from, s))
        return;
    uint32_t owner = c->watch_of[w->rule];
    struct group *g = groups_find(&c->groups, owner, sbuf_str(&c->key), true);
    c->evicted +=
        rule_window_add(&w->window, &g->window, time_ms, position_of(c, w, from), value, number);
    if (w->window.closes) {
        keep_last(g, s);
    } else {
        groups_touch(&c->groups, g);
        bool met = window_met(&w->window, &g->window);
        if (met && !g->window.fired)
            fire(c, w, g, s, time_ms);
        else if (!met)
            g->window.fired = false;
    }
    groups_weigh(&c->groups, g);
}

static void process(struct correlator *c, uint32_t from, const struct sample *s, int64_t time_ms)
{
    struct span above = c->set->plan->above[from];
    for (uint32_t i = 0; i < above.count; i++) {
        uint32_t rule = c->set->plan->above_row[above.first + i];
        observe(c, &c->watch[c->watch_of[rule]], from, s, time_ms);
    }
}

/* ---- windows that end ---- */

/* When the front window of watch `i` ends; INT64_MAX without one. */
static int64_t next_end(const struct correlator *c, uint32_t i)
{
    const struct group *g = c->groups.list[i].oldest;
    if (!g)
        return INT64_MAX;
    int64_t from = c->watch[i].window.closes ? g->window.start_ms : g->window.last_ms;
    int64_t end;
    return __builtin_add_overflow(from, c->watch[i].row->timespan_ms, &end) ? INT64_MAX : end;
}

static void close_group(struct correlator *c, uint32_t i, int64_t end_ms)
{
    struct group *g = c->groups.list[i].oldest;
    struct watch *w = &c->watch[i];
    if (w->window.closes && window_met(&w->window, &g->window))
        fire(c, w, g, g->last, end_ms);
    groups_remove(&c->groups, g);
}

/* Close, in the order of their ends, all windows that end before `now_ms`. */
static void advance(struct correlator *c, int64_t now_ms)
{
    for (;;) {
        uint32_t first = 0;
        int64_t end = INT64_MAX;
        for (uint32_t i = 0; i < c->watches; i++)
            if (next_end(c, i) < end) {
                end = next_end(c, i);
                first = i;
            }
        if (end >= now_ms)
            return;
        close_group(c, first, end);
    }
}

/* ---- the heap ---- */

static bool before(const struct waiting *a, const struct waiting *b)
{
    return a->time_ms != b->time_ms ? a->time_ms < b->time_ms : a->sequence < b->sequence;
}

static void heap_push(struct correlator *c, struct waiting w)
{
    *vec_push(&c->heap) = w;
    size_t i = c->heap.n - 1;
    for (; i > 0 && before(&w, &c->heap.at[(i - 1) / 2]); i = (i - 1) / 2)
        c->heap.at[i] = c->heap.at[(i - 1) / 2];
    c->heap.at[i] = w;
    c->heap_bytes += w.bytes;
}

static struct waiting heap_pop(struct correlator *c)
{
    struct waiting *at = c->heap.at, top = at[0], last = at[--c->heap.n];
    size_t n = c->heap.n, i = 0;
    for (size_t k = 1; k < n; k = 2 * i + 1) {
        if (k + 1 < n && before(&at[k + 1], &at[k]))
            k++;
        if (!before(&at[k], &last))
            break;
        at[i] = at[k];
        i = k;
    }
    if (n)
        at[i] = last;
    c->heap_bytes -= top.bytes;
    return top;
}

/* Only between samples: while one is processed, groups are pointed to. */
static void evict(struct correlator *c, size_t most)
{
    while (c->groups.bytes > most) {
        struct group *stalest = groups_stalest(&c->groups);
        if (!stalest)
            return;
        groups_remove(&c->groups, stalest);
        c->evicted++;
    }
}

static void release_one(struct correlator *c)
{
    struct waiting w = heap_pop(c);
    if (w.time_ms < c->done_ms) {
        c->late++;
    } else {
        c->done_ms = w.time_ms;
        advance(c, w.time_ms);
        process(c, w.sample->rule, w.sample, w.time_ms);
        evict(c, c->limits.max_bytes / 2);
    }
    mem_free(w.sample);
}

static bool must_release(const struct correlator *c)
{
    if (c->heap.n == 0)
        return false;
    int64_t behind;
    if (c->limits.lateness_ms > 0 &&
        (__builtin_sub_overflow(c->clock_ms, c->heap.at[0].time_ms, &behind) ||
         behind >= c->limits.lateness_ms))
        return true;
    return c->heap_bytes > c->limits.max_bytes / 2;
}

static void begin_call(struct correlator *c, struct arena *arena, correlation_fn *emit, void *arg)
{
    c->arena = arena;
    c->emit = emit;
    c->arg = arg;
}

/* What has no time happened when it was read, and so did what claims to come from the future: one
 * wrong clock must not make all others late. */
static int64_t time_of(const struct correlator *c, const struct sample *s)
{
    int64_t ahead;
    if (s->time_ms == TIME_NONE) {
        if (c->clock_ms != TIME_NONE)
            return c->clock_ms;
        return c->wall_ms == TIME_NONE ? 0 : c->wall_ms;
    }
    if (c->wall_ms == TIME_NONE || s->time_ms <= c->wall_ms)
        return s->time_ms;
    bool future =
        __builtin_sub_overflow(s->time_ms, c->wall_ms, &ahead) || ahead > c->limits.lateness_ms;
    return future ? c->wall_ms : s->time_ms;
}

void correlator_feed(struct correlator *c, const struct sample *s, struct arena *arena,
                     correlation_fn *emit, void *arg)
{
    begin_call(c, arena, emit, arg);
    struct waiting w = {.time_ms = time_of(c, s), .sequence = c->sequence++};
    if (w.time_ms > c->newest_ms) {
        c->newest_ms = w.time_ms;
        c->newest_wall_ms = c->wall_ms;
    }
    if (c->newest_ms > c->clock_ms)
        c->clock_ms = c->newest_ms;
    w.sample = sample_copy(s, &w.bytes);
    w.bytes += sizeof w + 16;
    heap_push(c, w);
    while (must_release(c))
        release_one(c);
}

void correlator_tick(struct correlator *c, int64_t wall_ms, struct arena *arena,
                     correlation_fn *emit, void *arg)
{
    assert(c->limits.lateness_ms > 0);
    if (c->wall_ms != TIME_NONE && wall_ms <= c->wall_ms)
        return; /* that clock was set back: wait until it is where it was */
    c->wall_ms = wall_ms;
    if (c->newest_ms == TIME_NONE)
        return;
    if (c->newest_wall_ms == TIME_NONE)
        c->newest_wall_ms = wall_ms;
    begin_call(c, arena, emit, arg);
    int64_t now_ms, settled_ms;
    if (__builtin_add_overflow(c->newest_ms, wall_ms - c->newest_wall_ms, &now_ms) ||
        __builtin_sub_overflow(now_ms, c->limits.lateness_ms, &settled_ms))
        return;
    if (now_ms > c->clock_ms)
        c->clock_ms = now_ms;
    while (must_release(c))
        release_one(c);
    if (settled_ms > c->done_ms) {
        c->done_ms = settled_ms;
        advance(c, settled_ms);
    }
}

void correlator_settle(struct correlator *c, struct arena *arena, correlation_fn *emit, void *arg)
{
    begin_call(c, arena, emit, arg);
    while (c->heap.n)
        release_one(c);
}

void correlator_trim(struct correlator *c, size_t bytes, struct arena *arena, correlation_fn *emit,
                     void *arg)
{
    begin_call(c, arena, emit, arg);
    while (c->heap_bytes > bytes / 2)
        release_one(c);
    evict(c, bytes / 2);
}

void correlator_finish(struct correlator *c, struct arena *arena, correlation_fn *emit, void *arg)
{
    begin_call(c, arena, emit, arg);
    while (c->heap.n)
        release_one(c);
    advance(c, INT64_MAX);
}
