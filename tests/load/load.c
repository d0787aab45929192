/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/load/load.h"

#include "base/mem.h"
#include "os/clock.h"

#include <assert.h>

enum { OPENING_MAX = 200, READ_SIZE = 256 * 1024 };

/* ---- connections ---- */

static void open_next(struct load *l);

static void on_closed(uv_handle_t *handle)
{
    struct conn *c = handle->data;
    struct load *l = c->load;
    c->closing = c->open = c->opening = false;
    l->handler.closed(c, c->why);
    open_next(l);
}

void conn_close(struct conn *c, int why)
{
    if (c->closing || (!c->open && !c->opening))
        return;
    if (c->opening)
        c->load->refused++;
    else if (why != 0)
        c->load->broken++;
    c->closing = true;
    c->why = why;
    uv_close((uv_handle_t *)&c->tcp, on_closed);
}

static void on_alloc(uv_handle_t *handle, size_t size, uv_buf_t *buf)
{
    static char bytes[READ_SIZE]; /* used up before the next read */
    (void)handle, (void)size;
    *buf = uv_buf_init(bytes, sizeof bytes);
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
    struct conn *c = s->data;
    if (n > 0) {
        c->load->bytes_in += (uint64_t)n;
        c->load->handler.bytes(c, (str){buf->base, (size_t)n});
    } else if (n < 0)
        conn_close(c, (int)n);
}

void conn_stop_reading(struct conn *c)
{
    uv_read_stop((uv_stream_t *)&c->tcp);
}

void conn_resume_reading(struct conn *c)
{
    if (c->open && !c->closing)
        uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read);
}

static void on_connected(uv_connect_t *request, int rc)
{
    struct conn *c = request->data;
    struct load *l = c->load;
    if (rc == UV_ECANCELED)
        return;
    if (rc != 0) {
        conn_close(c, rc);
        return;
    }
    c->opening = false;
    c->open = true;
    c->opened_ns = clock_ns();
    l->opened++;
    uv_tcp_nodelay(&c->tcp, 1);
    conn_resume_reading(c);
    l->handler.opened(c);
    open_next(l);
}

/* From one of several loopback addresses: a server may limit the connections of each. */
static int bind_apart(struct conn *c)
{
    struct sockaddr_in from;
    char text[32];
    if (c->load->options->spread < 2 || c->load->address.ss_family != AF_INET)
        return 0;
    (void)snprintf(text, sizeof text, "127.0.0.%u",
                   (unsigned)(1 + c->number % c->load->options->spread));
    int rc = uv_ip4_addr(text, 0, &from);
    return rc ? rc : uv_tcp_bind(&c->tcp, (const struct sockaddr *)&from, 0);
}

void conn_open(struct conn *c)
{
    struct load *l = c->load;
    assert(!c->open && !c->opening && !c->closing);
    c->opening = true;
    c->why = 0;
    uv_tcp_init(&l->uv, &c->tcp);
    c->tcp.data = c->connecting.data = c;
    int rc = bind_apart(c);
    if (rc == 0)
        rc = uv_tcp_connect(&c->connecting, &c->tcp, (const struct sockaddr *)&l->address,
                            on_connected);
    if (rc != 0)
        conn_close(c, rc);
}

struct sending {
    uv_write_t uv;
    char bytes[];
};

static void on_sent(uv_write_t *uv, int rc)
{
    (void)rc; /* a broken connection is noticed by reading */
    mem_free(uv);
}

void conn_send(struct conn *c, str bytes)
{
    uv_buf_t buf = {.base = (char *)(uintptr_t)bytes.p, .len = bytes.n};
    if (!c->open || c->closing)
        return;
    int n = uv_try_write((uv_stream_t *)&c->tcp, &buf, 1);
    bytes = str_from(bytes, n > 0 ? (size_t)n : 0);
    if (!bytes.n)
        return;
    struct sending *w = mem_zero(sizeof *w + bytes.n);
    memcpy(w->bytes, bytes.p, bytes.n);
    buf = uv_buf_init(w->bytes, (unsigned)bytes.n);
    if (uv_write(&w->uv, (uv_stream_t *)&c->tcp, &buf, 1, on_sent) != 0)
        mem_free(w);
}

/* The kernel's queue of connections not yet accepted is short. */
static void open_next(struct load *l)
{
    static size_t next; /* of l->conn */
    size_t opening = 0;
    for (size_t i = next > OPENING_MAX ? next - OPENING_MAX : 0; i < next; i++)
        opening += l->conn[i].opening;
    for (; next < l->options->connections && opening < OPENING_MAX && !l->over; next++, opening++)
        conn_open(&l->conn[next]);
}

status load_start(struct load *l, struct error *err)
{
    int rc = uv_loop_init(&l->uv);
    if (rc != 0)
        return fail(err, ST_LIMIT, "no event loop: %s", uv_strerror(rc));
    uv_timer_init(&l->uv, &l->timer);
    l->timer.data = l;
    l->conn = mem_array(struct conn, l->options->connections);
    for (size_t i = 0; i < l->options->connections; i++)
        l->conn[i] = (struct conn){.load = l, .number = i};
    l->started_ns = clock_ns();
    l->until_ns = l->started_ns + l->options->seconds * 1000000000u;
    open_next(l);
    return ST_OK;
}

/* ---- running ---- */

static void on_end(uv_timer_t *timer)
{
    struct load *l = timer->data;
    l->over = true;
    load_end(l);
}

void load_end(struct load *l)
{
    uv_stop(&l->uv);
}

static void close_all(uv_handle_t *handle, void *arg)
{
    (void)arg;
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

void load_run(struct load *l, uint64_t rest_ms, uv_timer_cb tick, uint64_t tick_ms)
{
    uv_timer_t end;
    uv_timer_init(&l->uv, &end);
    end.data = l;
    uv_timer_start(&end, on_end, l->options->seconds * 1000 + rest_ms, 0);
    if (tick)
        uv_timer_start(&l->timer, tick, tick_ms, tick_ms);
    uv_run(&l->uv, UV_RUN_DEFAULT);
    l->over = true;
    uv_timer_stop(&l->timer);
    uv_timer_stop(&end);
    uv_walk(&l->uv, close_all, NULL);
    uv_run(&l->uv, UV_RUN_DEFAULT);
    uv_loop_close(&l->uv);
}

void load_head(const struct load *l, const char *method, struct sbuf *out)
{
    sbuf_addf(out, "%s %s HTTP/1.1\r\nHost: %s\r\n", method, l->path.p, l->host.p);
    sbuf_add(out, sbuf_str(&l->headers));
}

/* ---- the report ---- */

void report_begin(struct report *r, bool as_json)
{
    sbuf_init(&r->out, 1 << 20);
    r->json = json_out_on(&r->out);
    r->as_json = as_json;
    if (as_json)
        json_out_object(&r->json);
}

void report_count(struct report *r, const char *name, uint64_t v)
{
    if (r->as_json)
        json_out_kv_u64(&r->json, name, v);
    else
        sbuf_addf(&r->out, "%-28s %llu\n", name, (unsigned long long)v);
}

void report_rate(struct report *r, const char *name, double v)
{
    if (r->as_json)
        json_out_kv_f64(&r->json, name, v);
    else
        sbuf_addf(&r->out, "%-28s %.1f\n", name, v);
}

void report_text(struct report *r, const char *name, str v)
{
    if (r->as_json)
        json_out_kv_str(&r->json, name, v);
    else
        sbuf_addf(&r->out, "%-28s " STR_FMT "\n", name, STR_ARG(v));
}

void report_hist(struct report *r, const char *name, const struct hist *h)
{
    static const struct {
        const char *name;
        double part;
    } q[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99.9", 0.999}, {"max", 1}};
    if (r->as_json) {
        json_out_key(&r->json, str_z(name));
        json_out_object(&r->json);
        json_out_kv_u64(&r->json, "count", h->count);
    } else
        sbuf_addf(&r->out, "%-28s", name);
    for (size_t i = 0; i < COUNT(q); i++) {
        double ms = (double)hist_quantile(h, q[i].part) / 1e6;
        if (r->as_json)
            json_out_kv_f64(&r->json, q[i].name, ms);
        else
            sbuf_addf(&r->out, " %s %.3f", q[i].name, ms);
    }
    if (r->as_json)
        json_out_object_end(&r->json);
    else
        sbuf_addc(&r->out, '\n');
}

void report_end(struct report *r)
{
    if (r->as_json) {
        json_out_object_end(&r->json);
        sbuf_addc(&r->out, '\n');
    }
    (void)fwrite(r->out.p, 1, r->out.n, stdout);
    sbuf_done(&r->out);
}
