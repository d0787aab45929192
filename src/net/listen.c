/* SPDX-License-Identifier: Apache-2.0 */
#include "net/listen.h"

#include "base/mem.h"
#include "net/peers.h"
#include "net/stream_int.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 1024 };

struct listener {
    uv_tcp_t tcp; /* first: its address is ours */
    uv_timer_t tick, grace;
    struct listen_options o; /* o.tls: a reference */
    struct loop *loop;
    struct stream *first; /* every stream, newest first */
    struct peers peers;
    size_t count;
    unsigned handles; /* of ours that are not closed yet */
    uint16_t port;
    bool closing;
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
    if (a->ss_family == AF_INET)
        return ip_from_v4(ntohl(((const struct sockaddr_in *)a)->sin_addr.s_addr));
    return ip_from_v4(INADDR_LOOPBACK); /* a UNIX socket that was handed over */
}

uint16_t net_port(const struct sockaddr_storage *a)
{
    return ntohs(a->ss_family == AF_INET6 ? ((const struct sockaddr_in6 *)a)->sin6_port
                                          : ((const struct sockaddr_in *)a)->sin_port);
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

/* ---- accepting ---- */

/* False: the peer has reset the connection.  What it sent before can still be read, but nobody says any more
 * whose it is. */
static bool set_address(struct stream *s)
{
    struct sockaddr_storage a = {0};
    int size = sizeof a;
    bool known = uv_tcp_getpeername(&s->tcp, (struct sockaddr *)&a, &size) == 0;
    s->ip = net_ip(&a);
    s->address_n = (uint8_t)ip_format(&s->ip, s->address);
    return known;
}

static const char *too_many(struct listener *l, struct stream *s)
{
    if (l->count > l->o.connections)
        return "too many connections";
    if (peers_count(&l->peers, &s->ip) > l->o.connections_address)
        return "too many connections from one address";
    return NULL;
}

static void adopt(struct listener *l, struct stream *s)
{
    s->next = l->first;
    s->link = &l->first;
    if (l->first)
        l->first->link = &s->next;
    l->first = s;
    l->count++;
    peers_add(&l->peers, &s->ip);
}

static void on_connection(uv_stream_t *server, int rc)
{
    struct listener *l = (struct listener *)server;
    if (rc < 0 || l->closing)
        return; /* for want of descriptors, say; libuv tries again */
    struct stream *s = stream_new(l->loop, l);
    bool accepted = uv_accept(server, (uv_stream_t *)&s->tcp) == 0 && set_address(s);
    adopt(l, s);
    const char *why = accepted ? too_many(l, s) : NULL;
    if (why && l->o.refused)
        l->o.refused(l->o.arg, stream_address(s), why);
    if (!accepted || why) {
        stream_abort(s);
        return;
    }
    if (l->o.accept(l->o.arg, s))
        stream_start(s, l->o.tls, l->o.handshake_ms, l->o.write_buffer);
    else
        stream_abort(s);
}

/* ---- time ---- */

static void on_tick(uv_timer_t *timer)
{
    struct listener *l = timer->data;
    uint64_t now = loop_now_ms(l->loop);
    /* Closing is never at once, so the list stays as it is. */
    for (struct stream *s = l->first; s; s = s->next)
        if (s->state != STREAM_DEAD)
            stream_check(s, now, l->o.write_ms);
}

/* ---- life ---- */

static void give_up(struct listener *l)
{
    peers_done(&l->peers);
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
    peers_remove(&l->peers, &s->ip);
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

static void init_handles(struct listener *l)
{
    uv_tcp_init(loop_uv(l->loop), &l->tcp);
    uv_timer_init(loop_uv(l->loop), &l->tick);
    uv_timer_init(loop_uv(l->loop), &l->grace);
    l->tcp.data = l->tick.data = l->grace.data = l;
    l->handles = 3;
}

static status start(struct listener *l, int fd, struct error *err)
{
    int rc = uv_tcp_open(&l->tcp, fd);
    if (rc != 0) {
        close(fd);
        return fail(err, ST_INVALID, "descriptor %d is no socket to listen on: %s", fd,
                    uv_strerror(rc));
    }
    rc = uv_listen((uv_stream_t *)&l->tcp, BACKLOG, on_connection);
    if (rc != 0)
        return fail(err, ST_UNAVAILABLE, "cannot listen on '%s' port %u: %s", l->o.host,
                    (unsigned)l->o.port, uv_strerror(rc));
    struct sockaddr_storage a = {0};
    int size = sizeof a;
    uv_tcp_getsockname(&l->tcp, (struct sockaddr *)&a, &size);
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
    struct listener *l = mem_new(struct listener);
    l->loop = loop;
    l->o = with_defaults(options);
    init_handles(l);
    st = start(l, fd, err);
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
    close_handle(&l->tcp);
    for (struct stream *s = l->first; s; s = s->next)
        stream_stopping(s);
    if (l->count) {
        uv_timer_start(&l->grace, on_grace_over, grace_ms, 0);
    } else {
        close_handle(&l->tick);
        close_handle(&l->grace);
    }
}
