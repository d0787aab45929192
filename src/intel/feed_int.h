/* SPDX-License-Identifier: Apache-2.0 */
/* feed_int.h - reading feeds: for feed.c, feed_*.c, stix_pattern.c and their tests only. */
#ifndef INTEL_FEED_INT_H
#define INTEL_FEED_INT_H

#include "intel/intel_int.h"

struct intel_feed {
    struct intel_set *set;
    str path, source; /* source: the file's name without its endings */
    bool allow;
    uint64_t line;
    const char *line_at; /* in JSON: where `line` was counted to */
    size_t problems;     /* of this file */
};

enum {
    INTEL_LINE_MAX = 64 * 1024,
    INTEL_JSON_MAX = 512 * 1024 * 1024, /* text of one JSON document */
    INTEL_OBJECT_MAX = 16 * 1024 * 1024 /* one STIX object, one MISP attribute */
};
#define INTEL_CONFIDENCE_DEFAULT 0.75f

/* Keep a problem of this feed (the first few); `rejected` also counts a rejected line. */
void intel_problem_add(struct intel_feed *f, bool rejected, const char *fmt, ...) PRINTF(3, 4);

/* An indicator of the feed's defaults with that value. */
struct indicator intel_feed_item(const struct intel_feed *f, str value);
/* Add it; a value that is refused becomes a problem and ST_OK.  ST_LIMIT: the set is full. */
CHECKED status intel_feed_add(struct intel_feed *f, const struct indicator *item, unsigned flags,
                              struct error *err);

/* A whole feed from memory, its format found by looking.  intel_set_load streams what it can. */
CHECKED status intel_feed_read(struct intel_feed *f, str text, struct error *err);

/* A line of a plain list or hosts file. */
CHECKED status intel_plain_line(struct intel_feed *f, str line, struct error *err);

/* "First Seen" and "first-seen" as first_seen; empty when it is longer than any name known. */
enum { INTEL_NAME_MAX = 40 };
str intel_plain_name(str s, char out[static INTEL_NAME_MAX]);

/* What the parts of a value of a type hold (type.def), two of them; NULL: not known. */
enum intel_part {
    INTEL_PART_NONE,
    INTEL_PART_IP,
    INTEL_PART_NAME,
    INTEL_PART_URL,
    INTEL_PART_HASH,
    INTEL_PART_EMAIL
};
const enum intel_part *intel_type_parts(str type);

/* A line that says nothing: empty or # ; // */
bool intel_is_comment(str line);

struct intel_csv; /* opaque */
/* NULL when `head`, the first lines of a file, is no CSV.  Lines are then fed from the first. */
struct intel_csv *intel_csv_new(struct intel_feed *f, str head);
void intel_csv_free(struct intel_csv *c); /* NULL is fine */
CHECKED status intel_csv_line(struct intel_csv *c, str line, struct error *err);
void intel_csv_end(struct intel_csv *c); /* no line follows */

/* Move the feed's line on to the place `at`, forward in its JSON text. */
void intel_feed_place(struct intel_feed *f, const char *at);
/* The string member `key` of a JSON object, raw; empty when it has none. */
str intel_json_member(str object, str key);
/* A small JSON value; NULL, reported as a problem, when it is bad or too large. */
struct json_doc;
struct json_doc *intel_json_part(struct intel_feed *f, str value);
/* The next element of the array a scan is in; false at its end or on bad JSON. */
struct json_scan;
bool intel_json_element(struct json_scan *s, str *element);

/* A whole JSON text: one document or several one after the other. */
CHECKED status intel_json(struct intel_feed *f, str text, struct error *err);
CHECKED status intel_stix(struct intel_feed *f, str objects, struct error *err);
CHECKED status intel_stix_object(struct intel_feed *f, str object, struct error *err);
CHECKED status intel_misp_event(struct intel_feed *f, str event, struct error *err);
CHECKED status intel_misp_warninglist(struct intel_feed *f, str list, struct error *err);

/* What a STIX pattern names.  `partial`: only together with something else. */
typedef status intel_named_fn(void *arg, str value, enum intel_kind kind, bool partial,
                              struct error *err);
CHECKED status intel_stix_pattern(str pattern, intel_named_fn *named, void *arg, struct error *err);

/* ATT&CK technique ids in `text` (T1059, t1566.001), upper case in `arena`, none twice. */
struct intel_technique_list {
    str at[INTEL_TECHNIQUES_MAX];
    uint32_t count;
};
void intel_techniques_find(str text, struct arena *arena, struct intel_technique_list *out);

/* 0..1 of "0.8", "80" or "high"; false when it is none of these. */
CHECKED bool intel_confidence(str s, float *out);
/* Confidence of something `count` independent lists name. */
float intel_confidence_of_count(uint64_t count);

#endif
