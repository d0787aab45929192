/* SPDX-License-Identifier: Apache-2.0 */
/* batch.h - a run of records from one stream and the events made of them.
 *
 * The unit that moves through the pipeline: a reader fills `bytes` with whole
 * records, a parser turns them into events, detectors read the events.  The
 * batch owns its bytes and its arena; everything an event points to is in one
 * of them.  Batches are recycled: batch_clear keeps the memory.
 *
 * One thread at a time. */
#ifndef EVENT_BATCH_H
#define EVENT_BATCH_H

#include "base/status.h"
#include "event/event.h"

enum { BATCH_REJECTS_KEPT = 8 };

/* A record that could not be read. */
struct reject {
    struct origin origin;
    char text[160]; /* why, with the offending value cut to length */
};

struct batch {
    char *bytes; /* owned */
    size_t n, room;
    uint32_t file;       /* index of the input the bytes are from */
    uint64_t first_line; /* line number of bytes[0]; 0 for binary formats */
    uint64_t sequence;   /* position in the run, from 0; output keeps this order */

    struct arena arena;
    struct event *event; /* owned array, grown by batch_event */
    size_t event_count, event_room;
    struct field *field; /* owned scratch where the current event's fields gather */
    size_t field_count, field_room;

    uint64_t read, rejected;                  /* records; parsed = read - rejected */
    uint64_t dropped;                         /* fields left out because a limit was reached */
    struct reject reject[BATCH_REJECTS_KEPT]; /* the first ones */
};

void batch_init(struct batch *b, size_t arena_cap);
void batch_done(struct batch *b); /* safe when zeroed */
void batch_clear(struct batch *b);

/* Make room for `n` bytes in all, keeping what is there. */
void batch_reserve(struct batch *b, size_t n);

/* Count a record as rejected, keeping the first few with their reason. */
void batch_reject(struct batch *b, struct origin origin, const char *fmt, ...) PRINTF(3, 4);

/* Building an event: begin, add fields, then commit or abandon.
 * An event whose fields the arena cannot hold is rejected by batch_commit.
 * batch_field past `limit` fields answers NULL. */
struct event *batch_begin(struct batch *b, str raw, struct origin origin);
void batch_commit(struct batch *b, struct event *e);

static inline struct field *batch_field(struct batch *b, size_t limit);
struct field *batch_field_grow(struct batch *b);

static inline struct field *batch_field(struct batch *b, size_t limit)
{
    if (b->field_count >= limit)
        return NULL;
    if (UNLIKELY(b->field_count == b->field_room))
        return batch_field_grow(b);
    return &b->field[b->field_count++];
}

#endif
