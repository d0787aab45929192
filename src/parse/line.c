/* SPDX-License-Identifier: Apache-2.0 */
#include "parse/line.h"

#include "codec/hex.h"

enum { LINES_LOOKED_AT = 100 };

bool line_next(str *rest, str *line)
{
    if (rest->n == 0)
        return false;
    *line = str_cut(rest, '\n');
    if (line->n && line->p[line->n - 1] == '\r')
        line->n--;
    return true;
}

int line_share(str head, bool (*is)(str line))
{
    int all = 0, good = 0;
    str line;
    while (all < LINES_LOOKED_AT && line_next(&head, &line)) {
        bool cut = head.p == NULL && all > 0;
        if (line.n == 0 || line.p[0] == '#' || (cut && !is(line)))
            continue;
        all++;
        good += is(line);
    }
    return all == 0 || good * 5 < all * 3 ? 0 : good * 100 / all;
}

void line_source(struct parse *p, enum family family, str channel)
{
    if (p->stream->family == FAMILY_UNKNOWN)
        p->event->family = (uint8_t)family;
    p->event->channel = p->stream->channel.n ? p->stream->channel : channel;
}

bool line_has(const struct parse *p, field_id id)
{
    for (size_t i = 0; i < p->batch->field_count; i++)
        if (p->batch->field[i].id == id)
            return true;
    return false;
}

/* Four groups of digits, told apart from everything else at the first other character. */
static bool is_v4(str s)
{
    size_t dots = 0;
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] == '.')
            dots++;
        else if (s.p[i] < '0' || s.p[i] > '9')
            return false;
    return dots == 3;
}

static bool is_v6(str s)
{
    size_t colons = 0;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == '%' && colons >= 2) /* a zone: fe80::1%eth0 */
            break;
        if (c == ':')
            colons++;
        else if (c != '.' && hex_digit(c) < 0)
            return false;
    }
    return colons >= 2;
}

bool line_is_address(str s)
{
    enum { V4_MIN = 7, V4_MAX = 15, V6_MAX = 64 };
    if (s.n >= V4_MIN && s.n <= V4_MAX && is_v4(s))
        return true;
    return s.n >= 2 && s.n <= V6_MAX && is_v6(s);
}

void line_add_host(struct parse *p, field_id address, field_id name, str host)
{
    line_add(p, line_is_address(host) ? address : name, host);
}

struct endpoint line_endpoint(str s)
{
    size_t at = s.n;
    if (s.n && s.p[0] == '[') {
        size_t close = str_find(s, ']');
        str host = str_from(str_head(s, close), 1), rest = str_from(s, close + 1);
        return (struct endpoint){host,
                                 rest.n && rest.p[0] == ':' ? str_from(rest, 1) : str_from(s, s.n)};
    }
    while (at > 0 && s.p[at - 1] >= '0' && s.p[at - 1] <= '9')
        at--;
    if (at == s.n || at == 0 || s.p[at - 1] != ':' || line_is_address(s))
        return (struct endpoint){s, str_from(s, s.n)};
    return (struct endpoint){str_head(s, at - 1), str_from(s, at)};
}

/* One escape at the start of `s`: how many bytes it takes, and the byte it stands for. */
static size_t escape_at(str s, char *out)
{
    if (s.n >= 2 && (s.p[1] == '"' || s.p[1] == '\\' || s.p[1] == ']')) {
        *out = s.p[1];
        return 2;
    }
    if (s.n < 4 || s.p[1] != 'x' || hex_digit(s.p[2]) < 0 || hex_digit(s.p[3]) < 0)
        return 0;
    int c = hex_digit(s.p[2]) * 16 + hex_digit(s.p[3]);
    *out = (char)c;
    return c >= 0x20 && c < 0x7f ? 4 : 0;
}

str line_unescape(struct parse *p, str s)
{
    if (s.n == 0 || !memchr(s.p, '\\', s.n))
        return s;
    char *out = arena_bytes(&p->batch->arena, s.n);
    if (!out)
        return (str){NULL, 0};
    size_t n = 0, took;
    for (size_t i = 0; i < s.n; i += took) {
        took = s.p[i] == '\\' ? escape_at(str_from(s, i), &out[n]) : 0;
        if (took == 0) {
            out[n] = s.p[i];
            took = 1;
        }
        n++;
    }
    return (str){out, n};
}
