/* SPDX-License-Identifier: Apache-2.0 */
/* Any other JSON.  Sources without a format of their own are told by what only they write; the rest
 * is of no known family, and its names are filed under all that any family calls them. */
#include "codec/time.h"
#include "parse/json_int.h"

/* Shapes, the surest first. */
enum { CLOUD_AUDIT = 1, WORKSPACE, GITHUB, BITBUCKET, ONELOGIN, CANARY, LAUREL, MONGO, DUO };
enum { KIND = JSON_OWN, APPLICATION, SERVICE, FACTOR, AUDIT_ID };

enum { SYSCALL = 1 };

static const struct json_row rows[] = {
    {"@timestamp", .slot = JSON_TIME},
    {"timestamp", .slot = JSON_TIME_2, .also = "@timestamp"},
    {"Timestamp", .slot = JSON_TIME_2, .also = "@timestamp"},
    {"time", .slot = JSON_TIME_3, .also = "@timestamp"},
    {"ts", .slot = JSON_TIME_3, .also = "@timestamp"},
    {"datetime", .slot = JSON_TIME_3, .also = "@timestamp"},
    {"date", .slot = JSON_TIME_4},
    {"created_at", .slot = JSON_TIME_4, .also = "@timestamp"},
    {"EventTime", .slot = JSON_TIME_4},
    {"msg", .also = "message"},
    {"hostname", .also = "host.name"},
    {"host", .also = "host.name"},
    {"level", .also = "log.level"},
    {"severity", .also = "log.level"},

    /* Google Cloud audit logs; the sinks of Pub/Sub put them into "data". */
    {"data.protoPayload", .mark = CLOUD_AUDIT},
    {"protoPayload", .mark = CLOUD_AUDIT},
    {"receiveTimestamp", .slot = JSON_TIME_4},
    {"protoPayload.serviceName", .slot = SERVICE},
    {"protoPayload.methodName", .also = "event.action"},
    {"protoPayload.requestMetadata.callerIp", .also = "source.ip"},
    {"protoPayload.requestMetadata.callerSuppliedUserAgent", .also = "user_agent.original"},
    {"protoPayload.authenticationInfo.principalEmail", .also = "user.name"},
    {"protoPayload.authorizationInfo.permission",
     .also = "data.protoPayload.authorizationInfo.permission"},
    {"protoPayload.authorizationInfo.granted",
     .also = "data.protoPayload.authorizationInfo.granted"},
    {"protoPayload.status.message", .also = "error.message"},
    {"resource.type", .also = "data.protoPayload.resource.type"},
    {"logName", .also = "data.protoPayload.logName"},
    {"insertId", .also = "event.id"},
    {"protoPayload.metadata.event.parameter", .flags = JSON_PAIR},
    {"protoPayload.metadata.event.parameter.name", .flags = JSON_NAME},
    {"protoPayload.metadata.event.SETTING_NAME", .as = "setting_name"},
    {"protoPayload.metadata.event.NEW_VALUE", .as = "new_value"},
    {"protoPayload.metadata.event.OLD_VALUE", .as = "old_value"},

    /* Google Workspace, Reports API. */
    {"kind", .slot = KIND},
    {"id.applicationName", .slot = APPLICATION, .mark = WORKSPACE},
    {"id.time", .slot = JSON_TIME, .also = "@timestamp"},
    {"events.name", .also = "eventName"},
    {"events.parameters", .flags = JSON_PAIR},
    {"events.parameters.name", .flags = JSON_NAME},
    {"events.SETTING_NAME", .as = "setting_name"},
    {"events.NEW_VALUE", .as = "new_value"},
    {"events.OLD_VALUE", .as = "old_value"},
    {"actor.email", .also = "user.name"},
    {"ipAddress", .also = "source.ip"},

    {"_document_id", .mark = GITHUB, .also = "event.id"},
    {"actor_location.country_code", .mark = GITHUB, .also = "source.geo.country_iso_code"},
    {"actor_ip", .also = "source.ip"},

    {"auditType.action", .mark = BITBUCKET, .also = "event.action"},
    {"auditType.category", .also = "event.category"},
    {"author.name", .also = "user.name"},
    {"source", .also = "event.provider"},

    {"event_type_id", .mark = ONELOGIN, .also = "event.code"},
    {"actor_user_name", .also = "user.name"},
    {"ipaddr", .also = "source.ip"},

    {"logtype", .slot = JSON_CODE, .mark = CANARY},
    {"local_time", .slot = JSON_TIME_2},
    {"utc_time", .slot = JSON_TIME, .also = "@timestamp"},
    {"src_host", .also = "source.ip"},
    {"dst_host", .also = "destination.ip"},
    {"node_id", .also = "observer.name"},

    /* LAUREL: the Linux audit log, an event a line. */
    {"ID", .slot = AUDIT_ID},
    {"NODE", .also = "host.name"},
    {"SYSCALL", .flags = JSON_STRIP, .into = SYSCALL, .mark = LAUREL},
    {"exe", SYSCALL, .also = "process.executable"},
    {"comm", SYSCALL, .also = "process.name"},
    {"pid", SYSCALL, .also = "process.pid"},
    {"ppid", SYSCALL, .also = "process.parent.pid"},
    {"PPID.exe", SYSCALL, .also = "process.parent.executable"},
    {"PPID.comm", SYSCALL, .also = "process.parent.name"},
    {"UID", SYSCALL, .also = "user.name"},
    {"EUID", SYSCALL, .also = "user.effective.name"},
    {"EXECVE.ARGV", .also = "process.args"},
    {"CWD.cwd", .also = "process.working_directory"},
    {"PATH.name", .also = "name"},

    {"t.$date", .slot = JSON_TIME, .mark = MONGO, .also = "@timestamp"},
    {"attr.principalName", .also = "user.name"},
    {"attr.remote", .also = "source.address"},

    {"user_agent", .also = "user_agent.original"},
    {"client_ip", .also = "source.ip"},
    {"remote_ip", .also = "source.ip"},
    {"remote_addr", .also = "source.ip"},
    {"username", .also = "user.name"},
    {"user_name", .also = "user.name"},

    {"factor", .slot = FACTOR, .mark = DUO},
    {"access_device.ip", .also = "source.ip"},
    {"isotimestamp", .slot = JSON_TIME, .also = "@timestamp"},
};

static enum family family_of(struct json_walk *w)
{
    static const uint8_t families[] = {
        [CLOUD_AUDIT] = FAMILY_GCP,     [WORKSPACE] = FAMILY_GCP,     [GITHUB] = FAMILY_GITHUB,
        [BITBUCKET] = FAMILY_BITBUCKET, [ONELOGIN] = FAMILY_ONELOGIN, [CANARY] = FAMILY_APPLICATION,
        [LAUREL] = FAMILY_LINUX,        [MONGO] = FAMILY_DATABASE,    [DUO] = FAMILY_CISCO,
    };
    if (w->mark == WORKSPACE && !str_starts(json_slot(w, KIND), STR("admin#")))
        return FAMILY_UNKNOWN;
    return w->mark < COUNT(families) ? (enum family)families[w->mark] : FAMILY_UNKNOWN;
}

/* "admin.googleapis.com" is the log of administrators, "login…" that of log-ins. */
static str cloud_log(struct json_walk *w)
{
    str service = json_slot(w, w->mark == WORKSPACE ? APPLICATION : SERVICE);
    if (str_eq(service, STR("admin")) || str_eq(service, STR("admin.googleapis.com")))
        return STR("google_workspace.admin");
    if (str_eq(service, STR("login")) || str_eq(service, STR("login.googleapis.com")))
        return STR("google_workspace.login");
    return w->mark == WORKSPACE ? service : STR("gcp.audit");
}

/* What the records of one execution would have said: their types, a0, a1, … and the line typed. */
static void finish_audit(struct json_walk *w)
{
    struct parse *p = w->p;
    struct batch *b = p->batch;
    str id = json_slot(w, AUDIT_ID);
    (void)time_parse_epoch(str_head(id, str_find(id, ':')), &p->event->time_ms); /* else none */
    field_id argument = dict_resolve(p->dict, FAMILY_LINUX, STR("process.args"));
    field_id type = dict_resolve(p->dict, FAMILY_LINUX, STR("type"));
    size_t total = 0, count = b->field_count;
    for (size_t i = 0; i < count; i++)
        total += b->field[i].id == argument ? b->field[i].n + (size_t)1 : 0;
    parse_add_kind(p, type, STR("SYSCALL"), VALUE_STRING, FIELD_DERIVED);
    char *line = total ? arena_bytes(&b->arena, total) : NULL;
    if (!line)
        return;
    parse_add_kind(p, type, STR("EXECVE"), VALUE_STRING, FIELD_DERIVED);
    size_t n = 0, k = 0;
    for (size_t i = 0; i < count; i++) {
        struct field *f = &b->field[i];
        if (f->id != argument)
            continue;
        str text = json_decode(p, (str){f->p, f->n}, f->flags);
        memcpy(line + n, text.p, text.n);
        char name[8];
        snprintf(name, sizeof name, "a%u", (unsigned)(k++ % 1000));
        n += text.n;
        line[n++] = ' ';
        parse_add_kind(p, dict_resolve(p->dict, FAMILY_LINUX, str_z(name)), text, VALUE_STRING,
                       FIELD_DERIVED);
    }
    parse_add_kind(p, FIELD_PROCESS_COMMAND_LINE, (str){line, n - 1}, VALUE_STRING, FIELD_DERIVED);
}

static bool finish(struct json_walk *w)
{
    switch (w->family) {
    case FAMILY_GCP:
        json_channel(w, cloud_log(w));
        if (w->mark == WORKSPACE)
            parse_add_kind(w->p, FIELD_CLOUD_SERVICE,
                           arena_fmt(&w->p->batch->arena, STR_FMT ".googleapis.com",
                                     STR_ARG(json_slot(w, APPLICATION))),
                           VALUE_STRING, FIELD_DERIVED);
        break;
    case FAMILY_GITHUB:
    case FAMILY_BITBUCKET:
        json_channel(w, STR("audit"));
        break;
    case FAMILY_ONELOGIN:
        json_channel(w, STR("onelogin.events"));
        break;
    case FAMILY_APPLICATION:
        json_channel(w, STR("opencanary"));
        break;
    case FAMILY_LINUX:
        json_channel(w, STR("auditd"));
        finish_audit(w);
        break;
    case FAMILY_DATABASE:
        json_channel(w, STR("mongodb"));
        break;
    case FAMILY_CISCO:
        json_channel(w, STR("duo"));
        break;
    default:
        break;
    }
    return true;
}

static const struct json_format format = {
    .row = rows,
    .rows = COUNT(rows),
    .flags = JSON_WHOLE,
    .family_of = family_of,
    .finish = finish,
};

static int sniff(str head)
{
    return head.n ? 10 : 0;
}

const struct parse_ops parse_json = {.name = "json", .sniff = sniff, .json = &format};
