/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hash.h"

#include <sys/auxv.h>

uint64_t hash_seed(void)
{
    static const char place;                                 /* where it is, is hard to guess too */
    const char *random = (const char *)getauxval(AT_RANDOM); /* 16 bytes from the kernel */
    return random ? hash_load64(random) : (uint64_t)(uintptr_t)&place;
}
