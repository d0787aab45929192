/* SPDX-License-Identifier: Apache-2.0 */
/* Events already in the Elastic Common Schema, nested or with dotted keys, as Beats, Elastic Agent
 * and Elastic Endpoint write them.  The module says whose they are; what a module keeps under its
 * own name ("zeek.dns.query") loses that prefix where the rest is the source's own names. */
#include "parse/host_int.h"
#include "parse/json_int.h"

enum { MODULE = JSON_OWN, DATASET, CATEGORY, TYPE, ACTION, OS, PROGRAM, AGENT };
enum { INNER = 1 };

static const struct json_row rows[] = {
    {"@timestamp", .slot = JSON_TIME},
    {"event.created", .slot = JSON_TIME_2},
    {"event.module", .slot = MODULE},
    {"event.dataset", .slot = DATASET},
    {"data_stream.dataset", .slot = DATASET},
    {"event.category", .slot = CATEGORY},
    {"event.type", .slot = TYPE},
    {"event.action", .slot = ACTION},
    {"event.code", .slot = JSON_CODE},
    {"host.os.type", .slot = OS},
    {"host.os.family", .slot = OS},
    {"agent.type", .slot = AGENT},
    {"process.name", .slot = PROGRAM},
    {"winlog.channel", .slot = JSON_CHANNEL},
    {"url.original", .slot = JSON_URL},
    {"zeek", .flags = JSON_STRIP, .into = INNER},
    {"suricata.eve", .flags = JSON_STRIP},
    {"o365.audit", .flags = JSON_STRIP},
    {"okta", .flags = JSON_STRIP},
    {"azure.signinlogs", .flags = JSON_STRIP},
    {"azure.auditlogs", .flags = JSON_STRIP},
    {"azure.activitylogs", .flags = JSON_STRIP},
    {"properties", .flags = JSON_STRIP},
    {"kubernetes.audit", .flags = JSON_STRIP},
    {"*", INNER, .flags = JSON_STRIP | JSON_EVERY},
};

static const struct {
    const char *module;
    enum family family;
} modules[] = {
    {"windows", FAMILY_WINDOWS},
    {"sysmon", FAMILY_WINDOWS},
    {"system", FAMILY_LINUX},
    {"auditd", FAMILY_LINUX},
    {"iptables", FAMILY_FIREWALL},
    {"apache", FAMILY_WEB},
    {"nginx", FAMILY_WEB},
    {"iis", FAMILY_WEB},
    {"traefik", FAMILY_WEB},
    {"haproxy", FAMILY_WEB},
    {"squid", FAMILY_WEB},
    {"zeek", FAMILY_ZEEK},
    {"suricata", FAMILY_SURICATA},
    {"aws", FAMILY_AWS},
    {"azure", FAMILY_AZURE},
    {"o365", FAMILY_M365},
    {"okta", FAMILY_OKTA},
    {"gcp", FAMILY_GCP},
    {"google_workspace", FAMILY_GCP},
    {"gsuite", FAMILY_GCP},
    {"github", FAMILY_GITHUB},
    {"kubernetes", FAMILY_KUBERNETES},
    {"cisco", FAMILY_CISCO},
    {"cisco_duo", FAMILY_CISCO},
    {"fortinet", FAMILY_FORTIGATE},
    {"panw", FAMILY_PALOALTO},
    {"mysql", FAMILY_DATABASE},
    {"postgresql", FAMILY_DATABASE},
    {"mssql", FAMILY_DATABASE},
    {"falco", FAMILY_FALCO},
};

static str module_of(struct json_walk *w)
{
    str dataset = json_slot(w, DATASET);
    return json_has(w, MODULE) ? json_slot(w, MODULE) : str_head(dataset, str_find(dataset, '.'));
}

static enum family family_of(struct json_walk *w)
{
    str module = module_of(w);
    bool windows = json_has(w, JSON_CHANNEL) || str_ieq(json_slot(w, OS), STR("windows"));
    if (str_ieq(module, STR("system")) && windows)
        return FAMILY_WINDOWS;
    for (size_t i = 0; i < COUNT(modules); i++)
        if (str_ieq(module, str_z(modules[i].module)))
            return modules[i].family;
    return windows ? FAMILY_WINDOWS : host_family(json_slot(w, OS));
}

static enum host_activity activity_of(struct json_walk *w)
{
    str category = json_slot(w, CATEGORY), type = json_slot(w, TYPE);
    if (str_eq(category, STR("process")))
        return str_eq(type, STR("end"))      ? HOST_PROCESS_END
               : str_eq(type, STR("access")) ? HOST_PROCESS_ACCESS
                                             : HOST_PROCESS_START;
    if (str_eq(category, STR("file")))
        return str_eq(type, STR("deletion")) ? HOST_FILE_DELETE : HOST_FILE_EVENT;
    if (str_eq(category, STR("library")) || str_eq(category, STR("driver")))
        return HOST_IMAGE_LOAD;
    if (str_eq(category, STR("registry")))
        return HOST_REGISTRY;
    if (str_eq(category, STR("network")))
        return str_istarts(json_slot(w, ACTION), STR("dns")) || str_eq(type, STR("protocol"))
                   ? HOST_DNS
                   : HOST_NETWORK;
    return HOST_NOTHING;
}

/* The log within the module: "dns" of "zeek.dns", the program of a syslog line. */
static str log_of(struct json_walk *w)
{
    str dataset = json_slot(w, DATASET), module = module_of(w);
    if (w->family == FAMILY_LINUX && str_ieq(module, STR("auditd")))
        return STR("auditd");
    if (w->family == FAMILY_LINUX && str_ieq(module, STR("system")))
        return json_slot(w, PROGRAM);
    size_t dot = str_find(dataset, '.');
    return dot < dataset.n ? str_from(dataset, dot + 1) : dataset;
}

static bool finish(struct json_walk *w)
{
    if (module_of(w).n == 0 || str_ieq(module_of(w), STR("endpoint")) ||
        w->family == FAMILY_WINDOWS)
        host_route(w->p->event, activity_of(w));
    json_channel(w, log_of(w));
    return true;
}

static const struct json_clue clues[] = {
    {"@timestamp", 15},   {"ecs.version", 60},        {"ecs", 20},
    {"event.module", 40}, {"event.dataset", 40},      {"event.category", 20},
    {"event.kind", 20},   {"event.action", 15},       {"agent.type", 20},
    {"host.name", 15},    {"source.ip", 20},          {"destination.ip", 10},
    {"user.name", 10},    {"process.executable", 30}, {"process.command_line", 30},
    {"data_stream", 20},  {"log.file", 10},           {"url.original", 20},
    {"process.name", 15}, {"event.code", 10},
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

const struct parse_ops parse_ecs = {.name = "ecs", .json = &format};
