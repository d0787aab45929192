/* SPDX-License-Identifier: Apache-2.0 */
/* rule_int.h - for files in rule/ only: the rule image, and who makes and reads it.
 *
 * The reader turns YAML into an *image*: flat arrays of rows that refer to
 * each other by index and to text by offset.  Nothing in it is a pointer or
 * depends on the process, so the cache file is the image as it stands, and
 * everything after the reader (compiler, matcher, correlator, explain) reads
 * images only and cannot tell a cached one from a fresh one.
 *
 *   read.c       files → YAML → rows; problems
 *   detection.c  selections and values → nodes and tests
 *   modifier.c   value modifiers, one row each in modifier.def
 *   condition.c  condition text → nodes
 *   filter.c     Sigma filters folded into the rules they name
 *   read_correlation.c  correlation sections → correlation rows
 *   image.c      building, checking, writing and reading images (cache)
 *   route.c      event → log sources (logsource.def)
 *   compile.c    image → program: predicates (predicate.c), wake lists (wake.c), steps (step.c),
 *                lanes and databases (lane.c, databases.c, fragment.c)
 *   scan.c       Vectorscan, wrapped (regex.c: PCRE2)
 *   match.c      the hot loop; keyword.c, memo.c
 *   evaluate.c   one test against one value, the plain way: the oracle for match.c, and explain
 *   explain.c, finding.c, describe.c
 *   correlate.c  windows and groups
 */
#ifndef RULE_RULE_INT_H
#define RULE_RULE_INT_H

#include "base/map.h"
#include "base/vec.h"
#include "rule/rule.h"

#define ROW_NONE UINT32_MAX /* no such row */

struct text { /* in image.bytes; n excludes a NUL that always follows */
    uint32_t at, n;
};

struct span { /* of rows in an array */
    uint32_t first, count;
};

/* ---- detections ---- */

enum node_kind {
    NODE_AND, /* all children; none: true */
    NODE_OR,  /* any child; none: false */
    NODE_NOT, /* one child */
    NODE_TEST /* one test */
};

struct node_row {
    uint8_t kind;      /* enum node_kind */
    uint32_t line;     /* in the rule's file, for explain */
    uint32_t test;     /* NODE_TEST: row in test */
    struct span child; /* in image.child: node numbers */
    struct text label; /* "selection", "1 of filter_*"; empty for inner nodes */
};

enum test_op {
    TEST_EQUAL,    /* whole value; numbers also equal by value */
    TEST_CONTAINS, /* literal somewhere */
    TEST_STARTS,
    TEST_ENDS,
    TEST_GLOB,  /* whole value against `*` and `?`; see test_row.value */
    TEST_REGEX, /* PCRE, unanchored */
    TEST_CIDR,  /* value is an address inside test_row.value */
    TEST_LESS,  /* value is a number below test_row.number, and so on */
    TEST_LESS_EQUAL,
    TEST_GREATER,
    TEST_GREATER_EQUAL,
    TEST_NULL,    /* field absent, or null */
    TEST_EXISTS,  /* field present (test_row.number 1) or absent (0) */
    TEST_PRESENT, /* value `*`: present and not empty */
    TEST_FIELD, /* equal to (or with TEST_PART flags: contains, starts or ends with) the field named in `value` */
    TEST_TIME, /* the unit in test_row.unit of the value (a time) equals `number` */
    TEST_OP_COUNT
};

enum test_flag {
    TEST_CASED = 1 << 0,     /* letters' case counts */
    TEST_MULTILINE = 1 << 1, /* re: ^ and $ at line breaks */
    TEST_DOTALL = 1 << 2,    /* re: . matches line breaks */
    TEST_KEYWORD = 1 << 3,   /* no field: any value of the event, or the whole record */
    TEST_REF_CONTAINS = 1 << 4,
    TEST_REF_STARTS = 1 << 5,
    TEST_REF_ENDS = 1 << 6,
    TEST_NUMBER = 1 << 7 /* the rule wrote a bare number or boolean; `number` of a boolean is a
                            NaN, so that it equals by its text only */
};

enum time_unit { UNIT_MINUTE, UNIT_HOUR, UNIT_DAY, UNIT_WEEK, UNIT_MONTH, UNIT_YEAR };

struct test_row {
    uint8_t op;     /* enum test_op */
    uint8_t unit;   /* enum time_unit */
    uint16_t flags; /* enum test_flag */
    uint32_t line;
    double number;
    struct text field; /* as the rule writes it; empty for keywords */
    struct text value; /* literal bytes after all modifiers.  GLOB: `\*` `\?` `\\` stand for
                          themselves, `*` and `?` are wildcards, nothing else is special */
};

/* ---- correlations ---- */

enum correlation_type {
    CORRELATE_EVENT_COUNT,
    CORRELATE_VALUE_COUNT,
    CORRELATE_TEMPORAL,
    CORRELATE_TEMPORAL_ORDERED,
    CORRELATE_VALUE_SUM,
    CORRELATE_VALUE_AVG,
    CORRELATE_VALUE_PERCENTILE,
    CORRELATE_VALUE_MEDIAN
};

/* `condition: {gte: 10, lt: 100}`: all bounds hold.  EQ and NEQ with themselves only. */
enum bound { BOUND_LT, BOUND_LTE, BOUND_GT, BOUND_GTE, BOUND_EQ, BOUND_NEQ, BOUND_COUNT };

struct correlation_row {
    uint8_t type;       /* enum correlation_type */
    uint8_t bound_mask; /* which of bound[] are given: 1 << enum bound */
    double bound[BOUND_COUNT];
    double percentile; /* 0..100, CORRELATE_VALUE_PERCENTILE */
    int64_t timespan_ms;
    struct span rule_name; /* in image.list: rules listened to, as written, in the order given */
    struct span rule;      /* in image.reference: the same by number, once linked */
    struct span group_by;  /* in image.list: field or alias names */
    struct span field;     /* in image.list: fields whose values count */
    struct span alias;     /* in image.alias */
    uint32_t condition;    /* extended condition (temporal): root node; node_row.test of its tests
                             is a position in rule_name; ROW_NONE without */
    bool generate;         /* the rules listened to still report themselves */
};

/* Alias `name` means field `field` in events of the rule called `rule_name`. */
struct alias_row {
    struct text name, field, rule_name;
};

/* ---- rules ---- */

enum rule_flag {
    RULE_CORRELATION = 1 << 0,
    RULE_GENERATE = 1 << 1, /* a rule that feeds a correlation still reports itself */
    RULE_FED = 1 << 2       /* some correlation listens */
};

struct rule_row {
    struct text id, name, title, description, status, author, file;
    struct text product, category, service;
    uint32_t line;
    uint8_t level;                                        /* enum level */
    uint8_t flags;                                        /* enum rule_flag */
    uint32_t root;                                        /* detection: root node */
    uint32_t correlation;                                 /* or row in image.correlation */
    struct span tag, reference, falsepositive, technique; /* in image.list */
};

/* clang-format off */
#define IMAGE_ARRAYS(A)                                                                            \
    A(struct rule_row, rule)                                                                       \
    A(struct node_row, node)                                                                       \
    A(uint32_t, child)                                                                             \
    A(struct test_row, test)                                                                       \
    A(struct correlation_row, correlation)                                                         \
    A(struct alias_row, alias)                                                                     \
    A(uint32_t, reference)                                                                         \
    A(struct text, list)                                                                           \
    A(char, bytes)
/* clang-format on */

struct image {
#define A(type, name) VEC(type) name;
    IMAGE_ARRAYS(A)
#undef A
    size_t max_bytes; /* of all arrays together */
    bool full;        /* something did not fit: the set is refused with ST_LIMIT */
};

void image_init(struct image *im, size_t max_bytes);
void image_done(struct image *im); /* safe when zeroed */

/* Room for one more row?  Past max_bytes: false, and full. */
bool image_may_grow(struct image *im, size_t n, size_t room, size_t size);
/* Pointer to a new last row of `array`, uninitialised; NULL past max_bytes. */
#define image_push(im, array)                                                                      \
    (image_may_grow((im), (im)->array.n, (im)->array.room, sizeof *(im)->array.at)                 \
         ? vec_push(&(im)->array)                                                                  \
         : NULL)

/* Where all arrays end, and back to there: what a rule that is refused leaves behind. */
enum image_array {
#define A(type, name) IMAGE_##name,
    IMAGE_ARRAYS(A)
#undef A
        IMAGE_ARRAY_COUNT
};
struct image_mark {
    size_t n[IMAGE_ARRAY_COUNT];
};
struct image_mark image_mark(const struct image *im);
void image_cut(struct image *im, const struct image_mark *mark);

/* Trees of nodes are at most this deep, and this large when shared nodes are written out. */
enum { IMAGE_DEPTH_MAX = 192, IMAGE_TREE_MAX = 1 << 16 };

/* Correlations stand on one another at most this high, and lead down to detections in at most so
 * many ways: what a hit costs grows with both. */
enum { CORRELATION_HEIGHT_MAX = 32, CORRELATION_WAYS_MAX = 4096 };

bool image_tree_fits(const struct image *im, uint32_t root);

/* Every index, offset, kind and tree in range: an image that came from a file may be used. */
bool image_valid(const struct image *im);

/* Interns nothing: each call appends.  Past max_bytes: empty text, and full. */
struct text image_text(struct image *im, str s);
static inline str image_str(const struct image *im, struct text t)
{
    return (str){im->bytes.at + t.at, t.n};
}

/* Its number; ROW_NONE past max_bytes. */
uint32_t image_node(struct image *im, enum node_kind kind, uint32_t line, str label);
/* Give `node` these children (copied). */
void image_children(struct image *im, uint32_t node, const uint32_t *child, uint32_t n);

/* ---- reading one document ---- */

struct yaml_node;

struct rule_read { /* what the reading functions share */
    struct image *image;
    struct rule_set *set; /* problems go here */
    const struct rule_options *options;
    struct arena *scratch; /* cleared after each document */
    str file;
    uint32_t line; /* of the document; where a problem has no better line */
    uint32_t problem_line;
    char why[200]; /* reason, when a reading function answers false */
};

/* Set r->why (and the line when node is not NULL) and answer false. */
bool read_refuse(struct rule_read *r, const struct yaml_node *at, const char *fmt, ...)
    PRINTF(3, 4);

/* `detection:` mapping → root node number. */
bool read_detection(struct rule_read *r, const struct yaml_node *detection, uint32_t *root);
/* The same for a `filter:` mapping, where `rules` is no selection. */
bool read_filter_detection(struct rule_read *r, const struct yaml_node *filter, uint32_t *root);

/* A document with a `correlation:` mapping → row (image.correlation); the names of rules stay
 * unresolved until link_correlations. */
bool read_correlation(struct rule_read *r, const struct yaml_node *document, uint32_t *row);
/* When all files are read and no row moves any more: names → numbers, RULE_FED and RULE_GENERATE
 * set.  Correlations that name nobody, or themselves in a circle, become problems, listen to
 * nothing and never fire.  Once a set: a cached image is already linked. */
void link_correlations(struct rule_set *set);

/* ---- the set ---- */

struct program; /* compile.h: what the matcher runs */
struct plan;    /* sample.c: which fields of an event correlations need */

struct rule_set {
    struct image image;
    struct dict *dict;      /* borrowed */
    struct rule_info *info; /* owned, one a rule; text in image or arena */
    VEC(struct rule_problem) problem;
    struct arena arena;
    struct program *program; /* owned */
    struct plan *plan;       /* owned */
    struct map by_name;      /* ids and names to rules */
    bool from_cache;
};

void rule_problem_add(struct rule_set *set, str file, uint32_t line, const char *why);

/* Build set->program. `databases`: serialised ones from the cache, or empty. */
CHECKED status program_build(struct rule_set *set, str databases, struct error *err);
/* The databases of a built program, serialised for the cache. */
void program_databases(const struct program *p, struct sbuf *out);
void program_free(struct program *p); /* NULL is fine */

/* Build set->plan; the image is linked. */
void plan_build(struct rule_set *set);
void plan_free(struct plan *p); /* NULL is fine */

/* The family whose names a rule's fields are in. */
enum family rule_family(const struct rule_set *set, const struct rule_row *row);

#endif
