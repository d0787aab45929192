/* SPDX-License-Identifier: Apache-2.0 */
/* data.h - the folder that holds everything the service keeps. */
#ifndef APP_DATA_H
#define APP_DATA_H

#include "base/arena.h"
#include "base/status.h"

struct data_folder {
    const char *path; /* absolute or as given; lives in the arena */
    int lock;         /* of the file `lock` in it; -1: none */
};

/* Choose (`wanted` empty: /var/lib/bguard for root, else the user's data folder), make (0700, unless it is there) and lock.
 * ST_CONFLICT: another process has it.  ST_IO: cannot be made or written to. */
CHECKED status data_open(struct data_folder *d, const char *wanted,
                         char *(*environment)(const char *), struct arena *a, struct error *err);
void data_close(struct data_folder *d);

/* "PATH/name", in the arena. */
const char *data_path(const struct data_folder *d, struct arena *a, const char *name);

#endif
