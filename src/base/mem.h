/* SPDX-License-Identifier: Apache-2.0 */
/* mem.h - the only door to the heap.  Never returns NULL: out of memory aborts. */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>

void *mem_zero(size_t size);                  /* zeroed */
void *mem_resize(void *p, size_t size);       /* contents kept, growth not zeroed */
void *mem_aligned(size_t align, size_t size); /* not zeroed; free with mem_free */
void mem_free(void *p);                       /* NULL is fine */

/* For a process that runs for long: blocks past some MiB go back to the system when they are freed.  Else the allocator
 * keeps as much as the largest block there ever was: that of one login, say.  At the start, before other threads. */
void mem_return_large(void);
/* Give back what is free.  Takes some milliseconds: after something large was built. */
void mem_return_free(void);

/* Sums and products of sizes; overflow aborts. */
size_t size_add(size_t a, size_t b);
size_t size_mul(size_t a, size_t b);

#define mem_new(type)      ((type *)mem_zero(sizeof(type)))
#define mem_array(type, n) ((type *)mem_zero(size_mul(sizeof(type), (n))))

#endif
