/* SPDX-License-Identifier: Apache-2.0 */
/* api_bed.h - the whole service but app, in this process: store, identity, engine, recorder, API and a server on a free port
 * of 127.0.0.1; with an administrator "admin" whose password is BED_PASSWORD. */
#ifndef TESTS_UNIT_API_BED_H
#define TESTS_UNIT_API_BED_H

#include "api/api.h"
#include "base/mem.h"
#include "base/vec.h"
#include "codec/json_doc.h"
#include "net/client.h"
#include "os/log.h"
#include "os/thread.h"
#include "tests/folder.h"
#include "tests/test.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#define BED_PASSWORD "correct horse battery staple"

#define BED_RULES                                                                                  \
    "title: Hit\nid: hit\nlevel: high\ntags: [attack.t1059.001]\nlogsource: {product: app}\n"      \
    "detection: {selection: {what: hit}, condition: selection}\n---\n"                             \
    "title: Odd\nid: odd\nlevel: medium\nlogsource: {product: app}\n"                              \
    "detection: {selection: {what: odd}, condition: selection}\n---\n"                             \
    "title: Failed\nname: fail\nlogsource: {product: app}\n"                                       \
    "detection: {selection: {what: fail}, condition: selection}\n---\n"                            \
    "title: Guessing\nid: guessing\nlevel: high\ncorrelation:\n"                                   \
    "  type: event_count\n  rules: [fail]\n  group-by: [who]\n  timespan: 1m\n"                    \
    "  condition: {gte: 3}\n"

struct bed {
    struct dict *dict;
    struct store *store;
    struct identity *identity;
    struct bus *bus;
    struct recorder *recorder;
    struct engine *engine;
    struct api *api;
    struct loop *loop;
    struct engine_lane *lane;
    struct api_loop *api_loop;
    struct http_server *server;
    struct thread thread[5]; /* recorder, worker, two of the pool, loop */
    uint16_t port;
    struct client *client;
    struct client_answer answer;
    struct json_doc *doc; /* of the last answer */
    struct arena arena;
};

/* ---- what app does ---- */

static inline void bed_deliver(void *arg, const struct engine_result *r)
{
    struct bed *b = arg;
    const struct recorded_token *token = r->job->token;
    struct recorded *item = mem_array(struct recorded, r->count + 1);
    for (size_t i = 0; i < r->count; i++) {
        item[i] = (struct recorded){.finding = r->found[i].finding, .path = r->job->path};
        if (r->found[i].event == UINT32_MAX)
            continue;
        const struct event *e = &r->job->batch.event[r->found[i].event];
        item[i].raw = e->raw;
        item[i].format = str_z(parse_format_name((enum parse_format)e->format));
    }
    if (token && token->seen)
        token->seen(token->arg, r);
    struct position_record position = {.source = r->job->position_source,
                                       .value = r->job->position};
    struct recording in = {.tenant = str_z(r->job->tenant),
                           .item = item,
                           .count = r->count,
                           .position = position.source.n ? &position : NULL,
                           .done = token ? token->done : NULL,
                           .arg = token ? token->arg : NULL};
    status st = recorder_add(b->recorder, &in);
    if (st != ST_OK && token)
        token->done(token->arg, st, NULL, 0);
    mem_free(item);
}

static inline void bed_room(void *arg)
{
    struct bed *b = arg;
    api_room(b->api);
}

static inline void bed_run_recorder(void *arg)
{
    recorder_run(arg);
}
static inline void bed_run_worker(void *arg)
{
    engine_work(arg);
}
static inline void bed_run_pool(void *arg)
{
    api_pool_run(arg);
}
static inline void bed_run_loop(void *arg)
{
    loop_run(arg);
}

#define BED_MUST(call)                                                                             \
    do {                                                                                           \
        struct error err_ = {.text = ""};                                                          \
        if ((call) != ST_OK)                                                                       \
            fail_msg("%s: %s", #call, err_.text);                                                  \
    } while (0)

static inline struct snapshot_ref *bed_rules(struct dict *dict)
{
    struct rule_options options = {0};
    struct rule_set *set;
    BED_MUST(rule_set_parse(STR("test.yml"), STR(BED_RULES), dict, &options, &set, &err_));
    assert_int_equal(rule_set_problem_count(set), 0);
    return snapshot_ref_new(dict, set, NULL);
}

static inline void bed_open_engine(struct bed *b)
{
    b->dict = dict_new();
    struct engine_options o = {.jobs = 4, .limits = parse_limits_default};
    struct engine_sink sink = {.deliver = bed_deliver, .room = bed_room, .arg = b};
    struct snapshot_ref *s = bed_rules(b->dict);
    b->engine = engine_new(&o, &sink, s);
    snapshot_ref_drop(s);
}

static inline void bed_open_records(struct bed *b)
{
    char url[128];
    struct sbuf shown = {.cap = 256};
    (void)snprintf(url, sizeof url, "sqlite:%s", folder_path("store.db"));
    (void)unlink(folder_path("store.db"));
    BED_MUST(
        store_open(&(struct store_options){.url = str_z(url), .relaxed = true}, &b->store, &err_));
    struct identity_options o = {.store = b->store,
                                 .data_dir = folder_name,
                                 .issuer = "bguard",
                                 .algorithm = "ed25519",
                                 .access_s = 900,
                                 .refresh_s = 86400,
                                 .lock_after = 5,
                                 .lock_s = 60};
    BED_MUST(identity_new(&o, BED_PASSWORD, &b->identity, &shown, &err_));
    assert_int_equal(shown.n, 0);
    b->bus = bus_new(&(struct bus_options){.first_id = 1});
    b->recorder = recorder_new(b->store, b->bus, &(struct recorder_options){.max_bytes = 0});
}

static inline void bed_open_server(struct bed *b)
{
    BED_MUST(loop_new(&b->loop, &err_));
    b->lane = engine_lane_new(b->engine);
    b->api_loop = api_loop_new(b->api, b->loop, b->lane);
    struct http_server_options o = {.host = "127.0.0.1",
                                    .fd = -1,
                                    .limits = http_limits_default,
                                    .handler = api_handler(b->api_loop)};
    BED_MUST(http_server_open(b->loop, &o, &b->server, &err_));
    b->port = http_server_port(b->server);
}

static inline void bed_client(struct bed *b, const char *token)
{
    char url[64];
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%u", b->port);
    client_free(b->client);
    BED_MUST(
        client_new(&(struct client_options){.base_url = url, .bearer = token}, &b->client, &err_));
}

/* `options`: what is not borrowed from here. */
static inline void bed_open(struct bed *b, const struct api_options *options)
{
    *b = (struct bed){.dict = NULL};
    arena_init(&b->arena, 64 << 20);
    BED_MUST(log_open(&(struct log_options){.level = LOG_ERROR}, &err_));
    bed_open_records(b);
    bed_open_engine(b);
    struct api_options o = *options;
    o.store = b->store;
    o.identity = b->identity;
    o.bus = b->bus;
    o.recorder = b->recorder;
    o.engine = b->engine;
    o.version = "1.2.3";
    o.environment = "test";
    o.data_dir = folder_name;
    BED_MUST(api_new(&o, &b->api, &err_));
    bed_open_server(b);
    BED_MUST(thread_start(&b->thread[0], "recorder", bed_run_recorder, b->recorder, &err_));
    BED_MUST(thread_start(&b->thread[1], "worker", bed_run_worker, b->engine, &err_));
    BED_MUST(thread_start(&b->thread[2], "pool", bed_run_pool, b->api, &err_));
    BED_MUST(thread_start(&b->thread[3], "pool", bed_run_pool, b->api, &err_));
    BED_MUST(thread_start(&b->thread[4], "loop", bed_run_loop, b->loop, &err_));
    api_set_ready(b->api, true);
    bed_client(b, NULL);
}

static inline void bed_closed(void *arg)
{
    loop_stop(arg);
}

static inline void bed_stop(void *arg)
{
    struct bed *b = arg;
    http_server_close(b->server, 1000, bed_closed, b->loop);
}

static inline void bed_close(struct bed *b)
{
    client_free(b->client);
    json_doc_free(b->doc);
    loop_post(b->loop, bed_stop, b);
    thread_join(&b->thread[4]);
    api_pool_stop(b->api);
    thread_join(&b->thread[2]);
    thread_join(&b->thread[3]);
    engine_stop(b->engine);
    thread_join(&b->thread[1]);
    recorder_stop(b->recorder);
    thread_join(&b->thread[0]);
    api_loop_free(b->api_loop);
    engine_lane_free(b->lane);
    loop_free(b->loop);
    api_free(b->api);
    engine_free(b->engine);
    recorder_free(b->recorder);
    bus_free(b->bus);
    identity_free(b->identity);
    store_close(b->store);
    dict_free(b->dict);
    arena_done(&b->arena);
    log_close();
}

/* ---- asking ---- */

/* The HTTP status; the answer is in b->answer, and as a document in b->doc when it is JSON. */
static inline int bed_send(struct bed *b, const char *method, const char *path, const char *type,
                           str body, const char *const *headers)
{
    BED_MUST(client_ask(b->client, method, path, type, body, headers, &b->answer, &err_));
    json_doc_free(b->doc);
    b->doc = NULL;
    if (str_contains(b->answer.content_type, STR("json")) && b->answer.body.n)
        BED_MUST(json_doc_parse(b->answer.body, 64 << 20, &b->doc, &err_));
    return b->answer.status;
}

static inline int bed_ask(struct bed *b, const char *method, const char *path, const char *json)
{
    return bed_send(b, method, path, "application/json", json ? str_z(json) : (str){0}, NULL);
}

static inline void bed_expect(struct bed *b, int want, const char *method, const char *path,
                              const char *json)
{
    int got = bed_ask(b, method, path, json);
    if (got != want)
        fail_msg("%s %s %s: %d, not %d: " STR_FMT, method, path, json ? json : "", got, want,
                 STR_ARG(b->answer.body));
}

/* A member of the last answer, copied: it lives as long as the bed. */
static inline const char *bed_text(struct bed *b, const char *member)
{
    json_node n = json_get(json_doc_root(b->doc), str_z(member));
    return arena_str(&b->arena, json_str(n, STR(""))).p;
}

static inline json_node bed_member(struct bed *b, const char *member)
{
    return json_get(json_doc_root(b->doc), str_z(member));
}

/* The access token of a login. */
static inline const char *bed_login(struct bed *b, const char *name, const char *password)
{
    str body = arena_fmt(&b->arena, "{\"username\":\"%s\",\"password\":\"%s\"}", name, password);
    bed_expect(b, 200, "POST", "/api/auth/login", body.p);
    return bed_text(b, "access_token");
}

static inline void bed_as(struct bed *b, const char *token)
{
    BED_MUST(client_set_bearer(b->client, token, &err_));
}

/* Bytes as they are; the answer up to the end of the connection. */
static inline str bed_raw(struct bed *b, const char *text)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(b->port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sbuf out;
    sbuf_init(&out, 1 << 20);
    assert_int_equal(connect(fd, (const struct sockaddr *)&to, sizeof to), 0);
    (void)send(fd, text, strlen(text),
               MSG_NOSIGNAL); /* a server that blocks us may be gone already */
    for (ssize_t n = 1; n > 0;) {
        char *room = sbuf_space(&out, 4096);
        n = recv(fd, room, 4096, 0);
        sbuf_grew(&out, n > 0 ? (size_t)n : 0);
    }
    close(fd);
    str copy = arena_str(&b->arena, sbuf_str(&out));
    sbuf_done(&out);
    return copy;
}

#endif
