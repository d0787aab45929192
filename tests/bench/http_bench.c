/* SPDX-License-Identifier: Apache-2.0 */
/* Requests a second over keep-alive connections on loopback, beside a bare libuv echo that is sent the same
 * request and answers the same number of bytes without looking.  Each server is a process of its
 * own; its CPU time per request is what counts, as the clients need a core too.
 *
 *     http_bench [SECONDS]      (3) */
#include <uv.h>

#include "net/http.h"
#include "os/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CLIENTS = 64, BODY = 15 };

static const char request_text[] = "GET /health HTTP/1.1\r\nHost: 127.0.0.1:3002\r\n"
                                   "User-Agent: http_bench\r\nAccept: */*\r\n\r\n";
static size_t answer_size;

/* ---- the servers ---- */

static void answer(void *arg, struct http_request *r)
{
    (void)arg;
    http_respond(r, 200, "application/json", STR("{\"status\":\"ok\"}"));
}

static void send_port(int fd, uint16_t port)
{
    if (write(fd, &port, sizeof port) != sizeof port)
        _exit(1);
}

static void serve_http(int port_fd)
{
    struct loop *loop;
    struct http_server *server;
    struct error err;
    struct http_server_options o = {
        .host = "127.0.0.1", .fd = -1, .limits = http_limits_default, .handler = {.begin = answer}};
    o.limits.requests = UINT32_MAX;
    if (loop_new(&loop, &err) != ST_OK || http_server_open(loop, &o, &server, &err) != ST_OK) {
        (void)fprintf(stderr, "%s\n", err.text);
        _exit(1);
    }
    send_port(port_fd, http_server_port(server));
    loop_run(loop);
}

static char echo_in[64 * 1024], echo_out[4096];

static void echo_alloc(uv_handle_t *h, size_t size, uv_buf_t *buf)
{
    (void)h;
    (void)size;
    *buf = uv_buf_init(echo_in, sizeof echo_in);
}

static void echo_closed(uv_handle_t *h)
{
    free(h);
}

static void echo_read(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
    (void)buf;
    if (n < 0) {
        uv_close((uv_handle_t *)s, echo_closed);
    } else if (n > 0) {
        uv_buf_t out = uv_buf_init(echo_out, (unsigned)answer_size);
        uv_try_write(s, &out, 1);
    }
}

static void echo_connection(uv_stream_t *server, int rc)
{
    (void)rc;
    uv_tcp_t *c = calloc(1, sizeof *c);
    uv_tcp_init(server->loop, c);
    if (uv_accept(server, (uv_stream_t *)c) == 0)
        uv_read_start((uv_stream_t *)c, echo_alloc, echo_read);
}

static void serve_echo(int port_fd)
{
    uv_tcp_t server;
    struct sockaddr_in a;
    int size = sizeof a;
    uv_ip4_addr("127.0.0.1", 0, &a);
    uv_tcp_init(uv_default_loop(), &server);
    uv_tcp_bind(&server, (struct sockaddr *)&a, 0);
    uv_listen((uv_stream_t *)&server, 128, echo_connection);
    uv_tcp_getsockname(&server, (struct sockaddr *)&a, &size);
    send_port(port_fd, ntohs(a.sin_port));
    uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}

/* ---- the clients ---- */

static int dial(uint16_t port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof a) != 0) {
        perror("connect");
        exit(1);
    }
    return fd;
}

static void ask(int fd, unsigned depth)
{
    static char many[16 * sizeof request_text];
    size_t n = sizeof request_text - 1;
    for (unsigned i = 0; i < depth; i++)
        memcpy(many + i * n, request_text, n);
    if (send(fd, many, depth * n, 0) < 0)
        perror("send");
}

static size_t measure_answer(uint16_t port)
{
    char buf[4096];
    int fd = dial(port);
    ask(fd, 1);
    ssize_t n = recv(fd, buf, sizeof buf, 0);
    close(fd);
    return n > 0 ? (size_t)n : 0;
}

/* Requests answered in `seconds`; `depth` of them are on the way on each connection. */
static uint64_t drive(uint16_t port, unsigned depth, double seconds)
{
    static char buf[64 * 1024];
    size_t got[CLIENTS] = {0};
    int fds[CLIENTS], poll = epoll_create1(0);
    for (unsigned i = 0; i < CLIENTS; i++) {
        struct epoll_event e = {.events = EPOLLIN, .data.u32 = i};
        fds[i] = dial(port);
        epoll_ctl(poll, EPOLL_CTL_ADD, fds[i], &e);
        ask(fds[i], depth);
    }
    uint64_t begun = clock_ns(), bytes = 0;
    while (clock_since(begun) < seconds) {
        struct epoll_event events[CLIENTS];
        int n = epoll_wait(poll, events, CLIENTS, 100);
        for (int i = 0; i < n; i++) {
            unsigned c = events[i].data.u32;
            ssize_t r = recv(fds[c], buf, sizeof buf, 0);
            if (r <= 0) {
                (void)fprintf(stderr, "the server left\n");
                exit(1);
            }
            bytes += (size_t)r;
            got[c] += (size_t)r;
            if (got[c] >= depth * answer_size) {
                got[c] = 0;
                ask(fds[c], depth);
            }
        }
    }
    for (unsigned i = 0; i < CLIENTS; i++)
        close(fds[i]);
    close(poll);
    return bytes / answer_size;
}

static double run(const char *name, void (*serve)(int), unsigned depth, double seconds)
{
    int port_pipe[2];
    uint16_t port = 0;
    if (pipe(port_pipe) != 0)
        exit(1);
    pid_t child = fork();
    if (child == 0) {
        serve(port_pipe[1]);
        _exit(0);
    }
    if (read(port_pipe[0], &port, sizeof port) != sizeof port)
        exit(1);
    close(port_pipe[0]);
    close(port_pipe[1]);
    if (!answer_size)
        answer_size = measure_answer(port);
    uint64_t begun = clock_ns();
    uint64_t n = drive(port, depth, seconds);
    double rate = (double)n / clock_since(begun);
    struct rusage use;
    kill(child, SIGKILL);
    wait4(child, NULL, 0, &use);
    double cpu = (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
                 (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6;
    printf("%-18s %9.0f requests/s  %5.2f us of CPU each (%.2f user)\n", name, rate,
           cpu / (double)n * 1e6,
           ((double)use.ru_utime.tv_sec + (double)use.ru_utime.tv_usec / 1e6) / (double)n * 1e6);
    (void)fflush(stdout);
    return rate;
}

int main(int argc, char **argv)
{
    double seconds = argc > 1 ? strtod(argv[1], NULL) : 3;
    double http = run("http", serve_http, 1, seconds);
    double echo = run("libuv echo", serve_echo, 1, seconds);
    printf("%-18s %9.2f of the echo\n", "", http / echo);
    run("http, 8 at a time", serve_http, 8, seconds);
    return 0;
}
