/* SPDX-License-Identifier: Apache-2.0 */
/* Open Cybersecurity Schema Framework.  Names stay OCSF's and the principal ones are ECS's too.
 *
 * OCSF says what happened, not which log said so, while rules ask for a log.  A host activity
 * therefore gets the channel and code of the log that would have told it: the Sysmon event of the
 * same meaning.  They route the event; they are not fields of it. */
#include "parse/host_int.h"
#include "parse/json_int.h"

enum { CLASS = JSON_OWN, ACTIVITY, OS, PRODUCT, PROVIDER };

static const struct json_row rows[] = {
    {"time", .slot = JSON_TIME, .also = "@timestamp"},
    {"time_dt", .slot = JSON_TIME_2},
    {"class_uid", .slot = CLASS},
    {"class_name", .also = "event.category"},
    {"activity_id", .slot = ACTIVITY},
    {"activity_name", .also = "event.action"},
    {"severity", .also = "log.level"},
    {"severity_id", .also = "event.severity"},
    {"status", .also = "event.outcome"},
    {"status_detail", .also = "event.reason"},
    {"metadata.product.name", .slot = PRODUCT, .also = "observer.product"},
    {"metadata.product.vendor_name", .also = "observer.vendor"},
    {"metadata.log_provider", .slot = PROVIDER, .also = "event.provider"},
    {"metadata.uid", .also = "event.id"},
    {"metadata.event_code", .slot = JSON_CODE, .also = "event.code"},
    {"device.hostname", .also = "host.name"},
    {"device.name", .also = "host.name"},
    {"device.ip", .also = "host.ip"},
    {"device.os.name", .slot = OS},
    {"device.os.type", .slot = OS, .also = "host.os.type"},
    {"actor.user.name", .also = "user.name"},
    {"actor.user.uid", .also = "user.id"},
    {"actor.user.domain", .also = "user.domain"},
    {"actor.user.email_addr", .also = "user.email"},
    {"user.uid", .also = "user.id"},
    {"user.email_addr", .also = "user.email"},
    {"actor.process.file.path", .also = "process.parent.executable"},
    {"actor.process.cmd_line", .also = "process.parent.command_line"},
    {"actor.process.pid", .also = "process.parent.pid"},
    {"process.file.path", .also = "process.executable"},
    {"process.cmd_line", .also = "process.command_line"},
    {"process.uid", .also = "process.entity_id"},
    {"process.file.hashes.value", .slot = JSON_HASHES},
    {"process.parent_process.file.path", .also = "process.parent.executable"},
    {"process.parent_process.cmd_line", .also = "process.parent.command_line"},
    {"process.parent_process.pid", .also = "process.parent.pid"},
    {"process.user.name", .also = "user.name"},
    {"file.hashes.value", .slot = JSON_HASHES},
    {"module.file.path", .also = "dll.path"},
    {"reg_key.path", .also = "registry.path"},
    {"reg_value.path", .also = "registry.path"},
    {"reg_value.data", .also = "registry.data.strings"},
    {"src_endpoint.ip", .also = "source.ip"},
    {"src_endpoint.port", .also = "source.port"},
    {"src_endpoint.hostname", .also = "source.domain"},
    {"dst_endpoint.ip", .also = "destination.ip"},
    {"dst_endpoint.port", .also = "destination.port"},
    {"dst_endpoint.hostname", .also = "destination.domain"},
    {"connection_info.protocol_name", .also = "network.transport"},
    {"connection_info.direction", .also = "network.direction"},
    {"traffic.bytes_out", .also = "source.bytes"},
    {"traffic.bytes_in", .also = "destination.bytes"},
    {"query.hostname", .also = "dns.question.name"},
    {"query.type", .also = "dns.question.type"},
    {"answers.rdata", .also = "dns.answers.data"},
    {"rcode", .also = "dns.response_code"},
    {"http_request.http_method", .also = "http.request.method"},
    {"http_request.user_agent", .also = "user_agent.original"},
    {"http_request.referrer", .also = "http.request.referrer"},
    {"http_request.url.url_string", .slot = JSON_URL, .also = "url.original"},
    {"http_request.url.hostname", .also = "url.domain"},
    {"http_request.url.path", .also = "url.path"},
    {"http_request.url.query_string", .also = "url.query"},
    {"http_response.code", .also = "http.response.status_code"},
    {"http_response.length", .also = "http.response.body.bytes"},
    {"tls.sni", .also = "tls.client.server_name"},
    {"tls.ja3_hash.value", .also = "tls.client.ja3"},
    {"finding_info.title", .also = "rule.name"},
    {"finding_info.uid", .also = "rule.id"},
    {"finding.title", .also = "rule.name"},
    {"api.operation", .also = "eventName"},
    {"api.service.name", .also = "eventSource"},
    {"api.response.error", .also = "errorCode"},
    {"api.response.message", .also = "errorMessage"},
    {"cloud.account.uid", .also = "cloud.account.id"},
    {"email.from", .also = "email.from.address"},
    {"email.to", .also = "email.to.address"},
};

static enum host_activity activity_of(struct json_walk *w)
{
    static const struct {
        const char *class, *activity;
        enum host_activity what;
    } map[] = {
        {"1001", "4", HOST_FILE_DELETE},
        {"1001", "", HOST_FILE_EVENT},
        {"1005", "", HOST_IMAGE_LOAD},
        {"1007", "1", HOST_PROCESS_START},
        {"1007", "2", HOST_PROCESS_END},
        {"1007", "3", HOST_PROCESS_ACCESS},
        {"1007", "4", HOST_REMOTE_THREAD},
        {"4001", "", HOST_NETWORK},
        {"4003", "", HOST_DNS},
        {"201001", "", HOST_REGISTRY},
        {"201002", "", HOST_REGISTRY},
        {"1009", "", HOST_REGISTRY},
        {"1010", "", HOST_REGISTRY},
    };
    str class = json_slot(w, CLASS), activity = json_slot(w, ACTIVITY);
    for (size_t i = 0; i < COUNT(map); i++) {
        str want = str_z(map[i].activity);
        if (str_eq(class, str_z(map[i].class)) && (want.n == 0 || str_eq(activity, want)))
            return map[i].what;
    }
    return HOST_NOTHING;
}

static enum family of_class(str class)
{
    return str_eq(class, STR("4002"))   ? FAMILY_WEB
           : str_eq(class, STR("4003")) ? FAMILY_DNS
           : str_eq(class, STR("4001")) ? FAMILY_FIREWALL
                                        : FAMILY_UNKNOWN;
}

static enum family family_of(struct json_walk *w)
{
    str product = json_slot(w, PRODUCT);
    if (str_icontains(product, STR("CloudTrail")))
        return FAMILY_AWS;
    if (activity_of(w) != HOST_NOTHING) {
        enum family family = host_family(json_slot(w, OS));
        if (family != FAMILY_UNKNOWN)
            return family;
    }
    return of_class(json_slot(w, CLASS));
}

static bool finish(struct json_walk *w)
{
    struct event *e = w->p->event;
    if (w->family == FAMILY_AWS)
        json_channel(w, STR("cloudtrail"));
    else if (w->family == FAMILY_WEB)
        json_channel(w, STR("web"));
    else
        host_route(e, activity_of(w));
    json_channel(w, json_slot(w, PROVIDER));
    return true;
}

static const struct json_clue clues[] = {
    {"class_uid", 60},        {"category_uid", 20},     {"type_uid", 20},    {"activity_id", 20},
    {"metadata.version", 10}, {"metadata.product", 20}, {"severity_id", 10},
};

static const struct json_format format = {
    .row = rows,
    .rows = COUNT(rows),
    .flags = JSON_WHOLE,
    .family_of = family_of,
    .finish = finish,
    .clue = clues,
    .clues = COUNT(clues),
};

const struct parse_ops parse_ocsf = {.name = "ocsf", .json = &format};
