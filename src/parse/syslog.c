/* SPDX-License-Identifier: Apache-2.0 */
#include "parse/syslog.h"

#include "codec/time.h"
#include "parse/line.h"

enum { PRIORITY_MAX = 191, PROGRAM_MAX = 64, HOST_MAX = 255, ISO_MAX = 40 };

int syslog_take_priority(str *line)
{
    size_t close = str_find(str_head(*line, 5), '>');
    str digits = str_from(str_head(*line, close), 1);
    if (line->n == 0 || line->p[0] != '<' || close > 4 || !line_is_number(digits))
        return -1;
    int priority = 0;
    for (size_t i = 0; i < digits.n; i++)
        priority = priority * 10 + (digits.p[i] - '0');
    if (priority > PRIORITY_MAX)
        return -1;
    *line = str_from(*line, close + 1);
    return priority;
}

/* Length of the first `words` words of `s` and the spaces between them; 0 when there are fewer. */
static size_t words_length(str s, int words)
{
    size_t i = 0;
    for (; words > 0; words--) {
        while (i < s.n && s.p[i] == ' ')
            i++;
        if (i == s.n)
            return 0;
        while (i < s.n && s.p[i] != ' ')
            i++;
    }
    return i;
}

static bool is_year(str s)
{
    return s.n == 4 && line_is_number(s) && (s.p[0] == '1' || s.p[0] == '2');
}

/* "Sep  2 2020 03:45:14" of network devices and some syslogds: the year stands before the time. */
static bool take_dated(str *line, int64_t now_ms, int64_t *time_ms)
{
    char text[ISO_MAX];
    size_t day = words_length(*line, 2), year = words_length(*line, 3),
           end = words_length(*line, 4);
    if (end == 0 || end > sizeof text || !is_year(str_trim(str_from(str_head(*line, year), day))))
        return false;
    memcpy(text, line->p, day);
    memcpy(text + day, line->p + year, end - year);
    str time = {text, day + end - year};
    int64_t ms, number = 0;
    if (time.p[time.n - 1] == ':')
        time.n--;
    if (!time_parse_rfc3164(time, now_ms, &ms) ||
        !str_to_i64(str_trim(str_from(str_head(*line, year), day)), &number))
        return false;
    struct civil c = time_civil(ms);
    *time_ms =
        ms + (time_days(number, c.month, c.day) - time_days(c.year, c.month, c.day)) * 86400000;
    *line = str_trim(str_from(*line, end));
    return true;
}

static bool take_rfc3164(str *line, int64_t now_ms, int64_t *time_ms)
{
    size_t end = words_length(*line, 3);
    str time = str_head(*line, end);
    if (end == 0 || end > ISO_MAX)
        return false;
    if (time.p[end - 1] == ':') /* Cisco */
        time.n--;
    if (!time_parse_rfc3164(time, now_ms, time_ms))
        return take_dated(line, now_ms, time_ms);
    *line = str_from(*line, end);
    return true;
}

static bool take_iso(str *line, int64_t *time_ms)
{
    size_t end = str_find(str_head(*line, ISO_MAX), ' ');
    if (end < 16 || (line->p[10] != 'T' && line->p[10] != 't')) {
        end = words_length(str_head(*line, ISO_MAX), 2);
        if (end < 16 || line->p[10] != ' ')
            return false;
    }
    str time = str_head(*line, end);
    if (time.p[end - 1] == ':' || time.p[end - 1] == ',')
        time.n--;
    if (!time_parse_iso(time, time_ms))
        return false;
    *line = str_from(*line, end);
    return true;
}

bool syslog_take_time(str *line, int64_t now_ms, int64_t *time_ms)
{
    if (line->n < 15)
        return false;
    char c = line->p[0];
    bool ok = c >= '0' && c <= '9' ? take_iso(line, time_ms) : take_rfc3164(line, now_ms, time_ms);
    while (ok && line->n && line->p[0] == ' ')
        *line = str_from(*line, 1);
    return ok;
}

/* ---- RFC 5424 ---- */

static str take_word(str *s)
{
    str word = str_cut(s, ' ');
    return str_eq(word, STR("-")) ? (str){word.p, 0} : word;
}

/* End of the structured data at the start of `s`, or 0 when it is no such thing. */
static size_t data_end(str s)
{
    if (s.n == 0 || s.p[0] != '[')
        return s.n && s.p[0] == '-' ? 1 : 0;
    bool quoted = false;
    for (size_t i = 1; i < s.n; i++) {
        if (quoted && s.p[i] == '\\')
            i++;
        else if (s.p[i] == '"')
            quoted = !quoted;
        else if (s.p[i] == ']' && !quoted && (i + 1 == s.n || s.p[i + 1] != '['))
            return i + 1;
    }
    return 0;
}

/* What follows "<PRI>1 ". */
static bool cut_5424(str rest, struct syslog *out)
{
    str time = take_word(&rest);
    if (time.n && !time_parse_iso(time, &out->time_ms))
        return false;
    out->host = take_word(&rest);
    out->program = take_word(&rest);
    out->pid = take_word(&rest);
    out->message_id = take_word(&rest);
    size_t end = data_end(rest);
    out->data = end > 1 ? str_head(rest, end) : (str){rest.p, 0};
    rest = str_from(rest, end);
    if (end && rest.n && rest.p[0] == ' ')
        rest = str_from(rest, 1);
    out->message = str_starts(rest, STR("\xef\xbb\xbf")) ? str_from(rest, 3) : rest;
    return rest.p != NULL;
}

/* ---- RFC 3164 ---- */

static bool is_program_char(char c)
{
    return (unsigned char)c > ' ' && c != ':' && c != '[' && c != '"' && c != '<';
}

/* "sshd[123]: ", "sshd(pam_unix)[123]: ", "kernel: ", "sudo " with spaces before the pid. */
static bool take_tag(str *s, struct syslog *out)
{
    size_t n = 0;
    while (n < s->n && n < PROGRAM_MAX && is_program_char(s->p[n]))
        n++;
    if (n == 0 || n == s->n)
        return false;
    str rest = str_from(*s, n), pid = {s->p, 0};
    if (rest.n > 1 && rest.p[0] == ' ' && rest.p[1] == '[')
        rest = str_from(rest, 1);
    if (rest.n && rest.p[0] == '[') {
        size_t close = str_find(str_head(rest, 16), ']');
        pid = str_from(str_head(rest, close), 1);
        rest = str_from(rest, close + 1);
        if (!line_is_number(pid) && pid.n > 12)
            return false;
    }
    if (rest.n == 0 || rest.p[0] != ':' || (rest.n > 1 && rest.p[1] != ' '))
        return false;
    out->program = str_head(*s, n);
    out->pid = pid;
    rest = str_from(rest, 1);
    *s = rest.n && rest.p[0] == ' ' ? str_from(rest, 1) : rest;
    return true;
}

static void cut_3164(str rest, struct syslog *out)
{
    if (rest.n && rest.p[0] == '<' && str_find(rest, '>') < 24) {
        out->level = str_from(str_cut(&rest, '>'), 1);
        rest = rest.n && rest.p[0] == ' ' ? str_from(rest, 1) : rest;
    }
    if (!take_tag(&rest, out)) { /* the usual case: a host comes first */
        str after = rest, host = str_cut(&after, ' ');
        if (host.n && host.n <= HOST_MAX && after.p && host.p[host.n - 1] != ':') {
            out->host = host;
            rest = after;
            while (rest.n && rest.p[0] == ' ')
                rest = str_from(rest, 1);
        }
        (void)take_tag(&rest, out); /* a message without a tag is one, too */
    }
    out->message = rest;
}

bool syslog_cut(str line, int64_t now_ms, struct syslog *out)
{
    *out = (struct syslog){.time_ms = TIME_NONE};
    out->priority = syslog_take_priority(&line);
    if (out->priority >= 0 && str_starts(line, STR("1 ")))
        return cut_5424(str_from(line, 2), out);
    if (!syslog_take_time(&line, now_ms, &out->time_ms) && out->priority < 0)
        return false;
    cut_3164(line, out);
    return true;
}

/* ---- */

static void add_number(struct parse *p, field_id id, int n)
{
    str text = arena_fmt(&p->batch->arena, "%d", n);
    if (text.p)
        parse_add_kind(p, id, text, VALUE_NUMBER, 0);
}

/* A text in quotes at the start of *s, taken off; p NULL when there is none. */
static str take_value(str *s)
{
    size_t close = 1;
    if (s->n == 0 || s->p[0] != '"')
        return (str){NULL, 0};
    while (close < s->n && s->p[close] != '"')
        close += s->p[close] == '\\' ? 2 : 1;
    str value = str_from(str_head(*s, close), 1);
    *s = str_from(*s, close + 1);
    return value;
}

/* [id name="value" ...][id ...] as sd.id.name. */
static void add_data(struct parse *p, str data)
{
    while (data.n && data.p[0] == '[') {
        size_t end = 1;
        while (end < data.n && data.p[end] != ' ' && data.p[end] != ']')
            end++;
        str id = str_from(str_head(data, end), 1);
        data = str_from(data, end);
        while (data.n && data.p[0] == ' ') {
            str name = str_trim(str_cut(&data, '='));
            str value = line_unescape(p, take_value(&data));
            str full = arena_fmt(&p->batch->arena, "sd." STR_FMT "." STR_FMT,
                                 STR_ARG(str_head(id, 64)), STR_ARG(str_head(name, 64)));
            if (full.p && value.p)
                parse_add_name(p, FAMILY_LINUX, full, value);
        }
        data = str_from(data, 1); /* the closing bracket */
    }
}

void syslog_add_front(struct parse *p, const struct syslog *s)
{
    p->event->time_ms = s->time_ms;
    line_add(p, FIELD_HOST_NAME, s->host);
    line_add(p, FIELD_PROCESS_NAME, s->program);
    line_add_number(p, FIELD_PROCESS_PID, s->pid);
    if (s->priority >= 0) {
        add_number(p, FIELD_LOG_FACILITY, s->priority / 8);
        add_number(p, FIELD_LOG_SEVERITY, s->priority % 8);
    }
    if (s->level.n)
        line_add(p, FIELD_LOG_LEVEL, s->level);
    if (s->message_id.n)
        line_add(p, FIELD_EVENT_CODE, s->message_id);
    if (s->data.n)
        add_data(p, s->data);
}
