/* SPDX-License-Identifier: Apache-2.0 */
/* uid.h - ids that sort by the time they were made: ULID (github.com/ulid/spec), 48 bits of Unix
 * milliseconds and 80 random ones in Crockford's base 32. Thread-safe. */
#ifndef OS_UID_H
#define OS_UID_H

#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

enum { UID_LEN = 26, UID_SIZE = UID_LEN + 1 };

/* Increases strictly within the process, whatever the clock does. */
void uid_new(int64_t now_ms, char out[static UID_SIZE]);
bool uid_valid(str s);
/* When a valid id was made, Unix ms; and the least id that can be made then. */
int64_t uid_ms(const char *id);
void uid_least(int64_t ms, char out[static UID_SIZE]);

#endif
