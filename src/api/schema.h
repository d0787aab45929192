/* SPDX-License-Identifier: Apache-2.0 */
/* schema.h - what a body, a query or an answer looks like: static tables that check what comes in and
 * write themselves down as JSON Schema 2020-12 for OpenAPI.
 *
 *     static const struct schema_field login[] = {
 *         {"username", SCHEMA_STRING, .required = true, .min = 1, .max = 128, .doc = "…"},
 *         …};
 *     const struct schema schema_login = SCHEMA_OF("Login", "…", login);
 *
 * What comes in is checked to the letter: members that are not in the table are refused by name, as
 * are those that come twice.  The reason begins with the place, a JSON pointer (RFC 6901):
 * "/events/3/user: expected a string".  Immutable: any thread. */
#ifndef API_SCHEMA_H
#define API_SCHEMA_H

#include "base/arena.h"
#include "base/status.h"
#include "codec/json_doc.h"
#include "codec/json_out.h"

enum schema_type {
    SCHEMA_ANY,
    SCHEMA_STRING,
    SCHEMA_INTEGER,
    SCHEMA_NUMBER,
    SCHEMA_BOOLEAN,
    SCHEMA_OBJECT, /* of `child`; NULL: any object */
    SCHEMA_ARRAY   /* of `item` */
};

enum schema_format {
#define X(NAME, valid, pattern, doc) FORMAT_##NAME,
#include "api/format.def"
    SCHEMA_FORMAT_COUNT
};

struct schema;
struct schema_field {
    const char *name;
    enum schema_type type;
    bool required, nullable;
    enum schema_format format; /* of a string */
    bool secret;     /* written as a password in OpenAPI; its value is never in a reason */
    double min, max; /* of the number, of a string's bytes, of an array's elements; max 0: none */
    const char *const *values;  /* a string is one of these; ends with NULL */
    enum schema_type item;      /* what an array is of */
    const struct schema *child; /* of an object, or of an array's objects */
    const char *doc;
    const char *example; /* JSON; optional */
};

struct schema {
    const char *name; /* in OpenAPI's components */
    const char *doc;
    const struct schema_field *field;
    size_t count;
    const char *media; /* NULL: JSON; else any bytes of such a media type, not looked at here */
};

#define SCHEMA_OF(NAME, DOC, fields)                                                               \
    {                                                                                              \
        .name = (NAME), .doc = (DOC), .field = (fields), .count = COUNT(fields)                    \
    }

/* JSON of which no member must be there: whoever has nothing to say need not send it. */
bool schema_optional(const struct schema *schema);

/* Is `value` what `schema` says?  ST_INVALID, with the first place where it is not. */
CHECKED status schema_check(const struct schema *schema, json_node value, struct error *err);

/* Take `query` (RFC 3986's, '+' is a space) apart: value[i] becomes the text of schema->field[i],
 * p NULL when it is not given; decoded into `a`.  `value` has schema->count places.  ST_INVALID as
 * above, the place being "?name"; ST_LIMIT: the arena's. */
CHECKED status schema_query(const struct schema *schema, str query, struct arena *a, str *value,
                            struct error *err);

/* Its JSON Schema, one object; other schemas are references to "#/components/schemas/NAME". */
void schema_write(const struct schema *schema, struct json_out *o);
void schema_field_write(const struct schema_field *field, struct json_out *o);

#endif
