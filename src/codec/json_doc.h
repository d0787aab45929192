/* SPDX-License-Identifier: Apache-2.0 */
/* json_doc.h - a JSON document as a tree: configuration, feeds, test cases.
 *
 * For documents that are read once and wandered through.  Events take
 * json_scan.h (docs/decisions/002).
 *
 * A json_node is a small value; every function takes an absent node (p ==
 * NULL) and answers "absent", empty or the default, so paths are written
 * straight through: json_int(json_get(json_get(root, STR("a")), STR("b")), 0).
 * Immutable after parse. */
#ifndef CODEC_JSON_DOC_H
#define CODEC_JSON_DOC_H

#include "base/status.h"
#include "base/str.h"

typedef struct {
    void *p; /* NULL: absent */
} json_node;

enum json_kind {
    JSON_IS_ABSENT,
    JSON_IS_NULL,
    JSON_IS_BOOL,
    JSON_IS_NUMBER,
    JSON_IS_STRING,
    JSON_IS_ARRAY,
    JSON_IS_OBJECT
};

struct json_doc; /* opaque */

/* Parse one document; `text` may go away afterwards.  Takes up to 16 times
 * its size.  ST_LIMIT: more than `max_bytes` of text, or nested deeper than
 * JSON_DEPTH_DEFAULT.  ST_INVALID: "line 3, column 7: ...".
 * *doc is owned by the caller: json_doc_free. */
CHECKED status json_doc_parse(str text, size_t max_bytes, struct json_doc **doc, struct error *err);
void json_doc_free(struct json_doc *doc); /* NULL is fine */

/* Nodes and the text in them live as long as the document. */
json_node json_doc_root(const struct json_doc *doc);

enum json_kind json_kind(json_node n);

/* The first member `key`; O(members). */
json_node json_get(json_node object, str key);

/* Elements of an array, members of an object, else 0. */
size_t json_count(json_node n);

/* The text of a string, else `otherwise`. */
str json_str(json_node n, str otherwise);

/* A number, else `otherwise`.  json_int: also `otherwise` when it has a
 * fraction or does not fit. */
int64_t json_int(json_node n, int64_t otherwise);
double json_real(json_node n, double otherwise);
bool json_bool(json_node n, bool otherwise);

/* Walk an array or an object (anything else is empty), in document order:
 *     for (struct json_each it = json_each(node); json_each_next(&it);)
 *         use(it.key, it.value);                                        */
struct json_each {
    str key; /* member's name; empty in arrays */
    json_node value;
    size_t left;  /* private */
    void *next;   /* private */
    bool members; /* private */
};
struct json_each json_each(json_node n);
bool json_each_next(struct json_each *it);

#endif
