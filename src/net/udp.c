/* SPDX-License-Identifier: Apache-2.0 */
#include "net/udp.h"

#include "base/mem.h"
#include "net/stream_int.h"

#include <linux/sock_diag.h>
#include <sys/socket.h>
#include <unistd.h>

struct udp {
    uv_udp_t uv; /* first: its address is ours */
    struct loop *loop;
    struct udp_options o;
    uint16_t port;
};

static void on_alloc(uv_handle_t *handle, size_t size, uv_buf_t *buf)
{
    (void)size;
    struct udp *u = (struct udp *)handle;
    *buf = (uv_buf_t){.base = loop_read_buffer(u->loop), .len = LOOP_READ_SIZE};
}

static void on_datagram(uv_udp_t *uv, ssize_t n, const uv_buf_t *buf, const struct sockaddr *from,
                        unsigned flags)
{
    struct udp *u = (struct udp *)uv;
    if (n < 0 || !from)
        return; /* nothing left to read, or an ICMP error that came back */
    struct sockaddr_storage a = {0};
    memcpy(&a, from,
           from->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in));
    struct ip ip = net_ip(&a);
    char address[IP_TEXT_MAX];
    str text = {address, ip_format(&ip, address)};
    u->o.datagram(u->o.arg, text, (str){buf->base, (size_t)n}, flags & UV_UDP_PARTIAL);
}

static void free_udp(uv_handle_t *handle)
{
    mem_free(handle);
}

status udp_open(struct loop *loop, const struct udp_options *options, struct udp **out,
                struct error *err)
{
    int fd = -1;
    status st =
        net_bind(&(struct net_place){options->host, options->port, false}, SOCK_DGRAM, &fd, err);
    if (st != ST_OK)
        return st;
    struct udp *u = mem_new(struct udp);
    u->loop = loop;
    u->o = *options;
    int want = (int)(options->receive_bytes ? options->receive_bytes : (uint32_t)4 << 20);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &want, sizeof want);
    struct sockaddr_storage a = {0};
    socklen_t size = sizeof a;
    getsockname(fd, (struct sockaddr *)&a, &size);
    u->port = net_port(&a);
    uv_udp_init(loop_uv(loop), &u->uv);
    int rc = uv_udp_open(&u->uv, fd);
    if (rc != 0)
        close(fd);
    else
        rc = uv_udp_recv_start(&u->uv, on_alloc, on_datagram);
    if (rc != 0) {
        uv_close((uv_handle_t *)&u->uv, free_udp);
        return fail(err, ST_UNAVAILABLE, "cannot receive on '%s': %s", options->host,
                    uv_strerror(rc));
    }
    *out = u;
    return ST_OK;
}

uint16_t udp_port(const struct udp *u)
{
    return u->port;
}

void udp_pause(struct udp *u)
{
    uv_udp_recv_stop(&u->uv);
}

void udp_resume(struct udp *u)
{
    uv_udp_recv_start(&u->uv, on_alloc, on_datagram);
}

uint64_t udp_dropped(const struct udp *u)
{
    uint32_t info[SK_MEMINFO_VARS] = {0};
    socklen_t size = sizeof info;
    uv_os_fd_t fd;
    if (uv_fileno((const uv_handle_t *)&u->uv, &fd) != 0 ||
        getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info, &size) != 0)
        return 0;
    return info[SK_MEMINFO_DROPS];
}

void udp_close(struct udp *u)
{
    if (u)
        uv_close((uv_handle_t *)&u->uv, free_udp);
}
