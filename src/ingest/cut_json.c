/* SPDX-License-Identifier: Apache-2.0 */
/* JSON values that do not each have a line of their own.
 *
 *     { ... }{ ... }  { ... },            between ─▶ in value ─▶ between
 *     [ { ... }, { ... } ]                `[` `,` `]` are blanked out between values
 *     {"next":"x","Records":[ {...} ],"n":1}
 *     ^^^^^^^^^^^^^^^^^^^^^^^         ^^^^^^^ the wrapper's head and tail are blanked out
 *
 * so what reaches the parser is values and white space, with the lines where they were.  A value
 * that never closes (somebody cut the file) would take all that follows with it; when there is
 * nothing else to be had, it ends where a line begins with `{`, which inside a string cannot be. */
#include "ingest/ingest_int.h"

enum {
    WRAPPER_LOOK = 8 * 1024, /* a wrapper shows its array within this */
    RESTARTS_MAX = 16,       /* each may look at all of the buffer again */
    RECORD_SEPARATOR = 0x1e  /* before each value in a JSON text sequence, RFC 7464 */
};

static void blank(struct batch *b, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        if (b->bytes[i] != '\n')
            b->bytes[i] = ' ';
}

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t' || c == RECORD_SEPARATOR;
}

/* A container or a string. */
static bool opens_value(char c)
{
    return c == '{' || c == '[' || c == '"';
}

static char first_visible(str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!is_space(s.p[i]))
            return s.p[i];
    return '\0';
}

void cut_json_init(struct cutter *c, str head, const struct parse_layout *layout)
{
    char first = first_visible(head);
    bool sequence = str_find(str_head(head, 1), RECORD_SEPARATOR) == 0 && head.n;
    c->wraps = first == '{' && layout->in_array;
    c->values = sequence || layout->in_array || ((first == '{' || first == '[') && !layout->lines);
}

/* Count brackets until the one that closes the outermost; how many bytes that took. */
static size_t balance(struct json_balance *j, str s, bool *closed)
{
    *closed = false;
    for (size_t i = 0; i < s.n; i++) {
        char ch = s.p[i];
        if (j->in_string) {
            bool plain = j->after_backslash;
            j->after_backslash = !plain && ch == '\\';
            j->in_string = plain || ch != '"';
            if (!j->in_string && j->depth == 0) {
                *closed = true;
                return i + 1;
            }
        } else if (ch == '"') {
            j->in_string = true;
        } else if (ch == '{' || ch == '[') {
            j->depth++;
        } else if (ch == '}' || ch == ']') {
            if (j->depth <= 1) {
                *closed = true;
                return i + 1;
            }
            j->depth--;
        }
    }
    return s.n;
}

/* What is left of a wrapper after its array. */
static size_t pass_tail(struct cutter *c, struct batch *b, size_t at)
{
    bool closed;
    size_t n = balance(&c->balance, (str){b->bytes + at, b->n - at}, &closed);
    blank(b, at, at + n);
    if (closed) {
        c->place = JSON_BETWEEN;
        c->in_wrapper = false;
    }
    return at + n;
}

static void end_array(struct cutter *c)
{
    c->in_array = false;
    if (c->in_wrapper) {
        c->place = JSON_IN_TAIL;
        c->balance = (struct json_balance){.depth = 1};
    }
}

/* At the `{` of a top-level value: go into it when it wraps records.  False: more bytes are
 * needed to tell. */
static bool enter_wrapper(struct cutter *c, struct batch *b, size_t *at, bool last)
{
    str rest = {b->bytes + *at, b->n - *at};
    size_t look = c->record_max < WRAPPER_LOOK ? c->record_max : WRAPPER_LOOK;
    if (rest.n < look && !last)
        return false;
    struct parse_layout layout = parse_json_layout(str_head(rest, look));
    if (!layout.in_array)
        return true;
    blank(b, *at, *at + layout.skip);
    *at += layout.skip;
    c->in_array = c->in_wrapper = true;
    return true;
}

static bool ends_scalar(char c)
{
    return is_space(c) || c == ',' || c == '[' || c == ']' || c == '{' || c == '}' || c == '"';
}

/* Something that is no container and no string: up to what ends it. */
static size_t pass_scalar(const struct batch *b, size_t at, bool last)
{
    size_t end = at + 1;
    while (end < b->n && !ends_scalar(b->bytes[end]))
        end++;
    return end == b->n && !last ? at : end;
}

/* From between values to the first byte of one; false when the buffer ends before. */
static bool pass_between(struct cutter *c, struct batch *b, size_t *at, bool last)
{
    while (*at < b->n) {
        char ch = b->bytes[*at];
        bool opens = ch == '[' && !c->in_array;
        bool closes = ch == ']' && c->in_array;
        if (ch == ',' || ch == RECORD_SEPARATOR || opens || closes)
            b->bytes[*at] = ' ';
        else if (!is_space(ch))
            break;
        ++*at;
        if (opens)
            c->in_array = true;
        if (closes)
            end_array(c);
        if (c->place == JSON_IN_TAIL)
            return true;
    }
    if (*at == b->n)
        return false;
    if (b->bytes[*at] == '{' && c->wraps && !c->in_array) {
        if (!enter_wrapper(c, b, at, last))
            return false;
        if (c->in_array)
            return true;
    }
    if (opens_value(b->bytes[*at])) {
        c->place = JSON_IN_VALUE;
        c->frame = (struct json_frame){0};
        return true;
    }
    size_t end = pass_scalar(b, *at, last);
    bool moved = end > *at;
    *at = end;
    return moved;
}

/* The next line after `at` that begins with `{`, or the last one: its line feed, or NULL. */
static const char *fresh_line(const struct batch *b, size_t at, bool want_last)
{
    const char *p = b->bytes + at, *end = b->bytes + b->n;
    const char *hit = memmem(p, (size_t)(end - p), "\n{", 2);
    for (const char *more = hit; want_last && more;
         more = memmem(more + 1, (size_t)(end - more) - 1, "\n{", 2))
        hit = more;
    return hit;
}

/* The value at `at` is broken: blank it out up to a line that begins with `{`.  False: none.
 * Many broken values in a row count as one, for each costs a look at all that follows. */
static bool start_over(struct cutter *c, struct batch *b, size_t at, const char *why)
{
    const char *hit = fresh_line(b, at, c->restarts >= RESTARTS_MAX);
    if (!hit)
        return false;
    c->restarts++;
    b->read++;
    batch_reject(b, (struct origin){.file = b->file, .line = line_at(b, at)}, "%s", why);
    blank(b, at, (size_t)(hit - b->bytes));
    c->place = JSON_BETWEEN;
    c->frame = (struct json_frame){0};
    return true;
}

size_t cut_json(struct cutter *c, struct batch *b, bool last)
{
    size_t at = 0;
    for (;;) {
        if (c->place == JSON_IN_TAIL) {
            at = pass_tail(c, b, at);
            if (at == b->n)
                return at;
        } else if (c->place == JSON_BETWEEN) {
            if (!pass_between(c, b, &at, last))
                return at;
        } else {
            size_t used;
            str value;
            if (json_frame_next(&c->frame, (str){b->bytes + at, b->n - at}, last, &value, &used)) {
                at += used;
                c->place = JSON_BETWEEN;
                c->restarts = 0;
            } else if (!last) {
                return at + used;
            } else if (!start_over(c, b, at, "JSON value without an end")) {
                return b->n; /* for the parser to refuse */
            }
        }
    }
}

bool cut_json_give_up(struct cutter *c, struct batch *b)
{
    if (start_over(c, b, 0, "JSON value without an end, or too long"))
        return true;
    c->place = JSON_BETWEEN;
    c->frame = (struct json_frame){0};
    c->balance = (struct json_balance){0};
    c->skip_scalar = b->n && !opens_value(b->bytes[0]);
    if (c->skip_scalar)
        b->bytes[0] = 'x'; /* a bracket that closes nothing is part of it, not its end */
    return false;
}

size_t cut_json_skip(struct cutter *c, str bytes, bool *found)
{
    if (!c->skip_scalar)
        return balance(&c->balance, bytes, found);
    size_t n = 0;
    while (n < bytes.n && !ends_scalar(bytes.p[n]))
        n++;
    *found = n < bytes.n;
    return n;
}
