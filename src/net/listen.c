/* SPDX-License-Identifier: Apache-2.0 */
#include "net/listen.h"

#include "base/mem.h"
#include "base/metric.h"
#include "net/crowd.h"
#include "net/stream_int.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 1024, ACCEPT_AT_ONCE = 64, SEND_BUFFER = 256 * 1024 };

struct listener {
    uv_poll_t poll;
    uv_timer_t tick, grace;
    struct listen_options o; /* o.tls: a reference */
    struct loop *loop;
    struct stream *first;            /* every stream, newest first */
    struct crowd *crowd, *own_crowd; /* o.crowd, or one of our own */
    size_t count;
    unsigned handles; /* of ours that are not closed yet */
    int fd;           /* the socket that listens; owned */
    uint16_t port;
    bool closing, polled;
    bool resting; /* for want of descriptors or memory nothing is accepted */
    void (*done)(void *arg);
    void *done_arg;
};

/* ---- addresses ---- */

status net_sockaddr(const char *host, uint16_t port, struct sockaddr_storage *out,
                    struct error *err)
{
    memset(out, 0, sizeof *out);
    if (uv_ip4_addr(host, port, (struct sockaddr_in *)out) == 0 ||
        uv_ip6_addr(host, port, (struct sockaddr_in6 *)out) == 0)
        return ST_OK;
    return fail(err, ST_INVALID, "'%s' is no numeric address", host);
}

struct ip net_ip(const struct sockaddr_storage *a)
{
    if (a->ss_family == AF_INET6)
        return ip_from_v6(((const struct sockaddr_in6 *)a)->sin6_addr.s6_addr);
    if (a->ss_family == AF_INET) /* clang-tidy takes getpeername for one that fills in half */
        return ip_from_v4(ntohl(((const struct sockaddr_in *)a)->sin_addr.s_addr)); // NOLINT
    return ip_from_v4(INADDR_LOOPBACK); /* a UNIX socket that was handed over */
}

uint16_t net_port(const struct sockaddr_storage *a)
{
    if (a->ss_family == AF_INET6)
        return ntohs(((const struct sockaddr_in6 *)a)->sin6_port); // NOLINT: as above
    return ntohs(((const struct sockaddr_in *)a)->sin_port);       // NOLINT: as above
}

/* Sockets that share an address all say so; the first one only once it has the address, which it
 * would otherwise share with another process. */
static bool bind_fd(int fd, const struct sockaddr *a, socklen_t size, bool shared)
{
    int on = 1;
    if (!shared && bind(fd, a, size) != 0)
        return false;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0)
        return false;
    return !shared || bind(fd, a, size) == 0;
}

status net_bind(const struct net_place *place, int type, int *out, struct error *err)
{
    struct sockaddr_storage a;
    status st = net_sockaddr(place->host, place->port, &a, err);
    if (st != ST_OK)
        return st;
    int fd = socket(a.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return fail(err, ST_UNAVAILABLE, "no socket: %s", strerror(errno));
    int on = 1, off = 0;
    socklen_t size =
        a.ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
    if (type == SOCK_STREAM)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (a.ss_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    if (!bind_fd(fd, (const struct sockaddr *)&a, size, place->shared)) {
        st = fail(err, ST_UNAVAILABLE, "cannot listen on '%s' port %u: %s", place->host,
                  (unsigned)place->port, strerror(errno));
        close(fd);
        return st;
    }
    *out = fd;
    return ST_OK;
}

/* ---- accepting ----
 *
 * By ourselves: what libuv does when descriptors run out is to accept and close whoever waits, and, should a
 * thread be quicker than it to the descriptor it keeps for that, to try for ever.  Here those who come wait
 * in the kernel's queue until something was closed. */

static void adopt(struct listener *l, struct stream *s)
{
    s->next = l->first;
    s->link = &l->first;
    if (l->first)
        l->first->link = &s->next;
    l->first = s;
    l->count++;
}

/* False: the peer has reset the connection.  What it sent before can still be read, but nobody says any more
 * whose it is. */
static bool peer_of(int fd, struct ip *out)
{
    struct sockaddr_storage a = {0};
    socklen_t size = sizeof a;
    if (getpeername(fd, (struct sockaddr *)&a, &size) != 0)
        return false;
    *out = net_ip(&a);
    return true;
}

static void refuse(const struct listener *l, const struct ip *ip, const char *why)
{
    char text[IP_TEXT_MAX];
    if (l->o.refused)
        l->o.refused(l->o.arg, (str){text, ip_format(ip, text)}, why);
}

static void take(struct listener *l, int fd)
{
    struct ip ip;
    bool known = peer_of(fd, &ip);
    const char *why = known ? crowd_enter(l->crowd, &ip) : NULL;
    if (why)
        refuse(l, &ip, why);
    if (!known || why) {
        close(fd);
        return;
    }
    struct stream *s = stream_new(l->loop, l);
    s->ip = ip;
    s->address_n = (uint8_t)ip_format(&ip, s->address);
    adopt(l, s);
    bool opened = uv_tcp_open(&s->tcp, fd) == 0;
    if (!opened)
        close(fd);
    if (opened && l->o.accept(l->o.arg, s))
        stream_start(s, l->o.tls, l->o.handshake_ms, l->o.write_buffer);
    else
        stream_abort(s);
}

static bool lacks_means(int why)
{
    return why == EMFILE || why == ENFILE || why == ENOBUFS || why == ENOMEM;
}

/* Until a connection of ours is gone, or the next tick. */
static void rest(struct listener *l)
{
    uv_poll_stop(&l->poll);
    l->resting = true;
    metric_inc(METRIC_ACCEPT_RESTED);
}

static void on_connection(uv_poll_t *poll, int rc, int events)
{
    struct listener *l = poll->data;
    (void)rc, (void)events; /* accept4 says what is wrong */
    for (int i = 0; i < ACCEPT_AT_ONCE && !l->closing; i++) {
        int fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            take(l, fd);
        } else if (lacks_means(errno)) {
            rest(l);
            return;
        } else if (errno == EAGAIN) {
            return;
        } /* else it was the connection's own trouble (accept(2)) */
    }
}

static int watch(struct listener *l)
{
    l->resting = false;
    return uv_poll_start(&l->poll, UV_READABLE, on_connection);
}

/* ---- time ---- */

static void on_tick(uv_timer_t *timer)
{
    struct listener *l = timer->data;
    uint64_t now = loop_now_ms(l->loop);
    if (l->resting && !l->closing)
        watch(l);
    /* Closing is never at once, so the list stays as it is. */
    for (struct stream *s = l->first; s; s = s->next)
        if (s->state != STREAM_DEAD)
            stream_check(s, now, l->o.write_ms);
}

/* ---- life ---- */

static void give_up(struct listener *l)
{
    crowd_free(l->own_crowd);
    tls_context_unref(l->o.tls);
    mem_free(l);
}

/* Once closing: over when the last stream and the last handle are. */
static void finish_when_empty(struct listener *l)
{
    if (!l->closing || l->count)
        return;
    if (l->handles == 0) {
        void (*done)(void *) = l->done;
        void *arg = l->done_arg;
        give_up(l);
        if (done)
            done(arg);
    }
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct listener *l = handle->data;
    l->handles--;
    finish_when_empty(l);
}

static void close_handle(void *handle)
{
    uv_handle_t *h = handle;
    if (!uv_is_closing(h))
        uv_close(h, on_handle_closed);
}

void listen_forget(struct listener *l, struct stream *s)
{
    crowd_leave(l->crowd, &s->ip);
    if (l->resting && !l->closing)
        watch(l);
    *s->link = s->next;
    if (s->next)
        s->next->link = s->link;
    l->count--;
    if (l->closing && l->count == 0) {
        close_handle(&l->tick);
        close_handle(&l->grace);
    }
}

static struct listen_options with_defaults(const struct listen_options *o)
{
    struct listen_options r = *o;
    r.connections = o->connections ? o->connections : 20000;
    r.connections_address = o->connections_address ? o->connections_address : 1024;
    r.handshake_ms = o->handshake_ms ? o->handshake_ms : 10000;
    r.write_ms = o->write_ms ? o->write_ms : 30000;
    r.tick_ms = o->tick_ms ? o->tick_ms : 1000;
    r.write_buffer = o->write_buffer ? o->write_buffer : (size_t)4 << 20;
    r.tls = o->tls ? tls_context_ref(o->tls) : NULL;
    return r;
}

static struct listener *listener_new(struct loop *loop, const struct listen_options *o, int fd)
{
    struct listener *l = mem_new(struct listener);
    l->loop = loop;
    l->fd = fd;
    l->o = with_defaults(o);
    l->crowd = o->crowd;
    if (!l->crowd)
        l->crowd = l->own_crowd = crowd_new(l->o.connections, l->o.connections_address);
    uv_timer_init(loop_uv(loop), &l->tick);
    uv_timer_init(loop_uv(loop), &l->grace);
    l->poll.data = l->tick.data = l->grace.data = l;
    l->handles = 2;
    return l;
}

/* The handle is there once the descriptor turned out to be one. */
static status start(struct listener *l, struct error *err)
{
    struct sockaddr_storage a = {0};
    socklen_t size = sizeof a;
    int type = 0;
    socklen_t type_size = sizeof type;
    if (getsockopt(l->fd, SOL_SOCKET, SO_TYPE, &type, &type_size) != 0 || type != SOCK_STREAM ||
        getsockname(l->fd, (struct sockaddr *)&a, &size) != 0)
        return fail(err, ST_INVALID, "descriptor %d is no socket to listen on", l->fd);
    /* Connections inherit it.  Left to itself the kernel keeps up to 4 MiB for each client that asks and does not
     * read (tcp_wmem), of memory that cannot be swapped. */
    int send_buffer = SEND_BUFFER;
    (void)setsockopt(l->fd, SOL_SOCKET, SO_SNDBUF, &send_buffer, sizeof send_buffer);
    if (listen(l->fd, BACKLOG) != 0)
        return fail(err, ST_UNAVAILABLE, "cannot listen on '%s' port %u: %s", l->o.host,
                    (unsigned)l->o.port, strerror(errno));
    int rc = uv_poll_init(loop_uv(l->loop), &l->poll, l->fd);
    l->polled = rc == 0;
    l->handles += l->polled;
    if (rc == 0)
        rc = watch(l);
    if (rc != 0)
        return fail(err, ST_UNAVAILABLE, "cannot watch descriptor %d: %s", l->fd, uv_strerror(rc));
    l->port = net_port(&a);
    uv_timer_start(&l->tick, on_tick, l->o.tick_ms, l->o.tick_ms);
    return ST_OK;
}

status listen_open(struct loop *loop, const struct listen_options *options, struct listener **out,
                   struct error *err)
{
    int fd = options->fd;
    status st = fd >= 0
                    ? ST_OK
                    : net_bind(&(struct net_place){options->host, options->port, options->shared},
                               SOCK_STREAM, &fd, err);
    if (st != ST_OK)
        return st;
    struct listener *l = listener_new(loop, options, fd);
    st = start(l, err);
    if (st == ST_OK)
        *out = l;
    else
        listen_close(l, 0, NULL, NULL);
    return st;
}

uint16_t listen_port(const struct listener *l)
{
    return l->port;
}

void listen_set_tls(struct listener *l, struct tls_context *tls)
{
    struct tls_context *old = l->o.tls;
    l->o.tls = tls ? tls_context_ref(tls) : NULL;
    tls_context_unref(old);
}

static void on_grace_over(uv_timer_t *timer)
{
    struct listener *l = timer->data;
    for (struct stream *s = l->first; s; s = s->next)
        stream_abort(s);
}

void listen_close(struct listener *l, uint32_t grace_ms, void (*done)(void *arg), void *arg)
{
    assert(!l->closing);
    l->closing = true;
    l->done = done;
    l->done_arg = arg;
    if (l->polled)
        close_handle(&l->poll);
    close(l->fd); /* refuses whoever still waits in its queue */
    for (struct stream *s = l->first; s; s = s->next)
        stream_stopping(s);
    if (l->count) {
        uv_timer_start(&l->grace, on_grace_over, grace_ms, 0);
    } else {
        close_handle(&l->tick);
        close_handle(&l->grace);
    }
}
