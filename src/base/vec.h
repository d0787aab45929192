/* SPDX-License-Identifier: Apache-2.0 */
/* vec.h - a growable array of any plain type.
 *
 *     struct { struct thing *at; size_t n, room; } things = {0};
 *     *vec_push(&things) = (struct thing){…};
 *     vec_done(&things);
 *
 * Owner of `at`.  For code that builds; what is read later is copied into an
 * arena.  Bounds on what input can make it hold are the caller's. */
#ifndef BASE_VEC_H
#define BASE_VEC_H

#include "base/mem.h"

#define VEC(type)                                                                                  \
    struct {                                                                                       \
        type *at;                                                                                  \
        size_t n, room;                                                                            \
    }

/* Pointer to a new last element, uninitialised. */
#define vec_push(v)                                                                                \
    ((v)->n < (v)->room                                                                            \
         ? &(v)->at[(v)->n++]                                                                      \
         : ((v)->at = vec_grown((v)->at, &(v)->room, sizeof *(v)->at), &(v)->at[(v)->n++]))

#define vec_done(v) (mem_free((v)->at), (v)->at = NULL, (v)->n = (v)->room = 0)

void *vec_grown(void *at, size_t *room, size_t size);

#endif
