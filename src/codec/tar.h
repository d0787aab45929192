/* SPDX-License-Identifier: Apache-2.0 */
/* tar.h - the regular files of a tar archive that is in memory (POSIX.1-2017, pax: ustar Interchange Format; GNU's long
 * names and base-256 sizes).  Everything else in it (links, devices, folders) is passed over.  One thread at a time. */
#ifndef CODEC_TAR_H
#define CODEC_TAR_H

#include "base/status.h"
#include "base/str.h"

enum { TAR_NAME_MAX = 512 };
struct tar {
    str rest; /* borrowed */
    char name[TAR_NAME_MAX];
};
struct tar_entry {
    str name;  /* cut to TAR_NAME_MAX - 1 bytes; valid until the next tar_next */
    str bytes; /* borrowed from the archive */
};

/* By the magic of its first header. */
bool tar_is(str head);
void tar_init(struct tar *t, str archive);
/* The next regular file.  ST_NOT_FOUND: no more (err untouched).  ST_INVALID: a header's checksum is wrong, or the archive is
 * cut short. */
CHECKED status tar_next(struct tar *t, struct tar_entry *out, struct error *err);

#endif
