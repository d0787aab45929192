/* SPDX-License-Identifier: Apache-2.0 */
/* WebSocket clients that subscribe and count what they are sent.  A message is an object with
 * "id" and, as Unix microseconds of this machine's clock, "sent_us" when it was published; latency is
 * from there until its last byte was read here.  Reading and counting is one thread's work, so when
 * this program itself is at its limit, that is part of the latency too.
 *
 * Stuck clients subscribe and then read nothing until the time is over; then they read what is there,
 * and it is told how many of them the server had cut off. */
#include "base/mem.h"
#include "codec/base64.h"
#include "codec/json_scan.h"
#include "os/clock.h"
#include "tests/load/ids.h"
#include "tests/load/load.h"

#include <assert.h>
#include <time.h>

enum { MESSAGE_MAX = 1 << 24, REST_MS = 3000, CLOSE_CODES = 5000 };

struct client {
    struct conn *conn;
    bool upgraded, stuck, over;
    struct sbuf in;   /* what is not whole yet */
    struct sbuf text; /* of fragments */
    struct ids_seen seen;
    uint64_t messages;
};

struct fan {
    struct client *client;
    struct ids ids;
    struct hist latency, subscribed; /* open to upgraded */
    uint64_t upgraded, refused, messages, without_time, malformed, lost, stuck_cut;
    uint64_t by_code[CLOSE_CODES];
    bool draining;
    char first_refusal[200];
};

static struct fan *of(const struct conn *c)
{
    return c->load->arg;
}

static int64_t wall_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* ---- frames out: masked, as a client's are; the mask may be known here ---- */

static void send_frame(struct conn *c, unsigned opcode, str payload)
{
    static const unsigned char mask[4] = {0x12, 0x34, 0x56, 0x78};
    struct sbuf out;
    sbuf_init(&out, payload.n + 16);
    sbuf_addc(&out, (char)(0x80 | opcode));
    if (payload.n < 126) {
        sbuf_addc(&out, (char)(0x80 | payload.n));
    } else {
        sbuf_addc(&out, (char)0xfe);
        sbuf_addc(&out, (char)(payload.n >> 8));
        sbuf_addc(&out, (char)payload.n);
    }
    for (size_t i = 0; i < 4; i++)
        sbuf_addc(&out, (char)mask[i]);
    for (size_t i = 0; i < payload.n; i++)
        sbuf_addc(&out, (char)((unsigned char)payload.p[i] ^ mask[i % 4]));
    conn_send(c, sbuf_str(&out));
    sbuf_done(&out);
}

static void subscribe(struct conn *c)
{
    struct sbuf text;
    sbuf_init(&text, 4096);
    struct json_out o = json_out_on(&text);
    str topics = str_z(c->load->options->subscribe);
    json_out_object(&o);
    json_out_key(&o, STR("subscribe"));
    json_out_array(&o);
    while (topics.p)
        json_out_str(&o, str_cut(&topics, ','));
    json_out_array_end(&o);
    json_out_object_end(&o);
    send_frame(c, 0x1, sbuf_str(&text));
    sbuf_done(&text);
}

/* ---- what comes ---- */

/* The numbers at the top level of a message; 0 where there is none. */
static bool read_message(str text, int64_t *id, int64_t *sent_us)
{
    struct json_scan s = json_scan_of(text);
    struct json_text t;
    enum json_token k;
    int64_t *want = NULL;
    *id = *sent_us = 0;
    while ((k = json_next(&s, &t)) > JSON_ERROR) {
        if (k == JSON_KEY && s.depth == 1)
            want = str_eq(t.raw, STR("id")) ? id : str_eq(t.raw, STR("sent_us")) ? sent_us : NULL;
        else if ((k == JSON_NUMBER || k == JSON_STRING) && want && s.depth == 1)
            (void)str_to_i64(t.raw, want); /* or it stays 0 */
        else if ((k == JSON_OBJECT || k == JSON_ARRAY) && s.depth > 1)
            (void)json_skip(&s, NULL); /* a failure sticks */
    }
    return k == JSON_END;
}

static void take_message(struct conn *c, str text)
{
    struct fan *f = of(c);
    struct client *client = c->arg;
    int64_t id, sent_us, now = wall_us();
    if (!read_message(text, &id, &sent_us)) {
        f->malformed++;
        return;
    }
    if (id <= 0)
        return; /* an answer to subscribing */
    ids_add(&f->ids, &client->seen, (uint64_t)id);
    if (client->stuck || f->draining)
        return;
    f->messages++;
    client->messages++;
    if (sent_us > 0)
        hist_add(&f->latency, now > sent_us ? (uint64_t)(now - sent_us) * 1000 : 0);
    else
        f->without_time++;
}

static void take_frame(struct conn *c, unsigned first, str payload)
{
    struct client *client = c->arg;
    unsigned opcode = first & 0xf;
    if (opcode == 0x9) {
        send_frame(c, 0xa, payload);
    } else if (opcode == 0x8) {
        unsigned code = payload.n >= 2 ? (unsigned)(unsigned char)payload.p[0] << 8 |
                                             (unsigned char)payload.p[1]
                                       : 1005;
        of(c)->by_code[code < CLOSE_CODES ? code : 0]++;
        client->over = true;
        send_frame(c, 0x8, str_head(payload, 2));
    } else if (opcode <= 0x2) {
        if (!(first & 0x80) || client->text.n) { /* a part */
            sbuf_add(&client->text, payload);
            payload = sbuf_str(&client->text);
        }
        if (first & 0x80) {
            take_message(c, payload);
            sbuf_clear(&client->text);
        }
    }
}

/* One frame off the front of *in; false: it is not whole yet. */
static bool next_frame(str *in, unsigned *first, str *payload)
{
    const unsigned char *p = (const unsigned char *)in->p;
    if (in->n < 2)
        return false;
    size_t n = p[1] & 0x7f, head = n == 126 ? 4 : n == 127 ? 10 : 2;
    if (in->n < head)
        return false;
    if (head > 2)
        n = 0;
    for (size_t i = 2; i < head; i++)
        n = n << 8 | p[i];
    if (in->n - head < n)
        return false;
    *first = p[0];
    *payload = (str){in->p + head, n};
    *in = str_from(*in, head + n);
    return true;
}

static bool take_handshake(struct conn *c, str *in)
{
    struct client *client = c->arg;
    struct fan *f = of(c);
    const char *end = memmem(in->p, in->n, "\r\n\r\n", 4);
    if (!end)
        return false;
    if (!str_starts(*in, STR("HTTP/1.1 101 "))) {
        f->refused++;
        if (!f->first_refusal[0])
            (void)snprintf(f->first_refusal, sizeof f->first_refusal, STR_FMT,
                           STR_ARG(str_head(*in, str_find(*in, '\r'))));
        conn_close(c, 0);
        return false;
    }
    *in = str_from(*in, (size_t)(end - in->p) + 4);
    client->upgraded = true;
    f->upgraded++;
    hist_add(&f->subscribed, clock_ns() - c->opened_ns);
    if (c->load->options->subscribe)
        subscribe(c);
    if (client->stuck)
        conn_stop_reading(c);
    return true;
}

static void bytes(struct conn *c, str in)
{
    struct client *client = c->arg;
    unsigned first;
    str payload;
    if (client->in.n) { /* most reads end at the end of a frame */
        sbuf_add(&client->in, in);
        in = sbuf_str(&client->in);
    }
    bool go_on = client->upgraded || take_handshake(c, &in);
    while (go_on && next_frame(&in, &first, &payload))
        take_frame(c, first, payload);
    if (client->in.full) {
        conn_close(c, UV_EPROTO);
        return;
    }
    struct sbuf rest;
    sbuf_init(&rest, MESSAGE_MAX);
    sbuf_add(&rest, in);
    sbuf_done(&client->in);
    client->in = rest;
    if (client->over)
        conn_close(c, 0);
}

static void opened(struct conn *c)
{
    const struct client *client = c->arg;
    struct sbuf out;
    int little = 4096; /* or this end's kernel takes megabytes that nobody reads */
    if (client->stuck)
        (void)uv_recv_buffer_size((uv_handle_t *)&c->tcp, &little);
    sbuf_init(&out, 1 << 16);
    load_head(c->load, "GET", &out);
    sbuf_addz(&out, "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
    conn_send(c, sbuf_str(&out));
    sbuf_done(&out);
}

static void closed(struct conn *c, int why)
{
    struct client *client = c->arg;
    struct fan *f = of(c);
    (void)why;
    if (client->stuck && client->upgraded)
        f->stuck_cut++;
    else if (client->upgraded && !client->over && !c->load->over)
        f->lost++;
    sbuf_done(&client->in);
    sbuf_done(&client->text);
}

static void tick(uv_timer_t *timer)
{
    struct load *l = timer->data;
    struct fan *f = l->arg;
    if (f->draining || clock_ns() < l->until_ns)
        return;
    f->draining = true;
    for (size_t i = 0; i < l->options->connections; i++)
        if (f->client[i].stuck && l->conn[i].open) {
            int enough = 1 << 20;
            (void)uv_recv_buffer_size((uv_handle_t *)&l->conn[i].tcp, &enough);
            conn_resume_reading(&l->conn[i]);
        }
}

/* ---- the report ---- */

static void report_clients(struct report *r, struct fan *f, size_t n)
{
    uint64_t gaps = 0, doubles = 0, disordered = 0, with_gaps = 0, behind = 0;
    ids_sort(&f->ids);
    for (size_t i = 0; i < n; i++) {
        const struct client *c = &f->client[i];
        if (c->stuck)
            continue;
        uint64_t own = ids_gaps(&f->ids, &c->seen);
        gaps += own;
        with_gaps += own != 0;
        behind += ids_behind(&f->ids, &c->seen);
        doubles += c->seen.doubles;
        disordered += c->seen.disordered;
    }
    report_count(r, "messages", f->ids.all.n);
    report_count(r, "gaps", gaps);
    report_count(r, "clients_with_gaps", with_gaps);
    report_count(r, "not_yet_received_at_the_end", behind);
    report_count(r, "doubles", doubles);
    report_count(r, "ids_not_increasing", disordered);
}

static void report(const struct load *l, struct fan *f)
{
    struct report r;
    report_begin(&r, l->options->json);
    report_rate(&r, "deliveries_per_second", (double)f->messages / (double)l->options->seconds);
    report_count(&r, "deliveries", f->messages);
    report_count(&r, "clients_subscribed", f->upgraded);
    report_count(&r, "clients_refused", f->refused + l->refused);
    if (f->first_refusal[0])
        report_text(&r, "first_refusal", str_z(f->first_refusal));
    report_count(&r, "clients_lost", f->lost);
    report_clients(&r, f, l->options->connections);
    report_count(&r, "messages_malformed", f->malformed);
    report_count(&r, "messages_without_sent_us", f->without_time);
    for (size_t i = 0; i < CLOSE_CODES; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "closed_with_%zu", i);
        if (f->by_code[i])
            report_count(&r, name, f->by_code[i]);
    }
    if (l->options->stuck) {
        report_count(&r, "stuck_clients_cut_off", f->stuck_cut);
    }
    report_rate(&r, "received_mb_per_second",
                (double)l->bytes_in / (double)l->options->seconds / 1e6);
    report_hist(&r, "upgrade_ms", &f->subscribed);
    report_hist(&r, "delivery_ms", &f->latency);
    report_end(&r);
}

status ws_load(struct load *l, struct error *err)
{
    struct fan *f = mem_new(struct fan);
    size_t n = l->options->connections;
    l->arg = f;
    l->handler = (struct conn_handler){opened, bytes, closed};
    f->client = mem_array(struct client, n);
    status st = load_start(l, err);
    for (size_t i = 0; st == ST_OK && i < n; i++) {
        f->client[i].conn = &l->conn[i];
        f->client[i].stuck = i < l->options->stuck;
        sbuf_init(&f->client[i].in, MESSAGE_MAX);
        sbuf_init(&f->client[i].text, MESSAGE_MAX);
        l->conn[i].arg = &f->client[i];
    }
    if (st == ST_OK) {
        load_run(l, l->options->stuck ? REST_MS : 0, tick, 10);
        report(l, f);
    }
    ids_free(&f->ids);
    mem_free(f->client);
    mem_free(f);
    return st;
}
