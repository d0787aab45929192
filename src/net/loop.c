/* SPDX-License-Identifier: Apache-2.0 */
#include "net/stream_int.h"

#include "base/mem.h"
#include "base/vec.h"
#include "codec/time.h"
#include "os/clock.h"
#include "os/lock.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

enum {
    DATE_SIZE = 29,
    DATE_EVERY_MS = 250,
    SPARE_COUNT = 128,
    SPARE_ROOM = 4 * 1024,
    SPARE_ROOM_MAX = 32 * 1024
};

struct post {
    void (*run)(void *arg);
    void *arg;
};

struct loop_signal {
    uv_signal_t uv; /* first: its address is ours */
    struct loop_signal *next;
    void (*run)(void *arg, int signal);
    void *arg;
};

struct loop {
    uv_loop_t uv;
    uv_async_t wake;
    uv_prepare_t prepare;
    uv_idle_t idle; /* active while tasks wait, so that the loop does not */
    struct loop_task *first, **last;
    struct loop_signal *signals; /* owned */
    char *read_buffer;           /* owned */
    char *plain_buffer;          /* owned */
    struct sbuf spare[SPARE_COUNT];
    size_t spares;
    char date[DATE_SIZE + 1];
    uint64_t date_at_ms;
    pthread_t thread;
    _Atomic bool running, stop;

    struct lock lock;
    VEC(struct post) posts; /* guarded by lock */
};

uv_loop_t *loop_uv(struct loop *l)
{
    return &l->uv;
}

char *loop_read_buffer(struct loop *l)
{
    if (!l->read_buffer)
        l->read_buffer = mem_aligned(64, LOOP_READ_SIZE);
    return l->read_buffer;
}

char *loop_plain_buffer(struct loop *l)
{
    if (!l->plain_buffer)
        l->plain_buffer = mem_aligned(64, LOOP_PLAIN_SIZE);
    return l->plain_buffer;
}

struct sbuf loop_take_buffer(struct loop *l)
{
    if (l->spares)
        return l->spare[--l->spares];
    struct sbuf b;
    sbuf_init(&b, SIZE_MAX / 2);
    sbuf_space(&b, SPARE_ROOM);
    return b;
}

void loop_give_buffer(struct loop *l, struct sbuf *b)
{
    if (b->p && l->spares < SPARE_COUNT && b->room <= SPARE_ROOM_MAX) {
        sbuf_clear(b);
        l->spare[l->spares++] = *b;
        *b = (struct sbuf){0};
    }
    sbuf_done(b);
}

/* ---- tasks ---- */

void loop_soon(struct loop *l, struct loop_task *t)
{
    if (t->link)
        return;
    t->next = NULL;
    t->link = l->last;
    *l->last = t;
    l->last = &t->next;
}

static void unlink_task(struct loop *l, struct loop_task *t)
{
    *t->link = t->next;
    if (t->next)
        t->next->link = t->link;
    else
        l->last = t->link;
    t->link = NULL;
}

void loop_not_soon(struct loop *l, struct loop_task *t)
{
    if (t->link)
        unlink_task(l, t);
}

static void on_idle(uv_idle_t *idle)
{
    (void)idle;
}

/* What a task adds has its turn after the loop has looked at its sockets again. */
static void run_tasks(uv_prepare_t *prepare)
{
    struct loop *l = prepare->data;
    struct loop_task mark = {0};
    if (l->first) {
        loop_soon(l, &mark);
        while (l->first != &mark) {
            struct loop_task *t = l->first;
            unlink_task(l, t);
            t->run(t);
        }
        unlink_task(l, &mark);
    }
    if (l->first)
        uv_idle_start(&l->idle, on_idle);
    else
        uv_idle_stop(&l->idle);
}

/* ---- posts ---- */

/* False: there were none. */
static bool run_posts(struct loop *l)
{
    lock_take(&l->lock);
    struct post *post = l->posts.at;
    size_t n = l->posts.n;
    l->posts.at = NULL;
    l->posts.n = l->posts.room = 0;
    lock_drop(&l->lock);
    for (size_t i = 0; i < n; i++)
        post[i].run(post[i].arg);
    mem_free(post);
    return n > 0;
}

static void on_wake(uv_async_t *wake)
{
    struct loop *l = wake->data;
    (void)run_posts(l); /* those that come meanwhile wake us again */
    if (atomic_load(&l->stop))
        uv_stop(&l->uv);
}

void loop_post(struct loop *l, void (*run)(void *arg), void *arg)
{
    lock_take(&l->lock);
    *vec_push(&l->posts) = (struct post){run, arg};
    /* Held while waking: the loop is not freed between the two. */
    uv_async_send(&l->wake);
    lock_drop(&l->lock);
}

void loop_settle(struct loop *l)
{
    assert(!atomic_load(&l->running));
    while (run_posts(l))
        ;
}

/* ---- life ---- */

status loop_new(struct loop **out, struct error *err)
{
    struct loop *l = mem_new(struct loop);
    int rc = uv_loop_init(&l->uv);
    if (rc == 0) {
        rc = uv_async_init(&l->uv, &l->wake, on_wake);
        if (rc != 0)
            uv_loop_close(&l->uv);
    }
    if (rc != 0) {
        mem_free(l);
        return fail(err, ST_LIMIT, "no event loop: %s", uv_strerror(rc));
    }
    (void)signal(SIGPIPE, SIG_IGN); /* libuv writes to sockets whose peer may be gone */
    l->wake.data = l;
    l->last = &l->first;
    lock_init(&l->lock, LOCK_LOOP);
    uv_prepare_init(&l->uv, &l->prepare);
    l->prepare.data = l;
    uv_prepare_start(&l->prepare, run_tasks);
    uv_unref((uv_handle_t *)&l->prepare);
    uv_idle_init(&l->uv, &l->idle);
    *out = l;
    return ST_OK;
}

static void free_signal(uv_handle_t *handle)
{
    mem_free(handle);
}

void loop_free(struct loop *l)
{
    if (!l)
        return;
    loop_settle(l);
    while (l->signals) {
        struct loop_signal *s = l->signals;
        l->signals = s->next;
        uv_close((uv_handle_t *)&s->uv, free_signal);
    }
    uv_run(&l->uv, UV_RUN_NOWAIT); /* last tasks, and what they close */
    uv_run(&l->uv, UV_RUN_NOWAIT);
    uv_close((uv_handle_t *)&l->wake, NULL);
    uv_close((uv_handle_t *)&l->prepare, NULL);
    uv_close((uv_handle_t *)&l->idle, NULL);
    uv_run(&l->uv, UV_RUN_NOWAIT);
    int busy = uv_loop_close(&l->uv);
    assert(busy == 0); /* else: something of this loop was not closed */
    lock_done(&l->lock);
    vec_done(&l->posts);
    while (l->spares)
        sbuf_done(&l->spare[--l->spares]);
    mem_free(l->read_buffer);
    mem_free(l->plain_buffer);
    mem_free(l);
}

void loop_run(struct loop *l)
{
    l->thread = pthread_self();
    atomic_store(&l->running, true);
    while (!atomic_load(&l->stop))
        uv_run(&l->uv, UV_RUN_DEFAULT);
    atomic_store(&l->stop, false);
    atomic_store(&l->running, false);
}

void loop_stop(struct loop *l)
{
    lock_take(&l->lock);
    atomic_store(&l->stop, true);
    uv_async_send(&l->wake);
    lock_drop(&l->lock);
}

bool loop_is_current(const struct loop *l)
{
    return atomic_load(&l->running) && pthread_equal(l->thread, pthread_self());
}

/* ---- time ---- */

uint64_t loop_now_ms(const struct loop *l)
{
    return uv_now(&l->uv);
}

str loop_http_date(struct loop *l)
{
    static const char day[][4] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
    static const char month[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                    "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    uint64_t now = uv_now(&l->uv);
    if (!l->date[0] || now - l->date_at_ms >= DATE_EVERY_MS) {
        struct civil c = time_civil(clock_wall_ms());
        char text[64];
        snprintf(text, sizeof text, "%s, %02d %s %04d %02d:%02d:%02d GMT", day[c.weekday - 1],
                 c.day, month[c.month - 1], (int)c.year, c.hour, c.minute, c.second);
        memcpy(l->date, text, DATE_SIZE);
        l->date_at_ms = now;
    }
    return (str){l->date, DATE_SIZE};
}

struct loop_timer {
    uv_timer_t uv; /* first: its address is ours */
    void (*run)(void *arg);
    void *arg;
};

static void on_timer(uv_timer_t *uv)
{
    struct loop_timer *t = (struct loop_timer *)uv;
    t->run(t->arg);
}

struct loop_timer *loop_timer_new(struct loop *l, uint64_t every_ms, void (*run)(void *arg),
                                  void *arg)
{
    struct loop_timer *t = mem_new(struct loop_timer);
    t->run = run;
    t->arg = arg;
    uv_timer_init(&l->uv, &t->uv);
    uv_timer_start(&t->uv, on_timer, every_ms, every_ms);
    return t;
}

static void free_timer(uv_handle_t *handle)
{
    mem_free(handle);
}

void loop_timer_free(struct loop_timer *t)
{
    if (t)
        uv_close((uv_handle_t *)&t->uv, free_timer);
}

/* ---- signals ---- */

static void on_signal(uv_signal_t *uv, int number)
{
    struct loop_signal *s = (struct loop_signal *)uv;
    s->run(s->arg, number);
}

status loop_on_signal(struct loop *l, int signal, void (*run)(void *arg, int signal), void *arg,
                      struct error *err)
{
    struct loop_signal *s = mem_new(struct loop_signal);
    s->run = run;
    s->arg = arg;
    int rc = uv_signal_init(&l->uv, &s->uv);
    if (rc != 0) {
        mem_free(s);
        return fail(err, ST_LIMIT, "signal %d cannot be watched: %s", signal, uv_strerror(rc));
    }
    s->next = l->signals;
    l->signals = s;
    rc = uv_signal_start(&s->uv, on_signal, signal);
    if (rc != 0)
        return fail(err, ST_INVALID, "signal %d cannot be watched: %s", signal, uv_strerror(rc));
    return ST_OK;
}
