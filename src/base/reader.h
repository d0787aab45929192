/* SPDX-License-Identifier: Apache-2.0 */
/* reader.h - a cursor over bytes that cannot leave its bounds.
 *
 * Failure sticks: after the first read that does not fit, every read answers
 * zero or empty and `ok` stays false.  Read straight through, test once. */
#ifndef BASE_READER_H
#define BASE_READER_H

#include "base/str.h"

struct reader {
    const char *p, *end;
    bool ok;
};

static inline struct reader reader_of(str s)
{
    return (struct reader){s.p, s.p + s.n, true};
}

static inline size_t rd_left(const struct reader *r)
{
    return (size_t)(r->end - r->p);
}

static inline str rd_take(struct reader *r, size_t n)
{
    if (!r->ok || n > rd_left(r)) {
        r->ok = false;
        return (str){r->p, 0};
    }
    str s = {r->p, n};
    r->p += n;
    return s;
}

/* Up to `c`, which is consumed and not returned. */
static inline str rd_until(struct reader *r, char c)
{
    const char *hit = r->ok && r->p < r->end ? memchr(r->p, c, rd_left(r)) : NULL;
    if (!hit) {
        r->ok = false;
        return (str){r->p, 0};
    }
    str s = {r->p, (size_t)(hit - r->p)};
    r->p = hit + 1;
    return s;
}

/* Consume exactly `lit`. */
static inline void rd_expect(struct reader *r, str lit)
{
    if (!r->ok || rd_left(r) < lit.n || memcmp(r->p, lit.p, lit.n) != 0)
        r->ok = false;
    else
        r->p += lit.n;
}

/* Consume `c` when it is next; says whether it was. */
static inline bool rd_skip(struct reader *r, char c)
{
    if (!r->ok || r->p == r->end || *r->p != c)
        return false;
    r->p++;
    return true;
}

static inline void rd_spaces(struct reader *r)
{
    while (r->ok && r->p < r->end && *r->p == ' ')
        r->p++;
}

/* What is left. */
static inline str rd_rest(struct reader *r)
{
    str s = {r->p, r->ok ? rd_left(r) : 0};
    if (r->ok)
        r->p = r->end;
    return s;
}

#endif
