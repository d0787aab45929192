/* SPDX-License-Identifier: Apache-2.0 */
/* Universal Binary JSON, draft 12.  A value is a letter and what it announces, numbers big-endian:
 *
 *     i U I l L   integers of 1, 1 (unsigned), 2, 4, 8 bytes      d D   floats of 4 and 8 bytes
 *     S           an integer, then so many bytes                  T F Z N   true, false, null, nothing
 *     [ … ]       values       [#n        n values, without ']'       [$t#n   n values without their letter t
 *     { … }       members: a key is a string without its S            {#n     n members, without '}'
 */
#include "base/reader.h"
#include "tree/value_int.h"

struct ubjson {
    struct reader r;
    const char *begin;
    struct arena *arena;
    struct value_stack *stack;
    unsigned depth;
};

static status damaged(const struct ubjson *u, const char *what, struct error *err)
{
    return fail(err, ST_INVALID, "byte %zu: %s", (size_t)(u->r.p - u->begin), what);
}

static char letter(struct ubjson *u)
{
    str s = rd_take(&u->r, 1);
    return s.n ? *s.p : '\0';
}

static size_t width(char type)
{
    switch (type) {
    case 'i':
    case 'U':
    case 'C':
        return 1;
    case 'I':
        return 2;
    case 'l':
    case 'd':
        return 4;
    case 'L':
    case 'D':
        return 8;
    default:
        return 0; /* of no fixed width, or no type */
    }
}

static double number_at(const char *p, char type)
{
    uint64_t bits = 0;
    size_t n = width(type);
    for (size_t i = 0; i < n; i++)
        bits = bits << 8 | (uint8_t)p[i];
    if (type == 'd') {
        uint32_t half = (uint32_t)bits;
        float f;
        memcpy(&f, &half, sizeof f);
        return (double)f;
    }
    if (type == 'D') {
        double d;
        memcpy(&d, &bits, sizeof d);
        return d;
    }
    if (type == 'U' || type == 'C')
        return (double)bits;
    unsigned shift = 64 - 8 * (unsigned)n;
    return (double)((int64_t)(bits << shift) >> shift);
}

/* A length: an integer with its letter, no more than the bytes that are left. */
static status length(struct ubjson *u, size_t *out, struct error *err)
{
    char type = letter(u);
    size_t n = type == 'd' || type == 'D' || type == 'C' ? 0 : width(type);
    str s = rd_take(&u->r, n);
    if (!n || s.n < n)
        return damaged(u, "expected a length", err);
    double value = number_at(s.p, type);
    if (!(value >= 0 && value <= (double)rd_left(&u->r)))
        return damaged(u, "a length goes past the end", err);
    *out = (size_t)value;
    return ST_OK;
}

static status text(struct ubjson *u, str *out, struct error *err)
{
    size_t n = 0;
    status st = length(u, &n, err);
    if (!st)
        *out = rd_take(&u->r, n);
    return st;
}

static status numbers(struct ubjson *u, char type, size_t n, struct value *out, struct error *err)
{
    size_t each = width(type);
    if (n > UINT32_MAX || n > rd_left(&u->r) / each)
        return damaged(u, "an array goes past the end", err);
    str bytes = rd_take(&u->r, n * each);
    double *to = arena_array(u->arena, double, n);
    if (!to)
        return fail(err, ST_LIMIT, "the model takes more memory than allowed");
    for (size_t i = 0; i < n; i++)
        to[i] = number_at(bytes.p + i * each, type);
    *out = (struct value){.kind = VALUE_NUMBERS, .n = (uint32_t)n, .numbers = to};
    return ST_OK;
}

static status any(struct ubjson *u, char type, struct value *out, struct error *err);

static status member(struct ubjson *u, bool object, char type, struct error *err)
{
    struct value_member m = {.key = {"", 0}};
    status st = object ? text(u, &m.key, err) : ST_OK;
    if (!st)
        st = any(u, type ? type : letter(u), &m.value, err);
    return st ? st : value_push(u->stack, &m, err);
}

/* Is the next thing the end? */
static bool ended(struct ubjson *u, char end)
{
    while (rd_skip(&u->r, 'N'))
        ;
    return rd_skip(&u->r, end);
}

static status container(struct ubjson *u, bool object, struct value *out, struct error *err)
{
    size_t from = u->stack->n, n = 0;
    char type = rd_skip(&u->r, '$') ? letter(u) : '\0';
    bool counted = rd_skip(&u->r, '#');
    status st = counted ? length(u, &n, err) : ST_OK;
    if (st)
        return st;
    /* Values that take no bytes could be any number. */
    if (type && (!counted || !(width(type) || str_find(STR("S[{"), type) < 3)))
        return damaged(u, "a container of a type that cannot be", err);
    if (!object && width(type))
        return numbers(u, type, n, out, err);
    if (counted)
        for (size_t i = 0; i < n && !st; i++)
            st = member(u, object, type, err);
    else
        while (!st && !ended(u, object ? '}' : ']'))
            st = member(u, object, '\0', err);
    return st ? st
              : value_close(u->stack, from, object ? VALUE_OBJECT : VALUE_LIST, u->arena, out, err);
}

static status any(struct ubjson *u, char type, struct value *out, struct error *err)
{
    str s;
    status st = ST_OK;
    *out = (struct value){.kind = VALUE_NULL};
    if (width(type)) {
        s = rd_take(&u->r, width(type));
        if (s.n < width(type))
            return damaged(u, "the document ends in the middle of a number", err);
        *out = (struct value){.kind = VALUE_NUMBER, .number = number_at(s.p, type)};
        return ST_OK;
    }
    switch (type) {
    case 'T':
    case 'F':
        *out = (struct value){.kind = VALUE_NUMBER, .number = type == 'T'};
        return ST_OK;
    case 'Z':
        return ST_OK;
    case 'S':
        st = text(u, &s, err);
        if (!st && s.n > UINT32_MAX)
            st = damaged(u, "a text is too long", err);
        if (!st)
            *out = (struct value){.kind = VALUE_TEXT, .n = (uint32_t)s.n, .text = s.p};
        return st;
    case '[':
    case '{':
        if (u->depth == VALUE_DEPTH_MAX)
            return fail(err, ST_LIMIT, "nested deeper than %d", VALUE_DEPTH_MAX);
        u->depth++;
        st = container(u, type == '{', out, err);
        u->depth--;
        return st;
    default:
        return damaged(u, u->r.ok ? "an unknown type" : "the document ends too early", err);
    }
}

status ubjson_read(str bytes, struct value_stack *s, struct arena *arena, struct value *out,
                   struct error *err)
{
    struct ubjson u = {.r = reader_of(bytes), .begin = bytes.p, .arena = arena, .stack = s};
    status st = any(&u, letter(&u), out, err);
    if (!st && rd_left(&u.r))
        st = damaged(&u, "something follows the document", err);
    return st;
}
