/* SPDX-License-Identifier: Apache-2.0 */
/* test.h - what every unit test includes: cmocka, with the headers it wants
 * first, and a skip that says why. */
#ifndef TESTS_TEST_H
#define TESTS_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

/* fail() is ours, in base/status.h; cmocka's fail_msg would call it. */
#undef fail
#undef fail_msg
#define fail_msg(...)                                                                              \
    do {                                                                                           \
        print_error(__VA_ARGS__);                                                                  \
        print_error("\n");                                                                         \
        _fail(__FILE__, __LINE__);                                                                 \
    } while (0)

/* Skip the running test; scripts/run-tests lists the reason. */
#define SKIP_BECAUSE(why)                                                                          \
    do {                                                                                           \
        print_message("skip: %s\n", why);                                                          \
        skip();                                                                                    \
    } while (0)

/* The folder of public data, or NULL where there is none. */
static inline const char *test_data_dir(void)
{
    return getenv("BGUARD_DATA");
}

#endif
