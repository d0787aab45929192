/* SPDX-License-Identifier: Apache-2.0 */
/* The systemd journal as `journalctl -o json` writes it.  A message that is not UTF-8 comes as an
 * array of its bytes.  Messages of programs we know are read as in syslog. */
#include "parse/json_int.h"
#include "parse/message.h"

enum { TAG = JSON_OWN, COMM, MESSAGE, TRANSPORT };

static const struct json_row rows[] = {
    {"_SOURCE_REALTIME_TIMESTAMP", .slot = JSON_TIME_2},
    {"__REALTIME_TIMESTAMP", .slot = JSON_TIME, .also = "@timestamp"},
    {"MESSAGE", .slot = MESSAGE, .flags = JSON_BYTES, .as = "message"},
    {"SYSLOG_IDENTIFIER", .slot = TAG},
    {"_COMM", .slot = COMM, .also = "process.name"},
    {"_TRANSPORT", .slot = TRANSPORT},
    {"_HOSTNAME", .also = "host.name"},
    {"_PID", .also = "process.pid"},
    {"_EXE", .also = "process.executable"},
    {"_CMDLINE", .also = "process.command_line"},
    {"_UID", .also = "user.id"},
    {"_SYSTEMD_UNIT", .also = "service.name"},
    {"PRIORITY", .also = "log.syslog.severity.code"},
    {"SYSLOG_FACILITY", .also = "log.syslog.facility.code"},
    {"CONTAINER_ID_FULL", .also = "container.id"},
    {"CONTAINER_NAME", .also = "container.name"},
    {"IMAGE_NAME", .also = "container.image.name"},
};

static bool finish(struct json_walk *w)
{
    str tag = json_slot(w, TAG);
    if (tag.n == 0)
        tag = json_slot(w, COMM);
    bool audit = str_eq(json_slot(w, TRANSPORT), STR("audit"));
    json_channel(w, audit ? STR("auditd") : message_channel(message_program(tag)));
    (void)parse_message(w->p, tag, json_slot(w, MESSAGE)); /* most are only a message */
    return true;
}

static const struct json_clue clues[] = {
    {"__REALTIME_TIMESTAMP", 60},
    {"__CURSOR", 30},
    {"_HOSTNAME", 20},
    {"_BOOT_ID", 20},
    {"_TRANSPORT", 20},
    {"MESSAGE", 10},
    {"_SYSTEMD_UNIT", 20},
    {"SYSLOG_IDENTIFIER", 15},
};

static const struct json_format format = {
    .family = FAMILY_LINUX,
    .row = rows,
    .rows = COUNT(rows),
    .finish = finish,
    .clue = clues,
    .clues = COUNT(clues),
};

const struct parse_ops parse_journald = {.name = "journald", .json = &format};
