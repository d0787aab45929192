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

#undef fail /* ours is in base/status.h; tests have fail_msg */

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
