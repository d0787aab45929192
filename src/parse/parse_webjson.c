/* SPDX-License-Identifier: Apache-2.0 */
/* Access logs as JSON: nginx and Apache with the names people give their variables, Caddy,
 * Traefik, and Envoy. */
#include "parse/json_int.h"
#include "parse/request.h"

enum { REQUEST = JSON_OWN };

static const struct json_row rows[] = {
    {"time_iso8601", .slot = JSON_TIME, .also = "@timestamp"},
    {"time_local", .slot = JSON_TIME_2, .also = "@timestamp"},
    {"@timestamp", .slot = JSON_TIME},
    {"timestamp", .slot = JSON_TIME_2, .also = "@timestamp"},
    {"time", .slot = JSON_TIME_3, .also = "@timestamp"},
    {"ts", .slot = JSON_TIME_3, .also = "@timestamp"},
    {"msec", .slot = JSON_TIME_4},
    {"start_time", .slot = JSON_TIME_3, .also = "@timestamp"},
    {"StartUTC", .slot = JSON_TIME, .also = "@timestamp"},

    {"request", .slot = REQUEST},
    {"request_uri", .slot = JSON_URL, .also = "url.original"},
    {"uri", .slot = JSON_URL, .also = "url.original"},
    {"path", .slot = JSON_URL, .also = "url.original"},
    {"url", .slot = JSON_URL, .also = "url.original"},
    {"query_string", .also = "url.query"},
    {"args", .also = "url.query"},
    {"request_method", .also = "http.request.method"},
    {"method", .also = "http.request.method"},
    {"status", .also = "http.response.status_code"},
    {"response", .also = "http.response.status_code"},
    {"response_code", .also = "http.response.status_code"},
    {"bytes", .also = "http.response.body.bytes"},
    {"bytes_sent", .also = "http.response.body.bytes"},
    {"body_bytes_sent", .also = "http.response.body.bytes"},
    {"size", .also = "http.response.body.bytes"},
    {"request_length", .also = "http.request.body.bytes"},
    {"request_body", .also = "http.request.body.content"},
    {"remote_addr", .also = "source.ip"},
    {"remote_ip", .also = "source.ip"},
    {"client_ip", .also = "source.ip"},
    {"client", .also = "source.ip"},
    {"clientip", .also = "source.ip"},
    {"remote_host", .also = "source.ip"},
    {"remoteIP", .also = "source.ip"},
    {"remote_port", .also = "source.port"},
    {"remote_user", .also = "user.name"},
    {"user", .also = "user.name"},
    {"user_id", .also = "user.name"},
    {"http_user_agent", .also = "user_agent.original"},
    {"user_agent", .also = "user_agent.original"},
    {"userAgent", .also = "user_agent.original"},
    {"agent", .also = "user_agent.original"},
    {"http_referer", .also = "http.request.referrer"},
    {"http_referrer", .also = "http.request.referrer"},
    {"referer", .also = "http.request.referrer"},
    {"referrer", .also = "http.request.referrer"},
    {"http_cookie", .also = "http.request.cookie"},
    {"http_host", .also = "url.domain"},
    {"host", .also = "url.domain"},
    {"vhost", .also = "url.domain"},
    {"server_name", .also = "url.domain"},
    {"server_protocol", .also = "http.version"},
    {"protocol", .also = "http.version"},
    {"content_type", .also = "http.request.mime_type"},

    {"request.remote_ip", .also = "source.ip"},
    {"request.client_ip", .also = "source.ip"},
    {"request.remote_addr", .also = "source.address"},
    {"request.remote_port", .also = "source.port"},
    {"request.method", .also = "http.request.method"},
    {"request.uri", .slot = JSON_URL, .also = "url.original"},
    {"request.host", .also = "url.domain"},
    {"request.proto", .also = "http.version"},
    {"request.headers.User-Agent", .also = "user_agent.original"},
    {"request.headers.Referer", .also = "http.request.referrer"},
    {"request.headers.Cookie", .also = "http.request.cookie"},
    {"request.headers.Content-Type", .also = "http.request.mime_type"},
    {"request.tls.server_name", .also = "tls.client.server_name"},

    {"ClientHost", .also = "source.ip"},
    {"ClientUsername", .also = "user.name"},
    {"RequestMethod", .also = "http.request.method"},
    {"RequestPath", .slot = JSON_URL, .also = "url.original"},
    {"RequestHost", .also = "url.domain"},
    {"RequestProtocol", .also = "http.version"},
    {"RequestContentSize", .also = "http.request.body.bytes"},
    {"DownstreamStatus", .also = "http.response.status_code"},
    {"DownstreamContentSize", .also = "http.response.body.bytes"},
    {"request_User-Agent", .also = "user_agent.original"},
    {"request_Referer", .also = "http.request.referrer"},
    {"request_Cookie", .also = "http.request.cookie"},
};

static bool finish(struct json_walk *w)
{
    if (json_has(w, REQUEST) && !json_has(w, JSON_URL))
        request_add(w->p, json_slot(w, REQUEST));
    json_channel(w, STR("access"));
    return true;
}

static const struct json_format format = {
    .family = FAMILY_WEB,
    .row = rows,
    .rows = COUNT(rows),
    .finish = finish,
};

static int sniff(str head)
{
    static const struct json_clue clues[] = {
        {"remote_addr", 25},
        {"request", 10},
        {"request_method", 25},
        {"request_uri", 25},
        {"status", 10},
        {"body_bytes_sent", 25},
        {"bytes_sent", 10},
        {"http_user_agent", 25},
        {"http_referer", 20},
        {"user_agent", 10},
        {"referer", 10},
        {"method", 10},
        {"uri", 10},
        {"remote_ip", 20},
        {"client_ip", 10},
        {"request.remote_ip", 30},
        {"request.method", 25},
        {"request.uri", 25},
        {"request.headers", 15},
        {"ClientHost", 30},
        {"RequestMethod", 30},
        {"RequestPath", 30},
        {"DownstreamStatus", 30},
        {"response_code", 10},
        {"remote_host", 10},
        {"path", 5},
        {"remote_user", 15},
        {"bytes", 5},
        {"agent", 5},
        {"clientip", 15},
        {"response", 5},
        {"referrer", 10},
        {"remoteIP", 15},
    };
    return json_sniff(head, clues, COUNT(clues));
}

static void run(struct parse *p)
{
    json_run(p, &format);
}

const struct parse_ops parse_webjson = {.name = "web-json", .sniff = sniff, .run = run};
