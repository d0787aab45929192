/* SPDX-License-Identifier: Apache-2.0 */
/* Suricata EVE.  The channel is the event type: alert, http, dns, tls, flow, … */
#include "parse/json_int.h"

enum { EXTRA = JSON_OWN };

static const struct json_row rows[] = {
    {"timestamp", .slot = JSON_TIME, .also = "@timestamp"},
    {"event_type", .slot = JSON_CHANNEL, .also = "event.dataset"},
    {"app_proto", .also = "network.protocol"},
    {"in_iface", .also = "observer.ingress.interface.name"},
    {"host", .also = "observer.name"},
    {"alert.action", .also = "event.action"},
    {"alert.signature", .also = "rule.name"},
    {"alert.signature_id", .also = "rule.id"},
    {"alert.category", .also = "rule.category"},
    {"alert.severity", .also = "event.severity"},
    {"http.hostname", .also = "url.domain"},
    {"http.url", .slot = JSON_URL, .also = "url.original"},
    {"http.http_user_agent", .also = "user_agent.original"},
    {"http.http_refer", .also = "http.request.referrer"},
    {"http.http_method", .also = "http.request.method"},
    {"http.http_content_type", .also = "http.response.mime_type"},
    {"http.protocol", .also = "http.version"},
    {"http.status", .also = "http.response.status_code"},
    {"http.length", .also = "http.response.body.bytes"},
    {"http.cookie", .also = "http.request.cookie"},
    {"http.http_request_body_printable", .also = "http.request.body.content"},
    {"dns.rrname", .also = "dns.question.name"},
    {"dns.rrtype", .also = "dns.question.type"},
    {"dns.rcode", .also = "dns.response_code"},
    {"dns.rdata", .also = "dns.answers.data"},
    {"dns.answers.rdata", .also = "dns.answers.data"},
    {"dns.query.rrname", .also = "dns.question.name"},
    {"dns.query.rrtype", .also = "dns.question.type"},
    {"dns.queries.rrname", .also = "dns.question.name"},
    {"dns.queries.rrtype", .also = "dns.question.type"},
    {"dns.grouped.A", .also = "dns.answers.data"},
    {"dns.grouped.AAAA", .also = "dns.answers.data"},
    {"dns.grouped.CNAME", .also = "dns.answers.data"},
    {"tls.sni", .also = "tls.client.server_name"},
    {"tls.subject", .also = "tls.server.subject"},
    {"tls.issuerdn", .also = "tls.server.issuer"},
    {"tls.ja3.hash", .also = "tls.client.ja3"},
    {"tls.fingerprint", .also = "tls.server.hash.sha1"},
    {"fileinfo.filename", .also = "file.name"},
    {"fileinfo.size", .also = "file.size"},
    {"fileinfo.md5", .also = "file.hash.md5"},
    {"fileinfo.sha1", .also = "file.hash.sha1"},
    {"fileinfo.sha256", .also = "file.hash.sha256"},
    {"flow.bytes_toserver", .also = "source.bytes"},
    {"flow.bytes_toclient", .also = "destination.bytes"},
    {"flow.pkts_toserver", .also = "source.packets"},
    {"flow.pkts_toclient", .also = "destination.packets"},
    {"flow.start", .slot = JSON_TIME_2},
    {"ssh.client.software_version", .also = "user_agent.original"},
    {"smtp.mail_from", .also = "email.from.address"},
    {"smtp.rcpt_to", .also = "email.to.address"},
    {"email.from", .also = "email.from.address"},
    {"email.to", .also = "email.to.address"},
    {"smb.filename", .also = "file.path"},
    {"smb.named_pipe", .also = "file.pipe.name"},
    {"krb5.cname", .also = "user.name"},
    {"community_id", .also = "network.community_id"},
};

static const struct json_clue clues[] = {
    {"event_type", 40}, {"flow_id", 40},  {"timestamp", 10},
    {"src_ip", 5},      {"dest_ip", 15},  {"alert.signature", 50},
    {"in_iface", 10},   {"pcap_cnt", 10}, {"stats.uptime", 50},
};

static const struct json_format format = {
    .family = FAMILY_SURICATA,
    .row = rows,
    .rows = COUNT(rows),
    .clue = clues,
    .clues = COUNT(clues),
};

const struct parse_ops parse_eve = {.name = "eve", .json = &format};
