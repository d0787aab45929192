/* SPDX-License-Identifier: Apache-2.0 */
/* files.h - for files in rule/ only: the rule files below some paths, read into memory. */
#ifndef RULE_FILES_H
#define RULE_FILES_H

#include "base/arena.h"
#include "base/status.h"
#include "base/vec.h"

enum { RULE_FILE_MAX = 1 << 20 }; /* bytes of one file */

struct rule_file {
    str path, text;      /* in the arena */
    const char *problem; /* why it could not be read, or NULL; static or in the arena */
};

struct rule_files {
    struct arena arena;
    VEC(struct rule_file) file; /* owned; in the order of the paths, folders in name order */
};

/* Every file once, however many paths lead to it.  ST_NOT_FOUND: a path does not exist.
 * ST_LIMIT: more than `max_bytes`. */
CHECKED status rule_files_read(struct rule_files *f, const char *const *path, size_t count,
                               size_t max_bytes, struct error *err);
void rule_files_done(struct rule_files *f); /* safe when zeroed */

#endif
