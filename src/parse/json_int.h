/* SPDX-License-Identifier: Apache-2.0 */
/* json_int.h - for the JSON formats in parse/ only: a record to an event, driven by a table.
 *
 * A record is walked token by token.  Each (parent, key) met is a node that remembers what to do
 * with values found there, so the names are put together and looked up once, not once an event.
 * Nodes are found by guessing the one that followed last time, else in a hash table.
 *
 *   {"Event":{"System":{"EventID":1}}}     root ─ Event ─ System ─ EventID: file as event.code,
 *                                                 strip   strip    and put into the code slot
 *
 * What a name means is data: a format is a table of rows.  A name without a row is filed under the
 * dotted path of its keys, as the event's family calls it (dict_resolve).  Elements of arrays are
 * filed under the array's name, so objects in arrays give the same names again.  With JSON_WHOLE,
 * a container that holds more than plain elements is also filed as text under its own name, for
 * rules that search it (`requestParameters|contains`): one slice, marked FIELD_COPY, down to the
 * fourth level.
 *
 * A table belongs to one parser and is bounded; names beyond it are worked out each time. */
#ifndef PARSE_JSON_INT_H
#define PARSE_JSON_INT_H

#include "codec/json_scan.h"
#include "parse/parse_int.h"

/* Values a format wants to see again when the record is complete; the first one is kept. */
enum json_slot {
    JSON_SLOT_NONE,
    JSON_TIME, /* the event's time is the first of these that is one */
    JSON_TIME_2,
    JSON_TIME_3,
    JSON_TIME_4,
    JSON_CHANNEL, /* becomes the event's channel */
    JSON_CODE,    /* becomes the event's code */
    JSON_URL,     /* is taken apart, see parse_add_url */
    JSON_HASHES,  /* likewise, see parse_add_hashes */
    JSON_OWN,     /* first of the format's own */
    JSON_SLOT_MAX = 32
};

enum json_row_flag {
    JSON_STRIP = 1 << 0, /* what is inside is named without this name */
    JSON_SKIP = 1 << 1,  /* leave it out, with all that is inside */
    JSON_PAIR = 1 << 2,  /* objects here are {name, value}: file values beside this by that name */
    JSON_NAME = 1 << 3,  /* the name of such a pair */
    JSON_EVERY = 1 << 4, /* the row stands for every name of its scope without a row */
    JSON_OVER = 1 << 5,  /* private: the name is too long to keep */
    JSON_LOOSE = 1 << 6, /* private: the node is not in the table and dies with the batch */
    JSON_BYTES = 1 << 7, /* an array of numbers here is text, byte by byte */
};

struct json_row {
    const char *name; /* dotted, as it is after stripping */
    uint8_t scope;    /* inside which the row counts; 0 is the top */
    uint8_t into;     /* with JSON_STRIP: scope of what is inside */
    uint8_t slot;     /* enum json_slot */
    uint8_t flags;
    uint8_t mark;     /* not 0: that the name is there says something; see walk->mark */
    const char *as;   /* file under this name instead */
    const char *also; /* file under this name too, as FIELD_COPY */
};

struct json_walk;

enum json_format_flag {
    JSON_WHOLE = 1 << 0,  /* file containers as text too */
    JSON_PASCAL = 1 << 1, /* file names in PascalCase too: the source is not of one mind */
    JSON_XML = 1 << 2     /* made from XML: knows "#attributes", "#text", "@name", "x_attributes" */
};

/* A key that speaks for a format, at the top or one level down ("a.b"). */
struct json_clue {
    const char *name;
    int points;
};

struct json_format {
    enum family family;
    const char *channel;          /* of every record for which finish sets none; NULL: none */
    const struct json_clue *clue; /* what a stream is known by */
    size_t clues;
    const struct json_row *row;
    size_t rows;
    unsigned flags;
    uint8_t joined; /* scope whose names are joined with '_' instead of '.'; 0: none */

    /* The family a record turns out to have, asked once per record after it was walked; when it
     * is another, the record is walked again with its names.  Optional. */
    enum family (*family_of)(struct json_walk *w);

    /* Last touches: channel, code, derived fields.  False: rejected, p->why set.  Optional. */
    bool (*finish)(struct json_walk *w);
};

/* Parse a batch. */
void json_run(struct parse *p, const struct json_format *format);

/* ---- for family_of and finish ---- */

struct json_value {
    const char *p; /* NULL: no such value */
    uint32_t n;
    uint8_t kind, flags; /* as in struct field */
};

enum { JSON_NO_MARK = 255 };

struct json_node;
struct json_walk {
    struct parse *p;
    const struct json_format *format;
    struct json_table *table;
    struct json_node *last; /* the node found last */
    enum family family;     /* whose names are used */
    size_t values;          /* of the record so far */
    uint32_t escapes;       /* of them and their keys, how many have a backslash */
    uint8_t mark;           /* the lowest mark met, or JSON_NO_MARK */
    uint32_t filled;        /* bit s: slot s holds a value */
    struct json_value slot[JSON_SLOT_MAX];
    struct json_value pair; /* name of the pair being read */
};

/* Text of a slot, decoded; empty when it holds none. */
str json_slot(struct json_walk *w, unsigned slot);
static inline bool json_has(const struct json_walk *w, unsigned slot)
{
    return w->filled >> slot & 1;
}

/* Set the event's channel, or its code, which is filed as event.code too, where there is none
 * yet. */
void json_channel(struct json_walk *w, str channel);
void json_code(struct json_walk *w, str code);

/* Text decoded into the batch's arena; `flags` of the value. */
str json_decode(struct parse *p, str raw, unsigned flags);

/* ---- sniffing ---- */

/* What a stream is by its first record.  One walk through it, however many formats there are. */
struct json_first {
    str value;  /* the record, to its end or the head's; empty when this is no JSON */
    bool whole; /* it is there to its end and well-formed */
    struct parse_layout layout;
    int points[PARSE_FORMAT_COUNT]; /* of the clues found in it; 0 when they are few */
};
void json_sniff(str head, struct json_first *out);

/* Length of the white space, or of a byte order mark, `s` starts with. */
size_t json_blank(str s);

/* ---- the table of nodes ---- */

struct json_node {
    const struct json_node *parent;
    struct json_node *next; /* the node that followed this one last time; never NULL */
    const char *quoted;     /* `"key":` as written, escapes included; NULL for a root */
    uint32_t quoted_size;
    uint32_t hash;
    uint8_t ids, slot, flags, mark;
    uint8_t scope;   /* of what is inside */
    uint8_t escaped; /* 1: the key has a backslash */
    field_id id[DICT_IDS_MAX];
    str name;   /* of the values here */
    str prefix; /* of the names inside */
};

struct json_level {
    const struct json_node *node;
    const char *start;  /* of the container's text */
    uint32_t escapes;   /* walk->escapes when it began */
    bool compound;      /* it holds containers, or nothing */
    size_t first_field; /* batch->field_count when it began */
};

struct json_table *json_table_new(void);
void json_table_free(struct json_table *t);

/* What is inside the container at depth d of the record being walked. */
struct json_level *json_levels(struct json_table *t);

/* The node records of this format start from, with the names of `family`. */
struct json_node *json_root(struct json_walk *w, enum family family);

/* The node of `key` inside `parent`, made when it is new. */
struct json_node *json_child(struct json_walk *w, const struct json_node *parent, str key);

/* The family the last record of the format had, to try first. */
uint8_t *json_last_family(struct json_walk *w);

#endif
