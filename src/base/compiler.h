/* SPDX-License-Identifier: Apache-2.0 */
/* compiler.h - the few compiler extensions we rely on, named once. */
#ifndef BASE_COMPILER_H
#define BASE_COMPILER_H

#define CHECKED      __attribute__((warn_unused_result))
#define PRINTF(f, a) __attribute__((format(printf, f, a)))
#define CLEANUP(fn)  __attribute__((cleanup(fn)))
#define LIKELY(x)    __builtin_expect(!!(x), 1)
#define UNLIKELY(x)  __builtin_expect(!!(x), 0)

/* Length of a true array. */
#define COUNT(a) (sizeof(a) / sizeof *(a))

#endif
