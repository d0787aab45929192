/* SPDX-License-Identifier: Apache-2.0 */
/* postgres_proxy.h - stands between a client and a PostgreSQL server, and cuts a connection at the worst moment. */
#ifndef TESTS_POSTGRES_PROXY_H
#define TESTS_POSTGRES_PROXY_H

#include "os/thread.h"
#include "tests/test.h"

#include <poll.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum proxy_cut {
    CUT_NOTHING,
    CUT_COMMIT, /* the next COMMIT does not reach the server */
    CUT_ANSWER  /* its answer does not reach the client */
};

enum { PROXY_PAIRS_MAX = 16, PROXY_BUFFER = 65536 };

struct proxy {
    char server[108]; /* path of the server's socket */
    int listener, stop[2];
    struct {
        int client, server;
    } pair[PROXY_PAIRS_MAX];
    size_t pairs;
    _Atomic int cut;
    struct thread thread;
};

static inline int proxy_socket(const char *path, bool listens)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    (void)snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
    int rc = listens ? bind(fd, (struct sockaddr *)&a, sizeof a)
                     : connect(fd, (struct sockaddr *)&a, sizeof a);
    if (fd < 0 || rc != 0 || (listens && listen(fd, PROXY_PAIRS_MAX) != 0))
        abort();
    return fd;
}

static inline void proxy_drop(struct proxy *p, size_t i)
{
    (void)close(p->pair[i].client);
    (void)close(p->pair[i].server);
    p->pair[i] = p->pair[--p->pairs];
}

static inline bool proxy_write(int fd, const char *p, size_t n)
{
    while (n) {
        ssize_t some = send(fd, p, n, MSG_NOSIGNAL);
        if (some <= 0)
            return false;
        p += some;
        n -= (size_t)some;
    }
    return true;
}

/* False: the connection is at its end. */
static inline bool proxy_pass(struct proxy *p, int from, int to, bool from_client)
{
    static char buffer[PROXY_BUFFER];
    ssize_t n = read(from, buffer, sizeof buffer);
    if (n <= 0)
        return false;
    bool commits = from_client && memmem(buffer, (size_t)n, "COMMIT", 6);
    int cut = commits ? atomic_exchange(&p->cut, CUT_NOTHING) : CUT_NOTHING;
    if (cut == CUT_COMMIT || !proxy_write(to, buffer, (size_t)n))
        return false;
    if (cut == CUT_ANSWER) {
        (void)read(to, buffer, sizeof buffer);
        return false;
    }
    return true;
}

static inline void proxy_run(void *arg)
{
    struct proxy *p = arg;
    for (;;) {
        struct pollfd fd[2 + 2 * PROXY_PAIRS_MAX] = {{.fd = p->stop[0], .events = POLLIN},
                                                     {.fd = p->listener, .events = POLLIN}};
        for (size_t i = 0; i < p->pairs; i++) {
            fd[2 + 2 * i] = (struct pollfd){.fd = p->pair[i].client, .events = POLLIN};
            fd[3 + 2 * i] = (struct pollfd){.fd = p->pair[i].server, .events = POLLIN};
        }
        (void)poll(fd, (nfds_t)(2 + 2 * p->pairs), -1);
        if (fd[0].revents)
            break;
        for (size_t i = p->pairs; i-- > 0;) {
            int client = p->pair[i].client, server = p->pair[i].server;
            if ((fd[2 + 2 * i].revents && !proxy_pass(p, client, server, true)) ||
                (fd[3 + 2 * i].revents && !proxy_pass(p, server, client, false)))
                proxy_drop(p, i);
        }
        if (fd[1].revents && p->pairs < PROXY_PAIRS_MAX) {
            p->pair[p->pairs].client = accept(p->listener, NULL, NULL);
            p->pair[p->pairs++].server = proxy_socket(p->server, false);
        }
    }
    while (p->pairs)
        proxy_drop(p, p->pairs - 1);
}

/* A socket in `folder` for clients, of the server whose socket is in `server`. */
static inline void proxy_start(struct proxy *p, const char *folder, const char *server)
{
    char path[108];
    *p = (struct proxy){0};
    (void)snprintf(p->server, sizeof p->server, "%s/.s.PGSQL.5432", server);
    (void)snprintf(path, sizeof path, "%s/.s.PGSQL.5432", folder);
    p->listener = proxy_socket(path, true);
    if (pipe(p->stop) != 0 || thread_start(&p->thread, "proxy", proxy_run, p, NULL) != ST_OK)
        abort();
}

static inline void proxy_stop(struct proxy *p)
{
    (void)close(p->stop[1]);
    thread_join(&p->thread);
    (void)close(p->stop[0]);
    (void)close(p->listener);
}

#endif
