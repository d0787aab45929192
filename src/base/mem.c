/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

static void *or_abort(void *p, size_t size)
{
    if (!p) {
        fprintf(stderr, "bguard: out of memory (%zu bytes wanted)\n", size);
        abort();
    }
    return p;
}

void *mem_zero(size_t size)
{
    return or_abort(calloc(1, size ? size : 1), size);
}

void *mem_resize(void *p, size_t size)
{
    return or_abort(realloc(p, size ? size : 1), size);
}

void *mem_aligned(size_t align, size_t size)
{
    void *p = NULL;
    if (posix_memalign(&p, align, size ? size : align) != 0)
        p = NULL;
    return or_abort(p, size);
}

void mem_free(void *p)
{
    free(p);
}

void mem_return_large(void)
{
    enum { LARGE = 4 << 20 };
    /* Either is refused never, and if it were nothing would be wrong. */
    (void)mallopt(M_MMAP_THRESHOLD, LARGE);
    (void)mallopt(M_TRIM_THRESHOLD, 2 * LARGE);
}

void mem_return_free(void)
{
    (void)malloc_trim(0);
}

size_t size_add(size_t a, size_t b)
{
    size_t sum;
    if (__builtin_add_overflow(a, b, &sum))
        abort();
    return sum;
}

size_t size_mul(size_t a, size_t b)
{
    size_t product;
    if (__builtin_mul_overflow(a, b, &product))
        abort();
    return product;
}
