/* SPDX-License-Identifier: Apache-2.0 */
/* A batch of JSON: where records begin and, after a bad one, where the next may.
 *
 * Records are read where they stand, without looking for their ends first.  A bad one is counted
 * once.  If it went wrong on its first line, the stream is one of lines and the next line is the
 * next record; but lines that continue it (indented or beginning with a closing bracket) and
 * everything after an error further down is passed over up to a line that opens a record: `{` no
 * deeper than the bad one's. */
#include "parse/json_walk.h"

size_t json_blank(str s)
{
    size_t i = str_starts(s, STR("\xef\xbb\xbf")) ? 3 : 0;
    while (i < s.n && (s.p[i] == ' ' || s.p[i] == '\n' || s.p[i] == '\r' || s.p[i] == '\t'))
        i++;
    return i;
}

struct cursor {
    const char *p, *end;
    const char *counted; /* line ends before it are in parse->line */
};

static void count_to(struct parse *p, struct cursor *c, const char *to)
{
    const char *at = c->counted;
    while (at < to && (at = memchr(at, '\n', (size_t)(to - at)))) {
        p->line += p->line > 0;
        at++;
    }
    c->counted = to;
}

/* To the next record.  A `}` belongs between records only behind a `]`: it ends a wrapper. */
static bool find_record(struct cursor *c)
{
    bool closed = false;
    for (; c->p < c->end; c->p++) {
        switch (*c->p) {
        case ' ':
        case '\n':
        case '\r':
        case '\t':
        case ',':
        case '[':
        case '\x1e': /* RFC 7464 */
            break;
        case ']':
            closed = true;
            break;
        case '}':
            if (!closed)
                return true;
            break;
        default:
            return true;
        }
    }
    return false;
}

static const char *next_line(const char *p, const char *end)
{
    const char *hit = p < end ? memchr(p, '\n', (size_t)(end - p)) : NULL;
    return hit ? hit + 1 : end;
}

/* How far a line that starts at `p` is indented. */
static size_t indent_of(const char *p, const char *end)
{
    const char *at = p;
    while (at < end && (*at == ' ' || *at == '\t'))
        at++;
    return (size_t)(at - p);
}

static bool continues(const char *line, const char *end)
{
    return line < end && (*line == ' ' || *line == '\t' || *line == '}' || *line == ']');
}

/* What is before `at` on its line when that is all blank, else 0. */
static size_t indent_before(const char *begin, const char *at)
{
    const char *p = at;
    while (p > begin && (p[-1] == ' ' || p[-1] == '\t'))
        p--;
    return p == begin || p[-1] == '\n' ? (size_t)(at - p) : 0;
}

/* Where to go on after the record at `start` went wrong at `wrong`. */
static const char *resume(const char *begin, const char *start, const char *wrong, const char *end)
{
    const char *line = next_line(start, end);
    if (*start != '{' || (wrong < line && !continues(line, end)))
        return line;
    size_t indent = indent_before(begin, start);
    for (; line < end; line = next_line(line, end)) {
        size_t deep = indent_of(line, end);
        if (line + deep < end && line[deep] == '{' && deep <= indent)
            break;
    }
    return line;
}

static void record(struct json_walk *w, struct cursor *c)
{
    struct parse *p = w->p;
    size_t most = p->limits->record_bytes, left = (size_t)(c->end - c->p), used = 0;
    bool cut = left > most;
    count_to(p, c, c->p);
    p->batch->read++;
    p->event = NULL;
    const char *start = c->p;
    status st = json_record(w, (str){start, cut ? most : left}, &used);
    if (st == ST_OK) {
        parse_keep(p);
        c->p = start + used;
        return;
    }
    if (cut && used == most)
        (void)parse_refuse(p, "longer than %zu bytes", most);
    parse_drop(p);
    c->p = st == ST_LIMIT ? start + used : resume(p->batch->bytes, start, start + used, c->end);
}

void json_run(struct parse *p, const struct json_format *format)
{
    struct batch *b = p->batch;
    struct json_walk w = {.p = p, .format = format, .table = p->json};
    struct cursor c = {b->bytes, b->bytes + b->n, b->bytes};
    if (str_starts((str){b->bytes, b->n}, STR("\xef\xbb\xbf")))
        c.p += 3;
    while (find_record(&c))
        record(&w, &c);
}
