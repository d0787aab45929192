/* SPDX-License-Identifier: Apache-2.0 */
/* Entra ID sign-ins, audits and risk detections, and Azure activity.  They come as Azure Monitor
 * records ({"category":"SignInLogs","properties":{..}}) or as Graph exports, which are flat.  The
 * two spell names differently, and Sigma's rules follow now one, now the other, so each name is
 * filed in PascalCase too and `properties` is stripped. */
#include "parse/json_int.h"

enum { CATEGORY = JSON_OWN, ERROR, RESULT, RISK, SIGNIN, PIM, OPERATION };

static const struct json_row rows[] = {
    {"properties", .flags = JSON_STRIP},
    {"time", .slot = JSON_TIME_2, .also = "@timestamp"},
    {"createdDateTime", .slot = JSON_TIME, .also = "@timestamp"},
    {"activityDateTime", .slot = JSON_TIME, .also = "@timestamp"},
    {"eventTimestamp", .slot = JSON_TIME, .also = "@timestamp"},
    {"TimeGenerated", .slot = JSON_TIME_3, .also = "@timestamp"},
    {"category", .slot = CATEGORY},
    {"category.value", .slot = CATEGORY, .as = "CategoryValue"},
    {"Category", .slot = CATEGORY},
    {"CategoryValue", .slot = CATEGORY},
    {"Type", .slot = CATEGORY},
    {"status.errorCode", .slot = ERROR},
    {"ResultType", .slot = ERROR},
    {"resultType", .slot = ERROR},
    {"status.additionalDetails", .also = "event.outcome"},
    {"status.failureReason", .also = "ResultDescription"},
    {"result", .slot = RESULT},
    {"Result", .slot = RESULT},
    {"riskEventType", .slot = RISK},
    {"appDisplayName", .slot = SIGNIN},
    {"AppDisplayName", .slot = SIGNIN},
    {"clientAppUsed", .also = "ClientApp"},
    {"loggedByService", .slot = PIM},
    {"LoggedByService", .slot = PIM},
    {"operationName", .slot = OPERATION},
    {"operationName.value", .slot = OPERATION, .as = "OperationNameValue"},
    {"OperationNameValue", .slot = OPERATION},
    {"resourceProviderName.value", .as = "ResourceProviderValue"},
    {"resourceProvider.value", .as = "ResourceProviderValue"},
    {"targetResources", .also = "properties.targetResources"},
    {"targetResources.userPrincipalName", .also = "user.target.name"},
    {"targetResources.id", .also = "user.target.id"},
    {"initiatedBy.user.userPrincipalName", .also = "user.name"},
    {"initiatedBy.user.id", .also = "user.id"},
    {"initiatedBy.user.ipAddress", .also = "source.ip"},
    {"initiatedBy.app.displayName", .also = "user.name"},
    {"InitiatedBy.user.userPrincipalName", .also = "user.name"},
    {"InitiatedBy.user.ipAddress", .also = "source.ip"},
    {"identity.claims.name", .also = "user.name"},
    {"caller", .also = "user.name"},
    {"message", .also = "event.action"},
    {"userId", .also = "user.id"},
    {"id", .also = "event.id"},
    {"correlationId", .also = "event.id"},
    {"tenantId", .also = "cloud.account.id"},
    {"subscriptionId", .also = "cloud.account.id"},
    {"location.countryOrRegion", .also = "source.geo.country_iso_code"},
    {"deviceDetail.displayName", .also = "host.name"},
    {"deviceDetail.trustType", .also = "DeviceDetail.trusttype"},
    {"resourceId", .also = "ResourceId"},
};

/* Categories that are not named as the log they are in, and the log. */
static const struct {
    const char *category, *channel;
} logs[] = {
    {"SignInLogs", "signinlogs"},
    {"NonInteractiveUserSignInLogs", "signinlogs"},
    {"ServicePrincipalSignInLogs", "signinlogs"},
    {"ManagedIdentitySignInLogs", "signinlogs"},
    {"ADFSSignInLogs", "signinlogs"},
    {"AADNonInteractiveUserSignInLogs", "signinlogs"},
    {"AADServicePrincipalSignInLogs", "signinlogs"},
    {"AuditLogs", "auditlogs"},
    {"UserRiskEvents", "riskdetection"},
    {"AADUserRiskEvents", "riskdetection"},
    {"ServicePrincipalRiskEvents", "riskdetection"},
    {"RiskyUsers", "riskdetection"},
    {"RiskyServicePrincipals", "riskdetection"},
    {"AzureActivity", "activitylogs"},
    {"Administrative", "activitylogs"},
    {"Security", "activitylogs"},
    {"ServiceHealth", "activitylogs"},
    {"Alert", "activitylogs"},
    {"Autoscale", "activitylogs"},
    {"Policy", "activitylogs"},
    {"Recommendation", "activitylogs"},
    {"ResourceHealth", "activitylogs"},
};

static str by_category(str category)
{
    for (size_t i = 0; i < COUNT(logs); i++)
        if (str_ieq(category, str_z(logs[i].category)))
            return str_z(logs[i].channel);
    return (str){"", 0};
}

/* Privileged Identity Management raises its alerts as risk events of these types. */
static bool is_pim_alert(str type)
{
    return str_iends(type, STR("AlertIncident"));
}

/* An operation with slashes is one of the resource manager: MICROSOFT.X/Y/WRITE.  "Policy" is a
 * category of audits too, so the operation goes before it. */
static str log_of(struct json_walk *w)
{
    str category = json_slot(w, CATEGORY), operation = json_slot(w, OPERATION);
    if (json_has(w, RISK))
        return is_pim_alert(json_slot(w, RISK)) ? STR("pim") : STR("riskdetection");
    if (str_ieq(json_slot(w, PIM), STR("PIM")))
        return STR("pim");
    if (str_find(operation, '/') < operation.n)
        return STR("activitylogs");
    if (json_has(w, PIM))
        return STR("auditlogs");
    str channel = by_category(category);
    if (channel.n)
        return channel;
    return json_has(w, SIGNIN) ? STR("signinlogs") : STR("auditlogs");
}

static bool finish(struct json_walk *w)
{
    str channel = log_of(w);
    json_channel(w, channel);
    if (!json_has(w, RESULT) && json_has(w, ERROR) && str_eq(channel, STR("signinlogs"))) {
        bool good = str_eq(json_slot(w, ERROR), STR("0"));
        parse_add_kind(w->p, FIELD_EVENT_OUTCOME, good ? STR("success") : STR("failure"),
                       VALUE_STRING, FIELD_DERIVED);
    }
    return true;
}

static const struct json_clue clues[] = {
    {"category", 10},
    {"operationName", 30},
    {"properties", 10},
    {"callerIpAddress", 30},
    {"resourceId", 20},
    {"resultType", 20},
    {"tenantId", 10},
    {"properties.userPrincipalName", 40},
    {"properties.activityDisplayName", 40},
    {"properties.riskEventType", 50},
    {"userPrincipalName", 30},
    {"appDisplayName", 40},
    {"createdDateTime", 10},
    {"conditionalAccessStatus", 30},
    {"activityDisplayName", 40},
    {"activityDateTime", 20},
    {"initiatedBy", 20},
    {"targetResources", 20},
    {"loggedByService", 30},
    {"riskEventType", 60},
    {"riskState", 20},
    {"UserPrincipalName", 30},
    {"AppDisplayName", 40},
    {"OperationName", 30},
    {"ResultType", 20},
    {"TimeGenerated", 20},
    {"ActivityDisplayName", 40},
    {"OperationNameValue", 50},
    {"CategoryValue", 20},
    {"resourceProviderName", 40},
    {"eventTimestamp", 20},
};

static const struct json_format format = {
    .family = FAMILY_AZURE,
    .row = rows,
    .rows = COUNT(rows),
    .flags = JSON_WHOLE | JSON_PASCAL,
    .finish = finish,
    .clue = clues,
    .clues = COUNT(clues),
};

const struct parse_ops parse_entra = {.name = "entra", .json = &format};
