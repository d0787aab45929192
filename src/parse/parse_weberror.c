/* SPDX-License-Identifier: Apache-2.0 */
/* Error logs of Apache
 *
 *     [Thu Sep 25 09:27:18.813902 2014] [cgi:error] [pid 16860:tid 7] [client 1.2.3.4:59635] AH01215: text, referer: url
 *     [Sun Dec 04 04:47:44 2005] [error] [client 1.2.3.4] text
 *
 * and of nginx
 *
 *     2015/10/29 20:01:02 [error] 256554#0: *99927 text, client: 1.2.3.4, server: s, request: "GET / HTTP/1.0", host: "h"
 */
#include "codec/time.h"
#include "parse/line.h"
#include "parse/request.h"
#include "parse/syslog.h"

/* "[text] " from the start of *s, with brackets inside allowed when they pair up. */
static bool take_bracket(str *s, str *out)
{
    if (s->n == 0 || s->p[0] != '[')
        return false;
    size_t depth = 0;
    for (size_t i = 0; i < s->n; i++) {
        depth += s->p[i] == '[';
        if (s->p[i] != ']' || --depth != 0)
            continue;
        *out = (str){s->p + 1, i - 1};
        *s = str_trim(str_from(*s, i + 1));
        return true;
    }
    return false;
}

/* ---- Apache ---- */

static bool is_level(str s)
{
    static const char *const levels[] = {"emerg", "alert",  "crit", "error",
                                         "warn",  "notice", "info", "debug"};
    for (size_t i = 0; i < COUNT(levels); i++)
        if (str_eq(s, str_z(levels[i])))
            return true;
    return str_starts(s, STR("trace")) && s.n == 6;
}

/* "module:level" or "level"; the module may be empty. */
static bool split_level(str s, str *module, str *level)
{
    size_t colon = str_find(s, ':');
    *module = str_head(s, colon == s.n ? 0 : colon);
    *level = colon == s.n ? s : str_from(s, colon + 1);
    return is_level(*level);
}

/* "pid 2560:tid 14049" */
static void add_process(struct parse *p, str s)
{
    str pid = str_cut(&s, ':');
    line_add_number(p, FIELD_PROCESS_PID, str_from(pid, 4));
    if (str_starts(s, STR("tid ")))
        parse_add_name(p, FAMILY_WEB, STR("process.thread.id"), str_from(s, 4));
}

static void add_client(struct parse *p, str s)
{
    struct endpoint client = line_endpoint(s);
    if (line_has(p, FIELD_SOURCE_IP) || line_has(p, FIELD_SOURCE_DOMAIN))
        return;
    line_add_host(p, FIELD_SOURCE_IP, FIELD_SOURCE_DOMAIN, client.host);
    line_add_number(p, FIELD_SOURCE_PORT, client.port);
}

/* `[id "930110"] [msg "Path Traversal Attack"] [uri "/"]…` in what ModSecurity writes. */
static void add_modsecurity(struct parse *p, str message)
{
    static const struct {
        const char *name;
        field_id id;
    } known[] = {
        {"id", FIELD_RULE_ID},         {"msg", FIELD_RULE_NAME},
        {"tag", FIELD_RULE_CATEGORY},  {"hostname", FIELD_URL_DOMAIN},
        {"uri", FIELD_URL_ORIGINAL},   {"severity", FIELD_EVENT_SEVERITY},
        {"unique_id", FIELD_EVENT_ID},
    };
    while (message.n) {
        message = str_from(message, str_find(message, '['));
        str item = message, name;
        if (!take_bracket(&message, &item)) {
            message = str_from(message, 1);
            continue;
        }
        name = str_cut(&item, ' ');
        bool quoted = item.n >= 2 && item.p[0] == '"' && item.p[item.n - 1] == '"';
        for (size_t i = 0; quoted && i < COUNT(known); i++)
            if (str_eq(name, str_z(known[i].name)))
                line_add(p, known[i].id, line_unescape(p, str_from(str_head(item, item.n - 1), 1)));
    }
}

/* "AH01215: text" */
static void add_code(struct parse *p, str message)
{
    if (message.n > 8 && str_starts(message, STR("AH")) && message.p[7] == ':' &&
        line_is_number(str_from(str_head(message, 7), 2)))
        parse_add(p, FIELD_EVENT_CODE, p->event->code = str_head(message, 7));
}

static void add_apache_message(struct parse *p, str message)
{
    static const char mark[] = ", referer: ";
    parse_add(p, FIELD_MESSAGE, message);
    add_code(p, message);
    const char *referrer = message.n ? memmem(message.p, message.n, mark, sizeof mark - 1) : NULL;
    if (referrer)
        line_add(p, FIELD_HTTP_REFERRER,
                 str_from(message, (size_t)(referrer - message.p) + sizeof mark - 1));
    if (str_contains(str_head(message, 40), STR("ModSecurity:")))
        add_modsecurity(p, message);
}

/* The brackets between the level and the message. */
static str add_brackets(struct parse *p, str rest)
{
    str before = rest, item;
    while (take_bracket(&rest, &item)) {
        if (str_starts(item, STR("pid ")))
            add_process(p, item);
        else if (str_starts(item, STR("client ")))
            add_client(p, str_from(item, 7));
        else if (str_starts(item, STR("remote ")))
            add_client(p, str_from(item, 7));
        else if (str_starts(item, STR("host ")))
            line_add(p, FIELD_URL_DOMAIN, line_endpoint(str_from(item, 5)).host);
        else if (!str_starts(item, STR("tid ")) && !str_starts(item, STR("unique_id ")))
            return before; /* the message itself starts with a bracket */
        before = rest;
    }
    return before;
}

struct apache {
    int64_t time_ms;
    str module, level, rest;
};

static bool apache_cut(str line, struct apache *a)
{
    str stamp, level;
    return take_bracket(&line, &stamp) && time_parse_ctime(stamp, &a->time_ms) &&
           take_bracket(&line, &level) && split_level(level, &a->module, &a->level) &&
           (a->rest = line, true);
}

/* Without a time of its own, which it leaves to syslog. */
static bool apache_syslog_cut(const struct syslog *s, struct apache *a)
{
    str level;
    *a = (struct apache){.time_ms = s->time_ms, .rest = s->message};
    return (str_starts(s->program, STR("httpd")) || str_starts(s->program, STR("apache"))) &&
           take_bracket(&a->rest, &level) && split_level(level, &a->module, &a->level);
}

static void apache_event(struct parse *p, str line, const struct apache *a)
{
    struct event *e = parse_begin(p, line);
    e->time_ms = a->time_ms;
    line_source(p, FAMILY_WEB, STR("apache"));
    line_add(p, FIELD_LOG_LEVEL, a->level);
    line_add(p, FIELD_EVENT_PROVIDER, a->module);
    add_apache_message(p, add_brackets(p, a->rest));
}

/* ---- nginx ---- */

struct nginx {
    int64_t time_ms;
    str level, pid, tid, rest;
};

static bool nginx_cut(str line, struct nginx *n)
{
    str stamp = str_head(line, 19);
    if (!time_parse_nginx(stamp, &n->time_ms))
        return false;
    line = str_trim(str_from(line, 19));
    if (!take_bracket(&line, &n->level) || !is_level(n->level))
        return false;
    n->rest = line;
    n->pid = str_cut(&n->rest, '#');
    n->tid = str_cut(&n->rest, ':');
    n->rest = str_trim(n->rest);
    return line_is_number(n->pid) && line_is_number(n->tid);
}

/* Where ", name: " of one of the known trailing parts starts, and which it is. */
static const struct nginx_part {
    const char *mark;
    field_id id;
} nginx_parts[] = {
    {", client: ", FIELD_SOURCE_IP},     {", server: ", FIELD_DESTINATION_DOMAIN},
    {", request: ", FIELD_URL_ORIGINAL}, {", upstream: ", FIELD_URL_FULL},
    {", host: ", FIELD_URL_DOMAIN},      {", referrer: ", FIELD_HTTP_REFERRER},
};

static str unquoted(str s)
{
    bool quoted = s.n >= 2 && s.p[0] == '"' && s.p[s.n - 1] == '"';
    return quoted ? str_from(str_head(s, s.n - 1), 1) : s;
}

static void add_nginx_part(struct parse *p, field_id id, str value)
{
    value = line_unescape(p, unquoted(value));
    if (id == FIELD_SOURCE_IP)
        add_client(p, value);
    else if (id == FIELD_URL_ORIGINAL)
        request_add(p, value);
    else if (id == FIELD_URL_DOMAIN)
        line_add(p, id, line_endpoint(value).host);
    else if (!str_eq(value, STR("_")))
        line_add(p, id, value);
}

/* The parts follow each other in a fixed order, each optional. */
static void add_nginx_parts(struct parse *p, str rest)
{
    const char *start = NULL, *end = rest.p + rest.n;
    field_id id = 0;
    for (size_t i = 0; i < COUNT(nginx_parts); i++) {
        str mark = str_z(nginx_parts[i].mark);
        const char *from = start ? start : rest.p;
        const char *at = memmem(from, (size_t)(end - from), mark.p, mark.n);
        if (!at)
            continue;
        if (start)
            add_nginx_part(p, id, (str){start, (size_t)(at - start)});
        start = at + mark.n;
        id = nginx_parts[i].id;
    }
    if (start)
        add_nginx_part(p, id, (str){start, (size_t)(end - start)});
}

static void nginx_event(struct parse *p, str line, const struct nginx *n)
{
    struct event *e = parse_begin(p, line);
    e->time_ms = n->time_ms;
    line_source(p, FAMILY_WEB, STR("nginx"));
    line_add(p, FIELD_LOG_LEVEL, n->level);
    line_add_number(p, FIELD_PROCESS_PID, n->pid);
    line_add(p, FIELD_MESSAGE, n->rest);
    if (n->rest.n)
        add_nginx_parts(p, n->rest);
}

/* ---- */

/* Either kind, bare or sent through syslog. */
static bool cut(str line, int64_t now_ms, struct apache *a, struct nginx *n, bool *apache)
{
    struct syslog s;
    *apache = apache_cut(line, a);
    if (*apache || nginx_cut(line, n))
        return true;
    if (!syslog_cut(line, now_ms, &s))
        return false;
    *apache = apache_cut(s.message, a) || apache_syslog_cut(&s, a);
    return *apache || nginx_cut(s.message, n);
}

static bool weberror_record(struct parse *p, str line)
{
    struct apache a;
    struct nginx n;
    bool apache;
    if (!cut(line, p->stream->now_ms, &a, &n, &apache))
        return parse_refuse(p, "no time and level at the start: '%.*s'", (int)str_head(line, 60).n,
                            line.p);
    if (apache)
        apache_event(p, line, &a);
    else
        nginx_event(p, line, &n);
    return true;
}

static bool is_weberror(str line)
{
    struct apache a;
    struct nginx n;
    bool apache;
    return cut(line, 0, &a, &n, &apache);
}

static int weberror_sniff(str head)
{
    return line_share(head, is_weberror) * 95 / 100;
}

const struct parse_ops parse_weberror = {
    .name = "web-error",
    .sniff = weberror_sniff,
    .record = weberror_record,
};
