/* SPDX-License-Identifier: Apache-2.0 */
/* sbuf.h - growable text with a maximum, and a failure that sticks.
 *
 * Write straight through and test `sbuf_full` once at the end: past `cap`
 * nothing more is added.  Always NUL terminated; owner of its bytes. */
#ifndef BASE_SBUF_H
#define BASE_SBUF_H

#include "base/compiler.h"
#include "base/str.h"

struct sbuf {
    char *p; /* owned; NULL while empty */
    size_t n, room, cap;
    bool full; /* something did not fit */
};

void sbuf_init(struct sbuf *b, size_t cap);
void sbuf_done(struct sbuf *b);  /* safe when zeroed */
void sbuf_clear(struct sbuf *b); /* empty, keeps its memory */

void sbuf_add(struct sbuf *b, str s);
void sbuf_addz(struct sbuf *b, const char *z);
void sbuf_addc(struct sbuf *b, char c);
void sbuf_addf(struct sbuf *b, const char *fmt, ...) PRINTF(2, 3);

/* Room for `n` more bytes to be written at the returned place, then counted
 * with sbuf_grew; NULL (and full) past cap. */
char *sbuf_space(struct sbuf *b, size_t n);
void sbuf_grew(struct sbuf *b, size_t n);

static inline str sbuf_str(const struct sbuf *b)
{
    return (str){b->p, b->n};
}

#endif
