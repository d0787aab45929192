/* SPDX-License-Identifier: Apache-2.0 */
/* Falco alerts.  What the rule's output names (`output_fields`) are the event's own fields, so the
 * prefix goes. */
#include "parse/json_int.h"

enum { SOURCE = JSON_OWN, FIELDS = 1 };

static const struct json_row rows[] = {
    {"output_fields", .flags = JSON_STRIP, .into = FIELDS},
    {"time", .slot = JSON_TIME, .also = "@timestamp"},
    {"source", .slot = SOURCE, .also = "event.provider"},
    {"evt.time", FIELDS, .slot = JSON_TIME_2},
    {"evt.time.iso8601", FIELDS, .slot = JSON_TIME_3},
    {"uuid", .also = "event.id"},
    {"proc.name", FIELDS, .also = "process.name"},
    {"proc.pid", FIELDS, .also = "process.pid"},
    {"proc.exepath", FIELDS, .also = "process.executable"},
    {"proc.exe", FIELDS, .also = "process.executable"},
    {"proc.cmdline", FIELDS, .also = "process.command_line"},
    {"proc.cwd", FIELDS, .also = "process.working_directory"},
    {"proc.pname", FIELDS, .also = "process.parent.name"},
    {"proc.ppid", FIELDS, .also = "process.parent.pid"},
    {"proc.pexepath", FIELDS, .also = "process.parent.executable"},
    {"proc.pcmdline", FIELDS, .also = "process.parent.command_line"},
    {"user.uid", FIELDS, .also = "user.id"},
    {"user.loginname", FIELDS, .also = "user.name"},
    {"fd.name", FIELDS, .also = "file.path"},
    {"fs.path.name", FIELDS, .also = "file.path"},
    {"fd.cip", FIELDS, .also = "source.ip"},
    {"fd.cport", FIELDS, .also = "source.port"},
    {"fd.sip", FIELDS, .also = "destination.ip"},
    {"fd.sport", FIELDS, .also = "destination.port"},
    {"fd.sip.name", FIELDS, .also = "destination.domain"},
    {"container.image.repository", FIELDS, .also = "container.image.name"},
    {"k8s.ns.name", FIELDS, .also = "orchestrator.namespace"},
    {"k8s.pod.name", FIELDS, .also = "orchestrator.resource.name"},
    {"ka.user.name", FIELDS, .also = "user.name"},
    {"ka.verb", FIELDS, .also = "event.action"},
};

static bool finish(struct json_walk *w)
{
    json_channel(w, json_slot(w, SOURCE));
    json_channel(w, STR("syscall"));
    return true;
}

static const struct json_clue clues[] = {
    {"output", 25}, {"output_fields", 40}, {"priority", 20}, {"rule", 20}, {"source", 5},
};

static const struct json_format format = {
    .family = FAMILY_FALCO,
    .row = rows,
    .rows = COUNT(rows),
    .finish = finish,
    .clue = clues,
    .clues = COUNT(clues),
};

const struct parse_ops parse_falco = {.name = "falco", .json = &format};
