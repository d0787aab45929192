/* SPDX-License-Identifier: Apache-2.0 */
#include "event/batch.h"

#include "base/mem.h"

#include <stdarg.h>

void batch_init(struct batch *b, size_t arena_cap)
{
    *b = (struct batch){0};
    arena_init(&b->arena, arena_cap);
}

void batch_done(struct batch *b)
{
    mem_free(b->bytes);
    mem_free(b->event);
    mem_free(b->field);
    arena_done(&b->arena);
    *b = (struct batch){0};
}

void batch_clear(struct batch *b)
{
    arena_clear(&b->arena);
    b->n = 0;
    b->event_count = b->field_count = 0;
    b->first_line = b->read = b->rejected = b->dropped = 0;
}

void batch_reserve(struct batch *b, size_t n)
{
    if (n <= b->room)
        return;
    b->bytes = mem_resize(b->bytes, n);
    b->room = n;
}

void batch_reject(struct batch *b, struct origin origin, const char *fmt, ...)
{
    uint64_t i = b->rejected++;
    if (i >= BATCH_REJECTS_KEPT)
        return;
    b->reject[i].origin = origin;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(b->reject[i].text, sizeof b->reject[i].text, fmt, ap);
    va_end(ap);
}

struct event *batch_begin(struct batch *b, str raw, struct origin origin)
{
    if (b->event_count == b->event_room) {
        b->event_room = b->event_room ? size_mul(b->event_room, 2) : 256;
        b->event = mem_resize(b->event, size_mul(b->event_room, sizeof *b->event));
    }
    b->field_count = 0;
    struct event *e = &b->event[b->event_count];
    *e = (struct event){.raw = raw, .origin = origin, .time_ms = TIME_NONE, .arena = &b->arena};
    return e;
}

void batch_commit(struct batch *b, struct event *e)
{
    size_t size = b->field_count * sizeof *b->field;
    e->field = arena_array(&b->arena, struct field, b->field_count);
    if (!e->field) { /* the arena is sized for the batch, so only absurd input gets here */
        batch_reject(b, e->origin, "the batch takes more than %zu bytes of memory", b->arena.cap);
        return;
    }
    if (size)
        memcpy(e->field, b->field, size);
    e->field_count = (uint32_t)b->field_count;
    b->event_count++;
}

struct field *batch_field_grow(struct batch *b)
{
    b->field_room = b->field_room ? size_mul(b->field_room, 2) : 128;
    b->field = mem_resize(b->field, size_mul(b->field_room, sizeof *b->field));
    return &b->field[b->field_count++];
}
