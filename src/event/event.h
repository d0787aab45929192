/* SPDX-License-Identifier: Apache-2.0 */
/* event.h - one thing that happened, whatever wrote it down.
 *
 * An event is a flat list of (field id, value).  Values are slices of the
 * batch's input bytes; nothing is copied to make one.  JSON text that contains
 * backslashes is kept as it was read and decoded only when somebody looks
 * (event_text), because most fields of most events are never looked at.
 *
 * A field id may stand more than once: lists have one entry per element, and
 * a match on any of them is a match.
 *
 * One thread at a time; an event lives as long as its batch's bytes and arena. */
#ifndef EVENT_EVENT_H
#define EVENT_EVENT_H

#include "base/arena.h"
#include "base/str.h"

enum family {
#define X(NAME, name, doc) FAMILY_##NAME,
#include "event/family.def"
    FAMILY_COUNT
};

enum field_type { FIELD_KEYWORD, FIELD_TEXT, FIELD_LONG, FIELD_IP, FIELD_DATE };

/* Ids below FIELD_KNOWN are ECS fields; the rest are interned names. */
typedef uint16_t field_id;
enum field_known {
#define X(NAME, name, TYPE, doc) FIELD_##NAME,
#include "event/field.def"
    FIELD_KNOWN,
    FIELD_ID_MAX = 0xfffe,
    FIELD_OVERFLOW = 0xffff /* names past the dictionary's limit share this one */
};

enum value_kind { VALUE_NULL, VALUE_BOOL, VALUE_NUMBER, VALUE_STRING };

enum field_flag {
    FIELD_ESCAPED = 1 << 0, /* text is JSON-escaped; read it with event_text */
    FIELD_COPY = 1 << 1,    /* a second name for the value before it: not for display */
    FIELD_DERIVED = 1 << 2  /* computed by us, not in the record */
};

struct field {
    const char *p; /* borrowed from the batch; "true"/"false" for booleans */
    uint32_t n;
    field_id id;
    uint8_t kind; /* enum value_kind */
    uint8_t flags;
};

struct origin {
    uint32_t file;   /* index in the run's list of inputs */
    uint32_t record; /* EVTX record id; 0 where `line` tells the place */
    uint64_t line;   /* 1-based line the record starts on; 0 for binary formats */
};

struct event {
    struct field *field; /* lives in the batch */
    uint32_t field_count;
    uint8_t family;  /* enum family */
    uint8_t format;  /* enum parse_format */
    str channel;     /* log within the family, such as "Security" or "dns"; may be empty */
    str code;        /* event number within the channel; may be empty */
    str raw;         /* the record's bytes; empty for binary formats */
    int64_t time_ms; /* Unix ms; TIME_NONE when the record has none */
    struct origin origin;
    struct arena *arena; /* the batch's: decoded text goes here */
};

#define TIME_NONE INT64_MIN

/* The value's text, decoded on first use (the field is rewritten in place).
 * Null is empty.  Text past the arena's cap comes back undecoded. */
str event_text_slow(struct event *e, struct field *f);

static inline str event_text(struct event *e, struct field *f)
{
    if (f->flags & FIELD_ESCAPED)
        return event_text_slow(e, f);
    return (str){f->p, f->n};
}

/* First field with `id`, or NULL. */
struct field *event_find(const struct event *e, field_id id);

/* Text of the first field with `id`, or empty. */
str event_get(struct event *e, field_id id);

/* The stable id of an event: 16 hex digits over its raw bytes, or over its fields when
 * it has none.  The same record has the same id in every run. */
enum { EVENT_ID_LEN = 16 };
void event_id(struct event *e, char out[static EVENT_ID_LEN + 1]);

const char *family_name(enum family f);
/* FAMILY_UNKNOWN when `name` is none. */
enum family family_find(str name);

#endif
