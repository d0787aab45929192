/* SPDX-License-Identifier: Apache-2.0 */
/* net_bed.h - a loop on a thread of its own, and plain blocking sockets to talk to what lives on it. */
#ifndef TESTS_NET_BED_H
#define TESTS_NET_BED_H

#include "base/sbuf.h"
#include "net/loop.h"
#include "os/thread.h"
#include "tests/test.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

struct bed {
    struct loop *loop;
    struct thread thread;
};

static inline void bed_run(void *arg)
{
    struct bed *b = arg;
    loop_run(b->loop);
}

static inline void bed_start(struct bed *b)
{
    struct error err = {0};
    if (!b->loop)
        assert_int_equal(loop_new(&b->loop, &err), ST_OK);
    assert_int_equal(thread_start(&b->thread, "loop", bed_run, b, &err), ST_OK);
}

static inline void bed_stop(struct bed *b)
{
    loop_stop(b->loop);
    thread_join(&b->thread);
}

struct bed_call {
    void (*run)(void *arg);
    void *arg;
    _Atomic bool done;
};

static inline void bed_called(void *arg)
{
    struct bed_call *call = arg;
    call->run(call->arg);
    atomic_store(&call->done, true);
}

/* Wait, looking now and then, until `*flag`. */
static inline void bed_wait(_Atomic bool *flag)
{
    while (!atomic_load(flag))
        poll(NULL, 0, 1);
}

/* Have it done on the loop's thread, and wait for that. */
static inline void bed_do(struct bed *b, void (*run)(void *arg), void *arg)
{
    struct bed_call call = {.run = run, .arg = arg};
    loop_post(b->loop, bed_called, &call);
    bed_wait(&call.done);
}

static inline int bed_connect(uint16_t port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    return fd;
}

/* False: the other side has closed. */
static inline bool bed_send(int fd, str s)
{
    while (s.n) {
        ssize_t n = send(fd, s.p, s.n, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        s = str_from(s, (size_t)n);
    }
    return true;
}

/* One read appended; false at the end. */
static inline bool bed_read(int fd, struct sbuf *to)
{
    char *p = sbuf_space(to, 1 << 16);
    assert_non_null(p);
    ssize_t n = recv(fd, p, 1 << 16, 0);
    if (n <= 0)
        return false;
    sbuf_grew(to, (size_t)n);
    return true;
}

static inline void bed_read_all(int fd, struct sbuf *to)
{
    while (bed_read(fd, to))
        ;
}

#endif
