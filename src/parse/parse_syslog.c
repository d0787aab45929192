/* SPDX-License-Identifier: Apache-2.0 */
/* syslog: the front is read by syslog.c, what the program says by message*.c.  Audit records that
 * travel in syslog are read as such, one event each; lines of Cisco devices are told by their
 * %FACILITY-SEVERITY-MNEMONIC, because their fronts are too many to list. */
#include "parse/audit.h"
#include "parse/line.h"
#include "parse/message.h"
#include "parse/syslog.h"

/* Late enough in a leap year for any day of a line without a year to exist before it. */
static const int64_t some_time_ms = 1735603200000;

/* ---- Cisco ---- */

struct cisco {
    str front; /* what stands before the % */
    str code;  /* "PARSER-5-CFGLOG_LOGGEDCMD" */
    str facility, mnemonic, severity;
    str message;
};

static bool is_code_char(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

/* Cut "FACILITY-5-MNEMONIC" at its severity. */
static bool split_code(str code, struct cisco *out)
{
    const char *dash = code.n ? memrchr(code.p, '-', code.n) : NULL;
    size_t at = dash ? (size_t)(dash - code.p) : 0;
    if (at < 3 || at + 1 == code.n || code.p[at - 2] != '-' || code.p[at - 1] < '0' ||
        code.p[at - 1] > '7')
        return false;
    out->code = code;
    out->facility = str_head(code, at - 2);
    out->severity = (str){code.p + at - 1, 1};
    out->mnemonic = str_from(code, at + 1);
    return true;
}

static bool cisco_cut(str line, struct cisco *out)
{
    enum { FRONT_MAX = 160, CODE_MAX = 80 };
    const char *start = line.p, *end = line.p + str_head(line, FRONT_MAX).n;
    for (; start < end && (start = memchr(start, '%', (size_t)(end - start))); start++) {
        size_t at = (size_t)(start - line.p), n = 0;
        str rest = str_from(line, at + 1);
        while (n < rest.n && n < CODE_MAX && is_code_char(rest.p[n]))
            n++;
        if (n == rest.n || rest.p[n] != ':' || (at && line.p[at - 1] != ' '))
            continue;
        if (!split_code(str_head(rest, n), out))
            continue;
        out->front = str_head(line, at);
        out->message = str_trim(str_from(rest, n + 1));
        return true;
    }
    return false;
}

/* Host, sequence number and time, in whatever order the device and its relay wrote them. */
static void cisco_add_front(struct parse *p, str front)
{
    int64_t now = p->stream->now_ms;
    bool have_host = false;
    (void)syslog_take_priority(&front); /* the code has the severity */
    while ((front = str_trim(front)).n) {
        int64_t ms;
        str rest = front.p[0] == '*' || front.p[0] == '.' ? str_from(front, 1) : front;
        if (syslog_take_time(&rest, now, &ms)) {
            if (p->event->time_ms == TIME_NONE)
                p->event->time_ms = ms;
            front = rest;
            continue;
        }
        str word = str_cut(&front, ' ');
        bool colon = word.n && word.p[word.n - 1] == ':';
        str bare = colon ? str_head(word, word.n - 1) : word;
        if (line_is_number(bare))
            line_add_number(p, FIELD_EVENT_SEQUENCE, bare);
        else if (!have_host && bare.n && !(colon && p->event->time_ms != TIME_NONE)) {
            line_add(p, FIELD_HOST_NAME, bare);
            have_host = true;
        }
    }
}

/* Sigma's services of Cisco devices. */
static str cisco_channel(const struct cisco *c)
{
    static const char *const aaa[] = {"AAA",    "AAAA",  "PARSER", "SEC_LOGIN", "SYS",   "HA_EM",
                                      "TACACS", "TPLUS", "RADIUS", "SSH",       "DOT1X", "AUTHMGR"};
    bool digest = str_eq(c->mnemonic, STR("BADAUTH"));
    if (str_starts(c->facility, STR("BGP")) || (digest && str_contains(c->message, STR("179"))))
        return STR("bgp");
    if (str_contains(c->facility, STR("LDP")) || str_starts(c->facility, STR("TAGCON")) ||
        str_contains(c->message, STR("LDP")) || (digest && str_contains(c->message, STR("646"))))
        return STR("ldp");
    for (size_t i = 0; i < COUNT(aaa); i++)
        if (str_eq(c->facility, str_z(aaa[i])))
            return STR("aaa");
    return STR("syslog");
}

static bool cisco_record(struct parse *p, str line, const struct cisco *c)
{
    struct event *e = parse_begin(p, line);
    line_source(p, FAMILY_CISCO, cisco_channel(c));
    cisco_add_front(p, c->front);
    e->code = c->code;
    parse_add(p, FIELD_EVENT_CODE, c->code);
    parse_add(p, FIELD_EVENT_PROVIDER, c->facility);
    parse_add_kind(p, FIELD_LOG_SEVERITY, c->severity, VALUE_NUMBER, 0);
    line_add(p, FIELD_MESSAGE, c->message);
    (void)message_cisco(p, c->message); /* most are only a message */
    return true;
}

/* ---- */

static bool audit_in_syslog(struct parse *p, str line, const struct audit_line *l)
{
    audit_begin(p, p->state, line, l);
    audit_add(p, p->state, line, l);
    audit_end(p, p->state);
    return true;
}

static bool syslog_record(struct parse *p, str line)
{
    struct cisco c;
    if (cisco_cut(line, &c))
        return cisco_record(p, line, &c);
    struct audit_line audit;
    if (audit_cut(line, p->stream->now_ms, &audit))
        return audit_in_syslog(p, line, &audit);
    struct syslog s;
    if (!syslog_cut(line, p->stream->now_ms, &s))
        return parse_refuse(p, "no syslog time at the start: '%.*s'", (int)str_head(line, 60).n,
                            line.p);
    parse_begin(p, line);
    line_source(p, FAMILY_LINUX, message_channel(s.program));
    str program = s.program;
    s.program = message_program(program);
    syslog_add_front(p, &s);
    line_add(p, FIELD_MESSAGE, s.message);
    (void)parse_message(p, program, s.message); /* most are only a message */
    return true;
}

/* Many programs' own logs start with a date, a space and a time; syslog's have a program then. */
static bool is_syslog(str line)
{
    struct cisco c;
    struct syslog s;
    bool ok = syslog_cut(line, some_time_ms, &s);
    if (ok && line.n > 10 && line.p[0] >= '0' && line.p[0] <= '9' && line.p[10] == ' ')
        ok = s.program.n && s.host.n;
    return ok || cisco_cut(line, &c);
}

static int syslog_sniff(str head)
{
    return line_share(head, is_syslog) * 80 / 100;
}

const struct parse_ops parse_syslog = {
    .name = "syslog",
    .sniff = syslog_sniff,
    .record = syslog_record,
    .state_size = sizeof(struct audit),
};
