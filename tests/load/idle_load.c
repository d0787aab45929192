/* SPDX-License-Identifier: Apache-2.0 */
/* Connections that do nothing, or next to nothing, and what the server does about it.
 *
 * idle: opened and left alone, or with --ask left alone after one answer.
 * slow head, slow body: a byte of a request's headers, or of its body, a second.
 * slow read: requests, one after the other, whose answers are never read. */
#include "base/mem.h"
#include "os/clock.h"
#include "tests/load/load.h"

enum { READ_REQUESTS = 1000 };

struct still {
    bool drips; /* a byte a second */
    str first;  /* sent at once */
    bool reads;
    struct sbuf request;
    struct hist lived; /* connections that the server ended */
    uint64_t answers, answers_4xx, ended;
};

static struct still *of(const struct conn *c)
{
    return c->load->arg;
}

static void opened(struct conn *c)
{
    struct still *s = of(c);
    if (!s->reads) {
        int little = 4096; /* what the kernel would take in for us is read, to the server */
        (void)uv_recv_buffer_size((uv_handle_t *)&c->tcp, &little);
        conn_stop_reading(c);
    }
    conn_send(c, s->first);
}

static void bytes(struct conn *c, str in)
{
    of(c)->answers += str_starts(in, STR("HTTP/1.1 "));
    of(c)->answers_4xx += str_starts(in, STR("HTTP/1.1 4"));
}

static void closed(struct conn *c, int why)
{
    struct still *s = of(c);
    (void)why;
    if (!c->load->over && c->opened_ns) {
        s->ended++;
        hist_add(&s->lived, clock_ns() - c->opened_ns);
    }
}

static void drip(uv_timer_t *timer)
{
    struct load *l = timer->data;
    struct still *s = l->arg;
    for (size_t i = 0; s->drips && i < l->options->connections; i++)
        conn_send(&l->conn[i], STR("a"));
}

static void report(const struct load *l, const struct still *s)
{
    struct report r;
    report_begin(&r, l->options->json);
    report_count(&r, "connections_opened", l->opened);
    report_count(&r, "connections_refused", l->refused);
    report_count(&r, "connections_not_open_yet", l->options->connections - l->opened - l->refused);
    report_count(&r, "connections_ended", s->ended);
    report_count(&r, "connections_left", l->opened - s->ended);
    report_count(&r, "answers", s->answers);
    report_count(&r, "answers_of_refusal", s->answers_4xx);
    report_hist(&r, "lived_ms", &s->lived);
    report_end(&r);
}

static status hold(struct load *l, struct still *s, struct error *err)
{
    l->arg = s;
    l->handler = (struct conn_handler){opened, bytes, closed};
    s->first = sbuf_str(&s->request);
    status st = load_start(l, err);
    if (st == ST_OK) {
        load_run(l, 0, drip, 1000);
        report(l, s);
    }
    sbuf_done(&s->request);
    mem_free(s);
    return st;
}

status idle_load(struct load *l, struct error *err)
{
    struct still *s = mem_new(struct still);
    sbuf_init(&s->request, 1 << 20);
    s->reads = true;
    if (l->options->ask) {
        load_head(l, "GET", &s->request);
        sbuf_addz(&s->request, "\r\n");
    }
    return hold(l, s, err);
}

status slow_load(struct load *l, struct error *err)
{
    struct still *s = mem_new(struct still);
    str kind = str_z(l->options->kind);
    sbuf_init(&s->request, 1 << 24);
    s->reads = s->drips = true;
    if (str_eq(kind, STR("head"))) {
        load_head(l, "GET", &s->request);
        sbuf_addz(&s->request, "X-Slow: ");
    } else if (str_eq(kind, STR("body"))) {
        load_head(l, "POST", &s->request);
        sbuf_addz(&s->request, "Content-Type: application/json\r\nContent-Length: 1000000\r\n\r\n");
    } else if (str_eq(kind, STR("read"))) {
        s->reads = s->drips = false;
        for (size_t i = 0; i < READ_REQUESTS; i++) {
            load_head(l, "GET", &s->request);
            sbuf_addz(&s->request, "\r\n");
        }
    } else {
        sbuf_done(&s->request);
        mem_free(s);
        return fail(err, ST_INVALID, "--kind is head, body or read, not '%s'",
                    l->options->kind ? l->options->kind : "");
    }
    return hold(l, s, err);
}
