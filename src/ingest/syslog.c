/* SPDX-License-Identifier: Apache-2.0 */
/* Messages are gathered in buffers of our own, one a format, and change into a batch when they are
 * handed on: so a listener that hears nothing keeps no batch from others.
 *
 * A buffer grows past BATCH_BYTES only by what was already on its way when the sink said no: what
 * one read of each connection brings, and nothing is read until it is empty. */
#include "ingest/syslog.h"

#include "base/mem.h"
#include "ingest/syslog_frame.h"
#include "net/listen.h"
#include "net/udp.h"
#include "os/clock.h"

enum {
    BATCH_BYTES = 256 * 1024,
    FLUSH_MS = 50,
    MESSAGE_BYTES = 64 * 1024,
    MESSAGE_BYTES_MIN = 480, /* RFC 5424 section 6.1 */
    CONNECTIONS = 1000,
    CONNECTIONS_ADDRESS = 100,
    TENANT_MAX = 64,
    NAME_MAX_BYTES = 128,
    LOOK_MAX = 256, /* where CEF and LEEF begin after the syslog header */
    CLOSE_GRACE_MS = 1000
};

enum kind { KIND_SYSLOG, KIND_CEF, KIND_LEEF, KIND_JSON, KIND_COUNT };

/* Messages of one format. */
struct gathered {
    struct sbuf text; /* owned: a line each */
    uint64_t messages;
    char sender[NAME_MAX_BYTES]; /* of all of them; empty when there are several */
};

struct connection {
    struct syslog *of;
    struct stream *stream;
    struct connection *before, *after;
    struct syslog_framer framer;
};

struct syslog {
    struct syslog_options options;
    struct ingest_sink sink;
    struct tls_context *tls; /* owned */
    char tenant[TENANT_MAX], name[NAME_MAX_BYTES];
    struct gathered gathered[KIND_COUNT];
    struct loop_timer *timer;
    struct udp *udp;           /* owned; NULL: not UDP */
    struct listener *listener; /* owned; NULL: UDP, or closing */
    struct connection *first;  /* all that are open */
    uint64_t kernel_lost;      /* counted of udp_dropped */
    bool paused;               /* the sink had no room */
    void (*closed)(void *arg);
    void *closed_arg;
};

/* ---- gathering ---- */

static enum kind kind_of(const struct syslog *s, str message)
{
    str head = str_head(message, LOOK_MAX);
    if (s->options.forced)
        return KIND_SYSLOG;
    if (str_starts(message, STR("{")))
        return KIND_JSON;
    if (str_contains(head, STR("CEF:")))
        return KIND_CEF;
    return str_contains(head, STR("LEEF:")) ? KIND_LEEF : KIND_SYSLOG;
}

/* How to parse what was gathered.  JSON is of many formats; one sender's are alike. */
static enum parse_format format_of(const struct syslog *s, enum kind k)
{
    static const enum parse_format format[] = {
        [KIND_SYSLOG] = PARSE_syslog, [KIND_CEF] = PARSE_cef, [KIND_LEEF] = PARSE_leef};
    if (s->options.forced)
        return s->options.format;
    return k == KIND_JSON ? parse_sniff(sbuf_str(&s->gathered[k].text)) : format[k];
}

/* A line end inside a message must not begin a record that nobody sent. */
static void add_line(struct sbuf *out, str message)
{
    char *p = sbuf_space(out, message.n + 1);
    if (!p)
        return; /* no limit is set: what is gathered is bounded by pausing */
    for (size_t i = 0; i < message.n; i++)
        p[i] = message.p[i] == '\n' || message.p[i] == '\r' ? ' ' : message.p[i];
    p[message.n] = '\n';
    sbuf_grew(out, message.n + 1);
}

static void set_sender(struct gathered *g, str address)
{
    if (g->messages == 0 && address.n < sizeof g->sender) {
        memcpy(g->sender, address.p, address.n);
        g->sender[address.n] = '\0';
    } else if (!str_eq(str_z(g->sender), address)) {
        g->sender[0] = '\0';
    }
}

static void gather(struct syslog *s, str message, str address, bool cut)
{
    while (message.n && (message.p[message.n - 1] == '\0' || message.p[message.n - 1] == '\n' ||
                         message.p[message.n - 1] == '\r'))
        message.n--;
    if (message.n > s->options.message_bytes) {
        message.n = s->options.message_bytes;
        cut = true;
    }
    if (cut)
        metric_inc(METRIC_SYSLOG_TRUNCATED);
    if (message.n == 0)
        return;
    struct gathered *g = &s->gathered[kind_of(s, message)];
    set_sender(g, address);
    g->messages++;
    add_line(&g->text, message);
}

/* ---- handing on ---- */

static void pause_all(struct syslog *s)
{
    if (s->paused)
        return;
    s->paused = true;
    if (s->udp)
        udp_pause(s->udp);
    for (struct connection *c = s->first; c; c = c->after)
        stream_pause(c->stream);
}

static void resume_all(struct syslog *s)
{
    if (!s->paused)
        return;
    s->paused = false;
    if (s->udp)
        udp_resume(s->udp);
    for (struct connection *c = s->first; c; c = c->after)
        stream_resume(c->stream);
}

/* The text becomes the batch's; the batch's old bytes are the next text's. */
static void exchange(struct sbuf *text, struct batch *b)
{
    struct sbuf old = *text;
    *text = (struct sbuf){.p = b->bytes, .room = b->room, .cap = old.cap};
    b->bytes = old.p;
    b->n = old.n;
    b->room = old.room;
}

static bool hand_on(struct syslog *s, enum kind k)
{
    struct gathered *g = &s->gathered[k];
    if (g->text.n == 0)
        return true;
    struct batch *b = s->sink.take(s->sink.arg);
    if (!b)
        return false;
    char path[NAME_MAX_BYTES + 16];
    const char *transport = s->options.transport == SYSLOG_UDP   ? "udp"
                            : s->options.transport == SYSLOG_TCP ? "tcp"
                                                                 : "tls";
    (void)snprintf(path, sizeof path, "%s:%s", transport, *g->sender ? g->sender : s->name);
    enum parse_format format = format_of(s, k);
    exchange(&g->text, b);
    b->first_line = 1;
    struct ingest_label label = {
        .stream = {.format = format, .now_ms = clock_wall_ms(), .family = s->options.family},
        .tenant = s->tenant,
        .path = path,
        .metric = METRIC_EVENTS_SYSLOG,
    };
    s->sink.submit(s->sink.arg, b, &label);
    g->messages = 0;
    return true;
}

static void flush(struct syslog *s, size_t least)
{
    bool room = true;
    for (enum kind k = 0; k < KIND_COUNT && room; k++)
        if (s->gathered[k].text.n >= least)
            room = hand_on(s, k);
    if (room)
        resume_all(s);
    else
        pause_all(s);
}

void syslog_room(struct syslog *s)
{
    flush(s, 1);
}

static void count_lost(struct syslog *s)
{
    uint64_t lost = s->udp ? udp_dropped(s->udp) : s->kernel_lost;
    metric_add(METRIC_SYSLOG_DATAGRAMS_LOST, lost - s->kernel_lost);
    s->kernel_lost = lost;
}

static void on_timer(void *arg)
{
    struct syslog *s = arg;
    flush(s, 1);
    count_lost(s);
}

/* ---- UDP ---- */

static void on_datagram(void *arg, str address, str bytes, bool cut)
{
    struct syslog *s = arg;
    if (s->paused) {
        metric_inc(METRIC_SYSLOG_DATAGRAMS_LOST);
        return;
    }
    gather(s, bytes, address, cut);
    flush(s, BATCH_BYTES);
}

/* ---- TCP and TLS ---- */

static void on_bytes(void *user, str bytes)
{
    struct connection *c = user;
    str message;
    bool cut;
    while (syslog_framer_next(&c->framer, &bytes, &message, &cut))
        gather(c->of, message, stream_address(c->stream), cut);
    if (!c->of->paused)
        flush(c->of, BATCH_BYTES);
}

static void on_end(void *user)
{
    struct connection *c = user;
    stream_close(c->stream);
}

static void on_closed(void *user, enum stream_why why)
{
    (void)why;
    struct connection *c = user;
    struct syslog *s = c->of;
    str message;
    bool cut;
    if (syslog_framer_end(&c->framer, &message, &cut))
        gather(s, message, stream_address(c->stream), cut);
    *(c->before ? &c->before->after : &s->first) = c->after;
    if (c->after)
        c->after->before = c->before;
    syslog_framer_done(&c->framer);
    mem_free(c);
}

static const struct stream_handler handler = {
    .bytes = on_bytes, .end = on_end, .closed = on_closed};

static bool on_accept(void *arg, struct stream *stream)
{
    struct syslog *s = arg;
    struct connection *c = mem_new(struct connection);
    c->of = s;
    c->stream = stream;
    syslog_framer_init(&c->framer, s->options.message_bytes);
    c->after = s->first;
    if (s->first)
        s->first->before = c;
    s->first = c;
    stream_set_handler(stream, &handler, c);
    if (s->paused)
        stream_pause(stream);
    return true;
}

/* ---- life ---- */

static void set_defaults(struct syslog_options *o)
{
    if (o->message_bytes == 0)
        o->message_bytes = MESSAGE_BYTES;
    if (o->message_bytes < MESSAGE_BYTES_MIN)
        o->message_bytes = MESSAGE_BYTES_MIN;
    if (o->connections == 0)
        o->connections = CONNECTIONS;
    if (o->connections_address == 0)
        o->connections_address = CONNECTIONS_ADDRESS;
}

static status open_socket(struct syslog *s, struct loop *loop, struct error *err)
{
    const struct syslog_options *o = &s->options;
    if (o->transport == SYSLOG_UDP) {
        struct udp_options udp = {
            .host = o->host, .port = o->port, .datagram = on_datagram, .arg = s};
        return udp_open(loop, &udp, &s->udp, err);
    }
    struct listen_options tcp = {
        .host = o->host,
        .port = o->port,
        .fd = -1,
        .tls = o->transport == SYSLOG_TLS ? s->tls : NULL,
        .connections = o->connections,
        .connections_address = o->connections_address,
        .accept = on_accept,
        .arg = s,
    };
    return listen_open(loop, &tcp, &s->listener, err);
}

static void syslog_free(struct syslog *s)
{
    loop_timer_free(s->timer);
    tls_context_unref(s->tls);
    for (enum kind k = 0; k < KIND_COUNT; k++)
        sbuf_done(&s->gathered[k].text);
    mem_free(s);
}

status syslog_open(struct loop *loop, const struct syslog_options *options,
                   const struct ingest_sink *sink, struct syslog **out, struct error *err)
{
    struct syslog *s = mem_new(struct syslog);
    s->options = *options;
    set_defaults(&s->options);
    s->sink = *sink;
    s->tls = options->tls ? tls_context_ref(options->tls) : NULL;
    (void)snprintf(s->tenant, sizeof s->tenant, "%s", options->tenant);
    for (enum kind k = 0; k < KIND_COUNT; k++)
        sbuf_init(&s->gathered[k].text, SIZE_MAX);
    status st = open_socket(s, loop, err);
    if (st != ST_OK) {
        syslog_free(s);
        return st;
    }
    (void)snprintf(s->name, sizeof s->name, "%s:%u", options->host, syslog_port(s));
    s->options.host = s->options.tenant = NULL; /* were the caller's */
    s->timer = loop_timer_new(loop, FLUSH_MS, on_timer, s);
    *out = s;
    return ST_OK;
}

uint16_t syslog_port(const struct syslog *s)
{
    return s->udp ? udp_port(s->udp) : listen_port(s->listener);
}

void syslog_set_tls(struct syslog *s, struct tls_context *tls)
{
    tls_context_unref(s->tls);
    s->tls = tls_context_ref(tls);
    if (s->listener)
        listen_set_tls(s->listener, tls);
}

static void finish(void *arg)
{
    struct syslog *s = arg;
    for (enum kind k = 0; k < KIND_COUNT; k++)
        if (!hand_on(s, k))
            metric_add(METRIC_SYSLOG_DATAGRAMS_LOST, s->gathered[k].messages);
    void (*closed)(void *) = s->closed;
    void *closed_arg = s->closed_arg;
    syslog_free(s);
    closed(closed_arg);
}

void syslog_close(struct syslog *s, void (*done)(void *arg), void *arg)
{
    s->closed = done;
    s->closed_arg = arg;
    if (s->udp) {
        count_lost(s);
        udp_close(s->udp);
        s->udp = NULL;
        finish(s);
        return;
    }
    struct listener *l = s->listener;
    s->listener = NULL;
    listen_close(l, CLOSE_GRACE_MS, finish, s);
}
