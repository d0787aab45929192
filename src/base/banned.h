/* SPDX-License-Identifier: Apache-2.0 */
/* banned.h - calls that do not bound, do not report, or are not thread-safe.
 * Included last by base/str.h, so nearly everywhere; scripts/lint looks too. */
#ifndef BASE_BANNED_H
#define BASE_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#pragma GCC poison strcpy strcat sprintf vsprintf strncpy strncat strtok
#pragma GCC poison gets atoi atol atoll atof gmtime localtime ctime asctime
#pragma GCC poison rand srand popen mktemp tmpnam

#endif
