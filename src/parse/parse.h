/* SPDX-License-Identifier: Apache-2.0 */
/* parse.h - bytes to events.
 *
 * A stream (one file, one connection) has one format, found by looking at its
 * first bytes or given by the user.  What a batch's records depend on besides
 * their own bytes (a Zeek header, the year a syslog line leaves out) is known
 * when it is read, so any worker can parse any batch.
 *
 * To add a format: one parse_NAME.c, one line in format.def, one test.
 *
 * A parser is used by one thread at a time; a stream is immutable. */
#ifndef PARSE_PARSE_H
#define PARSE_PARSE_H

#include "base/sbuf.h"
#include "base/status.h"
#include "event/batch.h"
#include "event/dict.h"

enum parse_format {
#define X(NAME, name, framing, doc) PARSE_##NAME,
#include "parse/format.def"
    PARSE_FORMAT_COUNT
};

enum parse_framing {
    FRAME_LINE, /* a record is a line */
    FRAME_JSON, /* a record is a JSON value: a line, pretty-printed, or an element of an array */
    FRAME_XML   /* a record is an <Event> element; .evtx is turned into these by the reader */
};

struct parse_limits {
    size_t record_bytes; /* longest record; default 1 MiB */
    size_t depth;        /* JSON nesting; default 64 */
    size_t fields;       /* fields of one event; default 4,096 */
};
extern const struct parse_limits parse_limits_default;

struct parse_stream {
    enum parse_format format;
    int64_t now_ms;     /* stands in for the year a record leaves out */
    str header;         /* lines that say how to read the rest (Zeek's #…); may be empty */
    enum family family; /* family the user forced with a log source, or FAMILY_UNKNOWN */
    str channel;        /* likewise */
};

const char *parse_format_name(enum parse_format f);
const char *parse_format_doc(enum parse_format f);
enum parse_framing parse_framing_of(enum parse_format f);
bool parse_format_find(str name, enum parse_format *out);

/* Best guess for a stream that starts with `head` (up to 64 KiB is looked at).
 * Always answers: at worst PARSE_text. */
enum parse_format parse_sniff(str head);

/* How a JSON stream that starts with `head` holds its records. */
struct parse_layout {
    size_t skip;   /* bytes before the first record: white space, a byte order mark, `[`, and a
                    * wrapper such as {"Records":[ */
    bool in_array; /* records are elements: `]` ends them, and what follows it is no record */
    bool lines;    /* the first record ends on the line it starts on, and a line end follows it, so
                    * cutting at line ends is safe */
};
struct parse_layout parse_json_layout(str head);

/* Both at once, for half of what they cost one after the other.  *layout means nothing when the
 * answer is no JSON format. */
enum parse_format parse_sniff_layout(str head, struct parse_layout *layout);

/* The part of `head` that is header for `format` (see struct parse_stream); often empty. */
str parse_header(enum parse_format format, str head);

/* Header lines among `bytes`, whole records of a stream whose header was `before`, change how what
 * follows them is read.  True: *out, empty before, is the header from there on.  False: it stays
 * as it was, or does not fit into out's cap. */
bool parse_header_follow(enum parse_format format, str before, str bytes, struct sbuf *out);

struct parser; /* opaque: scratch and per-worker tables */
struct parser *parser_new(struct dict *dict, const struct parse_limits *limits);
void parser_free(struct parser *p); /* NULL is fine */

/* Parse the whole records in b->bytes.  Adds to b->event, b->read, b->rejected,
 * b->dropped; never fails as a whole.  b->n must hold whole records.  Between JSON values
 * white space, commas and brackets are passed over.  Blank lines are no records. */
void parser_run(struct parser *p, const struct parse_stream *stream, struct batch *b);

/* True when `next` belongs to the same record group as `line` (audit lines of one event), so
 * that a reader must not cut a batch between them.  False for formats without groups. */
bool parse_joins(enum parse_format format, str line, str next);

#endif
