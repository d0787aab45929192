/* SPDX-License-Identifier: Apache-2.0 */
/* arena.h - memory that dies together.
 *
 * An arena is the unit of ownership: one per request, per event batch, per
 * compiled rule set.  Nothing in it is freed singly.  Running out of machine
 * memory aborts; running past `cap` returns NULL, because only input can
 * cause that and input is somebody's to refuse.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/str.h"

#include <stdalign.h>

struct arena_block;
struct arena {
    struct arena_block *head; /* owned; newest first */
    size_t used, cap;         /* bytes handed out, most allowed */
};

void arena_init(struct arena *a, size_t cap);
void arena_done(struct arena *a);  /* safe when zeroed */
void arena_clear(struct arena *a); /* empty; keeps one block for reuse */

/* `n` zeroed objects of `size` bytes, or NULL past cap. */
void *arena_alloc(struct arena *a, size_t n, size_t size, size_t align);

/* `n` bytes, not zeroed, unaligned; NULL past cap. */
char *arena_bytes(struct arena *a, size_t n);

/* A copy of `s`, with a NUL after it that is not counted; its p is NULL past cap. */
str arena_str(struct arena *a, str s);

/* printf into the arena; p is NULL past cap. */
str arena_fmt(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define arena_array(a, type, n) ((type *)arena_alloc((a), (n), sizeof(type), alignof(type)))
#define arena_new(a, type)      arena_array(a, type, 1)

#endif
