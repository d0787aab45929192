/* SPDX-License-Identifier: Apache-2.0 */
/* The store: connections that are lent for one transaction each. */
#include "store/store.h"

#include "base/mem.h"
#include "base/metric.h"
#include "os/clock.h"
#include "store/store_int.h"

enum { READERS = 4, READERS_MAX = 64, PATIENCE_MS = 2000 };

static const struct store_ops *const drivers[] = {
#define X(name) &store_##name,
#include "store/driver.def"
    NULL};

static const struct store_ops *driver_of(str url)
{
    for (const struct store_ops *const *d = drivers; *d; d++)
        for (const char *const *p = (*d)->prefix; *p; p++)
            if (str_istarts(url, str_z(*p)))
                return *d;
    return NULL;
}

/* ---- lending connections ---- */

static void pool_init(struct pool *p, enum lock_id id, unsigned max)
{
    lock_init(&p->lock, id);
    condition_init(&p->freed);
    p->max = max;
    p->idle = mem_array(struct conn *, max);
}

static void pool_drop_idle(struct pool *p)
{
    lock_take(&p->lock);
    while (p->idle_count) {
        conn_close(p->idle[--p->idle_count]);
        p->open--;
    }
    lock_drop(&p->lock);
}

static void pool_done(struct pool *p)
{
    pool_drop_idle(p);
    mem_free(p->idle);
    condition_done(&p->freed);
    lock_done(&p->lock);
}

/* A place of the pool, and the idle connection that had it, if any. */
static status pool_reserve(struct pool *p, uint32_t patience_ms, struct conn **out,
                           struct error *err)
{
    uint64_t until = clock_ns() + (uint64_t)patience_ms * 1000000u;
    bool in_time = true;
    lock_take(&p->lock);
    while (!p->idle_count && p->open == p->max && in_time)
        in_time = condition_wait_until(&p->freed, &p->lock, until);
    bool had = p->idle_count != 0, room = had || p->open < p->max;
    *out = had ? p->idle[--p->idle_count] : NULL;
    p->open += !had && room;
    lock_drop(&p->lock);
    return room ? ST_OK
                : fail(err, ST_UNAVAILABLE,
                       "database is locked: no connection came free within %u ms",
                       (unsigned)patience_ms);
}

static void pool_give(struct pool *p, struct conn *c)
{
    bool lost = !c || c->ops->lost(c->db);
    if (lost && c)
        conn_close(c);
    lock_take(&p->lock);
    if (lost)
        p->open--;
    else
        p->idle[p->idle_count++] = c;
    condition_wake_all(&p->freed);
    lock_drop(&p->lock);
}

static status pool_take(struct store *s, bool writes, struct conn **out, struct error *err)
{
    struct pool *p = writes ? &s->writers : &s->readers;
    struct conn *c = NULL;
    status st = pool_reserve(p, s->options.patience_ms, &c, err);
    if (st != ST_OK)
        return st;
    if (!c)
        st = conn_open(s->ops, &s->options, writes, &c, err);
    if (st != ST_OK)
        pool_give(p, NULL);
    else
        *out = c;
    return st;
}

/* ---- transactions ---- */

static status transact(struct conn *c, tx_fn *fn, void *arg, struct error *err)
{
    status st = fn(c, arg, err);
    if (st == ST_OK)
        st = c->ops->commit(c->db, err);
    if (st != ST_OK)
        c->ops->rollback(c->db);
    return st;
}

struct transaction {
    tx_fn *fn;
    void *arg;
    bool writes;
    bool again;     /* the connection was lost, and nothing came of it */
    uint64_t doubt; /* what came of it nobody knows */
};

static status attempt(struct store *s, struct transaction *t, struct error *err)
{
    struct conn *c = NULL;
    status st = pool_take(s, t->writes, &c, err);
    t->again = false;
    t->doubt = 0;
    if (st != ST_OK)
        return st;
    bool begun = false;
    if (t->writes) {
        st = c->ops->begin(c->db, err);
        begun = st == ST_OK;
    }
    if (st == ST_OK)
        st = t->writes ? transact(c, t->fn, t->arg, err) : t->fn(c, t->arg, err);
    t->again = st != ST_OK && !begun && c->ops->lost(c->db);
    t->doubt = st != ST_OK && begun && c->ops->doubt ? c->ops->doubt(c->db) : 0;
    pool_give(t->writes ? &s->writers : &s->readers, c);
    return st;
}

/* Errors of the caller or of nobody: not the store's. */
static bool is_answer(status st)
{
    return st == ST_OK || st == ST_NOT_FOUND || st == ST_CONFLICT || st == ST_INVALID ||
           st == ST_FORBIDDEN;
}

static status run(struct store *s, struct transaction *t, struct error *err)
{
    uint64_t start = clock_ns();
    struct error why = {0};
    status st = attempt(s, t, &why);
    if (t->again) { /* its sisters are as old */
        pool_drop_idle(t->writes ? &s->writers : &s->readers);
        st = attempt(s, t, &why);
    }
    metric_observe(METRIC_STORE_SECONDS, clock_since(start));
    if (!is_answer(st))
        metric_inc(METRIC_STORE_ERRORS);
    if (st != ST_OK && err)
        *err = why;
    return st;
}

status store_write(struct store *s, tx_fn *fn, void *arg, struct error *err)
{
    return run(s, &(struct transaction){.fn = fn, .arg = arg, .writes = true}, err);
}

status store_read(struct store *s, tx_fn *fn, void *arg, struct error *err)
{
    return run(s, &(struct transaction){.fn = fn, .arg = arg}, err);
}

status store_write_or_doubt(struct store *s, tx_fn *fn, void *arg, uint64_t *doubt,
                            struct error *err)
{
    struct transaction t = {.fn = fn, .arg = arg, .writes = true};
    status st = run(s, &t, err);
    *doubt = t.doubt;
    return st;
}

struct settling {
    uint64_t doubt;
    bool *happened;
};

static status settle(struct conn *c, void *arg, struct error *err)
{
    const struct settling *x = arg;
    return c->ops->settle(c->db, x->doubt, x->happened, err);
}

status store_settle(struct store *s, uint64_t doubt, bool *happened, struct error *err)
{
    return store_read(s, settle, &(struct settling){doubt, happened}, err);
}

/* ---- one statement ---- */

struct single {
    const struct ask *q;
    struct arena *a;
    void *out;
    size_t *n;
    unsigned count;
    bool *found;
    uint64_t changed;
};

static status run_one(struct conn *c, void *arg, struct error *err)
{
    struct single *x = arg;
    return ask_run(c, x->q, &x->changed, err);
}

static status read_one(struct conn *c, void *arg, struct error *err)
{
    struct single *x = arg;
    return ask_one(c, x->a, x->q, x->out, err);
}

static status read_list(struct conn *c, void *arg, struct error *err)
{
    struct single *x = arg;
    return ask_list(c, x->a, x->q, x->out, x->n, err);
}

static status read_numbers(struct conn *c, void *arg, struct error *err)
{
    struct single *x = arg;
    return ask_numbers(c, x->q, x->out, x->count, x->found, err);
}

status store_run(struct store *s, const struct ask *q, uint64_t *changed, struct error *err)
{
    struct single x = {.q = q};
    status st = store_write(s, run_one, &x, err);
    if (st == ST_OK && changed)
        *changed = x.changed;
    return st;
}

status store_one(struct store *s, struct arena *a, const struct ask *q, void *out,
                 struct error *err)
{
    return store_read(s, read_one, &(struct single){.q = q, .a = a, .out = out}, err);
}

status store_list(struct store *s, struct arena *a, const struct ask *q, void *out, size_t *n,
                  struct error *err)
{
    return store_read(s, read_list, &(struct single){.q = q, .a = a, .out = out, .n = n}, err);
}

status store_numbers(struct store *s, const struct ask *q, int64_t *out, unsigned count,
                     bool *found, struct error *err)
{
    struct single x = {.q = q, .out = out, .count = count, .found = found};
    return store_read(s, read_numbers, &x, err);
}

status store_change(struct store *s, const struct ask *q, const char *what, str name,
                    struct error *err)
{
    uint64_t changed = 0;
    status st = store_run(s, q, &changed, err);
    if (st == ST_OK && !changed)
        return fail(err, ST_NOT_FOUND, "no %s '" STR_FMT "'", what, STR_ARG(str_head(name, 64)));
    return st;
}

/* ---- life ---- */

static struct store *store_new(const struct store_ops *ops, const struct store_options *o)
{
    struct store *s = mem_new(struct store);
    s->ops = ops;
    s->options = *o;
    char *url = mem_zero(o->url.n + 1);
    memcpy(url, o->url.p, o->url.n);
    s->options.url = (str){url, o->url.n};
    if (!s->options.patience_ms)
        s->options.patience_ms = PATIENCE_MS;
    if (!s->options.readers)
        s->options.readers = READERS;
    if (s->options.readers > READERS_MAX)
        s->options.readers = READERS_MAX;
    pool_init(&s->writers, LOCK_STORE_WRITER, ops->writers);
    pool_init(&s->readers, LOCK_STORE_READERS, s->options.readers);
    return s;
}

status store_open_at(const struct store_options *options, int upto, struct store **out,
                     struct error *err)
{
    const struct store_ops *ops = driver_of(options->url);
    if (!ops) /* not quoted: it may hold a password */
        return fail(err, ST_INVALID,
                    "the database's URL begins with none of sqlite:, postgres://"
                    " and postgresql://");
    if (memchr(options->url.p, 0, options->url.n))
        return fail(err, ST_INVALID, "the database's URL has a NUL in it");
    struct store *s = store_new(ops, options);
    status st = migrate(s, upto, &s->version, err);
    if (st != ST_OK)
        store_close(s);
    else
        *out = s;
    return st;
}

status store_open(const struct store_options *options, struct store **out, struct error *err)
{
    return store_open_at(options, migration_count(), out, err);
}

static void wipe(str s)
{
    char *p = (char *)(uintptr_t)s.p; /* ours, made in store_new */
    explicit_bzero(p, s.n);
    mem_free(p);
}

void store_close(struct store *s)
{
    if (!s)
        return;
    pool_done(&s->readers);
    pool_done(&s->writers);
    wipe(s->options.url);
    mem_free(s);
}

const char *store_kind(const struct store *s)
{
    return s->ops->name;
}

int store_schema_version(const struct store *s)
{
    return s->version;
}

status store_ping(struct store *s, struct error *err)
{
    int64_t version = 0;
    return store_numbers(s, ASK("SELECT number FROM migration ORDER BY number DESC LIMIT 1"),
                         &version, 1, NULL, err);
}

static status read_size(struct conn *c, void *arg, struct error *err)
{
    return c->ops->size(c->db, arg, err);
}

uint64_t store_size_bytes(struct store *s)
{
    uint64_t bytes = 0;
    if (store_read(s, read_size, &bytes, NULL) != ST_OK)
        return 0;
    return bytes;
}

status store_backup(struct store *s, const char *path, struct error *err)
{
    if (!s->ops->backup)
        return fail(err, ST_UNSUPPORTED, "a %s database is backed up with its own tools (pg_dump)",
                    s->ops->name);
    return s->ops->backup(&s->options, path, err);
}
