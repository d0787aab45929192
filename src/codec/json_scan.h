/* SPDX-License-Identifier: Apache-2.0 */
/* json_scan.h - the fast way through JSON: tokens pulled from a borrowed buffer.
 *
 *     struct json_scan s = json_scan_of(line);
 *     struct json_text t;
 *     enum json_token k;
 *     while ((k = json_next(&s, &t)) > JSON_ERROR)
 *         ...
 *     if (k == JSON_ERROR)
 *         return json_scan_fail(&s, err);
 *
 * Nothing is copied or allocated and no byte at or past the end is read.  The
 * grammar of RFC 8259 is enforced to the letter, escapes included; bytes of
 * 0x80 and above pass unexamined, because logs hold them (json_out mends them).
 * One thread at a time per scan. */
#ifndef CODEC_JSON_SCAN_H
#define CODEC_JSON_SCAN_H

#include "base/status.h"
#include "base/str.h"

enum { JSON_DEPTH_DEFAULT = 64, JSON_DEPTH_MAX = 1024 };

enum json_token {
    JSON_END,   /* the value is complete and only white space follows */
    JSON_ERROR, /* sticks; see json_scan_fail */
    JSON_OBJECT,
    JSON_OBJECT_END,
    JSON_ARRAY,
    JSON_ARRAY_END,
    JSON_KEY, /* its ':' is already consumed */
    JSON_STRING,
    JSON_NUMBER,
    JSON_TRUE,
    JSON_FALSE,
    JSON_NULL,
};

struct json_text {
    str raw;      /* KEY, STRING: between the quotes; NUMBER: its characters; else untouched */
    bool escaped; /* raw has a backslash: use json_unescape */
};

struct json_scan {
    const char *p, *end, *begin;             /* borrowed; p: the next byte to look at */
    uint32_t depth, depth_max;               /* open containers, most allowed */
    uint32_t state;                          /* private: enum json_state */
    const char *problem;                     /* after JSON_ERROR: what was wrong, in words */
    uint64_t in_object[JSON_DEPTH_MAX / 64]; /* private: what level d is in */
};

/* A scan of `text`, which must stay put.  Depth limit JSON_DEPTH_DEFAULT; to
 * change it assign depth_max (1..JSON_DEPTH_MAX) before the first json_next. */
static inline struct json_scan json_scan_of(str text);

/* The next token; fills *text for KEY, STRING and NUMBER.  After the value is
 * complete: JSON_END, or JSON_ERROR when something follows it.  A caller that
 * does not mind what follows stops when json_scan_complete says so and goes on
 * at scan->p. */
enum json_token json_next(struct json_scan *scan, struct json_text *text);

/* Directly after JSON_OBJECT or JSON_ARRAY: go to its end, checking all of it.
 * Returns its END token or JSON_ERROR.  *raw (may be NULL) becomes the whole
 * container, brackets included. */
enum json_token json_skip(struct json_scan *scan, str *raw);

/* For a caller that guesses the next key: where its opening quote would stand in text without
 * white space, or NULL when no key can come next.  When a well-formed `"key":` is found there and
 * ends at `behind`, json_key_taken goes on from there as if json_next had answered JSON_KEY. */
static inline const char *json_key_place(const struct json_scan *scan);
static inline void json_key_taken(struct json_scan *scan, const char *behind);

/* A whole top-level value has been read. */
static inline bool json_scan_complete(const struct json_scan *scan);

/* Report a JSON_ERROR: "byte 17: expected ',' or '}'".  ST_LIMIT when nested
 * too deep, else ST_INVALID. */
status json_scan_fail(const struct json_scan *scan, struct error *err);

/* Check that `text` is exactly one value, nested at most `depth_max`.
 * ST_INVALID or ST_LIMIT as json_scan_fail. */
CHECKED status json_check(str text, uint32_t depth_max, struct error *err);

/* Undo the escapes of the raw text of a JSON_KEY or JSON_STRING.  Writes at
 * most raw.n bytes to `out`, which must lie apart from it, and returns how
 * many; what follows them, up to out[raw.n], is undefined.  A lone surrogate
 * becomes U+FFFD; an escape that is not one (possible only in text that no
 * scan has passed) is copied as it is. */
size_t json_unescape(str raw, char *out);

/* The number as an integer; false (out untouched) when it has a fraction or an
 * exponent or does not fit. */
bool json_to_i64(str raw, int64_t *out);

/* ------------------------------------------------------------------ */

enum json_state {
    JSON_AT_START,
    JSON_AT_FIRST_MEMBER, /* after '{' */
    JSON_AT_MEMBER_VALUE, /* after a key */
    JSON_AT_NEXT_MEMBER,  /* after a member's value */
    JSON_AT_FIRST_ELEMENT,
    JSON_AT_NEXT_ELEMENT,
    JSON_AT_DONE,
    JSON_AT_ERROR,
};

static inline struct json_scan json_scan_of(str text)
{
    struct json_scan s;
    s.p = s.begin = text.p;
    s.end = text.n ? text.p + text.n : text.p;
    s.depth = 0;
    s.depth_max = JSON_DEPTH_DEFAULT;
    s.state = JSON_AT_START;
    s.problem = NULL;
    return s;
}

static inline const char *json_key_place(const struct json_scan *scan)
{
    if (scan->state == JSON_AT_NEXT_MEMBER)
        return scan->p < scan->end && *scan->p == ',' ? scan->p + 1 : NULL;
    return scan->state == JSON_AT_FIRST_MEMBER ? scan->p : NULL;
}

static inline void json_key_taken(struct json_scan *scan, const char *behind)
{
    scan->p = behind;
    scan->state = JSON_AT_MEMBER_VALUE;
}

static inline bool json_scan_complete(const struct json_scan *scan)
{
    return scan->state == JSON_AT_DONE;
}

#endif
