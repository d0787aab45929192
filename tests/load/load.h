/* SPDX-License-Identifier: Apache-2.0 */
/* load.h - what the kinds of load share: the options, a connection, the report. */
#ifndef TESTS_LOAD_LOAD_H
#define TESTS_LOAD_LOAD_H

#include "base/sbuf.h"
#include "base/status.h"
#include "codec/json_out.h"
#include "tests/load/hist.h"

#include <uv.h>

struct options {
    const char *url, *post, *type, *header_file, *token_file, *subscribe, *kind;
    uint64_t connections, seconds, rate, stuck, spread;
    bool json, ask;
};

struct conn;
struct conn_handler {
    void (*opened)(struct conn *c);
    void (*bytes)(struct conn *c, str bytes);
    void (*closed)(struct conn *c,
                   int why); /* a uv error, 0: by us, UV_EOF; it may be opened again */
};

struct load {
    const struct options *options;
    uv_loop_t uv;
    uv_timer_t timer; /* free for the kind of load */
    struct sockaddr_storage address;
    struct sbuf host, path; /* of the URL: "127.0.0.1:3002", "/x?y" */
    struct sbuf headers;    /* lines for every request, each with its CRLF */
    struct sbuf body;       /* of --post */
    struct conn_handler handler;
    struct conn *conn; /* options->connections of them */
    uint64_t started_ns, until_ns;
    bool over;
    void *arg;

    uint64_t opened, refused, broken; /* connections */
    uint64_t bytes_in;
};

struct conn {
    struct load *load;
    uv_tcp_t tcp;
    uv_connect_t connecting;
    size_t number;
    bool open, opening, closing;
    int why;
    uint64_t opened_ns;
    void *arg; /* free for the kind of load */
};

/* All of the connections, a bounded number at a time; `opened` is called for each that was. */
CHECKED status load_start(struct load *l, struct error *err);
void conn_open(struct conn *c);
void conn_send(struct conn *c, str bytes); /* copied */
void conn_close(struct conn *c, int why);
void conn_stop_reading(struct conn *c);
void conn_resume_reading(struct conn *c);
/* Run until `seconds` have passed, counted from the call, and `rest_ms` more for what is under way,
 * or until load_end. */
void load_run(struct load *l, uint64_t rest_ms, uv_timer_cb tick, uint64_t tick_ms);
void load_end(struct load *l); /* nothing is under way any more */

/* The request line and headers of a request with `method`. */
void load_head(const struct load *l, const char *method, struct sbuf *out);

/* ---- the report: "name  value" lines, or one JSON object ---- */
struct report {
    struct sbuf out;
    struct json_out json;
    bool as_json;
};
void report_begin(struct report *r, bool as_json);
void report_count(struct report *r, const char *name, uint64_t v);
void report_rate(struct report *r, const char *name, double v);
void report_text(struct report *r, const char *name, str v);
void report_hist(struct report *r, const char *name, const struct hist *h); /* in ms */
void report_end(struct report *r);

/* The kinds. */
CHECKED status http_load(struct load *l, struct error *err);
CHECKED status ws_load(struct load *l, struct error *err);
CHECKED status idle_load(struct load *l, struct error *err);
CHECKED status slow_load(struct load *l, struct error *err);

#endif
