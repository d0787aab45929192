/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of no known form: each one a message.  A time at the start is read when it is of a form
 * that cannot be mistaken. */
#include "codec/time.h"
#include "parse/line.h"

enum { STAMP_MIN = 10, STAMP_MAX = 40 };

static bool is_time_char(char c)
{
    return (c >= '0' && c <= '9') || (c != '\0' && strchr("-/:., TtZz+", c) != NULL);
}

/* The longest start of the line that is a time. */
static int64_t leading_time(str line)
{
    int64_t ms = TIME_NONE;
    if (line.n && line.p[0] == '[')
        line = str_from(line, 1);
    if (line.n < STAMP_MIN || line.p[0] < '0' || line.p[0] > '9')
        return ms;
    size_t n = 0;
    while (n < line.n && n < STAMP_MAX && is_time_char(line.p[n]))
        n++;
    for (int tries = 0; tries < 4 && n >= STAMP_MIN; tries++) {
        while (n > 0 && (line.p[n - 1] == ' ' || line.p[n - 1] == ',' || line.p[n - 1] == '-'))
            n--;
        str some = str_head(line, n);
        if (time_parse_iso(some, &ms) || time_parse_nginx(some, &ms))
            break;
        while (n > 0 && line.p[n - 1] != ' ')
            n--;
    }
    return ms;
}

static bool text_record(struct parse *p, str line)
{
    struct event *e = parse_begin(p, line);
    e->time_ms = leading_time(line);
    line_source(p, FAMILY_UNKNOWN, STR(""));
    parse_add(p, FIELD_MESSAGE, line);
    return true;
}

static int text_sniff(str head)
{
    (void)head;
    return 1; /* anything at all, after everybody else */
}

const struct parse_ops parse_text = {
    .name = "text",
    .sniff = text_sniff,
    .record = text_record,
};
