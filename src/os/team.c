/* SPDX-License-Identifier: Apache-2.0 */
#include "os/team.h"

#include "base/mem.h"
#include "os/lock.h"
#include "os/thread.h"

#include <stdatomic.h>

enum { TEAM_MAX = 256 };

struct member {
    struct team *team;
    unsigned worker;
    struct thread thread;
};
struct team {
    struct lock lock;
    struct condition begun, done;
    /* under the lock: */
    uint64_t round; /* one more for each piece of work */
    unsigned busy;  /* members, the caller not counted */
    bool stop;
    /* Of the present round: written before it begins. */
    void (*run)(void *arg, size_t task, unsigned worker);
    void *arg;
    size_t tasks;
    _Atomic size_t next;
    struct member *member; /* owned; [0] is the caller, without a thread */
    unsigned members;
};

static void work(struct team *t, unsigned worker)
{
    for (size_t task; (task = atomic_fetch_add(&t->next, 1)) < t->tasks;)
        t->run(t->arg, task, worker);
}

/* False: there will be no more rounds. */
static bool await_round(struct team *t, uint64_t *seen)
{
    lock_take(&t->lock);
    while (t->round == *seen && !t->stop)
        condition_wait(&t->begun, &t->lock);
    *seen = t->round;
    bool go_on = !t->stop;
    lock_drop(&t->lock);
    return go_on;
}

static void serve(void *arg)
{
    struct member *m = arg;
    struct team *t = m->team;
    for (uint64_t seen = 0; await_round(t, &seen);) {
        work(t, m->worker);
        lock_take(&t->lock);
        if (--t->busy == 0)
            condition_wake_all(&t->done);
        lock_drop(&t->lock);
    }
}

struct team *team_new(unsigned threads)
{
    struct team *t = mem_new(struct team);
    lock_init(&t->lock, LOCK_TEAM);
    condition_init(&t->begun);
    condition_init(&t->done);
    unsigned most = threads ? threads : thread_processors();
    most = most < TEAM_MAX ? most : TEAM_MAX;
    t->member = mem_zero(most * sizeof *t->member);
    for (t->members = 1; t->members < most; t->members++) {
        struct member *m = &t->member[t->members];
        *m = (struct member){.team = t, .worker = t->members};
        if (thread_start(&m->thread, "team", serve, m, NULL))
            break;
    }
    return t;
}

void team_free(struct team *t)
{
    if (!t)
        return;
    lock_take(&t->lock);
    t->stop = true;
    condition_wake_all(&t->begun);
    lock_drop(&t->lock);
    for (unsigned i = 1; i < t->members; i++)
        thread_join(&t->member[i].thread);
    condition_done(&t->begun);
    condition_done(&t->done);
    lock_done(&t->lock);
    mem_free(t->member);
    mem_free(t);
}

unsigned team_threads(const struct team *t)
{
    return t ? t->members : 1;
}

void team_run(struct team *t, size_t tasks, void (*run)(void *arg, size_t task, unsigned worker),
              void *arg)
{
    if (!t || t->members == 1 || tasks < 2) {
        for (size_t i = 0; i < tasks; i++)
            run(arg, i, 0);
        return;
    }
    lock_take(&t->lock);
    t->run = run;
    t->arg = arg;
    t->tasks = tasks;
    atomic_store(&t->next, 0);
    t->busy = t->members - 1;
    t->round++;
    condition_wake_all(&t->begun);
    lock_drop(&t->lock);
    work(t, 0);
    lock_take(&t->lock);
    while (t->busy)
        condition_wait(&t->done, &t->lock);
    lock_drop(&t->lock);
}
