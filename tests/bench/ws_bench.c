/* SPDX-License-Identifier: Apache-2.0 */
/* Live messages to many clients: a server on this program's thread, clients in tests/load's bgload
 * (make build/release/load/bgload), which tells what arrived and when.  Both share the machine. */
#include "net/ws.h"
#include "os/clock.h"
#include "os/process.h"
#include "os/thread.h"

#include <errno.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { CLIENTS_MAX = 10000, MESSAGE_PAD = 500 };

/* Of this thread. */
static uint64_t cpu_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t); /* with these arguments it cannot fail */
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static const char load_program[] = "build/release/load/bgload";

static struct bench {
    struct loop *loop;
    struct http_server *http;
    struct ws *client[CLIENTS_MAX];
    size_t clients, most;
    unsigned rate, ticks;
    uint64_t started_ns, sent, deliveries, limits;
    uint64_t cpu_ns, cpu_from_ns; /* spent on sending; since when, or 0 */
    size_t rss_before, rss_most;
} b;

static void on_message(struct ws *w, void *user, str text)
{
    (void)w, (void)user, (void)text; /* the subscription */
}

static void on_closed(struct ws *w, void *user, int code)
{
    (void)user, (void)code;
    for (size_t i = 0; i < b.clients; i++)
        if (b.client[i] == w) {
            b.client[i] = b.client[--b.clients];
            return;
        }
}

static const struct ws_handler handler = {on_message, on_closed};

static void begin(void *arg, struct http_request *r)
{
    struct ws_options o = ws_options_default;
    (void)arg;
    struct ws *w =
        b.clients < CLIENTS_MAX ? ws_upgrade(r, (str){NULL, 0}, &o, &handler, NULL) : NULL;
    if (!w)
        return;
    b.client[b.clients++] = w;
    b.most = b.clients > b.most ? b.clients : b.most;
}

/* What was published has left. */
static void after_sending(void *arg)
{
    (void)arg;
    b.cpu_ns += cpu_ns() - b.cpu_from_ns;
    b.cpu_from_ns = 0;
}

static void publish(void)
{
    char text[MESSAGE_PAD + 200];
    struct timespec t;
    if (!b.cpu_from_ns) {
        b.cpu_from_ns = cpu_ns();
        loop_post(b.loop, after_sending, NULL);
    }
    clock_gettime(CLOCK_REALTIME, &t);
    int n = snprintf(
        text, sizeof text,
        "{\"type\":\"alert.new\",\"id\":%llu,\"sent_us\":%lld,\"data\":{\"pad\":\"%0*d\"}}",
        (unsigned long long)++b.sent, (long long)t.tv_sec * 1000000 + t.tv_nsec / 1000, MESSAGE_PAD,
        0);
    struct ws_frame *f = ws_frame_new((str){text, (size_t)n});
    for (size_t i = 0; i < b.clients; i++) {
        status st = ws_send_frame(b.client[i], f);
        b.deliveries += st == ST_OK;
        if (st == ST_LIMIT) {
            b.limits++;
            ws_close(b.client[i], 1013, "too slow");
        }
    }
    ws_frame_unref(f);
}

static void on_timer(void *arg)
{
    (void)arg;
    if (++b.ticks % 128 == 0) {
        size_t rss = process_rss_bytes();
        b.rss_most = rss > b.rss_most ? rss : b.rss_most;
    }
    double due = clock_since(b.started_ns) * b.rate;
    while ((double)b.sent < due)
        publish();
}

static void stop_loop(void *arg)
{
    (void)arg;
    loop_stop(b.loop);
}

static void close_server(void *arg)
{
    (void)arg;
    http_server_close(b.http, 1000, stop_loop, NULL);
}

/* The clients, waited for on a thread; then the server stops. */
static void run_clients(void *arg)
{
    const char *const *argv = arg;
    int how;
    pid_t pid = fork();
    if (pid == 0) {
        execv(load_program, (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    while (waitpid(pid, &how, 0) < 0 && errno == EINTR)
        ;
    loop_post(b.loop, close_server, NULL);
}

static void measure(const char *what, unsigned rate, const char *clients, const char *stuck,
                    const char *seconds)
{
    char url[64];
    struct error err = {0};
    struct thread thread;
    struct http_server_options o = {
        .host = "127.0.0.1", .fd = -1, .limits = http_limits_default, .handler = {.begin = begin}};
    o.limits.connections_address = CLIENTS_MAX;
    b = (struct bench){.rate = rate};
    if (loop_new(&b.loop, &err) != ST_OK || http_server_open(b.loop, &o, &b.http, &err) != ST_OK) {
        (void)fprintf(stderr, "%s\n", err.text);
        exit(1);
    }
    (void)snprintf(url, sizeof url, "ws://127.0.0.1:%u/", http_server_port(b.http));
    const char *argv[] = {load_program, "ws",    url,       "--clients", clients,
                          "--seconds",  seconds, "--stuck", stuck,       NULL};
    printf("-- %s\n", what);
    (void)fflush(stdout);
    struct loop_timer *timer = loop_timer_new(b.loop, 1, on_timer, NULL);
    b.rss_before = process_rss_bytes();
    b.started_ns = clock_ns();
    if (thread_start(&thread, "clients", run_clients, argv, &err) != ST_OK)
        exit(1);
    loop_run(b.loop);
    thread_join(&thread);
    loop_timer_free(timer);
    loop_free(b.loop);
    printf("server: %llu messages, %.2f us of CPU a delivery, %llu clients too slow, "
           "%.1f kB resident for each of %zu clients\n",
           (unsigned long long)b.sent,
           b.deliveries ? (double)b.cpu_ns / 1000.0 / (double)b.deliveries : 0.0,
           (unsigned long long)b.limits,
           b.most ? (double)(b.rss_most - b.rss_before) / 1000.0 / (double)b.most : 0.0, b.most);
}

int main(void)
{
    if (access(load_program, X_OK) != 0) {
        printf("skip: %s is not built\n", load_program);
        return 0;
    }
    measure("5,000 idle clients", 0, "5000", "0", "10");
    measure("1,000 clients, 1 message a second", 1, "1000", "0", "10");
    measure("200 clients, 500 messages a second", 500, "200", "0", "10");
    measure("200 clients, 500 messages a second, 20 of them stuck", 500, "200", "20", "15");
    return 0;
}
