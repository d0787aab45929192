/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include "base/mem.h"

#include <assert.h>
#include <stdarg.h>

enum { BLOCK_SIZE = 64 * 1024 };

struct arena_block {
    struct arena_block *next;
    size_t used, size;
    max_align_t bytes[];
};

void arena_init(struct arena *a, size_t cap)
{
    *a = (struct arena){.cap = cap};
}

static void free_blocks(struct arena_block *b)
{
    while (b) {
        struct arena_block *next = b->next;
        mem_free(b);
        b = next;
    }
}

void arena_done(struct arena *a)
{
    free_blocks(a->head);
    a->head = NULL;
    a->used = 0;
}

void arena_clear(struct arena *a)
{
    if (a->head) {
        free_blocks(a->head->next);
        a->head->next = NULL;
        a->head->used = 0;
    }
    a->used = 0;
}

/* Blocks double up to 16 times the first, so a big arena has few of them. */
static struct arena_block *block_new(struct arena *a, size_t size)
{
    size_t want = a->head ? a->head->size * 2 : BLOCK_SIZE;
    if (want > (size_t)BLOCK_SIZE * 16)
        want = (size_t)BLOCK_SIZE * 16;
    if (want < size)
        want = size;
    struct arena_block *b = mem_aligned(alignof(max_align_t), size_add(sizeof *b, want));
    *b = (struct arena_block){.next = a->head, .size = want};
    a->head = b;
    return b;
}

static void *take(struct arena *a, size_t size, size_t align)
{
    if (size > a->cap - a->used)
        return NULL;
    struct arena_block *b = a->head;
    size_t at = b ? (b->used + align - 1) & ~(align - 1) : 0;
    if (!b || at > b->size || size > b->size - at) {
        b = block_new(a, size);
        at = 0;
    }
    b->used = at + size;
    a->used += size;
    return (char *)b->bytes + at;
}

void *arena_alloc(struct arena *a, size_t n, size_t size, size_t align)
{
    assert(align != 0 && (align & (align - 1)) == 0 && align <= alignof(max_align_t));
    size_t total;
    if (__builtin_mul_overflow(n, size, &total))
        return NULL;
    void *p = take(a, total, align);
    if (p)
        memset(p, 0, total);
    return p;
}

char *arena_bytes(struct arena *a, size_t n)
{
    return take(a, n, 1);
}

str arena_str(struct arena *a, str s)
{
    char *p = s.n < SIZE_MAX ? take(a, s.n + 1, 1) : NULL;
    if (!p)
        return (str){NULL, 0};
    if (s.n)
        memcpy(p, s.p, s.n);
    p[s.n] = '\0';
    return (str){p, s.n};
}

str arena_fmt(struct arena *a, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    assert(n >= 0);
    char *p = take(a, (size_t)n + 1, 1);
    if (!p)
        return (str){NULL, 0};
    va_start(ap, fmt);
    vsnprintf(p, (size_t)n + 1, fmt, ap);
    va_end(ap);
    return (str){p, (size_t)n};
}
