/* SPDX-License-Identifier: Apache-2.0 */
/* value_int.h - the document that an XGBoost model is, as a tree: from JSON, or from UBJSON (ubjson.org,
 * "Universal Binary JSON Specification", draft 12).  For files in tree/ only.
 *
 * Lists of nothing but numbers and booleans, of which a model is made, are kept as an array of double. */
#ifndef TREE_VALUE_INT_H
#define TREE_VALUE_INT_H

#include "base/arena.h"
#include "base/status.h"

enum { VALUE_DEPTH_MAX = 24, VALUES_OPEN_MAX = 1 << 22 };
enum value_kind {
    VALUE_ABSENT,
    VALUE_NULL,
    VALUE_NUMBER, /* a boolean too: 0 or 1 */
    VALUE_TEXT,
    VALUE_NUMBERS, /* the empty list too */
    VALUE_LIST,
    VALUE_OBJECT,
};
struct value_member;
struct value {
    enum value_kind kind;
    uint32_t n; /* of text, list, object */
    union {
        double number;
        const char *text; /* borrowed from the bytes, or in the arena */
        const double *numbers;
        const struct value *list;
        const struct value_member *member;
    };
};
struct value_member {
    str key;
    struct value value;
};

/* The bytes must outlive the tree.  ST_INVALID: "byte 17: …".  ST_LIMIT: nested too deep, too many values in lists and objects
 * that are open at once, or the arena's. */
CHECKED status value_read(str bytes, struct arena *arena, struct value *out, struct error *err);

/* The member `key`, or an absent value. */
const struct value *value_get(const struct value *object, str key);
str value_text(const struct value *v); /* empty when it is no text */

/* For the two readers: values of open containers, one on the other. */
struct value_stack {
    struct value_member *at;
    size_t n, room;
};
CHECKED status value_push(struct value_stack *s, const struct value_member *m, struct error *err);
/* Make what is above `from` the list or object *out. */
CHECKED status value_close(struct value_stack *s, size_t from, enum value_kind kind,
                           struct arena *arena, struct value *out, struct error *err);
CHECKED status ubjson_read(str bytes, struct value_stack *s, struct arena *arena, struct value *out,
                           struct error *err);

#endif
