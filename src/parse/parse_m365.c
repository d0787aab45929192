/* SPDX-License-Identifier: Apache-2.0 */
/* Microsoft 365 unified audit log (Office 365 Management Activity API).  Its records are one log;
 * what Sigma calls its services are the workloads in it. */
#include "parse/json_int.h"

enum { WORKLOAD = JSON_OWN, RESULT, RECORD };

static const struct json_row rows[] = {
    {"AuditData", .flags = JSON_STRIP},
    {"CreationTime", .slot = JSON_TIME, .also = "@timestamp"},
    {"CreationDate", .slot = JSON_TIME_2, .also = "@timestamp"},
    {"Workload", .slot = WORKLOAD, .also = "eventSource"},
    {"ResultStatus", .slot = RESULT, .also = "status"},
    {"RecordType", .slot = RECORD},
    {"Name", .also = "eventName"},
    {"Operation", .also = "eventName"},
    {"Id", .also = "event.id"},
    {"OrganizationId", .also = "cloud.account.id"},
    {"UserKey", .also = "user.id"},
    {"ObjectId", .also = "file.path"},
    {"SourceFileName", .also = "file.name"},
    {"SourceFileExtension", .also = "file.extension"},
    {"ActorIpAddress", .also = "source.ip"},
    {"SenderIp", .also = "source.ip"},
    {"P1Sender", .also = "email.from.address"},
    {"Recipients", .also = "email.to.address"},
    {"MachineName", .also = "host.name"},
};

/* Alerts carry no result; that they were raised is one. */
static bool finish(struct json_walk *w)
{
    str workload = json_slot(w, WORKLOAD);
    bool alert = str_ieq(workload, STR("SecurityComplianceCenter"));
    if (alert && !json_has(w, RESULT))
        parse_add_kind(w->p, FIELD_EVENT_OUTCOME, STR("success"), VALUE_STRING, FIELD_DERIVED);
    json_channel(w, alert                                ? STR("threat_management")
                    : str_ieq(workload, STR("Exchange")) ? STR("exchange")
                                                         : STR("audit"));
    return true;
}

static const struct json_clue clues[] = {
    {"Workload", 40},     {"RecordType", 30},         {"Operation", 20},
    {"CreationTime", 20}, {"OrganizationId", 20},     {"UserType", 10},
    {"UserId", 10},       {"ResultStatus", 10},       {"AuditData", 30},
    {"CreationDate", 10}, {"AuditData.Workload", 40}, {"AuditData.RecordType", 30},
};

static const struct json_format format = {
    .family = FAMILY_M365,
    .row = rows,
    .rows = COUNT(rows),
    .flags = JSON_WHOLE,
    .finish = finish,
    .clue = clues,
    .clues = COUNT(clues),
};

const struct parse_ops parse_m365 = {.name = "m365", .json = &format};
