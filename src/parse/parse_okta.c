/* SPDX-License-Identifier: Apache-2.0 */
/* Okta system log. */
#include "parse/json_int.h"

static const struct json_row rows[] = {
    {"published", .slot = JSON_TIME, .also = "@timestamp"},
    {"uuid", .also = "event.id"},
    {"severity", .also = "log.level"},
    {"actor.id", .also = "user.id"},
    {"actor.displayName", .also = "user.full_name"},
    {"target.alternateId", .also = "user.target.name"},
    {"target.id", .also = "user.target.id"},
    {"client.geographicalContext.country", .also = "source.geo.country_name"},
    {"client.device", .also = "host.type"},
    {"request.ipChain.ip", .also = "source.nat.ip"},
    {"debugContext.debugData.requestUri", .also = "url.path"},
};

static const struct json_clue clues[] = {
    {"eventType", 20},
    {"published", 20},
    {"actor.alternateId", 40},
    {"legacyEventType", 40},
    {"displayMessage", 30},
    {"debugContext", 20},
    {"authenticationContext", 30},
    {"securityContext", 20},
    {"outcome", 5},
};

static const struct json_format format = {
    .family = FAMILY_OKTA,
    .row = rows,
    .rows = COUNT(rows),
    .flags = JSON_WHOLE,
    .channel = "okta",
    .clue = clues,
    .clues = COUNT(clues),
};

const struct parse_ops parse_okta = {.name = "okta", .json = &format};
