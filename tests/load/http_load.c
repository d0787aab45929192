/* SPDX-License-Identifier: Apache-2.0 */
/* Requests as fast as the answers come, or at a rate.  At a rate a request is due at a moment whether
 * or not a connection is free for it, and its latency counts from that moment: a server that
 * stops for a second is charged for all the requests of that second ("coordinated omission",
 * Tene 2013), not for the few that happened to be under way. */
#include "base/mem.h"
#include "os/clock.h"
#include "tests/load/load.h"

#include <assert.h>
#include <llhttp.h>

enum { STATUS_MAX = 600, REST_MS = 5000 };

struct asker {
    llhttp_t parser;
    struct conn *conn;
    bool waiting; /* for an answer */
    uint64_t due_ns;
    struct asker *next_free;
};

struct http {
    struct sbuf request;
    struct asker *asker;
    struct asker *free;
    uint64_t sent, answered, lost, by_status[STATUS_MAX];
    uint64_t late; /* due, but no connection was free, when it was over */
    struct hist latency;
};

static struct http *of(struct load *l)
{
    return l->arg;
}

static void ask(struct asker *a, uint64_t due_ns)
{
    struct http *h = of(a->conn->load);
    a->waiting = true;
    a->due_ns = due_ns;
    h->sent++;
    conn_send(a->conn, sbuf_str(&h->request));
}

static uint64_t due_at(const struct load *l, uint64_t n)
{
    return l->started_ns + (uint64_t)((double)n * 1e9 / (double)l->options->rate);
}

/* Send what is due on connections that are free. */
static void send_due(struct load *l)
{
    struct http *h = of(l);
    uint64_t now = clock_ns();
    while (h->free && now < l->until_ns && due_at(l, h->sent) <= now) {
        struct asker *a = h->free;
        h->free = a->next_free;
        if (a->conn->open && !a->conn->closing)
            ask(a, due_at(l, h->sent));
    }
}

static void be_free(struct asker *a)
{
    struct load *l = a->conn->load;
    uint64_t now = clock_ns();
    if (l->options->rate) {
        a->next_free = of(l)->free;
        of(l)->free = a;
        send_due(l);
    } else if (now < l->until_ns) {
        ask(a, now);
    }
}

static void end_when_all_is_answered(struct load *l)
{
    struct http *h = of(l);
    if (clock_ns() >= l->until_ns && h->answered + h->lost == h->sent)
        load_end(l);
}

static int on_answer(llhttp_t *parser)
{
    struct asker *a = parser->data;
    struct load *l = a->conn->load;
    struct http *h = of(l);
    if (parser->status_code < 200)
        return 0;
    if (a->waiting) {
        uint64_t now = clock_ns();
        h->answered++;
        h->by_status[parser->status_code < STATUS_MAX ? parser->status_code : 0]++;
        hist_add(&h->latency, now > a->due_ns ? now - a->due_ns : 0);
    }
    a->waiting = false;
    if (llhttp_should_keep_alive(parser))
        be_free(a);
    else
        conn_close(a->conn, 0);
    end_when_all_is_answered(l);
    return 0;
}

static void opened(struct conn *c)
{
    static llhttp_settings_t settings;
    struct asker *a = c->arg;
    settings.on_message_complete = on_answer;
    llhttp_init(&a->parser, HTTP_RESPONSE, &settings);
    a->parser.data = a;
    be_free(a);
}

static void bytes(struct conn *c, str in)
{
    struct asker *a = c->arg;
    if (llhttp_execute(&a->parser, in.p, in.n) != HPE_OK)
        conn_close(c, UV_EPROTO);
}

static void forget_free(struct http *h, const struct asker *a)
{
    for (struct asker **p = &h->free; *p; p = &(*p)->next_free) {
        if (*p == a) {
            *p = a->next_free;
            return;
        }
    }
}

static void closed(struct conn *c, int why)
{
    struct asker *a = c->arg;
    struct load *l = c->load;
    forget_free(of(l), a);
    of(l)->lost += a->waiting;
    a->waiting = false;
    /* Not at once when it was refused: that would be a loop without a wait. */
    if (!l->over && clock_ns() < l->until_ns && (why == 0 || why == UV_EOF))
        conn_open(c);
}

static void tick(uv_timer_t *timer)
{
    struct load *l = timer->data;
    if (l->options->rate)
        send_due(l);
    end_when_all_is_answered(l);
}

static void make_request(struct load *l, struct sbuf *out)
{
    sbuf_init(out, SIZE_MAX / 4);
    load_head(l, l->options->post ? "POST" : "GET", out);
    if (l->options->post)
        sbuf_addf(out, "Content-Type: %s\r\nContent-Length: %zu\r\n",
                  l->options->type ? l->options->type : "application/octet-stream", l->body.n);
    sbuf_addz(out, "\r\n");
    sbuf_add(out, sbuf_str(&l->body));
}

static void report(const struct load *l, const struct http *h, double seconds)
{
    struct report r;
    report_begin(&r, l->options->json);
    report_rate(&r, "requests_per_second", (double)h->answered / seconds);
    report_count(&r, "answered", h->answered);
    report_count(&r, "unanswered", h->sent - h->answered);
    if (l->options->rate)
        report_count(&r, "due_but_never_sent", h->late);
    report_count(&r, "connections_opened", l->opened);
    report_count(&r, "connections_refused", l->refused);
    report_count(&r, "connections_broken", l->broken);
    report_rate(&r, "received_mb_per_second", (double)l->bytes_in / seconds / 1e6);
    for (size_t i = 0; i < STATUS_MAX; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "status_%zu", i);
        if (h->by_status[i])
            report_count(&r, name, h->by_status[i]);
    }
    report_hist(&r, "latency_ms", &h->latency);
    report_end(&r);
}

status http_load(struct load *l, struct error *err)
{
    struct http *h = mem_new(struct http);
    l->arg = h;
    l->handler = (struct conn_handler){opened, bytes, closed};
    make_request(l, &h->request);
    h->asker = mem_array(struct asker, l->options->connections);
    status st = load_start(l, err);
    for (size_t i = 0; st == ST_OK && i < l->options->connections; i++) {
        h->asker[i].conn = &l->conn[i];
        l->conn[i].arg = &h->asker[i];
    }
    if (st == ST_OK) {
        load_run(l, REST_MS, tick, 1);
        if (l->options->rate) {
            uint64_t due = l->options->rate * l->options->seconds;
            h->late = due > h->sent ? due - h->sent : 0;
        }
        report(l, h, (double)l->options->seconds);
    }
    sbuf_done(&h->request);
    mem_free(h->asker);
    mem_free(h);
    return st;
}
