/* SPDX-License-Identifier: Apache-2.0 */
/* The server: what its connections share. */
#include "net/http_server_int.h"

#include "base/mem.h"
#include "base/metric.h"

const struct http_limits http_limits_default = {
    .head_bytes = 16 * 1024,
    .headers = 100,
    .body_bytes = 1024 * 1024,
    .head_ms = 10000,
    .body_ms = 20000,
    .body_rate = 512,
    .idle_ms = 60000,
    .write_ms = 30000,
    .requests = 100000,
    .connections = 20000,
    .connections_address = 1024,
    .write_buffer = 4 * 1024 * 1024,
};

static void on_refused(void *arg, str address, const char *why)
{
    struct http_server *s = arg;
    metric_inc(METRIC_HTTP_REFUSED_ADDRESS);
    http_tell_refused(s, address, 0, why, "");
}

void http_server_unref(struct http_server *s)
{
    if (--s->refs)
        return;
    while (s->spare) {
        struct http_request *r = s->spare;
        s->spare = r->next;
        http_request_free(r);
    }
    compress_free(s->compress);
    sbuf_done(&s->packed);
    mem_free(s->decoded);
    mem_free(s);
}

static uint32_t shortest(const struct http_limits *l)
{
    enum { LEAST_MS = 10, MOST_MS = 1000 };
    uint32_t ms[] = {l->head_ms, l->body_ms, l->idle_ms, l->write_ms};
    uint32_t least = MOST_MS * 4;
    for (size_t i = 0; i < COUNT(ms); i++)
        if (ms[i] && ms[i] < least)
            least = ms[i];
    return least / 4 < LEAST_MS ? LEAST_MS : least / 4;
}

status http_server_open(struct loop *loop, const struct http_server_options *options,
                        struct http_server **out, struct error *err)
{
    struct http_server *s = mem_new(struct http_server);
    s->loop = loop;
    s->limits = options->limits;
    s->handler = options->handler;
    s->refs = 1;
    struct listen_options o = {
        .host = options->host,
        .port = options->port,
        .shared = options->shared,
        .fd = options->fd,
        .tls = options->tls,
        .crowd = options->crowd,
        .connections = s->limits.connections,
        .connections_address = s->limits.connections_address,
        .handshake_ms = s->limits.head_ms,
        .write_ms = s->limits.write_ms,
        .tick_ms = shortest(&s->limits),
        .write_buffer = s->limits.write_buffer,
        .accept = http_accept,
        .refused = on_refused,
        .arg = s,
    };
    status st = listen_open(loop, &o, &s->listener, err);
    if (st == ST_OK)
        *out = s;
    else
        http_server_unref(s);
    return st;
}

uint16_t http_server_port(const struct http_server *s)
{
    return listen_port(s->listener);
}

void http_server_set_tls(struct http_server *s, struct tls_context *tls)
{
    listen_set_tls(s->listener, tls);
}

static void on_listener_done(void *arg)
{
    struct http_server *s = arg;
    void (*done)(void *) = s->done;
    void *done_arg = s->done_arg;
    s->listener = NULL;
    http_server_unref(s);
    if (done)
        done(done_arg);
}

void http_server_close(struct http_server *s, uint32_t grace_ms, void (*done)(void *arg), void *arg)
{
    s->closing = true;
    s->done = done;
    s->done_arg = arg;
    listen_close(s->listener, grace_ms, on_listener_done, s);
}
