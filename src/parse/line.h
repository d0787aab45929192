/* SPDX-License-Identifier: Apache-2.0 */
/* line.h - for files in parse/ only: what the line formats share. */
#ifndef PARSE_LINE_H
#define PARSE_LINE_H

#include "parse/parse_int.h"

/* How many of a hundred of the first lines of `head` are accepted by `is`; 0 when fewer than
 * sixty are.  Blank lines, lines that start with `#` and a last line that was cut do not count. */
int line_share(str head, bool (*is)(str line));

/* The next line of *rest, without its line break; false at the end. */
bool line_next(str *rest, str *line);

/* Set family and channel of the event, unless the user forced them for the stream. */
void line_source(struct parse *p, enum family family, str channel);

/* The event being built has a field `id`. */
bool line_has(const struct parse *p, field_id id);

/* parse_add_kind for formats that are read fast. */
static inline void line_put(struct parse *p, field_id id, str value, enum value_kind kind,
                            unsigned flags)
{
    struct field *f = value.n <= UINT32_MAX ? batch_field(p->batch, p->limits->fields) : NULL;
    if (UNLIKELY(!f)) {
        p->batch->dropped++;
        return;
    }
    *f = (struct field){value.p, (uint32_t)value.n, id, (uint8_t)kind, (uint8_t)flags};
}

/* Append a field, except when it is empty or "-", which is how lines write nothing. */
static inline void line_add(struct parse *p, field_id id, str value)
{
    if (value.n > 1 || (value.n == 1 && value.p[0] != '-'))
        line_put(p, id, value, VALUE_STRING, 0);
}

/* All of it decimal digits, and not empty. */
static inline bool line_is_number(str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
    return s.n != 0;
}

/* line_add for a value that should be a number; kept as text when it is not. */
static inline void line_add_number(struct parse *p, field_id id, str value)
{
    if (line_is_number(value))
        line_put(p, id, value, VALUE_NUMBER, 0);
    else
        line_add(p, id, value);
}

/* An address rather than a name, by its characters alone. */
bool line_is_address(str s);

/* Append under `address` or, when it is none, under `name`. */
void line_add_host(struct parse *p, field_id address, field_id name, str host);

/* "1.2.3.4:80", "[::1]:80", "::1", "name:80": cut at the port.  Without one, port is empty. */
struct endpoint {
    str host, port;
};
struct endpoint line_endpoint(str s);

/* Undo `\"`, `\\`, `\]` and the `\xhh` of printable characters, as web servers and RFC 5424
 * write them.  Text without a backslash is handed back as it is; p NULL past the arena's cap. */
str line_unescape(struct parse *p, str s);

#endif
