/* SPDX-License-Identifier: Apache-2.0 */
/* syslog.h - for files in parse/ only: the front of a syslog line.
 *
 * RFC 3164 as it is met (with or without <PRI>, year, seconds' fraction, zone, host, pid), the
 * ISO times rsyslog writes, and RFC 5424. */
#ifndef PARSE_SYSLOG_H
#define PARSE_SYSLOG_H

#include "parse/parse_int.h"

struct syslog {
    int priority;    /* 0..191, or -1 */
    int64_t time_ms; /* TIME_NONE when 5424 says `-` */
    str host, program, pid;
    str message_id, data; /* RFC 5424: MSGID and the structured data, brackets included */
    str level;            /* "auth.info", where a BSD syslogd writes it */
    str message;
};

/* `now_ms` stands in for the year a line leaves out.  False when the line does not start with a
 * time a syslog writes. */
bool syslog_cut(str line, int64_t now_ms, struct syslog *out);

/* A number in <> at the start of *line, taken off; -1 when there is none. */
int syslog_take_priority(str *line);

/* A time at the start of *line, taken off with the space behind it. */
bool syslog_take_time(str *line, int64_t now_ms, int64_t *time_ms);

/* Append what the front says, but not the message, and set the event's time. */
void syslog_add_front(struct parse *p, const struct syslog *s);

#endif
