/* SPDX-License-Identifier: Apache-2.0 */
#include "os/thread.h"

#include "base/mem.h"
#include "base/str.h"

#include <assert.h>
#include <sched.h>
#include <signal.h>

struct start {
    void (*run)(void *arg);
    void *arg;
    char name[16];
};

static void *begin(void *arg)
{
    struct start s = *(struct start *)arg;
    mem_free(arg);
    (void)pthread_setname_np(pthread_self(), s.name); /* only for the eye */
    s.run(s.arg);
    return NULL;
}

status thread_start(struct thread *t, const char *name, void (*run)(void *arg), void *arg,
                    struct error *err)
{
    struct start *s = mem_new(struct start);
    s->run = run;
    s->arg = arg;
    snprintf(s->name, sizeof s->name, "%s", name);

    sigset_t all, before;
    sigfillset(&all);
    int failed = pthread_sigmask(SIG_SETMASK, &all, &before);
    assert(!failed);
    int refused = pthread_create(&t->id, NULL, begin, s);
    failed = pthread_sigmask(SIG_SETMASK, &before, NULL);
    assert(!failed);
    if (!refused)
        return ST_OK;
    mem_free(s);
    return fail(err, ST_LIMIT, "no thread '%s' to be had", name);
}

void thread_join(struct thread *t)
{
    int failed = pthread_join(t->id, NULL);
    assert(!failed);
}

unsigned thread_processors(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0)
        return 1; /* more processors than the set holds: the user can say how many */
    int n = CPU_COUNT(&set);
    return n > 0 ? (unsigned)n : 1;
}
