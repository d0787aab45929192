/* SPDX-License-Identifier: Apache-2.0 */
/* yaml.h - YAML as a tree in an arena, each node knowing its line.
 *
 * Scalars stay text: whether plain `12`, `null` or `true` means more than its
 * characters is the reader's to decide, with `plain` telling it from "12".
 * Aliases share what they point to, so a tree may be a graph without cycles;
 * the node limit counts it as if written out.  Merge keys (`<<`) are resolved.
 * Immutable after parse. */
#ifndef CODEC_YAML_H
#define CODEC_YAML_H

#include "base/arena.h"
#include "base/status.h"

enum yaml_kind { YAML_SCALAR, YAML_SEQ, YAML_MAP };

struct yaml_pair;
struct yaml_node {
    enum yaml_kind kind;
    bool plain;     /* scalar written without quotes, not as a block, and without a tag */
    uint32_t line;  /* 1-based, where it begins */
    uint32_t count; /* items of a seq, pairs of a map */
    uint32_t size;  /* nodes in it, itself included, aliases written out */
    union {
        str text;                     /* scalar; NUL after it, not counted */
        const struct yaml_node *item; /* seq */
        const struct yaml_pair *pair; /* map, in document order; keys are unique */
    };
};

struct yaml_pair {
    str key; /* always a scalar */
    uint32_t line;
    struct yaml_node value;
};

struct yaml_docs {
    const struct yaml_node *doc;
    size_t count;
};

struct yaml_limits {
    size_t bytes; /* of text; default 1 MiB */
    size_t nodes; /* default 100,000 */
    size_t depth; /* default 32 */
};

/* All documents of `text` into `arena`; `text` may go away afterwards.
 * `limits` may be NULL and its zero fields mean the default.
 * ST_INVALID: "line N: ..." for bad YAML, a duplicate key, a key that is not a
 * scalar, an unknown alias.  ST_LIMIT: a limit or the arena's cap. */
CHECKED status yaml_parse(str text, const struct yaml_limits *limits, struct arena *arena,
                          struct yaml_docs *docs, struct error *err);

/* The value of `key` in a map, or NULL: absent, `map` is no map or is NULL. */
const struct yaml_node *yaml_find(const struct yaml_node *map, str key);

/* The text of a scalar, else `otherwise`; n may be NULL. */
str yaml_str(const struct yaml_node *n, str otherwise);

/* A plain null, ~, Null, NULL or nothing at all.  n may be NULL: true. */
bool yaml_is_null(const struct yaml_node *n);

/* Plain true/false, integer, or number (YAML 1.2 core forms).  False (out
 * untouched) when it is anything else; n may be NULL. */
bool yaml_to_bool(const struct yaml_node *n, bool *out);
bool yaml_to_i64(const struct yaml_node *n, int64_t *out);
bool yaml_to_f64(const struct yaml_node *n, double *out);

#endif
