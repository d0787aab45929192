/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "ml/remote_int.h"
#include "os/clock.h"

#include <math.h>
#include <stdatomic.h>

enum {
    WAIT_MS = 20,
    REST_MS = 10000,
    REST_MAX_MS = 300000,
    FAILURES = 3,
    QUEUE = 8,
    MS_NS = 1000000
};

/* A request: of whoever asks and of the thread that does it; the last one frees it. */
struct ask {
    struct ask *next;
    unsigned holders; /* under the remote's lock */
    bool done, ok;    /* likewise */
    size_t n, d;
    float *row, *score; /* owned, in one piece with it */
};

struct remote_model {
    struct lock lock;
    struct condition queued, answered;
    /* under the lock: */
    struct ask *first, *last;
    size_t waiting;
    bool stop, probing;
    unsigned failed;   /* in a row */
    uint64_t rests_ns; /* until then; 0: it does not */
    uint32_t rest_ms;  /* the next one's length */
    struct remote_model_stats stats;

    struct model_host *host;  /* borrowed */
    struct exchange exchange; /* the thread's */
    struct thread thread;
};

struct model_host {
    struct model_host_options options;
    char **allowed; /* owned */
    char *keys;     /* owned; may be NULL */
    atomic_uint open;
};

/* ---- hosts ---- */

static char *copied(const char *z)
{
    size_t n = strlen(z) + 1;
    return memcpy(mem_zero(n), z, n);
}

struct model_host *model_host_new(const struct model_host_options *o)
{
    struct model_host *h = mem_new(struct model_host);
    h->options = *o;
    h->options.wait_ms = o->wait_ms ? o->wait_ms : WAIT_MS;
    h->options.rest_ms = o->rest_ms ? o->rest_ms : REST_MS;
    h->options.failures = o->failures ? o->failures : FAILURES;
    h->options.queue = o->queue ? o->queue : QUEUE;
    h->allowed = mem_array(char *, o->allowed_count + 1);
    for (size_t i = 0; i < o->allowed_count; i++)
        h->allowed[i] = copied(o->allowed[i]);
    h->keys = o->keys ? copied(o->keys) : NULL;
    atomic_init(&h->open, 0);
    return h;
}

void model_host_free(struct model_host *h)
{
    if (!h)
        return;
    for (size_t i = 0; i < h->options.allowed_count; i++)
        mem_free(h->allowed[i]);
    mem_free(h->allowed);
    mem_free(h->keys);
    mem_free(h);
}

/* The beginning ends where a part of the URL does: "http://a:80" allows neither "http://a:8080" nor "http://a:80@b". */
static bool is_allowed(const struct model_host *h, str url)
{
    for (size_t i = 0; i < h->options.allowed_count; i++) {
        str begin = str_z(h->allowed[i]);
        while (str_ends(begin, STR("/")))
            begin.n--;
        if (begin.n && str_starts(url, begin) && (url.n == begin.n || url.p[begin.n] == '/'))
            return true;
    }
    return false;
}

/* ---- the circuit ---- */

/* How a request went; `late` is told by who waited for it in vain, whatever becomes of it. */
static void note_locked(struct remote_model *r, bool ok)
{
    r->probing = false;
    if (ok) {
        r->failed = 0;
        r->rests_ns = 0;
        r->rest_ms = r->host->options.rest_ms;
        return;
    }
    if (++r->failed < r->host->options.failures && r->rests_ns == 0)
        return;
    r->rests_ns = clock_ns() + (uint64_t)r->rest_ms * MS_NS;
    r->rest_ms = r->rest_ms > REST_MAX_MS / 2 ? REST_MAX_MS : r->rest_ms * 2;
}

/* May it be asked now?  After its rest one request may, and shows. */
static bool may_ask_locked(struct remote_model *r)
{
    if (r->rests_ns == 0)
        return true;
    if (r->probing || clock_ns() < r->rests_ns)
        return false;
    return r->probing = true;
}

/* ---- the thread ---- */

static void leave_locked(struct ask *a)
{
    if (--a->holders == 0)
        mem_free(a);
}

static void answer_one(struct remote_model *r, struct ask *a)
{
    struct error err = {.text = ""};
    status st = exchange_rows(&r->exchange, a->row, a->n, a->d, a->score, &err);
    lock_take(&r->lock);
    a->done = true;
    a->ok = st == ST_OK;
    if (!a->ok) {
        (void)snprintf(r->stats.why, sizeof r->stats.why, "%.150s", err.text);
        note_locked(r, false);
    } else if (a->holders == 2) { /* in time */
        note_locked(r, true);
    }
    condition_wake_all(&r->answered);
    leave_locked(a);
    lock_drop(&r->lock);
}

static void serve(void *arg)
{
    struct remote_model *r = arg;
    lock_take(&r->lock);
    while (!r->stop) {
        struct ask *a = r->first;
        if (!a) {
            condition_wait(&r->queued, &r->lock);
            continue;
        }
        r->first = a->next;
        r->waiting--;
        if (a->holders == 1) { /* nobody waits for it any more */
            leave_locked(a);
            continue;
        }
        lock_drop(&r->lock);
        answer_one(r, a);
        lock_take(&r->lock);
    }
    lock_drop(&r->lock);
}

/* ---- life ---- */

static void remote_model_free(struct remote_model *r)
{
    exchange_done(&r->exchange);
    condition_done(&r->queued);
    condition_done(&r->answered);
    lock_done(&r->lock);
    mem_free(r);
}

static status check_room(struct model_host *h, struct error *err)
{
    if (atomic_fetch_add(&h->open, 1) < REMOTES_MAX)
        return ST_OK;
    atomic_fetch_sub(&h->open, 1);
    return fail(err, ST_LIMIT, "more than %d remote models", REMOTES_MAX);
}

status remote_model_open(struct model_host *h, const struct remote_model_options *o,
                         struct remote_model **out, struct error *err)
{
    if (!is_allowed(h, o->url))
        return fail(err, ST_FORBIDDEN, "the server '" STR_FMT "' is none that may be asked",
                    STR_ARG(str_head(o->url, 100)));
    status st = check_room(h, err);
    if (st != ST_OK)
        return st;
    struct remote_model *r = mem_new(struct remote_model);
    lock_init(&r->lock, LOCK_REMOTE);
    condition_init(&r->queued);
    condition_init(&r->answered);
    r->host = h;
    r->rest_ms = h->options.rest_ms;
    st = exchange_init(&r->exchange, h->keys, o, err);
    if (st == ST_OK)
        st = thread_start(&r->thread, "bguard-remote", serve, r, err);
    if (st != ST_OK) {
        remote_model_free(r);
        atomic_fetch_sub(&h->open, 1);
        return st;
    }
    *out = r;
    return ST_OK;
}

void remote_model_close(struct remote_model *r)
{
    if (!r)
        return;
    lock_take(&r->lock);
    r->stop = true;
    condition_wake_all(&r->queued);
    lock_drop(&r->lock);
    thread_join(&r->thread);
    while (r->first) { /* those whose asker went away */
        struct ask *a = r->first;
        r->first = a->next;
        mem_free(a);
    }
    atomic_fetch_sub(&r->host->open, 1);
    remote_model_free(r);
}

/* ---- asking ---- */

static struct ask *ask_new(const float *x, size_t n, size_t d, size_t stride)
{
    size_t floats = size_add(size_mul(n, d), n);
    struct ask *a = mem_zero(size_add(sizeof *a, size_mul(floats, sizeof(float))));
    *a = (struct ask){.holders = 2, .n = n, .d = d, .row = (float *)(void *)(a + 1)};
    a->score = a->row + n * d;
    for (size_t i = 0; i < n; i++)
        memcpy(a->row + i * d, x + i * stride, d * sizeof(float));
    return a;
}

static void push_locked(struct remote_model *r, struct ask *a)
{
    *(r->first ? &r->last->next : &r->first) = a;
    r->last = a;
    r->waiting++;
    condition_wake_one(&r->queued);
}

static enum remote_model_outcome await_locked(struct remote_model *r, struct ask *a, float *out)
{
    uint64_t until_ns = clock_ns() + (uint64_t)r->host->options.wait_ms * MS_NS;
    while (!a->done && condition_wait_until(&r->answered, &r->lock, until_ns))
        ;
    if (a->done && a->ok) {
        memcpy(out, a->score, a->n * sizeof(float));
        r->stats.answered++;
        return REMOTE_ANSWERED;
    }
    if (a->done) {
        r->stats.failed++;
        return REMOTE_FAILED;
    }
    (void)snprintf(r->stats.why, sizeof r->stats.why, "no answer within %u ms",
                   (unsigned)r->host->options.wait_ms);
    note_locked(r, false);
    r->stats.late++;
    return REMOTE_LATE;
}

enum remote_model_outcome remote_model_score(struct remote_model *r, const float *x, size_t n,
                                             size_t d, size_t stride, float *out)
{
    enum remote_model_outcome outcome = REMOTE_RESTING;
    for (size_t i = 0; i < n; i++)
        out[i] = NAN;
    lock_take(&r->lock);
    bool full = n > REMOTE_ROWS_MAX || r->waiting >= r->host->options.queue;
    if (full) {
        r->stats.full++;
        outcome = REMOTE_FULL;
    } else if (may_ask_locked(r)) {
        struct ask *a = ask_new(x, n, d, stride);
        push_locked(r, a);
        outcome = await_locked(r, a, out);
        leave_locked(a);
    } else {
        r->stats.resting++;
    }
    lock_drop(&r->lock);
    return outcome;
}

struct remote_model_stats remote_model_stats(struct remote_model *r)
{
    lock_take(&r->lock);
    struct remote_model_stats s = r->stats;
    s.open = r->rests_ns != 0;
    lock_drop(&r->lock);
    return s;
}
