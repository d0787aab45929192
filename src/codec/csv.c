/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/csv.h"

void csv_init(struct csv *c, str text, char separator, size_t columns_max, struct arena *arena)
{
    *c = (struct csv){
        .p = text.p,
        .end = text.n ? text.p + text.n : text.p,
        .separator = separator,
        .line = 1,
        .columns_max = columns_max,
        .arena = arena,
    };
}

static bool at_line_end(const struct csv *c)
{
    return c->p == c->end || *c->p == '\n' ||
           (*c->p == '\r' && c->end - c->p >= 2 && c->p[1] == '\n');
}

/* Past the end of this line, whatever stands in it. */
static void skip_line(struct csv *c)
{
    const char *lf = c->p < c->end ? memchr(c->p, '\n', (size_t)(c->end - c->p)) : NULL;
    c->p = lf ? lf + 1 : c->end;
    c->line++;
}

/* A copy of `s` with one quote for two. */
static bool undouble(struct csv *c, str *s)
{
    char *out = arena_bytes(c->arena, s->n);
    size_t n = 0;
    if (!out)
        return false;
    for (size_t i = 0; i < s->n; i++) {
        out[n++] = s->p[i];
        if (s->p[i] == '"')
            i++;
    }
    *s = (str){out, n};
    return true;
}

/* The cell whose opening quote is next. */
static status quoted(struct csv *c, str *cell, struct error *err)
{
    const char *begin = ++c->p;
    uint32_t line = c->line;
    bool doubled = false;
    for (;; c->p++) {
        const char *quote = c->p < c->end ? memchr(c->p, '"', (size_t)(c->end - c->p)) : NULL;
        const char *stop = quote ? quote : c->end;
        for (const char *p = c->p; p < stop; p++)
            c->line += *p == '\n';
        c->p = stop;
        if (!quote)
            return fail(err, ST_INVALID, "line %u: a quote is left open", (unsigned)line);
        if (c->end - c->p < 2 || c->p[1] != '"')
            break;
        doubled = true;
        c->p++;
    }
    *cell = (str){begin, (size_t)(c->p++ - begin)};
    if (!at_line_end(c) && *c->p != c->separator)
        return fail(err, ST_INVALID, "line %u: something follows a closing quote",
                    (unsigned)c->line);
    if (doubled && !undouble(c, cell))
        return fail(err, ST_LIMIT, "line %u: more than %zu bytes of memory", (unsigned)line,
                    c->arena->cap);
    return ST_OK;
}

static str bare(struct csv *c)
{
    const char *begin = c->p;
    while (!at_line_end(c) && *c->p != c->separator)
        c->p++;
    return (str){begin, (size_t)(c->p - begin)};
}

static status cells(struct csv *c, struct csv_row *row, struct error *err)
{
    for (;; c->p++) {
        if (row->count == c->columns_max)
            return fail(err, ST_LIMIT, "line %u: more than %zu columns", (unsigned)c->line,
                        c->columns_max);
        str *cell = &c->cell[row->count++];
        status st = ST_OK;
        if (c->p < c->end && *c->p == '"')
            st = quoted(c, cell, err);
        else
            *cell = bare(c);
        if (st != ST_OK || at_line_end(c))
            return st;
    }
}

status csv_next(struct csv *c, struct csv_row *row, struct error *err)
{
    if (!c->cell)
        c->cell = arena_array(c->arena, str, c->columns_max);
    if (!c->cell)
        return fail(err, ST_LIMIT, "line %u: more than %zu bytes of memory", (unsigned)c->line,
                    c->arena->cap);
    while (c->p < c->end && at_line_end(c))
        skip_line(c);
    if (c->p == c->end)
        return ST_NOT_FOUND;
    struct csv_row next = {.cell = c->cell, .line = c->line};
    const char *begin = c->p;
    status st = cells(c, &next, err);
    if (st != ST_OK) {
        c->p = begin;
        c->line = next.line;
    }
    skip_line(c);
    if (st == ST_OK)
        *row = next;
    return st;
}

int csv_column(const struct csv_row *header, str name)
{
    for (size_t i = 0; i < header->count; i++)
        if (str_ieq(header->cell[i], name))
            return (int)i;
    return -1;
}
