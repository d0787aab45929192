/* SPDX-License-Identifier: Apache-2.0 */
/* AWS CloudTrail.  Names are CloudTrail's own, as Sigma uses them; `requestParameters` and the
 * like can be searched as text too. */
#include "parse/json_int.h"

static const struct json_row rows[] = {
    {"eventTime", .slot = JSON_TIME, .also = "@timestamp"},
    {"userIdentity.sessionContext.sessionIssuer.userName", .also = "user.name"},
    {"userIdentity.principalId", .also = "user.id"},
    {"recipientAccountId", .also = "cloud.account.id"},
    {"responseElements.ConsoleLogin", .also = "event.outcome"},
    {"eventID", .also = "event.id"},
    {"eventType", .also = "event.type"},
    {"eventCategory", .also = "event.category"},
    {"tlsDetails.clientProvidedHostHeader", .also = "url.domain"},
    /* CloudWatch and EventBridge put the record into an envelope. */
    {"detail", .flags = JSON_STRIP},
};

static const struct json_clue clues[] = {
    {"eventVersion", 20},        {"eventSource", 10},        {"eventName", 10},
    {"awsRegion", 40},           {"userIdentity", 30},       {"sourceIPAddress", 20},
    {"recipientAccountId", 20},  {"detail.eventSource", 40}, {"detail.awsRegion", 40},
    {"detail.userIdentity", 30},
};

static const struct json_format format = {
    .family = FAMILY_AWS,
    .row = rows,
    .rows = COUNT(rows),
    .flags = JSON_WHOLE,
    .channel = "cloudtrail",
    .clue = clues,
    .clues = COUNT(clues),
};

const struct parse_ops parse_cloudtrail = {.name = "cloudtrail", .json = &format};
