/* SPDX-License-Identifier: Apache-2.0 */
#include "base/sbuf.h"

#include "base/mem.h"

#include <assert.h>
#include <stdarg.h>

void sbuf_init(struct sbuf *b, size_t cap)
{
    *b = (struct sbuf){.cap = cap};
}

void sbuf_done(struct sbuf *b)
{
    mem_free(b->p);
    *b = (struct sbuf){.cap = b->cap};
}

void sbuf_clear(struct sbuf *b)
{
    b->n = 0;
    b->full = false;
    if (b->p)
        b->p[0] = '\0';
}

char *sbuf_space(struct sbuf *b, size_t n)
{
    if (b->full || n > b->cap - b->n) {
        b->full = true;
        return NULL;
    }
    if (b->n + n + 1 > b->room) {
        size_t room = b->room ? b->room * 2 : 256;
        while (room < b->n + n + 1)
            room *= 2;
        b->p = mem_resize(b->p, room);
        b->room = room;
    }
    return b->p + b->n;
}

void sbuf_grew(struct sbuf *b, size_t n)
{
    assert(b->n + n < b->room);
    b->n += n;
    b->p[b->n] = '\0';
}

void sbuf_add(struct sbuf *b, str s)
{
    char *to = sbuf_space(b, s.n);
    if (!to)
        return;
    if (s.n)
        memcpy(to, s.p, s.n);
    sbuf_grew(b, s.n);
}

void sbuf_addz(struct sbuf *b, const char *z)
{
    sbuf_add(b, str_z(z));
}

void sbuf_addc(struct sbuf *b, char c)
{
    sbuf_add(b, (str){&c, 1});
}

void sbuf_addf(struct sbuf *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    assert(n >= 0);
    char *to = sbuf_space(b, (size_t)n);
    if (!to)
        return;
    va_start(ap, fmt);
    vsnprintf(to, (size_t)n + 1, fmt, ap);
    va_end(ap);
    sbuf_grew(b, (size_t)n);
}
