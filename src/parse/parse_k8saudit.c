/* SPDX-License-Identifier: Apache-2.0 */
/* Kubernetes API server audit events (audit.k8s.io/v1). */
#include "parse/json_int.h"

static const struct json_row rows[] = {
    {"requestReceivedTimestamp", .slot = JSON_TIME, .also = "@timestamp"},
    {"stageTimestamp", .slot = JSON_TIME_2},
    {"requestURI", .slot = JSON_URL},
    {"user.username", .also = "user.name"},
    {"user.uid", .also = "user.id"},
    {"user.groups", .also = "group.name"},
    {"impersonatedUser.username", .also = "user.effective.name"},
    {"objectRef.apiGroup", .also = "apiGroup"},
    {"auditID", .also = "event.id"},
    {"responseStatus.reason", .also = "event.reason"},
    {"responseStatus.message", .also = "error.message"},
    {"annotations.authorization.k8s.io/decision", .also = "event.outcome"},
    {"annotations.authorization.k8s.io/reason", .also = "event.reason"},
    {"requestObject.spec.containers.image", .also = "container.image.name"},
    {"requestObject.spec.containers.name", .also = "container.name"},
    /* What Sigma's rules call these. */
    {"requestObject.spec.volumes.hostPath.path", .also = "hostPath"},
    {"requestObject.spec.containers.securityContext.capabilities.add", .also = "capabilities"},
};

static const struct json_clue clues[] = {
    {"auditID", 50}, {"verb", 20},      {"requestURI", 20},
    {"stage", 10},   {"objectRef", 20}, {"user.username", 10},
    {"level", 5},    {"apiVersion", 5}, {"stageTimestamp", 20},
};

static const struct json_format format = {
    .family = FAMILY_KUBERNETES,
    .row = rows,
    .rows = COUNT(rows),
    .flags = JSON_WHOLE,
    .channel = "audit",
    .clue = clues,
    .clues = COUNT(clues),
};

const struct parse_ops parse_k8saudit = {.name = "k8s-audit", .json = &format};
