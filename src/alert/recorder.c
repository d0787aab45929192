/* SPDX-License-Identifier: Apache-2.0 */
/* One queue, one thread that empties it.  It takes what is there and commits it together, so a single
 * finding on an idle machine is committed at once, and while one group is being committed the next one gathers.
 *
 * A commit fails in one of two ways.  The store does not answer, or cannot just now (locked, disk full, server
 * gone): the same group is tried again until it can.  Or it refuses what it is given: then the group is halved until
 * the recording to blame is alone, and that is committed a finding at a time, the ones refused being
 * dropped.  In that case alone is a recording no longer all or nothing; its position comes last, so a crash
 * in between repeats findings but loses none. */
#include "alert/alert_int.h"

#include "base/mem.h"
#include "base/metric.h"
#include "base/vec.h"
#include "os/clock.h"
#include "os/lock.h"
#include "os/log.h"

#include <assert.h>
#include <stdatomic.h>

enum {
    QUEUE_BYTES = 64 << 20,
    RETRY_MS = 250,
    GROUP_FINDINGS = 4096, /* of one commit: what a lock is held for stays short */
    GROUP_ENTRIES = 4096,
    GROUP_BYTES = 8 << 20,
    MESSAGE_BYTES_MAX = 4 << 20
};
static const int64_t group_ms_default = 24 * 3600 * 1000;

struct recorder {
    struct lock lock;
    struct condition changed;
    struct entry *head, *tail; /* owned; waiting */
    size_t waiting;
    bool stopping;
    int64_t failing_since; /* 0: it is not */
    struct error why;

    atomic_size_t bytes; /* of entries waiting and being committed; written under the lock */

    /* Set once. */
    struct store *store; /* borrowed */
    struct bus *bus;     /* borrowed */
    struct recorder_options options;

    /* The recorder's thread's: what is handed to the store. */
    struct entry *group[GROUP_ENTRIES];
    size_t group_count;
    uint64_t doubt; /* of the commit being tried; see store_commit */
    bool gave_up;   /* something was not committed, so nothing behind it may be */
    VEC(struct alert_record) alert;
    VEC(struct alert_event) event;
    VEC(struct position_record) position;
    VEC(struct recent_record) recent;
    VEC(struct commit_result) result;
    struct sbuf message;
};

struct recorder *recorder_new(struct store *store, struct bus *bus,
                              const struct recorder_options *options)
{
    struct recorder *r = mem_new(struct recorder);
    lock_init(&r->lock, LOCK_RECORDER);
    condition_init(&r->changed);
    sbuf_init(&r->message, MESSAGE_BYTES_MAX);
    r->store = store;
    r->bus = bus;
    r->options = *options;
    if (!r->options.max_bytes)
        r->options.max_bytes = QUEUE_BYTES;
    if (!r->options.group_ms)
        r->options.group_ms = group_ms_default;
    if (!r->options.retry_ms)
        r->options.retry_ms = RETRY_MS;
    return r;
}

/* ---- the queue ---- */

bool recorder_has_room(const struct recorder *r)
{
    return atomic_load_explicit(&r->bytes, memory_order_relaxed) < r->options.max_bytes;
}

/* An empty queue takes anything: else what is larger than the bound could never be stored. */
static bool fits_locked(const struct recorder *r, const struct entry *e)
{
    size_t used = atomic_load_explicit(&r->bytes, memory_order_relaxed);
    size_t most = size_mul(r->options.max_bytes, RECORDER_HARD_FACTOR);
    return used == 0 || e->position_count || (used < most && e->bytes <= most - used);
}

static status push(struct recorder *r, struct entry *e)
{
    lock_take(&r->lock);
    status st = r->stopping ? ST_UNAVAILABLE : fits_locked(r, e) ? ST_OK : ST_LIMIT;
    if (st == ST_OK) {
        atomic_fetch_add_explicit(&r->bytes, e->bytes, memory_order_relaxed);
        if (r->tail)
            r->tail->next = e;
        else
            r->head = e;
        r->tail = e;
        r->waiting++;
        metric_move(METRIC_RECORDER_QUEUED, 1);
        condition_wake_all(&r->changed);
    }
    lock_drop(&r->lock);
    return st;
}

status recorder_add(struct recorder *r, const struct recording *in)
{
    if (in->count == 0 && !in->position && in->recent_count == 0) {
        if (in->done)
            in->done(in->arg, ST_OK, NULL, 0);
        return ST_OK;
    }
    struct entry *e = entry_new(in, clock_wall_ms());
    status st = push(r, e);
    if (st != ST_OK)
        entry_free(e);
    return st;
}

static struct entry *pop_locked(struct recorder *r)
{
    struct entry *e = r->head;
    r->head = e->next;
    if (!r->head)
        r->tail = NULL;
    r->waiting--;
    e->next = NULL;
    return e;
}

/* Wait for something and take a group of it; false when there is nothing and will be nothing. */
static bool take_group(struct recorder *r)
{
    size_t findings = 0, bytes = 0;
    r->group_count = 0;
    lock_take(&r->lock);
    while (!r->head && !r->stopping)
        condition_wait(&r->changed, &r->lock);
    while (r->head && r->group_count < GROUP_ENTRIES) {
        findings += r->head->count;
        bytes += r->head->bytes;
        if (r->group_count && (findings > GROUP_FINDINGS || bytes > GROUP_BYTES))
            break;
        r->group[r->group_count++] = pop_locked(r);
    }
    lock_drop(&r->lock);
    return r->group_count > 0;
}

static void finish(struct recorder *r, struct entry *e, status st,
                   const struct commit_result *result)
{
    lock_take(&r->lock);
    atomic_fetch_sub_explicit(&r->bytes, e->bytes, memory_order_relaxed);
    lock_drop(&r->lock);
    metric_move(METRIC_RECORDER_QUEUED, -1);
    if (e->done)
        e->done(e->arg, st, st == ST_OK ? result : NULL, st == ST_OK ? e->count : 0);
    entry_free(e);
}

void recorder_free(struct recorder *r)
{
    if (!r)
        return;
    while (r->head) {
        lock_take(&r->lock);
        struct entry *e = pop_locked(r);
        lock_drop(&r->lock);
        finish(r, e, ST_UNAVAILABLE, NULL);
    }
    vec_done(&r->alert);
    vec_done(&r->event);
    vec_done(&r->position);
    vec_done(&r->recent);
    vec_done(&r->result);
    sbuf_done(&r->message);
    condition_done(&r->changed);
    lock_done(&r->lock);
    mem_free(r);
}

/* ---- how it goes ---- */

static void note_failure(struct recorder *r, const struct error *why)
{
    metric_inc(METRIC_RECORDER_RETRIES);
    lock_take(&r->lock);
    bool is_first = r->failing_since == 0;
    if (is_first)
        r->failing_since = clock_wall_ms();
    r->why = *why;
    lock_drop(&r->lock);
    if (is_first)
        log_say(LOG_DATA, LOG_ERROR, "alerts cannot be stored, they wait in memory",
                LOG_Z("why", why->text));
}

static void note_success(struct recorder *r)
{
    metric_inc(METRIC_RECORDER_COMMITS);
    lock_take(&r->lock);
    int64_t since = r->failing_since;
    r->failing_since = 0;
    lock_drop(&r->lock);
    if (since)
        log_say(LOG_DATA, LOG_INFO, "alerts are stored again",
                LOG_INT("after_ms", clock_wall_ms() - since));
}

int64_t recorder_failing_since(struct recorder *r, struct error *why)
{
    lock_take(&r->lock);
    int64_t since = r->failing_since;
    if (since && why)
        *why = r->why;
    lock_drop(&r->lock);
    return since;
}

void recorder_stop(struct recorder *r)
{
    lock_take(&r->lock);
    r->stopping = true;
    condition_wake_all(&r->changed);
    lock_drop(&r->lock);
}

/* Let some time pass before the next try; false when there is to be none. */
static bool wait_to_retry(struct recorder *r)
{
    uint64_t until = clock_ns() + (uint64_t)r->options.retry_ms * 1000000;
    lock_take(&r->lock);
    while (!r->stopping && condition_wait_until(&r->changed, &r->lock, until))
        ;
    bool go_on = !r->stopping;
    lock_drop(&r->lock);
    return go_on;
}

/* ---- published ---- */

static void publish(struct recorder *r, const struct alert_record *made, str values,
                    const struct commit_result *got, uint64_t seq, int64_t now_ms)
{
    struct alert_record a = *made;
    a.id = str_z(got->id);
    a.count = got->count;
    a.first_ms = got->first_ms;
    a.last_ms = got->last_ms;
    a.level = got->level;
    a.status = got->status;
    a.created_ms = a.changed_ms = now_ms;
    a.seq = seq;

    sbuf_clear(&r->message);
    struct json_out o = json_out_on(&r->message);
    if (got->is_new)
        alert_write_json(&o, &a);
    else
        alert_write_repeat(&o, &a);
    assert(!r->message.full); /* its texts were cut */
    metric_inc(got->is_new ? METRIC_ALERTS_NEW : METRIC_ALERTS_REPEATED);
    bus_publish(r->bus, &(struct bus_message){.id = seq,
                                              .topic = TOPIC_ALERTS,
                                              .time_ms = now_ms,
                                              .type = got->is_new ? "alert.new" : "alert.changed",
                                              .tenant = a.tenant,
                                              .data = sbuf_str(&r->message),
                                              .level = (int)a.level,
                                              .rule = a.rule,
                                              .title = a.title,
                                              .entity = values});
}

/* ---- committed ---- */

static void gather(struct recorder *r, struct entry *const *e, size_t n)
{
    r->alert.n = r->event.n = r->position.n = r->recent.n = r->result.n = 0;
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < e[i]->count; k++) {
            *vec_push(&r->alert) = e[i]->alert[k];
            *vec_push(&r->event) = e[i]->event[k];
            *vec_push(&r->result) = (struct commit_result){0};
        }
        if (e[i]->position_count)
            *vec_push(&r->position) = e[i]->position;
        for (size_t k = 0; k < e[i]->recent_count; k++)
            *vec_push(&r->recent) = e[i]->recent[k];
    }
}

/* One try. */
static status try(struct recorder *r, struct store_commit *c, struct commit_result *out,
                  struct error *err)
{
    c->now_ms = clock_wall_ms();
    c->group_ms = r->options.group_ms;
    if (c->alert_count)
        c->first_seq = bus_reserve(r->bus, c->alert_count);
    status st = store_commit(r->store, c, out, err);
    if (st != ST_OK && c->alert_count)
        bus_release(r->bus, c->first_seq, c->alert_count);
    return st;
}

/* For a fault of what it was given: trying again would not help. */
static bool is_refusal(status st)
{
    return st != ST_OK && st != ST_UNAVAILABLE && st != ST_IO;
}

/* ST_OK; a refusal; or ST_UNAVAILABLE when the recorder is to stop. */
static status persist(struct recorder *r, struct store_commit *c, struct commit_result *out,
                      struct error *err)
{
    r->doubt = 0;
    c->doubt = &r->doubt;
    while (!r->gave_up) {
        status st = try(r, c, out, err);
        if (st == ST_OK)
            note_success(r);
        if (st == ST_OK || is_refusal(st))
            return st;
        note_failure(r, err);
        r->gave_up = !wait_to_retry(r);
    }
    return ST_UNAVAILABLE;
}

static void drop(const char *what, str name, const struct error *err)
{
    metric_inc(METRIC_FINDINGS_DROPPED);
    log_say(LOG_DATA, LOG_ERROR, "the store refuses a record, it is dropped", LOG_Z("what", what),
            LOG_STR("name", name), LOG_Z("why", err->text));
}

static status persist_item(struct recorder *r, const struct entry *e, size_t i,
                           struct commit_result *out)
{
    struct error err = {0};
    struct store_commit c = {.alert = &e->alert[i], .event = &e->event[i], .alert_count = 1};
    status st = persist(r, &c, out, &err);
    if (st == ST_OK) {
        publish(r, &e->alert[i], e->values[i], out, c.first_seq, c.now_ms);
        return ST_OK;
    }
    *out = (struct commit_result){0};
    if (!is_refusal(st))
        return st;
    drop("finding", e->alert[i].rule, &err);
    return ST_OK;
}

static status persist_rest(struct recorder *r, const struct entry *e)
{
    struct error err = {0};
    struct store_commit c = {.position = &e->position, .position_count = e->position_count};
    status st = c.position_count ? persist(r, &c, NULL, &err) : ST_OK;
    if (is_refusal(st))
        drop("position", e->position.source, &err);
    else if (st != ST_OK)
        return st;
    for (size_t i = 0; i < e->recent_count; i++) {
        c = (struct store_commit){.recent = &e->recent[i], .recent_count = 1};
        st = persist(r, &c, NULL, &err);
        if (is_refusal(st))
            drop("recent record", e->recent[i].format, &err);
        else if (st != ST_OK)
            return st;
    }
    return ST_OK;
}

/* What the store refuses as a whole. */
static void commit_in_pieces(struct recorder *r, struct entry *e)
{
    struct commit_result *result = mem_array(struct commit_result, e->count + 1);
    status st = ST_OK;
    for (size_t i = 0; i < e->count && st == ST_OK; i++)
        st = persist_item(r, e, i, &result[i]);
    if (st == ST_OK)
        st = persist_rest(r, e);
    finish(r, e, st, result);
    mem_free(result);
}

static void publish_and_finish(struct recorder *r, struct entry *const *e, size_t n,
                               const struct store_commit *c)
{
    size_t at = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < e[i]->count; k++, at++)
            publish(r, &e[i]->alert[k], e[i]->values[k], &r->result.at[at], c->first_seq + at,
                    c->now_ms);
    at = 0;
    for (size_t i = 0; i < n; i++) {
        const struct commit_result *result = e[i]->count ? &r->result.at[at] : NULL;
        at += e[i]->count;
        finish(r, e[i], ST_OK, result);
    }
}

static void commit_group(struct recorder *r, struct entry *const *e, size_t n)
{
    gather(r, e, n);
    struct error err = {0};
    struct store_commit c = {.alert = r->alert.at,
                             .event = r->event.at,
                             .alert_count = r->alert.n,
                             .position = r->position.at,
                             .position_count = r->position.n,
                             .recent = r->recent.at,
                             .recent_count = r->recent.n};
    status st = persist(r, &c, r->result.at, &err);
    if (st == ST_OK) {
        publish_and_finish(r, e, n, &c);
    } else if (!is_refusal(st)) {
        for (size_t i = 0; i < n; i++)
            finish(r, e[i], st, NULL);
    } else if (n == 1) {
        commit_in_pieces(r, e[0]);
    } else {
        commit_group(r, e, n / 2);
        commit_group(r, e + n / 2, n - n / 2);
    }
}

void recorder_run(struct recorder *r)
{
    while (take_group(r))
        commit_group(r, r->group, r->group_count);
}
