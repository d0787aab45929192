/* SPDX-License-Identifier: Apache-2.0 */
#include "base/vec.h"

void *vec_grown(void *at, size_t *room, size_t size)
{
    *room = *room ? size_mul(*room, 2) : 8;
    return mem_resize(at, size_mul(*room, size));
}
