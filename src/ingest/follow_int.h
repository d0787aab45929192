/* SPDX-License-Identifier: Apache-2.0 */
/* follow_int.h - for follow*.c and their tests only.
 *
 *   follow:          looking for files, waiting, and whose turn it is
 *   follow_file:     one file: opened, read, found to be cut or moved
 *   follow_position: how far files were read, as text
 *   follow_state:    what cannot be followed, told and counted */
#ifndef INGEST_FOLLOW_INT_H
#define INGEST_FOLLOW_INT_H

#include "base/sbuf.h"
#include "base/vec.h"
#include "ingest/feed.h"
#include "ingest/follow.h"
#include "os/lock.h"

enum { FOLLOW_HEAD = 1024, FOLLOW_PLACES_MAX = 16, FOLLOW_POSITION_MAX = 4096 };

/* How far one file was read.  As text "inode:device:offset:headhash:line". */
struct follow_place {
    uint64_t inode, device;
    uint64_t offset;
    uint64_t head_hash; /* of the first FOLLOW_HEAD bytes, or of `offset` when that is less */
    uint64_t line;      /* of the byte at offset, from 1 */
};

/* Places of one source stand behind one another, divided by ';'. */
void follow_place_add(struct sbuf *out, const struct follow_place *p);
/* Those in `text`; what cannot be read is left out. */
size_t follow_places_read(str text, struct follow_place out[static FOLLOW_PLACES_MAX]);

struct followed {
    struct followed *next;
    const struct follow_input *input;
    char *path;      /* owned: the name it has, or had */
    bool current;    /* it stands under that name */
    bool seen;       /* in the scan under way */
    bool unreadable; /* compressed, binary, …: kept open so that it is not looked at again */
    int fd;
    uint64_t inode, device;
    uint64_t offset;           /* bytes read */
    struct follow_place place; /* up to which all was handed on */
    char head[FOLLOW_HEAD];
    size_t head_n;
    uint64_t changed_ns; /* when the last byte came */
    struct feed *feed;   /* owned */
};

struct kept_place { /* of an earlier run */
    char *source;   /* owned */
    struct follow_place place;
    bool used;
};

struct follow {
    struct follow_options options;
    struct ingest_sink sink;
    struct followed *first; /* owned; in the order in which they were opened */
    size_t files;
    VEC(struct kept_place) kept;
    struct batch *spare; /* taken from the sink, not filled yet */
    char *buffer;        /* owned */
    int inotify, wake;
    int stop;     /* atomic */
    bool started; /* a scan was done */
    bool too_many_told;
    struct follow_state seen; /* in the scan under way */
    VEC(char *) told;         /* owned paths that the log had; bounded */
    struct lock lock;
    struct follow_state state; /* under the lock */
};

/* Open what stands at `path` as `info` says, from the place where it was left in an earlier run,
 * if it was.  NULL: it cannot be opened, as `err` says. */
struct followed *followed_open(struct follow *f, const struct follow_input *input, const char *path,
                               const struct follow_place *from, bool at_end, struct error *err);
void followed_free(struct followed *file);

/* Does the open file `fd` begin as `p` says? */
bool followed_is(int fd, const struct follow_place *p);

/* `path` is there and cannot be read: for the log, once, and for follow_state. */
void follow_trouble(struct follow *f, const char *path, const char *why);
/* At the end of a scan. */
void follow_sum_up(struct follow *f, bool first);

enum followed_state {
    FOLLOWED_MORE, /* there may be more: its turn is over */
    FOLLOWED_END,  /* all that is there was read, and whole records handed on */
    FOLLOWED_FULL  /* the sink has no room */
};
/* Read on, a while. */
enum followed_state followed_read(struct follow *f, struct followed *file);
/* Nothing will be added: hand on the rest.  False: the sink has no room. */
bool followed_finish(struct follow *f, struct followed *file);
/* Say the position under a new name.  False: the sink has no room. */
bool followed_tell(struct follow *f, struct followed *file);

#endif
