/* SPDX-License-Identifier: Apache-2.0 */
/* parse_int.h - for files in parse/ only: what a format supplies and what it is given. */
#ifndef PARSE_PARSE_INT_H
#define PARSE_PARSE_INT_H

#include "parse/parse.h"

/* What a format's functions work with while one batch is parsed. */
struct parse {
    struct dict *dict;
    const struct parse_limits *limits;
    const struct parse_stream *stream;
    struct batch *batch;
    struct event *event;     /* being built; NULL between records */
    uint64_t line;           /* of the current record */
    void *state;             /* the format's own, ops->state_size bytes, zeroed at first use */
    struct json_table *json; /* names met so far, shared by the JSON formats (json_int.h) */
    char why[160];           /* reason, when a record function answers false */
};

struct json_format;

struct parse_ops {
    const char *name;

    /* A format driven by a table (json_int.h), which stands in for `run`, and for `sniff` where
     * there is none.  Optional. */
    const struct json_format *json;

    /* How sure, 0..100, that a stream starting so is of this format.  Required
     * unless `json` has clues.
     * `head` holds whole lines where it can; JSON formats get the first value's text. */
    int (*sniff)(str head);

    /* Turn one record into an event: call parse_begin, add fields, set family, channel,
     * code and time.  False: rejected, reason in p->why, anything begun is dropped.
     * Called for non-blank records within limits->record_bytes, line ends taken off.
     * Required unless `run` or `json` is given. */
    bool (*record)(struct parse *p, str record);

    /* Take over the whole batch (formats that join records or keep their own framing).
     * Optional. */
    void (*run)(struct parse *p);

    /* Header part of a stream's first bytes: lines that start with #.  Optional. */
    str (*header)(str head);

    /* See parse_joins.  Optional. */
    bool (*joins)(str line, str next);

    size_t state_size;               /* 0: none */
    void (*state_done)(void *state); /* optional */
};

#define X(NAME, name, framing, doc) extern const struct parse_ops parse_##NAME;
#include "parse/format.def"

/* A record format takes over with `run` counts each of its records once in batch->read and
 * ends it with one of these: the event begun is kept, or p->why is reported. */
void parse_keep(struct parse *p);
void parse_drop(struct parse *p);

/* Parse one record as parser_run does for formats without `run`: counted, limited, kept or
 * rejected.  p->line is its line.  For a `run` that only has its own framing. */
void parse_one(struct parse *p, const struct parse_ops *ops, str record);

/* Where the record begun stands. */
struct origin parse_origin(const struct parse *p);

/* Start the event of a record. Its time is TIME_NONE, its family the stream's. */
struct event *parse_begin(struct parse *p, str raw);

/* Append a field.  Past the limit the field is left out and counted in batch->dropped. */
void parse_add(struct parse *p, field_id id, str value); /* a string */
void parse_add_kind(struct parse *p, field_id id, str value, enum value_kind kind, unsigned flags);

/* Append under the id that the event's family gives `name`. For names met in the data. */
void parse_add_name(struct parse *p, enum family family, str name, str value);

/* Text that outlives the record but not the batch; p NULL past the arena's cap. */
str parse_copy(struct parse *p, str s);

/* Set p->why and answer false:  return parse_refuse(p, "no time in '%.40s'", …); */
bool parse_refuse(struct parse *p, const char *fmt, ...) PRINTF(2, 3);

#endif
