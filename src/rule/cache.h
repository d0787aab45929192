/* SPDX-License-Identifier: Apache-2.0 */
/* cache.h - for files in rule/ only: a compiled set, kept in a file between runs.
 *
 * The file holds the image as it stands, the problems, and the matcher's
 * serialised databases.  It is named after the paths it was made from and
 * keyed by the program, the options and the content of every rule file.
 *
 * It is used only from a folder and a file that are ours and that nobody else
 * may write, and then still checked: a checksum against accident, and every
 * index and offset against worse.  Whatever is wrong with it, the rules are
 * read afresh.  (The databases are Vectorscan's to check, which it does with a
 * checksum only; that is why the folder must be ours.) */
#ifndef RULE_CACHE_H
#define RULE_CACHE_H

#include "rule/files.h"
#include "rule/rule_int.h"

struct cache {
    int folder;    /* -1: not to be used */
    char name[40]; /* of the file */
    uint64_t key;  /* of what it must hold */
    char *map;     /* owned: the file, mapped; NULL: none */
    size_t map_size;
    str databases; /* in map */
};

/* Opens `options->cache_dir` (made 0700 when absent) and works out name and key.  Always to be
 * closed, used or not. */
void cache_open(struct cache *c, const struct rule_options *options, const char *const *path,
                size_t count, const struct rule_files *files);
void cache_close(struct cache *c);

/* Fill the empty `set` (image, problems) and c->databases; false, with `set` as it was, when
 * there is no good file. */
bool cache_load(struct cache *c, struct rule_set *set);

/* Write the built `set`.  A failure is nobody's loss: the next run reads the rules afresh. */
void cache_save(struct cache *c, const struct rule_set *set);

#endif
