/* SPDX-License-Identifier: Apache-2.0 */
/* ingest_int.h - for files in ingest/ only.
 *
 *   walk:   paths to a list of inputs
 *   source: an input to text: opened, decompressed, UTF-16 turned into UTF-8
 *   cutter: where whole records end in the text read so far
 *   records: binary logs, whose records come one by one
 *   feed:   one input, from a source to batches
 *   ingest: one input after the other */
#ifndef INGEST_INGEST_INT_H
#define INGEST_INGEST_INT_H

#include "base/sbuf.h"
#include "base/vec.h"
#include "codec/decompress.h"
#include "codec/json_frame.h"
#include "ingest/feed.h"
#include "ingest/ingest.h"

/* ---- problems ---- */

enum { PROBLEMS_MAX = 1024 };

/* The first ones; when there are more, the last kept says how many. */
struct problems {
    VEC(struct ingest_problem) kept;
    uint64_t count;
};

/* `path` is borrowed. */
void problem_add(struct problems *p, const char *path, const char *fmt, ...) PRINTF(3, 4);

/* ---- inputs ---- */

enum { WALK_DEPTH_MAX = 64, WALK_PATHS_MAX_BYTES = 512 * 1024 * 1024 };

struct input {
    const char *path; /* lives in the list's arena */
    uint64_t size;    /* bytes as stored; 0 when that cannot be told */
    bool given;       /* named by the user, so anything that can be read will do */
    bool regular;     /* its size is known and all there */
};

struct input_list {
    VEC(struct input) file;
    struct arena arena;
};

void input_list_init(struct input_list *l);
void input_list_done(struct input_list *l);

/* Add `path`, and what is below it when it is a folder: in name order, hidden entries left out,
 * a folder that contains itself entered once.  Entries that are no files become problems.
 * ST_NOT_FOUND, ST_IO: `path` itself; ST_LIMIT: more names than WALK_PATHS_MAX_BYTES. */
CHECKED status input_list_add(struct input_list *l, const char *path, struct problems *problems,
                              struct error *err);

/* ---- text ---- */

enum source_state {
    SOURCE_DATA, /* there is something */
    SOURCE_IDLE, /* a pipe that has nothing just now */
    SOURCE_END,
    SOURCE_BAD /* cannot be read further: err says why, once; the text before it is good */
};

enum source_encoding { ENCODING_UNKNOWN, ENCODING_BYTES, ENCODING_UTF16LE, ENCODING_UTF16BE };

enum { SOURCE_ROOM_MIN = 64, SOURCE_BUFFER = 64 * 1024 };

struct source {
    int fd;
    bool waits;               /* not a regular file: reading may block */
    bool memory, offered_all; /* no file, but `offered`; nothing will come after it */
    str offered;              /* borrowed: not taken yet */
    bool looked;              /* how it is stored is known */
    enum source_encoding encoding;
    struct decompress *decompress; /* owned; NULL when stored plain */
    char *stored;                  /* owned, SOURCE_BUFFER: bytes of the file not used yet */
    size_t stored_at, stored_n;
    char *wide; /* owned, SOURCE_BUFFER: UTF-16 not turned yet; NULL until needed */
    size_t wide_n;
    bool stored_end;              /* the file has no more bytes */
    enum source_state state;      /* not SOURCE_DATA: what the next read answers */
    struct error why;             /* of SOURCE_BAD */
    uint64_t bytes_in, bytes_out; /* read from the file; decompressed */
};

/* All-zero is a valid source that was never opened; its buffers serve one input after the other. */
CHECKED status source_open(struct source *s, const struct input *input, struct error *err);
/* A source of what is put into s->offered; the same source may be opened so again and again.
 * Reading never waits: SOURCE_IDLE when all of it was taken and more is to come. */
void source_open_memory(struct source *s);
/* It is neither compressed nor UTF-16, whatever its first bytes are. */
void source_set_plain(struct source *s);
void source_close(struct source *s);
void source_done(struct source *s);

/* Up to `room` (at least SOURCE_ROOM_MIN) bytes of text, *n of them when SOURCE_DATA.
 * Waits for a pipe at most `patience_ms`. */
enum source_state source_read(struct source *s, char *out, size_t room, int patience_ms, size_t *n,
                              struct error *err);

/* What files starting with `head` are that we do not read, with what to do about it; NULL when
 * nothing is known against them. */
const char *source_refusal(str head);

/* ---- binary logs ---- */

struct evtx;
struct records {
    struct evtx *log;    /* owned; NULL: none is open */
    bool collecting;     /* a log that is not in `bytes` yet, not all of it */
    struct sbuf bytes;   /* the log, where it is not a plain file */
    uint64_t size, done; /* bytes as stored; records read */
};

/* Does a file that starts with `head` hold such records? */
bool records_known(str head);

/* `head` of the log has been read; `input` NULL: from memory.  A log that is no plain file is
 * collected first.  ST_INVALID, ST_IO: cannot be read, err says why. */
CHECKED status records_open(struct records *r, const struct input *input, bool packed, str head,
                            struct error *err);
/* More of what is collected.  SOURCE_IDLE: it is not all there yet; SOURCE_END: it is, and open;
 * SOURCE_BAD: err says why. */
enum source_state records_collect(struct records *r, struct source *source, struct error *err);
void records_close(struct records *r); /* safe when zeroed */

/* Add records to `b` until it holds `want` bytes; false when there are no more. */
bool records_fill(struct records *r, struct batch *b, size_t want, size_t record_max);

/* How far that is in the file. */
uint64_t records_bytes_done(const struct records *r);

/* ---- cutting text ---- */

/* Brackets counted over bytes that are not kept. */
struct json_balance {
    uint32_t depth;
    bool in_string, after_backslash;
};

enum json_place { JSON_BETWEEN, JSON_IN_VALUE, JSON_IN_TAIL };

struct cutter {
    enum parse_framing framing;
    enum parse_format format;
    size_t record_max;
    /* FRAME_JSON */
    bool values; /* cut between values; else between lines */
    bool wraps;  /* objects like {"Records": [...]} stand for what is in them */
    bool in_array, in_wrapper;
    enum json_place place;
    struct json_frame frame;
    struct json_balance balance; /* of a wrapper's tail, or of a value that is skipped */
    bool skip_scalar;            /* the value skipped is no container and no string */
    unsigned restarts;           /* since the last whole value */
};

/* For a stream of `format` that begins with `head`; `layout` of it counts when that is JSON. */
void cutter_init(struct cutter *c, enum parse_format format, size_t record_max, str head,
                 const struct parse_layout *layout);

/* How many of b's bytes are whole records: what follows must come again, at the front of the
 * next buffer.  `last`: nothing will follow, and all counts as whole; `hurry`: more may be long in
 * coming.  JSON brackets and commas between records are blanked out. */
size_t cutter_whole(struct cutter *c, struct batch *b, bool last, bool hurry);

/* b's bytes are the start of a record that is too long.  True: something to cut was found
 * after all; false: cutter_skip now.  Either way the record has been counted as rejected. */
bool cutter_give_up(struct cutter *c, struct batch *b);

/* How many of the bytes belong to the record given up; *found when its end is among them.  What
 * is left must come again. */
size_t cutter_skip(struct cutter *c, str bytes, bool *found);

/* Framings.  json: see cut_json.c. */
void cut_json_init(struct cutter *c, str head, const struct parse_layout *layout);
size_t cut_json(struct cutter *c, struct batch *b, bool last);
bool cut_json_give_up(struct cutter *c, struct batch *b);
size_t cut_json_skip(struct cutter *c, str bytes, bool *found);

/* ---- one input ---- */

struct feed {
    struct feed_options options;
    const struct input *input; /* borrowed; NULL: memory */
    struct source source;
    struct records records; /* open: no text, but a binary log */
    struct cutter cutter;
    struct parse_stream stream;
    struct sbuf header;     /* of stream */
    struct sbuf new_header; /* to be followed from the next batch on */
    struct batch text;      /* bytes, lines and rejects not handed out; no events.  `n` is what is
                             * looked at, a whole number of wants: the same however it comes */
    size_t total;           /* bytes there are */
    size_t want;            /* bytes to look at next */
    bool begun;             /* stream and cutter are set */
    bool idle;              /* the source had nothing just now */
    bool ended;             /* all that will come is here */
    bool skipping;          /* inside a record that is too long */
    struct error why;       /* code ST_OK: all is well */
};

/* In place of feed_new and feed_free; all-zero is fine for both. */
void feed_done(struct feed *f);
/* The input of feed_next is a file: its bytes go straight from there to the batch.  Fails as
 * source_open does. */
CHECKED status feed_begin_file(struct feed *f, const struct feed_options *options,
                               const struct input *input, struct error *err);
void feed_end_file(struct feed *f);

/* Line feeds in `s`, and the line that byte `at` of the batch is on. */
uint64_t count_lines(str s);
uint64_t count_lines_plain(str s);
uint64_t line_at(const struct batch *b, size_t at);

#endif
