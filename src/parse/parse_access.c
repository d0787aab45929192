/* SPDX-License-Identifier: Apache-2.0 */
/* Access logs of Apache, nginx and everything that writes like them:
 *
 *     [vhost[:port]] client ident user [22/Sep/2020:03:45:14 +0000] "request" status bytes
 *         ["referrer" "agent" [more …]]
 *
 * The time is what such a line cannot do without, so it is looked for first and the rest is cut
 * around it: that gives users with spaces and virtual hosts their place.  This is the hot path of
 * web logs: no copies but of values with escapes, and the day last read is remembered. */
#include "codec/time.h"
#include "parse/line.h"
#include "parse/request.h"

enum { STAMP = 26, STAMP_MIN = 20, STAMP_MAX = 40, DAY = 12, ZONE = 6 };

struct access {
    str vhost, client, user, stamp, request, status, bytes, referrer, agent, more;
};

struct access_state {
    char day[DAY], zone[ZONE]; /* "22/Sep/2020:" and " +0000" of the time last read */
    int64_t day_ms;            /* its midnight; valid when day[0] is set */
    field_id forwarded, extra; /* valid once `named` */
    bool named;
};

/* ---- cutting ---- */

struct cursor {
    const char *p, *end;
};

static inline void skip_spaces(struct cursor *c)
{
    while (c->p < c->end && *c->p == ' ')
        c->p++;
}

static inline str take_word(struct cursor *c)
{
    skip_spaces(c);
    const char *start = c->p;
    while (c->p < c->end && *c->p != ' ')
        c->p++;
    return (str){start, (size_t)(c->p - start)};
}

static inline bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Where the '[' of "[22/Sep/2020:…]" stands, or NULL. */
static const char *find_stamp(str s)
{
    const char *end = s.p + s.n, *p = s.p;
    while (end - p > STAMP_MIN && (p = memchr(p, '[', (size_t)(end - p)))) {
        if (end - p > STAMP_MIN && is_digit(p[1]) && p[3] == '/')
            return p;
        p++;
    }
    return NULL;
}

/* The next quote from `q` on that no backslash escapes, or NULL. */
static inline const char *next_quote(const char *start, const char *q, const char *end)
{
    for (; q < end && (q = memchr(q, '"', (size_t)(end - q))); q++) {
        const char *slash = q;
        while (slash > start && slash[-1] == '\\')
            slash--;
        if ((q - slash) % 2 == 0)
            return q;
    }
    return NULL;
}

/* Take a quoted text, which ends at a quote that is followed by a space or nothing: some servers
 * leave quotes inside as they are. */
static inline bool take_quoted(struct cursor *c, str *out)
{
    if (c->end - c->p < 2 || *c->p != '"')
        return false;
    const char *start = c->p + 1, *q = start;
    while ((q = next_quote(start, q, c->end)) && q + 1 < c->end && q[1] != ' ' && q[1] != '"')
        q++;
    if (!q)
        return false;
    *out = (str){start, (size_t)(q - start)};
    c->p = q + 1;
    return true;
}

/* " 200 " or " - ", or with nothing behind it. */
static inline bool is_status(const char *p, const char *end)
{
    if (end - p < 2 || *p++ != ' ')
        return false;
    if (*p == '-')
        p++;
    else if (end - p >= 3 && is_digit(p[0]) && is_digit(p[1]) && is_digit(p[2]))
        p += 3;
    else
        return false;
    return p == end || *p == ' ';
}

/* The request in its quotes, and the status.  What the client sent may have quotes inside, so it
 * ends where a status follows. */
static inline const char *take_request(struct cursor *c, struct access *a)
{
    if (c->end - c->p < 2 || *c->p != '"')
        return "no request in quotes after the time";
    const char *start = c->p + 1, *q = start;
    while ((q = next_quote(start, q, c->end)) && !is_status(q + 1, c->end))
        q++;
    if (!q)
        return "no status after the request";
    a->request = (str){start, (size_t)(q - start)};
    c->p = q + 1;
    a->status = take_word(c);
    return NULL;
}

/* What stands before the time: client ident user, or vhost client ident user. */
static bool cut_front(struct cursor c, struct access *a)
{
    a->client = take_word(&c);
    str second = take_word(&c);
    struct cursor rest = c;
    str third = take_word(&rest);
    bool vhost = second.n > 1 && third.n == 1 && *third.p == '-' && rest.end - rest.p > 1;
    if (vhost) {
        a->vhost = a->client;
        a->client = second;
        c = rest;
    }
    skip_spaces(&c);
    while (c.p < c.end && c.end[-1] == ' ')
        c.end--;
    a->user = c.p < c.end ? (str){c.p, (size_t)(c.end - c.p)} : second;
    return a->client.n != 0;
}

/* What stands behind the status: bytes, and more in quotes. */
static void cut_back(struct cursor c, struct access *a)
{
    skip_spaces(&c);
    if (c.p < c.end && *c.p != '"')
        a->bytes = take_word(&c);
    skip_spaces(&c);
    if (take_quoted(&c, &a->referrer)) {
        skip_spaces(&c);
        (void)take_quoted(&c, &a->agent); /* there need not be one */
    }
    skip_spaces(&c);
    a->more = (str){c.p, (size_t)(c.end - c.p)};
}

/* A whole line in quotes, as exported by some tools. */
static str unwrapped(str line)
{
    line = str_from(line, 1);
    line.n -= str_ends(line, STR("\"\""));
    return line;
}

/* NULL, or what is missing. */
static const char *access_cut(str line, struct access *a)
{
    *a = (struct access){0};
    if (line.n && line.p[0] == '"')
        line = unwrapped(line);
    const char *open = line.n ? find_stamp(line) : NULL;
    if (!open)
        return "no time in brackets";
    struct cursor c = {open + 1, line.p + line.n};
    const char *close = c.end - c.p > STAMP && c.p[STAMP] == ']'
                            ? c.p + STAMP
                            : memchr(c.p, ']', (size_t)(c.end - c.p));
    if (!close || close - c.p > STAMP_MAX)
        return "no end of the time";
    a->stamp = (str){c.p, (size_t)(close - c.p)};
    c.p = close + 1;
    skip_spaces(&c);
    if (!cut_front((struct cursor){line.p, open}, a))
        return "no client before the time";
    const char *problem = take_request(&c, a);
    if (problem)
        return problem;
    cut_back(c, a);
    return NULL;
}

/* ---- time ---- */

static inline int two_digits(const char *p)
{
    return is_digit(p[0]) && is_digit(p[1]) ? (p[0] - '0') * 10 + (p[1] - '0') : 99;
}

/* The fixed layout on a day that is known; false when it is another one. */
static inline bool same_day(const struct access_state *state, str stamp, int64_t *ms)
{
    const char *p = stamp.p;
    if (stamp.n != STAMP || !state->day[0] || memcmp(p, state->day, DAY) != 0 ||
        memcmp(p + STAMP - ZONE, state->zone, ZONE) != 0)
        return false;
    int hour = two_digits(p + 12), minute = two_digits(p + 15), second = two_digits(p + 18);
    if (hour > 23 || minute > 59 || second > 59 || p[14] != ':' || p[17] != ':')
        return false;
    *ms = state->day_ms + (hour * 3600 + minute * 60 + second) * 1000;
    return true;
}

static int64_t stamp_ms(struct access_state *state, str stamp)
{
    int64_t ms = TIME_NONE;
    if (same_day(state, stamp, &ms) || !time_parse_clf(stamp, &ms) || stamp.n != STAMP)
        return ms; /* a time of another form: none */
    const char *p = stamp.p;
    int64_t in_day = two_digits(p + 12) * 3600 + two_digits(p + 15) * 60 + two_digits(p + 18);
    state->day_ms = ms - in_day * 1000;
    memcpy(state->day, p, DAY);
    memcpy(state->zone, p + STAMP - ZONE, ZONE);
    return ms;
}

/* ---- fields ---- */

/* What a site chose to log besides: the addresses of proxies, and the rest as it stands. */
static void add_more(struct parse *p, struct access_state *state, str more)
{
    if (!state->named) {
        state->forwarded = dict_resolve(p->dict, FAMILY_WEB, STR("network.forwarded_ip"));
        state->extra = dict_resolve(p->dict, FAMILY_WEB, STR("extra"));
        state->named = true;
    }
    struct cursor c = {more.p, more.p + more.n};
    str quoted;
    if (take_quoted(&c, &quoted) && c.p == c.end && str_eq(quoted, STR("-")))
        return;
    parse_add(p, state->extra, more);
    c.p = more.p;
    if (!take_quoted(&c, &quoted))
        return;
    while (quoted.n) {
        str one = str_trim(str_cut(&quoted, ','));
        if (line_is_address(one))
            parse_add(p, state->forwarded, one);
    }
}

static void add_client(struct parse *p, str client)
{
    struct endpoint e = {client, {client.p, 0}};
    if (!line_is_address(client))
        e = line_endpoint(client);
    line_add_host(p, FIELD_SOURCE_IP, FIELD_SOURCE_DOMAIN, e.host);
    if (e.port.n)
        line_add_number(p, FIELD_SOURCE_PORT, e.port);
}

static bool access_record(struct parse *p, str line)
{
    struct access a;
    const char *problem = access_cut(line, &a);
    if (problem)
        return parse_refuse(p, "%s: '%.*s'", problem, (int)str_head(line, 60).n, line.p);
    struct access_state *state = p->state;
    struct event *e = parse_begin(p, line);
    e->time_ms = stamp_ms(state, a.stamp);
    line_source(p, FAMILY_WEB, STR("access"));
    if (memchr(line.p, '\\', line.n)) {
        a.request = line_unescape(p, a.request);
        a.referrer = line_unescape(p, a.referrer);
        a.agent = line_unescape(p, a.agent);
    }
    add_client(p, a.client);
    line_add(p, FIELD_USER_NAME, a.user);
    if (a.vhost.n)
        line_add(p, FIELD_URL_DOMAIN, line_endpoint(a.vhost).host);
    request_add(p, a.request);
    line_add_number(p, FIELD_HTTP_STATUS, a.status);
    line_add_number(p, FIELD_HTTP_BYTES, a.bytes);
    line_add(p, FIELD_HTTP_REFERRER, a.referrer);
    line_add(p, FIELD_USER_AGENT, a.agent);
    if (a.more.n > 1)
        add_more(p, state, a.more);
    return true;
}

static bool is_access(str line)
{
    struct access a;
    return access_cut(line, &a) == NULL;
}

static int access_sniff(str head)
{
    return line_share(head, is_access) * 95 / 100;
}

const struct parse_ops parse_access = {
    .name = "access",
    .sniff = access_sniff,
    .record = access_record,
    .state_size = sizeof(struct access_state),
};
