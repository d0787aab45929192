/* SPDX-License-Identifier: Apache-2.0 */
/* audit.h - for files in parse/ only: records of the Linux audit system, wherever they stand.
 *
 * One event is several lines with the same stamp, one after the other:
 *
 *     type=SYSCALL msg=audit(1364481363.243:24287): arch=c000003e syscall=59 success=yes … comm="ls"
 *     type=EXECVE msg=audit(1364481363.243:24287): argc=2 a0="ls" a1=2D6C
 *     type=CWD msg=audit(1364481363.243:24287):  cwd="/home/bob"
 *     type=PATH msg=audit(1364481363.243:24287): item=0 name="/bin/ls" …
 *
 * The event has the fields of all of them, under the names they have there (Sigma's auditd rules
 * are written so); a name that occurs in several records has several values.  Strings that the
 * kernel does not trust are in quotes, or in hex when a quote would not hold them. */
#ifndef PARSE_AUDIT_H
#define PARSE_AUDIT_H

#include "parse/names.h"
#include "parse/parse_int.h"

enum { AUDIT_ARGUMENTS_MAX = 512 };

/* `[front] [node=N] type=T msg=audit(1364481363.243:24287): k=v …`; the front may be syslog's. */
struct audit_line {
    str node, type;
    str stamp; /* what stands in the brackets; the same in all records of an event */
    int64_t time_ms;
    str body;
    bool interpreted; /* as ausearch -i prints it: names for numbers, nothing in hex or quotes */
};

/* False when the line is no audit record.  `now_ms` as for syslog_cut. */
bool audit_cut(str line, int64_t now_ms, struct audit_line *out);

/* The event being built.  All-zero to start with, then used again and again. */
struct audit {
    struct names names;
    str stamp, node;
    struct audit_argument {
        str name, value;
        bool pieced;                 /* came in pieces, because it was too long for one record */
        char *joined;                /* where the value is when it was put together; in the arena */
        size_t room;                 /* bytes there */
    } argument[AUDIT_ARGUMENTS_MAX]; /* of its EXECVE records */
    size_t argument_count;
    str title;      /* its PROCTITLE */
    str arch, call; /* its SYSCALL's */
    bool call_named, outcome_said;
};

/* Begin an event with a line, add a line of the same event, and what all lines say together. */
void audit_begin(struct parse *p, struct audit *a, str line, const struct audit_line *l);
void audit_add(struct parse *p, struct audit *a, str line, const struct audit_line *l);
void audit_end(struct parse *p, struct audit *a);

#endif
